/// The text of one line between an agent and a leash: a verb, then fields.
///
///     extend deadline=184467440737
///
/// A value is written as it is when it consists of letters, digits and `._/:@+,-`; any other byte
/// of its UTF-8 is written `%XX`. A key may stand more than once. Unknown keys are ignored.
struct LeashLine: Hashable, Sendable {
    var verb: String
    var fields: [Field]

    struct Field: Hashable, Sendable {
        var key: String
        var value: String
    }

    init(_ verb: String, _ fields: [(String, String?)] = []) {
        self.verb = verb
        self.fields = fields.compactMap { key, value in
            value.map { Field(key: key, value: $0) }
        }
    }

    init?(parsing text: String) {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard let verb = words.first, !verb.isEmpty else { return nil }
        self.verb = String(verb)
        fields = []
        for word in words.dropFirst() {
            guard let field = LeashLine.field(word) else { return nil }
            fields.append(field)
        }
    }

    var text: String {
        ([verb] + fields.map { "\($0.key)=\(LeashLine.encode($0.value))" })
            .joined(separator: " ")
    }

    subscript(key: String) -> String? {
        fields.first { $0.key == key }?.value
    }

    func number(_ key: String) -> Int64? {
        self[key].flatMap { Int64($0) }
    }

    static func field(_ text: some StringProtocol) -> Field? {
        guard let equals = text.firstIndex(of: "="), equals > text.startIndex,
            let value = decode(text[text.index(after: equals)...])
        else { return nil }
        return Field(key: String(text[..<equals]), value: value)
    }

    static func encode(_ value: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var text: [UInt8] = []
        for byte in value.utf8 {
            if isPlain(byte) {
                text.append(byte)
            } else {
                text += [37, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    static func decode(_ text: some StringProtocol) -> String? {
        let bytes = Array(text.utf8)
        var value: [UInt8] = []
        var at = 0
        while at < bytes.count {
            if isPlain(bytes[at]) {
                value.append(bytes[at])
                at += 1
                continue
            }
            guard bytes[at] == 37, at + 2 < bytes.count, let high = digit(bytes[at + 1]),
                let low = digit(bytes[at + 2])
            else { return nil }
            value.append(high << 4 | low)
            at += 3
        }
        return String(validating: value, as: UTF8.self)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case 48...57, 65...90, 97...122, 43...47, 58, 64, 95: true
        default: false
        }
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 65...70: byte - 55
        default: nil
        }
    }
}
