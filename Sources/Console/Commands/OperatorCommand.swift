import API
import ArgumentParser
import Model

struct OperatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "operator",
        abstract: "The people and programs that may speak to this cluster.",
        subcommands: [OperatorAdd.self, OperatorList_.self, OperatorRemove.self],
        aliases: ["operators"]
    )
}

enum RoleArgument: String, ExpressibleByArgument, CaseIterable, Sendable {
    case viewer
    case `operator`
    case admin
}

struct OperatorAdd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Add an operator and make the token for `muster login`.",
        discussion: """
            A viewer may look, an operator may direct nodes and services, an admin may do \
            everything. For one who is there already, it makes a new token.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: FormatOption
    @OptionGroup var change: ChangeOptions

    @Argument(help: "The operator's name.")
    var name: String

    @Option(help: "What they may do.")
    var role: RoleArgument = .viewer

    @Option(help: ArgumentHelp("How long the token is good, at most 24h.", valueName: "duration"))
    var lifetime: DurationArgument = DurationArgument(milliseconds: 900_000)

    func run() async throws {
        try await Session.run(connection) { session in
            let answer: Answer<AddedOperator> = try await session.client.send(
                .addOperator,
                nil,
                AddOperatorRequest(
                    name: name,
                    role: role.rawValue,
                    lifetimeMilliseconds: lifetime.milliseconds,
                    reason: change.reason,
                    force: change.forced
                )
            )
            let account = answer.value.account
            try TokenOutput.show(
                answer.value.token,
                json: answer.json,
                output.format,
                before: "operator \(account.name) is added as \(account.role)",
                use: .operator,
                style: connection.colour.errorStyle
            )
        }
    }
}

struct OperatorList_: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "All operators.",
        aliases: ["ls"]
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var list: ListOptions

    @Flag(name: .shortAndLong, help: "Stay and redraw.")
    var watch = false

    func run() async throws {
        try await Session.run(connection) { session in
            try await session.list(
                .listOperators,
                list,
                isLive: watch,
                items: { (answer: OperatorList) in answer.operators },
                listing: { _, now in Self.listing(at: now) },
                ifEmpty: "no operators"
            )
        }
    }

    private static func listing(at now: WallTime) -> Listing<OperatorSummary> {
        typealias Column = Listing<OperatorSummary>.Column
        return Listing(columns: [
            Column("NAME") { Cell($0.name, .strong) },
            Column("ROLE") { Cell($0.role) },
            Column("ENROLLED") { Cell($0.enrolled ? "yes" : "no", $0.enrolled ? .plain : .faint) },
            Column("CREDENTIAL") { Cell(NodeWords.until($0.certificateNotAfter, at: now)) },
            Column("ADDED BY") { Cell($0.addedBy) },
            Column("ADDED", number: { TimeText.age(of: $0.addedAt, at: now) ?? 0 }) {
                Cell("\(NodeWords.duration(since: $0.addedAt, at: now)) ago")
            },
        ])
    }
}

struct OperatorRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove an operator; the credential is useless from then on.",
        aliases: ["rm"]
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var confirmation: ConfirmationOptions

    @Argument(help: "The operator's name.")
    var name: String

    func run() async throws {
        try await Confirmation.ask(
            "Operator \(name) will be removed and the credential revoked.",
            .yes,
            isGiven: confirmation.yes,
            needing: Route.removeOperator.access,
            over: connection,
            style: connection.colour.errorStyle
        )
        try await change.send(.removeOperator, name, over: connection)
    }
}
