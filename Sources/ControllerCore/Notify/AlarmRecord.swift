public import Model
import Protocol

/// Something that is wrong for as long as the record is there, or that has happened and is yet to be
/// told: what of it was told to whom is part of it, so that a restart neither repeats nor forgets.
public struct AlarmRecord: Hashable, Sendable {
    static let textBytesMax = 400

    /// How far one receiver was told.
    public struct Target: Hashable, Sendable {
        public enum State: String, Hashable, Sendable, CaseIterable {
            /// To be told with the group's next message.
            case waiting
            case told
            /// Was told; its end is to be told with the group's next message.
            case ending
            /// Told as a part of its site's alarm: neither it nor its end has a message of its own.
            case covered
            /// Was covered, and the site's alarm is over: to be told with the group's next message, and no
            /// news to who has read the site's.
            case uncovered
        }

        var isToBeTold: Bool { state == .waiting || state == .uncovered }

        /// Stands for the message where there was no destination to send one to.
        public static let noMessage = "none"

        public var receiver: ReceiverName
        /// Of what is told together.
        public var group: String
        public var state: State
        /// Of the message that told of it first.
        public var thread: String?
        /// The severities it was told with, the last one last; not known of what an older version told.
        public var severities: [Severity] = []

        init(receiver: ReceiverName, group: String, state: State = .waiting, thread: String? = nil)
        {
            self.receiver = receiver
            self.group = group
            self.state = state
            self.thread = thread
        }
    }

    /// That of the event that it began with.
    public var number: UInt64
    /// What opens and closes it: `node.offline/web-1`. Only one that fires has it.
    public var key: String
    public var state: NoticeState
    public var kind: EventKind
    public var severity: Severity
    /// Empty where it is about no site.
    public var site: String
    public var subject: String
    public var text: String
    public var cause: String
    public var consequence: String
    /// What to do, where it is not what is always done about the kind.
    public var advice: String
    public var isPlanned: Bool
    public var since: WallTime
    public var endedAt: WallTime?
    /// It got worse so often since it began.
    public var further: UInt32
    /// Of a threshold: losses when it was told last.
    public var level: UInt32
    public var targets: [Target]

    var storeKey: String { TaskID(number).storeKey }

    init(_ event: ClusterEvent, key: String, state: NoticeState, advice: String = "") {
        number = event.sequence
        self.key = key
        self.state = state
        kind = event.kind
        severity = event.severity
        site = event.site
        subject = event.subject
        text = kept(event.text, bytesMax: Self.textBytesMax)
        cause = kept(event.cause, bytesMax: Self.textBytesMax)
        consequence = ""
        self.advice = advice
        isPlanned = event.isPlanned
        since = event.at
        further = 0
        level = 0
        targets = []
        consequence = takeConsequence(event.consequence)
    }

    /// What follows for people; a command alone is what to do, where nothing else is.
    private mutating func takeConsequence(_ text: String) -> String {
        guard text.hasPrefix("muster ") else { return kept(text, bytesMax: Self.textBytesMax) }
        if advice.isEmpty { advice = kept(text, bytesMax: Self.textBytesMax) }
        return ""
    }

    /// What it is about has changed, or is told anew.
    mutating func take(_ event: ClusterEvent, advice: String) {
        severity = event.severity
        isPlanned = event.isPlanned
        text = kept(event.text, bytesMax: Self.textBytesMax)
        cause = kept(event.cause, bytesMax: Self.textBytesMax)
        self.advice = advice
        consequence = takeConsequence(event.consequence)
    }

    init(_ fields: FieldReader) throws(MessageError) {
        guard let kind = EventKind(rawValue: try fields.text("kind")) else {
            throw .bad(key: "kind", expected: "a kind of event")
        }
        number = try fields.number("number")
        key = fields.optionalText("key") ?? ""
        state = try fields.word("state")
        self.kind = kind
        severity = try fields.word("severity")
        site = fields.optionalText("site") ?? ""
        subject = fields.optionalText("subject") ?? ""
        text = fields.optionalText("text") ?? ""
        cause = fields.optionalText("cause") ?? ""
        consequence = fields.optionalText("consequence") ?? ""
        advice = fields.optionalText("advice") ?? ""
        isPlanned = try fields.flag("planned")
        since = try fields.time("since")
        endedAt = try fields.optionalTime("ended")
        further = try fields.optionalNumber("further") ?? 0
        level = try fields.optionalNumber("level") ?? 0
        targets = []
        for line in try fields.lines("targets") {
            var target = Target(
                receiver: try line.name("receiver"),
                group: try line.text("group"),
                state: try line.word("state"),
                thread: line.optionalText("thread")
            )
            target.severities = line.words("severities").compactMap { Severity(rawValue: $0) }
            targets.append(target)
        }
    }

    var line: Line {
        var writer = LineWriter("ALARM")
        writer.put("number", number)
        writer.put("key", key)
        writer.put("state", state)
        writer.put("kind", kind)
        writer.put("severity", severity)
        writer.put("site", site)
        writer.put("subject", subject)
        writer.put("text", text)
        writer.put("cause", cause)
        writer.put("consequence", consequence)
        writer.put("advice", advice)
        writer.put("planned", isPlanned)
        writer.put("since", since)
        writer.put("ended", endedAt)
        if further > 0 { writer.put("further", further) }
        if level > 0 { writer.put("level", level) }
        writer.put(
            "targets",
            lines: targets.map { target in
                var writer = LineWriter("TO")
                writer.put("receiver", target.receiver)
                writer.put("group", target.group)
                writer.put("state", target.state)
                writer.put("thread", target.thread)
                if !target.severities.isEmpty {
                    let words = target.severities.map(\.rawValue)
                    writer.put("severities", words.joined(separator: ","))
                }
                return writer.line
            }
        )
        return writer.line
    }
}

extension AlarmRecord {
    /// It fires, for the same cause.
    func isAsTold(_ cause: String) -> Bool {
        state == .firing && self.cause == kept(cause, bytesMax: Self.textBytesMax)
    }

    /// What tells it from others of its kind and subject.
    private var about: String {
        let about = key.dropFirst(alarmKey(kind, "").count)
        return about == subject ? "" : String(about)
    }

    /// As a receiver is told of it.
    ///
    /// - Parameter target: what that was told before.
    func item(for target: Target?) -> NoticeItem {
        let severities = target?.severities ?? []
        // What was not told that it got worse, or better, is told the end of what it knows.
        let isKnown = severities.isEmpty || severities.contains(severity)
        let told = state == .resolved && !isKnown ? severities.last ?? severity : severity
        return NoticeItem(
            state: state,
            kind: kind,
            severity: told,
            site: site,
            subject: subject,
            text: text,
            cause: cause,
            consequence: consequence,
            since: since,
            endedAt: endedAt,
            sequence: number,
            about: about,
            formerSeverities: severities.filter { $0 != told }
        )
    }
}
