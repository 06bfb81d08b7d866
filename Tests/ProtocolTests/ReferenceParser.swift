import Protocol

/// The grammar of docs/PROTOCOL.md once more, as slowly and plainly as it can be said, to compare
/// the real parser with. It works on scalars, one state at a time, and knows nothing of bytes
/// but where the page says "bytes".
struct ReferenceParser {
    private enum State {
        case verb, key, valueStart, bare, quoted, escape, afterQuote
    }

    private static let keyStart = Set("abcdefghijklmnopqrstuvwxyz".unicodeScalars)
    private static let keyRest = keyStart.union("0123456789._-".unicodeScalars)
    private static let verbStart = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZ".unicodeScalars)
    private static let verbRest = verbStart.union(["-"])
    private static let escapes: [Unicode.Scalar: Unicode.Scalar] = [
        "\"": "\"", "\\": "\\", "n": "\n", "t": "\t",
    ]

    private static let forbidden: Set<UInt32> = {
        var found = Set<UInt32>()
        found.formUnion(0x00...0x1f)
        found.formUnion(0x7f...0x9f)
        found.formUnion([0x061c, 0x200e, 0x200f, 0x2028, 0x2029])
        found.formUnion(0x202a...0x202e)
        found.formUnion(0x2066...0x2069)
        found.formUnion(0xfdd0...0xfdef)
        for plane in 0...16 as ClosedRange<UInt32> {
            found.insert(plane << 16 | 0xfffe)
            found.insert(plane << 16 | 0xffff)
        }
        return found
    }()

    static func isForbidden(_ scalar: Unicode.Scalar) -> Bool { forbidden.contains(scalar.value) }

    /// - Returns: nil for every line that must be refused, whatever the reason.
    static func parse(_ bytes: [UInt8], _ limits: LineLimits) -> Line? {
        let text = String(decoding: bytes, as: UTF8.self)
        // A repaired text differs from what was sent.
        guard Array(text.utf8) == bytes, !bytes.isEmpty, bytes.count <= limits.lineBytesMax else {
            return nil
        }
        var state = State.verb
        var verb = ""
        var fields: [Line.Field] = []
        var key = ""
        var value = ""
        for scalar in text.unicodeScalars {
            if forbidden.contains(scalar.value) { return nil }
            switch state {
            case .verb where scalar == " ": state = .key
            case .verb:
                guard (verb.isEmpty ? verbStart : verbRest).contains(scalar) else { return nil }
                verb.unicodeScalars.append(scalar)
            case .key where scalar == "=": state = .valueStart
            case .key:
                guard (key.isEmpty ? keyStart : keyRest).contains(scalar) else { return nil }
                key.unicodeScalars.append(scalar)
            case .valueStart where scalar == "\"": state = .quoted
            case .valueStart, .bare:
                if scalar == " " {
                    if state == .valueStart { return nil }
                    fields.append(Line.Field(key: key, value: value))
                    (key, value, state) = ("", "", .key)
                } else {
                    guard scalar.value >= 33, scalar.value <= 126, scalar != "\"", scalar != "\\"
                    else { return nil }
                    value.unicodeScalars.append(scalar)
                    state = .bare
                }
            case .quoted where scalar == "\"": state = .afterQuote
            case .quoted where scalar == "\\": state = .escape
            case .quoted: value.unicodeScalars.append(scalar)
            case .escape:
                guard let meant = escapes[scalar] else { return nil }
                value.unicodeScalars.append(meant)
                state = .quoted
            case .afterQuote:
                guard scalar == " " else { return nil }
                fields.append(Line.Field(key: key, value: value))
                (key, value, state) = ("", "", .key)
            }
            if state == .valueStart, key.isEmpty { return nil }
        }
        switch state {
        case .verb: break
        case .bare, .afterQuote: fields.append(Line.Field(key: key, value: value))
        case .key, .valueStart, .quoted, .escape: return nil
        }
        return within(limits, Line(verb: verb, fields: fields))
    }

    private static func within(_ limits: LineLimits, _ line: Line) -> Line? {
        let keys = line.fields.map(\.key)
        guard (1...32).contains(line.verb.utf8.count), keys.count <= limits.fieldsMax,
            Set(keys).count == keys.count,
            keys.allSatisfy({ $0.utf8.count <= limits.keyBytesMax }),
            line.fields.allSatisfy({ $0.value.utf8.count <= limits.valueBytesMax })
        else { return nil }
        return line
    }
}
