import API
import ControllerCore
import Model
import Protocol
import Store

// The ledger of a run: what became of each task that the old site had when it was fenced, or that was
// taken from its nodes since they were lost before that. What became of it stands in the task's own record and history, and is looked up when it is asked for, so that
// late news is in it.

/// What is known of a task of the ledger now.
enum LedgerFate {
    case live(TaskView)
    case ended(TaskEndRecord)
    /// It has ended, and its history is not kept any more.
    case forgotten
}

extension LedgerEntry {
    init(_ record: LedgerRecord, _ fate: LedgerFate, late: LateRecord? = nil) {
        var submission: TaskSubmission?
        switch fate {
        case .live(let view): submission = view.submission
        case .ended(let end): submission = end.submission
        case .forgotten: break
        }
        let (word, text) = Self.told(record, fate, late)
        self.init(
            task: record.task.number,
            type: submission?.type.text ?? "",
            account: submission?.account ?? "",
            attempt: record.attempt,
            node: record.node.text,
            started: record.isStarted,
            fate: word,
            text: text
        )
        takenAt = record.takenAt?.iso8601
        drains = record.drains ? true : nil
        cutAt = record.cutAt?.iso8601
        switch fate {
        case .live(let view):
            attemptNow = view.attempt
            nodeNow = view.node?.text
        case .ended(let end):
            attemptNow = end.attempt
            nodeNow = end.node?.text
        case .forgotten: break
        }
    }

    private static func told(
        _ record: LedgerRecord,
        _ fate: LedgerFate,
        _ late: LateRecord?
    ) -> (fate: String, text: String) {
        let before = traces(fate).last { $0.attempt == record.attempt }
        let there = before.map { "attempt \($0.attempt) on \($0.node): \($0.outcome)" }
        // Evidence, where the node came back and told it: nothing follows from it by itself.
        let said = late.map {
            "\($0.node) said at \($0.at.iso8601) that attempt \($0.attempt) was "
                + "\($0.outcome.rawValue)"
        }
        func text(_ now: String) -> String {
            [there, said, now].compactMap { $0 }.joined(separator: "; ")
        }
        switch fate {
        case .forgotten: return ("forgotten", "it has ended; its history is not kept any more")
        case .ended(let end):
            if end.state == .unknown { return ("unknown", text("unknown; taken off the list")) }
            guard end.attempt > record.attempt else {
                return (
                    "ended", "\(end.state.rawValue) by attempt \(end.attempt) on \(record.node)"
                )
            }
            let place = end.node.map { " on \($0)" } ?? ""
            return ("given-again", text("\(end.state.rawValue) by attempt \(end.attempt)\(place)"))
        case .live(let view):
            switch view.state {
            case .unknown:
                return ("unknown", text(unknown(view, record.task)))
            case .failed:
                guard view.attempt > record.attempt else {
                    return ("ended", text("failed; muster task retry \(record.task)"))
                }
                return ("given-again", text("attempt \(view.attempt) has failed"))
            case .done, .cancelled: return ("ended", text(view.state.rawValue))
            case .assigned:
                let place = view.node.map { " on \($0)" } ?? ""
                guard view.attempt > record.attempt else {
                    return ("open", "attempt \(view.attempt)\(place) has not ended")
                }
                return ("given-again", text("attempt \(view.attempt)\(place) has not ended"))
            case .waiting, .delayed:
                return ("open", text("it waits for attempt \(view.attempt + 1)"))
            }
        }
    }

    /// Why nobody knows, and what to type.
    private static func unknown(_ view: TaskView, _ task: TaskID) -> String {
        if view.traces.last?.outcome == "payload-lost", let result = view.result {
            return "\(result.forPeople): submit it anew, then muster task cancel \(task)"
        }
        return "its handler runs a task at most once, and it may have been done: "
            + "muster task resolve \(task)"
    }

    private static func traces(_ fate: LedgerFate) -> [AttemptTrace] {
        switch fate {
        case .live(let view): view.traces
        case .ended(let end): end.traces
        case .forgotten: []
        }
    }
}

extension ConsoleRoutes {
    /// Tasks that one look at the machine is taken for.
    private static let portion = 250

    /// Entries of a run's ledger by the tasks' numbers, at most `limit` of those after a task.
    func ledger(
        of run: RunID,
        after: TaskID?,
        limit: Int
    ) async throws -> (entries: [LedgerEntry], next: UInt64?) {
        let records = try server.driver.tasks.ledger(of: run, after: after, limit: limit + 1)
        var entries: [LedgerEntry] = []
        let shown = Array(records.prefix(limit))
        for start in stride(from: 0, to: shown.count, by: Self.portion) {
            let some = Array(shown[start..<min(start + Self.portion, shown.count)])
            let views = await driver.read { machine, _ in
                some.map { machine.work.view(of: $0.task) }
            }
            // What ends between the two looks is found by the second.
            let ended = try driver.tasks.ended(
                zip(some, views).filter { $1 == nil }.map { $0.0.task }
            )
            let late = try driver.tasks.late(some.map(\.task))
            for (record, view) in zip(some, views) {
                let fate =
                    view.map { LedgerFate.live($0) }
                    ?? ended[record.task].map { .ended($0) } ?? .forgotten
                entries.append(LedgerEntry(record, fate, late: late[record.task]))
            }
        }
        return (entries, records.count > limit ? entries.last?.task : nil)
    }
}
