import Model

/// Moments that come back by the calendar, as cron's five fields tell them.
///
/// ## What is written
///
/// Five fields, or six with the second first: `minute hour day-of-month month weekday`. Or one of
/// `@yearly`, `@annually`, `@monthly`, `@weekly`, `@daily`, `@midnight`, `@hourly`. A field is a
/// list, separated by commas, of:
///
/// | | |
/// | --- | --- |
/// | `*` or `?` | every value |
/// | `5`, `MAR`, `Friday` | that value; names in any case, three letters or all of them |
/// | `10-40`, `FRI-MON`, `22-2` | from the one to the other, over the end of the field if need be |
/// | `*/5`, `10-40/5`, `5/10` | every fifth of them; `5/10` is from 5 to the field's end |
///
/// and besides, in the day of the month: `L` (the month's last day), `L-3` (three days before it),
/// `15W` (the weekday, Monday to Friday, nearest to the 15th within the month), `LW` (the month's
/// last weekday); in the weekday: `MON#2` (the second Monday of the month), `FRIL` or `5L` (the
/// last Friday). Weekdays count from 0 (Sunday) to 6; 7 is Sunday too. A day that a month does not
/// have (`31`, `31W`, `MON#5`) does not fire in it.
///
/// **When the day of the month and the weekday are both restricted, a day matches if either of
/// them does**, as in every cron: `0 0 13 * FRI` is every 13th and every Friday. A field is
/// restricted unless it is `*`, `?` or `*/1`, or has one of them in its list; `1-31` is restricted.
///
/// ## What happens when the clocks change
///
/// As in Vixie's and ISC's cron (crontab(5), "Daylight saving time"), but for the hour field alone:
///
/// - **A fixed time**, which is one whose hour field is anything but `*` (`?`) or `*/n`, fires
///   once for each local time it tells. If the clock jumps over that time, it fires at the moment
///   of the jump, once, however many of its times are jumped over. If the clock shows the time
///   twice, it fires at the first. Exactly: it fires whenever the clock for the first time shows
///   a local time as late as one of its own, or later.
/// - **An interval**, whose hour field is `*` or `*/n`, fires at every moment at which the local
///   clock shows a matching time. So `*/10 * * * *` fires every ten minutes of real time and
///   `0 * * * *` every hour of it through both changes: the hour that comes twice fires twice,
///   and in the hour that is left out there is no moment to fire at. A time that is not shown is
///   not made up for: `0 */2 * * *` waits three hours where 02:00 is left out. Who wants a fixed
///   time's promise writes the hours out: `0-22/2`.
///
/// Two expressions that mean the same are equal, and ``description`` writes both alike.
public struct CalendarExpression: Hashable, Sendable {
    /// One bit for each value.
    let seconds: UInt64
    let minutes: UInt64
    let hours: UInt64
    let months: UInt64
    /// Whether the hours are `*` or `*/n`.
    let followsRealTime: Bool
    let days: DayRule

    /// The longest text that is read, in bytes.
    public static let bytesMax = 256

    /// How far ahead ``next(after:in:excluding:)`` looks: 41 years. The rarest expression, a fifth
    /// Monday in February, waits 40 when it meets a century that is no leap year.
    public static let horizonDays: Int64 = 14_975

    /// Whether the day matches; whether anything fires on it depends on the clocks, too.
    public func matches(_ date: CivilDate) -> Bool {
        months & 1 << UInt64(date.month) != 0
            && days.mask(year: date.year, month: date.month) & 1 << UInt64(date.day) != 0
    }

    /// The first matching local time that is not before `from` and is before `end`, both in
    /// seconds from 1970-01-01T00:00:00 of the local clock.
    ///
    /// Months are passed over whole, a day costs a few operations on its bits; so the work is
    /// bounded by the days between `from` and `end`.
    func firstMatch(
        from: Int64,
        before end: Int64,
        excluding isExcluded: (CivilDate) -> Bool
    ) -> Int64? {
        guard let from = CivilTime(seconds: max(from, Self.localSeconds.lowerBound)) else {
            return nil
        }
        var (year, month, day) = (from.date.year, from.date.month, from.date.day)
        var timeOfDay = from.hour * 3_600 + from.minute * 60 + from.second
        while let first = CivilDate(year: year, month: month, day: 1) {
            let start = first.dayNumber
            if (start + Int64(day) - 1) * 86_400 >= end { return nil }
            var left = months & 1 << UInt64(month) == 0 ? 0 : days.mask(year: year, month: month)
            left &= ~0 << UInt64(day)
            while left != 0 {
                let candidate = left.trailingZeroBitCount
                left &= left - 1
                if candidate != day { timeOfDay = 0 }
                let midnight = (start + Int64(candidate) - 1) * 86_400
                if midnight >= end { return nil }
                guard let time = firstTime(from: timeOfDay),
                    let date = CivilDate(year: year, month: month, day: candidate),
                    !isExcluded(date)
                else { continue }
                let match = midnight + Int64(time)
                return match < end ? match : nil
            }
            (month, day, timeOfDay) = (month + 1, 1, 0)
            if month > 12 { (year, month) = (year + 1, 1) }
        }
        return nil
    }

    private static let localSeconds =
        CivilDate.dayNumbers.lowerBound * 86_400...CivilDate.dayNumbers.upperBound * 86_400

    /// The first matching second of a day that is not before `from`; 0 to 86 399.
    private func firstTime(from: Int) -> Int? {
        let (hour, minute) = (from / 3_600, from / 60 % 60)
        let (firstMinute, firstSecond) =
            (minutes.trailingZeroBitCount, seconds.trailingZeroBitCount)
        if hours.bit(from: hour) == hour {
            if minutes.bit(from: minute) == minute, let second = seconds.bit(from: from % 60) {
                return (hour * 60 + minute) * 60 + second
            }
            if let minute = minutes.bit(from: minute + 1) {
                return (hour * 60 + minute) * 60 + firstSecond
            }
        }
        guard let hour = hours.bit(from: hour + 1) else { return nil }
        return (hour * 60 + firstMinute) * 60 + firstSecond
    }
}

extension UInt64 {
    /// The lowest bit that is set, from the given one on.
    func bit(from low: Int) -> Int? {
        guard low < 64 else { return nil }
        let rest = self & (~0 << UInt64(low))
        return rest == 0 ? nil : rest.trailingZeroBitCount
    }

    /// The bits that are set, the lowest first.
    var bits: [Int] {
        var bits: [Int] = []
        var rest = self
        while rest != 0 {
            bits.append(rest.trailingZeroBitCount)
            rest &= rest - 1
        }
        return bits
    }
}
