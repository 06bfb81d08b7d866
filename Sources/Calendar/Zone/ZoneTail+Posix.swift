/// Reads a POSIX TZ string: `std offset [dst [offset] , start [/time] , end [/time]]`.
extension ZoneTail {
    /// The longest TZ string that is looked at, in bytes.
    static let textMax = 255

    init(posix text: [UInt8]) throws(ZoneProblem) {
        guard text.count <= Self.textMax else {
            throw ZoneProblem(
                .tooLarge,
                at: Self.textMax,
                "a TZ string of \(text.count) bytes; \(Self.textMax) is the limit"
            )
        }
        var reader = PosixReader(text: text)
        self = try reader.tail()
    }

    init(standard: ZoneOffset) {
        self.init(standard: standard, daylight: nil)
    }
}

private struct PosixReader {
    let text: [UInt8]
    var at = 0

    init(text: [UInt8]) {
        self.text = text
    }

    mutating func tail() throws(ZoneProblem) -> ZoneTail {
        let standardName = try name()
        let standardOffset = try offset()
        let standard = ZoneOffset(
            secondsEast: standardOffset,
            isDaylight: false,
            abbreviation: standardName
        )
        if at == text.count { return ZoneTail(standard: standard) }
        let daylightName = try name()
        var daylightOffset = standardOffset + 3_600
        if let next, next != UInt8(ascii: ",") { daylightOffset = try offset() }
        guard next != nil else {
            throw problem(
                "daylight saving time without its days; write them: ,M3.5.0,M10.5.0/3"
            )
        }
        try expect(",")
        let start = try yearDay()
        try expect(",")
        let end = try yearDay()
        guard at == text.count else { throw problem("more than a rule has") }
        let offset = ZoneOffset(
            secondsEast: daylightOffset,
            isDaylight: true,
            abbreviation: daylightName
        )
        return ZoneTail(
            standard: standard,
            daylight: ZoneTail.Daylight(offset: offset, start: start, end: end)
        )
    }

    /// Three letters or more, or in angle brackets letters, digits, `+` and `-`.
    private mutating func name() throws(ZoneProblem) -> String {
        let isQuoted = take("<")
        let start = at
        while let byte = next, isLetter(byte) || isQuoted && isNamePart(byte) { at += 1 }
        let name = text[start..<at]
        guard name.count >= 3, name.count <= 15 else {
            at = start
            throw problem("a zone's abbreviation has 3 to 15 letters; quote others: <+03>")
        }
        if isQuoted { try expect(">") }
        return String(decoding: name, as: UTF8.self)
    }

    /// POSIX counts west of Greenwich as positive; what is returned is seconds east.
    private mutating func offset() throws(ZoneProblem) -> Int {
        try -time(hoursMax: 24)
    }

    /// `[+-]h[h[h]][:mm[:ss]]`, in seconds.
    private mutating func time(hoursMax: Int) throws(ZoneProblem) -> Int {
        var sign = 1
        if take("-") { sign = -1 } else { _ = take("+") }
        let hours = try integer(in: 0...hoursMax, digitsMax: 3, "hours")
        var seconds = hours * 3_600
        if take(":") {
            seconds += try integer(in: 0...59, digitsMax: 2, "minutes") * 60
            if take(":") { seconds += try integer(in: 0...59, digitsMax: 2, "seconds") }
        }
        return sign * seconds
    }

    private mutating func yearDay() throws(ZoneProblem) -> ZoneTail.YearDay {
        let day: ZoneTail.YearDay.Day
        if take("M") {
            let month = try integer(in: 1...12, digitsMax: 2, "a month")
            try expect(".")
            let week = try integer(in: 1...5, digitsMax: 1, "a week")
            try expect(".")
            let weekday = try integer(in: 0...6, digitsMax: 1, "a weekday")
            day = .weekday(month: month, week: week, day: weekday)
        } else if take("J") {
            day = .withoutLeapDay(try integer(in: 1...365, digitsMax: 3, "a day of the year"))
        } else {
            day = .withLeapDay(try integer(in: 0...365, digitsMax: 3, "a day of the year"))
        }
        let seconds = take("/") ? try time(hoursMax: 167) : 7_200
        return ZoneTail.YearDay(day: day, seconds: seconds)
    }

    private mutating func integer(
        in range: ClosedRange<Int>,
        digitsMax: Int,
        _ what: String
    ) throws(ZoneProblem) -> Int {
        let start = at
        while at - start < digitsMax, let byte = next, isDigit(byte) { at += 1 }
        guard let value = number(text[start..<at]), range.contains(value) else {
            at = start
            throw problem("\(what) from \(range.lowerBound) to \(range.upperBound) is missing")
        }
        return value
    }

    private var next: UInt8? { at < text.count ? text[at] : nil }

    private func isNamePart(_ byte: UInt8) -> Bool {
        isDigit(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
    }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: scalar) else { return false }
        at += 1
        return true
    }

    private mutating func expect(_ scalar: Unicode.Scalar) throws(ZoneProblem) {
        guard take(scalar) else { throw problem("\"\(scalar)\" is missing") }
    }

    private func problem(_ detail: String) -> ZoneProblem {
        ZoneProblem(.badRule, at: at, detail)
    }
}
