import Model
import Protocol
import Testing

@testable import ControllerCore

/// What is kept of live tasks has a bound, whatever state they are in, and a way out.
struct QueueRoomTests {
    private func refusal(_ answers: [TaskAnswer]) -> Refused? {
        for case .refused(let refused) in answers { return refused }
        return nil
    }

    private func offers(_ count: Int, account: (Int) -> String = { _ in "" }) -> [TaskOffer] {
        (0..<count).map {
            TaskOffer(submission: TaskSubmission(type: .push, account: account($0)))
        }
    }

    @Test func `dead letters fill the queue too, and every way out of it is open`() throws {
        var stage = Stage()
        stage.ask(.set(.cluster, key: "task.queue.count", value: "4"))
        let node = stage.online("n1", handlers: [.plain()])
        var dead: [TaskID] = []
        for _ in 0..<8 {
            let id = try #require(stage.submit(attempts: 1).first)
            let attempt = TaskAttempt(task: id, attempt: 1)
            stage.end(attempt, .failed, status: 64, permanent: true, on: node)
            dead.append(id)
        }
        #expect(stage.machine.work.counts.failed == 8)
        let refused = try #require(refusal(stage.submit(offers(1))))
        #expect(refused.code == .busy)
        #expect(refused.text == "the queue is full: 8 tasks are live, of at most 8")
        #expect(
            refused.mend
                == "try again in 5s; 8 failed and 0 unknown tasks are kept until an operator decides: "
                + "muster task list --state failed (or unknown), then muster task retry, resolve or "
                + "cancel"
        )
        #expect(stage.told(.queueFull) == 1)
        // To resolve, to cancel and to give again needs no room; nor do the steps of a run.
        stage.ask(.retryTasks([dead[0]]))
        stage.end(TaskAttempt(task: dead[0], attempt: 2), on: node)
        #expect(stage.state(dead[0]) == .done)
        #expect(stage.submit().count == 1)
        #expect(refusal(stage.submit(offers(1)))?.code == .busy)
        stage.ask(.resolveTasks([dead[1]], isDone: false))
        stage.ask(.cancelTasks([dead[2]]))
        #expect(stage.submit(count: 2).count == 2)
        #expect(refusal(stage.submit(offers(1)))?.code == .busy)
        stage.ask(.set(.cluster, key: "task.queue.count", value: "100"))
        let last = stage.events.last { [.queueFull, .queueRelieved].contains($0.kind) }
        #expect(last?.kind == .queueRelieved)
        #expect(stage.submit().count == 1)
    }

    @Test func `tasks without a payload, and none like another, fill it by what they take`() throws
    {
        var stage = Stage()
        stage.ask(.set(.cluster, key: "task.queue.bytes", value: "64KiB"))
        let alike = stage.submit(offers(200)).count { $0.isAccepted }
        #expect(alike == 125)
        let refused = try #require(refusal(stage.submit(offers(1))))
        #expect(refused.code == .busy)
        #expect(refused.text.contains("bytes are kept of 125 live tasks, of at most 65536"))
        stage.ask(.cancelTasks((1...125).map { TaskID($0) }))
        #expect(stage.machine.work.counts.kept == 0)
        let account = { (number: Int) in String(repeating: "x", count: 100) + "\(number)" }
        #expect(stage.submit(offers(200, account: account)).count { $0.isAccepted } == 37)
    }

    @Test func `a queue that fills is told well before it is full, and eased well below that`() {
        var stage = Stage()
        stage.ask(.set(.cluster, key: "task.queue.count", value: "10"))
        let ids = stage.submit(count: 7)
        #expect(stage.told(.queueFilling) == 0)
        stage.submit(count: 1)
        #expect(stage.told(.queueFilling) == 1 && stage.told(.queueFull) == 0)
        let event = stage.events.last { $0.kind == .queueFilling }
        #expect(event?.severity == .warning && event?.text == "The queue is 80% full.")
        // About the line it is told once; the end lies below.
        stage.ask(.cancelTasks([ids[0]]))
        stage.submit(count: 1)
        #expect(stage.told(.queueFilling) == 1 && stage.told(.queueEased) == 0)
        stage.submit(count: 2)
        #expect(stage.told(.queueFull) == 1)
        stage.ask(.cancelTasks([ids[1], ids[2]]))
        #expect(stage.told(.queueRelieved) == 1 && stage.told(.queueEased) == 0)
        stage.ask(.cancelTasks([ids[3], ids[4]]))
        #expect(stage.told(.queueFilling) == 1 && stage.told(.queueEased) == 1)
    }

    @Test func `a queue fills by bytes, too`() {
        var stage = Stage()
        stage.ask(.set(.cluster, key: "task.queue.bytes", value: "64KiB"))
        stage.submit(payload: [UInt8](repeating: 1, count: 45 << 10))
        #expect(stage.told(.queueFilling) == 0)
        stage.submit(payload: [UInt8](repeating: 1, count: 8 << 10))
        #expect(stage.told(.queueFilling) == 1 && stage.told(.queueFull) == 0)
    }

    @Test func `what is kept is told the same after a restart, and is nothing when all have ended`()
    {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain(slots: 4)])
        stage.submit(offers(20) { "account-\($0 % 3)" })
        stage.submit(payload: [UInt8](repeating: 1, count: 5_000))
        let keyed = TaskSubmission(type: .push, idempotencyKey: "k")
        stage.submit([TaskOffer(submission: keyed)])
        let attempts = stage.runs(node)
        let detail = AttemptResult(outcome: .failed, status: 3, detail: "it says why")
        stage.say(.work(.result(attempts[0], detail)), on: node)
        stage.end(attempts[1], on: node)
        let kept = stage.machine.work.counts.kept
        #expect(kept > 20 * TaskCharge.task + 5_000)
        stage.restart()
        #expect(stage.machine.work.counts.kept == kept)
        stage.ask(.cancelTasks((1...22).map { TaskID($0) }))
        let again = stage.attach("n1", handlers: [.plain(slots: 4)], incarnation: 2)
        _ = stage.work(again)
        #expect(stage.machine.work.counts.live == 0)
        #expect(stage.machine.work.counts.kept == 0)
    }
}

extension TaskAnswer {
    fileprivate var isAccepted: Bool { if case .accepted = self { true } else { false } }
}
