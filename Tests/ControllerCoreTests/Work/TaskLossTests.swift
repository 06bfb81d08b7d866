import ControllerCore
import Model
import Protocol
import Testing

/// What becomes of tasks when their node is lost, comes back, is drained or removed.
struct TaskLossTests {
    /// Two nodes; the task is given to the first.
    private func stage(
        _ delivery: DeliveryPolicy
    ) -> (Stage, lost: ConnectionID, other: ConnectionID, TaskID) {
        var stage = Stage()
        let lost = stage.online("n1", handlers: [.plain(.push, delivery)])
        let id = stage.submit()[0]
        let other = stage.online("n2", handlers: [.plain(.push, delivery)])
        stage.live([lost, other], for: 3)
        return (stage, lost, other, id)
    }

    @Test func `an exclusive task waits until the lease of its lost node has surely ended`() {
        var (stage, lost, other, id) = stage(.exclusive)
        stage.step(.disconnected(lost, .closedByPeer))
        stage.live([other], for: 15)
        #expect(stage.running(other).isEmpty)
        #expect(stage.machine.member(named: "n1")?.record.session == 1)
        stage.live([other], for: 2)
        // 16 s after the last answered heartbeat: the session is raised, then it is given.
        #expect(stage.machine.member(named: "n1")?.record.session == 2)
        #expect(stage.runs(other) == [TaskAttempt(task: id, attempt: 2)])
        #expect(stage.running(other).first?.isRepeated == true)
        #expect(stage.told(.tasksMoved) == 1)
        #expect(stage.audits.contains { $0.verb == "node.fence" })
    }

    @Test func `an idempotent task goes elsewhere at once`() {
        var (stage, lost, other, id) = stage(.idempotent)
        stage.step(.disconnected(lost, .closedByPeer))
        stage.live([other], for: 2)
        #expect(stage.runs(other) == [TaskAttempt(task: id, attempt: 2)])
        #expect(stage.machine.member(named: "n1")?.record.session == 1)
    }

    @Test func `an idempotent task with an exclusive key is not on two nodes at once`() {
        var stage = Stage()
        let lost = stage.online("n1", handlers: [.plain(.push, .idempotent)])
        stage.submit(exclusive: ExclusiveKey("partner"))
        let other = stage.online("n2", handlers: [.plain(.push, .idempotent)])
        stage.live([lost, other], for: 3)
        stage.step(.disconnected(lost, .closedByPeer))
        stage.live([other], for: 10)
        #expect(stage.running(other).isEmpty)
        stage.live([other], for: 7)
        #expect(stage.running(other).count == 1)
    }

    @Test func `a task that may run once only is not known when its node is lost`() {
        var (stage, lost, other, id) = stage(.atMostOnce)
        stage.say(.work(.started(TaskAttempt(task: id, attempt: 1))), on: lost)
        stage.step(.disconnected(lost, .closedByPeer))
        stage.live([other], for: 17)
        #expect(stage.state(id) == .unknown)
        #expect(stage.told(.taskUnknown) == 1)
        #expect(stage.running(other).isEmpty)
        stage.ask(.retryTasks([id]))
        #expect(stage.runs(other) == [TaskAttempt(task: id, attempt: 2)])
    }

    @Test func `a task that may run once only and fails is not repeated`() {
        var (stage, node, _, id) = stage(.atMostOnce)
        stage.end(TaskAttempt(task: id, attempt: 1), .failed, status: 1, on: node)
        #expect(stage.state(id) == .failed)
    }

    @Test func `a node that comes back in time keeps what it runs`() {
        var (stage, lost, other, id) = stage(.exclusive)
        stage.step(.disconnected(lost, .closedByPeer))
        stage.live([other], for: 5)
        let back = stage.attach(
            "n1",
            handlers: [.plain()],
            holding: [(TaskAttempt(task: id, attempt: 1), .running)]
        )
        stage.live([back, other], for: 30)
        #expect(stage.state(id) == .assigned)
        #expect(stage.running(other).isEmpty)
        stage.end(TaskAttempt(task: id, attempt: 1), on: back)
        #expect(stage.state(id) == .done)
    }

    @Test func `what a node does not tell of after a restart is given again at once`() {
        var (stage, lost, other, id) = stage(.exclusive)
        stage.step(.disconnected(lost, .closedByPeer))
        let back = stage.attach("n1", handlers: [.plain()], incarnation: 2)
        #expect(
            stage.runs(other) + stage.runs(back) == [TaskAttempt(task: id, attempt: 2)]
        )
    }

    @Test
    func `an attempt that was interrupted is given again, and a result after the fence is late`() {
        var (stage, lost, other, id) = stage(.exclusive)
        stage.step(.disconnected(lost, .closedByPeer))
        stage.live([other], for: 17)
        #expect(stage.runs(other) == [TaskAttempt(task: id, attempt: 2)])
        let back = stage.attach(
            "n1",
            handlers: [.plain()],
            holding: [(TaskAttempt(task: id, attempt: 1), .ended)]
        )
        stage.end(TaskAttempt(task: id, attempt: 1), on: back)
        #expect(stage.told(.taskLate) == 1)
        #expect(stage.state(id) == .assigned)
        stage.end(TaskAttempt(task: id, attempt: 2), .interrupted, on: other)
        #expect(stage.state(id) == .assigned)
        #expect(stage.machine.work.view(of: id)?.attempt == 3)
    }

    @Test func `a controller that restarts waits for the lease of who does not come back`() {
        var (stage, _, _, id) = stage(.exclusive)
        stage.restart()
        let other = stage.attach("n2", handlers: [.plain()], incarnation: 2)
        stage.live([other], for: 15)
        #expect(stage.running(other).isEmpty)
        stage.live([other], for: 2)
        #expect(stage.runs(other) == [TaskAttempt(task: id, attempt: 2)])
    }

    @Test func `a drain takes back what has not started, waits for the rest, and ends it in time`()
    {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain(prefetch: 1)])
        let ids = stage.submit(count: 2)
        #expect(stage.runs(node).count == 2)
        stage.say(.work(.started(TaskAttempt(task: ids[0], attempt: 1))), on: node)
        let other = stage.online("n2", handlers: [.plain(prefetch: 1)])
        stage.ask(.drain("n1", within: .seconds(20), keepServices: true))
        let cancels = stage.sent.filter {
            $0.connection == node && $0.message.line.verb == "CANCEL"
        }
        #expect(cancels.map { $0.message.line["task"] } == ["\(ids[1])"])
        #expect(cancels.first?.message.line["reason"] == "recalled")
        stage.say(
            .work(.returned(TaskAttempt(task: ids[1], attempt: 1), code: .notNow, text: "")),
            on: node
        )
        #expect(stage.runs(other) == [TaskAttempt(task: ids[1], attempt: 2)])
        stage.live([node, other], for: 10)
        #expect(stage.told(.nodeDrained) == 0)
        stage.live([node, other], for: 11)
        #expect(stage.verbs(node).last { $0 != "LEASE" } == "CANCEL")
        stage.end(TaskAttempt(task: ids[0], attempt: 1), .cancelled, on: node)
        #expect(stage.told(.nodeDrained) == 1)
        #expect(stage.running(node).isEmpty)
        #expect(
            Set(stage.runs(other))
                == [TaskAttempt(task: ids[0], attempt: 2), TaskAttempt(task: ids[1], attempt: 2)]
        )
    }

    @Test func `a removal by force waits for the lease before it gives the tasks away`() {
        var (stage, lost, other, id) = stage(.exclusive)
        stage.step(.disconnected(lost, .closedByPeer))
        stage.live([other], for: 5)
        stage.ask(.removeNodes(["n1"]), force: true)
        #expect(stage.machine.member(named: "n1") == nil)
        stage.live([other], for: 5)
        #expect(stage.running(other).isEmpty)
        stage.live([other], for: 8)
        #expect(stage.runs(other) == [TaskAttempt(task: id, attempt: 2)])
    }

    @Test func `a node whose session is of version 1 gets no task and may not speak of them`() {
        var stage = Stage()
        stage.join("n1")
        let record = stage.machine.member(named: "n1")!.record
        let connection = stage.connect(.node(record.id, key: KeyFingerprint("key-n1")))
        stage.say(
            .hello(
                Hello(
                    speaker: .agent,
                    versionMax: 1,
                    incarnation: 1,
                    nonce: record.nonce,
                    bootID: "boot",
                    machineID: "machine"
                )
            ),
            on: connection
        )
        stage.say(
            .ready(nonce: stage.machine.member(named: "n1")!.record.nonce),
            on: connection
        )
        stage.say(.work(.handler(.plain())), on: connection)
        #expect(stage.closed.last == .badVerb)
    }

    @Test func `an interrupted task comes back before those that wait the same way`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain()])
        let tasks = stage.submit(count: 3)
        // The second stands at the head of its lane, and the node has room again in this very step.
        stage.end(TaskAttempt(task: tasks[0], attempt: 1), .interrupted, on: node)
        #expect(stage.runs(node) == [TaskAttempt(task: tasks[0], attempt: 2)])
        #expect(stage.work(node) == tasks)
    }

    @Test func `a head that is cancelled while its node gets room is passed over`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain()])
        let tasks = stage.submit(count: 3)
        let returned = AgentWorkMessage.returned(
            TaskAttempt(task: tasks[0], attempt: 1),
            code: .busy,
            text: "full"
        )
        stage.say(.work(returned), on: node)
        // The pause after a refusal ends in the step that cancels.
        stage.advance(.seconds(1))
        stage.ask(.cancelTasks([tasks[0]]))
        #expect(stage.work(node) == [tasks[1], tasks[2]])
    }

    @Test func `a copy that comes first is not believed about what the first machine runs`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain()])
        let task = stage.submit()[0]
        stage.say(.work(.started(TaskAttempt(task: task, attempt: 1))), on: node)
        stage.live([node], for: 5)
        // It has copied the nonce with the rest (simulation, seeds 11, 15 and 116), and would say
        // that the attempt was interrupted.
        let copy = stage.hello("n1", incarnation: 2, boot: "another")
        #expect(stage.verbs(copy) == ["ERR"])
        #expect(stage.runs(node) == [TaskAttempt(task: task, attempt: 1)])
        // The first one goes on as before.
        stage.live([node], for: 5)
        stage.end(TaskAttempt(task: task, attempt: 1), on: node)
        #expect(stage.state(task) == .done)
    }

    @Test func `a node that was switched off and on comes back when its lease is over`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain()])
        let task = stage.submit()[0]
        stage.live([node], for: 2)
        stage.step(.disconnected(node, .closedByPeer))
        stage.pass(.seconds(8))
        let early = stage.hello("n1", incarnation: 2, boot: "second")
        #expect(stage.verbs(early) == ["ERR"])
        stage.pass(.seconds(9))
        #expect(stage.state(task) == .waiting)
        let late = stage.hello("n1", incarnation: 2, boot: "second")
        #expect(stage.verbs(late) == ["WELCOME"])
    }
}
