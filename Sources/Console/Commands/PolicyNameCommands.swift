import API
import ArgumentParser
import Model

// Attributes and types are declared once, by settings of which the value is a description.

struct PolicyAttribute: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attribute",
        abstract: "Attributes of tasks that nodes may prefer.",
        subcommands: [AttributeDeclare.self, AttributeRemove.self, AttributeList.self],
        aliases: ["attributes"]
    )
}

struct PolicyType: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "type",
        abstract: "Types of tasks besides those that exist from the start.",
        discussion: """
            Any type is accepted, declared or not, unless `task.types.strict` is yes \
            (`muster config set task.types.strict yes`).
            """,
        subcommands: [TypeDeclare.self, TypeRemove.self, TypeList.self],
        aliases: ["types"]
    )
}

/// What is declared, and below which keys.
enum DeclaredKind: String, Sendable {
    case attribute
    case type

    var prefix: String { "task.\(rawValue)." }

    func key(_ name: String) -> String { prefix + name }
}

/// The answer of the lists, for programs.
struct DeclaredList: Codable, Sendable {
    var asOf: String
    var names: [Name]

    struct Name: Codable, Sendable {
        var name: String
        var description: String
        var by: String
        var at: String?
    }

    /// - Parameter known: names that exist from the start.
    init(_ settings: SettingList, _ kind: DeclaredKind, known: [String]) {
        asOf = settings.asOf
        let declared = settings.settings.filter {
            $0.scope == "cluster" && $0.key.hasPrefix(kind.prefix)
        }
        .map { setting in
            Name(
                name: String(setting.key.dropFirst(kind.prefix.count)),
                description: setting.value,
                by: setting.by,
                at: setting.at
            )
        }
        let others = Set(declared.map(\.name))
        names =
            known.filter { !others.contains($0) }
            .map { Name(name: $0, description: "exists from the start", by: "", at: nil) }
            + declared
    }
}

struct DeclaredNameArguments: ParsableArguments {
    @Argument(help: "The name: letters, digits, . _ - and a letter first.")
    var name: String

    @Argument(help: "What it is for.")
    var description: String = ""
}

private func list(
    _ kind: DeclaredKind,
    _ connection: ConnectionOptions,
    _ options: ListOptions
) async throws {
    try await Session.run(connection) { session in
        let settings: Answer<SettingList> = try await session.client.get(
            Route.listSettings.path,
            query: [("scope", "cluster")]
        )
        var known: [String] = []
        if kind == .type {
            let policy: Answer<ClusterPolicy> = try await session.client.get(
                Route.showPolicy.path
            )
            known = policy.value.types
        }
        let value = DeclaredList(settings.value, kind, known: known)
        let answer = Answer(
            value: value,
            asOf: settings.asOf,
            json: try JSONLine.bytes(value)
        )
        typealias Column = Listing<DeclaredList.Name>.Column
        let listing = Listing<DeclaredList.Name>(columns: [
            Column("NAME") { Cell($0.name, .strong) },
            Column("DESCRIPTION", flexible: true) {
                Cell($0.description.isEmpty ? "-" : $0.description)
            },
            Column("BY", wide: true) { Cell($0.by.isEmpty ? "-" : $0.by) },
            Column("AT", wide: true) { Cell($0.at.map { TimeText.long($0) } ?? "-") },
        ])
        try session.show(
            answer,
            value.names,
            listing,
            options,
            ifEmpty: "none yet; `muster policy \(kind.rawValue) declare NAME`"
        )
    }
}

struct AttributeDeclare: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "declare",
        abstract: "Let nodes prefer tasks by this attribute."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var declared: DeclaredNameArguments

    func run() async throws {
        try await PolicyChange(
            scope: "cluster",
            values: [(DeclaredKind.attribute.key(declared.name), declared.description)]
        ).make(connection, change)
    }
}

struct AttributeRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Take a declaration back; refused while a node prefers by it."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions

    @Argument(help: "The attribute's name.", completion: Completions.attributes)
    var name: String

    func run() async throws {
        try await PolicyChange(
            scope: "cluster",
            values: [(DeclaredKind.attribute.key(name), nil)]
        ).make(connection, change)
    }
}

struct AttributeList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "The attributes that were declared.",
        aliases: ["ls"]
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var options: ListOptions

    func run() async throws {
        try await list(.attribute, connection, options)
    }
}

struct TypeDeclare: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "declare",
        abstract: "Declare a type of tasks."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var declared: DeclaredNameArguments

    func run() async throws {
        try await PolicyChange(
            scope: "cluster",
            values: [(DeclaredKind.type.key(declared.name), declared.description)]
        ).make(connection, change)
    }
}

struct TypeRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Take a declaration back; tasks of the type stay."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions

    @Argument(help: "The type's name.", completion: Completions.types)
    var name: String

    func run() async throws {
        try await PolicyChange(
            scope: "cluster",
            values: [(DeclaredKind.type.key(name), nil)]
        ).make(connection, change)
    }
}

struct TypeList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "The types there are.",
        aliases: ["ls"]
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var options: ListOptions

    func run() async throws {
        try await list(.type, connection, options)
    }
}
