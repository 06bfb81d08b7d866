import Crypto
import Foundation

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
