public import Model
import Protocol

/// A message that was decided; kept while a delivery of it is kept.
public struct NoticeRecord: Hashable, Sendable {
    public var number: UInt64
    public var receiver: ReceiverName
    /// Of what is told together; empty for a test.
    public var group: String
    /// It tells of nothing but deliveries that failed: that it fails itself is told to nobody.
    public var isAboutDeliveries: Bool
    public var message: NoticeMessage

    var storeKey: String { TaskID(number).storeKey }

    init(
        number: UInt64,
        receiver: ReceiverName,
        group: String,
        isAboutDeliveries: Bool,
        message: NoticeMessage
    ) {
        self.number = number
        self.group = group
        self.receiver = receiver
        self.isAboutDeliveries = isAboutDeliveries
        self.message = message
    }

    init(_ fields: FieldReader) throws(MessageError) {
        func items(_ key: String) throws(MessageError) -> [NoticeItem] {
            var items: [NoticeItem] = []
            for line in try fields.lines(key) {
                // A kind of a later version: the text has it all the same.
                guard let kind = EventKind(rawValue: try line.text("kind")) else { continue }
                items.append(try NoticeItem(line, kind))
            }
            return items
        }
        self.init(
            number: try fields.number("number"),
            receiver: try fields.name("receiver"),
            group: fields.optionalText("group") ?? "",
            isAboutDeliveries: try fields.flag("about-deliveries"),
            message: NoticeMessage(
                id: try fields.text("id"),
                thread: fields.optionalText("thread"),
                at: try fields.time("at"),
                state: try fields.word("state"),
                severity: try fields.word("severity"),
                subject: fields.optionalText("subject") ?? "",
                text: fields.optionalText("text") ?? "",
                items: try items("items"),
                itemsLeftOut: try fields.optionalNumber("left-out", in: 0...Int(Int32.max)) ?? 0
            )
        )
        message.folded = try items("folded")
    }

    var line: Line {
        var writer = LineWriter("NOTICE")
        writer.put("number", number)
        writer.put("receiver", receiver)
        writer.put("group", group)
        writer.put("about-deliveries", isAboutDeliveries)
        writer.put("id", message.id)
        writer.put("thread", message.thread)
        writer.put("at", message.at)
        writer.put("state", message.state)
        writer.put("severity", message.severity)
        writer.put("subject", message.subject)
        writer.put("text", message.text)
        writer.put("items", lines: message.items.map(\.line))
        if !message.folded.isEmpty { writer.put("folded", lines: message.folded.map(\.line)) }
        if message.itemsLeftOut > 0 { writer.put("left-out", message.itemsLeftOut) }
        return writer.line
    }
}

extension NoticeItem {
    fileprivate init(_ fields: FieldReader, _ kind: EventKind) throws(MessageError) {
        self.init(
            state: try fields.word("state"),
            kind: kind,
            severity: try fields.word("severity"),
            site: fields.optionalText("site") ?? "",
            subject: fields.optionalText("subject") ?? "",
            text: fields.optionalText("text") ?? "",
            cause: fields.optionalText("cause") ?? "",
            consequence: fields.optionalText("consequence") ?? "",
            since: try fields.time("since"),
            endedAt: try fields.optionalTime("ended"),
            sequence: try fields.number("sequence"),
            about: fields.optionalText("about") ?? "",
            formerSeverities: fields.words("former").compactMap { Severity(rawValue: $0) },
            isCovered: try fields.flag("covered")
        )
    }

    fileprivate var line: Line {
        var writer = LineWriter("ITEM")
        writer.put("state", state)
        writer.put("kind", kind)
        writer.put("severity", severity)
        writer.put("site", site)
        writer.put("subject", subject)
        writer.put("text", text)
        writer.put("cause", cause)
        writer.put("consequence", consequence)
        writer.put("since", since)
        writer.put("ended", endedAt)
        writer.put("sequence", sequence)
        if !about.isEmpty { writer.put("about", about) }
        if !formerSeverities.isEmpty {
            writer.put("former", formerSeverities.map(\.rawValue).joined(separator: ","))
        }
        if isCovered { writer.put("covered", true) }
        return writer.line
    }
}

/// One message on its way to one destination, or what has become of it.
public struct DeliveryRecord: Hashable, Sendable {
    static let errorBytesMax = 500

    public enum State: String, Hashable, Sendable, CaseIterable {
        /// To be attempted, or under way.
        case pending
        case delivered
        /// The other side will never take it.
        case refused
        /// Not taken for as long as the rules allow.
        case givenUp = "given-up"
        /// An operator, new rules or the limit of the outbox has taken it out.
        case dropped
    }

    public var number: UInt64
    /// Of ``NoticeRecord``.
    public var notice: UInt64
    public var receiver: ReceiverName
    public var destination: Destination
    public var state: State
    public var severity: Severity
    public var queuedAt: WallTime
    /// Attempts that were begun.
    public var attempts: UInt32
    /// When it is attempted next; nil while one is under way and when it has ended.
    public var nextAt: WallTime?
    public var endedAt: WallTime?
    /// Why the last attempt failed, or why it was dropped.
    public var lastError: String

    var storeKey: String { TaskID(number).storeKey }

    init(
        number: UInt64,
        notice: UInt64,
        receiver: ReceiverName,
        destination: Destination,
        severity: Severity,
        queuedAt: WallTime
    ) {
        self.number = number
        self.notice = notice
        self.receiver = receiver
        self.destination = destination
        self.severity = severity
        self.queuedAt = queuedAt
        state = .pending
        attempts = 0
        nextAt = queuedAt
        lastError = ""
    }

    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            number: try fields.number("number"),
            notice: try fields.number("notice"),
            receiver: try fields.name("receiver"),
            destination: try Destination(fields),
            severity: try fields.word("severity"),
            queuedAt: try fields.time("queued")
        )
        state = try fields.word("state")
        attempts = try fields.optionalNumber("attempts") ?? 0
        nextAt = try fields.optionalTime("next")
        endedAt = try fields.optionalTime("ended")
        lastError = fields.optionalText("error") ?? ""
    }

    var line: Line {
        var writer = LineWriter("DELIVERY")
        writer.put("number", number)
        writer.put("notice", notice)
        writer.put("receiver", receiver)
        destination.put(to: &writer)
        writer.put("severity", severity)
        writer.put("queued", queuedAt)
        writer.put("state", state)
        if attempts > 0 { writer.put("attempts", attempts) }
        writer.put("next", nextAt)
        writer.put("ended", endedAt)
        writer.put("error", lastError)
        return writer.line
    }
}

extension Destination {
    /// For people, and the subject of events: `mail to ops@example.com`, `webhook chat`.
    public var text: String {
        switch self {
        case .mail(let to, _): "mail to \(to)"
        case .webhook(let name): "webhook \(name)"
        case .alertmanager(let name): "alertmanager \(name)"
        case .command(let name): "command \(name)"
        }
    }

    /// What it goes through: one mail server takes the mail to everybody.
    var server: String {
        if case .mail = self { "mail" } else { text }
    }

    init(_ fields: FieldReader) throws(MessageError) {
        let name = try fields.text("to")
        switch try fields.text("by") {
        case "mail": self = .mail(to: name, among: fields.words("among"))
        case "webhook": self = .webhook(name)
        case "alertmanager": self = .alertmanager(name)
        case "command": self = .command(name)
        default: throw .bad(key: "by", expected: "mail, webhook, alertmanager or command")
        }
    }

    func put(to writer: inout LineWriter) {
        switch self {
        case .mail(let to, let among):
            writer.put("by", "mail")
            writer.put("to", to)
            writer.put("among", among.joined(separator: ","))
        case .webhook(let name):
            writer.put("by", "webhook")
            writer.put("to", name)
        case .alertmanager(let name):
            writer.put("by", "alertmanager")
            writer.put("to", name)
        case .command(let name):
            writer.put("by", "command")
            writer.put("to", name)
        }
    }
}
