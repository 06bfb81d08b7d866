/// The address of an HTTP request. What is behind the host may be a secret: only ``place`` is for
/// people and logs.
public struct WebAddress: Hashable, Sendable {
    public static let bytesMax = 2_048
    public static let expected =
        "an address such as https://chat.example.org/hooks/abc, without user, password and fragment"

    public let text: String
    public let isEncrypted: Bool
    /// Without brackets.
    public let host: String
    /// `chat.example.org:443`.
    public let place: String
    /// Path and query, from the first slash on; empty when there is none.
    public let rest: String

    public init?(_ text: String) {
        let scheme: String
        if text.hasPrefix("https://") {
            scheme = "https://"
        } else if text.hasPrefix("http://") {
            scheme = "http://"
        } else {
            return nil
        }
        guard text.utf8.count <= Self.bytesMax, text.utf8.allSatisfy(Self.isAllowed) else {
            return nil
        }
        let behind = text.dropFirst(scheme.count)
        let end = behind.firstIndex { $0 == "/" || $0 == "?" } ?? behind.endIndex
        isEncrypted = scheme == "https://"
        guard let (host, port) = Self.split(behind[..<end]) else { return nil }
        self.host = host
        let shown = host.contains(":") ? "[\(host)]" : host
        place = "\(shown):\(port ?? (isEncrypted ? 443 : 80))"
        rest = String(behind[end...])
        self.text = text
    }

    /// Nothing that leads out of this machine.
    public var isLoopback: Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    public func appending(path: String) -> String {
        (text.hasSuffix("/") ? String(text.dropLast()) : text) + path
    }

    public func appending(query: String) -> String {
        text + (rest.contains("?") ? "&" : rest.isEmpty ? "/?" : "?") + query
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "#"), UInt8(ascii: "<"), UInt8(ascii: ">"),
            UInt8(ascii: "\\"), UInt8(ascii: "^"), UInt8(ascii: "`"), UInt8(ascii: "{"),
            UInt8(ascii: "|"), UInt8(ascii: "}"):
            false
        default: byte > 0x20 && byte < 0x7f
        }
    }

    private static func split(_ text: Substring) -> (host: String, port: UInt16?)? {
        var host = text
        var port: Substring?
        if text.hasPrefix("[") {
            guard let close = text.firstIndex(of: "]") else { return nil }
            host = text[text.index(after: text.startIndex)..<close]
            let behind = text[text.index(after: close)...]
            guard host.contains(":"), host.allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." })
            else { return nil }
            if !behind.isEmpty {
                guard behind.hasPrefix(":") else { return nil }
                port = behind.dropFirst()
            }
        } else {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count <= 2, let first = parts.first, !first.isEmpty,
                first.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "." || $0 == "-" })
            else { return nil }
            host = first
            port = parts.count == 2 ? parts[1] : nil
        }
        guard let port else { return (String(host), nil) }
        guard port.allSatisfy(\.isNumber), let number = UInt16(port), number > 0 else { return nil }
        return (String(host), number)
    }
}
