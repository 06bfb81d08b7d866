public import Model

/// When something is to happen, once or again and again.
///
/// The caller keeps what it has to look the zone up by, and gives its rules with each question: a
/// pure value cannot read the tz database, and a database that was updated is heeded at once.
public enum Recurrence: Hashable, Sendable {
    /// By the calendar, on the clock of the zone of that name.
    case calendar(CalendarExpression, zone: ZoneName)
    /// At the anchor, and then each time the duration has passed, in real time. The duration is of
    /// whole milliseconds within ``periods``; what is less than one is cut off.
    case every(Duration, anchor: WallTime)
    /// At that time, and never again.
    case once(WallTime)

    /// What the duration of `every` may be: a second to 10 000 days. With any other it never
    /// happens.
    public static let periods: ClosedRange<Duration> = .seconds(1) ... .seconds(864_000_000)

    /// The zone whose rules ``next(after:in:excluding:)`` is to be given; nil when it is about no
    /// zone. Then its rules are used for nothing but to tell on which date an excluded moment is.
    public var zone: ZoneName? {
        switch self {
        case .calendar(_, let zone): zone
        case .every, .once: nil
        }
    }

    /// The first time after a moment, never at it.
    ///
    /// - Parameters:
    ///   - rules: of the ``zone``.
    ///   - isExcluded: dates of that zone on which it does not happen: by the calendar as
    ///     ``CalendarExpression/next(after:in:excluding:)`` has it; `every` passes over what is
    ///     due on them and keeps its beat. `once` does not ask: somebody has said when.
    /// - Returns: nil when it does not happen again, or not within
    ///   ``CalendarExpression/horizonDays`` of the later of `after` and the anchor, which is only
    ///   for excluded dates.
    public func next(
        after: WallTime,
        in rules: ZoneRules = .utc,
        excluding isExcluded: (CivilDate) -> Bool = { _ in false }
    ) -> WallTime? {
        switch self {
        case .calendar(let expression, _):
            return expression.next(after: after, in: rules, excluding: isExcluded)
        case .once(let time):
            return after < time ? time : nil
        case .every(let period, let anchor):
            guard Self.periods.contains(period) else { return nil }
            let beat = Beat(period: period.wholeMilliseconds, anchor: anchor.milliseconds)
            return beat.next(after: after.milliseconds, in: rules, excluding: isExcluded)
                .map(WallTime.init(milliseconds:))
        }
    }
}

/// Moments at equal distances, in milliseconds since 1970 UTC. Each is reckoned from the anchor,
/// never from the one before, so that nothing adds up.
private struct Beat {
    let period: Int64
    let anchor: Int64

    func next(
        after: Int64,
        in rules: ZoneRules,
        excluding isExcluded: (CivilDate) -> Bool
    ) -> Int64? {
        guard var candidate = first(after: after) else { return nil }
        let horizon = saturating(
            floorDivide(candidate, 1_000),
            plus: CalendarExpression.horizonDays * 86_400
        )
        while true {
            let seconds = floorDivide(candidate, 1_000)
            guard seconds <= horizon else { return nil }
            guard let local = rules.civilTime(at: seconds), isExcluded(local.date) else {
                return candidate
            }
            // A beat of a second has 86 400 on an excluded day; only the first after it counts.
            let left = 86_400 - (local.seconds - local.date.dayNumber * 86_400)
            let end = rules.span(at: seconds).end
            let past = min(saturating(seconds, plus: left), end)
            guard let next = first(after: past * 1_000 - 1) else { return nil }
            candidate = next
        }
    }

    /// - Returns: nil when it is beyond what 64 bits hold.
    private func first(after: Int64) -> Int64? {
        if after < anchor { return anchor }
        let (elapsed, isTooLong) = after.subtractingReportingOverflow(anchor)
        if isTooLong { return nil }
        let (distance, isTooFar) = (elapsed / period + 1).multipliedReportingOverflow(by: period)
        let (next, isTooLate) = anchor.addingReportingOverflow(distance)
        return isTooFar || isTooLate ? nil : next
    }
}
