import ControllerCore
import Model
import Protocol
import Testing

/// Tasks of one exclusive key, of several types, of which some can go nowhere.
struct PassingTests {
    static let key = ExclusiveKey("partner", isOrdered: false)
    static let ordered = ExclusiveKey("partner", isOrdered: true)

    private func why(_ stage: Stage, _ task: TaskID) -> String {
        stage.machine.work.explain(task)?.text ?? "nothing"
    }

    @Test func `a task that no node takes does not hold up its key`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain(.push, slots: 2)])
        let stuck = stage.submit(.pgp, exclusive: Self.key)[0]
        let others = stage.submit(.push, count: 3, exclusive: Self.key)
        #expect(stage.runs(node).map(\.task) == Array(others.prefix(2)))
        #expect(why(stage, stuck) == "no node defines a handler for PGP")
        #expect(why(stage, others[2]).contains("waits for room on n1"))
        #expect(stage.work(node) == others)
        #expect(stage.state(stuck) == .waiting)
        // Now somebody takes it, and nobody of its key can be on another node meanwhile.
        let late = stage.online("n2", handlers: [.plain(.pgp)])
        #expect(stage.work(late) == [stuck])
    }

    @Test func `one that some node takes is not passed over, wherever the key is bound`() {
        var stage = Stage()
        let first = stage.online("n1", handlers: [.plain(.push, slots: 2)])
        let second = stage.online("n2", handlers: [.plain(.pgp)])
        let one = stage.submit(.push, exclusive: Self.key)[0]
        let other = stage.submit(.pgp, exclusive: Self.key)[0]
        let last = stage.submit(.push, exclusive: Self.key)[0]
        // Were the last to go first, since n1 has room, the key could stay there for ever.
        #expect(stage.runs(first).map(\.task) == [one])
        #expect(why(stage, last) == "task \(other) of the same key goes first")
        stage.end(stage.runs(first)[0], on: first)
        #expect(stage.runs(first).isEmpty)
        #expect(stage.work(second) == [other])
        #expect(stage.work(first) == [last])
    }

    @Test func `an ordered task is passed by nobody, and passes nobody`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain(.push)])
        stage.submit(.pgp, exclusive: Self.key)
        let waits = stage.submit(.push, exclusive: Self.ordered)[0]
        stage.submit(.push, exclusive: Self.key)
        #expect(stage.runs(node).isEmpty)
        #expect(why(stage, waits).contains("goes first"))

        var other = Stage()
        let idle = other.online("n1", handlers: [.plain(.push)])
        other.submit(.pgp, exclusive: Self.ordered)
        other.submit(.push, exclusive: Self.key)
        #expect(other.runs(idle).isEmpty)
    }

    @Test(arguments: [255, 256, 257])
    func `so many are passed over and no more`(_ count: Int) {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain(.push)])
        let stuck = stage.submit(.pgp, count: count, exclusive: Self.key)
        let task = stage.submit(.push, exclusive: Self.key)[0]
        #expect(stage.runs(node).map(\.task) == (count <= 256 ? [task] : []))
        if count > 256 {
            #expect(why(stage, task) == "task \(stuck[0]) of the same key goes first")
            // One of them is cancelled: there is one less to pass.
            stage.ask(.cancelTasks([stuck[100]]))
            #expect(stage.runs(node).map(\.task) == [task])
        }
    }

    @Test func `what was offered in a head's place is withdrawn when the head can go`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain(.push)])
        // The node is busy with something else, so both wait.
        let busy = stage.submit(.push)[0]
        let head = stage.submit(.pgp, exclusive: Self.key)[0]
        let other = stage.submit(.push, exclusive: Self.key)[0]
        let more = stage.online("n2", handlers: [.plain(.pgp)])
        #expect(stage.runs(more).map(\.task) == [head])
        stage.end(TaskAttempt(task: busy, attempt: 1), on: node)
        #expect(stage.runs(node).isEmpty, "the key is on n2")
        stage.end(TaskAttempt(task: head, attempt: 1), on: more)
        #expect(stage.work(node) == [other])
    }

    @Test func `a head that is cancelled leaves the one in its place where it was`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain(.push)])
        let busy = stage.submit(.push)[0]
        let heads = stage.submit(.pgp, count: 2, exclusive: Self.key)
        let other = stage.submit(.push, exclusive: Self.key)[0]
        stage.ask(.cancelTasks([heads[0]]))
        stage.end(TaskAttempt(task: busy, attempt: 1), on: node)
        #expect(stage.runs(node).map(\.task) == [other])
        #expect(stage.state(heads[1]) == .waiting)
    }
}
