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

    // MARK: Waiting for a person

    /// While nodes are to be proven and only a person's word is left for one of them, time is waited
    /// for that person.
    mutating func noteWaiting(_ id: RunID) {
        guard let run = runs.runs[id], run.state == .running else { return }
        let needs = personNeeds(of: run)
        guard !needs.isEmpty else {
            if run.askedSince != nil { endAsking(id) }
            return
        }
        let asked = needs.compactMap(\.commands.first)
        let known = runs.asked
        runs.asked = asked
        if run.askedSince == nil {
            amendRun(id) { [now] in $0.askedSince = now.wall }
        } else if known.isEmpty || asked.allSatisfy(known.contains) {
            // The controller before this one has asked, or something was answered.
            return
        }
        tell(
            .runWaiting,
            .critical,
            "run \(id)",
            waitingText(id, needs),
            consequence: commands(needs)
        )
    }

    static func waitingText(_ id: RunID, _ text: String) -> String {
        "Run \(id) waits for a person: \(text)"
    }

    func waitingText(_ id: RunID, _ needs: [PersonNeed]) -> String {
        Self.waitingText(id, short(needs.map(\.text))) + "."
    }

    /// The first of each need.
    func commands(_ needs: [PersonNeed]) -> String {
        needs.compactMap(\.commands.first).prefix(5).joined(separator: "; ")
    }

    /// A person has answered: the time it took is known apart.
    mutating func endAsking(_ id: RunID) {
        countWaiting(id)
        amendRun(id) { [now] in
            if let since = $0.askedSince {
                $0.askedMilliseconds += UInt64(max(0, (now.wall - since).wholeMilliseconds))
            }
            $0.askedSince = nil
        }
        runs.asked = []
        closeAlarm(alarmKey(.runWaiting, "run \(id)"), text: "Run \(id) asks nothing any more.")
    }

    /// What was waited within the present step's attempt is none of the step's own time.
    mutating func countWaiting(_ id: RunID) {
        guard let run = runs.runs[id], run.state == .running, let since = run.askedSince,
            let step = runs.stepRecords[.init(run: id, index: run.step)]
        else { return }
        amendStep(step) { [now] in
            $0.personMilliseconds += UInt64(max(0, (now.wall - since).wholeMilliseconds))
        }
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
