/// Lower-case hexadecimal.
enum Hexadecimal {
    private static let digits = Array("0123456789abcdef".utf8)

    static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}

/// An encoding of 2^`width` letters, most significant bits first, without padding.
///
/// Decoding accepts only what encoding writes: a text has one reading and bytes have one text, so
/// two tokens that differ in text never mean the same secret.
struct BitEncoding: Sendable {
    let alphabet: [UInt8]
    let width: Int

    /// RFC 4648 section 6 in lower case.
    static let base32 = BitEncoding(
        alphabet: Array("abcdefghijklmnopqrstuvwxyz234567".utf8),
        width: 5
    )

    /// RFC 4648 section 5.
    static let base64URL = BitEncoding(
        alphabet: Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8),
        width: 6
    )

    func encode(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        var buffer: UInt32 = 0
        var held = 0
        for byte in bytes {
            buffer = (buffer << 8) | UInt32(byte)
            held += 8
            while held >= width {
                held -= width
                text.append(alphabet[Int(buffer >> UInt32(held))])
                buffer &= (1 << UInt32(held)) - 1
            }
        }
        if held > 0 { text.append(alphabet[Int(buffer << UInt32(width - held))]) }
        return String(decoding: text, as: UTF8.self)
    }

    /// - Returns: nil when a letter is foreign, when padding bits are set, or when the length is
    ///   none that ``encode(_:)`` writes.
    func decode(_ text: some StringProtocol) -> [UInt8]? {
        var bytes: [UInt8] = []
        var buffer: UInt32 = 0
        var held = 0
        for letter in text.utf8 {
            guard let value = alphabet.firstIndex(of: letter) else { return nil }
            buffer = (buffer << UInt32(width)) | UInt32(value)
            held += width
            if held >= 8 {
                held -= 8
                bytes.append(UInt8(buffer >> UInt32(held)))
                buffer &= (1 << UInt32(held)) - 1
            }
        }
        guard held < width, buffer == 0 else { return nil }
        return bytes
    }
}
