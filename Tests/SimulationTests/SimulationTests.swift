import Simulation
import Testing

struct SimulationTests {
    /// Seeds that have found a bug of ours once, and what it was.
    static let found: [UInt64] = [
        45,  // a deadline in the past was taken for a frozen clock, and all leases withheld
        101,  // the orders of a preflight stayed open when their node was gone
        424,  // of two renewals in one session the installed key was forgotten
        724,  // HELLO showed a nonce that a power cut took back: a node passed for its own copy
        783,  // as 424
        11,  // a copy that came first was believed, and the first machine's task given elsewhere
        77,  // a handler that became idempotent ran old orders without their lease
        186,  // a task that was given back waited for its preferred nodes for ever
        227,  // a task that came back to its lane ended the controller
        563,  // a retry waited by a wall clock that was set back
    ]

    @Test func `the first seeds hold`() {
        for seed in UInt64(0)..<20 {
            let report = SimulationRun.run(seed: seed)
            #expect(report.failure == nil, "seed \(seed)")
            #expect(report.happenings > 500, "seed \(seed) did nothing")
        }
    }

    @Test func `seeds that have found a bug hold`() {
        for seed in SimulationTests.found {
            #expect(SimulationRun.run(seed: seed).failure == nil, "seed \(seed)")
        }
    }

    @Test func `seeds with tasks hold, and some of the first have tasks`() {
        let reports = (UInt64(20)..<32).map { SimulationRun.run(seed: $0) }
        for report in reports { #expect(report.failure == nil, "seed \(report.seed)") }
        #expect(reports.count { $0.faults.contains(.tasks) } >= 3)
    }

    @Test func `seeds in which the store is replaced by a backup hold`() {
        let reports = (UInt64(1_000_000)..<1_000_012).map { SimulationRun.run(seed: $0) }
        for report in reports {
            #expect(report.failure == nil, "seed \(report.seed)")
            #expect(report.faults.contains(.restore))
        }
    }

    @Test func `the same seed is the same run`() {
        for seed in UInt64(3)..<8 {
            let first = SimulationRun.run(seed: seed)
            let second = SimulationRun.run(seed: seed)
            #expect(first.traceHash == second.traceHash)
            #expect(first.happenings == second.happenings)
        }
        #expect(SimulationRun.run(seed: 3).traceHash != SimulationRun.run(seed: 4).traceHash)
    }

    @Test func `a seed can run without one of its faults`() {
        let whole = SimulationRun.run(seed: 0)
        let less = SimulationRun.run(seed: 0, without: whole.faults)
        #expect(less.faults.isEmpty)
        #expect(less.failure == nil)
    }
}
