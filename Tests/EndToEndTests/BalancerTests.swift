import API
import Foundation
import Glibc
import Host
import Model
import Testing

/// A real HAProxy follows what nodes say of themselves.
@Suite struct BalancerTests {
    @Test func `HAProxy follows cordons, maintenance, failures, and the active site`() async throws
    {
        try await TestCluster.with { cluster in
            var nodes: [(name: String, http: UInt16, check: UInt16)] = []
            for name in ["n-1", "n-2", "s-1", "s-2"] {
                nodes.append((name, Ports.free(), Ports.free()))
            }
            let folder = cluster.folder
            _ = try await TwoSites(
                in: cluster,
                services: { _ in ["web": Agent.service(folder, "restart = never")] },
                further: { name in
                    guard let node = nodes.first(where: { $0.name == name }) else { return "" }
                    return """
                        [observe]
                        listen = 127.0.0.1:\(node.http)
                        agent-check = 127.0.0.1:\(node.check)

                        """
                }
            )
            let balancer = try Balancer(nodes, in: folder)
            let muster = cluster.muster
            func expect(_ wanted: Set<String>) async throws {
                let reached = try await balancer.reached()
                #expect(reached == wanted, "\(reached)")
            }
            func done(_ words: String...) async throws {
                let told = try await muster.run(words)
                #expect(told.status == 0, "\(words): \(told.everything)")
            }
            let atRest = ["n-1": "UP", "n-2": "UP", "s-1": "DOWN", "s-2": "DOWN"]
            try await balancer.awaitServers(atRest)
            try await expect(["n-1", "n-2"])
            let standby = try await balancer.servers()["s-1"]
            #expect(standby?.told.contains("site south is a standby") == true, "\(standby as Any)")

            try await done("node", "cordon", "n-1", "--reason", "a test")
            try await balancer.awaitServers(["n-1": "DRAIN", "n-2": "UP"])
            try await expect(["n-2"])
            try await done("node", "uncordon", "n-1")
            try await balancer.awaitServers(atRest)

            try await done("node", "maintenance", "n-2", "--for", "1h", "--reason", "a test")
            try await balancer.awaitServers(["n-1": "UP", "n-2": "MAINT"])
            try await expect(["n-1"])
            try await done("node", "maintenance", "n-2", "--end")
            try await balancer.awaitServers(atRest)

            let web = try await cluster.service("web", of: "n-1", becomes: "running")
            kill(Int32(try #require(web.processID)), SIGKILL)
            try await balancer.awaitServers(["n-1": "DOWN", "n-2": "UP"])
            try await done("service", "start", "web", "--node", "n-1")
            try await balancer.awaitServers(atRest)

            try await done(
                "switchover",
                "--to",
                "south",
                "--reason",
                "a test",
                "--confirm",
                "south"
            )
            try await balancer.awaitServers([
                "n-1": "DOWN", "n-2": "DOWN", "s-1": "UP", "s-2": "UP",
            ])
            try await expect(["s-1", "s-2"])
        }
    }
}
