import Model

/// A day of the week. The raw value is cron's: 0 is Sunday, 6 is Saturday.
public enum Weekday: Int, CaseIterable, Hashable, Sendable {
    case sunday = 0
    case monday, tuesday, wednesday, thursday, friday, saturday

    /// The day of the week that is `dayNumber` days after 1970-01-01, which was a Thursday.
    public init(dayNumber: Int64) {
        let since = (dayNumber % 7 + 11) % 7
        self = Weekday.allCases[Int(since)]
    }
}

/// A date of the Gregorian calendar without a time zone, from 0000-01-01 to 9999-12-31: what
/// `WallTime` can write with four digits.
public struct CivilDate: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// 0 to 9999.
    public let year: Int
    /// 1 to 12.
    public let month: Int
    /// 1 to 31.
    public let day: Int

    /// The days that can be told, counted from 1970-01-01: -719 528 to 2 932 896.
    public static let dayNumbers: ClosedRange<Int64> = -719_528...2_932_896

    /// - Returns: nil when there is no such date, or its year is not within 0 to 9999.
    public init?(year: Int, month: Int, day: Int) {
        guard (0...9_999).contains(year), (1...12).contains(month), day >= 1,
            day <= Self.daysInMonth(month, of: year)
        else { return nil }
        self.year = year
        self.month = month
        self.day = day
    }

    /// The date that is `dayNumber` days after 1970-01-01.
    ///
    /// - Returns: nil outside ``dayNumbers``.
    public init?(dayNumber: Int64) {
        guard Self.dayNumbers.contains(dayNumber) else { return nil }
        let (year, month, day) = GregorianCalendar.date(ofDayNumber: dayNumber)
        self.year = Int(year)
        self.month = Int(month)
        self.day = Int(day)
    }

    /// Days since 1970-01-01; negative before it.
    public var dayNumber: Int64 {
        GregorianCalendar.dayNumber(year: Int64(year), month: Int64(month), day: Int64(day))
    }

    /// The day of the week.
    public var weekday: Weekday { Weekday(dayNumber: dayNumber) }

    /// 28 to 31.
    ///
    /// - Parameter month: 1 to 12.
    public static func daysInMonth(_ month: Int, of year: Int) -> Int {
        Int(GregorianCalendar.daysInMonth(Int64(month), of: Int64(year)))
    }

    /// Earlier dates are less.
    public static func < (left: CivilDate, right: CivilDate) -> Bool {
        (left.year, left.month, left.day) < (right.year, right.month, right.day)
    }

    /// ISO 8601: `2026-12-25`.
    public var description: String {
        "\(padded(year, to: 4))-\(padded(month, to: 2))-\(padded(day, to: 2))"
    }

    /// Reads what ``description`` writes: `2026-12-25`, and nothing else.
    public init?(parsing text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 10, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
            let year = number(bytes[0..<4]), let month = number(bytes[5..<7]),
            let day = number(bytes[8..<10])
        else { return nil }
        self.init(year: year, month: month, day: day)
    }
}

/// What a clock on the wall shows: a date and a time of day, without a time zone. There are no
/// leap seconds in it, as there are none in POSIX time.
public struct CivilTime: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The day that the clock shows.
    public let date: CivilDate
    /// 0 to 23.
    public let hour: Int
    /// 0 to 59.
    public let minute: Int
    /// 0 to 59.
    public let second: Int

    /// - Returns: nil when the hour, the minute or the second is out of its range.
    public init?(_ date: CivilDate, hour: Int, minute: Int, second: Int = 0) {
        guard (0..<24).contains(hour), (0..<60).contains(minute), (0..<60).contains(second) else {
            return nil
        }
        self.date = date
        self.hour = hour
        self.minute = minute
        self.second = second
    }

    /// What a clock shows that began with 1970-01-01T00:00:00 and has counted `seconds` seconds:
    /// UTC, when they are seconds since 1970 UTC; local time, when the zone's offset was added.
    ///
    /// - Returns: nil outside the years 0000 to 9999.
    public init?(seconds: Int64) {
        let day = floorDivide(seconds, 86_400)
        guard let date = CivilDate(dayNumber: day) else { return nil }
        let ofDay = Int(seconds - day * 86_400)
        self.date = date
        hour = ofDay / 3_600
        minute = ofDay / 60 % 60
        second = ofDay % 60
    }

    /// Seconds from 1970-01-01T00:00:00 of the same clock; since 1970 UTC, when the clock shows
    /// UTC. The inverse of ``init(seconds:)``.
    public var seconds: Int64 {
        date.dayNumber * 86_400 + Int64(hour * 3_600 + minute * 60 + second)
    }

    /// Earlier times are less.
    public static func < (left: CivilTime, right: CivilTime) -> Bool {
        (left.date, left.hour, left.minute, left.second)
            < (right.date, right.hour, right.minute, right.second)
    }

    /// ISO 8601 without a zone: `2026-12-25T03:00:00`.
    public var description: String {
        "\(date)T\(padded(hour, to: 2)):\(padded(minute, to: 2)):\(padded(second, to: 2))"
    }
}

/// The number in decimal, with zeros before it up to the width.
func padded(_ number: Int, to width: Int) -> String {
    let digits = "\(number)"
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
}

/// Nothing but ASCII digits, and few enough that no number overflows.
func number(_ bytes: ArraySlice<UInt8>) -> Int? {
    guard !bytes.isEmpty, bytes.count <= 9 else { return nil }
    var value = 0
    for byte in bytes {
        guard isDigit(byte) else { return nil }
        value = value * 10 + Int(byte - UInt8(ascii: "0"))
    }
    return value
}

func isDigit(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
}

func isLetter(_ byte: UInt8) -> Bool {
    let lower = byte | 0x20
    return lower >= UInt8(ascii: "a") && lower <= UInt8(ascii: "z")
}
