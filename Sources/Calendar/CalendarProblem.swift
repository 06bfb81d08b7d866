import Model

/// A field of a ``CalendarExpression``, in the order in which they are written.
public enum CalendarField: String, CaseIterable, Hashable, Sendable {
    case second
    case minute
    case hour
    case dayOfMonth = "day of month"
    case month
    case weekday

    /// What a number in the field may be. Seven is Sunday too.
    var range: ClosedRange<Int> {
        switch self {
        case .second, .minute: 0...59
        case .hour: 0...23
        case .dayOfMonth: 1...31
        case .month: 1...12
        case .weekday: 0...7
        }
    }

    /// How many different values there are, and so where a range begins again.
    var size: Int {
        switch self {
        case .second, .minute: 60
        case .hour: 24
        case .dayOfMonth: 31
        case .month: 12
        case .weekday: 7
        }
    }

    /// In the order of their numbers, in full; three letters are enough to write one.
    var names: [String] {
        switch self {
        case .second, .minute, .hour, .dayOfMonth: []
        case .month:
            [
                "JANUARY", "FEBRUARY", "MARCH", "APRIL", "MAY", "JUNE", "JULY", "AUGUST",
                "SEPTEMBER", "OCTOBER", "NOVEMBER", "DECEMBER",
            ]
        case .weekday:
            [
                "SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY",
            ]
        }
    }
}

/// Why a text is no calendar expression, no set of dates, or no recurrence: what is the matter,
/// where, and what to write instead.
public struct CalendarProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is the matter, for code that decides.
    public enum Code: String, Hashable, Sendable {
        /// Beyond a limit that has a name: of bytes, of lines, of ranges.
        case tooLong
        /// A byte that is not printable ASCII.
        case badCharacter
        /// Neither five fields nor six.
        case fieldCount
        /// Nothing where a value should be: `1,,2`.
        case missingValue
        /// A word that is neither a number nor a name of the field.
        case unknownName
        /// A word behind `@` that is none of ours.
        case unknownShortcut
        /// A number outside the field's range.
        case outOfRange
        /// A step of nothing, or one longer than the field.
        case badStep
        /// Right values put together wrongly: `MON#6`, `1-2-3`, `L-31`.
        case badForm
        /// No day will ever match.
        case neverFires
        /// Not a date, or a range that ends before it begins.
        case badDate
        /// Not the name of a time zone.
        case badZone
        /// Not a duration, or one that is too short or too long.
        case badDuration
        /// Not a time in ISO 8601.
        case badTime
        /// A recurrence of no kind that there is.
        case unknownKind
    }

    /// What is the matter.
    public var code: Code
    /// Of an expression.
    public var field: CalendarField?
    /// From 1; always 1 for what is written in one line.
    public var line: Int
    /// From 1, in bytes.
    public var column: Int
    /// What was found. Of what was written only printable ASCII is repeated, and little of it.
    public var found: String
    /// What to write instead.
    public var mend: String?

    /// A problem at that place. Lines and columns count from 1, columns in bytes.
    public init(
        _ code: Code,
        field: CalendarField? = nil,
        line: Int = 1,
        column: Int,
        _ found: String,
        mend: String? = nil
    ) {
        self.code = code
        self.field = field
        self.line = line
        self.column = column
        self.found = found
        self.mend = mend
    }

    /// In one line: `month, column 7: "JNU" is no month; did you mean JUN?`
    public var description: String {
        var text = "column \(column): \(found)"
        if line > 1 { text = "line \(line), " + text }
        if let field { text = "\(field.rawValue), " + text }
        if let mend { text += "; \(mend)" }
        return text
    }
}

/// A part of a text that is being read, which knows its place in the whole.
struct Piece {
    let bytes: ArraySlice<UInt8>
    /// From 1, of the first byte.
    let column: Int

    init(_ bytes: ArraySlice<UInt8>, column: Int) {
        self.bytes = bytes
        self.column = column
    }

    init(_ text: String) {
        let bytes = Array(text.utf8)
        self.init(bytes[...], column: 1)
    }

    var isEmpty: Bool { bytes.isEmpty }
    var text: String { String(decoding: bytes, as: UTF8.self) }
    /// In upper case: names are taken in any.
    var upper: String {
        let raised = bytes.map { isLetter($0) ? $0 & ~0x20 : $0 }
        return String(decoding: raised, as: UTF8.self)
    }

    /// For a message: no control characters, no long text of a stranger's.
    var quoted: String {
        let shown = bytes.prefix(32).map { (0x20...0x7e).contains($0) ? $0 : UInt8(ascii: "?") }
        let more = bytes.count > 32 ? "..." : ""
        return "\"" + String(decoding: shown, as: UTF8.self) + more + "\""
    }

    func prefix(_ count: Int) -> Piece { Piece(bytes.prefix(count), column: column) }

    func dropping(_ count: Int) -> Piece {
        Piece(bytes.dropFirst(count), column: column + min(count, bytes.count))
    }

    /// At every such byte; there is always one part, and parts may be empty.
    func split(_ separator: Unicode.Scalar) -> [Piece] {
        var parts: [Piece] = []
        var start = bytes.startIndex
        for index in bytes.indices where bytes[index] == UInt8(ascii: separator) {
            parts.append(part(start..<index))
            start = index + 1
        }
        parts.append(part(start..<bytes.endIndex))
        return parts
    }

    /// The words between blanks and tabs.
    var words: [Piece] {
        var words: [Piece] = []
        var start: Int?
        for index in bytes.indices {
            if bytes[index] == 0x20 || bytes[index] == 0x09 {
                if let first = start { words.append(part(first..<index)) }
                start = nil
            } else if start == nil {
                start = index
            }
        }
        if let start { words.append(part(start..<bytes.endIndex)) }
        return words
    }

    /// The first byte that is neither printable ASCII nor a tab.
    var badCharacter: Piece? {
        guard
            let index = bytes.firstIndex(where: { !(0x20...0x7e).contains($0) && $0 != 0x09 })
        else { return nil }
        return part(index..<index + 1)
    }

    private func part(_ range: Range<Int>) -> Piece {
        Piece(bytes[range], column: column + range.lowerBound - bytes.startIndex)
    }
}
