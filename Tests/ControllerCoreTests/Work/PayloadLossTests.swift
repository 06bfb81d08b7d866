import ControllerCore
import Model
import Protocol
import Testing

/// Attempts that were given to a node, and whose order the shell could not send: the store did not
/// give the payload.
struct PayloadLossTests {
    static let damage = PayloadProblem.damaged("the row payload/0000000000000002")

    private func attempt(_ task: TaskID, _ number: UInt16 = 1) -> TaskAttempt {
        TaskAttempt(task: task, attempt: number)
    }

    @Test func `a task whose payload is damaged is unknown, and its node gets the next one`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain()])
        let tasks = stage.submit(count: 2, payload: [1, 2, 3])
        #expect(stage.runs(node) == [attempt(tasks[0])])
        let closed = stage.closed.count
        stage.step(.payloadLost(attempt(tasks[0]), Self.damage))
        #expect(stage.state(tasks[0]) == .unknown)
        // The reason names the damage, wherever somebody looks.
        let view = stage.machine.work.view(of: tasks[0])
        #expect(view?.result?.outcome == .notExecuted)
        #expect(view?.result?.detail.contains("row payload/0000000000000002") == true)
        #expect(view?.traces.map(\.outcome) == ["payload-lost"])
        let why = stage.machine.work.explain(tasks[0])?.text
        #expect(why?.contains("its payload is damaged") == true)
        let event = stage.events.last { $0.kind == .taskUnknown }
        #expect(event?.subject == "task \(tasks[0])" && event?.severity == .critical)
        #expect(event?.cause.contains("row payload/0000000000000002") == true)
        // No session ends, and the place is free.
        #expect(stage.closed.count == closed && stage.status("n1") == .online)
        #expect(stage.runs(node) == [attempt(tasks[1])])
        stage.restart()
        #expect(stage.state(tasks[0]) == .unknown)
        #expect(stage.machine.work.explain(tasks[0])?.text.contains("damaged") == true)
    }

    @Test func `an operator resolves it, gives it again, or cancels it`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain(slots: 3)])
        let tasks = stage.submit(count: 3, payload: [1])
        for task in tasks { stage.step(.payloadLost(attempt(task), Self.damage)) }
        stage.ask(.resolveTasks([tasks[0]], isDone: false))
        #expect(stage.state(tasks[0]) == .failed)
        stage.ask(.cancelTasks([tasks[1]]))
        #expect(stage.state(tasks[1]) == .cancelled)
        // Mended or not: it is tried, and found damaged again.
        stage.ask(.retryTasks([tasks[2]]))
        #expect(stage.runs(node) == [attempt(tasks[2], 2)])
        stage.step(.payloadLost(attempt(tasks[2], 2), Self.damage))
        #expect(stage.state(tasks[2]) == .unknown)
        #expect(stage.told(.taskUnknown) == 4)
    }

    @Test func `only the attempt that is meant is taken back`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain()])
        let task = stage.submit(payload: [1])[0]
        stage.step(.payloadLost(attempt(task, 2), Self.damage))
        stage.step(.payloadLost(attempt(TaskID(task.number + 1)), Self.damage))
        #expect(stage.runs(node) == [attempt(task)])
        // It has ended in the meantime.
        stage.end(attempt(task), on: node)
        stage.step(.payloadLost(attempt(task), Self.damage))
        #expect(stage.state(task) == .done)
        // Somebody has cancelled it.
        let other = stage.submit(payload: [1])[0]
        stage.ask(.cancelTasks([other]))
        stage.step(.payloadLost(attempt(other), Self.damage))
        #expect(stage.state(other) == .cancelled)
    }

    @Test func `a key goes on behind it`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain()])
        let key = ExclusiveKey("partner", isOrdered: true)
        let tasks = stage.submit(count: 2, exclusive: key, payload: [1])
        stage.step(.payloadLost(attempt(tasks[0]), Self.damage))
        #expect(stage.work(node) == [tasks[1]])
    }

    @Test func `a store that cannot be read now is asked again after the task's delay`() {
        var stage = Stage()
        stage.ask(.set(.cluster, key: "task.retry-delay", value: "5s"))
        let node = stage.online("n1", handlers: [.plain()])
        let task = stage.submit(payload: [1])[0]
        stage.step(.payloadLost(attempt(task), .unreadable("disk I/O error")))
        #expect(stage.state(task) == .delayed)
        #expect(stage.told(.taskUnknown) == 0)
        let why = stage.machine.work.explain(task)?.text
        #expect(why?.contains("cannot be read: disk I/O error; tried again at") == true)
        stage.live([node], for: 4)
        #expect(stage.runs(node).isEmpty)
        stage.live([node], for: 2)
        #expect(stage.runs(node) == [attempt(task, 2)])
        // It was no failure of the task.
        #expect(stage.machine.work.view(of: task)?.failures == 0)
    }
}
