import API
import Digests
import Foundation
import Model
import Protocol
import Store
import Testing

@testable import Controller
@testable import ControllerCore

/// What a run leaves behind.
@Suite struct RunReportTests {
    private static func at(_ seconds: Int64) -> WallTime {
        WallTime(milliseconds: 1_700_000_000_000 + seconds * 1_000)
    }

    private static let steps: [(PlanStep, from: Int64, to: Int64)] = [
        (PlanStep(name: "gate", act: .gate), 0, 1),
        (PlanStep(name: "stop", act: .stop(.from, groups: [], .exclusive)), 1, 11),
        (PlanStep(name: "tell", act: .hook("tell", .controller)), 11, 13),
        (PlanStep(name: "ask", act: .ask("?")), 13, 43),
        (PlanStep(name: "fence", act: .fence(with: nil)), 43, 48),
        (PlanStep(name: "activate", act: .activate), 48, 49),
        (PlanStep(name: "start", act: .start(groups: [], .all)), 49, 59),
        (PlanStep(name: "verify", act: .verify), 59, 60),
        (PlanStep(name: "end", act: .stop(.from, groups: [], .drainable)), 60, 160),
    ]

    private static func views() throws -> NodeViews {
        let (machine, _) = ControllerMachine.started(
            settings: ControllerSettings(),
            records: try World.founding(),
            generation: 1,
            lastEventSequence: 0,
            seed: 7,
            at: Moment(instant: .origin, wall: at(1_000))
        )
        return NodeViews(machine: machine, now: Moment(instant: .origin, wall: at(1_000)))
    }

    private static func run() -> (RunRecord, [RunStepRecord]) {
        var run = RunRecord(
            id: RunID(3),
            kind: .switchover,
            from: "north",
            to: "south",
            plan: "p",
            planVersion: 1,
            by: "alice",
            reason: "a | b <c>",
            startedAt: at(0),
            stepCount: UInt16(steps.count),
            epochBefore: Epoch(generation: 1, counter: 1),
            lingers: true,
            isForced: false
        )
        run.state = .done
        run.step = UInt16(steps.count - 1)
        run.endedAt = at(160)
        run.epochAfter = Epoch(generation: 1, counter: 2)
        run.askedMilliseconds = 30_000
        let records = steps.enumerated().map { index, entry in
            var record = RunStepRecord(run: run.id, index: UInt16(index), step: entry.0)
            record.state = .done
            record.attempt = 1
            record.startedAt = at(entry.from)
            record.endedAt = at(entry.to)
            return record
        }
        return (run, records)
    }

    @Test func `the time is measured until the new site serves, and split by what took it`() throws
    {
        let (run, records) = Self.run()
        let times = try Self.views().times(run, records)
        #expect(times.totalMilliseconds == 160_000)
        #expect(times.rtoMilliseconds == 60_000)
        #expect(times.outageMilliseconds == 59_000)
        #expect(times.stopMilliseconds == 11_000)
        #expect(times.hooksMilliseconds == 2_000)
        #expect(times.personMilliseconds == 30_000)
        #expect(times.fenceMilliseconds == 5_000)
        #expect(times.startMilliseconds == 12_000)
        #expect(times.lingerMilliseconds == 100_000)
    }

    @Test func `what was not reached was not measured`() throws {
        var (run, records) = Self.run()
        run.state = .aborted
        run.epochAfter = nil
        run.endedAt = Self.at(45)
        for index in 5..<records.count {
            records[index].state = .pending
            records[index].startedAt = nil
            records[index].endedAt = nil
        }
        let times = try Self.views().times(run, records)
        #expect(times.rtoMilliseconds == nil && times.outageMilliseconds == nil)
        #expect(times.totalMilliseconds == 45_000)
        var live = Self.run()
        live.0.state = .running
        live.0.step = 7
        live.1[7].state = .running
        live.1[7].endedAt = nil
        #expect(try Self.views().times(live.0, live.1).rtoMilliseconds == nil)
    }

    @Test func `the verdict names what was left out and what was overruled`() throws {
        var (run, _) = Self.run()
        run.isForced = true
        let views = try Self.views()
        let report = views.report(run, ledger: [], isCut: false)
        #expect(report.verdict == "passed")
        #expect(report.verdictText.contains("under epoch 1.2; readiness was overruled"))
        run.state = .aborted
        run.text = "aborted by alice"
        let failed = views.report(run, ledger: [], isCut: false)
        #expect(failed.verdict == "failed" && failed.verdictText.contains("aborted by alice"))
        run.state = .asking
        #expect(views.report(run, ledger: [], isCut: false).verdict == "under-way")
    }

    private static func deed(
        _ index: UInt16,
        _ number: UInt32,
        _ outcome: RunDeedRecord.Outcome,
        from: Int64? = nil,
        to: Int64,
        by: String = "",
        _ reason: String = ""
    ) -> RunDeedRecord {
        RunDeedRecord(
            run: RunID(3),
            index: index,
            number: number,
            outcome: outcome,
            startedAt: from.map { at($0) },
            at: at(to),
            by: by,
            reason: reason,
            text: outcome == .failed ? "no route" : "",
            hooks: []
        )
    }

    private static func machine(_ records: [Record]) throws -> ControllerMachine {
        ControllerMachine.started(
            settings: ControllerSettings(),
            records: try World.founding() + records,
            generation: 1,
            lastEventSequence: 0,
            seed: 7,
            at: Moment(instant: .origin, wall: at(1_000))
        ).0
    }

    @Test func `every attempt is in the report, and what was waited for a person is none's time`()
        throws
    {
        var (run, records) = Self.run()
        run.askedMilliseconds = 34_000
        // The hook failed at 12, was tried again at 42, and the fence waited 4 s for somebody's word.
        records[2].deeds = 3
        records[2].startedAt = Self.at(42)
        records[2].endedAt = Self.at(43)
        records[4].deeds = 1
        records[4].personMilliseconds = 4_000
        let deeds = [
            Self.deed(2, 1, .failed, from: 11, to: 12),
            Self.deed(2, 2, .retried, to: 42, by: "alice", "the route is there"),
            Self.deed(2, 3, .done, from: 42, to: 43), Self.deed(4, 1, .done, from: 43, to: 48),
        ]
        let machine = try Self.machine(
            [.run(run)] + records.map { .runStep($0) } + deeds.map { .runDeed($0) }
        )
        let views = NodeViews(
            machine: machine,
            now: Moment(instant: .origin, wall: Self.at(1_000))
        )
        let times = views.times(run, records)
        #expect(times.hooksMilliseconds == 2_000)
        #expect(times.fenceMilliseconds == 1_000)
        #expect(times.personMilliseconds == 34_000)
        let report = views.report(run, ledger: [], isCut: false)
        #expect(report.steps[2].deeds?.map(\.outcome) == ["failed", "retried", "done"])
        #expect(report.steps[2].deeds?[1].by == "alice")
        let text = RunReportText(report).markdown
        #expect(text.contains("| 3 | tell | retried by alice |"), "\(text)")
        #expect(text.contains("the route is there"))
        // One attempt that went well is told by its step.
        #expect(!text.contains("| 5 | fence | done"))
    }

    @Test func `a fence that waits for somebody's word now spends that person's time`() throws {
        var (run, records) = Self.run()
        run.state = .running
        run.step = 4
        run.endedAt = nil
        run.epochAfter = nil
        run.askedSince = Self.at(50)
        records[4].state = .running
        records[4].endedAt = nil
        let views = NodeViews(
            machine: try Self.machine([.run(run)] + records.map { .runStep($0) }),
            now: Moment(instant: .origin, wall: Self.at(100))
        )
        // From 43 to 50 it was fenced, since 50 somebody is waited for.
        #expect(views.times(run, records).fenceMilliseconds == 7_000)
        #expect(views.times(run, records).personMilliseconds == 80_000)
    }

    @Test func `an ended run's report carries the digest that its audit entry has`() throws {
        let (run, records) = Self.run()
        let machine = try Self.machine([.run(run)] + records.map { .runStep($0) })
        let now = Moment(instant: .origin, wall: Self.at(1_000))
        let report = NodeViews(machine: machine, now: now).report(run, ledger: [], isCut: false)
        let sealed = try #require(report.sealed)
        #expect(report.digest == Digest(of: sealed.utf8).hex)
        let write = JournalWriter.write(
            .audit(
                AuditRecord(
                    at: Self.at(0),
                    actor: "controller",
                    verb: ControllerMachine.reportVerb,
                    object: "3",
                    parameters: sealed,
                    outcome: "done"
                )
            )
        )
        guard case .audit(let entry) = write else {
            Issue.record("it is no entry of the audit")
            return
        }
        #expect(entry.parameters == report.digest)
        // It is JSON as everybody writes it, keys in their order.
        let object = try JSONSerialization.jsonObject(with: Data(sealed.utf8))
        let again = try JSONSerialization.data(
            withJSONObject: object,
            options: [.sortedKeys, .withoutEscapingSlashes]
        )
        #expect(String(decoding: again, as: UTF8.self) == sealed)
    }

    @Test func `late news of a node is in the ledger, and what was taken before the fence`() {
        var record = Self.record(1, 7)
        record.takenAt = Self.at(5)
        let late = LateRecord(
            task: TaskID(7),
            attempt: 1,
            node: "n-1",
            outcome: .done,
            at: Self.at(9)
        )
        let entry = LedgerEntry(record, Self.view(.waiting, attempt: 1), late: late)
        #expect(entry.takenAt == Self.at(5).iso8601)
        #expect(entry.text.contains("n-1 said at \(Self.at(9).iso8601) that attempt 1 was done"))
        #expect(entry.fate == "open")
    }

    @Test func `late news is removed when it is as old as histories get`() throws {
        let store = FakeStore()
        let lates = [1, 2, 3].map { number in
            LateRecord(
                task: TaskID(number),
                attempt: 1,
                node: "n-1",
                outcome: .done,
                at: Self.at(number == 3 ? 800_000 : 0)
            )
        }
        _ = try store.commit([lates.map { JournalWriter.write(.put(.late($0))) }])
        var janitor = HistoryJanitor(store: store)
        #expect(try janitor.tidyLate(history: .seconds(60), now: Self.at(900_000)))
        #expect(store.rows(of: "late").count == 1)
        #expect(try TaskStore(store: store).late([TaskID(3)])[TaskID(3)] == lates[2])
    }

    @Test func `a report names the data sets of which a loss was accepted, and what was lost`()
        throws
    {
        var (run, records) = Self.run()
        run.acceptsLoss = true
        run.lossAcceptedOf = ["mail", "orders"]
        func report() throws -> RunReport {
            let machine = try Self.machine([.run(run)] + records.map { .runStep($0) })
            let now = Moment(instant: .origin, wall: Self.at(1_000))
            return NodeViews(machine: machine, now: now).report(run, ledger: [], isCut: false)
        }
        var named = try report()
        #expect(named.run.acceptedLosses?.map(\.dataSet) == ["mail", "orders"])
        #expect(
            RunReportText(named).markdown
                .contains("That data may be lost was accepted of: mail, orders.")
        )
        named.run.acceptedLosses?[1].lost = 12
        #expect(RunReportText(named).markdown.contains("mail, orders (12 canaries lost)."))
        run.lossAcceptedOf = nil
        let older = try report()
        #expect(older.run.acceptedLosses == nil)
        #expect(RunReportText(older).markdown.contains("That data may be lost was accepted."))
        run.acceptsLoss = false
        #expect(!RunReportText(try report()).markdown.contains("may be lost"))
    }

    @Test func `in Markdown no text breaks a table or becomes markup`() throws {
        let (run, _) = Self.run()
        var report = try Self.views().report(run, ledger: [], isCut: false)
        report.fences = [RunFence(node: "n-1", proof: "command", text: "a\nb | `c`", at: "then")]
        let text = RunReportText(report).markdown
        #expect(text.hasPrefix("# Run 3: switchover from north to south\n"))
        #expect(text.contains("**PASSED**"))
        #expect(text.contains("| Reason | a \\| b \\<c\\> |"), "\(text)")
        #expect(text.contains("| n-1 | command | then | a b \\| \\`c\\` |"), "\(text)")
        #expect(text.contains("| Of it, from the first stop on | not measured |"), "\(text)")
    }

    // MARK: The ledger

    private static func record(_ run: UInt64, _ task: UInt64) -> LedgerRecord {
        LedgerRecord(
            run: RunID(run),
            task: TaskID(task),
            attempt: 1,
            node: "n-1",
            isStarted: true
        )
    }

    @Test func `a run's ledger is read in order, in portions, and without its neighbours'`() throws
    {
        let store = FakeStore()
        let records = [
            Self.record(1, 5), Self.record(1, 300), Self.record(1, 16), Self.record(2, 1),
            Self.record(16, 2),
        ]
        _ = try store.commit([records.map { JournalWriter.write(.put(.ledger($0))) }])
        let tasks = TaskStore(store: store)
        func numbers(_ run: UInt64, after: UInt64?, _ limit: Int) throws -> [UInt64] {
            try tasks.ledger(of: RunID(run), after: after.map { TaskID($0) }, limit: limit)
                .map(\.task.number)
        }
        #expect(try numbers(1, after: nil, 10) == [5, 16, 300])
        #expect(try numbers(1, after: nil, 2) == [5, 16])
        #expect(try numbers(1, after: 16, 10) == [300])
        #expect(try numbers(2, after: nil, 10) == [1])
        #expect(try numbers(16, after: nil, 10) == [2])
        #expect(try numbers(3, after: nil, 10) == [])
    }

    @Test func `ledgers of forgotten runs are removed, in portions, and no other`() throws {
        let store = FakeStore()
        let old = (1...UInt64(HistoryJanitor.removalsMax + 3)).map { Self.record(1, $0) }
        let kept = [Self.record(2, 1), Self.record(16, 1)]
        _ = try store.commit([(old + kept).map { JournalWriter.write(.put(.ledger($0))) }])
        let janitor = HistoryJanitor(store: store)
        #expect(try !janitor.tidyLedgers(before: RunID(2)))
        #expect(store.rows(of: "ledger").count == 3 + kept.count)
        #expect(try janitor.tidyLedgers(before: RunID(2)))
        #expect(store.rows(of: "ledger").count == kept.count)
        #expect(try janitor.tidyLedgers(before: RunID(2)))
        #expect(store.rows(of: "ledger").count == kept.count)
    }

    private static func view(
        _ state: TaskState,
        attempt: UInt16,
        node: NodeName? = nil,
        _ traces: [AttemptTrace] = []
    ) -> LedgerFate {
        .live(
            TaskView(
                id: TaskID(7),
                submission: TaskSubmission(type: .push, account: "acme"),
                submittedBy: "alice",
                acceptedAt: at(0),
                payloadBytes: 0,
                state: state,
                since: at(0),
                attempt: attempt,
                failures: 0,
                interruptions: 0,
                notBefore: nil,
                assignment: nil,
                node: node,
                result: nil,
                traces: traces
            )
        )
    }

    @Test func `what became of a task is told by its record and its history`() {
        let lost = AttemptTrace(attempt: 1, node: "n-1", endedAt: Self.at(1), outcome: "lost")
        let cases: [(LedgerFate, fate: String, text: String)] = [
            (
                Self.view(.waiting, attempt: 1, [lost]), "open",
                "attempt 1 on n-1: lost; it waits for attempt 2"
            ),
            (
                Self.view(.assigned, attempt: 2, node: "s-1", [lost]), "given-again",
                "attempt 1 on n-1: lost; attempt 2 on s-1 has not ended"
            ),
            (
                Self.view(.assigned, attempt: 1, node: "n-1"), "open",
                "attempt 1 on n-1 has not ended"
            ),
            (
                Self.view(.unknown, attempt: 1, [lost]), "unknown",
                "attempt 1 on n-1: lost; its handler runs a task at most once, and it may have been "
                    + "done: muster task resolve 7"
            ), (Self.view(.failed, attempt: 1), "ended", "failed; muster task retry 7"),
            (
                Self.view(.failed, attempt: 2, [lost]), "given-again",
                "attempt 1 on n-1: lost; attempt 2 has failed"
            ),
            (.forgotten, "forgotten", "it has ended; its history is not kept any more"),
        ]
        for (fate, word, text) in cases {
            let entry = LedgerEntry(Self.record(1, 7), fate)
            #expect(entry.fate == word && entry.text == text, "\(entry)")
            #expect(entry.attempt == 1 && entry.node == "n-1" && entry.started)
        }
        let counts = LedgerCounts(cases.map { LedgerEntry(Self.record(1, 7), $0.0) })
        #expect(counts.tasks == 7 && counts.open == 2 && counts.givenAgain == 2)
        #expect(counts.unknown == 1 && counts.ended == 1 && counts.forgotten == 1)
    }
}
