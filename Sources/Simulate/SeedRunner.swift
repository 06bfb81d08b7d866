import Glibc
import Simulation

/// Runs seeds and counts.
struct SeedRunner {
    let arguments: Arguments
    private let started = ContinuousClock.now
    private(set) var happenings: UInt64 = 0
    private(set) var failed: [UInt64] = []
    private(set) var count = 0

    init(_ arguments: Arguments) {
        self.arguments = arguments
    }

    mutating func run() {
        guard let minutes = arguments.minutes else {
            for seed in arguments.seeds where failed.isEmpty || !arguments.stopsAtFirst {
                run(seed)
            }
            return
        }
        var seeds = SystemRandomNumberGenerator()
        let end = started + .seconds(60 * Int64(minutes))
        while ContinuousClock.now < end {
            let seed = seeds.next() >> 16
            let before = failed.count
            run(seed)
            if failed.count > before { shrink(seed) }
        }
    }

    private mutating func run(_ seed: UInt64) {
        if arguments.isLoud {
            print("seed \(seed)")
            fflush(nil)
        }
        let report = SimulationRun.run(
            seed: seed,
            without: arguments.without,
            traces: arguments.traces
        )
        count += 1
        happenings += report.happenings
        if arguments.hashes { print("\(seed) \(String(report.traceHash, radix: 16))") }
        guard let failure = report.failure else { return }
        failed.append(seed)
        print("seed \(seed) failed at \(report.failedAtMilliseconds)ms: \(failure)")
    }

    /// Leaves one fault after the other out as long as the seed still fails.
    private func shrink(_ seed: UInt64) {
        var without: [Fault] = []
        for fault in Fault.allCases {
            let report = SimulationRun.run(seed: seed, without: without + [fault])
            if report.failure != nil { without.append(fault) }
        }
        let options = without.map { " --without \($0.rawValue)" }.joined()
        print("smallest: simulate --seed \(seed)\(options) --trace")
    }

    func summarize() {
        let time = started.duration(to: .now)
        let milliseconds = max(1, UInt64(time / .milliseconds(1)))
        print(
            "\(count) seeds, \(happenings) events in \(milliseconds)ms "
                + "(\(happenings * 1_000 / milliseconds) a second), \(failed.count) failed"
        )
        guard let first = failed.first else { return }
        print("failed: " + failed.map { "\($0)" }.joined(separator: " "))
        print("replay one: simulate --seed \(first) --trace")
    }
}
