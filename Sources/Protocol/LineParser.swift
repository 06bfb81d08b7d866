import Model

extension Line {
    /// Reads one line, without its line feed.
    ///
    /// - Throws: the first thing that is wrong; nothing of the line is used then.
    public static func parse(
        _ bytes: ArraySlice<UInt8>,
        limits: LineLimits
    ) throws(LineError) -> Line {
        guard bytes.count <= limits.lineBytesMax else {
            throw .tooLong(limit: limits.lineBytesMax)
        }
        guard !bytes.isEmpty else { throw .empty }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .notUTF8 }
        guard text.unicodeScalars.allSatisfy(\.isPlain) else { throw .forbiddenCharacter }

        var parser = LineParser(bytes: bytes, at: bytes.startIndex, limits: limits)
        return try parser.parse()
    }

    public static func parse(_ text: String, limits: LineLimits) throws(LineError) -> Line {
        try parse(ArraySlice(text.utf8), limits: limits)
    }
}

private struct LineParser {
    let bytes: ArraySlice<UInt8>
    var at: Int
    let limits: LineLimits
    /// Keys of this line so far; only looked up.
    private var seen: Set<String> = []

    init(bytes: ArraySlice<UInt8>, at: Int, limits: LineLimits) {
        self.bytes = bytes
        self.at = at
        self.limits = limits
    }

    mutating func parse() throws(LineError) -> Line {
        var line = Line(verb: try verb())
        while at < bytes.endIndex {
            guard bytes[at] == ASCII.space else { throw .badField }
            at += 1
            guard line.fields.count < limits.fieldsMax else {
                throw .tooManyFields(limit: limits.fieldsMax)
            }
            let key = try key()
            let value = try value()
            guard isNew(key, in: line) else { throw .duplicateKey }
            line.fields.append(Line.Field(key: key, value: value))
        }
        return line
    }

    /// A look through the line is quickest for the lines of a session; a record of the store may
    /// have tens of thousands of fields.
    private mutating func isNew(_ key: String, in line: Line) -> Bool {
        if limits.fieldsMax <= LineLimits.member.fieldsMax { return line[key] == nil }
        return seen.insert(key).inserted
    }

    private mutating func verb() throws(LineError) -> String {
        let start = at
        while at < bytes.endIndex, bytes[at] != ASCII.space {
            let byte = bytes[at]
            let isLetter = byte >= 65 && byte <= 90
            guard isLetter || (byte == ASCII.hyphen && at > start) else { throw .badVerb }
            at += 1
        }
        guard at > start, at - start <= 32 else { throw .badVerb }
        return String(decoding: bytes[start..<at], as: UTF8.self)
    }

    private mutating func key() throws(LineError) -> String {
        let start = at
        while at < bytes.endIndex, bytes[at] != ASCII.equals {
            guard isKeyByte(bytes[at], first: at == start) else { throw .badField }
            at += 1
            guard at - start <= limits.keyBytesMax else {
                throw .keyTooLong(limit: limits.keyBytesMax)
            }
        }
        guard at > start, at < bytes.endIndex else { throw .badField }
        let key = String(decoding: bytes[start..<at], as: UTF8.self)
        at += 1
        return key
    }

    private mutating func value() throws(LineError) -> String {
        guard at < bytes.endIndex else { throw .badField }
        return bytes[at] == ASCII.quote ? try quotedValue() : try bareValue()
    }

    private mutating func bareValue() throws(LineError) -> String {
        let start = at
        while at < bytes.endIndex, bytes[at] != ASCII.space {
            guard isBareByte(bytes[at]) else { throw .badField }
            at += 1
        }
        guard at > start else { throw .badField }
        guard at - start <= limits.valueBytesMax else {
            throw .valueTooLong(limit: limits.valueBytesMax)
        }
        return String(decoding: bytes[start..<at], as: UTF8.self)
    }

    private mutating func quotedValue() throws(LineError) -> String {
        at += 1
        var value: [UInt8] = []
        while true {
            guard at < bytes.endIndex else { throw .badField }
            let byte = bytes[at]
            at += 1
            switch byte {
            case ASCII.quote: return String(decoding: value, as: UTF8.self)
            case ASCII.backslash:
                guard at < bytes.endIndex else { throw .badField }
                switch bytes[at] {
                case ASCII.quote, ASCII.backslash: value.append(bytes[at])
                case 110: value.append(10)
                case 116: value.append(9)
                default: throw .forbiddenCharacter
                }
                at += 1
            default: value.append(byte)
            }
            guard value.count <= limits.valueBytesMax else {
                throw .valueTooLong(limit: limits.valueBytesMax)
            }
        }
    }
}

enum ASCII {
    static let space: UInt8 = 32
    static let quote: UInt8 = 34
    static let hyphen: UInt8 = 45
    static let equals: UInt8 = 61
    static let backslash: UInt8 = 92
}

/// Keys are `[a-z][a-z0-9._-]*`.
func isKeyByte(_ byte: UInt8, first: Bool) -> Bool {
    if byte >= 97 && byte <= 122 { return true }
    if first { return false }
    return (byte >= 48 && byte <= 57) || byte == 45 || byte == 46 || byte == 95
}

/// What may stand in a value without quotes: visible ASCII but `"` and `\`.
func isBareByte(_ byte: UInt8) -> Bool {
    byte > 32 && byte < 127 && byte != ASCII.quote && byte != ASCII.backslash
}
