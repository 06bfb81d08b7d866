/// A point on the monotonic clock of one process (CLOCK_BOOTTIME, nanoseconds since an arbitrary
/// origin). It is never sent and never stored: only ``Duration`` travels.
public struct Instant: Hashable, Comparable, Sendable {
    public var nanoseconds: Int64

    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    public static let origin = Instant(nanoseconds: 0)

    public static func < (left: Instant, right: Instant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// Saturates instead of trapping, so that "never" can be written as a very long duration.
    public static func + (left: Instant, right: Duration) -> Instant {
        let (sum, overflow) = left.nanoseconds.addingReportingOverflow(right.nanoseconds)
        return Instant(nanoseconds: overflow ? (right < .zero ? .min : .max) : sum)
    }

    public static func - (left: Instant, right: Duration) -> Instant {
        left + (.zero - right)
    }

    /// Saturates as `+` does.
    public static func - (left: Instant, right: Instant) -> Duration {
        let (difference, overflow) =
            left.nanoseconds.subtractingReportingOverflow(right.nanoseconds)
        return .nanoseconds(overflow ? (left < right ? .min : .max) : difference)
    }

    public static func += (left: inout Instant, right: Duration) {
        left = left + right
    }
}

extension Duration {
    /// Whole nanoseconds, saturated to what 64 bits hold (292 years).
    public var nanoseconds: Int64 { Int64(clamping: attoseconds / 1_000_000_000) }

    /// Whole milliseconds, rounded towards zero.
    public var wholeMilliseconds: Int64 { nanoseconds / 1_000_000 }

    /// Whole seconds, rounded towards zero.
    public var wholeSeconds: Int64 { nanoseconds / 1_000_000_000 }

    /// For people: `250ms`, `4s`, `2m05s`, `3h07m`, `5d02h`. Always with a unit.
    public var forPeople: String {
        let milliseconds = wholeMilliseconds
        if milliseconds < 0 { return "-" + (.zero - self).forPeople }
        if milliseconds < 1_000 { return "\(milliseconds)ms" }
        let seconds = milliseconds / 1_000
        if seconds < 10, milliseconds % 1_000 >= 100 {
            return "\(seconds).\((milliseconds % 1_000) / 100)s"
        }
        if seconds < 60 { return "\(seconds)s" }
        if seconds < 3_600 { return "\(seconds / 60)m\(twoDigits(seconds % 60))s" }
        if seconds < 86_400 { return "\(seconds / 3_600)h\(twoDigits(seconds / 60 % 60))m" }
        return "\(seconds / 86_400)d\(twoDigits(seconds / 3_600 % 24))h"
    }

    /// Reads `250ms`, `4s`, `2m`, `1h30m`, `2d`. A number without a unit is refused.
    ///
    /// - Returns: nil when the text is not a duration, or is longer than 10 000 days.
    public init?(parsing text: String) {
        var total: Int64 = 0
        var digits = ""
        var unit = ""
        var lastScale = Int64.max
        func scale(_ unit: String) -> Int64? {
            switch unit {
            case "ms": 1
            case "s": 1_000
            case "m": 60_000
            case "h": 3_600_000
            case "d": 86_400_000
            default: nil
            }
        }
        func close() -> Bool {
            guard let value = Int64(digits), let factor = scale(unit),
                value <= 864_000_000_000 / factor, factor < lastScale
            else { return false }
            lastScale = factor
            total += value * factor
            digits = ""
            unit = ""
            return total <= 864_000_000_000
        }
        for character in text {
            if character.isASCII, character.isNumber {
                if !unit.isEmpty, !close() { return nil }
                digits.append(character)
            } else {
                if digits.isEmpty { return nil }
                unit.append(character)
            }
        }
        guard close() else { return nil }
        self = .milliseconds(total)
    }
}

func twoDigits(_ value: Int64) -> String {
    value < 10 ? "0\(value)" : "\(value)"
}

/// Wall-clock time, milliseconds since 1970-01-01T00:00:00Z. For people, certificates and RPO
/// only: no lease, no deadline and no decision about silence is ever made of it.
public struct WallTime: Hashable, Comparable, Sendable {
    public var milliseconds: Int64

    public init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    public static func < (left: WallTime, right: WallTime) -> Bool {
        left.milliseconds < right.milliseconds
    }

    public static func + (left: WallTime, right: Duration) -> WallTime {
        WallTime(milliseconds: left.milliseconds + right.wholeMilliseconds)
    }

    public static func - (left: WallTime, right: WallTime) -> Duration {
        .milliseconds(left.milliseconds - right.milliseconds)
    }

    /// 0000-01-01T00:00:00Z and the last millisecond of the year 9999: what four digits can say.
    private static let writable: ClosedRange<Int64> = -62_167_219_200_000...253_402_300_799_999

    /// ISO 8601 in UTC with milliseconds: `2026-11-23T06:41:12.345Z`. A time outside the years
    /// 0000 to 9999 is written as the nearest that is inside.
    public var iso8601: String {
        let milliseconds = min(
            max(milliseconds, Self.writable.lowerBound),
            Self.writable.upperBound
        )
        let days = floorDivide(milliseconds, 86_400_000)
        let ofDay = milliseconds - days * 86_400_000
        let (year, month, day) = GregorianCalendar.date(ofDayNumber: days)
        let padded = String(repeating: "0", count: max(0, 4 - "\(year)".count)) + "\(year)"
        let fraction = ofDay % 1_000
        let fractionText =
            fraction < 10 ? "00\(fraction)" : fraction < 100 ? "0\(fraction)" : "\(fraction)"
        return "\(padded)-\(twoDigits(month))-\(twoDigits(day))T"
            + "\(twoDigits(ofDay / 3_600_000)):\(twoDigits(ofDay / 60_000 % 60)):"
            + "\(twoDigits(ofDay / 1_000 % 60)).\(fractionText)Z"
    }

    /// `2026-11-23 06:41:12 UTC`: whoever is woken reads no milliseconds.
    public var forPeople: String {
        iso8601.prefix { $0 != "." }.replacing("T", with: " ") + " UTC"
    }

    /// Reads what ``iso8601`` writes, with or without the fraction, and with `Z` or an offset
    /// such as `+02:00`.
    public init?(iso8601 text: String) {
        let bytes = Array(text.utf8)
        func number(_ from: Int, _ count: Int) -> Int64? {
            guard from + count <= bytes.count else { return nil }
            var value: Int64 = 0
            for byte in bytes[from..<from + count] {
                guard byte >= 48, byte <= 57 else { return nil }
                value = value * 10 + Int64(byte - 48)
            }
            return value
        }
        guard bytes.count >= 20, bytes[4] == 45, bytes[7] == 45, bytes[10] == 84, bytes[13] == 58,
            bytes[16] == 58,
            let year = number(0, 4), let month = number(5, 2), let day = number(8, 2),
            let hour = number(11, 2), let minute = number(14, 2), let second = number(17, 2),
            (1...12).contains(month), day >= 1,
            day <= GregorianCalendar.daysInMonth(month, of: year),
            hour < 24, minute < 60, second < 61
        else { return nil }
        var at = 19
        var fraction: Int64 = 0
        if bytes[at] == 46 {
            at += 1
            var factor: Int64 = 100
            let start = at
            while at < bytes.count, bytes[at] >= 48, bytes[at] <= 57 {
                fraction += Int64(bytes[at] - 48) * factor
                factor /= 10
                at += 1
            }
            if at == start { return nil }
        }
        var offset: Int64 = 0
        guard at < bytes.count else { return nil }
        switch bytes[at] {
        case 90:
            guard at + 1 == bytes.count else { return nil }
        case 43, 45:
            guard bytes.count == at + 6, bytes[at + 3] == 58, let hours = number(at + 1, 2),
                let minutes = number(at + 4, 2), hours < 24, minutes < 60
            else { return nil }
            offset = (hours * 60 + minutes) * 60_000 * (bytes[at] == 45 ? -1 : 1)
        default: return nil
        }
        let days = GregorianCalendar.dayNumber(year: year, month: month, day: day)
        let time = ((hour * 60 + minute) * 60 + second) * 1_000
        self.init(milliseconds: days * 86_400_000 + time + fraction - offset)
        guard Self.writable.contains(milliseconds) else { return nil }
    }
}
