public import Model

/// What is wrong with a well-formed line: an unknown verb, or a field that is missing or out of
/// range. Names the key, never the value.
public enum MessageError: Error, Hashable, Sendable {
    case unknownVerb
    case missing(key: String)
    case bad(key: String, expected: String)

    public var sentence: String {
        switch self {
        case .unknownVerb: "this verb is not known here"
        case .missing(let key): "the field \(key) is missing"
        case .bad(let key, let expected): "the field \(key) is not \(expected)"
        }
    }
}

/// Reads typed fields from a line. Numbers are decimal, without sign or leading zeros, and in the
/// range of their type. Unknown fields are passed over.
public struct FieldReader: Sendable {
    public let line: Line

    public init(_ line: Line) {
        self.line = line
    }

    public func optionalText(_ key: String) -> String? {
        line[key]
    }

    /// A text that must be there; an empty one is as good as none, and is never written.
    public func text(_ key: String) throws(MessageError) -> String {
        guard let value = line[key], !value.isEmpty else { throw .missing(key: key) }
        return value
    }

    public func optionalNumber<Number: FixedWidthInteger>(
        _ key: String,
        as type: Number.Type = Number.self
    ) throws(MessageError) -> Number? {
        try optionalNumber(key, in: Number.min...Number.max)
    }

    public func number<Number: FixedWidthInteger>(
        _ key: String,
        as type: Number.Type = Number.self
    ) throws(MessageError) -> Number {
        try number(key, in: Number.min...Number.max)
    }

    /// As ``optionalNumber(_:as:)``, held to a range: what is reckoned with later cannot overflow.
    public func optionalNumber<Number: FixedWidthInteger>(
        _ key: String,
        in range: ClosedRange<Number>
    ) throws(MessageError) -> Number? {
        guard let value = line[key] else { return nil }
        guard let number = Number(value), String(number) == value, range.contains(number) else {
            throw .bad(
                key: key,
                expected: "a number from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return number
    }

    public func number<Number: FixedWidthInteger>(
        _ key: String,
        in range: ClosedRange<Number>
    ) throws(MessageError) -> Number {
        guard let number = try optionalNumber(key, in: range) else { throw .missing(key: key) }
        return number
    }

    /// A flag: absent or `no` is false, `yes` is true.
    public func flag(_ key: String) throws(MessageError) -> Bool {
        switch line[key] {
        case nil, "no": return false
        case "yes": return true
        default: throw .bad(key: key, expected: "yes or no")
        }
    }

    public func optionalName<Kind>(
        _ key: String,
        as type: Identifier<Kind>.Type = Identifier<Kind>.self
    ) throws(MessageError) -> Identifier<Kind>? {
        guard let value = line[key] else { return nil }
        guard let name = Identifier<Kind>(value) else {
            throw .bad(key: key, expected: "a name: 1 to 63 of a-z 0-9 . _ -")
        }
        return name
    }

    public func name<Kind>(
        _ key: String,
        as type: Identifier<Kind>.Type = Identifier<Kind>.self
    ) throws(MessageError) -> Identifier<Kind> {
        guard let name = try optionalName(key, as: type) else { throw .missing(key: key) }
        return name
    }

    public func optionalWord<Word: RawRepresentable<String> & CaseIterable>(
        _ key: String,
        as type: Word.Type = Word.self
    ) throws(MessageError) -> Word? {
        guard let value = line[key] else { return nil }
        guard let word = Word(rawValue: value) else {
            let allowed = Word.allCases.map(\.rawValue).joined(separator: ", ")
            throw .bad(key: key, expected: "one of \(allowed)")
        }
        return word
    }

    public func word<Word: RawRepresentable<String> & CaseIterable>(
        _ key: String,
        as type: Word.Type = Word.self
    ) throws(MessageError) -> Word {
        guard let word = try optionalWord(key, as: type) else { throw .missing(key: key) }
        return word
    }

    public func optionalToken(_ key: String) throws(MessageError) -> FencingToken? {
        guard let value = line[key] else { return nil }
        guard let token = FencingToken(value) else {
            throw .bad(key: key, expected: "a token such as 0001.00000003.00000029")
        }
        return token
    }

    public func token(_ key: String) throws(MessageError) -> FencingToken {
        guard let token = try optionalToken(key) else { throw .missing(key: key) }
        return token
    }

    public func epoch(_ key: String) throws(MessageError) -> Epoch {
        guard let epoch = Epoch(try text(key)) else {
            throw .bad(key: key, expected: "an epoch such as 1.3")
        }
        return epoch
    }

    /// A duration in whole milliseconds, at most 10 000 days.
    public func optionalMilliseconds(_ key: String) throws(MessageError) -> Duration? {
        let range: ClosedRange<Int64> = 0...Int64(WireLimits.millisecondsMax)
        return try optionalNumber(key, in: range).map { .milliseconds($0) }
    }

    public func milliseconds(_ key: String) throws(MessageError) -> Duration {
        guard let duration = try optionalMilliseconds(key) else { throw .missing(key: key) }
        return duration
    }

    public func optionalTime(_ key: String) throws(MessageError) -> WallTime? {
        guard let value = line[key] else { return nil }
        guard let time = WallTime(iso8601: value) else {
            throw .bad(key: key, expected: "a time such as 2026-11-23T06:41:12.345Z")
        }
        return time
    }

    public func time(_ key: String) throws(MessageError) -> WallTime {
        guard let time = try optionalTime(key) else { throw .missing(key: key) }
        return time
    }
}
