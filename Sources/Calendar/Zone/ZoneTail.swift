import Model

/// The rule of a POSIX TZ string: standard time, and in a part of every year daylight saving time.
struct ZoneTail: Hashable, Sendable {
    struct Daylight: Hashable, Sendable {
        var offset: ZoneOffset
        var start: YearDay
        var end: YearDay
    }

    /// A moment of every year, on the clock that is shown until then.
    struct YearDay: Hashable, Sendable {
        enum Day: Hashable, Sendable {
            /// `Jn`: 1 to 365; 29 February is never counted, 60 is always 1 March.
            case withoutLeapDay(Int)
            /// `n`: 0 to 365; 29 February is counted.
            case withLeapDay(Int)
            /// `Mm.w.d`: in month 1 to 12 the weekday 0 (Sunday) to 6, for the first (1) to the
            /// fourth (4) or the last (5) time.
            case weekday(month: Int, week: Int, day: Int)
        }

        var day: Day
        /// Seconds after that day's midnight, -604 799 to 604 799: it may be another day.
        var seconds: Int

        /// Seconds from 1970-01-01T00:00:00 of the clock that is shown until then.
        func localSeconds(in year: Int64) -> Int64 {
            dayNumber(in: year) * 86_400 + Int64(seconds)
        }

        private func dayNumber(in year: Int64) -> Int64 {
            let newYear = GregorianCalendar.dayNumber(year: year, month: 1, day: 1)
            switch day {
            case .withLeapDay(let count):
                return newYear + Int64(count)
            case .withoutLeapDay(let count):
                let skipped = count >= 60 && GregorianCalendar.isLeap(year)
                return newYear + Int64(count) - 1 + (skipped ? 1 : 0)
            case .weekday(let month, let week, let weekday):
                let first = GregorianCalendar.dayNumber(year: year, month: Int64(month), day: 1)
                let wait = (weekday - Weekday(dayNumber: first).rawValue + 7) % 7
                var day = Int64(wait + 7 * (week - 1))
                if day >= GregorianCalendar.daysInMonth(Int64(month), of: year) { day -= 7 }
                return first + day
            }
        }
    }

    private struct Change {
        var time: Int64
        var isDaylight: Bool
    }

    var standard: ZoneOffset
    var daylight: Daylight?

    /// Beyond this many seconds from 1970 (four thousand million years) the rule is asked for the
    /// moment nearest to what was asked, so that its own arithmetic cannot overflow.
    private static let reach: Int64 = 1 << 57

    /// The stretch of time around a moment.
    ///
    /// The changes of a year fall into it or at most eight days beside it (167 hours and an
    /// offset), so those of two years to either side tell all about this one. A span ends with
    /// the year at the latest; its neighbour may then have the same offset.
    func span(at seconds: Int64) -> ZoneRules.Span {
        guard let daylight else {
            return ZoneRules.Span(start: .min, end: .max, offset: standard)
        }
        guard seconds > -Self.reach else {
            return ZoneRules.Span(start: .min, end: 1 - Self.reach, offset: standard)
        }
        guard seconds < Self.reach else {
            return ZoneRules.Span(start: Self.reach, end: .max, offset: standard)
        }
        let year = GregorianCalendar.date(ofDayNumber: floorDivide(seconds, 86_400)).year
        let changes = Self.changes(around: year, standard: standard, daylight: daylight)
        var start = max(newYear(year), 1 - Self.reach)
        var end = min(newYear(year + 1), Self.reach)
        var isDaylight = false
        for change in changes {
            guard change.time <= seconds else {
                end = min(end, change.time)
                break
            }
            start = max(start, change.time)
            isDaylight = change.isDaylight
        }
        return ZoneRules.Span(
            start: start,
            end: end,
            offset: isDaylight ? daylight.offset : standard
        )
    }

    private func newYear(_ year: Int64) -> Int64 {
        GregorianCalendar.dayNumber(year: year, month: 1, day: 1) * 86_400
    }

    /// In the order of time. Where daylight saving time ends and begins at one moment, the
    /// beginning is the last word: so a zone says that it has it all the year (RFC 8536, section
    /// 3.3.1).
    private static func changes(
        around year: Int64,
        standard: ZoneOffset,
        daylight: Daylight
    ) -> [Change] {
        var changes: [Change] = []
        for year in year - 2...year + 2 {
            let start = daylight.start.localSeconds(in: year) - Int64(standard.secondsEast)
            let end = daylight.end.localSeconds(in: year) - Int64(daylight.offset.secondsEast)
            changes.append(Change(time: start, isDaylight: true))
            changes.append(Change(time: end, isDaylight: false))
        }
        changes.sort { ($0.time, $0.isDaylight ? 1 : 0) < ($1.time, $1.isDaylight ? 1 : 0) }
        return changes
    }
}
