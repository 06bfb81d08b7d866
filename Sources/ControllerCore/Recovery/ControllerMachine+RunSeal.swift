import Model
import Protocol

// The part of a run's report that does not change once the run has ended, in one canonical form: its
// digest stands in the audit's chain.

extension ControllerMachine {
    /// The audit's verb of a sealed report; its object is the run's number, its parameters are the
    /// sealed text.
    public static let reportVerb = "run.report"

    /// Form 2; form 1, of runs that ended before there was another, has nothing of data. A digest that was
    /// made of one must be found again by every later version: whatever is changed here gets another
    /// number, and what has one of these stays as it is.
    ///
    /// - Returns: canonical JSON; nil while the run has not ended.
    public func sealedReport(of id: RunID) -> String? {
        guard let run = runs.runs[id], run.state.isEnded else { return nil }
        let steps = runs.steps(of: id).map { step in
            CanonicalJSON.object([
                "act": .text(step.step.act.word),
                "attempt": .number(UInt64(step.attempt)),
                "deeds": .list(runs.deeds(of: step).map(\.sealed)),
                "deedsLeftOut": .number(
                    UInt64(step.deeds - min(step.deeds, RunDeedRecord.keptMax))
                ),
                "endedAt": step.endedAt.map { .text($0.iso8601) },
                "hooks": .list(step.hooks.map(\.sealed)),
                "name": .text(step.step.name.text),
                "personMilliseconds": .number(step.personMilliseconds),
                "startedAt": step.startedAt.map { .text($0.iso8601) },
                "state": .text(step.state.rawValue),
                "text": .text(step.text),
            ])
        }
        let fences = runs.fences(of: id).map { fence in
            CanonicalJSON.object([
                "at": .text(fence.at.iso8601),
                "node": .text(fence.name.text),
                "proof": .text(fence.proof.rawValue),
                "text": .text(fence.text),
            ])
        }
        return CanonicalJSON.object([
            "acceptsDataLoss": run.losses == nil ? nil : .flag(run.acceptsLoss),
            "by": .text(run.by),
            "cluster": .text(cluster.id.text),
            "data": run.losses.map { .list($0.map(\.sealed)) },
            "endedAt": run.endedAt.map { .text($0.iso8601) },
            "epochAfter": run.epochAfter.map { .text("\($0)") },
            "epochBefore": .text("\(run.epochBefore)"),
            "fences": .list(fences),
            "forced": .flag(run.isForced),
            "form": .number(run.losses == nil ? 1 : 2),
            "from": .text(run.from.text),
            "kind": .text(run.kind.rawValue),
            "personMilliseconds": .number(run.askedMilliseconds),
            "plan": .text(run.plan.text),
            "planVersion": .number(UInt64(run.planVersion)),
            "reason": .text(run.reason),
            "run": .number(id.number),
            "startedAt": .text(run.startedAt.iso8601),
            "state": .text(run.state.rawValue),
            "steps": .list(steps),
            "text": .text(run.text),
            "to": .text(run.to.text),
        ]).text
    }

    /// What each data set has lost in a run, by its name: when the run has ended what is sealed of it.
    public func losses(of run: RunID) -> [ForkRecord] { runs.runs[run]?.losses ?? forks(of: run) }

    /// Chains the digest of what the ended run leaves behind into the audit.
    mutating func auditReport(_ id: RunID) {
        // Of now: when data arrives later its fork is told elsewhere, and forks are forgotten in the end.
        let losses = forks(of: id)
        amendRun(id) { $0.losses = losses }
        guard let sealed = sealedReport(of: id) else { return }
        auditOwn(
            Self.reportVerb,
            "\(id)",
            reason: "the parameters' digest is that of the sealed report",
            parameters: sealed
        )
    }
}

extension RunDeedRecord {
    fileprivate var sealed: CanonicalJSON {
        .object([
            "at": .text(at.iso8601),
            "by": by.isEmpty ? nil : .text(by),
            "hooks": .list(hooks.map(\.sealed)),
            "number": .number(UInt64(number)),
            "outcome": .text(outcome.rawValue),
            "reason": reason.isEmpty ? nil : .text(reason),
            "startedAt": startedAt.map { .text($0.iso8601) },
            "text": .text(text),
        ])
    }
}

extension RunStepRecord.HookTask {
    fileprivate var sealed: CanonicalJSON {
        .object([
            "node": .text(node.text),
            "state": .text(word),
            "task": .number(task.number),
            "text": .text(text),
        ])
    }
}

extension ForkRecord {
    fileprivate var sealed: CanonicalJSON {
        .object([
            "acknowledged": acknowledged.map { .text("\($0)") },
            "at": .text(at.iso8601),
            "canary": canary.map { .text("\($0)") },
            "dataSet": .text(dataSet.text),
            "epoch": .text("\(epoch)"),
            "lost": lost.map { .number($0) },
            "objectiveMilliseconds": objectiveMilliseconds.map { .number($0) },
            "rpoMilliseconds": lossMilliseconds.map { .number($0) },
        ])
    }
}
