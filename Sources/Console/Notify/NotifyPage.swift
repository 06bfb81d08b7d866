import API
import Model

/// `muster notify show`: who is told of what, what is open and what is on its way.
struct NotifyPage {
    var status: NotifyStatus
    var style: Style
    var now: WallTime
    /// Columns; nil for as many as it takes.
    var width: Int?

    static let notSetUp =
        "notices are not set up: nobody is told of anything; see docs/notifications.md, then"
        + " `muster notify set FILE`"

    func lines() -> [String] {
        var lines = head()
        if let rules = status.rules {
            lines += section("RECEIVERS", receivers(rules))
            lines += section("ROUTES (the first that matches takes an event)", routes(rules))
        }
        lines += section("THRESHOLDS (told when fewer are Online than the minimum)", thresholds())
        lines += section("OPEN", open())
        lines += section("SILENCES", table(status.silences, NotifyWords.silences(at: now)))
        let more = Int(status.pendingCount) - status.pending.count
        let listing = NotifyWords.listing(style: style, at: now)
        lines += section(
            "ON THEIR WAY",
            table(status.pending, listing) + (more > 0 ? ["  and \(more) more"] : [])
        )
        return lines + section("DELIVERED AND GIVEN UP LATELY", table(status.recent, listing))
    }

    private func section(_ title: String, _ lines: [String]) -> [String] {
        lines.isEmpty ? [] : ["", style.paint(title, .faint)] + lines
    }

    private func head() -> [String] {
        guard status.version > 0, let rules = status.rules else {
            return wrapped(Self.notSetUp, indent: "").map { style.paint($0, .warning) }
        }
        let by = status.by ?? ""
        let at = status.at.map { ", \(TimeText.long($0))" } ?? ""
        var lines = ["rules version \(status.version), by \(by)\(at)"]
        if rules.routes.isEmpty {
            lines.append(style.paint("there is no route: nobody is told of anything", .warning))
        }
        let told =
            rules.undeliverable.isEmpty
            ? "that is told by the routes"
            : "that is told to \(rules.undeliverable.joined(separator: ", "))"
        let limit = NotifyWords.time(rules.giveUpAfterMilliseconds)
        lines += wrapped("what cannot be delivered is given up after \(limit); \(told)", indent: "")
        return lines
    }

    private func receivers(_ rules: NotifyRulesView) -> [String] {
        var table = Table([.init("NAME"), .init("WHERE", flexible: true)])
        table.hasHeader = false
        table.indent = "  "
        table.isWrapped = width != nil
        for receiver in rules.receivers {
            table.add([Cell(receiver.name, .strong), Cell(NotifyWords.places(receiver))])
        }
        return table.lines(style: style, width: width)
    }

    private func routes(_ rules: NotifyRulesView) -> [String] {
        var table = Table([.init("#", right: true), .init("WHAT", flexible: true)])
        table.hasHeader = false
        table.indent = "  "
        table.isWrapped = width != nil
        for (index, route) in rules.routes.enumerated() {
            table.add([Cell("\(index + 1)", .strong), Cell(NotifyWords.what(route))])
            table.add([Cell(""), Cell(NotifyWords.how(route), .faint)])
        }
        return table.lines(style: style, width: width)
    }

    private func thresholds() -> [String] {
        Self.thresholds(status.thresholds, style: style, at: now, width: width)
    }

    static func thresholds(
        _ thresholds: [NotifyThresholdStatus],
        style: Style,
        at now: WallTime,
        width: Int?
    ) -> [String] {
        var table = Table([
            .init("SITE"), .init("NAME"), .init("MINIMUM", right: true), .init("ONLINE"),
            .init("TOLD", flexible: true),
        ])
        table.indent = "  "
        table.isWrapped = width != nil
        for threshold in thresholds {
            table.add([
                Cell(threshold.rule.site), Cell(threshold.rule.name, .strong),
                Cell("\(threshold.rule.minimum)"),
                Cell("\(threshold.online) of \(threshold.total)"),
                NotifyWords.fires(threshold, at: now),
            ])
        }
        return thresholds.isEmpty ? [] : table.lines(style: style, width: width)
    }

    private func open() -> [String] {
        var table = Table([
            .init("SEVERITY"), .init("FOR", right: true), .init("KIND"),
            .init("WHAT", flexible: true),
        ])
        table.hasHeader = false
        table.indent = "  "
        table.isWrapped = width != nil
        for alarm in status.open {
            let tone = EventWords.tone(alarm.severity)
            let text = alarm.text.hasSuffix(".") ? String(alarm.text.dropLast()) : alarm.text
            let cause = alarm.cause.isEmpty ? "" : " (\(alarm.cause))"
            table.add([
                Cell("\(style.symbol(tone)) \(alarm.severity.rawValue)", tone),
                Cell(NodeWords.duration(since: alarm.since, at: now)), Cell(alarm.kind),
                Cell("\(text)\(cause): \(Self.told(alarm))"),
            ])
        }
        return status.open.isEmpty ? [] : table.lines(style: style, width: width)
    }

    /// Who knows of it, or why nobody does.
    static func told(_ alarm: NotifyAlarm) -> String {
        if let silence = alarm.silence { return "silence \(silence)" }
        if alarm.covered == true { return "told with its site" }
        var parts: [String] = []
        if !alarm.told.isEmpty { parts.append("told \(alarm.told.joined(separator: ", "))") }
        if !alarm.waiting.isEmpty {
            parts.append("to be told: \(alarm.waiting.joined(separator: ", "))")
        }
        guard parts.isEmpty else { return parts.joined(separator: "; ") }
        return alarm.planned ? "planned; told to nobody" : "no route takes it; told to nobody"
    }

    private func table<Item>(_ items: [Item], _ listing: Listing<Item>) -> [String] {
        guard !items.isEmpty,
            var table = try? listing.table(items, isWide: false, hasHeader: true, sortBy: nil)
        else { return [] }
        table.indent = "  "
        return table.lines(style: style, width: width)
    }

    private func wrapped(_ line: String, indent: String) -> [String] {
        NotifyWords.wrapped(line, indent: indent, width: width)
    }
}
