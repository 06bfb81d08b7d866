import Crypto
import FoundationEssentials
import Host

/// A SHA-256 hash.
public struct Digest: Sendable, Hashable, CustomStringConvertible {
    public static let byteCount = 32

    /// Always ``byteCount`` bytes.
    public let bytes: [UInt8]

    public init(of data: some Sequence<UInt8>) {
        bytes = Array(SHA256.hash(data: Array(data)))
    }

    /// - Returns: nil unless there are 32 bytes.
    public init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }

    /// - Returns: nil unless the text is 64 hexadecimal digits.
    public init?(hex: String) {
        guard let bytes = Hex.decode(hex) else { return nil }
        self.init(bytes: bytes)
    }

    /// 64 digits in lower case.
    public var hex: String { Hex.encode(bytes) }

    public var description: String { hex }
}
