import AgentCore
import Model
import Protocol
import Testing

struct TaskJournalTests {
    static let owner = TaskJournalEntry.owner(cluster: "c-1", node: "n-1")
    static let start = TaskJournalEntry.start(.first(1), token: Scene.base, handler: "push")
    static let end = TaskJournalEntry.end(
        .first(1),
        AttemptResult(outcome: .failed, status: 3, detail: "a \"b\"\nc", isPermanent: true)
    )

    static func read(_ entries: [TaskJournalEntry]) throws(AgentMemoryError) -> TaskJournal {
        try TaskJournal(lines: entries.map(\.line))
    }

    // MARK: Reading

    @Test func `what is written is what is read`() throws {
        let journal = try Self.read([
            Self.owner, Self.start, .start(.of(2, 3), token: Scene.base, handler: "pull"), Self.end,
        ])
        #expect(journal.cluster == "c-1")
        #expect(journal.node == "n-1")
        #expect(journal.started.keys == [.of(2, 3)])
        #expect(journal.started[.of(2, 3)]?.handler == "pull")
        #expect(journal.ended.keys == [.first(1)])
        if case .end(_, let result) = Self.end { #expect(journal.ended[.first(1)] == result) }
        #expect(journal.lineCount == 4)
        #expect(journal.tornLine == nil)
        let forgotten = try Self.read([Self.owner, Self.start, Self.end, .forget(.first(1))])
        #expect(forgotten.started.isEmpty && forgotten.ended.isEmpty)
        #expect(forgotten.taken[TaskID(1)] == 1)
        #expect(try TaskJournal(lines: []) == TaskJournal())
    }

    @Test func `a last line that is torn is cut, and its place told`() throws {
        let lines = [Self.owner, Self.start, Self.end].map(\.line)
        for torn in ["", "END task=1 att", "END task=1 attempt=1", "\u{0}\u{0}\u{0}", "ENDX"] {
            let journal = try TaskJournal(lines: lines.prefix(2) + [torn])
            #expect(journal.tornLine == 3)
            #expect(journal.started.keys == [.first(1)])
            #expect(journal.lineCount == 2)
        }
    }

    @Test func `anything else that cannot be read is an error with its place`() {
        let lines = [Self.owner, Self.start, Self.end].map(\.line)
        for (place, bad) in [(1, "START task=1"), (2, "END task=1 att"), (2, "WHAT task=1")] {
            var damaged = lines
            damaged[place - 1] = bad
            let error = #expect(throws: AgentMemoryError.self) { try TaskJournal(lines: damaged) }
            #expect(error?.line == place)
        }
    }

    @Test func `a contradiction is an error even in the last line`() {
        let wrong: [[TaskJournalEntry]] = [
            [Self.start], [Self.owner, Self.owner], [Self.owner, Self.start, Self.start],
            [Self.owner, .forget(.first(1)), Self.start],
            [Self.owner, Self.start, .forget(.first(1))],
            [Self.owner, Self.start, Self.end, Self.end],
            [Self.owner, Self.start, Self.end, Self.start],
        ]
        for entries in wrong {
            let error = #expect(throws: AgentMemoryError.self) { try Self.read(entries) }
            #expect(error?.line == entries.count)
        }
    }

    @Test func `a journal of a newer format is not read`() {
        let error = #expect(throws: AgentMemoryError.self) {
            try TaskJournal(lines: ["OWNER format=2 cluster=c-1 node=n-1"])
        }
        #expect(error?.line == 1)
    }

    // MARK: Restarts

    /// Every entry that a life of one task writes, in turn; after each of them the power goes.
    @Test(arguments: 0...3)
    func `a new agent takes up the journal wherever it broke off`(written: Int) {
        var scene = Scene.working([.plain(delivery: .idempotent)])
        scene.begin(.first(1))
        scene.finish(.first(1), .exited(1), output: [1])
        scene.take(.first(1))
        #expect(scene.journalVerbs == ["START", "END", "FORGET"])
        scene.journal = Array(scene.journal.prefix(1 + written))
        scene.restart()
        let back = scene.join()
        switch written {
        case 0, 3:
            #expect(back.holdings.isEmpty)
            #expect(back.results.isEmpty)
        case 1:
            // It was started, and nobody knows how it ended.
            #expect(back.holdings == [.holding(.first(1), phase: .ended)])
            #expect(back.results.map(\.outcome) == [.interrupted])
            #expect(back.results.first?.detail == "the agent ended while it ran")
            #expect(scene.journalVerbs == ["START", "END"])
        default:
            #expect(back.results.map(\.status) == [1])
            #expect(back.pieces.isEmpty)
        }
        // A RUN of the session before means nothing; one of this session is judged by what is known.
        scene.live(.seconds(1))
        let again = scene.order(.first(1))
        #expect(again.launchedTasks.isEmpty == (written > 0))
        #expect(again.returns == (written == 3 ? [.staleToken] : []))
    }

    @Test func `what was told to a leash and not started is interrupted after a restart`() {
        var scene = Scene.working()
        let order = scene.runOrder(.first(1))
        // The start is durable, and the agent dies before it commands anything.
        scene.keep(scene.step(.received(link: scene.link, .work(.run(order)))))
        scene.restart()
        let back = scene.join()
        #expect(back.outcome == .interrupted)
        #expect(back.tasks.isEmpty)
    }

    @Test func `a leash that is not proven empty counts as running until it is`() {
        var scene = Scene.working([.plain(delivery: .idempotent)])
        scene.begin(.first(1))
        let token = scene.token
        scene.restart()
        let back = scene.join(tasks: [.first(1)])
        #expect(back.holdings == [.holding(.first(1), phase: .running)])
        #expect(scene.journalVerbs == ["START"])
        scene.raiseToken()
        #expect(scene.machine.stopStatement! < token)
        scene.live(.seconds(1))
        #expect(scene.order(.of(1, 2)).returns == [.notNow])
        let emptied = scene.report(.first(1), .emptied)
        #expect(emptied.outcome == .interrupted)
        #expect(scene.machine.stopStatement! >= token)
        #expect(scene.journalVerbs == ["START", "END"])
    }

    @Test func `a leash that is never emptied is killed again and again`() {
        var scene = Scene.working([.plain(delivery: .idempotent)])
        scene.begin(.first(1))
        scene.restart()
        scene.join(tasks: [.first(1)])
        #expect(scene.live(.seconds(9)).tasks.isEmpty)
        #expect(scene.live(.seconds(2)).tasks == [.destroy(.first(1))])
        #expect(scene.live(.seconds(10)).tasks == [.destroy(.first(1))])
    }

    @Test func `a leash that the journal does not know lets nothing be stated`() {
        var scene = Scene(handlers: [.plain()])
        scene.version = 2
        let back = scene.join(tasks: [.first(4)])
        #expect(back.holdings == [.holding(.first(4), phase: .running)])
        #expect(scene.machine.stopStatement == nil)
        #expect(scene.report(.first(4), .emptied).outcome == .interrupted)
        #expect(scene.machine.stopStatement != nil)
    }

    @Test func `another cluster's journal is waited out and not told`() {
        let lines = [
            TaskJournalEntry.owner(cluster: "c-2", node: "n-1").line,
            Self.start.line,
            TaskJournalEntry.end(.first(2), AttemptResult(outcome: .done)).line,
        ]
        var scene = Scene(handlers: [.plain(delivery: .idempotent)], journal: lines)
        scene.version = 2
        let back = scene.join(tasks: [.first(1)])
        #expect(back.holdings.isEmpty)
        #expect(back.results.isEmpty)
        #expect(scene.machine.stopStatement == nil)
        scene.report(.first(1), .emptied)
        #expect(scene.machine.stopStatement != nil)
        scene.live(.seconds(1))
        // The same numbers are other tasks here.
        #expect(scene.order(.first(2)).launchedTasks == [.first(2)])
        #expect(
            scene.journal == [
                Self.owner.line,
                TaskJournalEntry.start(.first(2), token: scene.token, handler: "push").line,
            ]
        )
    }

    // MARK: A disk that fails

    @Test func `a journal that cannot be written stops new work and nothing else`() {
        var scene = Scene.working([.plain(slots: 3, prefetch: 3)])
        scene.begin(.first(1))
        let order = scene.runOrder(.first(2))
        _ = scene.step(.received(link: scene.link, .work(.run(order))))
        let waiting = scene.runOrder(.first(3), payloadBytes: 9)
        _ = scene.step(.received(link: scene.link, .work(.run(waiting))))

        let failed = scene.step(.taskJournalFailed(reason: "disk full"))
        #expect(failed.noted == [.stateNotWritable])
        #expect(failed.returnedAttempts == [.first(3)])
        #expect(failed.returns == [.storage])
        #expect(failed.tasks.isEmpty)
        #expect(scene.machine.nodeHealth == .failing)
        #expect(scene.order(.first(4)).returns == [.storage])

        // What runs goes on, and its result stays in memory.
        #expect(scene.finish(.first(1)).results.isEmpty)
        #expect(scene.phase(.first(1)) == .running)

        // After a while the whole journal is asked for, which holds what was lost on the way.
        scene.now += .seconds(5)
        let retry = scene.step(.deadlineReached(wall: WallTime(milliseconds: 0)))
        #expect(retry.taskJournal == nil)
        let entries = retry.taskJournalRewrite?.entries ?? []
        #expect(entries.map { String($0.line.prefix { $0 != " " }) } == ["OWNER", "END", "START"])
        #expect(entries == scene.machine.taskJournalSnapshot)
        // It fails again, and is asked for again.
        #expect(scene.step(.taskJournalFailed(reason: "disk full")).noted.isEmpty)
        scene.now += .seconds(5)
        let again = scene.step(.deadlineReached(wall: WallTime(milliseconds: 0)))
        scene.keep(again)
        let sequence = again.taskJournalRewrite?.sequence ?? 0
        #expect(sequence > retry.taskJournalRewrite?.sequence ?? 0)

        let durable = scene.run(.taskJournaled(upTo: sequence))
        #expect(durable.launchedTasks == [.first(2)])
        #expect(durable.outcome == .done)
        #expect(scene.machine.nodeHealth == .healthy)
        #expect(scene.order(.first(5)).launchedTasks == [.first(5)])
    }

    @Test func `an old word of success does not mend a failure`() {
        var scene = Scene.working([.plain(slots: 3)])
        for task in 1...UInt64(2) {
            let order = scene.runOrder(.first(task))
            _ = scene.step(.received(link: scene.link, .work(.run(order))))
        }
        _ = scene.step(.taskJournalFailed(reason: "error"))
        // The first write had been done before the second failed.
        #expect(scene.step(.taskJournaled(upTo: 1)).launchedTasks == [.first(1)])
        #expect(scene.machine.nodeHealth == .failing)
        #expect(scene.order(.first(3)).returns == [.storage])
    }

    @Test func `an agent that cannot write its own state takes no task`() {
        var scene = Scene.working()
        scene.begin(.first(1))
        scene.order(.first(2))
        let failed = scene.step(.persistFailed(reason: "full"))
        #expect(failed.returns == [.storage])
        #expect(scene.order(.first(3)).returns == [.storage])
        #expect(scene.finish(.first(1)).outcome == .done)
    }

    // MARK: Size

    @Test func `a journal that has grown is written anew with what is needed`() {
        var scene = Scene.working([.plain(delivery: .idempotent)])
        var most = 0
        for task in 1...UInt64(1_100) {
            let order = scene.runOrder(.first(task))
            let effects = scene.step(.received(link: scene.link, .work(.run(order))))
            scene.keep(effects)
            let write = effects.taskJournal ?? effects.taskJournalRewrite
            scene.run(.taskJournaled(upTo: write?.sequence ?? 0))
            scene.finish(.first(task))
            scene.take(.first(task))
            most = max(most, scene.journal.count)
        }
        // Of three lines of a task one is needed in the end, and a second one bearable.
        #expect((2_900..<3_100).contains(most))
        #expect(scene.journal.count < 1_500)
        #expect(Scene.read(scene.journal).ended.isEmpty)
        #expect(Scene.read(scene.journal).taken.count == 1_100)
    }
}
