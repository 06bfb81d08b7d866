/// What a piece of text means; how it looks follows from it.
enum Tone: Sendable {
    case plain
    case good
    case warning
    case bad
    /// Headers, and what matters.
    case strong
    /// What may be passed over.
    case faint
    /// Commands to type.
    case accent
}

/// Turns meaning into terminal sequences, or leaves the text as it is.
///
/// Nothing is ever said by colour alone: every state has a word and a symbol besides.
struct Style: Sendable {
    var isColoured: Bool
    /// Whether the terminal shows more than ASCII.
    var isUnicode: Bool

    static let plain = Style(isColoured: false, isUnicode: true)

    func paint(_ text: String, _ tone: Tone) -> String {
        guard isColoured, !text.isEmpty, let code = Self.code(tone) else { return text }
        return "\u{1B}[\(code)m\(text)\u{1B}[0m"
    }

    /// White on a colour, for one word at the top of a screen.
    func badge(_ text: String, _ tone: Tone) -> String {
        guard isColoured else { return text }
        let code =
            switch tone {
            case .good: "1;97;42"
            case .warning: "1;30;43"
            case .bad: "1;97;41"
            case .plain, .strong, .faint, .accent: "7"
            }
        return "\u{1B}[\(code)m \(text) \u{1B}[0m"
    }

    func symbol(_ tone: Tone) -> String {
        switch tone {
        case .good: isUnicode ? "●" : "+"
        case .warning: isUnicode ? "▲" : "!"
        case .bad: isUnicode ? "✖" : "x"
        case .plain, .strong, .faint, .accent: isUnicode ? "○" : "-"
        }
    }

    var rule: String { isUnicode ? "─" : "-" }
    var dot: String { isUnicode ? "·" : "-" }
    var ellipsis: String { isUnicode ? "…" : "..." }

    private static func code(_ tone: Tone) -> String? {
        switch tone {
        case .plain: nil
        case .good: "32"
        case .warning: "33"
        case .bad: "1;31"
        case .strong: "1"
        case .faint: "2"
        case .accent: "36"
        }
    }
}

/// When to use colour.
enum ColourChoice: String, Sendable, CaseIterable {
    case auto
    case always
    case never

    /// - Parameters:
    ///   - isTerminal: whether the stream at hand is one.
    ///   - environment: looks up a variable.
    func isColoured(isTerminal: Bool, environment: (String) -> String?) -> Bool {
        func isSet(_ name: String) -> Bool { !(environment(name) ?? "").isEmpty }
        switch self {
        case .always: return true
        case .never: return false
        case .auto:
            if isSet("NO_COLOR") || isSet("MUSTER_NO_COLOR") { return false }
            if environment("TERM") == "dumb" { return false }
            return isTerminal || isSet("CLICOLOR_FORCE")
        }
    }
}
