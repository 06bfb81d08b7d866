import API
import Foundation
import Glibc
import Host
import Model
import Testing

/// A cluster of real programs in a folder of its own.
final class TestCluster {
    let folder: TestFolder
    let agentsPort = Ports.free()
    let consolePort = Ports.free()
    /// Further lines of `controller.yaml`.
    let settings: String
    let agentHosts: [String]
    private(set) var controller: Program?

    var configuration: String { folder["controller.yaml"] }
    var state: String { folder["state"] }
    var agentsAddress: String { "127.0.0.1:\(agentsPort)" }

    private init(settings: String, agentHosts: [String]) throws {
        folder = try TestFolder()
        self.settings = settings
        self.agentHosts = agentHosts
        let listen = agentHosts.map { "\"\($0):\(agentsPort)\"" }.joined(separator: ", ")
        try folder.write(
            "controller.yaml",
            """
            state-directory: \(folder["state"])
            agents: {listen: [\(listen)]}
            console: {listen: ["127.0.0.1:\(consolePort)"]}
            log: {level: debug}
            \(settings.contains("flap:") ? "" : "flap: {hold: 1s, hold-max: 2s}")
            \(settings)

            """
        )
    }

    /// Makes a cluster with the site `north`, lets the body work with it, and removes everything.
    static func with(
        settings: String = "",
        agentHosts: [String] = ["127.0.0.1"],
        starting: Bool = true,
        _ body: (TestCluster) async throws -> Void
    ) async throws {
        await Places.clusters.enter()
        do {
            let cluster = try TestCluster(settings: settings, agentHosts: agentHosts)
            do {
                if starting {
                    try await cluster.initialise()
                    try await cluster.start()
                }
                try await body(cluster)
            } catch {
                Issue.record(error, "\(error)\n\(cluster.folder.lastWords)")
            }
            cluster.folder.remove()
        } catch {
            await Places.clusters.leave()
            throw error
        }
        await Places.clusters.leave()
    }

    func initialise() async throws {
        let made = try await command(["init", "--site", "north", "--name", "test"])
        try #require(made.status == 0, "\(made.everything)")
    }

    /// Runs `muster-controller COMMAND --config FILE …` to its end.
    func command(_ words: [String]) async throws -> Finished {
        try await folder.run(
            Program.product("muster-controller"),
            [words[0], "--config", configuration] + words.dropFirst()
        )
    }

    func start(environment: [String] = [], limits: [SpawnPlan.Limit] = []) async throws {
        let program = try launch(environment: environment, limits: limits)
        try await program.says("The controller is ready")
    }

    /// Starts without waiting for it to be ready.
    @discardableResult
    func launch(
        environment: [String] = [],
        limits: [SpawnPlan.Limit] = []
    ) throws -> Program {
        let number = 1 + launches
        launches = number
        let program = try Program(
            Program.product("muster-controller"),
            ["run", "--config", configuration],
            in: folder,
            log: "controller-\(number)",
            environment: environment,
            limits: limits
        )
        controller = program
        return program
    }

    private var launches = 0

    /// Asks it to stop and waits.
    func stop() async throws {
        guard let controller else { return }
        controller.signal(SIGTERM)
        let end = try await controller.wait()
        #expect(end == .exited(0), "\(controller.everything)")
    }

    /// As a power cut would end the program.
    func kill() async throws { try await controller?.destroy() }

    // MARK: Operators

    var admin: Operator {
        Operator(
            folder: folder,
            server: "https://127.0.0.1:\(consolePort)",
            root: state + "/admin/ca.pem",
            credential: state + "/admin/credential.pem"
        )
    }

    /// Nobody in particular: no certificate is shown.
    var stranger: Operator {
        var stranger = admin
        stranger.credential = nil
        return stranger
    }

    // MARK: What is there

    func node(_ name: String) async throws -> NodeSummary {
        try await admin.get(.showNode, name, as: NodeDetail.self).node
    }

    func detail(_ name: String) async throws -> NodeDetail {
        try await admin.get(.showNode, name)
    }

    @discardableResult
    func node(
        _ name: String,
        becomes what: String,
        within limit: Duration = .seconds(60),
        _ condition: (NodeSummary) -> Bool
    ) async throws -> NodeSummary {
        var last: NodeSummary?
        do {
            return try await awaited(within: limit, "\(name) is \(what)") {
                last = try await node(name)
                return last.flatMap { condition($0) ? $0 : nil }
            }
        } catch let error as Unmet {
            let seen = last.map { "\($0.status), \($0.reason), \($0.marks.map(\.rawValue))" }
            throw Unmet(what: "\(error.what); it is \(seen ?? "not there")")
        }
    }

    @discardableResult
    func online(_ name: String) async throws -> NodeSummary {
        try await node(name, becomes: "Online") { $0.status == "online" }
    }

    @discardableResult
    func offline(_ name: String) async throws -> NodeSummary {
        try await node(name, becomes: "Offline") { $0.status == "offline" }
    }

    /// All events, oldest first.
    func events(subject: String? = nil) async throws -> [API.Event] {
        var found: [API.Event] = []
        var after: UInt64 = 0
        while true {
            let page: EventPage = try await admin.get(
                .listEvents,
                query: "after=\(after)&limit=\(EventPage.limitMax)"
            )
            found += page.events
            if page.events.count < EventPage.limitMax { break }
            after = page.next
        }
        return found.filter { subject == nil || $0.subject == subject }
    }

    func audit() async throws -> [API.AuditEntry] {
        try await admin.get(
            .listAudit,
            query: "limit=\(AuditPage.limitMax)",
            as: AuditPage.self
        ).entries
    }

    func token(site: String? = nil, node: String? = nil) async throws -> CreatedToken {
        try await admin.send(
            .createToken,
            body: CreateTokenRequest(site: site, node: node, reason: "a test")
        )
    }
}
