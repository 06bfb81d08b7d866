/// JSON in the one form that a digest can be made of: keys in the order of their bytes, no spaces, what
/// is not there left out, and no more escapes than must be.
public indirect enum CanonicalJSON: Hashable, Sendable {
    case text(String)
    case number(UInt64)
    case flag(Bool)
    case list([CanonicalJSON])
    /// Nil values are left out.
    case object([String: CanonicalJSON?])

    public var text: String {
        var out = ""
        write(to: &out)
        return out
    }

    private func write(to out: inout String) {
        switch self {
        case .text(let text): Self.write(text, to: &out)
        case .number(let number): out += "\(number)"
        case .flag(let flag): out += flag ? "true" : "false"
        case .list(let values):
            out += "["
            for (index, value) in values.enumerated() {
                if index > 0 { out += "," }
                value.write(to: &out)
            }
            out += "]"
        case .object(let fields):
            out += "{"
            var isFirst = true
            for (key, value) in fields.sorted(by: { Array($0.key.utf8).precedes($1.key.utf8) }) {
                guard let value else { continue }
                if !isFirst { out += "," }
                isFirst = false
                Self.write(key, to: &out)
                out += ":"
                value.write(to: &out)
            }
            out += "}"
        }
    }

    private static func write(_ text: String, to out: inout String) {
        out += "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\u{0}"..."\u{1F}":
                let digits = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: out.unicodeScalars.append(scalar)
            }
        }
        out += "\""
    }
}

extension Array<UInt8> {
    fileprivate func precedes(_ other: String.UTF8View) -> Bool { lexicographicallyPrecedes(other) }
}
