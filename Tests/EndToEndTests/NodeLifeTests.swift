import API
import Foundation
import Glibc
import Host
import Model
import Testing

/// Taking work from nodes, and taking nodes away.
@Suite struct NodeLifeTests {
    @Test func `a drained node has stopped its services in order, and takes work again`()
        async throws
    {
        try await TestCluster.with { cluster in
            let folder = cluster.folder
            _ = try await cluster.addAgent(
                "node-1",
                services: [
                    "database": Agent.service(folder, "order = 1"),
                    "web": Agent.service(folder, "order = 2"),
                ]
            )
            let admin = cluster.admin
            try await admin.change(.cordonNode, "node-1")
            let cordoned = try await cluster.detail("node-1")
            #expect(cordoned.node.marks.contains(.cordoned))
            #expect(cordoned.node.status == "online")
            #expect(cordoned.cordon?.by == "admin" && cordoned.cordon?.reason == "a test")

            try await admin.change(
                .drainNode,
                "node-1",
                body: DrainRequest(withinMilliseconds: 60_000, reason: "a new disk")
            )
            let drained = try await cluster.node("node-1", becomes: "drained") {
                $0.marks.contains(.drained)
            }
            #expect(drained.status == "offline" && drained.reason == "drained")
            let services = try await cluster.detail("node-1").services
            #expect(services.map(\.state) == ["stopped", "stopped"])
            let stopped = try await cluster.events(subject: "node-1").filter {
                $0.kind == "service.changed" && $0.text.contains("stopped")
            }
            #expect(stopped.count == 2)
            #expect(stopped.first?.text.contains("web") == true)
            #expect(stopped.last?.text.contains("database") == true)

            try await admin.change(.uncordonNode, "node-1")
            try await cluster.online("node-1")
        }
    }

    @Test func `a maintenance has an owner, a reason and an end, and ends by itself`() async throws
    {
        try await TestCluster.with { cluster in
            _ = try await cluster.addAgent(
                "node-1",
                services: ["web": Agent.service(cluster.folder)]
            )
            let admin = cluster.admin
            let vague = try await admin.refusal(
                .beginMaintenance,
                "node-1",
                body: MaintenanceRequest(forMilliseconds: 60_000)
            )
            #expect(vague.code == "confirmation")
            try await admin.change(
                .beginMaintenance,
                "node-1",
                body: MaintenanceRequest(owner: "ops", forMilliseconds: 4_000, reason: "a fan")
            )
            let offline = try await cluster.offline("node-1")
            #expect(offline.reason == "maintenance by ops: a fan")
            #expect(offline.maintenanceUntil != nil)
            try await cluster.online("node-1")
            let events = try await cluster.events(subject: "node-1").map(\.kind)
            #expect(events.contains("maintenance.begun") && events.contains("maintenance.ended"))
            // What is planned alarms nobody.
            let gone = try await cluster.events(subject: "node-1").last {
                $0.kind == "node.offline"
            }
            #expect(gone?.severity == .info)
        }
    }

    @Test func `a site is not taken below its minimum without force`() async throws {
        try await TestCluster.with { cluster in
            _ = try await cluster.addPython("page-1")
            try await cluster.admin.change(
                .setSiteMinimum,
                "north",
                body: SetMinimumRequest(minimum: 1)
            )
            let refused = try await cluster.admin.refusal(.cordonNode, "page-1")
            #expect(refused.code == "not-now")
            #expect(refused.detail.contains("below its minimum of 1"))
            try await cluster.admin.change(
                .cordonNode,
                "page-1",
                body: PlainChange(reason: "it must be", force: true)
            )
            #expect(try await cluster.node("page-1").marks.contains(.cordoned))
        }
    }

    @Test func `a removed node is out at once, is told why, and finds its settings on return`()
        async throws
    {
        try await TestCluster.with { cluster in
            let agent = try await cluster.addAgent(
                "node-1",
                services: ["web": Agent.service(cluster.folder)]
            )
            let admin = cluster.admin
            try await admin.change(
                .setSetting,
                body: SetSettingRequest(scope: "node/node-1", key: "env.COLOUR", value: "blue")
            )
            try await cluster.node("node-1", becomes: "up to date") {
                !$0.marks.contains(.configBehind)
            }
            let process = try #require(
                try await cluster.service("web", of: "node-1").processID.map { Int32($0) }
            )
            try await admin.change(
                .removeNodes,
                body: RemoveNodesRequest(names: ["node-1"], reason: "sold")
            )
            _ = try await awaited("the removal") { () -> API.Event? in
                try await cluster.events(subject: "node-1").first { $0.kind == "node.removed" }
            }
            #expect(!Processes.lives(process))
            #expect(await eventually { agent.log.contains("removed from the cluster") })
            // Its credential is worth nothing any more.
            try await agent.destroy()
            try agent.start()
            try await agent.program?.says("removed")
            try await agent.destroy()
            let list: NodeList = try await admin.get(.listNodes)
            #expect(list.nodes.filter { $0.membership == "joined" }.isEmpty)

            let python = PythonAgent(cluster: cluster, name: "node-1")
            let joined = try await python.join(token: try await cluster.token().token)
            #expect(joined.status == 0, "\(joined.everything)")
            _ = try python.run()
            try await cluster.online("node-1")
            #expect(
                await eventually {
                    TestFolder.text(at: python.state + "/state.json")
                        .contains("\"env.COLOUR\": \"blue\"")
                }
            )
        }
    }

    @Test func `two machines with one identity are both held until an operator decides`()
        async throws
    {
        try await TestCluster.with { cluster in
            let agent = try await cluster.addAgent("node-1")
            let copy = try Agent("copy", in: cluster)
            try FileManager.default.copyItem(atPath: agent.state, toPath: copy.state)
            try copy.start()
            try await agent.program?.says("took this one's place")
            // The first comes back, with a nonce that was used meanwhile. Once that may be a line
            // that was late, from one machine; twice it is not.
            for round in 1...2 {
                try await agent.destroy()
                try agent.start()
                #expect(
                    await eventually {
                        agent.log.components(separatedBy: "Z error ").count > 1 + round
                    }
                )
            }
            let held = try await cluster.node("node-1", becomes: "conflicted") {
                $0.marks.contains(.conflicted)
            }
            #expect(held.status == "offline")
            #expect(held.reason.contains("identity seen twice"))
            let event = try await cluster.events(subject: "node-1").last {
                $0.kind == "node.conflicted"
            }
            #expect(event?.severity == .critical)
            #expect(event?.consequence.contains("muster node release node-1") == true)
            #expect(await eventually { agent.log.contains("held") && copy.log.contains("held") })
            #expect(try await cluster.audit().contains { $0.verb == "node.hold" })

            try await copy.destroy()
            try await cluster.admin.change(.releaseNode, "node-1")
            try await agent.destroy()
            try agent.start()
            try await cluster.online("node-1")
        }
    }
}
