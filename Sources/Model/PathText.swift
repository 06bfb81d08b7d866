/// Paths as text. A file's name may be any bytes; what is told, compared and shown of it is a text
/// without control characters from which the bytes can be had back.
public enum PathText {
    /// Printable UTF-8 stands for itself, `\\` for a backslash, and `\xHH` (lower case) for every
    /// byte of anything else.
    public static func escaped(_ bytes: some Sequence<UInt8>) -> String {
        let bytes = Array(bytes)
        var text = ""
        var index = 0
        while index < bytes.count {
            let length = sequenceLength(bytes[index])
            let end = min(index + length, bytes.count)
            if length > 0, end == index + length,
                let piece = String(validating: bytes[index..<end], as: UTF8.self),
                let scalar = piece.unicodeScalars.first, scalar.isPlain
            {
                text += scalar == "\\" ? "\\\\" : piece
                index = end
            } else {
                text += "\\x" + digit(bytes[index] >> 4) + digit(bytes[index] & 15)
                index += 1
            }
        }
        return text
    }

    /// - Returns: nil when the text is not what ``escaped(_:)`` writes.
    public static func bytes(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == 92 else {
                bytes.append(byte)
                continue
            }
            switch rest.popFirst() {
            case 92: bytes.append(92)
            case 120:
                guard let high = rest.popFirst().flatMap(value),
                    let low = rest.popFirst().flatMap(value)
                else { return nil }
                bytes.append(high << 4 | low)
            default: return nil
            }
        }
        return escaped(bytes).utf8.elementsEqual(text.utf8) ? bytes : nil
    }

    /// The order in which paths are told: that of the bytes of their texts.
    public static func precedes(_ left: String, _ right: String) -> Bool {
        left.utf8.lexicographicallyPrecedes(right.utf8)
    }

    /// Bytes of the UTF-8 sequence that begins so; 0 where none does.
    private static func sequenceLength(_ first: UInt8) -> Int {
        switch first {
        case 0..<0x80: 1
        case 0xC2..<0xE0: 2
        case 0xE0..<0xF0: 3
        case 0xF0..<0xF5: 4
        default: 0
        }
    }

    private static func digit(_ value: UInt8) -> String {
        String(value, radix: 16)
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 48...57: digit - 48
        case 97...102: digit - 87
        default: nil
        }
    }
}
