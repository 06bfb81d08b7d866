/// What the command's exit status says; documented in `docs/reference/cli.md`.
enum CommandStatus: Int32, Sendable {
    case fine = 0
    case failed = 1
    /// What was looked at is degraded, or differs from what it should be.
    case degraded = 2
    /// The controller turned it down, or it was not confirmed.
    case refused = 3
    case timedOut = 4
    /// No controller answered.
    case unreachable = 5
    case usage = 64
}

/// Ends the command with a message, a hint and a status.
struct ConsoleError: Error, Hashable {
    var status: CommandStatus
    /// What is the matter, with names; no full stop.
    var message: String
    /// What to do about it; may be empty.
    var hint: String
    /// The controller's refusal code; nil when it was not the controller who said no.
    var code: String?
    /// After so many seconds it is worth trying again, as the controller says.
    var retryAfter: UInt64?

    init(_ status: CommandStatus, _ message: String, hint: String = "") {
        self.status = status
        self.message = message
        self.hint = hint
    }

    /// As it is written to standard error. A message of several lines is indented.
    func lines(style: Style) -> [String] {
        let parts = message.split(separator: "\n", omittingEmptySubsequences: false)
        var lines = ["\(style.paint("error:", .bad)) \(parts.first ?? "")"]
        lines += parts.dropFirst().map { "  \($0)" }
        if !hint.isEmpty { lines.append("\(style.paint("hint:", .accent)) \(hint)") }
        return lines
    }
}

/// Ends the command with a status and no further word: everything was said already.
struct QuietExit: Error {
    var status: CommandStatus
}
