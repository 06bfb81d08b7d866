import API
import Foundation
import Glibc
import Host
import Model
import Testing

/// A `muster-agent` with a configuration and services of its own.
final class Agent {
    /// The text of a service that runs until it is stopped. The path in its arguments is how the
    /// cleaning up finds it.
    static func service(_ folder: TestFolder, _ further: String = "") -> String {
        "[service]\nstart = /usr/bin/tail -F \(folder["nothing"])\n\(further)\n"
    }

    let cluster: TestCluster
    let name: String
    private(set) var program: Program?

    var folder: String { cluster.folder["nodes/\(name)"] }
    var configuration: String { folder + "/agent.conf" }
    var state: String { folder + "/state" }
    var log: String { program?.everything ?? "" }

    /// - Parameters:
    ///   - services: texts of the files of `services.d`, by name.
    ///   - handlers: texts of the files of `handlers.d`, by name.
    ///   - further: more lines of `agent.conf`.
    init(
        _ name: String,
        in cluster: TestCluster,
        services: [String: String] = [:],
        handlers: [String: String] = [:],
        controllers: String? = nil,
        further: String = ""
    ) throws {
        self.cluster = cluster
        self.name = name
        try cluster.folder.write(
            "nodes/\(name)/agent.conf",
            """
            [agent]
            state-directory = \(cluster.folder["nodes/\(name)/state"])
            run-directory = \(cluster.folder["nodes/\(name)/run"])
            log-level = debug
            name = \(name)
            \(controllers.map { "controllers = \($0)" } ?? "")
            \(further)
            [load]
            interval = 1s

            """
        )
        for (service, text) in services {
            try cluster.folder.write("nodes/\(name)/services.d/\(service).conf", text)
        }
        for (handler, text) in handlers {
            try cluster.folder.write("nodes/\(name)/handlers.d/\(handler).conf", text)
        }
    }

    func join(token: String, _ further: [String] = []) async throws -> Finished {
        try await cluster.folder.run(
            Program.product("muster-agent"),
            ["join", "--token", token, "--config", configuration] + further
        )
    }

    func start(environment: [String] = []) throws {
        program = try Program(
            Program.product("muster-agent"),
            ["run", "--config", configuration],
            in: cluster.folder,
            log: "agent-\(name)",
            environment: environment
        )
    }

    /// Asks it to say goodbye, and waits.
    func stop() async throws {
        program?.signal(SIGTERM)
        let end = try await program?.wait()
        #expect(end == .exited(0), "\(log)")
    }

    func destroy() async throws { try await program?.destroy() }
}

extension TestCluster {
    /// A node that has joined and is running, and is awaited to be Online.
    func addAgent(
        _ name: String,
        site: String? = nil,
        services: [String: String] = [:],
        handlers: [String: String] = [:],
        further: String = ""
    ) async throws -> Agent {
        let agent = try Agent(
            name,
            in: self,
            services: services,
            handlers: handlers,
            further: further
        )
        let joined = try await agent.join(token: try await token(site: site).token)
        try #require(joined.status == 0, "\(joined.everything)")
        try agent.start()
        do {
            try await online(name)
        } catch {
            throw Unmet(what: "\(error)\nThe agent says:\n\(agent.log.suffix(3_000))")
        }
        return agent
    }

    /// One service of a node, as the controller knows it.
    func service(_ service: String, of node: String) async throws -> ServiceDetail {
        let found = try await detail(node).services.first { $0.name == service }
        guard let found else { throw Unmet(what: "service \(service) of \(node)") }
        return found
    }

    func addPython(_ name: String, site: String? = nil, _ options: [String] = []) async throws
        -> (agent: PythonAgent, program: Program)
    {
        let agent = PythonAgent(cluster: self, name: name)
        let joined = try await agent.join(token: try await token(site: site).token)
        try #require(joined.status == 0, "\(joined.everything)")
        let program = try agent.run(options)
        try await online(name)
        return (agent, program)
    }
}
