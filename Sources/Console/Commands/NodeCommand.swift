import API
import ArgumentParser
import Model

struct NodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "node",
        abstract: "The servers of the cluster.",
        groupedSubcommands: [
            CommandGroup(name: "See", subcommands: [NodeList_.self, NodeShow.self]),
            CommandGroup(name: "Members", subcommands: [NodeAdd.self, NodeRemove.self]),
            CommandGroup(
                name: "Work",
                subcommands: [
                    NodeCordon.self, NodeUncordon.self, NodeDrain.self, NodeMaintenance.self,
                    NodeRelease.self,
                ]
            ),
            CommandGroup(
                name: "Pairs",
                subcommands: [NodePairCommand.self, NodeUnpair.self, NodePairs.self]
            ),
        ],
        aliases: ["nodes"]
    )
}

/// Which nodes are meant.
struct NodeFilter: Sendable {
    var site: String?
    var isProblemsOnly = false
    var hasRemoved = false

    var query: [(String, String?)] {
        [("site", site), ("removed", hasRemoved ? "true" : nil)]
    }

    func admits(_ node: NodeSummary) -> Bool {
        if let site, node.site != site { return false }
        return !isProblemsOnly || NodeWords.isProblem(node)
    }
}

struct NodeList_: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "All nodes with their status, services and load.",
        aliases: ["ls"]
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var list: ListOptions

    @Option(help: "Only of this site.", completion: Completions.sites)
    var site: String?

    @Flag(help: "Only those with something wrong.")
    var problems = false

    @Flag(help: "Removed ones too.")
    var removed = false

    @Flag(name: .shortAndLong, help: "Stay and redraw.")
    var watch = false

    func run() async throws {
        let filter = NodeFilter(site: site, isProblemsOnly: problems, hasRemoved: removed)
        try await Session.run(connection) { session in
            if watch {
                var view = LiveView(
                    session: session,
                    model: LiveNodes(filter: filter, options: list)
                )
                view.format = list.output.format
                return try await view.run()
            }
            let answer: Answer<NodeList> = try await session.client.get(
                Route.listNodes.path,
                query: filter.query
            )
            try session.show(
                answer,
                answer.value.nodes.filter(filter.admits),
                NodeListing.listing(
                    style: session.style,
                    at: answer.asOf,
                    isWide: list.output.format == .wide
                ),
                list,
                ifEmpty: problems
                    ? "no node has a problem" : "no nodes yet; add one with `muster node add NAME`"
            )
        }
    }
}

struct NodeShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "One node: services, checks with their last output, load, versions."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: FormatOption

    @Argument(
        help: ArgumentHelp("The node's name.", valueName: "node"),
        completion: Completions.nodes
    )
    var name: String

    func run() async throws {
        try await Session.run(connection) { session in
            let answer: Answer<NodeDetail> = try await session.client.get(
                Route.showNode.path(name)
            )
            if output.format.isForPrograms {
                return Terminal.write(try Emit.text(answer.json, as: output.format))
            }
            let page = NodePage(
                detail: answer.value,
                style: session.style,
                now: answer.asOf,
                width: session.width ?? 100,
                isWide: output.format == .wide || !Terminal.isOutput,
                wideWidth: session.width
            )
            for line in page.lines() { Terminal.writeLine(line) }
        }
    }
}

struct NodeAdd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Invite a node and make the token it joins with.",
        discussion: "The token alone goes to standard output, what to do with it to standard error."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: FormatOption
    @OptionGroup var change: ChangeOptions

    @Argument(help: "The name it shall have.")
    var name: String

    @Option(help: "Its site (default: the active one).", completion: Completions.sites)
    var site: String?

    @Option(help: "The address or name it will be reached at.")
    var address: String?

    @Option(
        help: ArgumentHelp("How long the token is good, at most 24h.", valueName: "duration")
    )
    var lifetime: DurationArgument = DurationArgument(milliseconds: 900_000)

    func run() async throws {
        try await Session.run(connection) { session in
            let answer: Answer<AddedNode> = try await session.client.send(
                .addNode,
                nil,
                AddNodeRequest(
                    name: name,
                    site: site,
                    address: address,
                    lifetimeMilliseconds: lifetime.milliseconds,
                    reason: change.reason,
                    force: change.forced
                )
            )
            let node = answer.value.node
            try TokenOutput.show(
                answer.value.token,
                json: answer.json,
                output.format,
                before: "node \(node.name) of site \(node.site) is invited",
                use: .node,
                style: connection.colour.errorStyle
            )
        }
    }
}
