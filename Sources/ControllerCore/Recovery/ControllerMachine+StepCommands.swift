import Model
import Protocol

// What people decide of a run that is under way, and of its present step.

extension ControllerMachine {
    private func presentStep(of run: RunRecord) -> RunStepRecord {
        guard let record = runs.stepRecords[.init(run: run.id, index: run.step)] else {
            preconditionFailure("run \(run.id) has no step \(run.step)")
        }
        return record
    }

    /// A run that goes forward, and its present step, where it is the one that was meant.
    private func present(
        _ id: RunID,
        _ meant: StepName?
    ) throws(Refused) -> (run: RunRecord, step: RunStepRecord) {
        let run = try liveRun(id)
        let record = presentStep(of: run)
        if let meant, meant != record.step.name {
            guard runs.steps(of: id).contains(where: { $0.step.name == meant }) else {
                throw Refused(
                    .unknownName,
                    "run \(id) has no step \(meant)",
                    mend: "muster run show \(id)"
                )
            }
            throw Refused(
                .notNow,
                "run \(id) is at its step \(record.step.name), not at \(meant)",
                mend: "muster run show \(id) says what it waits for now"
            )
        }
        guard run.state != .rollingBack else {
            throw Refused(.notNow, "run \(id) is being rolled back")
        }
        return (run, record)
    }

    mutating func retryStep(
        _ id: RunID,
        _ meant: StepName?,
        by: String,
        reason: String
    ) throws(Refused) -> Reply.Outcome {
        let (run, record) = try present(id, meant)
        guard run.state == .asking || record.state == .delayed else {
            throw Refused(.notNow, "run \(id) does not ask: its step \(record.step.name) goes on")
        }
        endAsking(id)
        note(record, .retried, "", by: by, reason: reason)
        amendRun(id) {
            $0.state = .running
            $0.text = ""
        }
        amendStep(record) {
            $0.state = .pending
            $0.attempt = 0
        }
        return .done("step \(record.step.name) is tried again", orders: [])
    }

    mutating func skipStep(
        _ id: RunID,
        _ meant: StepName?,
        by: String,
        reason: String
    ) throws(Refused) -> Reply.Outcome {
        let (run, record) = try present(id, meant)
        guard !reason.isEmpty else {
            throw Refused(.invalid, "why the step is left out must be said", mend: "--reason TEXT")
        }
        guard record.step.act.maySkip else {
            throw Refused(
                .forbidden,
                "step \(record.step.name) cannot be left out: without it two sites could act at once",
                mend: "muster run show \(id) says what it waits for"
            )
        }
        leaveOut(record, of: run, by: by, reason: reason)
        return .done("step \(record.step.name) is left out", orders: [])
    }

    mutating func leaveOut(
        _ record: RunStepRecord,
        of run: RunRecord,
        by: String,
        reason: String
    ) {
        cancelHooks(of: record)
        clearStepState()
        endAsking(run.id)
        note(record, .skipped, "", by: by, reason: reason)
        amendRun(run.id) {
            $0.state = .running
            $0.text = ""
        }
        amendStep(record) { [now] in
            $0.state = .skipped
            $0.endedAt = now.wall
            $0.text = kept("left out by \(by): \(reason)", bytesMax: RunStepRecord.textBytesMax)
        }
    }

    mutating func abortRun(_ id: RunID, by: String, reason: String) throws(Refused) -> Reply.Outcome
    {
        let run = try liveRun(id)
        guard !run.isActivated else {
            throw Refused(
                .notNow,
                "run \(id) is beyond its point of no return: site \(run.to) is active",
                mend: "let it end, then: muster switchover --to \(run.from)"
            )
        }
        guard run.state != .rollingBack else {
            return .done("run \(id) is being rolled back", orders: [])
        }
        let record = presentStep(of: run)
        note(record, .aborted, "", by: by, reason: reason)
        amendStep(record) { _ in }
        if record.state != .failed, record.state != .pending {
            amendStep(record) { [now] in
                $0.state = .failed
                $0.endedAt = now.wall
                $0.text = "ended by an abort"
            }
        }
        beginRollBack(id, RunRecord.abortedBy + (reason.isEmpty ? by : "\(by): \(reason)"))
        return .done("run \(id) is being rolled back: site \(run.from) stays active", orders: [])
    }

    mutating func answerRun(
        _ id: RunID,
        _ meant: StepName?,
        _ isYes: Bool,
        by: String,
        reason: String
    ) throws(Refused) -> Reply.Outcome {
        let (run, record) = try present(id, meant)
        guard case .ask = record.step.act, record.state == .running, run.state == .running else {
            throw Refused(.notNow, "run \(id) asks nothing now")
        }
        endAsking(id)
        clearStepState()
        note(record, isYes ? .answeredYes : .answeredNo, "", by: by, reason: reason)
        guard isYes else {
            amendStep(record) { [now] in
                $0.state = .failed
                $0.endedAt = now.wall
                $0.text = "\(by) said no"
            }
            askOperator(id, "\(by) said no to step \(record.step.name)")
            return .done("noted; run \(id) asks how to go on", orders: [])
        }
        amendStep(record) { [now] in
            $0.state = .done
            $0.endedAt = now.wall
            $0.text = "\(by) said yes"
        }
        return .done("run \(id) goes on", orders: [])
    }
}
