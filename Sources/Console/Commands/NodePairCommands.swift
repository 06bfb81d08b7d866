import API
import ArgumentParser

struct NodePairCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pair",
        abstract: "Make a standby node the pair of a production node of another site.",
        discussion: """
            It takes over the production node's local settings, under its own address; both are to \
            define the same services and handlers.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions

    @Argument(
        help: ArgumentHelp("The standby node.", valueName: "standby"),
        completion: Completions.nodes
    )
    var standby: String

    @Argument(
        help: ArgumentHelp("The production node.", valueName: "production"),
        completion: Completions.nodes
    )
    var production: String

    func run() async throws {
        try await Session.run(connection) { session in
            let answer: Answer<ChangeDone> = try await session.client.send(
                .pairNodes,
                nil,
                PairNodesRequest(
                    standby: standby,
                    production: production,
                    reason: change.reason,
                    force: change.forced
                )
            )
            Terminal.writeLine(answer.value.text)
        }
    }
}

struct NodeUnpair: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unpair",
        abstract: "End a pair, by either of its nodes."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions

    @Argument(
        help: ArgumentHelp("One of the two nodes.", valueName: "node"),
        completion: Completions.nodes
    )
    var name: String

    func run() async throws {
        try await Session.run(connection) { session in
            let answer: Answer<ChangeDone> = try await session.client.send(
                .unpairNode,
                Route.unpairNode.path(name),
                PlainChange(reason: change.reason, force: change.forced)
            )
            Terminal.writeLine(answer.value.text)
        }
    }
}

struct NodePairs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pairs",
        abstract: "All pairs, and the nodes that have none."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var list: ListOptions

    @Option(
        help: ArgumentHelp("Only pairs with a node of this site.", valueName: "site"),
        completion: Completions.sites
    )
    var site: String?

    /// A pair, or a node without one.
    private struct Row: Sendable {
        var standby: (name: String, site: String, status: String)?
        var production: (name: String, site: String, status: String)?
        var unpaired: (name: String, site: String, status: String)?
    }

    func run() async throws {
        try await Session.run(connection) { session in
            try await session.list(
                .listPairs,
                query: [("site", site)],
                list,
                isLive: false,
                items: { (answer: PairList) in Self.rows(answer) },
                listing: { _, _ in Self.listing },
                ifEmpty: "no pairs; `muster node pair STANDBY PRODUCTION`"
            )
        }
    }

    private static func rows(_ list: PairList) -> [Row] {
        list.pairs.map { pair in
            Row(
                standby: (pair.standby, pair.standbySite, pair.standbyStatus),
                production: (pair.production, pair.productionSite, pair.productionStatus)
            )
        }
            + list.unpaired.map { Row(unpaired: ($0.node, $0.site, $0.status)) }
    }

    private static var listing: Listing<Row> {
        typealias Column = Listing<Row>.Column
        func node(_ node: (name: String, site: String, status: String)?) -> Cell {
            guard let node else { return Cell("none", .warning) }
            return Cell(node.name, .strong)
        }
        func status(_ node: (name: String, site: String, status: String)?) -> Cell {
            guard let node else { return Cell("-", .faint) }
            return Cell(NodeWords.statusWord(node.status), node.status == "online" ? .good : .bad)
        }
        return Listing(columns: [
            Column("NODE") { node($0.standby ?? $0.unpaired) },
            Column("SITE") { Cell(($0.standby ?? $0.unpaired)?.site ?? "-") },
            Column("STATUS") { status($0.standby ?? $0.unpaired) },
            Column("PAIR OF") { node($0.production) },
            Column("AT SITE") { Cell($0.production?.site ?? "-") },
            Column("ITS STATUS") { status($0.production) },
        ])
    }
}
