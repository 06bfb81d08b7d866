import Crypto
import Foundation

/// A SHA-256 hash.
public struct Digest: Sendable, Hashable, CustomStringConvertible {
    public static let byteCount = 32

    /// Always ``byteCount`` bytes.
    public let bytes: [UInt8]

    public init(of data: [UInt8]) {
        bytes = Array(SHA256.hash(data: data))
    }

    /// - Returns: nil unless there are 32 bytes.
    public init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }

    /// - Returns: nil unless the text is 64 hexadecimal digits.
    public init?(hex: String) {
        let digits = hex.utf8.compactMap { digit -> UInt8? in
            switch digit {
            case 48...57: digit - 48
            case 97...102: digit - 87
            case 65...70: digit - 55
            default: nil
            }
        }
        guard digits.count == hex.utf8.count, digits.count == 2 * Self.byteCount else { return nil }
        bytes = (0..<Self.byteCount).map { digits[2 * $0] << 4 | digits[2 * $0 + 1] }
    }

    public var hex: String {
        String(decoding: bytes.flatMap { [hexDigit($0 >> 4), hexDigit($0 & 15)] }, as: UTF8.self)
    }

    public var description: String { hex }
}

func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 48 + value : 87 + value }

/// The first half of a SHA-256 hash over fields whose borders are part of what is hashed. It finds
/// damage; it is no defence against somebody who can write the file.
struct Checksum: Sendable, Hashable {
    var high: UInt64
    var low: UInt64

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    init(of fields: Data...) {
        var hash = SHA256()
        for field in fields {
            withUnsafeBytes(of: UInt64(field.count).bigEndian) { hash.update(bufferPointer: $0) }
            hash.update(data: field)
        }
        self.init(data: Data(hash.finalize()).prefix(16))!
    }

    init?(data: Data) {
        guard data.count == 16 else { return nil }
        high = data.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        low = data.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    static let zero = Checksum(high: 0, low: 0)

    var data: Data {
        Data((0..<8).map { UInt8(truncatingIfNeeded: high >> (56 - 8 * $0)) })
            + Data((0..<8).map { UInt8(truncatingIfNeeded: low >> (56 - 8 * $0)) })
    }

    /// The checksum of a set is the sum of those of its members, so it follows each write without
    /// reading the others, and a row that has vanished is noticed.
    static func &+= (left: inout Checksum, right: Checksum) {
        left.high &+= right.high
        left.low &+= right.low
    }

    static func &-= (left: inout Checksum, right: Checksum) {
        left.high &-= right.high
        left.low &-= right.low
    }
}

extension Data {
    init(text: String) { self.init(text.utf8) }

    init(number: Int64) {
        self.init((0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) })
    }
}
