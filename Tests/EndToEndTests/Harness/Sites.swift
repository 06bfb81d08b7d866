import API
import Foundation
import Glibc
import Host
import Model
import Testing

/// Two sites of two nodes each, on this machine: north is active, south stands by.
struct TwoSites {
    let cluster: TestCluster
    let north: [Agent]
    let south: [Agent]

    /// - Parameters:
    ///   - services: of every node, by name, for a node's name.
    ///   - handlers: texts of the files of `handlers.d`, by name.
    ///   - further: more lines of `agent.conf`, for a node's name.
    init(
        in cluster: TestCluster,
        services: (_ node: String) -> [String: String],
        handlers: [String: String] = [:],
        further: (_ node: String) -> String = { _ in "" }
    ) async throws {
        self.cluster = cluster
        try await cluster.admin.change(.addSite, body: AddSiteRequest(name: "south"))
        var agents: [Agent] = []
        for (name, site) in [
            ("n-1", "north"), ("n-2", "north"), ("s-1", "south"), ("s-2", "south"),
        ] {
            let agent = try Agent(
                name,
                in: cluster,
                services: services(name),
                further: further(name)
            )
            for (handler, text) in handlers {
                try cluster.folder.write("nodes/\(name)/handlers.d/\(handler).conf", text)
            }
            let joined = try await agent.join(token: try await cluster.token(site: site).token)
            try #require(joined.status == 0, "\(joined.everything)")
            try agent.start()
            agents.append(agent)
        }
        north = Array(agents[..<2])
        south = Array(agents[2...])
        for agent in agents { try await cluster.online(agent.name) }
        for (standby, production) in [("s-1", "n-1"), ("s-2", "n-2")] {
            try await cluster.admin.change(
                .pairNodes,
                body: PairNodesRequest(standby: standby, production: production)
            )
        }
        _ = try await cluster.readiness("south") { $0.ready }
    }
}

extension TestCluster {
    /// The readiness of a site, when it is as it should be.
    func readiness(
        _ site: String,
        _ condition: (SiteReadiness) -> Bool
    ) async throws -> SiteReadiness {
        var last: SiteReadiness?
        do {
            return try await awaited("the readiness of \(site)") {
                last = try await admin.get(.showReadiness, site)
                return last.flatMap { condition($0) ? $0 : nil }
            }
        } catch let error as Unmet {
            let told = last?.findings.map { "\($0.level) \($0.topic): \($0.text)" } ?? []
            throw Unmet(what: "\(error.what); it is \(told)")
        }
    }

    /// A service in a state, awaited.
    @discardableResult
    func service(
        _ service: String,
        of node: String,
        becomes state: String
    ) async throws -> ServiceDetail {
        try await awaited("\(service) of \(node) is \(state)") {
            let found = try await detail(node).services.first { $0.name == service }
            return found.flatMap { $0.state == state ? $0 : nil }
        }
    }

    func run(_ number: UInt64) async throws -> RunDetail {
        try await admin.get(.showRun, "\(number)")
    }

    /// The live run, when it is as it should be.
    @discardableResult
    func run(
        _ number: UInt64,
        becomes what: String,
        _ condition: (RunDetail) -> Bool
    ) async throws -> RunDetail {
        var last: RunDetail?
        do {
            return try await awaited("run \(number) \(what)") {
                // While the controller is away there is no answer.
                last = (try? await run(number)) ?? last
                return last.flatMap { condition($0) ? $0 : nil }
            }
        } catch let error as Unmet {
            let seen = last.map { "\($0.run.state), \($0.run.stepName), \($0.run.text)" }
            throw Unmet(what: "\(error.what); it is \(seen ?? "not there")")
        }
    }

    func sites() async throws -> [SiteStatus] {
        try await admin.get(.listSites, as: SiteList.self).sites
    }
}

extension Agent {
    /// As a power cut would end the agent and its leashes; what they ran is left to itself.
    func cutOff() async throws {
        // The agent first: it would start others in place of the leashes.
        try await destroy()
        for process in Processes.naming(folder) { kill(process, SIGKILL) }
        let isGone = await eventually { Processes.naming(folder).isEmpty }
        #expect(isGone)
    }
}
