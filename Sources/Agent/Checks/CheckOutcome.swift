import AgentCore
import Model

/// How one attempt of a check went.
struct CheckOutcome: Hashable, Sendable {
    /// Bytes of output kept.
    static let outputMax = 1_000

    var passed: Bool
    /// For people: at most ``outputMax`` bytes, control characters escaped.
    var output: String
    var took: Duration

    /// - Parameter output: as it came; it is escaped and cut here.
    init(passed: Bool, output: some Sequence<UInt8>, took: Duration = .zero) {
        self.passed = passed
        self.output = printable(output, limit: Self.outputMax)
        self.took = took
    }

    init(passed: Bool, _ text: String, took: Duration = .zero) {
        self.init(passed: passed, output: text.utf8, took: took)
    }
}

/// One attempt to be made: a check, and what it has to know of its service.
struct CheckRequest: Hashable, Sendable {
    var service: ServiceName
    var check: CheckDefinition
    /// The service's main process, for `type = process`.
    var processID: Int32?
    /// The account that a command runs as; nil for ours.
    var user: String?
    var directory: String?
    var environment: [EnvironmentVariable]

    init(_ check: CheckDefinition, of service: ServiceDefinition, processID: Int32? = nil) {
        self.service = service.name
        self.check = check
        self.processID = processID
        self.user = service.user
        self.directory = service.directory
        self.environment = service.environment
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
