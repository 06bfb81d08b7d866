import Model

/// How many events one node may cause by what it says: a node that lies could push everything else out of
/// the log of events within a minute.
struct EventAllowance: Hashable, Sendable {
    /// At once; a restart of all services of a big node is told whole.
    static let burst = 300
    /// One more each.
    static let every: Duration = .seconds(5)

    private var bucket: TokenBucket
    /// Left out since the last one that was told.
    private var untold: UInt64 = 0

    init(at start: Instant) {
        bucket = TokenBucket(every: Self.every, burst: Self.burst, at: start)
    }

    /// - Returns: of how many before it nothing was told; nil when this one is not told either.
    mutating func take(at now: Instant) -> UInt64? {
        guard bucket.take(at: now) else {
            untold += 1
            return nil
        }
        defer { untold = 0 }
        return untold
    }
}
