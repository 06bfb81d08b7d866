import Model
import Protocol

// A run that is beyond its point of no return may wait for what the old site still ends, up to a day. When
// the new site is lost meanwhile, that wait must not hold up what makes another site active.

extension ControllerMachine {
    /// The live run, where its site is the active one and its present step only ends what may still go on
    /// at the old one.
    var runThatDrains: RunRecord? {
        guard let run = runs.liveRun, run.isActivated,
            runs.stepRecords[.init(run: run.id, index: run.step)]?.step.act.stopsOldSite ?? false
        else { return nil }
        return run
    }

    /// The same, where nothing else is left to be done in it: that the controller may leave out by itself.
    var runThatOnlyDrains: RunRecord? {
        guard let run = runThatDrains else { return nil }
        let left = runs.steps(of: run.id).dropFirst(Int(run.step))
        return left.allSatisfy(\.step.act.stopsOldSite) ? run : nil
    }

    /// Another site is to become active: what is left of the run is left out, and the run ends.
    mutating func leaveDrainsOut(of run: RunRecord, because reason: String) {
        let left = runs.steps(of: run.id).dropFirst(Int(run.step))
        let (count, nodes) = draining(on: run.from)
        tell(
            .runNotice,
            .warning,
            "run \(run.id)",
            "The controller leaves \(short(left.map(\.step.name.text))) of run \(run.id) out: it fails "
                + "over from site \(run.to).",
            cause: reason,
            consequence: count == 0
                ? "site \(run.from) ends its sessions"
                : "\(counted(count, "task")) on \(short(nodes)) \(count == 1 ? "is" : "are") cut"
        )
        for record in left { leaveOut(record, of: run, by: "controller", reason: reason) }
        auditOwn("run.skip", "\(run.id)", reason: reason)
        settleRun()
    }

    /// The active site is below its minimum for the whole hold time.
    var isActiveSiteLost: Bool {
        guard let since = watch.belowSince else { return false }
        return now.instant >= since + settings.failover.holdTime(settings.lease)
    }

    /// The site that a run has made active is lost, and the run waits for the old one.
    func drainNeeds(of run: RunRecord) -> [PersonNeed] {
        guard run.state == .running, runThatDrains?.id == run.id, isActiveSiteLost else {
            return []
        }
        return [
            PersonNeed(
                text:
                    "site \(run.to), which is the active one, seems lost, and the run waits for site "
                    + "\(run.from) to end its tasks and sessions",
                commands: [skipCommand(run)]
            )
        ]
    }

    /// A person is told of it once, where the controller does nothing itself, and when it is over.
    mutating func noteDrainNeeds() {
        guard let run = runThatDrains, watch.belowSince != nil || run.askedSince != nil else {
            return
        }
        noteWaiting(run.id)
    }

    /// What ends a run that holds up another one.
    func mend(of run: RunRecord) -> String {
        runThatDrains?.id == run.id
            ? skipCommand(run) : "muster run show \(run.id)"
    }
}

extension PlanAct {
    /// After the activation only what may still go on at the old site is left to be stopped.
    var stopsOldSite: Bool {
        if case .stop(.from, _, _) = self { true } else { false }
    }
}
