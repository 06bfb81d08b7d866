import Model

extension CalendarExpression {
    private static let shortcuts = [
        ("@yearly", "0 0 1 1 *"), ("@annually", "0 0 1 1 *"), ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"), ("@daily", "0 0 * * *"), ("@midnight", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
    ]

    /// Reads an expression in the form that the type's description tells.
    ///
    /// - Throws: ``CalendarProblem``, which names the field and the column, and what to write. An
    ///   expression that can never fire, such as `0 0 30 2 *`, is refused with `neverFires`.
    public init(parsing text: String) throws(CalendarProblem) {
        try self.init(Piece(text))
    }

    init(_ text: Piece) throws(CalendarProblem) {
        guard text.bytes.count <= Self.bytesMax else {
            throw CalendarProblem(
                .tooLong,
                column: text.column + Self.bytesMax,
                "an expression of \(text.bytes.count) bytes; \(Self.bytesMax) is the limit"
            )
        }
        if let bad = text.badCharacter {
            throw CalendarProblem(
                .badCharacter,
                column: bad.column,
                "a character that is not printable ASCII"
            )
        }
        let words = text.words
        if let word = words.first, word.bytes.first == UInt8(ascii: "@") {
            try self.init(shortcut: word, others: words.dropFirst())
        } else {
            try self.init(fields: words, of: text)
        }
    }

    private init(shortcut: Piece, others: ArraySlice<Piece>) throws(CalendarProblem) {
        if let other = others.first {
            throw CalendarProblem(
                .fieldCount,
                column: other.column,
                "\(other.quoted) after \(shortcut.quoted), which stands alone"
            )
        }
        let name = shortcut.text.lowercased()
        guard let known = Self.shortcuts.first(where: { $0.0 == name }) else {
            let names = Self.shortcuts.map(\.0)
            throw CalendarProblem(
                .unknownShortcut,
                column: shortcut.column,
                "\(shortcut.quoted) is not known",
                mend: NearestName.to(name, among: names).map { "did you mean \($0)?" }
                    ?? "write one of \(names.joined(separator: ", "))"
            )
        }
        try self.init(fields: Piece(known.1).words, of: shortcut)
    }

    private init(fields words: [Piece], of text: Piece) throws(CalendarProblem) {
        guard words.count == 5 || words.count == 6 else {
            throw CalendarProblem(
                .fieldCount,
                column: words.count > 6 ? words[6].column : text.column,
                words.count == 1 ? "1 field" : "\(words.count) fields",
                mend: "write minute, hour, day of month, month, weekday; or six, the second first"
            )
        }
        let fields = words.suffix(5)
        func plain(_ field: CalendarField, _ index: Int) throws(CalendarProblem) -> FieldValues {
            try FieldReader(field: field).values(fields[fields.startIndex + index])
        }
        seconds =
            words.count == 6 ? try FieldReader(field: .second).values(words[0]).mask : 1
        minutes = try plain(.minute, 0).mask
        let hour = try plain(.hour, 1)
        hours = hour.mask
        followsRealTime = hour.isEvery || hour.isStepOfEvery
        var days = DayRule()
        let dayField = fields[fields.startIndex + 2]
        try days.readDayOfMonth(dayField)
        months = try plain(.month, 3).mask
        try days.readWeekday(fields[fields.startIndex + 4])
        self.days = days
        try refuseNever(dayField)
    }

    private func refuseNever(_ dayField: Piece) throws(CalendarProblem) {
        guard !months.bits.contains(where: days.canMatch) else { return }
        let names = CalendarField.month.names
        let told = months.bits.map { names[$0 - 1].capitalizedASCII }
        throw CalendarProblem(
            .neverFires,
            field: .dayOfMonth,
            column: dayField.column,
            "this can never fire: there is no day \(dayField.quoted) in "
                + told.joined(separator: " or "),
            mend: "the last day of a month is L"
        )
    }
}

extension DayRule {
    fileprivate mutating func readDayOfMonth(_ piece: Piece) throws(CalendarProblem) {
        let reader = FieldReader(field: .dayOfMonth)
        restrictsDayOfMonth = true
        for item in piece.split(",") {
            let upper = item.upper
            if upper == "L" {
                beforeLast |= 1
            } else if upper == "LW" {
                nearestWeekdays |= 1
            } else if upper.hasPrefix("L") {
                guard upper.hasPrefix("L-"), let days = number(item.bytes.dropFirst(2)),
                    (1...30).contains(days)
                else { throw reader.badForm(item, "write L, LW, or L-1 to L-30") }
                beforeLast |= 1 << UInt64(days)
            } else if upper.hasSuffix("W") {
                guard let day = number(item.bytes.dropLast()), (1...31).contains(day) else {
                    throw reader.badForm(item, "write 1W to 31W, or LW")
                }
                nearestWeekdays |= 1 << UInt64(day)
            } else {
                let values = try reader.item(item)
                daysOfMonth |= values.mask
                if values.isEvery { restrictsDayOfMonth = false }
            }
        }
        if !restrictsDayOfMonth { (daysOfMonth, beforeLast, nearestWeekdays) = (0, 0, 0) }
    }

    fileprivate mutating func readWeekday(_ piece: Piece) throws(CalendarProblem) {
        let reader = FieldReader(field: .weekday)
        restrictsWeekday = true
        for item in piece.split(",") {
            let parts = item.split("#")
            if parts.count > 1 {
                guard parts.count == 2, let count = number(parts[1].bytes), (1...5).contains(count)
                else { throw reader.badForm(item, "write MON#1 to MON#5") }
                let weekday = try reader.value(parts[0]) % 7
                numberedWeekdays |= 1 << UInt64(weekday * 5 + count - 1)
            } else if item.bytes.count > 1, item.upper.hasSuffix("L") {
                let weekday = try reader.value(item.prefix(item.bytes.count - 1)) % 7
                lastWeekdays |= 1 << UInt64(weekday)
            } else if item.upper == "L" {
                throw reader.badForm(item, "write which day: the last Friday is FRIL")
            } else {
                let values = try reader.item(item)
                weekdays |= values.mask
                if values.isEvery { restrictsWeekday = false }
            }
        }
        if !restrictsWeekday { (weekdays, numberedWeekdays, lastWeekdays) = (0, 0, 0) }
    }
}

extension String {
    /// `FEBRUARY` as people write it.
    fileprivate var capitalizedASCII: String { prefix(1) + dropFirst().lowercased() }
}
