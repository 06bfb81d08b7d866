extension DateSet: CustomStringConvertible {
    /// Reads a set from lines of text.
    ///
    /// | | |
    /// | --- | --- |
    /// | `2026-12-25` | one date |
    /// | `2026-12-24..2026-12-26` | from the one to the other, both included |
    /// | `*-12-25` | every year |
    /// | `*-12-24..*-01-02` | every year, over New Year if need be |
    ///
    /// What follows a `#` is a comment. Blanks, tabs, empty lines and a carriage return at a
    /// line's end are passed over.
    ///
    /// - Throws: ``CalendarProblem`` with the line and the column: `badDate`; `badCharacter`,
    ///   outside comments; `tooLong` beyond ``bytesMax`` or ``rangesMax``.
    public init(parsing text: String) throws(CalendarProblem) {
        self.init()
        let bytes = Array(text.utf8)
        guard bytes.count <= Self.bytesMax else {
            throw CalendarProblem(
                .tooLong,
                column: 1,
                "\(bytes.count) bytes of dates; \(Self.bytesMax) is the limit"
            )
        }
        let newline = UInt8(ascii: "\n")
        var line = 1
        for content in bytes.split(separator: newline, omittingEmptySubsequences: false) {
            let end = content.last == UInt8(ascii: "\r") ? content.dropLast() : content
            try read(Piece(end, column: 1), line: line)
            line += 1
        }
    }

    /// One date or range a line, in the order of time, those of every year first; reads back as
    /// an equal set. Empty for the empty set.
    public var description: String {
        var lines: [String] = []
        for (index, days) in yearly.enumerated() {
            for day in UInt64(days).bits {
                lines.append("*-\(padded(index + 1, to: 2))-\(padded(day, to: 2))\n")
            }
        }
        for range in ranges {
            guard let first = CivilDate(dayNumber: Int64(range.first)),
                let last = CivilDate(dayNumber: Int64(range.last))
            else { preconditionFailure("a range outside the calendar") }
            lines.append(first == last ? "\(first)\n" : "\(first)..\(last)\n")
        }
        return lines.joined()
    }

    private enum Written {
        case date(CivilDate)
        case yearly(month: Int, day: Int)
    }

    private mutating func read(_ whole: Piece, line: Int) throws(CalendarProblem) {
        let content = whole.split("#")[0]
        if let bad = content.badCharacter {
            throw problem(.badCharacter, line, bad, "a character that is not printable ASCII", nil)
        }
        let words = content.words
        guard let word = words.first else { return }
        if words.count > 1 {
            let mend = "write one date a line, and what it is behind a #"
            throw problem(.badDate, line, words[1], "\(words[1].quoted) after a date", mend)
        }
        let ends = split(word)
        let first = try written(ends[0], line: line)
        let last = try ends.count == 2 ? written(ends[1], line: line) : first
        switch (first, last) {
        case (.date(let first), .date(let last)):
            guard first <= last else {
                throw problem(.badDate, line, word, "\(last) is before \(first)", nil)
            }
            guard insert(from: first, through: last) else {
                let found = "more than \(Self.rangesMax) separate dates"
                let mend = "join them to ranges, or let old ones go"
                throw problem(.tooLong, line, word, found, mend)
            }
        case (.yearly(let month, let day), .yearly(let lastMonth, let lastDay)):
            insertYearly(from: (month, day), through: (lastMonth, lastDay))
        case (.date, .yearly), (.yearly, .date):
            let mend = "write both ends with the year, or both with *"
            throw problem(.badDate, line, word, "a range of a date and a yearly date", mend)
        }
    }

    /// At the first `..`, if there is one.
    private func split(_ word: Piece) -> [Piece] {
        let dot = UInt8(ascii: ".")
        let bytes = word.bytes
        for index in bytes.indices.dropLast() where bytes[index] == dot && bytes[index + 1] == dot {
            let before = index - bytes.startIndex
            return [word.prefix(before), word.dropping(before + 2)]
        }
        return [word]
    }

    private func written(_ piece: Piece, line: Int) throws(CalendarProblem) -> Written {
        let parts = piece.split("-")
        if parts.count == 3, parts[1].bytes.count == 2, parts[2].bytes.count == 2,
            let month = number(parts[1].bytes), let day = number(parts[2].bytes)
        {
            if parts[0].text == "*", CivilDate(year: 2_000, month: month, day: day) != nil {
                return .yearly(month: month, day: day)
            }
            if parts[0].bytes.count == 4, let year = number(parts[0].bytes) {
                if let date = CivilDate(year: year, month: month, day: day) { return .date(date) }
                throw problem(.badDate, line, piece, "there is no \(piece.quoted)", nil)
            }
        }
        let mend = "write 2026-12-25, *-12-25, or two of them with .. between"
        throw problem(.badDate, line, piece, "\(piece.quoted) is no date", mend)
    }

    private mutating func insertYearly(
        from first: (month: Int, day: Int),
        through last: (month: Int, day: Int)
    ) {
        let isOverNewYear = last < first
        for month in 1...12 {
            for day in 1...CivilDate.daysInMonth(month, of: 2_000) {
                let isAfterFirst = first <= (month, day)
                let isBeforeLast = (month, day) <= last
                let isIn =
                    isOverNewYear
                    ? isAfterFirst || isBeforeLast : isAfterFirst && isBeforeLast
                if isIn { insertYearly(month: month, day: day) }
            }
        }
    }

    private func problem(
        _ code: CalendarProblem.Code,
        _ line: Int,
        _ piece: Piece,
        _ found: String,
        _ mend: String?
    ) -> CalendarProblem {
        CalendarProblem(code, line: line, column: piece.column, found, mend: mend)
    }
}
