import API
import ArgumentParser
import Model

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Values that hold for the cluster, a site or a node.",
        discussion: """
            A node's value is stronger than its site's, and that than the cluster's. A node that \
            does not run the current version is marked config-behind.
            """,
        subcommands: [ConfigList.self, ConfigSet.self, ConfigUnset.self]
    )
}

/// Where a setting holds.
struct ScopeOptions: ParsableArguments {
    @Option(help: "For this site.", completion: Completions.sites)
    var site: String?

    @Option(help: "For this node.", completion: Completions.nodes)
    var node: String?

    func validate() throws {
        guard site == nil || node == nil else {
            throw ValidationError("Say --site or --node, not both.")
        }
    }

    /// Nil when neither was said.
    var scope: String? {
        site.map { "site/\($0)" } ?? node.map { "node/\($0)" }
    }
}

struct ConfigList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "All values, or those of one site or node.",
        aliases: ["ls"]
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var list: ListOptions
    @OptionGroup var place: ScopeOptions

    @Flag(help: "Every change instead: who, when, why.")
    var history = false

    @Flag(name: .shortAndLong, help: "Stay and redraw.")
    var watch = false

    func run() async throws {
        try await Session.run(connection) { session in
            if history {
                let isWide = list.output.format == .wide
                return try await session.list(
                    .listSettingChanges,
                    query: [("scope", place.scope)],
                    list,
                    isLive: watch,
                    items: { (answer: AuditPage) in answer.entries },
                    listing: { _, now in AuditWords.listing(at: now, isWide: isWide) },
                    ifEmpty: "no setting was ever changed"
                )
            }
            try await session.list(
                .listSettings,
                query: [("scope", place.scope)],
                list,
                isLive: watch,
                items: { (answer: SettingList) in answer.settings },
                listing: { _, now in Self.listing(at: now) },
                ifEmpty: "no settings"
            )
        }
    }

    private static func listing(at now: WallTime) -> Listing<Setting> {
        typealias Column = Listing<Setting>.Column
        return Listing(columns: [
            Column("SCOPE") { Cell($0.scope) },
            Column("KEY") { Cell($0.key, .strong) },
            Column("VALUE", flexible: true) { Cell($0.value.isEmpty ? "\"\"" : $0.value) },
            Column("VERSION", right: true, number: { Int64(clamping: $0.version) }) {
                Cell("\($0.version)")
            },
            Column("BY") { Cell($0.by) },
            Column("SET", number: { TimeText.age(of: $0.at, at: now) ?? 0 }) {
                Cell("\(NodeWords.duration(since: $0.at, at: now)) ago")
            },
            Column("AT", wide: true) { Cell(TimeText.long($0.at)) },
            Column("REASON", flexible: true) { Cell($0.reason.isEmpty ? "-" : $0.reason) },
        ])
    }
}

struct ConfigSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Set a value, for the cluster unless a site or node is named."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var place: ScopeOptions

    @Argument(help: "The key.")
    var key: String

    @Argument(help: "The value.")
    var value: String

    func run() async throws {
        try await Session.run(connection) { session in
            let answer: Answer<ChangeDone> = try await session.client.send(
                .setSetting,
                nil,
                SetSettingRequest(
                    scope: place.scope ?? "cluster",
                    key: key,
                    value: value,
                    reason: change.reason,
                    force: change.forced
                )
            )
            Terminal.writeLine(answer.value.text)
        }
    }
}

struct ConfigUnset: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unset",
        abstract: "Take a value away, so that the wider one holds."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var place: ScopeOptions

    @Argument(help: "The key.")
    var key: String

    func run() async throws {
        try await Session.run(connection) { session in
            let answer: Answer<ChangeDone> = try await session.client.send(
                .unsetSetting,
                nil,
                UnsetSettingRequest(
                    scope: place.scope ?? "cluster",
                    key: key,
                    reason: change.reason,
                    force: change.forced
                )
            )
            Terminal.writeLine(answer.value.text)
        }
    }
}
