import Model

/// What a template can name. Most are of the first item, which is the worst; inside of `items`, of
/// the item at hand.
public enum NoticeField: String, Hashable, Sendable, CaseIterable {
    /// The cluster's name.
    case cluster
    /// `CRITICAL`, `WARNING` or `INFO`; `RESOLVED` for what has ended, `TEST` for a test.
    case label
    /// `critical`, `warning` or `info`.
    case severity
    /// `firing`, `resolved`, `told` or `test`.
    case state
    case kind
    case site
    case subject
    case text
    /// The text without its full stop.
    case headline
    case cause
    case consequence
    /// When it began, in UTC.
    case since
    /// When it ended; empty unless resolved.
    case ended
    /// How long it has lasted, or had lasted.
    case duration
    /// The command to begin with.
    case todo
    /// The page that explains the kind.
    case link
    /// How many items there are in all.
    case count
    /// All but the first; empty when there is one only.
    case others
    /// What else there is, in words: `also n2, n3`. Empty where the first stands for all of it.
    case also
    /// How many are not listed; empty when all are.
    case more
    /// `yes` or empty, for sections.
    case firing
    case resolved
    case told
    case test

    /// Of the whole message and of no item.
    var isOfMessage: Bool {
        switch self {
        case .cluster, .count, .others, .also, .more: true
        case .label, .severity, .state, .kind, .site, .subject, .text, .headline, .cause,
            .consequence, .since, .ended, .duration, .todo, .link, .firing, .resolved, .told, .test:
            false
        }
    }
}

/// What is wrong with a template, and where.
public struct TemplateProblem: Hashable, Sendable {
    public var text: String
    /// Both count from 1, in characters.
    public var line: Int
    public var column: Int
}

/// A text with places to fill in.
///
/// - `{{field}}`: a field of ``NoticeField``.
/// - `{{?field}}…{{/?field}}`: only where the field is not empty; `{{!field}}…{{/!field}}`: only
///   where it is.
/// - `{{#items}}…{{/items}}`: once for each item that is listed; `{{#others}}…{{/others}}`: for each
///   but the first.
///
/// A line that holds nothing but the begin or the end of a section is left out as a whole. Every
/// mistake is found when it is read; rendering cannot fail.
public struct NoticeTemplate: Hashable, Sendable {
    static let depthMax = 8

    indirect enum Part: Hashable, Sendable {
        case text(String)
        case field(NoticeField)
        case section(NoticeField, whenEmpty: Bool, [Part])
        case items(from: Int, [Part])
    }

    var parts: [Part]

    public static let defaultSubject =
        "[{{cluster}}] {{label}} {{headline}}{{?also}}; {{also}}{{/?also}}"

    public static let defaultBody = """
        {{text}}
        {{?cause}}
        Cause: {{cause}}
        {{/?cause}}
        {{?consequence}}
        Consequence: {{consequence}}
        {{/?consequence}}
        {{!test}}
        Since: {{since}}
        {{?resolved}}
        Ended: {{ended}}, after {{duration}}
        {{/?resolved}}
        {{/!test}}
        {{!resolved}}
        {{?todo}}
        What to do: {{todo}}
        {{/?todo}}
        {{/!resolved}}
        {{?link}}
        Explained by: {{link}}
        {{/?link}}
        {{?others}}

        Also:
        {{#others}}
        - {{label}} {{text}}{{?cause}} ({{cause}}){{/?cause}}
        {{/others}}
        {{?more}}
        - and {{more}} more
        {{/?more}}
        {{/?others}}

        """

    /// Every mistake; empty when it can be used.
    public static func problems(of text: String) -> [TemplateProblem] {
        var parser = TemplateParser(text)
        parser.parse()
        return parser.problems
    }

    /// - Returns: nil when it has problems.
    public init?(_ text: String) {
        var parser = TemplateParser(text)
        parser.parse()
        guard parser.problems.isEmpty else { return nil }
        parts = parser.parts
    }

    /// - Parameters:
    ///   - itemCount: how many items are listed.
    ///   - value: of a field; of the item with this number, or of the message.
    func render(
        itemCount: Int,
        bytesMax: Int,
        value: (NoticeField, Int?) -> String
    ) -> String {
        var text = ""
        Self.render(parts, item: nil, itemCount, bytesMax, value, into: &text)
        return text
    }

    private static func render(
        _ parts: [Part],
        item: Int?,
        _ itemCount: Int,
        _ bytesMax: Int,
        _ value: (NoticeField, Int?) -> String,
        into text: inout String
    ) {
        for part in parts {
            guard text.utf8.count <= bytesMax else { return }
            switch part {
            case .text(let literal): text += literal
            case .field(let field): text += value(field, item)
            case .section(let field, let whenEmpty, let inner):
                guard value(field, item).isEmpty == whenEmpty else { continue }
                render(inner, item: item, itemCount, bytesMax, value, into: &text)
            case .items(let first, let inner):
                for item in 0..<itemCount where item >= first {
                    render(inner, item: item, itemCount, bytesMax, value, into: &text)
                }
            }
        }
    }
}

/// Reads a template's text once, from front to back.
struct TemplateParser {
    private struct Open {
        var tag: String
        var line: Int
        var column: Int
        var parts: [NoticeTemplate.Part]
    }

    private let text: [Character]
    private var at = 0
    private var line = 1
    private var lineStart = 0
    private var literal = ""
    private var open: [Open] = []
    private(set) var parts: [NoticeTemplate.Part] = []
    private(set) var problems: [TemplateProblem] = []

    init(_ text: String) {
        // "\r\n" is one Character of Swift's.
        self.text = Array(text).map { $0 == "\r\n" || $0 == "\r" ? "\n" : $0 }
    }

    mutating func parse() {
        while at < text.count {
            if isNext("{{") {
                tag()
            } else if isNext("}}") {
                problem("}} without {{ before it", column: at - lineStart + 1)
                advance(2)
            } else {
                literal.append(text[at])
                advance(1)
            }
        }
        flush()
        for section in open {
            problems.append(
                TemplateProblem(
                    text: "{{\(section.tag)}} has no {{/\(Self.closing(section.tag))}}",
                    line: section.line,
                    column: section.column
                )
            )
        }
    }

    /// Sections that are there once for each item, with the first of these.
    private static let loops = ["#items": 0, "#others": 1]

    private static func closing(_ tag: String) -> String {
        tag.hasPrefix("#") ? String(tag.dropFirst()) : tag
    }

    private mutating func tag() {
        let start = at
        let column = at - lineStart + 1
        var end = at + 2
        while end < text.count, text[end] != "\n", !(text[end] == "}" && isNext("}}", at: end)) {
            if text[end] == "{" { break }
            end += 1
        }
        guard end < text.count, isNext("}}", at: end) else {
            problem("{{ without }} in the same line", column: column)
            return advance(2)
        }
        let name = trimmed(text[(start + 2)..<end])
        advance(end + 2 - start)
        if let first = name.first, "?!#/".contains(first) { dropLine(before: start) }
        flush()
        take(name, column: column)
    }

    /// A section's tag that stands alone in its line takes the line with it.
    private mutating func dropLine(before start: Int) {
        var back = start
        while back > 0, text[back - 1] == " " || text[back - 1] == "\t" { back -= 1 }
        guard back == 0 || text[back - 1] == "\n" else { return }
        var ahead = at
        while ahead < text.count, text[ahead] == " " || text[ahead] == "\t" { ahead += 1 }
        guard ahead == text.count || text[ahead] == "\n" else { return }
        literal.removeLast(min(literal.count, start - back))
        advance(min(ahead + 1, text.count) - at)
    }

    private mutating func take(_ name: String, column: Int) {
        switch name.first {
        case "#":
            guard Self.loops[name] != nil else {
                return problem(
                    "{{\(name)}} is no section: {{#items}} and {{#others}} are the ones with #",
                    column: column
                )
            }
            if let outer = open.first(where: { Self.loops[$0.tag] != nil }) {
                return problem("{{\(name)}} stands inside of {{\(outer.tag)}}", column: column)
            }
            begin(name, column)
        case "?", "!":
            _ = field(String(name.dropFirst()), column)
            begin(name, column)
        case "/": end(name, column)
        default:
            if let field = field(name, column) { append(.field(field)) }
        }
    }

    private mutating func begin(_ tag: String, _ column: Int) {
        if open.count == NoticeTemplate.depthMax {
            problem("sections are nested deeper than \(NoticeTemplate.depthMax)", column: column)
        }
        open.append(Open(tag: tag, line: line, column: column, parts: []))
    }

    private mutating func end(_ tag: String, _ column: Int) {
        let name = String(tag.dropFirst())
        guard let section = open.last else {
            return problem("{{\(tag)}} ends a section that was not begun", column: column)
        }
        guard Self.closing(section.tag) == name else {
            return problem(
                "{{\(tag)}} stands where {{/\(Self.closing(section.tag))}} should, for "
                    + "{{\(section.tag)}} in line \(section.line)",
                column: column
            )
        }
        open.removeLast()
        if let first = Self.loops[section.tag] { return append(.items(from: first, section.parts)) }
        guard let field = NoticeField(rawValue: String(section.tag.dropFirst())) else { return }
        append(.section(field, whenEmpty: section.tag.hasPrefix("!"), section.parts))
    }

    private mutating func field(_ name: String, _ column: Int) -> NoticeField? {
        if let field = NoticeField(rawValue: name) { return field }
        let known = NoticeField.allCases.map(\.rawValue)
        let near = NearestName.to(name, among: known).map { "; did you mean \($0)?" } ?? ""
        problem("there is no field \(name)\(near)", column: column)
        return nil
    }

    private mutating func append(_ part: NoticeTemplate.Part) {
        if open.isEmpty { parts.append(part) } else { open[open.count - 1].parts.append(part) }
    }

    private mutating func flush() {
        guard !literal.isEmpty else { return }
        append(.text(literal))
        literal = ""
    }

    private mutating func problem(_ text: String, column: Int) {
        guard problems.count < 20 else { return }
        problems.append(TemplateProblem(text: text, line: line, column: column))
    }

    private mutating func advance(_ count: Int) {
        for _ in 0..<count {
            if text[at] == "\n" {
                line += 1
                lineStart = at + 1
            }
            at += 1
        }
    }

    private func isNext(_ mark: String, at place: Int? = nil) -> Bool {
        let place = place ?? at
        let mark = Array(mark)
        return place + mark.count <= text.count
            && mark.indices.allSatisfy { text[place + $0] == mark[$0] }
    }

    private func trimmed(_ part: ArraySlice<Character>) -> String {
        var part = part
        while let first = part.first, first == " " || first == "\t" { part = part.dropFirst() }
        while let last = part.last, last == " " || last == "\t" { part = part.dropLast() }
        return String(part)
    }
}
