import Model
import Protocol

// Results of attempts that are not the current ones. They are evidence, and a node that lies may say
// them without end.

/// What was made lately of a node's late results.
struct LateNews: Hashable, Sendable {
    /// Kept of one node in an hour.
    static let keptMax = 1_000
    static let keptFor: Duration = .seconds(3_600)
    /// Between two events of one node.
    static let toldEvery: Duration = .seconds(1)

    var since: Instant
    var kept = 0
    var toldAt: Instant?
    /// Refused since then without a word.
    var untold: UInt64 = 0

    /// - Returns: whether this one is kept, and, when it is to be told, of how many nothing was said
    ///   before it.
    mutating func note(at now: Instant) -> (isKept: Bool, tells: UInt64?) {
        if now - since >= Self.keptFor { (since, kept) = (now, 0) }
        let isKept = kept < Self.keptMax
        if isKept { kept += 1 }
        guard toldAt.map({ now - $0 >= Self.toldEvery }) ?? true else {
            untold += 1
            return (isKept, nil)
        }
        defer { (toldAt, untold) = (now, 0) }
        return (isKept, untold)
    }
}

extension WorkMachine {
    mutating func refuseLate(_ attempt: TaskAttempt, _ result: AttemptResult, from place: Int) {
        // A task that there never was is no evidence of anything.
        guard attempt.task.number < nextTask else { return }
        var news = workers[place].late ?? LateNews(since: now.instant)
        let (isKept, untold) = news.note(at: now.instant)
        workers[place].late = news
        let name = workers[place].view.name
        if isKept {
            put(
                .late(
                    LateRecord(
                        task: attempt.task,
                        attempt: attempt.attempt,
                        node: name,
                        outcome: result.outcome,
                        at: now.wall
                    )
                )
            )
        }
        guard let untold else { return }
        tell(
            .taskLate,
            .warning,
            name.text,
            "A late result of task \(attempt.task) was refused: attempt \(attempt.attempt) of it is "
                + "not the current one." + (untold == 0 ? "" : " So were \(untold) before it."),
            cause: "the node said: \(result.outcome.rawValue)",
            consequence: tasks[attempt.task.number].map {
                "the task is \($0.state.rawValue), attempt \($0.attempt)"
            } ?? "the task has ended"
        )
    }
}
