public import Model

/// Tells from the times of a node's heartbeats when its silence means something.
///
/// The deadline adapts as TCP's retransmission timer does (Jacobson, "Congestion Avoidance and
/// Control", 1988, appendix A): a smoothed mean and mean deviation of the intervals. It never
/// leaves the bounds that were promised: suspect after 1.5 intervals at the earliest, lost after
/// 2.5 at the earliest and 3.5 at the latest.
public struct SilenceDetector: Hashable, Sendable {
    public private(set) var lastHeard: Instant
    private let interval: Int64
    private var mean: Int64
    private var deviation: Int64

    /// - Parameter start: counts as heard: every node gets one fresh interval.
    public init(interval: Duration, start: Instant) {
        self.interval = interval.nanoseconds
        lastHeard = start
        mean = interval.nanoseconds
        deviation = interval.nanoseconds / 4
    }

    public mutating func heard(at now: Instant) {
        let elapsed = min((now - lastHeard).nanoseconds, 4 * interval)
        let error = elapsed - mean
        mean += error / 8
        deviation += (abs(error) - deviation) / 4
        lastHeard = max(lastHeard, now)
    }

    /// The silence up to now says nothing (our own clock jumped, the session is new).
    public mutating func forgive(at now: Instant) {
        lastHeard = max(lastHeard, now)
    }

    public var suspectAt: Instant {
        lastHeard
            + .nanoseconds(
                clamped(mean + 2 * deviation + interval / 2, 3 * interval / 2, 5 * interval / 2)
            )
    }

    public var lostAt: Instant {
        lastHeard
            + .nanoseconds(
                clamped(mean + 4 * deviation + 3 * interval / 2, 5 * interval / 2, 7 * interval / 2)
            )
    }
}

private func clamped(_ value: Int64, _ low: Int64, _ high: Int64) -> Int64 {
    min(max(value, low), high)
}
