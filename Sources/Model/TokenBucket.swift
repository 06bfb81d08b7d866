/// So many at once, and one more with each interval: a token bucket (ITU-T I.371, the generic cell rate
/// algorithm). Integer arithmetic: each costs the interval, and time gives credit up to the burst.
public struct TokenBucket: Hashable, Sendable {
    private let cost: Int64
    private let creditMax: Int64
    private var credit: Int64
    private var countedAt: Instant

    /// - Parameters:
    ///   - interval: after which one more may come; 1 ns at least.
    ///   - burst: how many may come at once; 1 at least, and `interval` times it below 292 years.
    public init(every interval: Duration, burst: Int, at now: Instant) {
        cost = interval.nanoseconds
        creditMax = cost * Int64(burst)
        credit = creditMax
        countedAt = now
    }

    /// - Returns: false when this one is one too many.
    public mutating func take(at now: Instant) -> Bool {
        fill(at: now)
        guard credit >= cost else { return false }
        credit -= cost
        return true
    }

    /// Whether nothing is missing: such a bucket is as good as a new one.
    public mutating func isFull(at now: Instant) -> Bool {
        fill(at: now)
        return credit == creditMax
    }

    private mutating func fill(at now: Instant) {
        let earned = (now - countedAt).nanoseconds
        guard earned > 0 else { return }
        credit = min(creditMax, credit + min(earned, creditMax))
        countedAt = now
    }
}
