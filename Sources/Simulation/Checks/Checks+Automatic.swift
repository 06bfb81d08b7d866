import ControllerCore
import Model
import Protocol

/// What is followed of failovers that nobody ordered.
struct AutomaticView {
    /// Since when the active site is below its minimum, as the controller could see it without a break.
    var belowSince: Instant?
    /// The same, and none of its nodes was taken out by an operator.
    var silentSince: Instant?
    /// It was told, in this loss, what was done or why nothing was.
    var isExplained = false
    /// Real times at which automatic failovers became durable since the brake was lifted last.
    var taken: [Int64] = []
    /// As is durable.
    var isPaused = false
}

// I13: one automatic failover in an hour, two in a day, none back; each after the whole hold time, and
// each, taken or not, explained.

extension Checks {
    func checkAutomatic(_ effects: ControllerEffects, at moment: Moment) {
        guard let machine = world.controller.machine else { return }
        for case .event(let event) in effects.journal {
            switch event.kind {
            case .automaticTaken: checkTaken(machine, at: moment)
            case .automaticRefused, .failoverProposed: automatic.isExplained = true
            case .controllerTilted: (automatic.belowSince, automatic.silentSince) = (nil, nil)
            default: break
            }
        }
        followLoss(machine, at: moment)
    }

    private func checkTaken(_ machine: ControllerMachine, at moment: Moment) {
        automatic.isExplained = true
        if machine.settings.failover.mode != .automatic {
            world.fail("the controller fails over by itself in manual mode")
        }
        let hold = machine.settings.failover.holdTime(machine.settings.lease)
        let held = automatic.belowSince.map { moment.instant - $0 } ?? .zero
        if held < hold {
            world.fail("an automatic failover after \(held.forPeople), and not \(hold.forPeople)")
        }
    }

    /// What becomes durable, and so holds for every controller after this one.
    func commitsAutomatic(_ event: ClusterEvent) {
        switch event.kind {
        case .automaticPaused: automatic.isPaused = true
        case .automaticResumed: automatic.isPaused = false
        case .automaticBrakeLifted: automatic.taken = []
        case .automaticTaken:
            if automatic.isPaused { world.fail("the controller fails over by itself while paused") }
            let hour = 3_600 * second * 990 / 1_000
            if let last = automatic.taken.last, world.now - last < hour {
                world.fail(
                    "I13: a second automatic failover \((world.now - last) / second)s after the "
                        + "first"
                )
            }
            automatic.taken.append(world.now)
        default: break
        }
    }

    /// The site is below its minimum, and the controller sees well and is free to act.
    private func followLoss(_ machine: ControllerMachine, at moment: Moment) {
        let active = machine.cluster.activeSite
        let (online, total) = machine.count(of: active)
        let least = max(1, min(Int(machine.sites[active]?.minimum ?? 0), total))
        // A controller that waits for what a restored store does not know of begins to count after that.
        guard online < least, machine.isGranting, machine.settling == nil, machine.runs.live == nil
        else {
            automatic.belowSince = nil
            automatic.silentSince = nil
            automatic.isExplained = false
            return
        }
        automatic.belowSince = automatic.belowSince ?? moment.instant
        // Whoever was taken out by an operator is not lost.
        let isOrdered = machine.nodes.values.contains {
            $0.record.site == active && ($0.record.drain != nil || $0.record.maintenance != nil)
        }
        if isOrdered {
            automatic.silentSince = nil
            automatic.isExplained = false
        }
        let since = automatic.silentSince ?? moment.instant
        automatic.silentSince = since
        let hold = machine.settings.failover.holdTime(machine.settings.lease)
        let hasOther = machine.sites.keys.contains {
            $0 != active && machine.count(of: $0).total > 0
        }
        guard hasOther, !automatic.isExplained,
            moment.instant - since > hold + .seconds(5)
        else { return }
        // The controller before this one has told of it, and nobody has taken that back.
        let isAsked = machine.notify.alarms.values.contains {
            $0.state == .firing && $0.subject == active.text
                && ($0.kind == .failoverProposed || $0.kind == .automaticRefused)
        }
        guard !isAsked else { return }
        world.fail("site \(active) is lost for \((moment.instant - since).forPeople), unexplained")
    }

    /// Each run that the controller begins is a failover, with its reasons in the same transaction.
    func checkExplained(_ run: RunRecord, _ entries: [JournalEntry]) {
        guard run.by == "controller" else { return }
        if run.kind != .failover { world.fail("an automatic \(run.kind.rawValue)") }
        var isTold = false
        var isBraked = false
        for entry in entries {
            switch entry {
            case .event(let event) where event.kind == .automaticTaken: isTold = true
            case .put(.cluster(let cluster)) where !cluster.automatic.taken.isEmpty: isBraked = true
            default: break
            }
        }
        if !isTold || !isBraked { world.fail("automatic run \(run.id) is not explained") }
    }
}
