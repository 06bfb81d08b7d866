import API
import ArgumentParser
import Model

struct ServiceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "service",
        abstract: "The supervised programs of the nodes.",
        subcommands: [
            ServiceList_.self, ServiceStart.self, ServiceStop.self, ServiceRestart.self,
        ],
        aliases: ["services"]
    )
}

struct ServiceList_: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "The services of all nodes.",
        aliases: ["ls"]
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var list: ListOptions

    @Option(help: "Only of this node.", completion: Completions.nodes)
    var node: String?

    @Option(help: "Only of this site.", completion: Completions.sites)
    var site: String?

    @Option(help: "Only in this state: running, stopped, failed, …")
    var state: String?

    @Option(help: "Only the service of this name.", completion: Completions.services)
    var name: String?

    @Flag(name: .shortAndLong, help: "Stay and redraw.")
    var watch = false

    func run() async throws {
        let query = [("node", node), ("site", site), ("state", state), ("name", name)]
        try await Session.run(connection) { session in
            try await session.list(
                .listServices,
                query: query,
                list,
                isLive: watch,
                items: { (answer: ServiceList) in answer.services },
                listing: { style, _ in ServiceWords.listing(style: style) },
                ifEmpty: "no such services"
            )
        }
    }
}

/// What start, stop and restart have in common.
struct ServiceActionOptions: ParsableArguments {
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var wait: WaitOptions

    @Argument(help: "The service's name; left out with --all.", completion: Completions.services)
    var service: String?

    @Flag(help: "Every service of the nodes.")
    var all = false

    @Option(
        name: .shortAndLong,
        parsing: .upToNextOption,
        help: "On these nodes.",
        completion: Completions.nodes
    )
    var node: [String] = []

    @Flag(help: "On every node that has it.")
    var everywhere = false

    func validate() throws {
        guard all != (service != nil) else {
            throw ValidationError("Name one service, or say --all.")
        }
        guard everywhere != !node.isEmpty else {
            throw ValidationError("Say where: --node NAME…, or --everywhere.")
        }
    }

    func run(_ action: String) async throws {
        try await Session.run(connection) { session in
            let names = everywhere ? try await nodes(session) : node
            let answer: Answer<ChangeDone> = try await session.client.send(
                .actOnServices,
                nil,
                ServiceActionRequest(
                    action: action,
                    service: service,
                    all: all ? true : nil,
                    nodes: names,
                    reason: change.reason,
                    force: change.forced
                )
            )
            Terminal.writeErrorLine(answer.value.text)
            try await OrderWait.wait(
                answer.value.orders,
                session,
                wait,
                lookAgain: "muster service list" + (service.map { " --name \($0)" } ?? "")
            )
        }
    }

    /// The nodes that have the service, or any service.
    private func nodes(_ session: Session) async throws -> [String] {
        let answer: Answer<ServiceList> = try await session.client.get(
            Route.listServices.path,
            query: [("name", service)]
        )
        var names: [String] = []
        for name in answer.value.services.map(\.node) where !names.contains(name) {
            names.append(name)
        }
        guard !names.isEmpty else {
            throw ConsoleError(
                .refused,
                service.map { "no node has a service \($0)" } ?? "no node has a service",
                hint: "see `muster service list`"
            )
        }
        return names
    }
}

struct ServiceStart: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract: "Start a service, or all of a node in their order."
    )

    @OptionGroup var options: ServiceActionOptions

    func run() async throws {
        try await options.run("start")
    }
}

struct ServiceStop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop",
        abstract: "Stop a service, or all of a node in reverse order; it stays stopped."
    )

    @OptionGroup var options: ServiceActionOptions

    func run() async throws {
        try await options.run("stop")
    }
}

struct ServiceRestart: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart",
        abstract: "Stop a service and start it again."
    )

    @OptionGroup var options: ServiceActionOptions

    func run() async throws {
        try await options.run("restart")
    }
}
