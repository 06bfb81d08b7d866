/// Which days of a month match: the day of the month and the weekday together.
struct DayRule: Hashable, Sendable {
    /// Bits 1 to 31.
    var daysOfMonth: UInt64 = 0
    /// Bit n for the day that is n days before the month's last: `L` is 0, `L-3` is 3.
    var beforeLast: UInt64 = 0
    /// Bits 1 to 31 for `1W` to `31W`, bit 0 for `LW`.
    var nearestWeekdays: UInt64 = 0
    /// Whether the day of the month is anything but `*`. If not, the three above are 0.
    var restrictsDayOfMonth = false

    /// Bits 0 (Sunday) to 6.
    var weekdays: UInt64 = 0
    /// Bit `weekday * 5 + n - 1` for `weekday#n`.
    var numberedWeekdays: UInt64 = 0
    /// Bits 0 (Sunday) to 6 for the last such weekday of the month.
    var lastWeekdays: UInt64 = 0
    /// Whether the weekday is anything but `*`. If not, the three above are 0.
    var restrictsWeekday = false

    /// The days of that month that match: bits 1 to 31. Of two restrictions either is enough.
    func mask(year: Int, month: Int) -> UInt64 {
        let length = CivilDate.daysInMonth(month, of: year)
        let all: UInt64 = (1 << UInt64(length) - 1) << 1
        if !restrictsDayOfMonth, !restrictsWeekday { return all }
        guard let first = CivilDate(year: year, month: month, day: 1) else { return 0 }
        let weekday = first.weekday.rawValue
        return all & (dayOfMonthMask(length, weekday) | weekdayMask(length, weekday))
    }

    /// Whether any day of any year matches in the month. Every weekday comes five times in some
    /// February.
    func canMatch(month: Int) -> Bool {
        if restrictsWeekday || !restrictsDayOfMonth { return true }
        let longest = UInt64(CivilDate.daysInMonth(month, of: 2_000))
        let all: UInt64 = 1 << (longest + 1) - 1
        return (daysOfMonth | nearestWeekdays) & all != 0 || beforeLast & (all >> 1) != 0
    }

    private func dayOfMonthMask(_ length: Int, _ first: Int) -> UInt64 {
        var mask = daysOfMonth
        for before in beforeLast.bits where before < length { mask |= 1 << UInt64(length - before) }
        for day in nearestWeekdays.bits where day <= length {
            mask |= 1 << UInt64(nearest(day == 0 ? length : day, length, first))
        }
        return mask
    }

    /// The weekday nearest to a day without leaving the month.
    private func nearest(_ day: Int, _ length: Int, _ first: Int) -> Int {
        switch (first + day - 1) % 7 {
        case Weekday.saturday.rawValue: day > 1 ? day - 1 : day + 2
        case Weekday.sunday.rawValue: day < length ? day + 1 : day - 2
        default: day
        }
    }

    private func weekdayMask(_ length: Int, _ first: Int) -> UInt64 {
        func firstDay(_ weekday: Int) -> Int { (weekday - first + 7) % 7 + 1 }
        /// Every seventh of five.
        let weekly: UInt64 = 0x1020_4081
        var mask: UInt64 = 0
        for weekday in weekdays.bits { mask |= weekly << UInt64(firstDay(weekday)) }
        for bit in numberedWeekdays.bits {
            mask |= 1 << UInt64(firstDay(bit / 5) + bit % 5 * 7)
        }
        for weekday in lastWeekdays.bits {
            let day = firstDay(weekday)
            mask |= 1 << UInt64(day + (length - day) / 7 * 7)
        }
        return mask
    }
}
