import API
import Model

/// Events as they are shown.
enum EventWords {
    static func tone(_ severity: Severity) -> Tone {
        switch severity {
        case .critical: .bad
        case .warning: .warning
        default: .plain
        }
    }

    /// What happened, why, and what followed, in one line: `a-2 is Offline (no heartbeat for 3.5s);
    /// 2 of 3 nodes of site a are Online`. The subject goes before it unless the text names it.
    static func sentence(_ event: Event, hasSubject: Bool) -> String {
        var text = withoutStop(event.text)
        if hasSubject, !event.subject.isEmpty,
            !text.lowercased().contains(event.subject.lowercased())
        {
            text = "\(event.subject): \(text)"
        }
        if !event.cause.isEmpty { text += " (\(withoutStop(event.cause)))" }
        if !event.consequence.isEmpty { text += "; \(withoutStop(event.consequence))" }
        return text
    }

    /// The sentence; where there is no room for it, without what followed, and then without why.
    static func cell(_ event: Event, hasSubject: Bool, _ tone: Tone = .plain) -> Cell {
        var without = event
        without.consequence = ""
        let cause = sentence(without, hasSubject: hasSubject)
        without.cause = ""
        return Cell(
            sentence(event, hasSubject: hasSubject),
            tone,
            shorter: [cause, sentence(without, hasSubject: hasSubject)]
        )
    }

    private static func withoutStop(_ text: String) -> String {
        text.hasSuffix(".") ? String(text.dropLast()) : text
    }

    /// Rows for a section of a screen.
    static func table(
        _ events: [Event],
        style: Style,
        at now: WallTime,
        isWide: Bool = false,
        hasSubject: Bool = true
    ) -> Table {
        var table = Table([.init("AT"), .init("KIND"), .init("WHAT", flexible: true)])
        table.hasHeader = false
        table.indent = "  "
        for event in events {
            table.add([
                Cell(isWide ? TimeText.long(event.at) : TimeText.short(event.at, at: now), .faint),
                Cell(event.kind, tone(event.severity)),
                cell(event, hasSubject: hasSubject),
            ])
        }
        return table
    }

    /// Rows for the status screen: a symbol stands for the severity, and the kind is left out.
    static func brief(_ events: [Event], style: Style, at now: WallTime) -> Table {
        var table = Table([.init("AT"), .init("SIGN"), .init("WHAT", flexible: true)])
        table.hasHeader = false
        table.indent = "  "
        for event in events {
            let tone = tone(event.severity)
            table.add([
                Cell(TimeText.short(event.at, at: now), .faint), Cell(style.symbol(tone), tone),
                cell(event, hasSubject: true),
            ])
        }
        return table
    }

    /// One line for a stream: no columns to keep, so nothing is cut.
    static func line(_ event: Event, style: Style, at now: WallTime, isWide: Bool) -> String {
        let time = isWide ? TimeText.long(event.at) : TimeText.short(event.at, at: now)
        let severity = DisplayWidth.padded(event.severity.rawValue, to: 8)
        let kind = DisplayWidth.padded(event.kind, to: 20)
        return "\(style.paint(time, .faint))  \(style.paint(severity, tone(event.severity)))"
            + "  \(kind)  \(sentence(event, hasSubject: true))"
    }

    static func listing(style: Style, at now: WallTime, isWide: Bool) -> Listing<Event> {
        typealias Column = Listing<Event>.Column
        return Listing(columns: [
            Column("SEQ", right: true, wide: true, number: { Int64(clamping: $0.sequence) }) {
                Cell("\($0.sequence)")
            },
            Column("AT", number: { Int64(clamping: $0.sequence) }) {
                Cell(isWide ? TimeText.long($0.at) : TimeText.short($0.at, at: now), .faint)
            },
            Column("SEVERITY") { Cell($0.severity.rawValue, tone($0.severity)) },
            Column("KIND") { Cell($0.kind) },
            Column("SUBJECT", wide: true) { Cell($0.subject.isEmpty ? "-" : $0.subject, .strong) },
            Column("WHAT", flexible: true, below: true) { cell($0, hasSubject: !isWide) },
        ])
    }
}
