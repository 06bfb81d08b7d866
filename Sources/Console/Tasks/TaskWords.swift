import API
import ArgumentParser
import Model

/// The states of a task.
enum TaskStateArgument: String, ExpressibleByArgument, CaseIterable, Sendable {
    case waiting
    case delayed
    case assigned
    case failed
    case unknown
    case done
    case cancelled

    /// A task in one of these can still change: it waits, runs, or is on the list of those that an
    /// operator may give again.
    static let live: [TaskStateArgument] = [.waiting, .delayed, .assigned, .failed, .unknown]
}

/// Tasks as they are shown.
enum TaskWords {
    static func tone(_ task: TaskSummary) -> Tone {
        switch TaskStateArgument(rawValue: task.state) {
        case .failed, .unknown: .bad
        case .assigned: .good
        case .delayed: task.failures > 0 ? .warning : .plain
        case .waiting: .plain
        case .done, .cancelled: .faint
        case nil: .warning
        }
    }

    static func state(_ task: TaskSummary, style: Style) -> Cell {
        let tone = tone(task)
        return Cell("\(style.symbol(tone)) \(stateWord(task))", tone)
    }

    /// An assigned task that is executed runs.
    static func stateWord(_ task: TaskSummary) -> String {
        task.state == "assigned" && task.started == true ? "running" : task.state
    }

    /// What is to be said of the task besides its state, in few words.
    static func note(_ task: TaskSummary, at now: WallTime) -> Cell {
        if task.state == "delayed", let time = task.notBefore {
            let why = task.failures > 0 ? "attempt \(task.attempt) failed; " : ""
            return Cell("\(why)again \(NodeWords.until(time, at: now))")
        }
        guard let result = task.result, task.state != "done" else { return Cell("-", .faint) }
        return Cell(sentence(result))
    }

    /// `exited with status 3`, `ended by signal 9 (KILL)`.
    static func sentence(_ result: TaskResult) -> String {
        var text: String
        if let signal = result.signal {
            text = "ended by signal \(signal)" + (signalName(signal).map { " (\($0))" } ?? "")
        } else if let status = result.status, status != 0 || result.outcome != "done" {
            text = "exited with status \(status)"
        } else {
            text = result.outcome
        }
        if result.outcome == "timed-out" { text = "timed out, \(text)" }
        if !result.detail.isEmpty { text += ": \(result.detail)" }
        if result.permanent { text += "; no retry mends it" }
        return text
    }

    private static func signalName(_ signal: UInt8) -> String? {
        switch signal {
        case 6: "ABRT"
        case 9: "KILL"
        case 11: "SEGV"
        case 15: "TERM"
        default: nil
        }
    }

    static func attributes(_ task: TaskSummary) -> String {
        task.attributes.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            .joined(separator: " ")
    }

    /// `14 waiting, 2 running`: of each state that there is.
    static func counts(_ tasks: [TaskSummary]) -> String {
        TaskStateArgument.allCases.compactMap { state in
            let count = tasks.count { $0.state == state.rawValue }
            return count > 0 ? "\(count) \(state.rawValue)" : nil
        }
        .joined(separator: ", ")
    }

    static func listing(style: Style, at now: WallTime) -> Listing<TaskSummary> {
        typealias Column = Listing<TaskSummary>.Column
        func text(_ text: String?) -> Cell {
            (text ?? "").isEmpty ? Cell("-", .faint) : Cell(text ?? "")
        }
        return Listing(columns: [
            Column("ID", right: true, number: { Int64(clamping: $0.id) }) {
                Cell("\($0.id)", .strong)
            },
            Column("TYPE") { Cell($0.type) },
            Column("ACCOUNT", flexible: true) { text($0.account) },
            Column("STATE") { state($0, style: style) },
            Column("FOR", right: true, number: { TimeText.age(of: $0.since, at: now) ?? 0 }) {
                Cell(NodeWords.duration(since: $0.since, at: now))
            },
            Column("NODE") { text($0.node) },
            Column("ATTEMPT", right: true, number: { Int64($0.attempt) }) {
                Cell("\($0.attempt)", $0.attempt > 1 ? .warning : .plain)
            },
            Column("NOTE", flexible: true) { note($0, at: now) },
            Column("FAILURES", right: true, wide: true, number: { Int64($0.failures) }) {
                Cell("\($0.failures)")
            },
            Column("PRIORITY", right: true, wide: true, number: { Int64($0.priority) }) {
                Cell("\($0.priority)")
            },
            Column("ATTRIBUTES", wide: true) { text(attributes($0)) },
            Column("EXCLUSIVE", wide: true) { task in
                text(task.exclusiveKey.map { task.ordered == true ? "\($0) (ordered)" : $0 })
            },
            Column("PAYLOAD", right: true, wide: true, number: { Int64($0.payloadBytes) }) {
                Cell(SizeText.bytes(UInt64($0.payloadBytes)))
            },
            Column("ACCEPTED", wide: true) { Cell(TimeText.long($0.acceptedAt)) },
            Column("BY", wide: true) { Cell($0.submittedBy) },
            Column("KEY", wide: true) { text($0.key) },
        ])
    }
}
