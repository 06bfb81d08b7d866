import API
import ArgumentParser
import Model

struct NodeCordon: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cordon",
        abstract: "Give it no new work; what runs goes on."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var options: ChangeOptions

    @Argument(
        help: ArgumentHelp("The nodes' names.", valueName: "node"),
        completion: Completions.nodes
    )
    var names: [String]

    func run() async throws {
        try await options.send(.cordonNode, names, over: connection)
    }
}

struct NodeUncordon: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "uncordon",
        abstract: "End a cordon or a drain: work is welcome again."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var options: ChangeOptions

    @Argument(
        help: ArgumentHelp("The nodes' names.", valueName: "node"),
        completion: Completions.nodes
    )
    var names: [String]

    func run() async throws {
        try await options.send(.uncordonNode, names, over: connection)
    }
}

struct NodeRelease: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release",
        abstract: "End a hold: after repeated losses, or after an identity was seen twice."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var options: ChangeOptions

    @Argument(
        help: ArgumentHelp("The nodes' names.", valueName: "node"),
        completion: Completions.nodes
    )
    var names: [String]

    func run() async throws {
        try await options.send(.releaseNode, names, over: connection)
    }
}

struct NodeDrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Give it no new work and stop its services in order, by a deadline.",
        discussion: """
            A drain that takes a site below its minimum is asked about; scripts say --yes. \
            `muster node uncordon` ends it.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var options: ChangeOptions
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var wait: WaitOptions

    @Argument(
        help: ArgumentHelp("The nodes' names.", valueName: "node"),
        completion: Completions.nodes
    )
    var names: [String]

    @Option(help: ArgumentHelp("By when: 90s, 10m, 1h.", valueName: "duration"))
    var within: DurationArgument = DurationArgument(
        milliseconds: DrainRequest.withinMillisecondsDefault
    )

    @Flag(help: "Leave its services running.")
    var keepServices = false

    func run() async throws {
        try await Session.run(connection) { session in
            let isAccepted = try await MinimumCheck.ask(
                names,
                session,
                isGiven: confirmation.yes,
                needing: Route.drainNode.access,
                style: connection.colour.errorStyle
            )
            for name in names {
                let answer: Answer<ChangeDone> = try await session.client.send(
                    .drainNode,
                    Route.drainNode.path(name),
                    DrainRequest(
                        withinMilliseconds: within.milliseconds,
                        keepServices: keepServices ? true : nil,
                        reason: options.reason,
                        force: isAccepted ? true : options.forced
                    )
                )
                Terminal.writeLine(answer.value.text)
            }
            guard !wait.detach, !keepServices else { return }
            try await NodeWait.wait(
                names,
                session,
                timeoutMilliseconds: wait.timeout?.milliseconds ?? within.milliseconds + 10_000,
                lookAgain: "muster node show \(names[0])",
                NodeWait.drain
            )
            Terminal.writeLine("\(names.joined(separator: ", ")): drained")
        }
    }
}

struct NodeMaintenance: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "maintenance",
        abstract: "Drain it for work on it, with an owner, a reason and an end; or end that.",
        discussion: """
            Begin: muster node maintenance db-3 --for 2h --reason "new disk"
            End:   muster node maintenance db-3 --end
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var options: ChangeOptions
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var wait: WaitOptions

    @Argument(
        help: ArgumentHelp("The node's name.", valueName: "node"),
        completion: Completions.nodes
    )
    var name: String

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("How long: 30m, 2h.", valueName: "duration")
    )
    var length: DurationArgument?

    @Option(help: "Who is at work (default: you).")
    var owner: String?

    @Flag(help: "Leave its services running.")
    var keepServices = false

    @Flag(help: "End the maintenance.")
    var end = false

    func validate() throws {
        guard end != (length != nil) else {
            throw ValidationError("Say either --for DURATION, to begin it, or --end.")
        }
        guard end || !(options.reason ?? "").isEmpty else {
            throw ValidationError("A maintenance needs a reason: --reason \"new disk\".")
        }
    }

    func run() async throws {
        if end { return try await options.send(.endMaintenance, name, over: connection) }
        guard let length else { return }
        try await Session.run(connection) { session in
            let isAccepted = try await MinimumCheck.ask(
                [name],
                session,
                isGiven: confirmation.yes,
                needing: Route.beginMaintenance.access,
                style: connection.colour.errorStyle
            )
            let answer: Answer<ChangeDone> = try await session.client.send(
                .beginMaintenance,
                Route.beginMaintenance.path(name),
                MaintenanceRequest(
                    owner: owner,
                    forMilliseconds: length.milliseconds,
                    keepServices: keepServices ? true : nil,
                    reason: options.reason,
                    force: isAccepted ? true : options.forced
                )
            )
            Terminal.writeLine(answer.value.text)
            guard !wait.detach, !keepServices else { return }
            try await NodeWait.wait(
                [name],
                session,
                timeoutMilliseconds: wait.timeout?.milliseconds ?? Waiting.timeoutDefault,
                lookAgain: "muster node show \(name)",
                NodeWait.drain
            )
            Terminal.writeLine("\(name): drained, the work may begin")
        }
    }
}

/// Asks before nodes are taken away that their site needs.
enum MinimumCheck {
    /// - Returns: whether someone said yes to going below a minimum.
    static func ask(
        _ names: [String],
        _ session: Session,
        isGiven: Bool,
        needing least: Route.Access,
        style: Style
    ) async throws -> Bool {
        let nodes: Answer<NodeList> = try await session.client.get(Route.listNodes.path)
        let sites: Answer<SiteList> = try await session.client.get(Route.listSites.path)
        let lines = warnings(names, nodes.value.nodes, sites.value.sites)
        guard !lines.isEmpty else { return false }
        try await Confirmation.ask(
            lines.joined(separator: "\n"),
            .yes,
            isGiven: isGiven,
            needing: least,
            over: session.options,
            style: style
        )
        return true
    }

    /// A sentence for each site that would have fewer Online nodes than its minimum.
    static func warnings(
        _ names: [String],
        _ nodes: [NodeSummary],
        _ sites: [SiteStatus]
    ) -> [String] {
        sites.compactMap { site in
            let leaving = nodes.count {
                names.contains($0.name) && $0.site == site.name
                    && $0.status == NodeStatus.online.rawValue
            }
            let left = Int(site.online) - leaving
            guard leaving > 0, left < Int(site.minimum) else { return nil }
            return "This leaves site \(site.name) with \(left) of \(site.total) nodes Online;"
                + " its minimum is \(site.minimum)."
        }
    }
}
