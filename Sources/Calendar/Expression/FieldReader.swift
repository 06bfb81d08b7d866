import Model

/// What a field, or one item of its list, tells.
struct FieldValues {
    /// One bit for each value.
    var mask: UInt64
    /// `*`, `?` or `*/1`, or a list with one of them.
    var isEvery: Bool
    /// `*/n`, and nothing beside it.
    var isStepOfEvery: Bool
}

/// Reads what all fields have in common: lists, ranges, steps and names.
struct FieldReader {
    let field: CalendarField

    func values(_ piece: Piece) throws(CalendarProblem) -> FieldValues {
        let items = piece.split(",")
        var values = FieldValues(mask: 0, isEvery: false, isStepOfEvery: false)
        for item in items {
            let read = try self.item(item)
            values.mask |= read.mask
            values.isEvery = values.isEvery || read.isEvery
            values.isStepOfEvery = read.isStepOfEvery && items.count == 1
        }
        return values
    }

    /// `*`, `?`, a value or a range, each with or without a step.
    func item(_ item: Piece) throws(CalendarProblem) -> FieldValues {
        guard !item.isEmpty else { throw missing(item) }
        let parts = item.split("/")
        guard parts.count <= 2 else { throw badForm(item, "one step is enough: */5") }
        let step = parts.count == 2 ? try self.step(parts[1]) : nil
        let base = parts[0]
        let lowest = field.range.lowerBound
        if base.text == "*" || base.text == "?" {
            let isEvery = (step ?? 1) == 1
            return FieldValues(
                mask: mask(from: lowest, count: field.size, step: step ?? 1),
                isEvery: isEvery,
                isStepOfEvery: !isEvery
            )
        }
        let ends = base.split("-")
        guard ends.count <= 2 else { throw badForm(item, "a range has two ends: 10-40") }
        let from = try value(ends[0])
        let count: Int
        if ends.count == 2 {
            count = self.count(from: from, through: try value(ends[1]))
        } else {
            count = step == nil ? 1 : lowest + field.size - folded(from)
        }
        return FieldValues(
            mask: mask(from: folded(from), count: count, step: step ?? 1),
            isEvery: false,
            isStepOfEvery: false
        )
    }

    /// A number or a name.
    func value(_ piece: Piece) throws(CalendarProblem) -> Int {
        guard !piece.isEmpty else { throw missing(piece) }
        guard piece.bytes.allSatisfy(isDigit) else { return try named(piece) }
        guard let value = number(piece.bytes), field.range.contains(value) else {
            throw CalendarProblem(
                .outOfRange,
                field: field,
                column: piece.column,
                "\(piece.quoted) is out of range",
                mend: "write \(field.range.lowerBound) to \(field.range.upperBound)"
            )
        }
        return value
    }

    func badForm(_ item: Piece, _ mend: String) -> CalendarProblem {
        guard !item.isEmpty else { return missing(item) }
        return CalendarProblem(
            .badForm,
            field: field,
            column: item.column,
            "\(item.quoted) is not understood",
            mend: mend
        )
    }

    private func named(_ piece: Piece) throws(CalendarProblem) -> Int {
        let upper = piece.upper
        let names = field.names
        let found = names.firstIndex { $0 == upper || $0.prefix(3) == upper }
        if let found { return found + (field == .month ? 1 : 0) }
        guard !names.isEmpty else {
            throw badForm(
                piece,
                "write a number from \(field.range.lowerBound) to \(field.range.upperBound)"
            )
        }
        let short = names.map { String($0.prefix(3)) }
        let nearest =
            NearestName.to(upper, among: upper.utf8.count > 4 ? names : short)
            ?? short.first { Array($0.utf8).sorted() == Array(upper.utf8).sorted() }
        throw CalendarProblem(
            .unknownName,
            field: field,
            column: piece.column,
            "\(piece.quoted) is no \(field.rawValue)",
            mend: nearest.map { "did you mean \($0)?" }
                ?? "write \(short.joined(separator: ", ")) or a number"
        )
    }

    private func step(_ piece: Piece) throws(CalendarProblem) -> Int {
        guard let step = number(piece.bytes), (1...field.size).contains(step) else {
            throw CalendarProblem(
                .badStep,
                field: field,
                column: piece.column,
                piece.isEmpty ? "a step is missing" : "a step of \(piece.quoted)",
                mend: "write 1 to \(field.size): steps begin anew with each turn of the field"
            )
        }
        return step
    }

    /// 7 is Sunday, as 0 is.
    private func folded(_ value: Int) -> Int {
        field == .weekday && value == 7 ? 0 : value
    }

    /// How many values a range has; one that ends before it begins goes on at the field's start.
    private func count(from: Int, through end: Int) -> Int {
        if from == end { return 1 }
        let difference = end - folded(from)
        return (difference < 0 ? difference + field.size : difference) + 1
    }

    private func mask(from: Int, count: Int, step: Int) -> UInt64 {
        let lowest = field.range.lowerBound
        var mask: UInt64 = 0
        for distance in stride(from: 0, to: count, by: step) {
            mask |= 1 << UInt64((from - lowest + distance) % field.size + lowest)
        }
        return mask
    }

    private func missing(_ piece: Piece) -> CalendarProblem {
        CalendarProblem(
            .missingValue,
            field: field,
            column: piece.column,
            "a value is missing",
            mend: "write a value, or * for every one"
        )
    }
}
