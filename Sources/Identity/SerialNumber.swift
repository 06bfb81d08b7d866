import Host

/// The serial number of a certificate of ours: 16 bytes, the first between 0x40 and 0x7f.
///
/// So it is positive in DER, never zero, and always 32 hexadecimal digits wherever it is printed,
/// with 126 unpredictable bits.
public struct SerialNumber: Hashable, Sendable, CustomStringConvertible {
    static let length = 16

    let bytes: [UInt8]

    /// - Parameter random: 16 unpredictable bytes; the two top bits are overwritten.
    public init(random: [UInt8]) {
        precondition(random.count == Self.length, "a serial number is made of 16 bytes")
        var bytes = random
        bytes[0] = (bytes[0] & 0x3f) | 0x40
        self.bytes = bytes
    }

    public static func make() -> SerialNumber {
        SerialNumber(random: RandomBytes.take(length))
    }

    /// Lower-case hexadecimal, two digits a byte.
    public var description: String { Hex.encode(bytes) }
}
