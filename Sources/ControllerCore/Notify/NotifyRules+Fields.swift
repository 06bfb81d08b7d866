public import Model
import Protocol

/// The rules as the store has them.
public struct NotifyRulesRecord: Hashable, Sendable {
    public static let storeKey = "notify-rules"

    public var rules: NotifyRules
    /// Raised with each change.
    public var version: UInt32
    public var by: String
    public var at: WallTime

    public init(rules: NotifyRules, version: UInt32, by: String, at: WallTime) {
        self.rules = rules
        self.version = version
        self.by = by
        self.at = at
    }

    init(_ fields: FieldReader) throws(MessageError) {
        var rules = NotifyRules(
            giveUpAfter: try fields.milliseconds("give-up-after"),
            undeliverable: names(fields, "undeliverable"),
            pages: fields.optionalText("pages") ?? "",
            source: fields.optionalText("source") ?? ""
        )
        for line in try fields.lines("receivers") {
            rules.receivers.append(try NotifyReceiver(line))
        }
        for line in try fields.lines("routes") { rules.routes.append(try NotifyRoute(line)) }
        for line in try fields.lines("thresholds") {
            rules.thresholds.append(try NotifyThreshold(line))
        }
        rules.templates.subject = fields.optionalText("subject")
        rules.templates.body = fields.optionalText("body")
        for line in try fields.lines("templates") {
            // A kind of a later version is passed over.
            guard let kind = EventKind(rawValue: try line.text("kind")) else { continue }
            rules.templates.kinds.append(
                NotifyTemplates.OfKind(
                    kind: kind,
                    subject: line.optionalText("subject"),
                    body: line.optionalText("body")
                )
            )
        }
        self.init(
            rules: rules,
            version: try fields.number("version"),
            by: fields.optionalText("by") ?? "",
            at: try fields.time("at")
        )
    }

    var line: Line {
        var writer = LineWriter("NOTIFY")
        writer.put("version", version)
        writer.put("by", by)
        writer.put("at", at)
        writer.put("give-up-after", milliseconds: rules.giveUpAfter)
        writer.put("undeliverable", rules.undeliverable.map(\.text).joined(separator: ","))
        writer.put("pages", rules.pages)
        writer.put("receivers", lines: rules.receivers.map(\.line))
        writer.put("routes", lines: rules.routes.map(\.line))
        writer.put("thresholds", lines: rules.thresholds.map(\.line))
        writer.put("subject", rules.templates.subject)
        writer.put("body", rules.templates.body)
        writer.put("templates", lines: rules.templates.kinds.map(\.line))
        writer.put("source", rules.source)
        return writer.line
    }
}

extension FieldReader {
    /// Lines within a field, each on a line of its own.
    func lines(_ key: String) throws(MessageError) -> [FieldReader] {
        var found: [FieldReader] = []
        for text in (optionalText(key) ?? "").split(separator: "\n") {
            guard let line = try? Line.parse(String(text), limits: .record) else {
                throw .bad(key: key, expected: "lines")
            }
            found.append(FieldReader(line))
        }
        return found
    }

    func words(_ key: String) -> [String] {
        (optionalText(key) ?? "").split(separator: ",").map { String($0) }
    }
}

extension LineWriter {
    mutating func put(_ key: String, lines: [Line]) {
        put(key, lines.map(\.description).joined(separator: "\n"))
    }
}

func names<Kind>(_ fields: FieldReader, _ key: String) -> [Identifier<Kind>] {
    fields.words(key).compactMap { Identifier<Kind>($0) }
}

extension NotifyReceiver {
    fileprivate init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            name: try fields.name("name"),
            mail: fields.words("mail"),
            webhooks: fields.words("webhooks"),
            alertmanagers: fields.words("alertmanagers"),
            commands: fields.words("commands")
        )
    }

    fileprivate var line: Line {
        var writer = LineWriter("RECEIVER")
        writer.put("name", name)
        writer.put("mail", mail.joined(separator: ","))
        writer.put("webhooks", webhooks.joined(separator: ","))
        writer.put("alertmanagers", alertmanagers.joined(separator: ","))
        writer.put("commands", commands.joined(separator: ","))
        return writer.line
    }
}

extension NotifyRoute {
    fileprivate init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            kinds: fields.words("kinds").map { KindPattern($0) },
            sites: names(fields, "sites"),
            severity: try fields.word("severity"),
            receivers: names(fields, "receivers"),
            continues: try fields.flag("continue"),
            groupBy: try fields.word("group-by"),
            groupWait: try fields.milliseconds("group-wait"),
            groupInterval: try fields.milliseconds("group-interval"),
            repeatInterval: try fields.milliseconds("repeat-interval"),
            planned: try fields.flag("planned"),
            resolved: try fields.flag("resolved")
        )
    }

    fileprivate var line: Line {
        var writer = LineWriter("ROUTE")
        writer.put("kinds", kinds.map(\.text).joined(separator: ","))
        writer.put("sites", sites.map(\.text).joined(separator: ","))
        writer.put("severity", severity)
        writer.put("receivers", receivers.map(\.text).joined(separator: ","))
        writer.put("continue", continues)
        writer.put("group-by", groupBy)
        writer.put("group-wait", milliseconds: groupWait)
        writer.put("group-interval", milliseconds: groupInterval)
        writer.put("repeat-interval", milliseconds: repeatInterval)
        writer.put("planned", planned)
        writer.put("resolved", resolved)
        return writer.line
    }
}

extension NotifyThreshold {
    fileprivate init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            name: try fields.name("name"),
            site: try fields.name("site"),
            minimum: try fields.number("minimum"),
            hold: try fields.milliseconds("for"),
            recover: try fields.milliseconds("recover"),
            severity: try fields.word("severity"),
            further: try fields.flag("further"),
            action: try fields.word("action"),
            advice: fields.optionalText("advice") ?? ""
        )
    }

    fileprivate var line: Line {
        var writer = LineWriter("THRESHOLD")
        writer.put("name", name)
        writer.put("site", site)
        writer.put("minimum", minimum)
        writer.put("for", milliseconds: hold)
        writer.put("recover", milliseconds: recover)
        writer.put("severity", severity)
        writer.put("further", further)
        writer.put("action", action)
        writer.put("advice", advice)
        return writer.line
    }
}

extension NotifyTemplates.OfKind {
    fileprivate var line: Line {
        var writer = LineWriter("TEMPLATE")
        writer.put("kind", kind)
        writer.put("subject", subject)
        writer.put("body", body)
        return writer.line
    }
}
