public import Model

extension CalendarExpression {
    /// The first firing after a moment, never at it.
    ///
    /// - Parameters:
    ///   - after: the firing is at the next whole second that matches, after this.
    ///   - zone: whose clock the expression is about. What happens when it is changed stands in
    ///     the type's description.
    ///   - isExcluded: dates of that clock on which nothing fires. A fixed time over which the
    ///     clock jumped belongs to the date on which it would have been.
    /// - Returns: nil when nothing fires within ``horizonDays``, which an expression that could be
    ///   parsed does only because of excluded dates; or when it would be outside the years 0000
    ///   to 9999.
    ///
    /// The work is bounded: each day up to the horizon, and each change of the clocks, is looked
    /// at once at most, and `isExcluded` is asked only for days that match.
    public func next(
        after: WallTime,
        in zone: ZoneRules,
        excluding isExcluded: (CivilDate) -> Bool = { _ in false }
    ) -> WallTime? {
        let first = max(floorDivide(after.milliseconds, 1_000) + 1, Self.firstSecond)
        let last = min(saturating(first, plus: Self.horizonDays * 86_400), Self.lastSecond)
        guard first <= last else { return nil }
        var span = zone.span(at: first)
        var latestShown = followsRealTime ? Int64.min : zone.latestShown(before: span)
        var from = first
        while true {
            let begin =
                followsRealTime
                ? max(from, span.start) + span.secondsEast
                : fixedBegin(from: from, in: span, latestShown: latestShown)
            let end = min(span.end, last + 1) + span.secondsEast
            if let local = firstMatch(from: begin, before: end, excluding: isExcluded) {
                // What the clock jumped over fires when it jumps: at the start of the span.
                let seconds = max(local - span.secondsEast, span.start)
                return WallTime(milliseconds: seconds * 1_000)
            }
            guard span.end <= last else { return nil }
            latestShown = max(latestShown, span.localEnd)
            from = span.end
            span = zone.span(at: span.end)
        }
    }

    /// From which local time on a fixed time fires in a span: what was shown before has fired
    /// before, and what was jumped over at the span's start has not.
    private func fixedBegin(
        from: Int64,
        in span: ZoneRules.Span,
        latestShown: Int64
    ) -> Int64 {
        from <= span.start ? latestShown : max(latestShown, from + span.secondsEast)
    }

    /// The seconds of the years 0000 to 9999.
    private static let firstSecond = CivilDate.dayNumbers.lowerBound * 86_400
    private static let lastSecond = CivilDate.dayNumbers.upperBound * 86_400 + 86_399
}
