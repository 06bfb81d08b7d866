import Model
import Protocol

// A run that is rolled back: what hooks have done is undone, and the old site has its part again.

extension ControllerMachine {
    /// Before the point of no return: what hooks have done is undone, the last first. The old site has its
    /// part again at once, or, where a hook has done something since the fence, when that is undone: it
    /// may have made the other site one that acts.
    mutating func beginRollBack(_ id: RunID, _ text: String) {
        guard let run = runs.runs[id] else { return }
        precondition(!run.isActivated, "run \(id) is beyond its point of no return")
        clearStepState()
        if let record = runs.stepRecords[.init(run: id, index: run.step)] {
            cancelHooks(of: record)
        }
        endAsking(id)
        amendRun(id) {
            $0.state = .rollingBack
            $0.text = kept(text, bytesMax: RunStepRecord.textBytesMax)
        }
        endDrill(id)
        forgetAcceptance(in: id)
        if !undoesBeforeGivingBack(run) { giveBack(run) }
        tell(
            .runRollingBack,
            .warning,
            "run \(id)",
            "Run \(id) is rolled back: site \(run.from) stays the active one.",
            cause: text
        )
        auditOwn("run.roll-back", "\(id)", reason: text)
    }

    private mutating func giveBack(_ run: RunRecord) {
        amendRun(run.id) {
            $0.isFenced = false
            $0.isDraining = false
        }
        for site in [run.from, run.to] { amendSite(site) { $0.held = GroupSet() } }
        if run.isFenced { tellRoles() }
        touchNodes(of: run.from)
    }

    /// Hooks have done, or may have done, something behind the fence that is not undone yet.
    private func undoesBeforeGivingBack(_ run: RunRecord) -> Bool {
        guard run.isFenced else { return false }
        let steps = runs.steps(of: run.id)
        guard let fence = steps.firstIndex(where: \.step.act.isFence) else { return false }
        return steps[(fence + 1)...].contains { record in
            guard record.index <= run.step, record.step.undo != nil else { return false }
            switch record.state {
            case .done, .failed, .running, .verifying, .delayed, .undoing: return true
            case .pending, .skipped, .undone: return false
            }
        }
    }

    mutating func rollBack(_ run: RunRecord) -> Bool {
        if run.isFenced, !undoesBeforeGivingBack(run) {
            giveBack(run)
            return true
        }
        guard let record = runs.stepRecords[.init(run: run.id, index: run.step)] else {
            preconditionFailure("run \(run.id) has no step \(run.step)")
        }
        guard endingHooks(of: record).isEmpty else { return false }
        switch record.state {
        case .done, .failed, .running, .verifying, .delayed:
            guard record.step.undo != nil else { break }
            amendStep(record) { $0.state = .undoing }
            return true
        case .undoing:
            guard let hook = record.step.undo else { break }
            let purpose = HookPurpose.undo(run.id, record.index)
            if !runs.calls.values.contains(purpose) { call(hook, purpose, record, run) }
            return false
        case .pending, .skipped, .undone: break
        }
        if run.step > 0 {
            amendRun(run.id) { $0.step -= 1 }
            return true
        }
        guard drillRemains(of: run).isEmpty else { return false }
        amendRun(run.id) { [now] in
            $0.state = .aborted
            $0.endedAt = now.wall
            $0.lingers = false
        }
        runs.live = nil
        touchNodes(of: run.from)
        tell(
            .runEnded,
            .warning,
            "run \(run.id)",
            "Run \(run.id) was rolled back: site \(run.from) is active as before.",
            cause: run.text,
            consequence: "muster run report \(run.id)"
        )
        auditOwn("run.end", "\(run.id)", reason: "rolled back: \(run.text)")
        auditReport(run.id)
        forgetOldRuns()
        return false
    }
}
