import Glibc

/// A DNS name or an IP address, told apart and checked.
enum HostName: Equatable {
    /// 4 or 16 bytes in network order.
    case ip([UInt8])
    /// Lower case, letters, digits, hyphens and dots.
    case dns(String)

    /// - Parameter text: a name, an IPv4 or an IPv6 address without brackets.
    init(_ text: String) throws(IdentityError) {
        if let bytes = Self.addressBytes(text) {
            self = .ip(bytes)
        } else if Self.isDNSName(text) {
            self = .dns(text)
        } else {
            throw IdentityError(
                .addressUnreadable,
                "An address is neither an IP address nor a DNS name in lower case."
            )
        }
    }

    private static func addressBytes(_ text: String) -> [UInt8]? {
        // inet_pton stops at a zero byte, and would take what stands before it.
        guard !text.utf8.contains(0) else { return nil }
        var four = [UInt8](repeating: 0, count: 4)
        if inet_pton(AF_INET, text, &four) == 1 { return four }
        var sixteen = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET6, text, &sixteen) == 1 { return sixteen }
        return nil
    }

    private static func isDNSName(_ text: String) -> Bool {
        guard (1...253).contains(text.utf8.count) else { return false }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        // A name whose last label is all digits would be read as an IPv4 address by some.
        guard let last = labels.last, !last.utf8.allSatisfy(isDigit) else { return false }
        return labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                && label.utf8.allSatisfy { isDigit($0) || ($0 >= 97 && $0 <= 122) || $0 == 45 }
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 48 && byte <= 57 }
}

/// Where a controller is reached: `db.example:7600`, `192.0.2.1:7600` or `[2001:db8::1]:7600`.
public struct ControllerAddress: Hashable, Sendable, CustomStringConvertible {
    /// A DNS name or an IP address, without brackets.
    public let host: String
    /// 1 to 65 535.
    public let port: UInt16

    /// - Throws: `addressUnreadable` when the host is neither a name nor an address, or the port
    ///   is 0.
    public init(host: String, port: UInt16) throws(IdentityError) {
        _ = try HostName(host)
        guard port > 0 else {
            throw IdentityError(.addressUnreadable, "A controller's port is from 1 to 65535.")
        }
        self.host = host
        self.port = port
    }

    /// Reads what ``description`` writes.
    public init(_ text: some StringProtocol) throws(IdentityError) {
        guard let colon = text.lastIndex(of: ":") else { throw Self.unreadable }
        var host = String(text[..<colon])
        let digits = text[text.index(after: colon)...]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
            guard host.contains(":") else { throw Self.unreadable }
        } else if host.contains(":") {
            throw Self.unreadable
        }
        guard let port = UInt16(digits), "\(port)" == digits else { throw Self.unreadable }
        try self.init(host: host, port: port)
    }

    public var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    private static let unreadable = IdentityError(
        .addressUnreadable,
        "A controller's address is written host:port, an IPv6 address in brackets."
    )
}
