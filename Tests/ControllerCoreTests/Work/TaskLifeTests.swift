import ControllerCore
import Model
import Protocol
import Testing

/// What becomes of one task: accepted, given, done, failed, given again.
struct TaskLifeTests {
    @Test func `a task is durable, then answered, then given, and its result is taken`() throws {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain()])
        let effects = stage.step(
            .submitted(
                RequestID(900),
                Stage.admin,
                [TaskOffer(submission: TaskSubmission(type: .push), payload: [1, 2, 3])]
            )
        )
        // One step: the record, the assignment, RUN and the reply, in the stages of the effects.
        let puts = effects.journal.compactMap { entry -> RecordTable? in
            if case .put(let record) = entry { record.table } else { nil }
        }
        #expect(puts.contains(.task))
        #expect(puts.contains(.taskState))
        #expect(effects.replies.map(\.outcome) == [.tasks([.accepted(TaskID(1))])])
        let order = try #require(stage.running(node).first)
        #expect(order.attempt == TaskAttempt(task: TaskID(1), attempt: 1))
        #expect(order.payloadBytes == 3)
        #expect(order.token == FencingToken(epoch: Epoch(generation: 1, counter: 1), session: 1))
        #expect(!order.isRepeated)

        stage.say(.work(.started(order.attempt)), on: node)
        stage.end(order.attempt, on: node)
        #expect(stage.verbs(node).last == "TAKEN")
        #expect(stage.state(TaskID(1)) == .done)
        #expect(stage.store["task/\(TaskID(1).storeKey)"] == nil)
        #expect(stage.store["task-state/\(TaskID(1).storeKey)"] == nil)
        #expect(stage.end(of: TaskID(1))?.node == "n1")
        #expect(stage.machine.work.counts.done == 1)
        #expect(stage.machine.work.counts.bytes == 0)
    }

    @Test func `a long payload has a row of its own until the task has ended`() {
        var stage = Stage()
        let bytes = [UInt8](repeating: 7, count: WorkLimits.inlineBytesMax + 1)
        let id = stage.submit(payload: bytes)[0]
        #expect(stage.payloads[id] == bytes)
        let node = stage.online("n1", handlers: [.plain()])
        _ = stage.work(node)
        #expect(stage.state(id) == .done)
        #expect(stage.payloads[id] == nil)
    }

    @Test func `a failed attempt is repeated after the delay, doubled, and then given up`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain()])
        stage.ask(.set(.cluster, key: "task.retry-delay", value: "10s"))
        stage.ask(.set(.cluster, key: "task.retry-delay-max", value: "30s"))
        let id = stage.submit(attempts: 3)[0]
        for (attempt, wait) in [(UInt16(1), 10), (2, 20)] {
            stage.end(TaskAttempt(task: id, attempt: attempt), .failed, status: 1, on: node)
            #expect(stage.state(id) == .delayed)
            stage.live([node], for: wait - 1)
            #expect(stage.state(id) == .delayed)
            stage.live([node], for: 2)
            #expect(stage.runs(node) == [TaskAttempt(task: id, attempt: attempt + 1)])
        }
        stage.end(TaskAttempt(task: id, attempt: 3), .failed, status: 1, on: node)
        #expect(stage.state(id) == .failed)
        #expect(stage.told(.taskFailed) == 1)
        #expect(stage.running(node).isEmpty)

        stage.ask(.retryTasks([id]))
        #expect(stage.runs(node) == [TaskAttempt(task: id, attempt: 4)])
        stage.end(TaskAttempt(task: id, attempt: 4), on: node)
        #expect(stage.state(id) == .done)
        #expect(stage.end(of: id)?.traces.map(\.attempt) == [1, 2, 3])
    }

    @Test func `an exit status that no retry mends gives the task up at once`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain()])
        let id = stage.submit()[0]
        stage.end(
            TaskAttempt(task: id, attempt: 1),
            .failed,
            status: 64,
            permanent: true,
            on: node
        )
        #expect(stage.state(id) == .failed)
        stage.ask(.resolveTasks([id], isDone: true))
        #expect(stage.state(id) == .done)
        #expect(stage.machine.work.counts.failed == 0)
    }

    @Test func `a result of an attempt that is not the current one counts for nothing`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain()])
        let id = stage.submit()[0]
        stage.say(
            .work(.returned(TaskAttempt(task: id, attempt: 1), code: .busy, text: "")),
            on: node
        )
        stage.live([node], for: 2)
        #expect(stage.runs(node) == [TaskAttempt(task: id, attempt: 2)])
        stage.end(TaskAttempt(task: id, attempt: 1), on: node)
        #expect(stage.state(id) == .assigned)
        #expect(stage.told(.taskLate) == 1)
        #expect(stage.verbs(node).last == "TAKEN")
        stage.end(TaskAttempt(task: id, attempt: 2), on: node)
        #expect(stage.state(id) == .done)
    }

    @Test func `a result for another node's task decides nothing`() {
        var stage = Stage()
        let first = stage.online("n1", handlers: [.plain()])
        let id = stage.submit()[0]
        let second = stage.online("n2", handlers: [.plain()])
        stage.end(TaskAttempt(task: id, attempt: 1), on: second)
        #expect(stage.state(id) == .assigned)
        #expect(stage.told(.taskLate) == 1)
        stage.end(TaskAttempt(task: id, attempt: 1), on: first)
        #expect(stage.state(id) == .done)
    }

    @Test func `a task is cancelled while it waits, and while it runs`() {
        var stage = Stage()
        let waiting = stage.submit()[0]
        stage.ask(.cancelTasks([waiting]))
        #expect(stage.state(waiting) == .cancelled)
        let node = stage.online("n1", handlers: [.plain()])
        let running = stage.submit()[0]
        let behind = stage.submit()[0]
        stage.say(.work(.started(TaskAttempt(task: running, attempt: 1))), on: node)
        stage.ask(.cancelTasks([running]))
        #expect(stage.verbs(node).last == "CANCEL")
        #expect(stage.state(running) == .assigned)
        stage.end(TaskAttempt(task: running, attempt: 1), .cancelled, on: node)
        #expect(stage.state(running) == .cancelled)
        #expect(stage.runs(node) == [TaskAttempt(task: behind, attempt: 1)])
        stage.ask(.cancelTasks([running]))
        #expect(stage.lastRefusal == .notNow)
    }

    @Test func `an idempotency key gives the same task, and refuses another body`() {
        var stage = Stage()
        func offer(_ payload: [UInt8], known: TaskKeyRecord? = nil) -> TaskOffer {
            TaskOffer(
                submission: TaskSubmission(type: .push, idempotencyKey: "k"),
                payload: payload,
                known: known
            )
        }
        #expect(stage.submit([offer([1])]) == [.accepted(TaskID(1))])
        #expect(stage.submit([offer([1])]) == [.known(TaskID(1))])
        if case .refused(let refused)? = stage.submit([offer([2])]).first {
            #expect(refused.code == .duplicate)
        } else {
            Issue.record("another body was accepted")
        }
        // After a restart the machine does not remember; the store does.
        let known = stage.taskKeys["k"]
        stage.restart()
        #expect(stage.submit([offer([1], known: known)]) == [.known(TaskID(1))])
        // The key outlives its task.
        let node = stage.online("n1", handlers: [.plain()])
        _ = stage.work(node)
        #expect(stage.state(TaskID(1)) == .done)
        #expect(stage.submit([offer([1], known: known)]) == [.known(TaskID(1))])
    }

    @Test func `a full queue turns tasks away and says so once`() {
        var stage = Stage()
        stage.ask(.set(.cluster, key: "task.queue.count", value: "3"))
        #expect(stage.submit(count: 5).count == 3)
        guard case .tasks(let answers)? = stage.replies.last,
            case .refused(let refused)? = answers.last
        else {
            Issue.record("nothing was refused")
            return
        }
        #expect(refused.code == .busy)
        #expect(stage.told(.queueFull) == 1)
        let node = stage.online("n1", handlers: [.plain()])
        _ = stage.work(node)
        #expect(stage.told(.queueRelieved) == 1)
        #expect(stage.submit().count == 1)
    }

    @Test func `a restart loses nothing and repeats nothing that had ended`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain(slots: 2)])
        let ids = stage.submit(count: 5)
        stage.end(TaskAttempt(task: ids[0], attempt: 1), on: node)
        stage.end(TaskAttempt(task: ids[1], attempt: 1), .failed, status: 1, on: node)
        let before = ids.map { stage.state($0) }
        stage.restart()
        #expect(ids.map { stage.state($0) } == before)
        let again = stage.attach(
            "n1",
            handlers: [.plain(slots: 2)],
            holding: [
                (TaskAttempt(task: ids[2], attempt: 1), .running),
                (TaskAttempt(task: ids[3], attempt: 1), .running),
            ],
            incarnation: 2
        )
        #expect(stage.running(again).isEmpty)
        stage.end(TaskAttempt(task: ids[2], attempt: 1), on: again)
        stage.end(TaskAttempt(task: ids[3], attempt: 1), on: again)
        #expect(stage.runs(again) == [TaskAttempt(task: ids[4], attempt: 1)])
        stage.live([again], for: 121)
        #expect(stage.runs(again).contains(TaskAttempt(task: ids[1], attempt: 2)))
        _ = stage.work(again)
        #expect(ids.allSatisfy { stage.state($0) == .done })
        let more = stage.submit()[0]
        #expect(more.number > ids.map(\.number).max() ?? 0)
    }

    @Test func `a viewer may not submit, and each submission is audited once`() {
        var stage = Stage()
        let count = stage.audits.count
        stage.submit(count: 3)
        #expect(stage.audits.count == count + 1)
        #expect(stage.audits.last?.object == "tasks 1 to 3")
        let nobody = Caller(name: "eve", key: KeyFingerprint("key-eve"), source: "console")
        stage.submit([TaskOffer(submission: TaskSubmission(type: .push))], by: nobody)
        #expect(stage.lastRefusal == .forbidden)
        #expect(stage.audits.last?.outcome == "forbidden")
        #expect(stage.machine.work.counts.waiting == 3)
    }

    @Test func `a retry waits as long as it was told, however the wall clock is set`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain()])
        stage.ask(.set(.cluster, key: "task.retry-delay", value: "10s"))
        stage.ask(.set(.cluster, key: "task.retry-delay-max", value: "10s"))
        let task = stage.submit()[0]
        stage.end(TaskAttempt(task: task, attempt: 1), .failed, status: 1, on: node)
        // Back by an hour (simulation, seeds 92 and 246): the retry would wait that hour, too.
        stage.now.wall = stage.now.wall + .seconds(-3_600)
        stage.now.instant = stage.now.instant + .seconds(1)
        stage.beat(node)
        #expect(stage.state(task) == .delayed)
        for _ in 0..<10 {
            stage.now.instant = stage.now.instant + .seconds(1)
            stage.beat(node)
        }
        #expect(stage.runs(node) == [TaskAttempt(task: task, attempt: 2)])
    }

    @Test func `a controller that starts keeps a retry waiting no longer than any retry waits`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain()])
        stage.ask(.set(.cluster, key: "task.retry-delay", value: "10s"))
        stage.ask(.set(.cluster, key: "task.retry-delay-max", value: "20s"))
        let task = stage.submit()[0]
        stage.now.wall = stage.now.wall + .seconds(3_600)
        stage.end(TaskAttempt(task: task, attempt: 1), .failed, status: 1, on: node)
        stage.restart()
        let before = stage.now.instant
        while stage.state(task) == .delayed, stage.now.instant < before + .seconds(30) {
            stage.pass(.seconds(1))
        }
        #expect(stage.state(task) == .waiting)
        #expect(stage.now.instant <= before + .seconds(21))
    }
}
