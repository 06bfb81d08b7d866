/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014).
///
/// The only source of chance in a core and in the simulation: a value, so that a decision can be
/// replayed from its inputs.
public struct SeededGenerator: RandomNumberGenerator, Hashable, Sendable {
    public private(set) var state: UInt64

    public init(seed: UInt64) {
        state = seed
    }

    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// A whole number from 0 up to, not including, `bound`. The bias is below `bound / 2^64`.
    public mutating func below(_ bound: UInt64) -> UInt64 {
        precondition(bound > 0, "an empty range has no number")
        return next().multipliedFullWidth(by: bound).high
    }

    /// A duration from `range`, in whole nanoseconds.
    public mutating func duration(in range: ClosedRange<Duration>) -> Duration {
        let low = range.lowerBound.nanoseconds
        let width = UInt64(range.upperBound.nanoseconds - low)
        return .nanoseconds(low + Int64(below(width + 1)))
    }

    /// True in `perMille` of 1 000 cases.
    public mutating func chance(perMille: UInt64) -> Bool {
        below(1_000) < perMille
    }
}
