import AgentCore
import Glibc

/// Readers of addresses and URLs.
extension ConfigurationValue {
    /// `host:port`, `[::1]:port`, and without a port where there is a default.
    static func address(
        defaultPort: UInt16? = nil
    ) -> (String) throws(ValueProblem) -> NetworkAddress {
        { text throws(ValueProblem) in
            let (host, portText) = try parted(text)
            let checked = try self.host(host, isBracketed: text.hasPrefix("["))
            if let portText { return NetworkAddress(host: checked, port: try port(portText)) }
            guard let defaultPort else { throw ValueProblem("has no port (host:port)") }
            return NetworkAddress(host: checked, port: defaultPort)
        }
    }

    /// An address of this machine and a port: a name could be another machine's tomorrow.
    static func numericAddress(_ text: String) throws(ValueProblem) -> NetworkAddress {
        let address = try Self.address()(text)
        guard isIPv4(address.host) || isIPv6(address.host) else {
            throw ValueProblem("not a numeric address (127.0.0.1:7401, 0.0.0.0:7401, [::]:7401)")
        }
        return address
    }

    /// A host name or an address without brackets and port.
    static func hostName(_ text: String) throws(ValueProblem) -> String {
        try host(text, isBracketed: isIPv6(text))
    }

    /// The address and the path of an `http://` URL.
    static func url(
        _ text: String
    ) throws(ValueProblem) -> (address: NetworkAddress, path: String) {
        if text.hasPrefix("https://") {
            throw ValueProblem(
                "https is not spoken by this check (use type = command, "
                    + "with a program such as /usr/bin/curl -fsS)"
            )
        }
        guard text.hasPrefix("http://") else {
            throw ValueProblem("not a URL (http://host:port/path)")
        }
        guard text.utf8.allSatisfy({ (33...126).contains($0) }) else {
            throw ValueProblem("a URL has only printable ASCII characters (encode others as %XX)")
        }
        let rest = text.dropFirst(7)
        let end = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        let path = String(rest[end...])
        if rest[..<end].contains("@") {
            throw ValueProblem("credentials have no place in a URL (use type = command)")
        }
        if path.contains("#") { throw ValueProblem("a fragment (#) is never sent to a server") }
        let address = try Self.address(defaultPort: 80)(String(rest[..<end]))
        return (address, path.hasPrefix("/") ? path : "/" + path)
    }

    private static func parted(
        _ text: String
    ) throws(ValueProblem) -> (host: String, port: String?) {
        if text.hasPrefix("[") {
            guard let close = text.firstIndex(of: "]") else {
                throw ValueProblem("the bracket [ is never closed")
            }
            let host = String(text[text.index(after: text.startIndex)..<close])
            let rest = text[text.index(after: close)...]
            if rest.isEmpty { return (host, nil) }
            guard rest.hasPrefix(":") else {
                throw ValueProblem("after ] comes :port or nothing")
            }
            return (host, String(rest.dropFirst()))
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 2 else {
            throw ValueProblem("an IPv6 address with a port is written [::1]:7400")
        }
        return (String(parts[0]), parts.count == 2 ? String(parts[1]) : nil)
    }

    private static func host(
        _ text: String,
        isBracketed: Bool
    ) throws(ValueProblem) -> String {
        if isBracketed {
            guard isIPv6(text) else { throw ValueProblem("not an IPv6 address") }
            return text
        }
        if text.isEmpty { throw ValueProblem("the host is missing") }
        if isIPv4(text) { return text }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        if labels.last.map({ $0.allSatisfy { $0.isASCII && $0.isNumber } }) ?? false {
            throw ValueProblem("not an IPv4 address")
        }
        let areFine = labels.allSatisfy { label in
            !label.isEmpty && label.utf8.count <= 63 && !label.hasPrefix("-")
                && !label.hasSuffix("-")
                && label.utf8.allSatisfy { byte in
                    (65...90).contains(byte & 0xDF) || (48...57).contains(byte) || byte == 45
                        || byte == 95
                }
        }
        guard areFine, text.utf8.count <= 253 else {
            throw ValueProblem("not a host name or address")
        }
        return text
    }
}

func isIPv4(_ text: String) -> Bool {
    var address = in_addr()
    return inet_pton(AF_INET, text, &address) == 1
}

/// With or without a zone: `fe80::1%eth0`.
func isIPv6(_ text: String) -> Bool {
    let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
    guard let bare = parts.first else { return false }
    if parts.count == 2 {
        let zone = parts[1].utf8
        let isFine =
            (1...15).contains(zone.count)
            && zone.allSatisfy { (33...126).contains($0) && $0 != 47 && $0 != 37 }
        if !isFine { return false }
    }
    var address = in6_addr()
    return inet_pton(AF_INET6, String(bare), &address) == 1
}
