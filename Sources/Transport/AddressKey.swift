public import NIOCore

/// What counts as one place: an IPv4 address, or the 64 bits of an IPv6 address that name its
/// network, since whoever has one address of such a network has all of them.
public enum AddressKey: Hashable, Sendable {
    case version4(UInt32)
    case version6(UInt64)
    case other

    public init(_ address: SocketAddress?) {
        switch address {
        case .v4: self = .version4(Self.number(Self.bytes(address, 4..<8)))
        case .v6: self.init(version6: Self.bytes(address, 8..<24))
        case .unixDomainSocket, nil: self = .other
        }
    }

    /// Bytes of a socket address as the system has it: IPv4 from its fourth, IPv6 from its eighth.
    private static func bytes(_ address: SocketAddress?, _ range: Range<Int>) -> [UInt8] {
        address?.withSockAddr { pointer, count in
            Array(UnsafeRawBufferPointer(start: pointer, count: count)[range])
        } ?? []
    }

    private static func number<Number: FixedWidthInteger>(_ bytes: some Sequence<UInt8>) -> Number {
        bytes.reduce(0) { $0 << 8 | Number($1) }
    }

    /// - Parameter bytes: the 16 bytes of an address. An IPv4 address that came by way of an IPv6
    ///   socket (`::ffff:192.0.2.7`) is that IPv4 address.
    init(version6 bytes: [UInt8]) {
        let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 255 && bytes[11] == 255
        if isMapped {
            self = .version4(Self.number(bytes[12...]))
        } else {
            self = .version6(Self.number(bytes[..<8]))
        }
    }
}

extension SocketAddress {
    /// `192.0.2.7:1234` or `[2001:db8::7]:1234`.
    var text: String {
        guard let ipAddress, let port else { return "unknown" }
        return Endpoint(host: ipAddress, port: UInt16(clamping: port)).description
    }
}
