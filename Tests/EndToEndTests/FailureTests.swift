import API
import Foundation
import Glibc
import Host
import Model
import Testing

/// How failures of agents are noticed, and what goes on all the same.
@Suite struct FailureTests {
    @Test func `two sites with agents become Online, under names, IPv4 and IPv6 addresses`()
        async throws
    {
        try await TestCluster.with(agentHosts: ["127.0.0.1", "[::1]"]) { cluster in
            try await cluster.admin.change(.addSite, body: AddSiteRequest(name: "south"))
            let port = cluster.agentsPort
            try await cluster.heedNoLoad()
            let places = [
                ("north", "127.0.0.1:\(port)"), ("south", "[::1]:\(port)"),
                ("north", "localhost:\(port)"),
                // The first of these answers nobody.
                ("south", "127.0.0.1:1, [::1]:\(port)"),
            ]
            for (number, (site, controllers)) in places.enumerated() {
                let agent = try Agent(
                    "node-\(number + 1)",
                    in: cluster,
                    services: ["demo": Agent.service(cluster.folder)],
                    controllers: controllers
                )
                let token = try await cluster.token(site: site).token
                let joined = try await agent.join(token: token)
                try #require(joined.status == 0, "\(joined.everything)")
                try agent.start()
            }
            for number in 1...4 { try await cluster.online("node-\(number)") }
            let status: ClusterStatus = try await cluster.admin.get(.getStatus)
            #expect(status.activeSite == "north")
            #expect(status.sites.map(\.name) == ["north", "south"])
            #expect(status.sites.map(\.online) == [2, 2])
            #expect(status.sites.map(\.total) == [2, 2])
            #expect(status.verdict == .healthy)

            let detail = try await cluster.detail("node-1")
            #expect(detail.facts?.kernel.isEmpty == false)
            #expect(detail.load?.processors ?? 0 > 0)
            #expect(detail.load?.memoryAvailableBytes ?? 0 > 0)
            #expect(!detail.disks.isEmpty)
            // The active site works; the other stands by.
            #expect(try await cluster.service("demo", of: "node-1").state == "running")
            #expect(try await cluster.service("demo", of: "node-2").state == "stopped")
        }
    }

    @Test func `a required service that is stopped makes its node Offline, with the reason`()
        async throws
    {
        try await TestCluster.with { cluster in
            _ = try await cluster.addAgent(
                "node-1",
                services: [
                    "web": Agent.service(cluster.folder),
                    "side": Agent.service(cluster.folder, "required = no"),
                ]
            )
            func act(_ action: String, _ service: String) async throws {
                let done = try await cluster.admin.change(
                    .actOnServices,
                    body: ServiceActionRequest(
                        action: action,
                        service: service,
                        nodes: ["node-1"],
                        reason: "a test"
                    )
                )
                let id = try #require(done.orders.first)
                _ = try await awaited("the end of order \(id)") { () -> Order? in
                    let order: Order = try await cluster.admin.get(.showOrder, "\(id)")
                    return order.state == .done ? order : nil
                }
            }
            try await act("stop", "side")
            #expect(try await cluster.node("node-1").status == "online")
            try await act("stop", "web")
            let offline = try await cluster.offline("node-1")
            #expect(offline.reason.contains("service web stopped"))
            #expect(try await cluster.service("web", of: "node-1").processID == nil)
            try await act("start", "web")
            try await cluster.online("node-1")
            let before = try await cluster.service("web", of: "node-1").processID
            try await act("restart", "web")
            try await cluster.online("node-1")
            let after = try await cluster.service("web", of: "node-1").processID
            #expect(before != nil && after != nil && before != after)
        }
    }

    @Test func `a service that dies is started again, and one that keeps dying has failed`()
        async throws
    {
        try await TestCluster.with { cluster in
            let folder = cluster.folder
            _ = try await cluster.addAgent(
                "node-1",
                services: [
                    "web": Agent.service(folder, "restart-delay = 100ms"),
                    "bad": """
                    [service]
                    start = /bin/false
                    required = no
                    restart-delay = 100ms
                    restart-limit = 3

                    """,
                ]
            )
            let first = try #require(try await cluster.service("web", of: "node-1").processID)
            Glibc.kill(Int32(first), SIGKILL)
            _ = try await awaited("another process of web") { () -> ServiceDetail? in
                let service = try await cluster.service("web", of: "node-1")
                return service.state == "running" && service.processID != first ? service : nil
            }
            let bad = try await awaited("the failure of bad") { () -> ServiceDetail? in
                let service = try await cluster.service("bad", of: "node-1")
                return service.state == "failed" ? service : nil
            }
            #expect(bad.restarts >= 2)
            try await cluster.online("node-1")
        }
    }

    @Test func `services outlive a killed agent, and it finds them again`() async throws {
        try await TestCluster.with { cluster in
            let agent = try await cluster.addAgent(
                "node-1",
                services: ["web": Agent.service(cluster.folder)]
            )
            let service = try await cluster.service("web", of: "node-1")
            let process = try #require(service.processID.map { Int32($0) })
            try await agent.destroy()
            let offline = try await cluster.offline("node-1")
            #expect(offline.reason.contains("session was reset"))
            let event = try #require(
                try await cluster.events(subject: "node-1").last { $0.kind == "node.offline" }
            )
            #expect(event.severity == .critical)
            #expect(Processes.lives(process))

            try agent.start()
            try await cluster.online("node-1")
            let adopted = try await cluster.service("web", of: "node-1")
            #expect(adopted.processID.map { Int32($0) } == process)
            #expect(adopted.restarts == service.restarts)

            // Told to stop, it says goodbye and leaves them as well.
            try await agent.stop()
            let gone = try await cluster.offline("node-1")
            #expect(gone.reason.contains("its agent said it is stopping"))
            #expect(Processes.lives(process))
            try agent.start()
            try await cluster.online("node-1")
            let again = try await cluster.service("web", of: "node-1").processID
            #expect(again.map { Int32($0) } == process)
        }
    }

    @Test func `a frozen agent is Offline within 3.5 s of its last heartbeat, and returns`()
        async throws
    {
        try await TestCluster.with { cluster in
            let agent = try await cluster.addAgent(
                "node-1",
                services: ["web": Agent.service(cluster.folder)]
            )
            // The state that is written down must be older than the freeze.
            let frozen = WallClock.now()
            agent.program?.signal(SIGSTOP)
            let offline = try await cluster.offline("node-1")
            #expect(offline.reason.contains("unreachable"), "\(offline.reason)")
            let event = try #require(
                try await cluster.events(subject: "node-1").last { $0.kind == "node.offline" }
            )
            let told = try #require(WallTime(iso8601: event.at))
            // Its last heartbeat was sent before the freeze; half a second is for this machine.
            #expect(told - frozen <= .milliseconds(3_500 + 500), "\(frozen.iso8601) \(event.at)")
            agent.program?.signal(SIGCONT)
            try await cluster.online("node-1")
        }
    }

    @Test func `a node that flaps is held, and an operator can release it`() async throws {
        try await TestCluster.with(settings: "flap: {hold: 10m, hold-max: 20m}") { cluster in
            let (python, first) = try await cluster.addPython("page-1")
            try await first.destroy()
            try await cluster.offline("page-1")
            let second = try python.run()
            try await cluster.online("page-1")
            try await second.destroy()
            try await cluster.offline("page-1")
            _ = try python.run()
            let held = try await cluster.node("page-1", becomes: "held") {
                $0.marks.contains(.held)
            }
            #expect(held.status == "offline")
            #expect(held.reason.contains("held after 2 losses"))
            #expect(held.holdDownUntil != nil)
            try await cluster.admin.change(.releaseNode, "page-1")
            try await cluster.online("page-1")
        }
    }

    @Test func `a controller that returns finds every agent again`() async throws {
        try await TestCluster.with { cluster in
            let agent = try await cluster.addAgent(
                "node-1",
                services: ["web": Agent.service(cluster.folder)]
            )
            let service = try await cluster.service("web", of: "node-1").processID
            for round in 1...2 {
                if round == 1 { try await cluster.kill() } else { try await cluster.stop() }
                #expect(agent.program?.hasEnded == false)
                try await cluster.start()
                let again = try await awaited("node-1's report") {
                    try await cluster.detail("node-1").services.first
                }
                #expect(again.state == "running" && again.processID == service)
                try await cluster.online("node-1")
            }
        }
    }
}
