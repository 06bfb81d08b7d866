public import Protocol

/// Where to listen or to connect: an IPv4 or IPv6 address or a host name, and a port.
///
/// As text: `controller.example:7400`, `192.0.2.7:7400`, `[2001:db8::7]:7400`. Without a port the
/// protocol's own (7400) is meant.
public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// An address without brackets, or a name.
    public var host: String
    /// 0 asks the system for a free port when listening; it is of no use for connecting.
    public var port: UInt16

    public init(host: String, port: UInt16 = WireLimits.portDefault) {
        self.host = host
        self.port = port
    }

    public var description: String {
        host.utf8.contains(Self.colon) ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// - Throws: `addressUnreadable`, which says what a right address looks like.
    public init(parsing text: String) throws(TransportError) {
        guard let (host, port) = Self.split(text), Self.isHost(host),
            let port = Self.port(port)
        else {
            throw TransportError(
                .addressUnreadable,
                "This is not an address: write name:port, 192.0.2.7:7400 or [2001:db8::7]:7400."
            )
        }
        self.init(host: host, port: port)
    }

    private static let colon = UInt8(ascii: ":")

    /// The host without its brackets, and the text of the port where there is one.
    private static func split(_ text: String) -> (host: String, port: String?)? {
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            let host = String(text[text.index(after: text.startIndex)..<end])
            let rest = text[text.index(after: end)...]
            guard host.utf8.contains(colon) else { return nil }
            if rest.isEmpty { return (host, nil) }
            return rest.hasPrefix(":") ? (host, String(rest.dropFirst())) : nil
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        switch parts.count {
        case 1: return (text, nil)
        case 2: return (String(parts[0]), String(parts[1]))
        default: return (text, nil)
        }
    }

    private static func port(_ text: String?) -> UInt16? {
        guard let text else { return WireLimits.portDefault }
        guard !text.isEmpty, text.utf8.count <= 5, text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 })
        else { return nil }
        return UInt16(text)
    }

    private static func isHost(_ host: String) -> Bool {
        guard !host.isEmpty, host.utf8.count <= 253 else { return false }
        return host.utf8.allSatisfy { byte in
            (byte >= 97 && byte <= 122) || (byte >= 65 && byte <= 90) || (byte >= 48 && byte <= 57)
                || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
                || byte == UInt8(ascii: "_") || byte == colon || byte == UInt8(ascii: "%")
        }
    }
}
