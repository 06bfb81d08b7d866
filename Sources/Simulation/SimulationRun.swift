/// One seed, from its first event to its verdict.
public struct SimulationRun {
    /// A calm world must be at rest after so long, and stay so.
    static let calmTimeMax: Int64 = 180 * second
    static let restTime: Int64 = 15 * second

    /// What one seed came to.
    public struct Report: Sendable {
        public var seed: UInt64
        /// Nil when everything held.
        public var failure: String?
        /// Real time of the failure, milliseconds.
        public var failedAtMilliseconds: Int64
        public var happenings: UInt64
        /// Of everything that was said and done, in order.
        public var traceHash: UInt64
        public var faults: [Fault]
    }

    /// - Parameters:
    ///   - without: faults to leave out.
    ///   - traces: print every line.
    public static func run(seed: UInt64, without: [Fault] = [], traces: Bool = false) -> Report {
        let world = World(seed: seed, without: without, traces: traces)
        let faults = world.plan.faults.map(\.rawValue).joined(separator: " ")
        world.say("seed \(seed)", "\(world.plan.isBoundary ? "boundary " : "")\(faults)")
        world.make()
        world.run(until: world.plan.faultTime)
        if world.failure == nil { settle(world) }
        return Report(
            seed: seed,
            failure: world.failure,
            failedAtMilliseconds: world.failedAt / millisecond,
            happenings: world.happenings,
            traceHash: world.hash,
            faults: world.plan.faults
        )
    }

    private static func settle(_ world: World) {
        world.calmDown()
        let end = world.now + calmTimeMax
        var restSince: Int64?
        var unrest: String?
        while world.failure == nil, world.now < end {
            world.run(until: world.now + second)
            unrest = world.checks.unrest()
            if unrest == nil {
                restSince = restSince ?? world.now
                if let restSince, world.now - restSince >= restTime { break }
            } else {
                restSince = nil
            }
        }
        if let unrest {
            world.fail("no rest \(calmTimeMax / second)s after the last fault: \(unrest)")
        }
        world.checks.final()
    }
}
