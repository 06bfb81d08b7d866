import API
import ArgumentParser
import Model

struct NodeRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Take nodes out of the cluster: drained, stopped, their credentials revoked.",
        discussion: """
            One node is confirmed with y or --yes. Several at once are confirmed by typing their \
            number, and --force by typing the node's name; scripts say --confirm with the same \
            text. --force removes a node that cannot be reached (make sure that it is off: its \
            services may still run) and goes below the site's minimum. The local configuration is kept: a node that is added \
            again has it again.
            """,
        aliases: ["rm"]
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var wait: WaitOptions

    @Argument(
        help: ArgumentHelp("The nodes' names.", valueName: "node"),
        completion: Completions.nodes
    )
    var names: [String]

    @Option(
        help: ArgumentHelp(
            "The number of nodes, or with --force the one node's name: what a person would type.",
            valueName: "text"
        )
    )
    var confirm: String?

    func validate() throws {
        guard Set(names).count == names.count else {
            throw ValidationError("A node is named twice.")
        }
    }

    func run() async throws {
        try await Session.run(connection) { session in
            let nodes: Answer<NodeList> = try await session.client.get(Route.listNodes.path)
            try await ask(nodes.value.nodes.filter { names.contains($0.name) })
            let answer: Answer<ChangeDone> = try await session.client.send(
                .removeNodes,
                nil,
                RemoveNodesRequest(names: names, reason: change.reason, force: change.forced)
            )
            Terminal.writeLine(answer.value.text)
            guard !wait.detach else { return }
            try await NodeWait.wait(
                names,
                session,
                timeoutMilliseconds: wait.timeout?.milliseconds ?? 120_000,
                lookAgain: "muster node list --removed",
                NodeWait.removal
            )
            let list = names.joined(separator: ", ")
            Terminal.writeLine("\(list): removed, credential revoked")
        }
    }

    private func ask(_ nodes: [NodeSummary]) async throws {
        let online = nodes.filter { $0.status == NodeStatus.online.rawValue }.map(\.name)
        let state =
            online.isEmpty
            ? "" : " \(online.joined(separator: ", ")) \(online.count == 1 ? "is" : "are") Online."
        let what =
            names.count == 1
            ? "Node \(names[0]) will be removed" : "\(names.count) nodes will be removed"
        let credentials = names.count == 1 ? "its credential" : "their credentials"
        let how =
            change.force
            ? "even if its services cannot be stopped, and \(credentials) revoked"
            : "services stopped in order, \(credentials) revoked"
        let demand: Confirmation.Demand =
            names.count > 1
            ? .typed("\(names.count)") : change.force ? .typed(names[0]) : .yes
        try await Confirmation.ask(
            "\(what), \(how).\(state)",
            demand,
            isGiven: confirmation.yes,
            confirmed: confirm,
            needing: Route.removeNodes.access,
            over: connection,
            style: connection.colour.errorStyle
        )
    }
}
