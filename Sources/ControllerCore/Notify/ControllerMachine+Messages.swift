import Model
import Protocol

// What a message says: the templates, filled in.

extension ControllerMachine {
    static let subjectBytesMax = 250
    /// What a list of mails shows of a subject, or little more.
    static let subjectCharactersMax = 120
    static let bodyBytesMax = 32 << 10

    /// - Parameter items: the worst first, each with what to do about it where that is not what is
    ///   always done about its kind.
    func message(
        id: String,
        thread: String?,
        _ state: NoticeState,
        _ items: [(item: NoticeItem, advice: String)],
        leftOut: Int
    ) -> NoticeMessage {
        let listed = Array(items.prefix(NoticeMessage.itemsMax))
        let others = NoticeOthers(items.map(\.item), leftOut: leftOut)
        let leftOut = leftOut + items.count - listed.count
        var severity = Severity.info
        for (item, _) in items
        where item.state == state && !item.isCovered && item.severity.rank > severity.rank {
            severity = item.severity
        }
        let rules = notify.rules ?? NotifyRules()
        let kind = listed.first?.item.kind ?? .noticeTest
        let filler = NoticeFiller(
            cluster: cluster.name,
            state: state,
            now: now.wall,
            items: listed,
            leftOut: leftOut,
            also: others.text,
            alsoBrief: others.brief,
            rules: rules
        )
        return NoticeMessage(
            id: id,
            thread: thread,
            at: now.wall,
            state: state,
            severity: severity,
            subject: filler.subject(rules.templates.subject(of: kind)),
            text: filler.body(rules.templates.body(of: kind)),
            items: listed.map(\.item),
            itemsLeftOut: leftOut
        )
    }

    /// What a message of a kind would look like, with the rules that hold or with others.
    public func preview(of kind: EventKind, _ state: NoticeState, rules: NotifyRules? = nil)
        -> NoticeMessage
    {
        var machine = self
        if let rules {
            machine.notify.record = NotifyRulesRecord(
                rules: rules,
                version: 0,
                by: "",
                at: now.wall
            )
        }
        let began = now.wall + .seconds(-754)
        let site = cluster.activeSite
        let other = sites.keys.first { $0 != site }?.text ?? "standby"
        let sample = NoticeSample(kind, site: site.text, other: other)
        let event = ClusterEvent(
            sequence: 0,
            at: began,
            kind: kind,
            severity: sample.severity,
            subject: sample.subject,
            text: sample.text(ended: state == .resolved),
            cause: state == .resolved ? "" : sample.cause,
            consequence: state == .resolved ? "" : sample.consequence,
            site: sample.site
        )
        var alarm = AlarmRecord(event, key: "", state: state)
        alarm.endedAt = state == .resolved ? now.wall : nil
        let told = [(alarm.item(for: nil), alarm.advice)]
        return machine.message(id: "preview", thread: nil, state, told, leftOut: 0)
    }
}

/// Fills a template's fields with what a message tells.
struct NoticeFiller {
    let cluster: String
    let state: NoticeState
    let now: WallTime
    let items: [(item: NoticeItem, advice: String)]
    let leftOut: Int
    var also: String
    /// The same without names.
    let alsoBrief: String
    let rules: NotifyRules
    /// Characters of the headline; nil for all.
    var headlineMax: Int?

    /// Whoever is woken reads how bad it is, where and what; what else there is, and the rest of a long
    /// headline, stand in the text.
    func subject(_ template: String) -> String {
        let limit = ControllerMachine.subjectCharactersMax
        var filler = self
        var line = filler.line(template)
        if line.count > limit {
            filler.also = alsoBrief
            line = filler.line(template)
        }
        if line.count > limit, let item = items.first?.item {
            filler.headlineMax = max(40, Self.headline(item).count - (line.count - limit))
            line = filler.line(template)
        }
        return kept(cut(line, to: limit), bytesMax: ControllerMachine.subjectBytesMax)
    }

    private func line(_ template: String) -> String {
        let text = fill(template, NoticeTemplate.defaultSubject, bytesMax: 2_000)
        // One line, whatever was filled in.
        var line = ""
        for scalar in text.unicodeScalars {
            line.unicodeScalars.append(scalar.isPlain ? scalar : " ")
        }
        return line
    }

    private static func headline(_ item: NoticeItem) -> String {
        item.text.hasSuffix(".") ? String(item.text.dropLast()) : item.text
    }

    /// At the last end of a clause that fits, or of a word.
    private func cut(_ text: String, to limit: Int) -> String {
        guard text.count > limit else { return text }
        let room = text.prefix(max(1, limit - 1))
        var clause: Substring?
        var word: Substring?
        for index in room.indices.dropFirst(20) where text[index] == " " {
            word = text[..<index]
            if ":;,".contains(text[text.index(before: index)]) {
                clause = text[..<text.index(before: index)]
            } else if text[text.index(after: index)...].hasPrefix("(") {
                clause = text[..<index]
            }
        }
        // A clause that says too little is no better than a half one.
        if let clause, clause.count * 2 >= limit { return "\(clause)…" }
        return "\(word ?? room)…"
    }

    func body(_ template: String) -> String {
        let limit = ControllerMachine.bodyBytesMax
        let text = kept(
            fill(template, NoticeTemplate.defaultBody, bytesMax: limit),
            bytesMax: limit
        )
        return text.hasSuffix("\n") ? text : text + "\n"
    }

    /// A template that was good when it was saved, and is none to this version, gives way to the
    /// built-in one.
    private func fill(_ template: String, _ other: String, bytesMax: Int) -> String {
        guard let template = NoticeTemplate(template) ?? NoticeTemplate(other) else {
            preconditionFailure("the built-in template has a mistake")
        }
        return template.render(itemCount: items.count, bytesMax: bytesMax) { field, item in
            if field.isOfMessage { return ofMessage(field) }
            guard items.indices.contains(item ?? 0) else { return "" }
            let (shown, advice) = items[item ?? 0]
            return value(field, shown, advice, state: item == nil ? state : shown.state)
        }
    }

    private func ofMessage(_ field: NoticeField) -> String {
        let count = items.count + leftOut
        switch field {
        case .cluster: return cluster
        case .count: return "\(count)"
        case .others: return count > 1 ? "\(count - 1)" : ""
        case .also: return also
        case .more: return leftOut > 0 ? "\(leftOut)" : ""
        case .label, .severity, .state, .kind, .site, .subject, .text, .headline, .cause,
            .consequence, .since, .ended, .duration, .todo, .link, .firing, .resolved, .told, .test:
            return ""
        }
    }

    private func value(
        _ field: NoticeField,
        _ item: NoticeItem,
        _ advice: String,
        state: NoticeState
    ) -> String {
        switch field {
        case .cluster, .count, .others, .also, .more: ""
        case .label:
            switch state {
            case .firing, .told: item.severity.rawValue.uppercased()
            case .resolved: "RESOLVED"
            case .test: "TEST"
            }
        case .severity: item.severity.rawValue
        case .state: state.rawValue
        case .kind: item.kind.rawValue
        case .site: item.site
        case .subject: item.subject
        case .text: flat(item.text)
        case .headline: cut(flat(Self.headline(item)), to: headlineMax ?? .max)
        case .cause: flat(item.cause)
        case .consequence: flat(item.consequence)
        case .since: item.since.forPeople
        case .ended: item.endedAt?.forPeople ?? ""
        case .duration: ((item.endedAt ?? now) - item.since).forPeople
        case .todo: advice.isEmpty ? item.kind.todo(item.subject, site: item.site) : advice
        case .link: rules.page(of: item.kind)
        case .firing: state == .firing ? "yes" : ""
        case .resolved: state == .resolved ? "yes" : ""
        case .told: state == .told ? "yes" : ""
        case .test: state == .test ? "yes" : ""
        }
    }
}

/// In one line: what a node has said stands in the middle of a message, and does not look like the lines
/// around it.
private func flat(_ text: String) -> String {
    var flat = ""
    for scalar in text.unicodeScalars { flat.unicodeScalars.append(scalar.isPlain ? scalar : " ") }
    return flat
}
