import Synchronization

/// How often a value was at most so much, for fixed bounds, and the sum of all values.
public final class Histogram: Meter {
    /// Upper bounds, rising, in parts of the scale.
    public struct Bounds: Hashable, Sendable {
        public let scale: Scale
        public let values: [Int64]

        public init(_ scale: Scale, _ values: [Int64]) {
            precondition(!values.isEmpty && values.count <= 32, "\(values.count) bounds")
            precondition(zip(values, values.dropFirst()).allSatisfy(<), "bounds that do not rise")
            self.scale = scale
            self.values = values
        }

        private init(milliseconds: [Int64]) {
            self.init(.billionths, milliseconds.map { $0 * 1_000_000 })
        }

        /// What should take no time that anybody notices: 1 ms to 10 s.
        public static let quick = Bounds(
            milliseconds: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000]
        )
        /// Work, and what people wait for: 100 ms to 4 h.
        public static let long = Bounds(
            milliseconds: [
                100, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000,
                14_400_000,
            ]
        )
        /// How many at once: 1 to 512.
        public static let many = Bounds(.ones, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512])

        /// As they stand in the label `le`.
        public var texts: [String] { values.map { scale.text($0, fractionMin: 1) } + ["+Inf"] }
    }

    private struct State {
        /// One for each bound, and one for what is greater.
        var counts: [UInt64]
        var sum: UInt64 = 0
    }

    public static var kind: MetricKind { .histogram }

    private let bounds: Bounds
    private let state: Mutex<State>

    public init(_ bounds: Bounds) {
        self.bounds = bounds
        let zeros = [UInt64](repeating: 0, count: bounds.values.count + 1)
        state = Mutex(State(counts: zeros))
    }

    /// How many values there were.
    public var count: UInt64 { state.withLock { $0.counts.reduce(0, &+) } }

    /// - Parameter value: in parts of the scale; less than 0 counts as 0.
    public func observe(_ value: Int64) {
        let value = max(0, value)
        // The bounds are few: to go through them is as quick as anything else.
        let place = bounds.values.firstIndex { value <= $0 } ?? bounds.values.count
        state.withLock { state in
            state.counts[place] &+= 1
            state.sum &+= UInt64(value)
        }
    }

    /// Of a family in seconds.
    public func observe(_ duration: Duration) {
        precondition(bounds.scale == .billionths, "durations are kept in billionths")
        observe(duration.billionths)
    }

    public func absorb(_ other: Histogram) {
        let added = other.state.withLock { $0 }
        state.withLock { state in
            for index in state.counts.indices { state.counts[index] &+= added.counts[index] }
            state.sum &+= added.sum
        }
    }

    public func write(_ head: FamilyHead, _ labels: String, to page: inout Page) {
        let now = state.withLock { $0 }
        var total: UInt64 = 0
        for (count, bound) in zip(now.counts, bounds.texts) {
            total &+= count
            let all = labels.isEmpty ? "le=\"\(bound)\"" : "\(labels),le=\"\(bound)\""
            page.sample(head.name + "_bucket", all, "\(total)")
        }
        page.sample(head.name + "_sum", labels, bounds.scale.text(magnitude: now.sum))
        page.sample(head.name + "_count", labels, "\(total)")
    }
}
