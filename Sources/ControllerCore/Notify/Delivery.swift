public import Model

/// How far a notice is along the life of what it tells of.
public enum NoticeState: String, Hashable, Sendable, CaseIterable {
    /// Something is wrong, and was not before; or more of it is.
    case firing
    /// It is as it should be again.
    case resolved
    /// It happened and has no end: a run has ended, a drill is done.
    case told
    /// Nothing happened: somebody tries a receiver.
    case test
}

/// One thing that a notice tells of.
public struct NoticeItem: Hashable, Sendable {
    public var state: NoticeState
    public var kind: EventKind
    public var severity: Severity
    /// Empty where it is about no site.
    public var site: String
    /// The name of the node, site, run, task … it is about.
    public var subject: String
    public var text: String
    public var cause: String
    public var consequence: String
    public var since: WallTime
    /// Nil unless resolved.
    public var endedAt: WallTime?
    /// The number of the event that it comes from.
    public var sequence: UInt64
    /// What tells it from others of its kind and subject: `paris/minimum` of a threshold. Empty where
    /// nothing has to, and of what has no end.
    public var about: String
    /// Other severities that the receiver was told it has, each of which is over.
    public var formerSeverities: [Severity]
    /// A node's loss that stands for nothing of its own here: its site's alarm does, and its end is not
    /// told.
    public var isCovered: Bool

    public init(
        state: NoticeState,
        kind: EventKind,
        severity: Severity,
        site: String = "",
        subject: String,
        text: String,
        cause: String = "",
        consequence: String = "",
        since: WallTime,
        endedAt: WallTime? = nil,
        sequence: UInt64,
        about: String = "",
        formerSeverities: [Severity] = [],
        isCovered: Bool = false
    ) {
        self.state = state
        self.kind = kind
        self.severity = severity
        self.site = site
        self.subject = subject
        self.text = text
        self.cause = cause
        self.consequence = consequence
        self.since = since
        self.endedAt = endedAt
        self.sequence = sequence
        self.about = about
        self.formerSeverities = formerSeverities
        self.isCovered = isCovered
    }
}

/// What is said, rendered and final: each attempt, and each controller after a restart, says the same.
public struct NoticeMessage: Hashable, Sendable {
    /// Unique for the life of the cluster, the same in every attempt; of `[a-z0-9.-]`, the left part of
    /// the `Message-ID`.
    public var id: String
    /// The ``id`` of the message that first told of this; nil when this one is the first.
    public var thread: String?
    /// When it was decided.
    public var at: WallTime
    public var state: NoticeState
    /// The worst of its items.
    public var severity: Severity
    /// One line, from the template.
    public var subject: String
    /// Lines ending in LF, from the template.
    public var text: String
    /// The worst first; at most ``itemsMax``.
    public var items: [NoticeItem]
    /// How many more there are.
    public var itemsLeftOut: Int
    /// What is one matter with an item to people, and one of its own to what counts alerts; at most
    /// ``itemsMax``.
    public var folded: [NoticeItem] = []

    public static let itemsMax = 50

    public init(
        id: String,
        thread: String? = nil,
        at: WallTime,
        state: NoticeState,
        severity: Severity,
        subject: String,
        text: String,
        items: [NoticeItem],
        itemsLeftOut: Int = 0
    ) {
        self.id = id
        self.thread = thread
        self.at = at
        self.state = state
        self.severity = severity
        self.subject = subject
        self.text = text
        self.items = items
        self.itemsLeftOut = itemsLeftOut
    }
}

/// Where a notice goes. What stands behind a name is said in the controller's configuration, on its
/// host; an operator can only choose among the names.
public enum Destination: Hashable, Sendable {
    /// One recipient; `among` is all of them, for the `To` header.
    case mail(to: String, among: [String])
    case webhook(String)
    case alertmanager(String)
    case command(String)
}

/// An attempt to bring one message to one destination, which the shell makes when it is durable, and
/// answers with ``ControllerEvent/delivered(_:attempt:_:)``, once.
public struct Delivery: Hashable, Sendable {
    /// Of the message and the destination together; never used again.
    public var number: UInt64
    /// 1, 2, …
    public var attempt: UInt32
    public var destination: Destination
    public var message: NoticeMessage

    public init(number: UInt64, attempt: UInt32, destination: Destination, message: NoticeMessage) {
        self.number = number
        self.attempt = attempt
        self.destination = destination
        self.message = message
    }
}

/// What came of an attempt.
public enum DeliveryOutcome: Hashable, Sendable {
    /// The other side has taken it.
    case delivered
    /// It may do so later: why it did not now.
    case failed(String)
    /// It never will, as it stands: an address that does not exist, a name that is not configured.
    case refused(String)
}

/// What the controller's configuration has names for.
public struct NotifyChannels: Hashable, Sendable {
    public var hasMail: Bool
    public var webhooks: [String]
    public var alertmanagers: [String]
    public var commands: [String]

    public init(
        hasMail: Bool = false,
        webhooks: [String] = [],
        alertmanagers: [String] = [],
        commands: [String] = []
    ) {
        self.hasMail = hasMail
        self.webhooks = webhooks
        self.alertmanagers = alertmanagers
        self.commands = commands
    }
}
