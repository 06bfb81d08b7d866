import API
import ControllerCore
import Model
import Testing

@testable import Controller

/// What of the work is shown under WRONG NOW.
@Suite struct WorkProblemsTests {
    private static let now = WallTime(milliseconds: 1_795_000_000_000)

    private func problems(
        failed: UInt64 = 0,
        unknown: UInt64 = 0,
        waiting: UInt64 = 0,
        delayed: UInt64 = 0,
        assigned: UInt64 = 0,
        bytes: UInt64 = 0
    ) -> [String] {
        let work = WorkStatus(
            policy: "round-robin",
            states: [
                WorkStateCount(state: "waiting", count: waiting),
                WorkStateCount(state: "delayed", count: delayed),
                WorkStateCount(state: "assigned", count: assigned),
                WorkStateCount(state: "failed", count: failed, oldestMilliseconds: 60_000),
                WorkStateCount(state: "unknown", count: unknown, oldestMilliseconds: 1_000),
            ],
            payloadBytes: bytes,
            queueCountMax: 1_000,
            queueBytesMax: 1 << 20,
            accepted: 0,
            done: 0,
            cancelled: 0,
            repeated: 0
        )
        var found: [String] = []
        StatusView.addProblems(of: work, at: Self.now) { severity, _, text, since, mend in
            let age = (Self.now - since).wholeSeconds
            found.append("\(severity.rawValue) \(age)s: \(text) | \(mend)")
        }
        return found
    }

    @Test func `dead letters and unknown tasks are told, with since when and what to type`() {
        #expect(problems() == [])
        #expect(
            problems(failed: 1, unknown: 2) == [
                "warning 60s: 1 task failed for good, for an operator to give again or resolve"
                    + " | muster task list --state failed",
                "warning 1s: the end of 2 tasks is not known, for an operator to find out"
                    + " | muster task list --state unknown",
            ]
        )
    }

    @Test func `a queue is told when it is nearly full, by count or by bytes, and when it is`() {
        #expect(problems(waiting: 799) == [])
        #expect(
            problems(waiting: 950).map { $0.prefix(35) } == ["warning 0s: the queue is 95% full |"]
        )
        #expect(problems(waiting: 500, delayed: 450) == problems(waiting: 950))
        // What runs, and dead letters, turn nothing away until there are twice as many in all.
        #expect(problems(waiting: 100, assigned: 1_400) == [])
        #expect(problems(failed: 1_500).count == 1)
        #expect(problems(waiting: 100, assigned: 1_700).count == 1)
        #expect(
            problems(failed: 2_000).last?.hasPrefix("critical 0s: the queue is full") == true
        )
        #expect(problems(bytes: 1 << 20).first?.hasPrefix("critical 0s: the queue is full") == true)
    }

    @Test func `a schedule that does not fire is told, one that is paused is not`() throws {
        func problems(paused: String?) throws -> [String] {
            let request = AddScheduleRequest(
                name: "nightly",
                recurrence: "calendar @daily in Europe/Atlantis",
                task: TaskRequest(type: "PUSH")
            )
            var record = ScheduleRecord(
                draft: try ConsoleRoutes.draft(request),
                createdBy: "alice",
                createdAt: Self.now
            )
            record.paused = paused
            let (machine, _) = ControllerMachine.started(
                settings: ControllerSettings(),
                records: try World.founding() + [.schedule(record)],
                generation: 1,
                lastEventSequence: 0,
                seed: 7,
                at: Moment(instant: .origin, wall: Self.now)
            )
            var found: [String] = []
            StatusView.addProblems(of: machine.schedules, at: Self.now) { _, subject, text, _, _ in
                found.append("\(subject): \(text)")
            }
            return found
        }
        #expect(
            try problems(paused: nil) == [
                "schedule nightly: schedule nightly does not fire: the time zone Europe/Atlantis is"
                    + " not known here"
            ]
        )
        #expect(try problems(paused: "by bob") == [])
    }
}
