import API
import Model

/// Who is told of what, in plain words.
enum NotifyWords {
    // MARK: Rules

    /// `ops: mail to a@example.com, b@example.com; webhook chat`
    static func places(_ receiver: NotifyReceiverView) -> String {
        func part(_ word: String, _ names: [String]) -> String? {
            names.isEmpty ? nil : word + " " + names.joined(separator: ", ")
        }
        return [
            part("mail to", receiver.mail), part("webhook", receiver.webhooks),
            part("alertmanager", receiver.alertmanagers), part("command", receiver.commands),
        ].compactMap { $0 }.joined(separator: "; ")
    }

    /// `node.*, run.* of site paris, warning or worse, to ops`
    static func what(_ route: NotifyRouteView) -> String {
        var text =
            route.kinds.isEmpty ? "everything" : route.kinds.joined(separator: ", ")
        if !route.sites.isEmpty {
            text += " of site" + (route.sites.count == 1 ? " " : "s ")
            text += route.sites.joined(separator: ", ")
        }
        switch route.severity {
        case .critical: text += ", critical only"
        case .warning: text += ", warning or worse"
        default: break
        }
        return text + ", to " + route.receivers.joined(separator: ", ")
    }

    /// `one message a site, after 10s, then at most every 5m; again every 4h while it lasts`
    static func how(_ route: NotifyRouteView) -> String {
        let unit =
            switch route.groupBy {
            case "kind": "one message a kind"
            case "site": "one message a site"
            default: "all in one message"
            }
        let first =
            route.groupWaitMilliseconds == 0
            ? "at once" : "after \(time(route.groupWaitMilliseconds))"
        var text = "\(unit), \(first), then at most every \(time(route.groupIntervalMilliseconds))"
        text +=
            route.repeatIntervalMilliseconds == 0
            ? "; not repeated"
            : "; again every \(time(route.repeatIntervalMilliseconds)) while it lasts"
        text += route.planned ? "; planned work, too" : "; no planned work"
        if !route.resolved { text += "; not when it has ended" }
        if route.continues { text += "; later routes look at it, too" }
        return text
    }

    /// `at the 2nd loss from now`
    static func fires(_ threshold: NotifyThresholdStatus, at now: WallTime) -> Cell {
        if let since = threshold.since {
            return Cell("told, below for \(NodeWords.duration(since: since, at: now))", .bad)
        }
        guard threshold.firesAtLoss > 0 else {
            let hold = threshold.rule.forMilliseconds
            return Cell(hold == 0 ? "now" : "below; told after \(time(hold)) of it", .bad)
        }
        guard threshold.online >= threshold.rule.minimum else {
            // Planned work, or nobody has joined yet.
            return Cell("below, and nothing is lost; told at the next loss", .warning)
        }
        let hold = threshold.rule.forMilliseconds
        return Cell(
            "at the \(ordinal(threshold.firesAtLoss)) loss from now"
                + (hold == 0 ? "" : ", after \(time(hold))"),
            threshold.firesAtLoss == 1 ? .warning : .plain
        )
    }

    static func ordinal(_ number: UInt32) -> String {
        switch (number % 10, number % 100) {
        case (1, let rest) where rest != 11: "\(number)st"
        case (2, let rest) where rest != 12: "\(number)nd"
        case (3, let rest) where rest != 13: "\(number)rd"
        default: "\(number)th"
        }
    }

    static func time(_ milliseconds: UInt64) -> String {
        let text = DurationText.text(milliseconds: milliseconds)
        // `5.0s` is 5 s to the reader of rules.
        return text.hasSuffix(".0s") ? String(text.dropLast(3)) + "s" : text
    }

    /// Each part of the rules in a line: what two sets of rules are compared by.
    static func lines(_ rules: NotifyRulesView) -> [String] {
        var lines = rules.receivers.map { "receiver \($0.name): \(places($0))" }
        for (index, route) in rules.routes.enumerated() {
            lines.append("route \(index + 1): \(what(route)): \(how(route))")
        }
        lines += rules.thresholds.map { "threshold \($0.name): \(rule($0))" }
        for template in rules.templates {
            let place = template.kind.map { " of \($0)" } ?? ""
            if let subject = template.subject { lines.append("subject\(place): \(subject)") }
            if let body = template.body { lines.append("body\(place): \(body)") }
        }
        let told =
            rules.undeliverable.isEmpty
            ? "by the routes" : "told to \(rules.undeliverable.joined(separator: ", "))"
        lines.append("undeliverable: after \(time(rules.giveUpAfterMilliseconds)), \(told)")
        return lines + ["pages: \(rules.pages)"]
    }

    static func rule(_ rule: NotifyThresholdRule) -> String {
        var text = "site \(rule.site) with fewer than \(rule.minimum) Online"
        if rule.forMilliseconds > 0 { text += " for \(time(rule.forMilliseconds))" }
        text += ", \(rule.severity.rawValue)"
        text += rule.further ? ", and each further loss" : ", not the further losses"
        if rule.recoverMilliseconds > 0 {
            text += "; over after \(time(rule.recoverMilliseconds))"
        }
        if rule.action == "propose" { text += "; proposes a failover" }
        return text + (rule.advice.isEmpty ? "" : "; \(rule.advice)")
    }

    /// What is gone and what is new, in the order of the rules.
    static func changes(
        from before: NotifyRulesView?,
        to after: NotifyRulesView,
        style: Style,
        width: Int?
    ) -> [String] {
        let old = before.map(lines) ?? []
        let new = lines(after)
        let marked =
            old.filter { !new.contains($0) }.map { ("- " + $0, Tone.bad) }
            + new.filter { !old.contains($0) }.map { ("+ " + $0, Tone.good) }
        return marked.flatMap { line, tone in
            wrapped(line, indent: "  ", width: width).map { style.paint($0, tone) }
        }
    }

    /// Lines of at most the width, those behind the first one indented.
    static func wrapped(_ line: String, indent: String, width: Int?) -> [String] {
        guard let width, DisplayWidth.of(line) > width else { return [line] }
        let parts = DisplayWidth.wrapped(line, to: max(20, width - DisplayWidth.of(indent)))
        return [parts[0]] + parts.dropFirst().map { indent + $0 }
    }

    // MARK: Lists

    static func stateTone(_ state: String) -> Tone {
        switch state {
        case "delivered": .good
        case "pending": .warning
        case "refused", "given-up": .bad
        default: .plain
        }
    }

    /// What has become of it, or comes next.
    static func outcome(_ delivery: NotifyDelivery, at now: WallTime) -> String {
        var text = ""
        if delivery.state == "pending" {
            text =
                delivery.nextAt.map { next in
                    let age = TimeText.age(of: next, at: now) ?? 0
                    return age >= 0
                        ? "attempted now"
                        : "next attempt in \(DurationText.text(milliseconds: -age))"
                } ?? "attempt \(delivery.attempts) is under way"
        }
        guard let error = delivery.error else { return text }
        return text.isEmpty ? error : "\(text); \(error)"
    }

    static func listing(style: Style, at now: WallTime) -> Listing<NotifyDelivery> {
        typealias Column = Listing<NotifyDelivery>.Column
        return Listing(columns: [
            Column("NUMBER", right: true, number: { Int64(clamping: $0.number) }) {
                Cell("\($0.number)")
            },
            Column("NOTICE", right: true, wide: true, number: { Int64(clamping: $0.notice) }) {
                Cell("\($0.notice)")
            },
            Column("AT", number: { TimeText.age(of: $0.queuedAt, at: now) ?? 0 }) {
                Cell(TimeText.short($0.queuedAt, at: now), .faint)
            },
            Column("STATE") {
                Cell("\(style.symbol(stateTone($0.state))) \($0.state)", stateTone($0.state))
            },
            Column("TRIES", right: true, number: { Int64($0.attempts) }) {
                Cell("\($0.attempts)")
            },
            Column("RECEIVER") { Cell($0.receiver, .strong) },
            Column("TO", flexible: true) { Cell($0.destination) },
            Column("WHAT", below: true) { Cell($0.subject) },
            Column("OUTCOME", below: true) { delivery in
                let text = outcome(delivery, at: now)
                return Cell(text, text.isEmpty ? .plain : stateTone(delivery.state))
            },
        ])
    }

    /// `node.*, site a, subject web-1`
    static func matchers(_ silence: NotifySilence) -> String {
        let parts =
            silence.kinds + silence.sites.map { "site \($0)" }
            + (silence.subject.isEmpty ? [] : ["subject \(silence.subject)"])
        return parts.isEmpty ? "everything" : parts.joined(separator: ", ")
    }

    static func silences(at now: WallTime) -> Listing<NotifySilence> {
        typealias Column = Listing<NotifySilence>.Column
        return Listing(columns: [
            Column("NUMBER", right: true, number: { Int64(clamping: $0.number) }) {
                Cell("\($0.number)")
            },
            Column("ENDS", number: { -(TimeText.age(of: $0.until, at: now) ?? 0) }) {
                Cell(NodeWords.until($0.until, at: now))
            },
            Column("OWNER") { Cell($0.owner) },
            Column("WHAT") { Cell(matchers($0), .strong) },
            Column("UNTIL", wide: true) { Cell(TimeText.long($0.until)) },
            Column("BY", wide: true) { Cell($0.by) },
            Column("WHY", flexible: true) { Cell($0.reason) },
        ])
    }
}
