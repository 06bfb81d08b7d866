import Model
import Protocol

// Submissions of nodes that made no task: one audit record stands for those of a minute.

/// What a node has submitted in vain since the last record of it.
struct SubmissionTally: Hashable, Sendable {
    /// How long one record stands for.
    static let every: Duration = .seconds(60)

    var since: Instant
    /// Their idempotency key had a task already.
    var known: UInt64 = 0
    var refused: UInt64 = 0
    /// Why the first of them was.
    var code: RefusalCode?
}

extension ControllerMachine {
    mutating func count(_ answer: TaskAnswer, of node: NodeID) {
        var tally = tallies[node] ?? SubmissionTally(since: now.instant)
        switch answer {
        case .accepted: return
        case .known: tally.known += 1
        case .refused(let refused):
            tally.refused += 1
            tally.code = tally.code ?? refused.code
        }
        tallies[node] = tally
        expect(by: tally.since + SubmissionTally.every)
    }

    /// - Parameter isLast: the controller stops: what was counted is written now.
    mutating func settleTallies(isLast: Bool = false) {
        for (id, tally) in tallies
        where isLast || now.instant - tally.since >= SubmissionTally.every {
            tallies[id] = nil
            guard let member = nodes[id] else { continue }
            effects.journal.append(
                .audit(
                    AuditRecord(
                        at: now.wall,
                        actor: "node/\(member.record.name)",
                        key: member.link?.key.text ?? "",
                        source: member.link?.address ?? "",
                        verb: "task.submit",
                        object: "",
                        reason: "counted since \((now.instant - tally.since).forPeople)",
                        parameters: "accepted=0 known=\(tally.known) refused=\(tally.refused)",
                        outcome: tally.code?.rawValue ?? "done"
                    )
                )
            )
        }
    }

    var talliesDeadline: Instant? {
        tallies.values.map { $0.since + SubmissionTally.every }.min()
    }
}
