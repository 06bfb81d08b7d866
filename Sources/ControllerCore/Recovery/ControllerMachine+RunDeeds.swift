import Model
import Protocol

// What was done in a run, deed by deed: every attempt with its times, and who said what to it. The
// record of a step has its last attempt only.

extension ControllerMachine {
    /// Notes a deed of the present step, before the step's record tells of it. The caller amends that
    /// in the same step: its count of deeds is saved with it.
    mutating func note(
        _ record: RunStepRecord,
        _ outcome: RunDeedRecord.Outcome,
        _ text: String,
        by: String = "",
        reason: String = ""
    ) {
        let key = RunBook.StepKey(run: record.run, index: record.index)
        guard let step = runs.stepRecords[key] else { return }
        let deed = RunDeedRecord(
            run: step.run,
            index: step.index,
            number: step.deeds + 1,
            outcome: outcome,
            startedAt: step.isUnderWay ? step.startedAt : nil,
            at: now.wall,
            by: by,
            reason: kept(reason, bytesMax: RunDeedRecord.textBytesMax),
            text: kept(text, bytesMax: RunDeedRecord.textBytesMax),
            hooks: step.isUnderWay ? step.hooksNotDone : []
        )
        runs.restore(deed)
        put(.runDeed(deed))
        runs.stepRecords.update(key) { $0.deeds = deed.number }
        if deed.number > RunDeedRecord.keptMax {
            forgetDeed(of: step, deed.number - RunDeedRecord.keptMax)
        }
    }

    mutating func forgetDeeds(of step: RunStepRecord) {
        for deed in runs.deeds(of: step) { forgetDeed(of: step, deed.number) }
    }

    private mutating func forgetDeed(of step: RunStepRecord, _ number: UInt32) {
        let key = RunBook.DeedKey(run: step.run, index: step.index, number: number)
        runs.deedRecords[key] = nil
        let stored = RunDeedRecord.storeKey(step.run, step.index, number)
        effects.journal.append(.delete(table: .runDeed, key: stored))
    }

    /// The oldest of those that have ended, beyond ``RunBook/runsKept``.
    mutating func forgetOldRuns() {
        while runs.runs.count > RunBook.runsKept, let oldest = runs.runs.keys.first {
            effects.journal.append(.delete(table: .run, key: oldest.storeKey))
            for step in runs.steps(of: oldest) {
                forgetDeeds(of: step)
                runs.stepRecords[.init(run: oldest, index: step.index)] = nil
                effects.journal.append(.delete(table: .runStep, key: step.storeKey))
            }
            for fence in runs.fences(of: oldest) {
                runs.forget(fence)
                effects.journal.append(.delete(table: .fence, key: fence.storeKey))
            }
            runs.runs[oldest] = nil
        }
    }
}

extension RunStepRecord {
    fileprivate var hooksNotDone: [HookTask] {
        Array(hooks.filter { $0.isDone != true }.prefix(RunDeedRecord.hooksMax))
    }
}
