/// Durations as people write and read them.
enum DurationText {
    private static let units: [(suffix: String, milliseconds: Int64)] = [
        ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]

    /// Reads `90s`, `10m`, `2h`, `1h30m`, `250ms`, `7d`.
    ///
    /// - Returns: milliseconds; nil when it is not a duration, is 0, or exceeds 10 years.
    static func milliseconds(_ text: String) -> UInt64? {
        var total: Int64 = 0
        var rest = Substring(text)
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            let letters = rest.prefix { $0.isASCII && $0.isLetter }
            rest = rest.dropFirst(letters.count)
            guard digits.count <= 9, let count = Int64(digits),
                let unit = units.first(where: { $0.suffix == letters })
            else { return nil }
            let (sum, overflow) = total.addingReportingOverflow(count * unit.milliseconds)
            guard !overflow else { return nil }
            total = sum
        }
        guard total > 0, total <= 3_650 * 86_400_000 else { return nil }
        return UInt64(total)
    }

    /// An age or a duration with two units at most: `0.4s`, `41s`, `3m 20s`, `5h 2m`, `3d 4h`.
    static func text(milliseconds: Int64) -> String {
        guard milliseconds >= 0 else { return "-" + text(milliseconds: -max(milliseconds, -.max)) }
        switch milliseconds {
        case ..<10_000:
            return "\(milliseconds / 1_000).\(milliseconds % 1_000 / 100)s"
        case ..<60_000: return "\(milliseconds / 1_000)s"
        case ..<3_600_000: return two(milliseconds, 60_000, "m", 1_000, "s")
        case ..<86_400_000: return two(milliseconds, 3_600_000, "h", 60_000, "m")
        default: return two(milliseconds, 86_400_000, "d", 3_600_000, "h")
        }
    }

    static func text(milliseconds: UInt64) -> String {
        text(milliseconds: Int64(clamping: milliseconds))
    }

    /// A round trip: `0.24ms`, `12ms`, `1.5s`.
    static func text(microseconds: UInt64) -> String {
        switch microseconds {
        case ..<10_000:
            let hundredths = microseconds % 1_000 / 10
            return "\(microseconds / 1_000).\(hundredths < 10 ? "0" : "")\(hundredths)ms"
        case ..<1_000_000: return "\(microseconds / 1_000)ms"
        default: return text(milliseconds: microseconds / 1_000)
        }
    }

    private static func two(
        _ value: Int64,
        _ large: Int64,
        _ largeUnit: String,
        _ small: Int64,
        _ smallUnit: String
    ) -> String {
        let rest = value % large / small
        let head = "\(value / large)\(largeUnit)"
        return rest == 0 ? head : "\(head) \(rest)\(smallUnit)"
    }
}
