import API
import Model

/// `muster status`: one screen for someone who was woken at night.
struct StatusScreen {
    var status: ClusterStatus
    var style: Style
    var now: WallTime
    var width: Int
    /// Rows that may be used; nil for as many as it takes.
    var height: Int?
    /// How long ago the answer came; ages count on from there.
    var ageMilliseconds: Int64 = 0
    /// Whether lines are cut at the width; on paper and in pipes they are not.
    var isCut = true
    /// Shown instead of the age when the view has lost its controller.
    var connectionNote: String?

    static let eventsShown = 5
    /// When room is needed for problems.
    static let eventsShownMin = 3

    /// Long lines go on below themselves while there is room for that. Then events are cut, then
    /// the older events give way, then problems are cut, and at last the least of them are counted
    /// instead of shown.
    func lines() -> [String] {
        let lines = fitted()
        guard isCut else { return lines }
        // A line that the terminal broke in two would push the first one off the screen.
        return lines.map { DisplayWidth.cutPainted($0, to: width, mark: style.ellipsis) }
    }

    private func fitted() -> [String] {
        let whole = lines(problems: .wrapped, events: .wrapped, Self.eventsShown, nil)
        guard let height, whole.count > height else { return whole }
        let attempts: [(Fit, Int)] = [
            (.wrapped, Self.eventsShown), (.wrapped, Self.eventsShownMin),
            (.cut, Self.eventsShownMin),
        ]
        for (fit, count) in attempts {
            let lines = lines(problems: fit, events: .cut, count, nil)
            if lines.count <= height { return lines }
        }
        let others = lines(problems: .none, events: .cut, Self.eventsShownMin, nil)
        let room = max(1, height - others.count)
        return lines(problems: .cut, events: .cut, Self.eventsShownMin, room)
    }

    private enum Fit {
        case wrapped
        case cut
        case none
    }

    private func lines(problems: Fit, events: Fit, _ count: Int, _ room: Int?) -> [String] {
        banner() + runLines() + siteLines() + automaticLines() + dataLines() + workLines() + [""]
            + problemLines(problems, room)
            + eventLines(events, count)
            + nextLines() + [""] + footLines()
    }

    private func banner() -> [String] {
        let tone = connectionNote == nil ? Self.tone(status.verdict) : .bad
        let verdict = Self.word(status)
        let word = style.badge(connectionNote == nil ? verdict : "NO CONNECTION", tone)
        let name = style.paint(status.cluster.name, .strong)
        let active = activeText
        let time = TimeText.short(status.asOf, at: now)
        let age = DurationText.text(milliseconds: ageMilliseconds)
        let was = connectionNote == nil ? active : "was \(verdict)"
        let left = "\(style.paint(style.symbol(tone), tone)) \(name)  \(word)  \(was)"
        let right = style.paint(
            ageMilliseconds < 1_000 ? "as of \(time)" : "\(time), \(age) ago",
            ageMilliseconds > 5_000 ? .warning : .faint
        )
        let gap = width - DisplayWidth.of(left) - DisplayWidth.of(right)
        let first = gap >= 2 ? left + String(repeating: " ", count: gap) + right : left
        let note = connectionNote.map { DisplayWidth.cut($0, to: width, mark: style.ellipsis) }
        return [first] + (gap >= 2 ? [] : [right]) + (note.map { [style.paint($0, .bad)] } ?? [])
            + [style.paint(String(repeating: style.rule, count: width), .faint)]
    }

    /// That no site is active is said instead of any other verdict: nothing is worse.
    private static func word(_ status: ClusterStatus) -> String {
        status.sites.contains { $0.fencing == true }
            ? "NO SITE IS ACTIVE" : status.verdict.rawValue.uppercased()
    }

    /// Which site is active under which epoch.
    private var activeText: String {
        if let site = status.sites.first(where: { $0.fencing == true }) {
            return "site \(site.name) is being fenced"
        }
        guard !status.activeSite.isEmpty else { return "no site is active" }
        let epoch = "\(status.cluster.generation).\(status.cluster.epoch)"
        return "site \(status.activeSite) is active under epoch \(epoch)"
    }

    /// The run that is under way, before all else.
    private func runLines() -> [String] {
        guard let run = status.run else { return [] }
        let lines = RunWords.banner(run, style: style, at: now).flatMap { line in
            wrapped(line.text).map { style.paint($0, line.tone) }
        }
        return lines + [style.paint(String(repeating: style.rule, count: width), .faint)]
    }

    private func wrapped(_ line: String) -> [String] {
        guard isCut, DisplayWidth.of(line) > width else { return [line] }
        let indent = String(line.prefix { $0 == " " })
        return DisplayWidth.wrapped(line, to: width - indent.count).map { indent + $0 }
    }

    private func siteLines() -> [String] {
        var table = Table([
            .init("SITE"), .init("ROLE"), .init("ONLINE"), .init("MINIMUM"),
            .init("FIGURES", flexible: true),
        ])
        table.hasHeader = false
        table.indent = "  "
        for site in status.sites {
            let tone = Self.tone(site)
            var heard: [String] = []
            var extra: [String] = []
            if let age = site.heartbeatAgeMilliseconds {
                let shown = DurationText.text(milliseconds: Int64(clamping: age) + ageMilliseconds)
                heard.append("heard \(shown) ago")
            }
            if site.inMaintenance > 0 { extra.append("\(site.inMaintenance) in maintenance") }
            if site.invited > 0 { extra.append("\(site.invited) invited") }
            extra += SiteWords.below(site)
            if let told = SiteWords.told(site) { extra.append(told) }
            let count = "\(style.symbol(tone)) \(site.online) of \(site.total) Online"
            table.add([
                Cell("site \(site.name)", .strong), SiteWords.plainRole(site), Cell(count, tone),
                Cell(site.minimum > 0 ? "minimum \(site.minimum)" : "no minimum", .faint),
                // Where it is tight, when it was heard says least: that it was, the sign says.
                Cell(
                    (heard + extra).joined(separator: ", "),
                    .faint,
                    shorter: extra.isEmpty ? [] : [extra.joined(separator: ", ")]
                ),
            ])
        }
        if status.sites.isEmpty { return ["  no sites yet"] }
        return table.lines(style: style, width: isCut ? width : nil)
    }

    /// How far the standby sites are behind.
    private func dataLines() -> [String] {
        ReplicationWords.statusLines(
            status.dataSets ?? [],
            style: style,
            width: isCut ? width : nil
        )
    }

    private func automaticLines() -> [String] {
        guard let automatic = status.automatic else { return [] }
        let (text, tone) = AutomaticWords.line(automatic, ageMilliseconds: ageMilliseconds)
        return wrapped("  \(text)").map { style.paint($0, tone) }
    }

    private func workLines() -> [String] {
        guard let work = status.work else { return [] }
        return WorkLines(
            work: work,
            style: style,
            width: isCut ? width : nil,
            ageMilliseconds: ageMilliseconds
        ).lines()
    }

    /// - Parameter room: rows for the problems with header and space; nil for as many as it takes.
    private func problemLines(_ fit: Fit, _ room: Int?) -> [String] {
        let problems = status.problems
        guard fit != .none else { return [] }
        guard !problems.isEmpty else {
            let sign = style.paint("\(style.symbol(.good)) Nothing is wrong.", .good)
            return ["  \(sign)", ""]
        }
        let mostShown = room.map { max(1, $0 - 2) } ?? problems.count
        let isCapped = problems.count > mostShown
        let shown = problems.prefix(isCapped ? max(1, mostShown - 1) : mostShown)
        var table = Table([
            .init("SEVERITY"), .init("FOR", right: true), .init("TEXT", flexible: true),
        ])
        for problem in shown {
            let tone = Self.tone(problem.severity)
            table.add([
                Cell("\(style.symbol(tone)) \(problem.severity.rawValue)", tone),
                Cell(NodeWords.duration(since: problem.since, at: now)),
                Cell(Self.sentence(problem)),
            ])
        }
        // Planned work is worth a line, and is nothing wrong.
        let isPlanned = problems.allSatisfy { $0.severity == .info }
        let title = isPlanned ? "NOTHING WRONG, BUT" : "WRONG NOW"
        var lines = [style.paint(title, .faint)] + rows(table, fit)
        if isCapped {
            let more = problems.count - shown.count
            let command = style.paint("muster status -o wide", .accent)
            lines.append("  +\(more) more: \(command)")
        }
        return lines + [""]
    }

    /// The subject goes before the text unless that names it.
    static func sentence(_ problem: Problem) -> String {
        let name = problem.subject.split(separator: " ").last.map(String.init) ?? ""
        return problem.text.contains(name) ? problem.text : "\(problem.subject): \(problem.text)"
    }

    private func eventLines(_ fit: Fit, _ count: Int) -> [String] {
        let events = Array(status.lastEvents.suffix(count))
        guard !events.isEmpty else { return [] }
        return [style.paint("LAST EVENTS", .faint)]
            + rows(EventWords.brief(events, style: style, at: now), fit)
    }

    private func rows(_ table: Table, _ fit: Fit) -> [String] {
        var table = table
        table.hasHeader = false
        table.indent = "  "
        table.isWrapped = fit == .wrapped
        return table.lines(style: style, width: isCut ? width : nil)
    }

    private func nextLines() -> [String] {
        var commands: [String] = []
        for problem in status.problems where !problem.mend.isEmpty && problem.severity != .info {
            if !commands.contains(problem.mend) { commands.append(problem.mend) }
        }
        if commands.isEmpty {
            let total = status.sites.reduce(0) { $0 + $1.total + $1.invited }
            guard total == 0 else { return [] }
            commands = ["muster node add NAME", "muster token create"]
        }
        let shown = commands.prefix(2).flatMap { command in
            wrapped("  \(command)").map { style.paint($0, .accent) }
        }
        return ["", style.paint("TYPE NEXT", .faint)] + shown
    }

    private func footLines() -> [String] {
        let uptime = status.controller.uptimeMilliseconds + UInt64(max(0, ageMilliseconds))
        var parts: [(text: String, tone: Tone)] = []
        // What keeps it from acting comes first: it must not be cut off.
        if status.controller.tilted { parts.append(("TILTED: it does not act", .bad)) }
        if status.controller.journalStalled == true {
            parts.append(("DISK FULL: nothing is decided, and this may not be durable", .bad))
        }
        if status.controller.journalLate { parts.append(("slow disk", .warning)) }
        let age = DurationText.text(milliseconds: uptime)
        parts.append(("controller \(status.controller.version), up \(age)", .faint))
        parts.append(("you: \(status.you.name) (\(status.you.role))", .faint))
        if let end = status.you.certificateNotAfter {
            parts.append(("credential ends \(NodeWords.until(end, at: now))", .faint))
        }
        var lines = PackedLines(style: style, width: isCut ? width : nil).lines(parts)
        if let notices = status.notices {
            if !notices.configured {
                lines += wrapped(NotifyPage.notSetUp).map { style.paint($0, .faint) }
            } else if notices.pending > 0 {
                let count =
                    notices.pending == 1 ? "1 message waits" : "\(notices.pending) messages wait"
                lines += wrapped("\(count) to be delivered: muster notify pending")
                    .map { style.paint($0, .faint) }
            }
        }
        if let first = status.expiringCertificates.first {
            let more = status.expiringCertificates.count - 1
            let also = more > 0 ? " and \(more) more" : ""
            let remaining = first.remainingMilliseconds - ageMilliseconds
            let end =
                remaining < 0
                ? "has ended" : "ends in \(DurationText.text(milliseconds: remaining))"
            let text = "certificate of \(first.subject) \(end)\(also)"
            lines += wrapped(text).map { style.paint($0, .warning) }
        }
        return lines
    }

    static func tone(_ verdict: Verdict) -> Tone {
        switch verdict {
        case .healthy: .good
        case .degraded: .warning
        default: .bad
        }
    }

    static func tone(_ severity: Severity) -> Tone {
        switch severity {
        case .critical: .bad
        case .warning: .warning
        default: .plain
        }
    }

    static func tone(_ site: SiteStatus) -> Tone {
        if site.total == 0 { return .plain }
        if site.online == 0 { return site.inMaintenance == site.total ? .warning : .bad }
        if site.online < site.minimum { return .bad }
        let below = SiteWords.thresholdsBelow(site).map(\.rule.severity)
        if below.contains(.critical) { return .bad }
        return site.online < site.total || below.contains(.warning) ? .warning : .good
    }
}
