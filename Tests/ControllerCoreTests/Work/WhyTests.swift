import ControllerCore
import Model
import Protocol
import Testing

/// Why a task is where it is: what was decided is kept as it was seen, what waits is explained by the
/// rules as they are now.
struct WhyTests {
    private func load(_ perProcessor: UInt32, memoryUsed: UInt64) -> AgentMessage {
        var load = Load()
        load.processors = 4
        load.loadAverage1 = 4 * perProcessor
        load.memoryTotal = 1_000
        load.memoryAvailable = 1_000 - memoryUsed
        return .load(load, disks: 0)
    }

    /// The view that a task's decision rests on, as the store has it.
    private func view(of id: TaskID, _ stage: Stage) -> DispatchView? {
        guard let decision = stage.machine.work.view(of: id)?.assignment?.decision,
            case .dispatchView(let view)? = stage.store[
                "dispatch-view/\(TaskID(decision.view).storeKey)"
            ]
        else { return nil }
        return view
    }

    private func obstacles(_ view: DispatchView?) -> [String] {
        view?.entries.map { "\($0.node): \($0.obstacle ?? "-")" } ?? []
    }

    @Test func `where nobody could take a task nobody is called overloaded`() {
        var stage = Stage()
        stage.online("n1", handlers: [.plain()])
        stage.ask(.set(.node("n1"), key: "task.slots", value: "0"))
        let id = stage.submit()[0]
        let why = stage.machine.work.explain(id)
        #expect(why?.rule != .allOverloaded)
        #expect(why?.candidates.map(\.entry.obstacle) == ["its slots are set to 0"])
        #expect(why?.candidates.map(\.entry.slots) == [0])
    }

    @Test func `a decision keeps who could not take the task, why, and the loads that were seen`()
        throws
    {
        var stage = Stage()
        let cordoned = stage.online("n1", handlers: [.plain()])
        let other = stage.online("n2", handlers: [.plain(.pgp)])
        let overloaded = stage.online("n3", handlers: [.plain()])
        let taker = stage.online("n4", handlers: [.plain(slots: 3)])
        stage.say(load(2_500, memoryUsed: 100), on: overloaded)
        stage.say(load(420, memoryUsed: 370), on: taker)
        stage.ask(.cordon("n1"))
        let id = stage.submit()[0]
        #expect(stage.runs(taker) == [TaskAttempt(task: id, attempt: 1)])
        let seen = view(of: id, stage)
        #expect(
            obstacles(seen) == [
                "n1: cordoned", "n2: no handler for PUSH",
                "n3: load 2.50 per CPU, overloaded from 2.00", "n4: -",
            ]
        )
        let entry = try #require(seen?.entries.last)
        #expect(entry.loadPerProcessor == 420 && entry.memoryPerMille == 370 && entry.slots == 3)
        #expect(stage.machine.work.view(of: id)?.assignment?.decision.rule == .wholeSite)
        // What follows changes nothing of what was decided, nor does a restart.
        stage.ask(.uncordon("n1"))
        stage.say(load(100, memoryUsed: 100), on: overloaded)
        stage.live([cordoned, other, overloaded, taker], for: 3)
        stage.restart()
        #expect(view(of: id, stage) == seen)
        #expect(stage.machine.work.views[seen?.number ?? 0] == seen)
    }

    @Test func `what has changed just before a decision is in its record`() {
        var stage = Stage()
        _ = stage.online("n1", handlers: [.plain(slots: 9)])
        _ = stage.online("n2", handlers: [.plain(slots: 9)])
        let first = stage.submit()[0]
        #expect(obstacles(view(of: first, stage)) == ["n1: -", "n2: -"])
        stage.ask(.cordon("n1"))
        let second = stage.submit()[0]
        #expect(obstacles(view(of: second, stage)) == ["n1: cordoned", "n2: -"])
        stage.ask(.uncordon("n1"))
        stage.ask(.cordon("n2"))
        let third = stage.submit()[0]
        #expect(obstacles(view(of: third, stage)) == ["n1: -", "n2: cordoned"])
    }

    @Test func `views are few, however often things change within a second`() {
        var stage = Stage()
        _ = stage.online("n1", handlers: [.plain(slots: 200)])
        _ = stage.online("n2", handlers: [.plain(slots: 200)])
        stage.pass(.milliseconds(10))
        let before = stage.machine.work.views.keys.last ?? 0
        for _ in 0..<100 {
            stage.ask(.cordon("n1"))
            stage.submit()
            stage.ask(.uncordon("n1"))
            stage.submit()
        }
        #expect((stage.machine.work.views.keys.last ?? 0) - before == 11)
    }

    @Test func `a task that waits says for what`() {
        var stage = Stage()
        func text(_ id: TaskID) -> String { stage.machine.work.explain(id)?.text ?? "" }
        let later = TaskSubmission(type: .push, notBefore: stage.now.wall + .seconds(60))
        _ = stage.submit([TaskOffer(submission: later)])
        #expect(text(TaskID(1)).hasPrefix("it was asked for at 2023-11-14 22:14:20"))
        let node = stage.online("n1", handlers: [.plain()])
        let key = ExclusiveKey("k", isOrdered: true)
        let ids = stage.submit(count: 3, exclusive: key)
        #expect(text(ids[0]) == "node n1 has it, by the rule whole-site")
        stage.say(.work(.started(TaskAttempt(task: ids[0], attempt: 1))), on: node)
        #expect(text(ids[0]) == "node n1 runs it, by the rule whole-site")
        #expect(text(ids[1]) == "a task of the same key runs, and they go one at a time")
        #expect(text(ids[2]) == "task \(ids[1]) of the same key goes first")
        let waiting = stage.submit()[0]
        #expect(text(waiting) == "it waits for room on n1")
        #expect(
            stage.machine.work.explain(waiting)?.candidates.map(\.room)
                == ["no room: 1 of 1 slots, 0 may wait"]
        )
        stage.ask(.cordon("n1"))
        #expect(text(waiting) == "no node with a handler for PUSH takes work now")
        stage.end(TaskAttempt(task: ids[0], attempt: 1), .failed, status: 1, on: node)
        #expect(text(ids[0]).hasPrefix("an attempt failed; the next is made at "))
    }
}
