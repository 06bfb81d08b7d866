import Model

extension Recurrence: CustomStringConvertible {
    /// The longest text that is read, in bytes: an expression, a zone, and the words around them.
    public static let bytesMax = CalendarExpression.bytesMax + ZoneName.bytesMax + 64

    private static let kinds = ["calendar", "every", "once"]

    /// Reads a recurrence:
    ///
    /// | | |
    /// | --- | --- |
    /// | `calendar 0 3 * * MON-FRI in Europe/Berlin` | without `in` it is in UTC |
    /// | `every 1h30m from 2026-01-01T00:00:00Z` | without `from` it is from 1970 on |
    /// | `once 2026-12-24T18:00:00Z` | |
    ///
    /// - Throws: ``CalendarProblem`` with the column of this text.
    public init(parsing text: String) throws(CalendarProblem) {
        let whole = Piece(text)
        guard whole.bytes.count <= Self.bytesMax else {
            throw CalendarProblem(
                .tooLong,
                column: Self.bytesMax,
                "\(whole.bytes.count) bytes; \(Self.bytesMax) is the limit"
            )
        }
        if let bad = whole.badCharacter {
            throw CalendarProblem(
                .badCharacter,
                column: bad.column,
                "a character that is not printable ASCII"
            )
        }
        let words = whole.words
        guard let kind = words.first else { throw Self.unknownKind(whole) }
        switch kind.text {
        case "calendar": self = try Self.calendar(whole, words)
        case "every": self = try Self.every(words)
        case "once":
            try Self.expectEnd(words, after: 2)
            self = .once(try Self.time(words, 1))
        default: throw Self.unknownKind(kind)
        }
    }

    /// In full, as ``init(parsing:)`` reads it: whatever it read is written so that it reads back
    /// as an equal one.
    public var description: String {
        switch self {
        case .calendar(let expression, let zone): "calendar \(expression) in \(zone)"
        case .every(let period, let anchor):
            "every \(Self.exact(period)) from \(anchor.iso8601)"
        case .once(let time): "once \(time.iso8601)"
        }
    }

    private static func calendar(
        _ whole: Piece,
        _ words: [Piece]
    ) throws(CalendarProblem) -> Recurrence {
        let start = words[0].column - whole.column + words[0].bytes.count
        guard let place = words.firstIndex(where: { $0.text == "in" }) else {
            let expression = try CalendarExpression(whole.dropping(start))
            return .calendar(expression, zone: .utc)
        }
        let end = words[place].column - whole.column
        let expression = try CalendarExpression(whole.prefix(end).dropping(start))
        try expectEnd(words, after: place + 2)
        guard place + 1 < words.count, let zone = ZoneName(words[place + 1].text) else {
            let isThere = place + 1 < words.count
            let found = words[isThere ? place + 1 : place]
            throw CalendarProblem(
                .badZone,
                column: found.column,
                isThere ? "\(found.quoted) is no time zone" : "no zone after \"in\"",
                mend: "write a name of the tz database: Europe/Berlin"
            )
        }
        return .calendar(expression, zone: zone)
    }

    private static func every(_ words: [Piece]) throws(CalendarProblem) -> Recurrence {
        guard words.count > 1, let period = Duration(parsing: words[1].text),
            periods.contains(period)
        else {
            let found = words.count > 1 ? words[1] : words[0]
            throw CalendarProblem(
                .badDuration,
                column: found.column,
                words.count > 1 ? "every \(found.quoted)" : "no duration after \"every\"",
                mend: "write 1s to 10000d, with units: 1h30m"
            )
        }
        guard words.count > 2 else {
            return .every(period, anchor: WallTime(milliseconds: 0))
        }
        guard words[2].text == "from" else {
            throw CalendarProblem(
                .badForm,
                column: words[2].column,
                "\(words[2].quoted) after the duration",
                mend: "write from and a time, or nothing"
            )
        }
        try expectEnd(words, after: 4)
        return .every(period, anchor: try time(words, 3))
    }

    private static func time(_ words: [Piece], _ index: Int) throws(CalendarProblem) -> WallTime {
        guard index < words.count, let time = WallTime(iso8601: words[index].text) else {
            let found = words[min(index, words.count - 1)]
            throw CalendarProblem(
                .badTime,
                column: found.column,
                index < words.count
                    ? "\(found.quoted) is no time" : "no time after \(found.quoted)",
                mend: "write 2026-12-24T18:00:00Z, or an offset for Z: +01:00"
            )
        }
        return time
    }

    private static func expectEnd(
        _ words: [Piece],
        after count: Int
    ) throws(CalendarProblem) {
        guard words.count > count else { return }
        throw CalendarProblem(
            .badForm,
            column: words[count].column,
            "\(words[count].quoted) after the end",
            mend: "leave it out"
        )
    }

    private static func unknownKind(_ word: Piece) -> CalendarProblem {
        let nearest = NearestName.to(word.text, among: kinds)
        return CalendarProblem(
            .unknownKind,
            column: word.column,
            word.isEmpty ? "nothing is written" : "\(word.quoted) is no kind of recurrence",
            mend: nearest.map { "did you mean \($0)?" }
                ?? "write calendar, every or once first"
        )
    }

    /// Every millisecond of it, as `Duration.init(parsing:)` reads it: `1d2h3m4s5ms`.
    private static func exact(_ period: Duration) -> String {
        var rest = period.wholeMilliseconds
        var text = ""
        for (scale, unit) in [
            (86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms"),
        ] as [(Int64, String)] where rest / scale != 0 {
            text += "\(rest / scale)\(unit)"
            rest %= scale
        }
        return text.isEmpty ? "0ms" : text
    }
}
