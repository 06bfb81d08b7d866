/// Something that happened.
public struct Event: Codable, Hashable, Sendable {
    /// Counts over the life of the cluster, without gaps: the cursor, and the `id:` in the stream.
    public var sequence: UInt64
    public var at: String
    /// `node.offline`, `service.changed` …
    public var kind: String
    public var severity: Severity
    /// The name of the node, site, operator or token it is about.
    public var subject: String
    public var text: String
    /// What brought it about; may be empty.
    public var cause: String
    /// What followed at once; may be empty.
    public var consequence: String
    /// The site it is about; left out where it is about none.
    public var site: String?
    /// Somebody has ordered it, or what it comes of; left out when nobody has.
    public var planned: Bool?

    public init(
        sequence: UInt64,
        at: String,
        kind: String,
        severity: Severity,
        subject: String,
        text: String,
        cause: String = "",
        consequence: String = "",
        site: String? = nil,
        planned: Bool? = nil
    ) {
        self.sequence = sequence
        self.at = at
        self.kind = kind
        self.severity = severity
        self.subject = subject
        self.text = text
        self.cause = cause
        self.consequence = consequence
        self.site = site
        self.planned = planned
    }
}

/// The answer to `GET /events`.
///
/// Query: `after` (events with a higher sequence, the first `limit` of them; without it the newest
/// `limit`), `limit` (1 to 1 000, 100 when left out), `kind` (one kind, or a prefix that ends in a
/// dot such as `node.`), `subject`, `site`, `severity` (at least this one).
public struct EventPage: Codable, Hashable, Sendable {
    public var asOf: String
    /// Oldest first.
    public var events: [Event]
    /// Give it as `after` for what comes next: the highest sequence that was looked at.
    public var next: UInt64
    /// Whether more may follow after `next`; left out when nothing does. One request with `after` looks
    /// through so many events and no more: with a filter that few pass, a page may be short, or empty.
    public var isCut: Bool?

    public static let limitDefault = 100
    public static let limitMax = 1_000

    public init(asOf: String, events: [Event], next: UInt64, isCut: Bool? = nil) {
        self.asOf = asOf
        self.events = events
        self.next = next
        self.isCut = isCut
    }
}

/// The event names of `GET /events/stream` (server-sent events). The `data:` of each is one line
/// of JSON.
///
/// `Last-Event-ID` (or the query `after`) resumes after that event: those missed come first.
/// Without it the stream begins with now. The filters of `GET /events` hold for `event` only.
public enum StreamEventName {
    /// An ``Event``. The only one with an `id:`, which is its sequence.
    public static let event = "event"
    /// A ``StreamChange``. The first after the connection holds the whole status, and one for each
    /// node follows, so that a view needs no request besides.
    public static let change = "change"
    /// A ``StreamPulse``, once a second: the heartbeat ages of now, and a sign of life. A client
    /// that misses it for 5 s reconnects.
    public static let pulse = "pulse"
}

/// Something that `muster … --watch` shows is different. Exactly one member is given.
public struct StreamChange: Codable, Hashable, Sendable {
    /// A node as it is now, whenever anything but an age changed, each load report included.
    public var node: NodeSummary?
    /// The name of a node that is no member any more.
    public var removedNode: String?
    /// The whole status, whenever anything but an age changed.
    public var status: ClusterStatus?

    public init(node: NodeSummary) {
        self.node = node
    }

    public init(removedNode: String) {
        self.removedNode = removedNode
    }

    public init(status: ClusterStatus) {
        self.status = status
    }
}

public struct StreamPulse: Codable, Hashable, Sendable {
    public var asOf: String
    /// The tasks in figures: of the status, what changes all the time.
    public var work: WorkStatus?
    /// The run that is under way: what it waits for changes without an event.
    public var run: RunSummary?
    /// By the names of nodes with a session.
    public var nodeHeartbeatAgesMilliseconds: [String: UInt64]
    /// By the names of sites; see ``SiteStatus/heartbeatAgeMilliseconds``.
    public var siteHeartbeatAgesMilliseconds: [String: UInt64]

    public init(
        asOf: String,
        work: WorkStatus? = nil,
        run: RunSummary? = nil,
        nodeHeartbeatAgesMilliseconds: [String: UInt64],
        siteHeartbeatAgesMilliseconds: [String: UInt64]
    ) {
        self.asOf = asOf
        self.work = work
        self.run = run
        self.nodeHeartbeatAgesMilliseconds = nodeHeartbeatAgesMilliseconds
        self.siteHeartbeatAgesMilliseconds = siteHeartbeatAgesMilliseconds
    }
}
