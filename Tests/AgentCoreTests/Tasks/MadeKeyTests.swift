import AgentCore
import Model
import Protocol
import Testing

/// Idempotency keys that the agent makes for programs that give none.
struct MadeKeyTests {
    private func request(_ key: String? = nil) -> AgentEvent {
        let task = TaskSubmission(type: .push, idempotencyKey: key)
        return .submissionRequested(client: 1, LocalTask(task: task, spool: true))
    }

    @Test func `no key is made before the incarnation in it is durable`() {
        var scene = Scene()
        let started = scene.step(.started([]))
        // A crash now, and the next process is of the same incarnation: its first key would be the
        // same for another task, and that task would be dropped as a duplicate.
        let early = scene.step(request())
        #expect(early.spool.isEmpty)
        guard case .declined(.notActive, _, let retry)? = early.submissionAnswers.first?.outcome
        else {
            Issue.record("it was not declined")
            return
        }
        #expect(retry != nil)
        // A program's own key needs no incarnation.
        #expect(scene.step(request("mine")).spool.map(\.task.idempotencyKey) == ["mine"])
        _ = scene.step(.persisted(upTo: started.persist?.revision ?? 0))
        #expect(scene.step(request()).spool.map(\.task.idempotencyKey) == [Scene.madeKey(1)])
    }

    @Test func `no program takes a key that is made for another`() {
        var scene = Scene()
        let started = scene.step(.started([]))
        _ = scene.step(.persisted(upTo: started.persist?.revision ?? 0))
        for key in [
            "n-1.1.1", "n-1.99.7", Scene.madeKey(3), Scene.madeKey(3, seed: 9),
            "schedule/nightly/x",
        ] {
            let done = scene.step(request(key))
            #expect(done.spool.isEmpty, "\(key)")
            guard case .declined(.forbidden, _, _)? = done.submissionAnswers.first?.outcome else {
                Issue.record("\(key) was not declined")
                continue
            }
        }
        for key in ["n-1.1", "n-2.1.1", "n-1.1.x", "n-1.1.x1.1", "n-1.x0000000000000001.1"] {
            #expect(scene.step(request(key)).spool.map(\.task.idempotencyKey) == [key])
        }
        #expect(scene.step(request()).spool.map(\.task.idempotencyKey) == [Scene.madeKey(1)])
    }

    @Test func `an agent whose state was set back makes no key a second time`() {
        let snapshot = AgentMemory()
        var keys: [String?] = []
        for seed in [1, 2] as [UInt64] {
            var scene = Scene(memory: snapshot, seed: seed)
            scene.version = 3
            scene.join()
            let task = LocalTask(task: TaskSubmission(type: .push), spool: true)
            let effects = scene.run(.submissionRequested(client: 1, task))
            for case .work(.submit(let submission)) in effects.sends {
                keys.append(submission.task.idempotencyKey)
            }
        }
        #expect(keys.count == 2)
        #expect(keys.first != keys.last, "\(keys)")
    }
}
