import Model

/// What a clock in a zone shows during a stretch of time.
public struct ZoneOffset: Hashable, Sendable {
    /// Seconds to add to UTC: positive east of Greenwich. Within ``secondsEastRange``.
    public var secondsEast: Int
    /// Whether the zone calls it daylight saving time. That says nothing of its direction:
    /// Ireland's and Morocco's is behind their standard time.
    public var isDaylight: Bool
    /// What the zone calls it: `CET`, `CEST`, `+0545`. At most 15 of letters, digits, `+`, `-`.
    public var abbreviation: String

    /// A little more than a day to either side, as RFC 8536 has it (section 3.2, `utoff`).
    public static let secondsEastRange = -89_999...93_599

    /// - Parameter secondsEast: within ``secondsEastRange``; it is not checked here.
    public init(secondsEast: Int, isDaylight: Bool, abbreviation: String) {
        self.secondsEast = secondsEast
        self.isDaylight = isDaylight
        self.abbreviation = abbreviation
    }
}

/// The moments at which a zone's clock shows a given time.
public enum LocalInstants: Hashable, Sendable {
    /// At this second since 1970 UTC, and at no other: nearly always.
    case one(Int64)
    /// Never: the clock jumped over it at the second `jump` since 1970 UTC, at which it changed
    /// from the offset `before` to the offset `after`.
    case gap(jump: Int64, before: ZoneOffset, after: ZoneOffset)
    /// Twice: the clock was put back. Both in seconds since 1970 UTC.
    case twice(first: Int64, second: Int64)
}

/// When the clocks of a time zone were, are and will be changed.
///
/// A value: a list of transitions from the tz database, and the rule that holds after the last of
/// them, for ever. It is read from the bytes of a file ``init(tzif:)`` or from a POSIX TZ string
/// ``init(posix:)``; finding the file is the business of a shell.
public struct ZoneRules: Hashable, Sendable {
    /// A stretch of time with one offset: from `start`, up to and not including `end`, in seconds
    /// since 1970 UTC. `Int64.min` and `Int64.max` stand for "always before" and "for ever".
    struct Span {
        var start: Int64
        var end: Int64
        var offset: ZoneOffset

        var secondsEast: Int64 { Int64(offset.secondsEast) }
        /// What the clock shows at the start, and would show at the end.
        var localStart: Int64 { saturating(start, plus: secondsEast) }
        var localEnd: Int64 { saturating(end, plus: secondsEast) }
    }

    /// The largest file that is looked at, in bytes. The largest of the tz database has 4 000.
    public static let bytesMax = 1 << 20
    /// The most transitions that are taken from a file; `TZ_MAX_TIMES` of the reference
    /// implementation. The longest list of the tz database has 240.
    public static let transitionsMax = 2_000

    /// Seconds since 1970 UTC, strictly ascending.
    let transitions: [Int64]
    /// Which of `kinds` begins at the transition of the same index.
    let kindIndices: [UInt8]
    /// Not empty. The first holds before the first transition (RFC 8536, section 3.2).
    let kinds: [ZoneOffset]
    /// What holds from the last transition on; without it the last transition's kind does.
    let tail: ZoneTail?

    /// Coordinated Universal Time.
    public static let utc = ZoneRules(
        tail: ZoneTail(
            standard: ZoneOffset(secondsEast: 0, isDaylight: false, abbreviation: "UTC")
        )
    )

    /// The rules that a POSIX TZ string tells, for all time: `CET-1CEST,M3.5.0,M10.5.0/3`.
    ///
    /// Understood are the forms of POSIX.1-2017, section 8.3, with the extension of RFC 8536,
    /// section 3.3.1: quoted names such as `<+0545>`, the days `Mm.w.d`, `Jn` and `n`, and times
    /// of a change from -167 to 167 hours. Daylight saving time without the days on which it
    /// begins and ends is refused, since POSIX leaves open what it means.
    ///
    /// - Throws: ``ZoneProblem`` with the code `badRule`, or `tooLarge` beyond 255 bytes.
    public init(posix text: String) throws(ZoneProblem) {
        try self.init(tail: ZoneTail(posix: Array(text.utf8)))
    }

    private init(tail: ZoneTail) {
        self.init(transitions: [], kindIndices: [], kinds: [tail.standard], tail: tail)
    }

    init(transitions: [Int64], kindIndices: [UInt8], kinds: [ZoneOffset], tail: ZoneTail?) {
        self.transitions = transitions
        self.kindIndices = kindIndices
        self.kinds = kinds
        self.tail = tail
    }

    /// What the zone's clock shows at a moment.
    ///
    /// Every second has an answer. Before the first transition it is the file's first kind of
    /// time, usually the local mean time.
    ///
    /// - Parameter seconds: since 1970 UTC.
    public func offset(at seconds: Int64) -> ZoneOffset {
        span(at: seconds).offset
    }

    /// What the zone's clock shows at a moment, as a date and a time of day.
    ///
    /// - Parameter seconds: since 1970 UTC.
    /// - Returns: nil outside the years 0000 to 9999.
    public func civilTime(at seconds: Int64) -> CivilTime? {
        CivilTime(seconds: saturating(seconds, plus: Int64(offset(at: seconds).secondsEast)))
    }

    /// The moments at which the zone's clock shows `time`.
    ///
    /// A clock that was put back twice within two days might show a time three times; the first
    /// two are told. No zone has done that.
    public func instants(of time: CivilTime) -> LocalInstants {
        let local = time.seconds
        let reach = ZoneOffset.secondsEastRange
        var span = span(at: local - Int64(reach.upperBound))
        var first: Int64?
        var gap: LocalInstants?
        while true {
            let instant = local - span.secondsEast
            if instant >= span.start, instant < span.end {
                if let first { return .twice(first: first, second: instant) }
                first = instant
            }
            if span.end > local - Int64(reach.lowerBound) { break }
            let next = self.span(at: span.end)
            if gap == nil, span.localEnd <= local, local < next.localStart {
                gap = .gap(jump: span.end, before: span.offset, after: next.offset)
            }
            span = next
        }
        if let first { return .one(first) }
        guard let gap else { preconditionFailure("a clock neither shows \(time) nor skips it") }
        return gap
    }

    /// The stretch of time around a moment. Two neighbours may have the same offset.
    func span(at seconds: Int64) -> Span {
        let index = countOfTransitions(upTo: seconds)
        if index == transitions.count, let tail {
            var span = tail.span(at: seconds)
            span.start = max(span.start, transitions.last ?? .min)
            return span
        }
        return Span(
            start: index == 0 ? .min : transitions[index - 1],
            end: index == transitions.count ? .max : transitions[index],
            offset: kinds[index == 0 ? 0 : Int(kindIndices[index - 1])]
        )
    }

    /// The latest time that the clock had shown before the span began; `Int64.min` when nothing
    /// was before.
    ///
    /// A span that ended longer ago than the greatest difference of two offsets cannot have shown
    /// a later time than one that ended since.
    func latestShown(before span: Span) -> Int64 {
        let reach = ZoneOffset.secondsEastRange
        let earliest = saturating(span.start, plus: -Int64(reach.upperBound - reach.lowerBound))
        var latest = Int64.min
        var start = span.start
        while start > earliest {
            let before = self.span(at: start - 1)
            latest = max(latest, before.localEnd)
            start = before.start
        }
        return latest
    }

    private func countOfTransitions(upTo seconds: Int64) -> Int {
        var low = 0
        var high = transitions.count
        while low < high {
            let middle = (low + high) / 2
            if transitions[middle] <= seconds { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// Stays at the end of time instead of trapping; `Int64.min` and `Int64.max` stay what they stand
/// for, whatever is added.
func saturating(_ value: Int64, plus other: Int64) -> Int64 {
    if value == .min || value == .max { return value }
    let (sum, overflow) = value.addingReportingOverflow(other)
    return overflow ? (other < 0 ? .min : .max) : sum
}
