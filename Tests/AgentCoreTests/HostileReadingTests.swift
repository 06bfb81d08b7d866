import AgentCore
import Model
import Protocol
import Testing

/// Faults that a hostile reader found in the whole: each of these fails until its mend is in.
struct HostileReadingTests {
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

    /// A service whose definition was taken away while the agent was down: it is being stopped, and that
    /// takes its time. The controller must know of it: by what it is told it decides whether a node that is
    /// lost has stopped by itself.
    @Test func `what an earlier agent left without a definition is told to the controller`() {
        var scene = Scene()
        let leash = AdoptedLeash(
            launch: LaunchID(service: "db", number: 7),
            token: Scene.base,
            processID: 4_000,
            hasDeadline: false
        )
        let effects = scene.join(adopting: [leash])
        #expect(effects.verbs.contains("SYNCED"))
        let told = effects.sends.compactMap { message -> ServiceReport? in
            if case .service(let report) = message { report } else { nil }
        }
        #expect(told.contains { $0.name == "db" && !$0.isSelfFenced && $0.state != .stopped })
    }
}
