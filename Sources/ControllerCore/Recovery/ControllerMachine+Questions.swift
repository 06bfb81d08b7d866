import Model
import Protocol

// Waiting for a person: each question is told once, whichever controller asks it.

extension ControllerMachine {
    /// While only a person's word, or a person's decision, is left, time is waited for that person. Who is
    /// to be told of a question is told when it is new: what was told is in the run's record.
    mutating func noteWaiting(_ id: RunID) {
        guard let run = runs.runs[id], run.state == .running else { return }
        let needs = personNeeds(of: run)
        let asked = needs.compactMap(\.commands.first)
        let before = run.questions.filter { !asked.contains($0) }
        let unclear = before.isEmpty ? [] : unclearQuestions(of: run)
        let open = run.questions.filter { asked.contains($0) || unclear.contains($0) }
        let new = asked.filter { !open.contains($0) }
        guard !open.isEmpty || !new.isEmpty else {
            if run.askedSince != nil { endAsking(id) }
            return
        }
        if open + new != run.questions {
            amendRun(id) { [now] in
                $0.questions = open + new
                $0.askedSince = $0.askedSince ?? now.wall
            }
        }
        guard !new.isEmpty else { return }
        tell(
            .runWaiting,
            .critical,
            "run \(id)",
            waitingText(id, needs),
            consequence: commands(needs)
        )
    }

    /// Questions of which a controller that has just started cannot say yet whether they are still open:
    /// neither is one taken back nor told again before it is known.
    private func unclearQuestions(of run: RunRecord) -> [String] {
        var found: [String] = []
        if run.isFenced, !run.isActivated {
            found = members(of: run.from).filter {
                !$0.wasHeard && $0.reachability != .unreachable
                    && runs.fence(of: $0.record.id, in: run.id) == nil
            }
            .map { PersonNeed.certification(run.id, $0.record.name) }
        }
        let isUnclear = run.kind == .drill ? isDrillUnclear(run) : isLossUnclear(run)
        return isUnclear ? found + [skipCommand(run)] : found
    }

    private func isDrillUnclear(_ run: RunRecord) -> Bool {
        members(of: run.to).contains {
            !$0.wasHeard && ($0.reachability != .unreachable || now.instant < leaseEnd(of: $0))
        }
    }

    /// A site that this controller found lost counts as lost when it has been so for the hold time.
    private func isLossUnclear(_ run: RunRecord) -> Bool {
        guard runThatDrains?.id == run.id, !isActiveSiteLost else { return false }
        let hold = settings.failover.holdTime(settings.lease)
        return (watch.belowSince ?? now.instant) < startedAt.instant + hold
    }

    /// A step of the plan asks: once, however often it is begun.
    mutating func ask(_ question: String, in run: RunRecord) {
        let answer = answerCommand("yes", run)
        let isTold = runs.runs[run.id]?.questions.contains(answer) ?? false
        amendRun(run.id) { [now] in
            $0.askedSince = now.wall
            $0.questions = [answer]
        }
        guard !isTold else { return }
        tell(
            .runWaiting,
            .critical,
            "run \(run.id)",
            "Run \(run.id) asks: \(question)",
            consequence: answer
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
            $0.questions = []
        }
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
}

extension PersonNeed {
    static func certification(_ run: RunID, _ node: NodeName) -> String {
        "muster run certify \(run) \(node) --reason TEXT"
    }
}
