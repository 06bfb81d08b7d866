import API
import ArgumentParser
import Model

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Tokens that let a node in, once.",
        subcommands: [TokenCreate.self, TokenList_.self, TokenRevoke.self],
        aliases: ["tokens"]
    )
}

struct TokenCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a token for a new node.",
        discussion: "The token alone goes to standard output, what to do with it to standard error."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: FormatOption
    @OptionGroup var change: ChangeOptions

    @Option(help: "The site of the node that uses it.", completion: Completions.sites)
    var site: String?

    @Option(help: "The invited node that may use it (default: any).", completion: Completions.nodes)
    var node: String?

    @Option(help: ArgumentHelp("How long it is good, at most 24h.", valueName: "duration"))
    var lifetime: DurationArgument = DurationArgument(milliseconds: 900_000)

    func run() async throws {
        try await Session.run(connection) { session in
            let answer: Answer<CreatedToken> = try await session.client.send(
                .createToken,
                nil,
                CreateTokenRequest(
                    site: site,
                    node: node,
                    lifetimeMilliseconds: lifetime.milliseconds,
                    reason: change.reason,
                    force: change.forced
                )
            )
            try TokenOutput.show(
                answer.value,
                json: answer.json,
                output.format,
                before: "",
                use: .node,
                style: connection.colour.errorStyle
            )
        }
    }
}

struct TokenList_: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "All tokens, without their secrets.",
        aliases: ["ls"]
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var list: ListOptions

    @Flag(name: .shortAndLong, help: "Stay and redraw.")
    var watch = false

    func run() async throws {
        try await Session.run(connection) { session in
            try await session.list(
                .listTokens,
                list,
                isLive: watch,
                items: { (answer: TokenList) in answer.tokens },
                listing: { _, now in Self.listing(at: now) },
                ifEmpty: "no tokens; make one with `muster token create`"
            )
        }
    }

    private static func listing(at now: WallTime) -> Listing<TokenSummary> {
        typealias Column = Listing<TokenSummary>.Column
        return Listing(columns: [
            Column("ID") { Cell($0.id, .strong) },
            Column("FOR", flexible: true) { token in
                let who = token.node ?? token.operatorName ?? token.site.map { "site \($0)" }
                return Cell("\(token.purpose) \(who ?? "any")")
            },
            Column("STATE") { Cell($0.state, tone($0.state)) },
            Column("ENDS", number: { -(TimeText.age(of: $0.expiresAt, at: now) ?? 0) }) {
                $0.state == "open"
                    ? Cell(NodeWords.until($0.expiresAt, at: now)) : Cell("-", .faint)
            },
            Column("MADE BY") { Cell($0.createdBy) },
            Column("USED BY", flexible: true) { Cell($0.usedBy ?? "-") },
            Column("MADE", wide: true) { Cell(TimeText.long($0.createdAt)) },
            Column("USED", wide: true) { Cell($0.usedAt.map(TimeText.long) ?? "-") },
            Column("WRONG SECRETS", right: true, wide: true) { Cell("\($0.wrongSecrets)") },
        ])
    }

    private static func tone(_ state: String) -> Tone {
        switch state {
        case "open": .good
        case "burnt": .bad
        default: .faint
        }
    }
}

struct TokenRevoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Make a token useless.",
        aliases: ["remove", "rm"]
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions

    @Argument(help: "The token's id, as `muster token list` shows it.")
    var id: String

    func run() async throws {
        try await change.send(.revokeToken, id, over: connection)
    }
}
