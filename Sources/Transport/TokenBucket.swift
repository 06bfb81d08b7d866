import Model

/// How many lines a peer may still send. Integer arithmetic: a line costs one second divided by
/// the pace, and time gives credit up to the burst.
struct TokenBucket {
    private let costOfLine: Int64
    private let creditMax: Int64
    private var credit: Int64
    private var counted: Instant

    init(_ pace: Pace, at now: Instant) {
        costOfLine = 1_000_000_000 / Int64(pace.linesPerSecond)
        creditMax = costOfLine * Int64(pace.burst)
        credit = creditMax
        counted = now
    }

    /// - Returns: false when the line is one too many.
    mutating func take(at now: Instant) -> Bool {
        let earned = (now - counted).nanoseconds
        if earned > 0 {
            credit = min(creditMax, credit + min(earned, creditMax))
            counted = now
        }
        guard credit >= costOfLine else { return false }
        credit -= costOfLine
        return true
    }
}
