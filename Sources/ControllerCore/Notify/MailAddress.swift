import Model

/// Whether a text is an address that mail can be sent to: `name@domain`, without a display name.
///
/// Stricter than RFC 5321 where nobody needs more: no quoted local parts, ASCII only (an
/// internationalised domain in its `xn--` form). What is let through can stand in a header and in a
/// command of SMTP as it is.
public enum MailAddress {
    public static let bytesMax = 254

    /// What is wrong with it, as the end of a sentence about it; nil when nothing is.
    public static func problem(of text: String) -> String? {
        let bytes = Array(text.utf8)
        if bytes.isEmpty { return "is empty" }
        if bytes.count > bytesMax { return "has more than \(bytesMax) bytes" }
        guard bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            return "holds a space, a control character or a letter that is not ASCII"
        }
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return "does not have exactly one @" }
        let (local, domain) = (Array(parts[0].utf8), String(parts[1]))
        guard !local.isEmpty, local.count <= 64 else {
            return "has \(local.isEmpty ? "nothing" : "more than 64 bytes") before the @"
        }
        guard local.allSatisfy(isAtomByte), local.first != dot, local.last != dot,
            !parts[0].contains("..")
        else { return "has a name before the @ that is not of a-z 0-9 and .!#$%&'*+/=?^_`{|}~-" }
        return problem(ofDomain: domain)
    }

    private static let dot = UInt8(ascii: ".")

    private static func isAtomByte(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || ".!#$%&'*+/=?^_`{|}~-".utf8.contains(byte)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case 48...57, 65...90, 97...122: true
        default: false
        }
    }

    /// What is wrong with what stands after the @, as the end of a sentence; nil when nothing is.
    public static func problem(ofDomain domain: String) -> String? {
        let lower = domain.lowercased()
        if lower == "localhost" || lower.hasSuffix(".localhost")
            || lower.hasPrefix("localhost.") || lower.hasSuffix(".localdomain")
        {
            return "is of \(domain): mail to the controller's own host is read by nobody"
        }
        if domain.hasPrefix("["), domain.hasSuffix("]") {
            return problem(ofLiteral: String(domain.dropFirst().dropLast()))
        }
        let labels = domain.split(separator: ".", omittingEmptySubsequences: false)
        guard labels.count >= 2 else {
            return "needs a domain with a dot after the @, such as example.com"
        }
        for label in labels {
            let bytes = Array(label.utf8)
            guard (1...63).contains(bytes.count), bytes.first != 45, bytes.last != 45,
                bytes.allSatisfy({ isAlphanumeric($0) || $0 == 45 })
            else { return "has a domain that is not of a-z 0-9 - and dots" }
        }
        guard labels.last?.utf8.allSatisfy({ (48...57).contains($0) }) != true else {
            return "has a bare IP address after the @: write it as [192.0.2.1]"
        }
        return nil
    }

    private static func problem(ofLiteral literal: String) -> String? {
        if literal.hasPrefix("IPv6:") {
            let address = literal.dropFirst(5)
            let groups = address.split(separator: ":", omittingEmptySubsequences: false)
            let isShaped =
                groups.count >= 3 && groups.count <= 9
                && groups.allSatisfy { group in
                    group.utf8.count <= 4
                        && group.utf8.allSatisfy { byte in
                            (48...57).contains(byte) || (65...70).contains(byte)
                                || (97...102).contains(byte)
                        }
                }
            if !isShaped { return "has no IPv6 address after [IPv6:" }
            return address == "::1" ? "is of the controller's own host" : nil
        }
        let numbers = literal.split(separator: ".", omittingEmptySubsequences: false)
        guard numbers.count == 4,
            numbers.allSatisfy({ text in UInt8(text).map { "\($0)" == text } ?? false })
        else { return "has no IP address in its brackets" }
        return numbers[0] == "127" ? "is of the controller's own host" : nil
    }
}
