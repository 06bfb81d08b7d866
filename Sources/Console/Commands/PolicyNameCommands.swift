import API
import ArgumentParser
import Model

// Attributes and types are declared once, by settings of which the value is a description.

/// What is declared: the names, and what their three commands say of them.
protocol DeclaredKind {
    /// As it stands in the command and in the keys of the settings.
    static var word: String { get }
    static var declareAbstract: String { get }
    static var removeAbstract: String { get }
    static var listAbstract: String { get }
    static var completion: CompletionKind { get }
    /// Some exist without being declared.
    static var areKnownFromStart: Bool { get }
}

extension DeclaredKind {
    static var prefix: String { "task.\(word)." }

    static func key(_ name: String) -> String { prefix + name }
}

enum DeclaredAttributes: DeclaredKind {
    static let word = "attribute"
    static let declareAbstract = "Let nodes prefer tasks by this attribute."
    static let removeAbstract = "Take a declaration back; refused while a node prefers by it."
    static let listAbstract = "The attributes that were declared."
    static var completion: CompletionKind { Completions.attributes }
    static let areKnownFromStart = false
}

enum DeclaredTypes: DeclaredKind {
    static let word = "type"
    static let declareAbstract = "Declare a type of tasks."
    static let removeAbstract = "Take a declaration back; tasks of the type stay."
    static let listAbstract = "The types there are."
    static var completion: CompletionKind { Completions.types }
    static let areKnownFromStart = true
}

struct PolicyAttribute: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attribute",
        abstract: "Attributes of tasks that nodes may prefer.",
        subcommands: [
            NameDeclare<DeclaredAttributes>.self, NameRemove<DeclaredAttributes>.self,
            NameList<DeclaredAttributes>.self,
        ],
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
        subcommands: [
            NameDeclare<DeclaredTypes>.self, NameRemove<DeclaredTypes>.self,
            NameList<DeclaredTypes>.self,
        ],
        aliases: ["types"]
    )
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

    /// - Parameters:
    ///   - prefix: of the keys of their settings.
    ///   - known: names that exist from the start.
    init(_ settings: SettingList, below prefix: String, known: [String]) {
        asOf = settings.asOf
        let declared = settings.settings.filter {
            $0.scope == "cluster" && $0.key.hasPrefix(prefix)
        }
        .map { setting in
            Name(
                name: String(setting.key.dropFirst(prefix.count)),
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

struct NameDeclare<Kind: DeclaredKind>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "declare",
            abstract: Kind.declareAbstract
        )
    }

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var declared: DeclaredNameArguments

    func run() async throws {
        try await PolicyChange(
            scope: "cluster",
            values: [(Kind.key(declared.name), declared.description)]
        ).make(connection, change)
    }
}

struct NameRemove<Kind: DeclaredKind>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "remove",
            abstract: Kind.removeAbstract
        )
    }

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions

    @Argument(help: "The \(Kind.word)'s name.", completion: Kind.completion)
    var name: String

    func run() async throws {
        try await PolicyChange(
            scope: "cluster",
            values: [(Kind.key(name), nil)]
        ).make(connection, change)
    }
}

struct NameList<Kind: DeclaredKind>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "list",
            abstract: Kind.listAbstract,
            aliases: ["ls"]
        )
    }

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var options: ListOptions

    func run() async throws {
        try await Session.run(connection) { session in
            let settings: Answer<SettingList> = try await session.client.get(
                Route.listSettings.path,
                query: [("scope", "cluster")]
            )
            var known: [String] = []
            if Kind.areKnownFromStart {
                let policy: Answer<ClusterPolicy> = try await session.client.get(
                    Route.showPolicy.path
                )
                known = policy.value.types
            }
            let value = DeclaredList(settings.value, below: Kind.prefix, known: known)
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
                ifEmpty: "none yet; `muster policy \(Kind.word) declare NAME`"
            )
        }
    }
}
