import Model

/// The clocks of one machine: a boot clock with an offset and a constant rate error, and a wall
/// clock that can be set.
struct SimulatedClock {
    /// Further than any run goes.
    static let horizon: Int64 = 1_000_000_000_000_000

    /// What the boot clock shows at real time 0, nanoseconds.
    var offset: Int64
    /// How much faster than real time it runs.
    let partsPerMillion: Int64
    /// Added to the wall time.
    var wallOffset: Duration

    func local(_ real: Int64) -> Instant {
        Instant(nanoseconds: offset + real + real * partsPerMillion / 1_000_000)
    }

    /// The first real time at which the boot clock shows `instant` or later.
    func real(of instant: Instant) -> Int64 {
        let shown = instant.nanoseconds &- offset
        guard instant.nanoseconds < Self.horizon, shown < Self.horizon else {
            return Self.horizon
        }
        var real = shown - shown * partsPerMillion / 1_000_000
        while local(real) >= instant { real -= 1_000 + abs(real / 1_000_000) }
        while local(real) < instant {
            real += max(1, (instant - local(real)).nanoseconds * 9 / 10)
        }
        return real
    }

    func wall(_ real: Int64) -> WallTime {
        WallTime(milliseconds: 1_700_000_000_000 + real / 1_000_000) + wallOffset
    }
}
