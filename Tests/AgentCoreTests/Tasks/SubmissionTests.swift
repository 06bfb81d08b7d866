import AgentCore
import Model
import Protocol
import Testing

struct SubmissionTests {
    static func task(
        key: String? = "k",
        payload: [UInt8] = [],
        spool: Bool = false,
        patience: Duration = .seconds(30)
    ) -> LocalTask {
        LocalTask(
            task: TaskSubmission(type: .push, idempotencyKey: key),
            payload: payload,
            spool: spool,
            patience: patience
        )
    }

    // MARK: In a session

    @Test func `a submission goes to the controller, and its answer to the program`() {
        var scene = Scene.working()
        let sent = scene.submit(3, Self.task(payload: [1, 2]))
        let submission = TaskSubmission(type: .push, idempotencyKey: "k")
        #expect(
            sent.work
                == [
                    .submit(
                        LocalSubmission(
                            reference: 1,
                            task: submission,
                            payloadBytes: 2,
                            payload: [1, 2]
                        )
                    )
                ]
        )
        #expect(sent.submissionAnswers.isEmpty)
        let accepted = scene.receive(
            .work(.accepted(reference: 1, task: TaskID(77), isKnown: true))
        )
        #expect(accepted.submissionAnswers == [.accepted(3, 77, isKnown: true)])
        #expect(scene.machine.submissionCounts == (0, 0))
        // An answer to nothing is passed over.
        #expect(
            scene.receive(.work(.accepted(reference: 1, task: TaskID(77), isKnown: true)))
                == AgentEffects()
        )
    }

    @Test func `a refusal is handed on with its time`() {
        var scene = Scene.working()
        scene.submit(1, Self.task())
        let declined = scene.receive(
            .work(.declined(reference: 1, code: .busy, text: "full", retry: .seconds(2)))
        )
        #expect(
            declined.submissionAnswers
                == [
                    SubmissionAnswer(
                        client: 1,
                        outcome: .declined(.busy, text: "full", retry: .seconds(2))
                    )
                ]
        )
    }

    @Test func `a submission without a key gets one that no other has`() {
        var scene = Scene.working()
        let keys = (1...3).flatMap { scene.submit($0, Self.task(key: nil)).submittedKeys }
        #expect(keys == [Scene.madeKey(1), Scene.madeKey(2), Scene.madeKey(3)])
        scene.restart()
        scene.join()
        #expect(
            scene.submit(1, Self.task(key: nil)).submittedKeys == [
                Scene.madeKey(1, incarnation: 2, seed: 2)
            ]
        )
    }

    @Test func `a long payload follows in pieces`() {
        var scene = Scene.working()
        let payload = (0..<7_000).map { UInt8(truncatingIfNeeded: $0) }
        let sent = scene.submit(1, Self.task(payload: payload))
        guard case .submit(let head) = sent.work.first else {
            Issue.record("nothing was sent")
            return
        }
        #expect(head.payload.isEmpty)
        #expect(head.payloadBytes == 7_000)
        var come: [UInt8] = []
        for case .submitPart(1, let at, let data) in sent.work {
            #expect(Int(at) == come.count)
            come += data
        }
        #expect(come == payload)
    }

    @Test func `large payloads go out one after the other, in bursts`() {
        var scene = Scene.working()
        let payload = [UInt8](repeating: 1, count: 1 << 20)
        scene.submit(1, Self.task(key: "a", payload: payload))
        scene.submit(2, Self.task(key: "b", payload: payload))
        let sent = scene.live(.seconds(2))
        #expect(sent.submittedKeys.isEmpty)
        let next = scene.receive(.work(.accepted(reference: 1, task: TaskID(1), isKnown: false)))
        #expect(next.submissionAnswers == [.accepted(1, 1, isKnown: false)])
        #expect(next.submittedKeys == ["b"])
    }

    @Test func `what a controller could not read is refused here`() {
        var scene = Scene.working()
        var long = Self.task()
        long.task.account = String(repeating: "a", count: 129)
        var many = Self.task()
        many.task.attributes = (0..<16).compactMap {
            TaskAttribute(name: "a\($0)", value: String(repeating: "x", count: 256))
        }
        let huge = Self.task(payload: [UInt8](repeating: 0, count: (1 << 20) + 1))
        for bad in [long, many, huge] {
            let effects = scene.submit(1, bad)
            #expect(effects.sends.isEmpty)
            #expect(effects.declines == [.invalid])
        }
    }

    @Test func `so many wait for an answer and no more`() {
        var scene = Scene.working()
        for client in 1...UInt64(1_024) {
            #expect(scene.submit(client, Self.task(key: "k\(client)")).declines.isEmpty)
        }
        let effects = scene.submit(2_000, Self.task())
        #expect(
            effects.submissionAnswers
                == [
                    SubmissionAnswer(
                        client: 2_000,
                        outcome: .declined(
                            .busy,
                            text: "too many submissions wait already",
                            retry: .seconds(1)
                        )
                    )
                ]
        )
    }

    // MARK: Without one

    @Test func `without a controller a program is told so at once`() {
        var scene = Scene.working()
        scene.lose()
        #expect(scene.submit(1, Self.task()).declines == [.notActive])
        scene.version = 1
        scene.rejoin()
        #expect(scene.submit(2, Self.task()).declines == [.notActive])
    }

    @Test func `what was not answered is sent again with its key in the next session`() {
        var scene = Scene.working()
        let first = scene.submit(1, Self.task(key: nil))
        scene.lose()
        let back = scene.rejoin()
        #expect(back.submittedKeys == first.submittedKeys)
        let accepted = scene.receive(.work(.accepted(reference: 1, task: TaskID(5), isKnown: true)))
        #expect(accepted.submissionAnswers == [.accepted(1, 5, isKnown: true)])
    }

    @Test func `a program does not wait longer than it wants to`() {
        var scene = Scene.working()
        scene.submit(1, Self.task(patience: .seconds(3)))
        #expect(scene.live(.milliseconds(2_900)).submissionAnswers.isEmpty)
        let late = scene.live(.milliseconds(200))
        #expect(late.declines == [.notActive])
        // Its answer comes all the same, for nobody.
        let accepted = scene.receive(
            .work(.accepted(reference: 1, task: TaskID(5), isKnown: false))
        )
        #expect(accepted.submissionAnswers.isEmpty)
        #expect(scene.machine.submissionCounts == (0, 0))
    }

    @Test func `a program whose patience is over is not asked for in the next session`() {
        var scene = Scene.working()
        scene.submit(1, Self.task(patience: .seconds(1)))
        scene.lose()
        #expect(scene.pass(.seconds(1)).declines == [.notActive])
        #expect(scene.rejoin().submittedKeys.isEmpty)
    }

    @Test func `a stranger to every cluster submits nothing`() {
        var scene = Scene(identity: nil)
        scene.run(.started([]))
        #expect(scene.submit(1, Self.task(spool: true)).declines == [.notActive])
        #expect(scene.spool.isEmpty)
    }

    @Test func `an agent that leaves answers everybody`() {
        var scene = Scene.working()
        scene.submit(1, Self.task(key: "a"))
        scene.submit(2, Self.task(key: "b", spool: true))
        let left = scene.run(.stopping(.stopping))
        #expect(left.submissionAnswers.count == 2)
    }

    // MARK: The spool

    @Test func `what may be kept is durable on the node before the program is told so`() {
        var scene = Scene.working()
        scene.lose()
        let asked = scene.step(
            .submissionRequested(client: 4, Self.task(key: nil, payload: [1], spool: true))
        )
        #expect(asked.submissionAnswers.isEmpty)
        let kept = asked.spool.first
        #expect(kept?.task.idempotencyKey == Scene.madeKey(1))
        #expect(kept?.payload == [1])
        let durable = scene.step(.spooled(kept?.number ?? 0))
        #expect(durable.submissionAnswers == [SubmissionAnswer(client: 4, outcome: .spooled)])
        let back = scene.rejoin()
        #expect(back.submittedKeys == [Scene.madeKey(1)])
        let accepted = scene.receive(
            .work(.accepted(reference: 1, task: TaskID(5), isKnown: false))
        )
        #expect(accepted.unspool == [kept?.number ?? 0])
        #expect(accepted.submissionAnswers.isEmpty)
    }

    @Test func `what cannot be kept is declined`() {
        var scene = Scene.working()
        scene.lose()
        let asked = scene.step(.submissionRequested(client: 4, Self.task(spool: true)))
        let number = asked.spool.first?.number ?? 0
        let failed = scene.step(.spoolFailed(number, reason: "disk full"))
        #expect(failed.declines == [.storage])
        #expect(scene.rejoin().submittedKeys.isEmpty)
    }

    @Test func `a new agent delivers in order what an earlier one has kept`() {
        var scene = Scene.working()
        scene.lose()
        for client in 1...UInt64(40) {
            scene.submit(client, Self.task(key: "k\(client)", spool: true))
        }
        scene.restart()
        var keys = scene.join().submittedKeys
        // So many at once.
        #expect(keys.count == 16)
        for reference in 1...UInt64(40) {
            keys +=
                scene.receive(
                    .work(.accepted(reference: reference, task: TaskID(reference), isKnown: false))
                ).submittedKeys
        }
        #expect(keys == (1...40).map { "k\($0)" })
        #expect(scene.spool.isEmpty)
    }

    @Test func `what is turned away for a while is delivered later, and for good is dropped`() {
        var scene = Scene.working()
        scene.lose()
        scene.submit(1, Self.task(key: "a", spool: true))
        scene.submit(2, Self.task(key: "b", spool: true))
        #expect(scene.rejoin().submittedKeys == ["a", "b"])
        let later = scene.receive(
            .work(.declined(reference: 1, code: .busy, text: "", retry: .seconds(3)))
        )
        #expect(later.unspool.isEmpty)
        let never = scene.receive(
            .work(.declined(reference: 2, code: .forbidden, text: "", retry: nil))
        )
        #expect(never.unspool == [2])
        #expect(never.notices.count == 1)
        #expect(scene.live(.milliseconds(2_800)).submittedKeys.isEmpty)
        #expect(scene.live(.milliseconds(300)).submittedKeys == ["a"])
        #expect(scene.spool.keys == [1])
    }

    @Test func `a session that is lost keeps what may be kept`() {
        var scene = Scene.working()
        #expect(
            scene.submit(1, Self.task(key: nil, spool: true)).submittedKeys == [Scene.madeKey(1)]
        )
        let lost = scene.lose()
        #expect(lost.submissionAnswers == [SubmissionAnswer(client: 1, outcome: .spooled)])
        #expect(scene.rejoin().submittedKeys == [Scene.madeKey(1)])
        scene.lose()
        #expect(scene.spool.count == 1)
        #expect(scene.rejoin().submittedKeys == [Scene.madeKey(1)])
    }

    @Test func `a busy controller and an impatient program lead to the spool, too`() {
        var scene = Scene.working()
        scene.submit(1, Self.task(key: "a", spool: true))
        let busy = scene.receive(
            .work(.declined(reference: 1, code: .storage, text: "", retry: nil))
        )
        #expect(busy.submissionAnswers == [SubmissionAnswer(client: 1, outcome: .spooled)])
        let late = Self.task(key: "b", spool: true, patience: .seconds(1))
        scene.submit(2, late)
        let over = scene.live(.seconds(2))
        #expect(over.submissionAnswers == [SubmissionAnswer(client: 2, outcome: .spooled)])
        #expect(over.submittedKeys.contains("b"))
    }

    @Test func `the spool has a size`() {
        var scene = Scene.working()
        scene.lose()
        let million = [UInt8](repeating: 0, count: 1 << 20)
        for client in 1...UInt64(64) {
            let effects = scene.submit(client, Self.task(payload: million, spool: true))
            #expect(effects.declines.isEmpty)
        }
        #expect(scene.submit(99, Self.task(payload: [1], spool: true)).declines == [.busy])
        scene = Scene.working()
        scene.lose()
        for client in 1...UInt64(4_096) {
            _ = scene.step(.submissionRequested(client: client, Self.task(spool: true)))
        }
        #expect(scene.submit(9_999, Self.task(spool: true)).declines == [.busy])
    }

    @Test func `a spooled task is read as it was written, and a cut one is not`() throws {
        let submission = TaskSubmission(
            type: .pgp,
            account: "acme",
            exclusiveKey: ExclusiveKey("x", isOrdered: true),
            idempotencyKey: "k"
        )
        for size in [0, 1, 3_072, 10_000] {
            let payload = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
            let task = SpooledTask(number: 9, task: submission, payload: payload)
            #expect(try SpooledTask(lines: task.lines) == task)
            for count in 0..<task.lines.count {
                #expect(throws: AgentMemoryError.self) {
                    try SpooledTask(lines: Array(task.lines.prefix(count)))
                }
            }
        }
        var lines = SpooledTask(number: 9, task: submission, payload: [1, 2, 3, 4]).lines
        lines[1] = lines[1].replacing("at=0", with: "at=1")
        #expect(throws: AgentMemoryError.self) { try SpooledTask(lines: lines) }
    }
}

extension Scene {
    @discardableResult
    fileprivate mutating func submit(_ client: UInt64, _ task: LocalTask) -> AgentEffects {
        run(.submissionRequested(client: client, task))
    }
}

extension SubmissionAnswer {
    fileprivate static func accepted(
        _ client: UInt64,
        _ task: UInt64,
        isKnown: Bool
    ) -> SubmissionAnswer {
        SubmissionAnswer(client: client, outcome: .accepted(TaskID(task), isKnown: isKnown))
    }
}

extension AgentEffects {
    fileprivate var submittedKeys: [String] {
        work.compactMap {
            if case .submit(let submission) = $0 { submission.task.idempotencyKey } else { nil }
        }
    }

    fileprivate var declines: [RefusalCode] {
        submissionAnswers.compactMap {
            if case .declined(let code, _, _) = $0.outcome { code } else { nil }
        }
    }
}
