/// The times of a lease, and the inequality between them without which a right could be given to
/// two holders at once (`docs/architecture.md`, "Leases").
public struct LeaseTerms: Hashable, Sendable {
    /// L: how long a grant lasts, counted from when its holder *sent* the heartbeat it answers.
    public var length: Duration
    /// h: time between two heartbeats.
    public var heartbeatInterval: Duration
    /// S: worst time from the end of the lease until every self-fenced process is gone.
    public var stopTime: Duration
    /// P: worst tolerated stall between a check and its effect.
    public var pauseTime: Duration
    /// ρ: bound of the rate error of any clock, in parts per million.
    public var driftPartsPerMillion: Int64
    /// X: how long a controller waits after the last answered heartbeat.
    public var wait: Duration

    public init(
        length: Duration = .seconds(12),
        heartbeatInterval: Duration = .seconds(1),
        stopTime: Duration = .seconds(2),
        pauseTime: Duration = .seconds(1),
        driftPartsPerMillion: Int64 = 5_000,
        wait: Duration = .seconds(16)
    ) {
        self.length = length
        self.heartbeatInterval = heartbeatInterval
        self.stopTime = stopTime
        self.pauseTime = pauseTime
        self.driftPartsPerMillion = driftPartsPerMillion
        self.wait = wait
    }

    /// The least X that is safe: `L(1+ρ)/(1−ρ) + (1+ρ)(S+P)`, rounded up to a nanosecond.
    public var waitMin: Duration {
        let million: Int64 = 1_000_000
        let faster = million + driftPartsPerMillion
        let slower = million - driftPartsPerMillion
        let lease = scaledUp(length.nanoseconds, by: faster, over: slower)
        let stop = scaledUp((stopTime + pauseTime).nanoseconds, by: faster, over: million)
        return .nanoseconds(lease + stop)
    }

    /// Every broken rule, as a sentence with the values; empty when the terms are safe and live.
    public var problems: [String] {
        var found: [String] = []
        if length <= .zero || heartbeatInterval <= .zero {
            found.append("the lease and the heartbeat interval must be longer than 0")
        }
        if stopTime < .zero || pauseTime < .zero {
            found.append("stop time and pause time cannot be negative")
        }
        guard (0...100_000).contains(driftPartsPerMillion) else {
            return found + ["clock drift must be from 0 to 100000 parts per million"]
        }
        if wait < waitMin {
            found.append(
                "lease.wait is \(wait.forPeople), but a lease of \(length.forPeople) needs at "
                    + "least \(waitMin.wholeMilliseconds + 1)ms: two sites could act at once"
            )
        }
        if length.nanoseconds < 4 * heartbeatInterval.nanoseconds {
            found.append(
                "a lease of \(length.forPeople) tolerates no lost heartbeat at an interval of "
                    + "\(heartbeatInterval.forPeople): it needs at least 4 intervals"
            )
        }
        return found
    }
}

private func scaledUp(_ value: Int64, by numerator: Int64, over denominator: Int64) -> Int64 {
    let (high, low) = value.multipliedFullWidth(by: numerator)
    let (quotient, remainder) = denominator.dividingFullWidth((high, low))
    return remainder == 0 ? quotient : quotient + 1
}
