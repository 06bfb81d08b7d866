import API
import ControllerCore
import Model

// What is wrong with the work: tasks that need somebody, a queue that fills, nodes that are passed
// over, schedules that do not fire.

extension StatusView {
    typealias AddProblem = (
        API.Severity, _ subject: String, _ text: String, _ since: WallTime, _ mend: String
    ) -> Void

    func addWorkProblems(_ add: AddProblem) {
        Self.addProblems(
            of: views.work,
            queueHighSince: machine.work.queueHighSince,
            at: now.wall,
            add
        )
        Self.addProblems(of: machine.schedules, at: now.wall, add)
        for member in views.members() {
            let record = member.record
            guard let overload = machine.work.load(of: record.id)?.overload else { continue }
            add(
                .warning,
                record.name.text,
                "node \(record.name) is overloaded and passed over: \(overload)",
                machine.work.overloadedSince(record.id) ?? now.wall,
                "muster node show \(record.name)"
            )
        }
    }

    static func addProblems(
        of work: WorkStatus,
        queueHighSince: WallTime? = nil,
        at now: WallTime,
        _ add: AddProblem
    ) {
        for state in work.states where state.count > 0 {
            let tasks = counted(state.count, "task")
            let since = now + .milliseconds(-Int64(clamping: state.oldestMilliseconds ?? 0))
            switch TaskState(rawValue: state.state) {
            case .failed:
                let text = "\(tasks) failed for good, for an operator to give again or resolve"
                add(.warning, "tasks", text, since, "muster task list --state failed")
            case .unknown:
                let text = "the end of \(tasks) is not known, for an operator to find out"
                add(.warning, "tasks", text, since, "muster task list --state unknown")
            case .waiting, .delayed, .assigned, .done, .cancelled, nil: break
            }
        }
        let full = max(
            share(work.queued, of: work.queueCountMax),
            share(work.live, of: 2 * work.queueCountMax),
            share(work.keptBytes ?? work.payloadBytes, of: work.queueBytesMax)
        )
        guard full >= WorkMachine.queueHighPerMille else { return }
        let isFull = full >= 1_000
        add(
            isFull ? .critical : .warning,
            "tasks",
            isFull
                ? "the queue is full: tasks are turned away" : "the queue is \(full / 10)% full",
            queueHighSince ?? now,
            "muster task list --state waiting"
        )
    }

    static func addProblems(of book: ScheduleBook, at now: WallTime, _ add: AddProblem) {
        if book.clock?.isHeld ?? false {
            add(
                .critical,
                "controller",
                "the controller's clock on the wall is ahead of the time that has passed: schedules do not "
                    + "follow it",
                now,
                "timedatectl"
            )
        }
        for entry in book.entries.values
        where entry.record.doneUpTo - now > ScheduleBook.tolerance && entry.record.paused == nil {
            let name = entry.record.draft.name
            add(
                .warning,
                "schedule \(name)",
                "schedule \(name) has fired up to \(entry.record.doneUpTo.iso8601), when the clock was ahead: "
                    + "it fires nothing before",
                now,
                "muster schedule show \(name)"
            )
        }
        for entry in book.entries.values {
            guard let problem = entry.problem, entry.record.paused == nil else { continue }
            let name = entry.record.draft.name
            add(
                .warning,
                "schedule \(name)",
                "schedule \(name) does not fire: \(problem)",
                entry.record.doneUpTo,
                "muster schedule show \(name)"
            )
        }
    }

    private static func share(_ part: UInt64, of whole: UInt64) -> UInt64 {
        whole == 0 ? 0 : min(part, 1 << 50) * 1_000 / whole
    }
}
