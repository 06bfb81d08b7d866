import Model

/// One kind of thing that can go wrong. A seed draws which of them exist at all.
public enum Fault: String, CaseIterable, Hashable, Sendable {
    case partition
    case oneWay = "one-way"
    case clog
    case reset
    case loss
    case agentCrash = "agent-crash"
    case agentPause = "agent-pause"
    case leashPause = "leash-pause"
    case leashKill = "leash-kill"
    case reboot
    case controllerCrash = "controller-crash"
    case controllerPause = "controller-pause"
    case slowJournal = "slow-journal"
    case slowAgentDisk = "slow-agent-disk"
    case fullAgentDisk = "full-agent-disk"
    case childEnds = "child-ends"
    case childStubborn = "child-stubborn"
    case slowKill = "slow-kill"
    case drift
    case wallStep = "wall-step"
    case clone
    case oldState = "old-state"
    case staleLines = "stale-lines"
    case strangers
    case operators
    case slowTimers = "slow-timers"
    case checksFail = "checks-fail"
    case findingsFail = "findings-fail"
    case renewal
    case flapping

    // Of tasks. Those above draw the same in every seed, with tasks or without.

    /// There are any at all.
    case tasks
    case taskFails = "task-fails"
    case taskHangs = "task-hangs"
    case taskSpawnFails = "task-spawn-fails"
    /// Nodes define the same handler in different ways.
    case taskDeliveries = "task-deliveries"
    case taskOrders = "task-orders"
    case taskSettings = "task-settings"
    case spooling
    case journalError = "journal-error"
    case slowLookup = "slow-lookup"
    case reload
    /// Somebody follows what they write while they run.
    case following
    /// Some handlers are drainable.
    case drains

    // Of sites and runs.

    /// Operators move the active site.
    case runs
    case hookFails = "hook-fails"
    /// A whole site loses its power, or its network.
    case siteLoss = "site-loss"
    /// There is a data set, replicated between the sites.
    case data

    // Of sieges: worlds that are about the loss of sites and of little else.

    /// The active site is lost as a whole, again and again, and somebody fails over at once.
    case siege
    /// The controller does it by itself.
    case automatic

    /// The controller's store is replaced by an older copy of itself, with a higher generation.
    case restore

    static let ofRuns: [Fault] = [.hookFails, .siteLoss]
    /// What else goes wrong in a siege, where it is drawn.
    static let ofSieges: [Fault] = [
        .reset, .agentCrash, .agentPause, .leashKill, .controllerCrash, .controllerPause,
        .slowJournal, .childStubborn, .wallStep,
    ]
    /// Drawn alike; what came later is drawn behind them, so that seeds stay what they were.
    static let ofTasks: [Fault] = [
        .taskFails, .taskHangs, .taskSpawnFails, .taskDeliveries, .taskOrders, .taskSettings,
        .spooling, .journalError, .slowLookup, .reload,
    ]
    static let ofNodes = allCases.filter {
        $0 != .tasks && $0 != .runs && $0 != .following && $0 != .drains && !ofTasks.contains($0)
            && !ofRuns.contains($0) && $0 != .data && $0 != .siege && $0 != .automatic
            && $0 != .restore
    }
}

/// What a seed is about: the size of the cluster, the faults there are, and how hard they are.
struct FaultPlan {
    var faults: [Fault] = []
    /// Slowest agents, fastest controller, every effect at the latest allowed moment.
    var isBoundary: Bool
    var hosts: Int
    var standbyHosts: Int
    /// Real time of the phase with faults.
    var faultTime: Int64
    /// Mean time between two faults of the world.
    var faultInterval: Int64
    var operatorInterval: Int64
    /// Usual one-way delay.
    var delayMax: Int64

    /// - Parameter without: faults to leave out, for making a failing seed smaller. What else the
    ///   seed draws stays the same.
    init(_ chance: inout SeededGenerator, seed: UInt64, without: [Fault]) {
        isBoundary = chance.below(10) < 4
        hosts = 1 + Int(chance.below(4))
        standbyHosts = Int(chance.below(3))
        faultTime = Int64(40 + chance.below(120)) * second
        faultInterval = Int64(1 + chance.below(12)) * second
        operatorInterval = Int64(1 + chance.below(10)) * second
        delayMax = Int64(1 + chance.below(60)) * millisecond
        let share = 100 + chance.below(600)
        for fault in Fault.ofNodes {
            // Without these there is no latest moment to be biased to.
            let isNeeded =
                isBoundary && [.partition, .slowKill, .slowTimers, .drift].contains(fault)
            let isDrawn = chance.chance(perMille: share)
            if isDrawn || isNeeded, !without.contains(fault) { faults.append(fault) }
        }
        if isBoundary { faults.removeAll { $0 == .leashPause } }
        drawTasks(seed: seed, share: share, without: without)
        drawRuns(seed: seed, share: share, without: without)
        drawSieges(seed: seed, without: without)
        drawRestores(seed: seed, without: without)
        var drains = SeededGenerator(seed: seed ^ 0x6472_6169_6e73_5f6f)
        if has(.tasks), drains.chance(perMille: 500), !without.contains(.drains) {
            faults.append(.drains)
        }
    }

    /// Seeds of this block, and of one in sixteen after it, are about restores: all others are what they
    /// were before there were any.
    static func isOfRestores(_ seed: UInt64) -> Bool { seed / 1_000_000 % 16 == 1 }

    /// In place of a siege. What a copied machine says after a restore is believed, as is documented, so
    /// there are no copies.
    private mutating func drawRestores(seed: UInt64, without: [Fault]) {
        guard Self.isOfRestores(seed), !without.contains(.restore) else { return }
        var chance = SeededGenerator(seed: seed ^ 0x7265_7374_6f72_6573)
        let left: [Fault] = [
            .data, .siege, .automatic, .clone, .oldState, .runs, .siteLoss,
            // Whether a task runs once only is known where its handlers agree.
            .taskDeliveries,
        ]
        faults.removeAll { left.contains($0) }
        faults.append(.restore)
        if !faults.contains(.tasks), chance.chance(perMille: 600) { faults.append(.tasks) }
        let hasRuns = chance.chance(perMille: 850)
        standbyHosts = hasRuns ? 1 + Int(chance.below(2)) : 0
        if hasRuns { faults.append(.runs) }
        for fault in [Fault.siteLoss, .operators] where hasRuns && !faults.contains(fault) {
            if chance.chance(perMille: 600) { faults.append(fault) }
        }
        faults.removeAll { without.contains($0) }
        faultTime = Int64(120 + chance.below(120)) * second
        operatorInterval = Int64(1 + chance.below(4)) * second
        // Drawn last: seeds without data are what they were before any of these had some.
        if has(.runs), chance.chance(perMille: 350), !without.contains(.data) {
            faults.append(.data)
        }
    }

    /// By a generator of its own, too. A siege takes the place of everything that was drawn but tasks:
    /// most have clocks at the bounds and effects that come at the latest moment.
    private mutating func drawSieges(seed: UInt64, without: [Fault]) {
        var chance = SeededGenerator(seed: seed ^ 0x7369_6567_655f_6f66)
        guard chance.chance(perMille: 150), !without.contains(.siege) else { return }
        isBoundary = chance.chance(perMille: 750)
        hosts = 1 + Int(chance.below(2))
        standbyHosts = 1 + Int(chance.below(2))
        let isAutomatic = chance.chance(perMille: 400) && !without.contains(.automatic)
        let extras = Fault.ofSieges.filter { _ in chance.chance(perMille: 300) }
        let tasks = faults.filter { $0 == .tasks || $0 == .taskDeliveries || $0 == .taskHangs }
        faults = [.siege, .runs, .drift, .slowKill, .slowTimers] + extras + tasks
        if isAutomatic { faults.append(.automatic) }
        faults.removeAll { without.contains($0) }
        faultTime = Int64((isAutomatic ? 280 : 120) + chance.below(120)) * second
        faultInterval = Int64(8 + chance.below(30)) * second
    }

    /// As with tasks. Where sites are moved there is a second one.
    private mutating func drawRuns(seed: UInt64, share: UInt64, without: [Fault]) {
        var chance = SeededGenerator(seed: seed ^ 0x7275_6e73_5f6f_665f)
        guard chance.chance(perMille: 400), !without.contains(.runs) else { return }
        faults.append(.runs)
        standbyHosts = max(standbyHosts, 1 + Int(chance.below(2)))
        for fault in Fault.ofRuns {
            let isDrawn = chance.chance(perMille: share)
            if isDrawn, !without.contains(fault) { faults.append(fault) }
        }
        if chance.chance(perMille: 600), !without.contains(.data) { faults.append(.data) }
    }

    /// By a generator of its own: a seed without tasks is what it was before there were any.
    private mutating func drawTasks(seed: UInt64, share: UInt64, without: [Fault]) {
        var chance = SeededGenerator(seed: seed ^ 0x7461_736b_735f_6f66)
        guard chance.chance(perMille: 500), !without.contains(.tasks) else { return }
        faults.append(.tasks)
        for fault in Fault.ofTasks {
            let isDrawn = chance.chance(perMille: share)
            if isDrawn, !without.contains(fault) { faults.append(fault) }
        }
        if chance.chance(perMille: 250), !without.contains(.following) {
            faults.append(.following)
        }
    }

    func has(_ fault: Fault) -> Bool { faults.contains(fault) }
}

let millisecond: Int64 = 1_000_000
let second: Int64 = 1_000_000_000
