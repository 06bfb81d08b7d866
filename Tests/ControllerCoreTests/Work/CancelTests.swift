import ControllerCore
import Model
import Protocol
import Testing

/// A cancel holds, whoever restarts before the attempt has ended.
struct CancelTests {
    private func stage() -> (Stage, ConnectionID, TaskID) {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain()])
        let id = stage.submit()[0]
        stage.say(.work(.started(TaskAttempt(task: id, attempt: 1))), on: node)
        stage.ask(.cancelTasks([id]))
        return (stage, node, id)
    }

    private func cancels(_ stage: Stage, _ connection: ConnectionID) -> [CancelReason] {
        stage.sent.compactMap {
            guard $0.connection == connection, case .work(.cancel(_, _, let reason)) = $0.message
            else { return nil }
            return reason
        }
    }

    @Test func `a task that was cancelled is not given again by a controller that starts`() {
        var (stage, _, id) = stage()
        stage.restart()
        let again = stage.attach(
            "n1",
            handlers: [.plain()],
            holding: [(TaskAttempt(task: id, attempt: 1), .running)]
        )
        // It is said again: the first CANCEL may never have been sent.
        #expect(cancels(stage, again) == [.cancelled])
        stage.end(TaskAttempt(task: id, attempt: 1), .cancelled, on: again)
        #expect(stage.state(id) == .cancelled)
        #expect(stage.running(again).isEmpty)
    }

    @Test func `nor when its node is lost, or has forgotten it`() {
        for isLost in [true, false] {
            var (stage, _, id) = stage()
            stage.restart()
            if isLost {
                let other = stage.online("n2", handlers: [.plain()])
                stage.live([other], for: 20)
            } else {
                stage.attach("n1", handlers: [.plain()], incarnation: 2)
            }
            #expect(stage.state(id) == .cancelled, "lost \(isLost)")
        }
    }

    @Test func `a drain whose deadline passes while its node is away ends what runs there`() {
        for isRestarted in [true, false] {
            var stage = Stage()
            let node = stage.online("n1", handlers: [.plain()])
            let id = stage.submit()[0]
            stage.say(.work(.started(TaskAttempt(task: id, attempt: 1))), on: node)
            stage.ask(.drain("n1", within: .seconds(5), keepServices: true))
            stage.step(.disconnected(node, .closedByPeer))
            stage.pass(.seconds(8))
            if isRestarted { stage.restart() }
            let again = stage.attach(
                "n1",
                handlers: [.plain()],
                holding: [(TaskAttempt(task: id, attempt: 1), .running)]
            )
            stage.live([again], for: 1)
            #expect(cancels(stage, again) == [.drained], "restarted \(isRestarted)")
        }
    }

    @Test func `a cordon takes back what has not started, from a controller that starts too`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain(prefetch: 1)])
        let ids = stage.submit(count: 2)
        stage.say(.work(.started(TaskAttempt(task: ids[0], attempt: 1))), on: node)
        stage.ask(.cordon("n1"))
        stage.restart()
        let again = stage.attach(
            "n1",
            handlers: [.plain(prefetch: 1)],
            holding: [
                (TaskAttempt(task: ids[0], attempt: 1), .running),
                (TaskAttempt(task: ids[1], attempt: 1), .waiting),
            ]
        )
        let told = stage.sent.filter { $0.connection == again && $0.message.line.verb == "CANCEL" }
        #expect(told.map { $0.message.line["task"] } == ["\(ids[1])"])
        #expect(cancels(stage, again) == [.recalled])
    }

    @Test func `a cancel is read back as it was written, and older records have none`() throws {
        let (stage, _, id) = stage()
        let record = try #require(stage.store["task-state/\(id.storeKey)"])
        let bytes = record.line.bytes
        let read = try Record(
            table: .taskState,
            line: try Line.parse(bytes.dropLast(), limits: .record)
        )
        #expect(read == record)
        guard case .taskState(let state) = read else {
            Issue.record("another record")
            return
        }
        #expect(state.assignment?.cancel == .cancelled)
        let older = String(decoding: bytes, as: UTF8.self)
            .replacing(" cancel=cancelled", with: "")
        let line = try Line.parse(Array(older.utf8).dropLast(), limits: .record)
        guard case .taskState(let before) = try Record(table: .taskState, line: line) else {
            Issue.record("another record")
            return
        }
        #expect(before.assignment?.cancel == nil)
        #expect(before.assignment?.node == state.assignment?.node)
    }
}
