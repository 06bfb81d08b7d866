public import Model

extension Line: CustomStringConvertible {
    /// The line as it is sent, without its line feed.
    public var description: String {
        var text = verb
        for field in fields {
            text += " "
            text += field.key
            text += "="
            appendValue(field.value, to: &text)
        }
        return text
    }

    /// The bytes that are sent, line feed included.
    public var bytes: [UInt8] { Array(description.utf8) + [10] }

    private func appendValue(_ value: String, to text: inout String) {
        if !value.isEmpty, value.utf8.allSatisfy(isBareByte) {
            text += value
            return
        }
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\t": text += "\\t"
            default:
                // A foreign program's output may hold anything; what a line may not hold is
                // shown as the replacement character.
                text.unicodeScalars.append(scalar.isPlain ? scalar : "\u{fffd}")
            }
        }
        text += "\""
    }
}

/// Builds a line field by field; what is nil, or empty text, is left out.
public struct LineWriter: Sendable {
    public private(set) var line: Line

    public init(_ verb: String) {
        line = Line(verb: verb)
    }

    public mutating func put(_ key: String, _ value: String) {
        if value.isEmpty { return }
        line.fields.append(Line.Field(key: key, value: value))
    }

    /// Text for people, cut to `limit` bytes so that the line stays within its own limits.
    public mutating func put(_ key: String, _ text: String, bytesMax limit: Int) {
        put(key, kept(text, bytesMax: limit))
    }

    public mutating func put(_ key: String, _ value: String?) {
        if let value { put(key, value) }
    }

    public mutating func put(_ key: String, _ value: some FixedWidthInteger) {
        put(key, String(value))
    }

    public mutating func put(_ key: String, _ value: (some FixedWidthInteger)?) {
        if let value { put(key, String(value)) }
    }

    /// `yes`, or nothing when false.
    public mutating func put(_ key: String, _ flag: Bool) {
        if flag { put(key, "yes") }
    }

    public mutating func put<Kind>(_ key: String, _ name: Identifier<Kind>?) {
        if let name { put(key, name.text) }
    }

    public mutating func put<Word: RawRepresentable<String>>(_ key: String, _ word: Word?) {
        if let word { put(key, word.rawValue) }
    }

    public mutating func put(_ key: String, _ token: FencingToken?) {
        if let token { put(key, token.description) }
    }

    public mutating func put(_ key: String, _ epoch: Epoch?) {
        if let epoch { put(key, epoch.description) }
    }

    public mutating func put(_ key: String, milliseconds duration: Duration?) {
        if let duration { put(key, String(duration.wholeMilliseconds)) }
    }

    public mutating func put(_ key: String, _ time: WallTime?) {
        if let time { put(key, time.iso8601) }
    }
}

/// What is sent of a text for people: forbidden characters are replaced first, because the
/// replacement is longer than they are; then it is cut at a character's edge, never inside one.
public func kept(_ text: String, bytesMax limit: Int) -> String {
    var clean = ""
    // A scalar has at least one byte: what stands behind this many is cut in any case.
    for scalar in text.unicodeScalars.prefix(limit + 1) {
        let isShown = scalar.isPlain || scalar == "\n" || scalar == "\t"
        clean.unicodeScalars.append(isShown ? scalar : "\u{fffd}")
    }
    guard clean.utf8.count > limit else { return clean }
    var cut = ""
    var bytes = 0
    for character in clean {
        bytes += character.utf8.count
        if bytes > limit - 3 { break }
        cut.append(character)
    }
    return cut + "…"
}
