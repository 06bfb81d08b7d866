/// Lower-case hexadecimal.
public enum Hex {
    public static func encode(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Reads digits of either case.
    ///
    /// - Returns: nil for an odd number of digits or anything that is not one.
    public static func decode(_ text: some StringProtocol) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = value(digits[index]), let low = value(digits[index + 1]) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 48...57: digit - 48
        case 65...70: digit - 55
        case 97...102: digit - 87
        default: nil
        }
    }
}

/// Base64 (RFC 4648, section 4), with padding; and its URL-safe alphabet (section 5).
public enum Base64 {
    public enum Alphabet: Hashable, Sendable {
        /// `+` and `/`, padded with `=`.
        case standard
        /// `-` and `_`, without padding.
        case url
    }

    public static func encode(
        _ bytes: some Sequence<UInt8>,
        alphabet: Alphabet = .standard
    ) -> String {
        let text = Bits.encode(Array(bytes), width: 6, alphabet: symbols(alphabet))
        return Bits.padded(text, to: alphabet == .standard ? 4 : 1)
    }

    /// Refuses white space, a wrong length or padding, and bits set behind the last byte: one
    /// value has one text.
    public static func decode(
        _ text: some StringProtocol,
        alphabet: Alphabet = .standard
    ) -> [UInt8]? {
        let symbols = symbols(alphabet)
        return Bits.decode(
            text,
            width: 6,
            group: 4,
            isPadded: alphabet == .standard,
            value: { symbol in symbols.firstIndex(of: symbol) }
        )
    }

    private static func symbols(_ alphabet: Alphabet) -> [UInt8] {
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        return Array((letters + (alphabet == .standard ? "+/" : "-_")).utf8)
    }
}

/// Base32 (RFC 4648, section 6) in lower case and without padding: what people copy by hand.
public enum Base32 {
    private static let symbols = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)

    public static func encode(_ bytes: some Sequence<UInt8>) -> String {
        String(
            decoding: Bits.encode(Array(bytes), width: 5, alphabet: symbols),
            as: UTF8.self
        )
    }

    /// Refuses what ``encode(_:)`` does not write: two tokens that differ in text never mean the
    /// same secret.
    public static func decode(_ text: some StringProtocol) -> [UInt8]? {
        Bits.decode(text, width: 5, group: 8, isPadded: false) { symbols.firstIndex(of: $0) }
    }
}

/// What base32 and base64 share: a stream of bits cut to symbols of one width.
private enum Bits {
    static func encode(_ bytes: [UInt8], width: Int, alphabet: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        var held = 0
        var count = 0
        let mask = 1 << width - 1
        for byte in bytes {
            held = (held << 8 | Int(byte)) & 0xFFFF
            count += 8
            while count >= width {
                count -= width
                text.append(alphabet[held >> count & mask])
            }
        }
        if count > 0 { text.append(alphabet[held << (width - count) & mask]) }
        return text
    }

    static func padded(_ text: [UInt8], to group: Int) -> String {
        let missing = (group - text.count % group) % group
        return String(decoding: text, as: UTF8.self) + String(repeating: "=", count: missing)
    }

    static func decode(
        _ text: some StringProtocol,
        width: Int,
        group: Int,
        isPadded: Bool,
        value: (UInt8) -> Int?
    ) -> [UInt8]? {
        var symbols = Array(text.utf8)
        if isPadded {
            guard symbols.count.isMultiple(of: group) else { return nil }
            let total = symbols.count
            while symbols.last == 61, total - symbols.count < group { symbols.removeLast() }
            if total > 0, total - symbols.count == group { return nil }
        }
        var bytes: [UInt8] = []
        var held = 0
        var count = 0
        for symbol in symbols {
            guard let bits = value(symbol) else { return nil }
            held = (held << width | bits) & 0xFFFF
            count += width
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(held >> count & 0xFF))
            }
        }
        // A whole symbol left over is a length that no bytes have; a bit left over is a second
        // text for the same bytes.
        guard count < width, held & (1 << count - 1) == 0 else { return nil }
        return bytes
    }
}
