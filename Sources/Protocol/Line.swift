/// One line of the protocol: a verb and `key=value` fields in the order they were written.
///
///     BEAT seq=41 sent=88123456789 health=healthy
///
/// The grammar is in docs/PROTOCOL.md. A line is text for people too: it holds no control
/// character, whatever was put in.
public struct Line: Hashable, Sendable {
    public struct Field: Hashable, Sendable {
        public var key: String
        public var value: String

        public init(key: String, value: String) {
            self.key = key
            self.value = value
        }
    }

    public var verb: String
    public var fields: [Field]

    public init(verb: String, fields: [Field] = []) {
        self.verb = verb
        self.fields = fields
    }

    /// The value of a key, or nil when the line does not have it.
    public subscript(key: String) -> String? {
        fields.first { $0.key == key }?.value
    }
}

/// How large a line and its parts may be. Three classes of peers have three sets (docs/PROTOCOL.md,
/// "Limits"); each is tested at one below, at, and one above the limit.
public struct LineLimits: Hashable, Sendable {
    /// Bytes of one line, its line feed not counted.
    public var lineBytesMax: Int
    public var fieldsMax: Int
    public var keyBytesMax: Int
    /// Bytes of one value after its quoting is removed.
    public var valueBytesMax: Int

    public init(lineBytesMax: Int, fieldsMax: Int, keyBytesMax: Int, valueBytesMax: Int) {
        self.lineBytesMax = lineBytesMax
        self.fieldsMax = fieldsMax
        self.keyBytesMax = keyBytesMax
        self.valueBytesMax = valueBytesMax
    }

    /// Before a peer has shown a certificate: room for a join token and a signing request.
    public static let stranger = LineLimits(
        lineBytesMax: 2_048,
        fieldsMax: 8,
        keyBytesMax: 32,
        valueBytesMax: 1_024
    )

    /// Between an agent and a controller that know each other, both ways.
    public static let member = LineLimits(
        lineBytesMax: 8_192,
        fieldsMax: 32,
        keyBytesMax: 32,
        valueBytesMax: 4_096
    )

    /// Records of the store, which only we write.
    public static let record = LineLimits(
        lineBytesMax: 1 << 20,
        fieldsMax: 65_536,
        keyBytesMax: 64,
        valueBytesMax: 1 << 20
    )
}

/// What is wrong with a line. Its text never repeats what the peer sent.
public enum LineError: Error, Hashable, Sendable {
    case tooLong(limit: Int)
    case tooManyFields(limit: Int)
    case keyTooLong(limit: Int)
    case valueTooLong(limit: Int)
    case empty
    case notUTF8
    /// A control, bidirectional or other character that no line may hold, or an unknown escape.
    case forbiddenCharacter
    case badVerb
    case badField
    case duplicateKey

    public var sentence: String {
        switch self {
        case .tooLong(let limit): "the line is longer than \(limit) bytes"
        case .tooManyFields(let limit): "the line has more than \(limit) fields"
        case .keyTooLong(let limit): "a key is longer than \(limit) bytes"
        case .valueTooLong(let limit): "a value is longer than \(limit) bytes"
        case .empty: "the line is empty"
        case .notUTF8: "the line is not valid UTF-8"
        case .forbiddenCharacter: "the line holds a character or an escape that is not allowed"
        case .badVerb: "the line does not begin with a verb of capital letters"
        case .badField: "a field is not key=value"
        case .duplicateKey: "a key stands twice in the line"
        }
    }
}
