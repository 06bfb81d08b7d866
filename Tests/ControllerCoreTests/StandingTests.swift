import ControllerCore
import Model
import Protocol
import Testing

/// A node hears with every answer what keeps new work from it.
struct StandingTests {
    private func standing(_ stage: inout Stage, _ connection: ConnectionID) -> NodeStanding? {
        stage.beat(connection)
        switch stage.sent.last?.message {
        case .lease(let lease): return lease.standing
        case .alive(_, _, let standing): return standing
        default:
            Issue.record("the beat was not answered")
            return nil
        }
    }

    @Test func `what an operator says of a node is in the answer to its next heartbeat`() {
        var stage = Stage()
        let connection = stage.online("n1")
        #expect(standing(&stage, connection) == nil)
        stage.ask(.cordon("n1"))
        #expect(standing(&stage, connection) == .cordoned)
        stage.ask(.drain("n1", within: .seconds(30), keepServices: true))
        #expect(standing(&stage, connection) == .draining)
        stage.ask(.uncordon("n1"))
        #expect(standing(&stage, connection) == nil)
        stage.ask(
            .beginMaintenance(
                "n1",
                owner: "alice",
                until: stage.now.wall + .seconds(3_600),
                keepServices: true
            )
        )
        #expect(standing(&stage, connection) == .maintenance)
        stage.ask(.endMaintenance("n1"))
        #expect(standing(&stage, connection) == nil)
    }

    @Test func `an answer without a lease says it, too`() {
        var stage = Stage()
        let connection = stage.online("n1")
        stage.ask(.cordon("n1"))
        stage.step(.journalLate(true))
        stage.beat(connection)
        guard case .alive(_, _, .cordoned)? = stage.sent.last?.message else {
            Issue.record("\(stage.sent.last.map { "\($0.message)" } ?? "nothing")")
            return
        }
    }
}
