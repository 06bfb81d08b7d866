/// Days and dates of the proleptic Gregorian calendar, for every year that a 64-bit count of
/// seconds can reach. What a date means in a time zone is the business of the module Calendar.
///
/// The arithmetic is `days_from_civil` and `civil_from_days` of Howard Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms": the year begins in March, so that the day that comes and goes is
/// its last.
public enum GregorianCalendar {
    /// Days from 1970-01-01 to a date; negative before it.
    ///
    /// - Parameters:
    ///   - month: 1 to 12.
    ///   - day: 1 to 31. The date need not exist: 30 February is the day after 29 February would be.
    public static func dayNumber(year: Int64, month: Int64, day: Int64) -> Int64 {
        let years = month <= 2 ? year - 1 : year
        let era = floorDivide(years, 400)
        let yearOfEra = years - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// The date that is `dayNumber` days after 1970-01-01; the inverse of
    /// ``dayNumber(year:month:day:)``. Month and day count from 1.
    public static func date(
        ofDayNumber dayNumber: Int64
    ) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = dayNumber + 719_468
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthIndex = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthIndex + 2) / 5 + 1
        let month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    /// 28 to 31.
    ///
    /// - Parameter month: 1 to 12.
    public static func daysInMonth(_ month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Whether the year has a 29 February.
    public static func isLeap(_ year: Int64) -> Bool {
        year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    }
}

/// Division that rounds towards the past, so that the second before midnight belongs to its day on
/// both sides of 1970.
package func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
    let quotient = value / divisor
    return value % divisor < 0 ? quotient - 1 : quotient
}
