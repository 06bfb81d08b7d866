import ControllerCore
import Model
import Protocol
import Testing

/// Who follows a task sees what its attempt writes, as long as they follow, and nothing of it is kept.
struct FollowTests {
    private func asked(_ stage: inout Stage, _ node: ConnectionID) -> [WatchedAttempt] {
        let count = stage.sent.count
        stage.beat(node)
        return stage.sent[count...].flatMap { sent -> [WatchedAttempt] in
            guard sent.connection == node, case .lease(let lease) = sent.message else { return [] }
            return lease.watched
        }
    }

    private func tell(
        _ stage: inout Stage,
        _ text: String,
        at place: UInt64,
        _ attempt: TaskAttempt,
        live: Bool = true,
        on node: ConnectionID
    ) {
        stage.say(
            .work(.output(attempt, at: place, data: Array(text.utf8), isLive: live)),
            on: node
        )
    }

    private func shown(_ stage: Stage, _ id: TaskID) -> (UInt16, UInt64, String)? {
        stage.machine.work.following(id).map {
            ($0.live.attempt, $0.live.offset, String(decoding: $0.live.bytes, as: UTF8.self))
        }
    }

    /// A node with one task that runs.
    private func running(_ count: Int = 1) -> (Stage, ConnectionID, [TaskAttempt]) {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain(slots: 100)])
        let ids = stage.submit(count: count)
        let attempts = ids.map { TaskAttempt(task: $0, attempt: 1) }
        for attempt in attempts { stage.say(.work(.started(attempt)), on: node) }
        return (stage, node, attempts)
    }

    @Test func `a node is asked from where the last byte stands, and only while somebody follows`()
    {
        var (stage, node, attempts) = running()
        let attempt = attempts[0]
        #expect(asked(&stage, node).isEmpty)
        // What nobody has asked for is kept nowhere.
        tell(&stage, "early", at: 0, attempt, on: node)
        #expect(shown(stage, attempt.task)! == (0, 0, ""))

        let followed = stage.step(.followed(attempt.task))
        #expect(followed.isEmpty)
        #expect(asked(&stage, node) == [WatchedAttempt(attempt, from: 0)])
        let told = stage.step(
            .received(
                node,
                .work(.output(attempt, at: 0, data: Array("one".utf8), isLive: true)),
                fresh: "x"
            )
        )
        #expect(told.isEmpty, "nothing of it is durable")
        #expect(asked(&stage, node) == [WatchedAttempt(attempt, from: 3)])
        tell(&stage, "two", at: 3, attempt, on: node)
        #expect(shown(stage, attempt.task)! == (1, 0, "onetwo"))

        stage.live([node], for: 4)
        #expect(asked(&stage, node) == [WatchedAttempt(attempt, from: 6)])
        stage.live([node], for: 2)
        #expect(asked(&stage, node).isEmpty)
        #expect(!stage.machine.work.isFollowed(attempt.task))
        #expect(shown(stage, attempt.task)! == (0, 0, ""))
    }

    @Test func `pieces that come twice are taken once, and a gap begins anew`() {
        var (stage, node, attempts) = running()
        let attempt = attempts[0]
        stage.step(.followed(attempt.task))
        tell(&stage, "abcd", at: 10, attempt, on: node)
        tell(&stage, "bcdef", at: 11, attempt, on: node)
        tell(&stage, "abc", at: 10, attempt, on: node)
        tell(&stage, "xyz", at: 2, attempt, on: node)
        #expect(shown(stage, attempt.task)! == (1, 10, "abcdef"))
        tell(&stage, "later", at: 100, attempt, on: node)
        #expect(shown(stage, attempt.task)! == (1, 100, "later"))
    }

    @Test func `the last 64 KiB are kept`() {
        var (stage, node, attempts) = running()
        let attempt = attempts[0]
        stage.step(.followed(attempt.task))
        let piece = String(repeating: "x", count: WorkLimits.partBytesMax)
        for index in 0..<30 {
            tell(&stage, piece, at: UInt64(index * WorkLimits.partBytesMax), attempt, on: node)
        }
        let end = UInt64(30 * WorkLimits.partBytesMax)
        #expect(asked(&stage, node) == [WatchedAttempt(attempt, from: end)])
        #expect(shown(stage, attempt.task)?.1 == end - UInt64(LiveOutput.bytesMax))
        #expect(shown(stage, attempt.task)?.2.utf8.count == LiveOutput.bytesMax)
    }

    @Test func `the durable output takes the place of what was told while it ran`() {
        var (stage, node, attempts) = running()
        let attempt = attempts[0]
        stage.step(.followed(attempt.task))
        tell(&stage, "one", at: 0, attempt, on: node)
        // At its end the node tells the last bytes, from where they begin.
        tell(&stage, "wo", at: 5, attempt, live: false, on: node)
        stage.end(attempt, .failed, status: 1, on: node)
        #expect(stage.outputs[attempt.task] == Array("wo".utf8))
        #expect(shown(stage, attempt.task)! == (0, 0, ""))
        let view = stage.machine.work.view(of: attempt.task)
        #expect(view?.resultAttempt == 1)
    }

    @Test func `an attempt that is not the node's, or not the current one, is not heard`() {
        var (stage, node, attempts) = running()
        let attempt = attempts[0]
        let other = stage.online("n2", handlers: [])
        stage.step(.followed(attempt.task))
        tell(&stage, "x", at: 0, attempt, on: other)
        tell(&stage, "x", at: 0, TaskAttempt(task: attempt.task, attempt: 2), on: node)
        tell(&stage, "x", at: 0, TaskAttempt(task: TaskID(999), attempt: 1), on: node)
        #expect(shown(stage, attempt.task)! == (0, 0, ""))
        #expect(asked(&stage, other).isEmpty)
    }

    @Test func `across attempts the next is asked for from its beginning`() {
        var (stage, node, attempts) = running()
        let id = attempts[0].task
        stage.ask(.set(.cluster, key: "task.retry-delay", value: "1ms"))
        stage.step(.followed(id))
        tell(&stage, "first", at: 0, attempts[0], on: node)
        stage.end(attempts[0], .failed, status: 1, on: node)
        stage.pass(.seconds(1))
        stage.step(.followed(id))
        let second = TaskAttempt(task: id, attempt: 2)
        #expect(stage.runs(node) == [second])
        // Its handler was not executed yet.
        #expect(asked(&stage, node).isEmpty)
        stage.say(.work(.started(second)), on: node)
        #expect(asked(&stage, node) == [WatchedAttempt(second, from: 0)])
    }

    @Test func `a beat asks for so many, and for the others in its turn`() {
        var (stage, node, attempts) = running(20)
        for attempt in attempts { stage.step(.followed(attempt.task)) }
        var seen: [TaskAttempt] = []
        for _ in 0..<5 {
            let asked = asked(&stage, node)
            #expect(asked.count == WorkLimits.watchedMax)
            #expect(asked.allSatisfy { watched in asked.count { $0 == watched } == 1 })
            seen += asked.map(\.attempt)
        }
        for attempt in attempts { #expect(seen.contains(attempt), "\(attempt)") }
    }

    @Test func `so many tasks are followed and no more, and ended ones are not`() {
        var (stage, node, attempts) = running(70)
        for attempt in attempts { stage.step(.followed(attempt.task)) }
        let followed = attempts.filter { stage.machine.work.isFollowed($0.task) }
        #expect(followed.count == 64)
        // Room for another when one is followed no more.
        stage.live([node], for: 6)
        stage.step(.followed(attempts[69].task))
        #expect(stage.machine.work.isFollowed(attempts[69].task))
        stage.end(attempts[0], on: node)
        stage.step(.followed(attempts[0].task))
        stage.step(.followed(TaskID(999)))
        #expect(!stage.machine.work.isFollowed(attempts[0].task))
        #expect(!stage.machine.work.isFollowed(TaskID(999)))
    }

    @Test func `a node that speaks version 1 is asked for nothing`() throws {
        var stage = Stage()
        stage.join("n1")
        let record = try #require(stage.machine.member(named: "n1")?.record)
        let connection = stage.connect(.node(record.id, key: KeyFingerprint("key-n1")))
        var hello = Hello(speaker: .agent, incarnation: 1, nonce: record.nonce)
        (hello.versionMin, hello.versionMax) = (1, 1)
        stage.say(.hello(hello), on: connection)
        let nonce = try #require(stage.machine.member(named: "n1")?.record.nonce)
        stage.say(.ready(nonce: nonce), on: connection)
        stage.say(.synced(services: 0, handlers: 0, attempts: 0), on: connection)
        let id = stage.submit()[0]
        stage.step(.followed(id))
        #expect(asked(&stage, connection).isEmpty)
        #expect(stage.verbs(connection).last == "LEASE")
    }

    // MARK: Whose output is kept

    @Test func `the kept output is that of the last attempt with a result, also when it is empty`()
        throws
    {
        var (stage, node, attempts) = running()
        let id = attempts[0].task
        stage.ask(.set(.cluster, key: "task.retry-delay", value: "1ms"))
        tell(&stage, "first", at: 0, attempts[0], live: false, on: node)
        stage.end(attempts[0], .failed, status: 1, on: node)
        #expect(stage.outputs[id] == Array("first".utf8))
        stage.pass(.seconds(1))
        // Given back: the result, and the output, are still those of the first.
        let second = TaskAttempt(task: id, attempt: 2)
        stage.say(.work(.returned(second, code: .notNow, text: "")), on: node)
        #expect(stage.outputs[id] == Array("first".utf8))
        stage.restart()
        let view = try #require(stage.machine.work.view(of: id))
        #expect(view.attempt == 2 && view.resultAttempt == 1 && view.result?.outcome == .failed)

        let again = stage.attach("n1", handlers: [.plain(slots: 100)], incarnation: 2)
        stage.live([again], for: 3)
        let third = try #require(stage.runs(again).first)
        stage.end(third, .failed, status: 1, permanent: true, on: again)
        #expect(stage.outputs[id] == nil)
        stage.ask(.resolveTasks([id], isDone: true))
        #expect(stage.end(of: id)?.resultAttempt == third.attempt)
    }

    @Test func `a store that says nothing of it means the last attempt`() throws {
        let text =
            "STATE id=7 state=delayed since=2026-11-23T06:41:12.345Z attempt=3 failures=1"
            + " outcome=failed status=1"
        let line = try Line.parse(text, limits: .record)
        guard case .taskState(let state) = try Record(table: .taskState, line: line) else {
            throw MessageError.unknownVerb
        }
        #expect(state.resultAttempt == 3)
    }

    // MARK: Ordered keys

    @Test func `behind a task that finds no room others of its ordered key find none`() {
        var stage = Stage()
        stage.ask(.set(.cluster, key: "task.queue.bytes", value: "1MiB"))
        func offer(_ key: String, ordered: Bool = true, bytes: Int) -> TaskOffer {
            let submission = TaskSubmission(
                type: .push,
                exclusiveKey: ExclusiveKey(key, isOrdered: ordered)
            )
            return TaskOffer(
                submission: submission,
                payload: [UInt8](repeating: 1, count: bytes)
            )
        }
        let answers = stage.submit([
            offer("other", bytes: 900_000), offer("ledger", bytes: 900_000),
            offer("ledger", bytes: 10), offer("free", ordered: false, bytes: 900_000),
            offer("free", ordered: false, bytes: 10), offer("other", bytes: 10),
        ])
        let codes = answers.map { answer -> RefusalCode? in
            if case .refused(let refused) = answer { refused.code } else { nil }
        }
        #expect(codes == [nil, .busy, .busy, .busy, nil, nil])
    }
}
