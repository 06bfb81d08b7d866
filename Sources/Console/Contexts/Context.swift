/// One cluster this operator may speak to.
struct Context: Hashable, Sendable {
    var name: String
    /// `https://host:port`, tried in turn.
    var servers: [String]
    /// The folder with `credential.pem` and `ca.pem`.
    var credential: String

    static let portDefault = 7_443

    /// Makes `https://host:port` of what was written, the scheme and the port added when missing.
    static func server(_ text: String) throws(ConsoleError) -> String {
        var rest = Substring(text)
        if let range = text.firstRange(of: "://") {
            guard text[..<range.lowerBound] == "https" else {
                throw ConsoleError(
                    .usage,
                    "\(text) is not an https address",
                    hint: "write it as https://HOST:\(portDefault); there is no plain mode"
                )
            }
            rest = text[range.upperBound...]
        }
        if rest.last == "/" { rest = rest.dropLast() }
        let isLegal = rest.utf8.allSatisfy { byte in
            switch byte {
            case 48...57, 65...90, 97...122, 45, 46, 58, 91, 93, 95: true
            default: false
            }
        }
        guard !rest.isEmpty, isLegal else {
            throw ConsoleError(
                .usage,
                "\(text) is not the address of a server",
                hint: "write it as https://HOST:\(portDefault) or https://[ADDRESS]:\(portDefault)"
            )
        }
        let hasPort =
            rest.last != "]" && rest.drop { $0 != "]" }.dropFirst().first == ":"
            || !rest.contains("]") && rest.contains(":")
        return "https://\(rest)" + (hasPort ? "" : ":\(portDefault)")
    }

    /// Whether a name may stand in the file and be a folder: `[A-Za-z0-9][A-Za-z0-9._-]{0,62}`.
    static func isName(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, bytes.count <= 63, isAlphanumeric(first) else {
            return false
        }
        return bytes.allSatisfy { isAlphanumeric($0) || $0 == 45 || $0 == 46 || $0 == 95 }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case 48...57, 65...90, 97...122: true
        default: false
        }
    }
}
