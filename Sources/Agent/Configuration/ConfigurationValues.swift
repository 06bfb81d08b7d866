import AgentCore
import Glibc
import Model

/// Readers of single values. Each says what the value is not, and what would have been one.
enum ConfigurationValue {
    static func yesOrNo(_ text: String) throws(ValueProblem) -> Bool {
        switch text {
        case "yes", "true", "on": return true
        case "no", "false", "off": return false
        default: throw ValueProblem("not yes or no")
        }
    }

    /// One of the raw values of an enum.
    static func choice<Value: RawRepresentable & CaseIterable>(
        _ noun: String,
        of type: Value.Type = Value.self
    ) -> (String) throws(ValueProblem) -> Value where Value.RawValue == String {
        { text throws(ValueProblem) in
            if let value = Value(rawValue: text) { return value }
            let allowed = Value.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValueProblem("not a \(noun) (\(allowed))")
        }
    }

    static func duration(
        _ range: ClosedRange<Duration>
    ) -> (String) throws(ValueProblem) -> Duration {
        { text throws(ValueProblem) in
            guard let value = Duration(parsing: text) else {
                let hint =
                    text.utf8.allSatisfy { (48...57).contains($0) }
                    ? "has no unit" : "not a duration"
                throw ValueProblem("\(hint) (such as 500ms, 5s, 2m, 1h30m)")
            }
            guard range.contains(value) else {
                throw ValueProblem(
                    "out of range (\(range.lowerBound.forPeople) to \(range.upperBound.forPeople))"
                )
            }
            return value
        }
    }

    static func number<Value: FixedWidthInteger>(
        _ range: ClosedRange<Value>
    ) -> (String) throws(ValueProblem) -> Value {
        { text throws(ValueProblem) in
            guard let value = decimal(text, Value.self), range.contains(value) else {
                throw ValueProblem(
                    "not a number from \(range.lowerBound) to \(range.upperBound)"
                )
            }
            return value
        }
    }

    static func port(_ text: String) throws(ValueProblem) -> UInt16 {
        guard let value = decimal(text, UInt16.self), value > 0 else {
            throw ValueProblem("not a port (1 to 65535)")
        }
        return value
    }

    static func name<Kind>(
        _ kind: Kind.Type = Kind.self
    ) -> (String) throws(ValueProblem) -> Identifier<Kind> {
        { text throws(ValueProblem) in
            guard let name = Identifier<Kind>(text) else {
                throw ValueProblem(
                    "not a name (1 to 63 of a-z, 0-9, dot, hyphen and underscore, "
                        + "beginning with a letter or digit)"
                )
            }
            return name
        }
    }

    static func absolutePath(_ text: String) throws(ValueProblem) -> String {
        guard text.hasPrefix("/") else {
            throw ValueProblem("not an absolute path (it must begin with /)")
        }
        guard text.utf8.count < Int(PATH_MAX) else {
            throw ValueProblem("longer than a path may be (\(PATH_MAX - 1) bytes)")
        }
        guard !text.split(separator: "/").contains("..") else {
            throw ValueProblem("goes up by .. (write the path it ends at)")
        }
        return text.count > 1 && text.hasSuffix("/") ? String(text.dropLast()) : text
    }

    /// The longest argument vector; what is longer belongs into a script.
    static let argumentsMax = 256

    static func arguments(_ words: [String]) throws(ValueProblem) -> [String] {
        guard let program = words.first, program.hasPrefix("/"), !program.hasSuffix("/") else {
            throw ValueProblem("the program is not an absolute path (it must begin with /)")
        }
        guard words.count <= argumentsMax else {
            throw ValueProblem("more than \(argumentsMax) arguments")
        }
        return words
    }

    static func variable(_ text: String) throws(ValueProblem) -> EnvironmentVariable {
        guard let equals = text.firstIndex(of: "=") else {
            throw ValueProblem("not NAME=value")
        }
        let name = String(text[..<equals])
        let isFine = name.utf8.enumerated().allSatisfy { index, byte in
            byte == 95 || (65...90).contains(byte & 0xDF) || (index > 0 && (48...57).contains(byte))
        }
        guard isFine, !name.isEmpty else {
            throw ValueProblem(
                "not the name of a variable (letters, digits and _, no digit first)"
            )
        }
        return EnvironmentVariable(name: name, value: String(text[text.index(after: equals)...]))
    }

    /// `1GiB`, `500MB`, `4096B`.
    static func size(_ text: String) throws(ValueProblem) -> UInt64 {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let scales: [String: UInt64] = [
            "B": 1, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000,
            "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
        ]
        guard let number = decimal(String(digits), UInt64.self),
            let scale = scales[String(text.dropFirst(digits.count))]
        else {
            throw ValueProblem("not a size (such as 500MiB, 1GiB, 2TB)")
        }
        let (size, overflow) = number.multipliedReportingOverflow(by: scale)
        guard !overflow, size <= UInt64(Int64.max) else {
            throw ValueProblem("larger than any disk")
        }
        return size
    }

    /// A systemd service unit.
    static func unit(_ text: String) throws(ValueProblem) -> String {
        let stem = text.hasSuffix(".service") ? text.dropLast(8) : ""
        let isFine = stem.utf8.allSatisfy { byte in
            (65...90).contains(byte & 0xDF) || (48...57).contains(byte)
                || ":-_.\\@".utf8.contains(byte)
        }
        guard !stem.isEmpty, isFine, !stem.hasPrefix("-"), text.utf8.count <= 255 else {
            throw ValueProblem("not the full name of a service unit (such as nginx.service)")
        }
        return text
    }

    /// The numbers of `200-399` or `204`.
    static func statusRange(_ text: String) throws(ValueProblem) -> ClosedRange<UInt16> {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        if parts.count <= 2, let low = decimal(String(parts[0]), UInt16.self),
            let high = decimal(String(parts[parts.count - 1]), UInt16.self),
            (100...599).contains(low), (low...max(low, 599)).contains(high)
        {
            return low...high
        }
        throw ValueProblem("not HTTP statuses (such as 200, 200-399; 100 to 599)")
    }
}

/// Plain decimal digits, without sign and without leading zeros.
func decimal<Value: FixedWidthInteger>(_ text: String, _ type: Value.Type) -> Value? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }),
        text.utf8.count == 1 || text.utf8.first != 48
    else { return nil }
    return Value(text)
}
