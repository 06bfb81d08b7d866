import AgentCore

/// How one attempt of a check went, and how long it lasted.
struct CheckAttempt: Hashable, Sendable {
    var outcome: CheckOutcome
    var took: Duration
}

/// What a check has to know of its service besides its own definition.
struct CheckSurroundings: Hashable, Sendable {
    /// The account that a command runs as; nil for ours.
    var user: String?
    var directory: String?
    var environment: [EnvironmentVariable] = []

    init() {}

    init(of service: ServiceDefinition) {
        self.user = service.user
        self.directory = service.directory
        self.environment = service.environment
    }
}

extension CheckOutcome {
    /// Bytes of output kept.
    static let outputMax = 1_000

    /// - Parameter output: as it came; it is escaped and cut here.
    static func passed(saying output: some Sequence<UInt8>) -> CheckOutcome {
        .passed(output: printable(output, limit: outputMax))
    }

    /// - Parameter output: as it came; it is escaped and cut here.
    static func failed(saying output: some Sequence<UInt8>) -> CheckOutcome {
        .failed(output: printable(output, limit: outputMax))
    }

    static func failed(_ reason: String) -> CheckOutcome {
        .failed(saying: reason.utf8)
    }
}

/// Bytes of a foreign program as text that cannot steer a terminal or break a line: what is not
/// printable is escaped (`\n`, `\x1b`, `\u{202e}`), what is not UTF-8 is replaced, blanks at the
/// end are dropped.
func printable(_ bytes: some Sequence<UInt8>, limit: Int) -> String {
    var text = ""
    var length = 0
    var end = text.endIndex
    for scalar in String(decoding: Array(bytes), as: UTF8.self).unicodeScalars {
        let piece = isPrintable(scalar) ? String(scalar) : escaped(scalar)
        guard length + piece.utf8.count <= limit else { break }
        text.unicodeScalars.append(contentsOf: piece.unicodeScalars)
        length += piece.utf8.count
        if scalar != " ", scalar != "\n", scalar != "\r", scalar != "\t" { end = text.endIndex }
    }
    return String(text[..<end])
}

private func escaped(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\n": return "\\n"
    case "\r": return "\\r"
    case "\t": return "\\t"
    default:
        let digits = String(scalar.value, radix: 16)
        if scalar.value > 0xFF { return "\\u{\(digits)}" }
        return "\\x" + (digits.count == 1 ? "0" : "") + digits
    }
}

private func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7F...0x9F, 0x2028...0x202E, 0x2066...0x2069, 0x200E...0x200F, 0x061C,
        0xFDD0...0xFDEF:
        false
    default: scalar.value & 0xFFFE != 0xFFFE
    }
}
