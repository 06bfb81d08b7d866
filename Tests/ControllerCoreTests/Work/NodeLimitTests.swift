import Model
import Protocol
import Testing

@testable import ControllerCore

/// What one node can make the controller keep, write or tell.
struct NodeLimitTests {
    private func output(_ attempt: TaskAttempt, at place: UInt64 = 0, _ bytes: [UInt8])
        -> AgentMessage
    {
        .work(.output(attempt, at: place, data: bytes, isLive: false))
    }

    @Test func `output that has no result yet is kept of one attempt of a node`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain(slots: 3)])
        let other = stage.online("n2", handlers: [.plain(slots: 3)])
        stage.submit(count: 6)
        let attempts = stage.runs(node)
        let elsewhere = stage.runs(other)[0]
        stage.say(output(elsewhere, [9]), on: other)
        for attempt in attempts { stage.say(output(attempt, [1, 2]), on: node) }
        let kept = attempts.map { stage.machine.work.output(of: $0.task)?.bytes.count }
        #expect(kept == [0, 0, 2])
        // As agents do it: each to its end, and then the next.
        for attempt in attempts {
            stage.say(output(attempt, [UInt8(attempt.task.number)]), on: node)
            stage.end(attempt, on: node)
            #expect(stage.outputs[attempt.task] == [UInt8(attempt.task.number)])
        }
        stage.end(elsewhere, on: other)
        #expect(stage.outputs[elsewhere.task] == [9])
    }

    @Test func `of a long output the last MiB is kept, and moved seldom`() {
        var output = AttemptOutput()
        let piece = [UInt8](repeating: 7, count: 3_000)
        var place: UInt64 = 0
        for _ in 0..<1_000 {
            output.append(piece, at: place)
            place += 3_000
        }
        let (offset, bytes) = output.kept
        #expect(bytes.count == AttemptOutput.bytesMax)
        #expect(offset + UInt64(bytes.count) == place)
        output.append([1], at: place + 5)
        #expect(output.kept.offset == place + 5 && output.kept.bytes == [1])
    }

    @Test func `a node has no more tasks than it may tell of, whatever its handlers say`() throws {
        var stage = Stage()
        let node = stage.online(
            "n1",
            handlers: [.plain(.push, slots: 5_000), .plain(.pull, slots: 5_000)]
        )
        for _ in 0..<5 { stage.submit(.push, count: 1_000) }
        for _ in 0..<3 { stage.submit(.pull, count: 1_000) }
        stage.submit(.pull, count: 193)
        let id = try #require(stage.machine.member(named: "n1")?.record.id)
        #expect(stage.machine.work.tasks(of: id).count == WorkLimits.attemptsPerNodeMax)
        let waiting = TaskID(8_193)
        #expect(stage.state(waiting) == .waiting)
        let why = try #require(stage.machine.work.explain(waiting))
        #expect(why.candidates.map(\.room) == ["it has 8192 tasks, as many as a node may have"])
        stage.end(TaskAttempt(task: TaskID(1), attempt: 1), on: node)
        #expect(stage.state(waiting) == .assigned)
    }

    // MARK: What it writes and tells

    private func late(_ stage: Stage) -> [TaskID] {
        stage.store.values.compactMap { if case .late(let late) = $0 { late.task } else { nil } }
    }

    @Test func `a late result of a task that there never was is passed over`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain()])
        stage.end(TaskAttempt(task: TaskID(4_000_000), attempt: 1), on: node)
        #expect(late(stage).isEmpty && stage.told(.taskLate) == 0)
        // The node is to forget it all the same.
        #expect(stage.verbs(node).last == "TAKEN")
    }

    @Test func `late results are told once a second, and kept up to a number in an hour`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain()])
        let count = LateNews.keptMax + 50
        for _ in 0..<2 { stage.submit(.pull, count: count / 2) }
        func say(_ number: Int) {
            stage.end(TaskAttempt(task: TaskID(UInt64(number)), attempt: 9), on: node)
        }
        for number in 1...count { say(number) }
        #expect(late(stage).count == LateNews.keptMax)
        #expect(stage.told(.taskLate) == 1)
        stage.live([node], for: 2)
        say(1)
        #expect(stage.told(.taskLate) == 2)
        let text = stage.events.last { $0.kind == .taskLate }?.text ?? ""
        #expect(text.contains("So were \(count - 1) before it."), "\(text)")
        // An hour later the next are kept.
        stage.live([node], for: 3_600)
        say(count)
        #expect(late(stage).contains(TaskID(UInt64(count))))
    }

    private func offer(_ reference: UInt64, _ task: TaskSubmission) -> LocalSubmission {
        LocalSubmission(reference: reference, task: task, payloadBytes: 0)
    }

    @Test func `of submissions that make no task one record stands for those of a minute`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain(.pull)])
        let before = stage.audits.count
        func submit(_ reference: UInt64, _ key: String?, attributes: [TaskAttribute] = []) {
            let task = TaskSubmission(type: .push, attributes: attributes, idempotencyKey: key)
            stage.step(.offered(node, offer(reference, task), known: nil))
        }
        submit(1, "k")
        for reference in 2...20 as ClosedRange<UInt64> { submit(reference, "k") }
        let unknown = TaskAttribute(name: "never", value: "x")!
        for reference in 21...25 as ClosedRange<UInt64> {
            submit(reference, nil, attributes: [unknown])
        }
        func records() -> [AuditRecord] {
            stage.audits[before...].filter { $0.verb == "task.submit" }
        }
        #expect(records().map(\.object) == ["task 1"])
        stage.live([node], for: 61)
        #expect(records().count == 2)
        #expect(records().last?.actor == "node/n1")
        #expect(records().last?.parameters == "accepted=0 known=19 refused=5")
        #expect(records().last?.outcome == "unknown-name")
        stage.live([node], for: 120)
        #expect(records().count == 2)
        // What was counted is not lost with a controller that stops in good order.
        submit(26, "k")
        stage.step(.stopping)
        #expect(records().last?.parameters == "accepted=0 known=1 refused=0")
    }

    // MARK: Keys

    @Test func `nobody takes a key that a schedule or another node makes`() throws {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain(.pull)])
        stage.online("n2")
        let own = try #require(stage.machine.member(named: "n1")?.record.id)
        let other = try #require(stage.machine.member(named: "n2")?.record.id)
        func code(_ key: String) -> RefusalCode? {
            let task = TaskSubmission(type: .push, idempotencyKey: key)
            guard case .refused(let refused)? = stage.submit([TaskOffer(submission: task)]).first
            else { return nil }
            return refused.code
        }
        #expect(code("schedule/nightly/2026-11-27T01:00:00.000Z") == .forbidden)
        #expect(code("\(own).1.7") == .forbidden)
        #expect(code(MadeKey.prefix(of: own, incarnation: 1, process: .max) + ".7") == .forbidden)
        // What only looks alike is anybody's.
        for key in [
            "nobody.1.7", "\(own).1", "\(own).1.x", "\(own).1.x12.7", "\(own)", "my/schedule/x",
            "1.2.3",
        ] {
            #expect(code(key) == nil, "\(key)")
        }
        func say(_ reference: UInt64, _ key: String) -> String? {
            let task = TaskSubmission(type: .push, idempotencyKey: key)
            stage.step(.offered(node, offer(reference, task), known: nil))
            let line = stage.sent.last { $0.connection == node }?.message.line
            return line?["code"] ?? line?.verb
        }
        #expect(say(1, "\(own).1.1") == "ACCEPTED")
        #expect(say(2, "schedule/nightly/x") == "forbidden")
        #expect(say(3, "\(other).1.1") == "not-now")
        let made = MadeKey.prefix(of: other, incarnation: 1, process: 1)
        #expect(say(5, "\(made).1") == "not-now")
        // A machine that was enrolled anew brings what it took under the identity before.
        stage.ask(.removeNodes(["n2"]), force: true)
        #expect(say(6, "\(other).1.1") == "ACCEPTED")
    }
}
