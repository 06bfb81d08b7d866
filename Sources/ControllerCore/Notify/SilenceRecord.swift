public import Model
import Protocol

/// What somebody does not want to be told for a time.
public struct SilenceDraft: Hashable, Sendable {
    public static let lifetimeMax: Duration = .seconds(30 * 86_400)

    /// Empty for every kind.
    public var kinds: [KindPattern]
    /// Empty for every site, and for what is of no site.
    public var sites: [SiteName]
    /// The node, run, … it is about; empty for all.
    public var subject: String
    public var owner: String
    public var until: WallTime

    public init(
        kinds: [KindPattern] = [],
        sites: [SiteName] = [],
        subject: String = "",
        owner: String,
        until: WallTime
    ) {
        self.kinds = kinds
        self.sites = sites
        self.subject = subject
        self.owner = owner
        self.until = until
    }

    func matches(_ alarm: AlarmRecord) -> Bool {
        (kinds.isEmpty || kinds.contains { $0.matches(alarm.kind) })
            && (sites.isEmpty || sites.contains { $0.text == alarm.site })
            && (subject.isEmpty || subject == alarm.subject)
    }

    /// For people: `node.*, site a, subject web-1`.
    public var matchers: String {
        let parts =
            kinds.map(\.text) + sites.map { "site \($0)" }
            + (subject.isEmpty ? [] : ["subject \(subject)"])
        return parts.isEmpty ? "everything" : parts.joined(separator: ", ")
    }
}

/// A silence that has not ended.
public struct SilenceRecord: Hashable, Sendable {
    public var number: UInt64
    public var draft: SilenceDraft
    public var reason: String
    public var by: String
    public var at: WallTime

    init(number: UInt64, draft: SilenceDraft, reason: String, by: String, at: WallTime) {
        self.number = number
        self.draft = draft
        self.reason = reason
        self.by = by
        self.at = at
    }

    var storeKey: String { TaskID(number).storeKey }

    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            number: try fields.number("number"),
            draft: SilenceDraft(
                kinds: fields.words("kinds").map { KindPattern($0) },
                sites: names(fields, "sites"),
                subject: fields.optionalText("subject") ?? "",
                owner: fields.optionalText("owner") ?? "",
                until: try fields.time("until")
            ),
            reason: fields.optionalText("reason") ?? "",
            by: fields.optionalText("by") ?? "",
            at: try fields.time("at")
        )
    }

    var line: Line {
        var writer = LineWriter("SILENCE")
        writer.put("number", number)
        writer.put("kinds", draft.kinds.map(\.text).joined(separator: ","))
        writer.put("sites", draft.sites.map(\.text).joined(separator: ","))
        writer.put("subject", draft.subject)
        writer.put("owner", draft.owner)
        writer.put("until", draft.until)
        writer.put("reason", reason)
        writer.put("by", by)
        writer.put("at", at)
        return writer.line
    }
}
