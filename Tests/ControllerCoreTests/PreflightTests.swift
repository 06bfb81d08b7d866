import ControllerCore
import Model
import Protocol
import Testing

struct PreflightTests {
    private func finding(
        _ order: UInt64,
        _ outcome: Finding.Outcome,
        _ check: String = "shared-path:/srv"
    ) -> AgentMessage {
        .finding(Finding(order: order, check: check, outcome: outcome, text: "text"))
    }

    private func probes(_ stage: Stage) -> [(connection: ConnectionID, probe: Probe)] {
        stage.sent.compactMap { send in
            if case .probe(let probe) = send.message { (send.connection, probe) } else { nil }
        }
    }

    /// Two nodes that both list /srv as shared, asked and answered up to the writing of the marker.
    private func asked() -> Stage {
        var stage = Stage()
        let connections = [stage.online("n1"), stage.online("n2")]
        stage.ask(.preflight([]))
        for (name, connection) in zip(["n1", "n2"] as [NodeName], connections) {
            for order in stage.openOrders(of: name) {
                stage.say(finding(order.id, .passed), on: connection)
                stage.say(.done(order: order.id), on: connection)
            }
        }
        return stage
    }

    @Test func `a shared path is written on one node, read on the others, and cleaned`() {
        var stage = asked()
        for action in [Probe.Action.write, .read, .remove] {
            guard let (connection, probe) = probes(stage).last else {
                Issue.record("no probe to \(action)")
                return
            }
            #expect(probe.action == action)
            #expect(probe.marker.utf8.allSatisfy { $0 != 45 })
            stage.say(.done(order: probe.order), on: connection)
        }
        let run = stage.machine.preflights.values.last
        #expect(run?.isFinished == true)
        #expect(run?.nodes.values.allSatisfy { $0.failures.isEmpty } == true)
        #expect(probes(stage).count == 3)
    }

    @Test func `a marker that another node does not see fails the preflight`() {
        var stage = asked()
        guard let write = probes(stage).last else { return }
        stage.say(.done(order: write.probe.order), on: write.connection)
        guard let read = probes(stage).last else { return }
        let check = "shared-path-same:/srv"
        stage.say(finding(read.probe.order, .failed, check), on: read.connection)
        stage.say(.done(order: read.probe.order), on: read.connection)
        guard let remove = probes(stage).last else { return }
        stage.say(.done(order: remove.probe.order), on: remove.connection)
        let run = stage.machine.preflights.values.last
        let findings = run?.nodes.values.flatMap(\.findings).filter { $0.check == check }
        #expect(findings?.map(\.outcome) == [.failed])
        #expect(stage.told(.preflightFinished) == 1)
    }

    @Test func `orders of a preflight end when the node's session does`() {
        var stage = Stage()
        let connection = stage.online("n1")
        stage.ask(.preflight(["n1"]))
        #expect(stage.openOrders(of: "n1").count == 1)
        stage.step(.disconnected(connection, .closedByPeer))
        #expect(stage.openOrders(of: "n1").isEmpty)
        #expect(stage.machine.preflights.values.last?.isFinished == true)
    }

    @Test func `a preflight that is not answered ends at its deadline`() {
        var stage = Stage()
        let connection = stage.online("n1")
        stage.ask(.preflight(["n1"]))
        stage.live([connection], for: 61)
        #expect(stage.openOrders(of: "n1").isEmpty)
        #expect(stage.machine.preflights.values.last?.isFinished == true)
        #expect(stage.status("n1") == .online)
    }

    @Test func `a node that fails its first preflight is not admitted and tried again`() {
        var stage = Stage()
        stage.join("n1")
        let connection = stage.attach("n1")
        let order = stage.openOrders(of: "n1")[0].id
        stage.say(finding(order, .failed, "free-space:/"), on: connection)
        stage.say(.done(order: order), on: connection)
        #expect(stage.reason("n1").contains("free-space:/"))
        stage.live([connection], for: 31)
        let again = stage.openOrders(of: "n1")
        #expect(again.map(\.action) == [.preflight])
        stage.say(.done(order: again[0].id), on: connection)
        #expect(stage.status("n1") == .online)
    }

    @Test func `as many nodes as join at once are admitted when they have answered`() {
        var stage = Stage()
        var nodes: [(name: NodeName, connection: ConnectionID)] = []
        for number in 1...60 {
            let name = NodeName("n\(number)")!
            stage.join(name)
            nodes.append((name, stage.attach(name)))
        }
        for (_, connection) in nodes {
            for sent in stage.sent where sent.connection == connection {
                guard case .preflight(let order, _) = sent.message else { continue }
                stage.say(.done(order: order), on: connection)
            }
        }
        let admitted = nodes.count {
            stage.machine.member(named: $0.name)?.record.isAdmitted ?? false
        }
        #expect(admitted == 60)
    }
}
