/// The answer to `GET /notify`: who is told, what is open, what is on its way.
public struct NotifyStatus: Codable, Hashable, Sendable {
    public var asOf: String
    /// Raised with each change of the rules; 0 before there were any: then nobody is told of anything.
    public var version: UInt32
    public var by: String?
    public var at: String?
    public var rules: NotifyRulesView?
    public var channels: NotifyChannelNames
    /// Those of the rules, and the minimum of each site.
    public var thresholds: [NotifyThresholdStatus]
    /// What is wrong now, the worst first.
    public var open: [NotifyAlarm]
    public var silences: [NotifySilence]
    /// How many deliveries wait or are under way.
    public var pendingCount: UInt32
    /// The first 100 of them, those that are due first before the others.
    public var pending: [NotifyDelivery]
    /// Deliveries that have ended lately, the newest first; at most 20.
    public var recent: [NotifyDelivery]

    public static let pendingMax = 100
    public static let recentMax = 20

    public init(
        asOf: String,
        version: UInt32,
        by: String? = nil,
        at: String? = nil,
        rules: NotifyRulesView? = nil,
        channels: NotifyChannelNames = NotifyChannelNames(),
        thresholds: [NotifyThresholdStatus] = [],
        open: [NotifyAlarm] = [],
        silences: [NotifySilence] = [],
        pendingCount: UInt32 = 0,
        pending: [NotifyDelivery] = [],
        recent: [NotifyDelivery] = []
    ) {
        self.asOf = asOf
        self.version = version
        self.by = by
        self.at = at
        self.rules = rules
        self.channels = channels
        self.thresholds = thresholds
        self.open = open
        self.silences = silences
        self.pendingCount = pendingCount
        self.pending = pending
        self.recent = recent
    }
}

/// What the controller's configuration has names for.
public struct NotifyChannelNames: Codable, Hashable, Sendable {
    /// A mail server is configured.
    public var mail: Bool
    public var webhooks: [String]
    public var alertmanagers: [String]
    public var commands: [String]

    public init(
        mail: Bool = false,
        webhooks: [String] = [],
        alertmanagers: [String] = [],
        commands: [String] = []
    ) {
        self.mail = mail
        self.webhooks = webhooks
        self.alertmanagers = alertmanagers
        self.commands = commands
    }
}

/// How far a site is from being told.
public struct NotifyThresholdStatus: Codable, Hashable, Sendable {
    public var rule: NotifyThresholdRule
    /// Of the nodes that count: without those in maintenance, without unpaired ones of a standby.
    public var online: UInt32
    public var total: UInt32
    /// At which loss from now it is told; 0 when it is below already.
    public var firesAtLoss: UInt32
    /// Since when it is below, as it was told; left out while it is not.
    public var since: String?

    public init(
        rule: NotifyThresholdRule,
        online: UInt32,
        total: UInt32,
        firesAtLoss: UInt32,
        since: String? = nil
    ) {
        self.rule = rule
        self.online = online
        self.total = total
        self.firesAtLoss = firesAtLoss
        self.since = since
    }
}

/// Something that is wrong, and who was told of it.
public struct NotifyAlarm: Codable, Hashable, Sendable {
    /// That of the event it began with.
    public var number: UInt64
    public var kind: String
    public var severity: Severity
    /// Empty where it is about no site.
    public var site: String
    public var subject: String
    public var text: String
    /// May be empty.
    public var cause: String
    public var since: String
    /// It got worse so often since.
    public var further: UInt32
    public var planned: Bool
    /// Receivers that were told.
    public var told: [String]
    /// Receivers that are told with the next message of their group.
    public var waiting: [String]
    /// It is a part of its site's alarm, and has no message of its own.
    public var covered: Bool?
    /// The silence it is under.
    public var silence: UInt64?

    public init(
        number: UInt64,
        kind: String,
        severity: Severity,
        site: String,
        subject: String,
        text: String,
        cause: String = "",
        since: String,
        further: UInt32 = 0,
        planned: Bool = false,
        told: [String] = [],
        waiting: [String] = []
    ) {
        self.number = number
        self.kind = kind
        self.severity = severity
        self.site = site
        self.subject = subject
        self.text = text
        self.cause = cause
        self.since = since
        self.further = further
        self.planned = planned
        self.told = told
        self.waiting = waiting
    }
}

/// What somebody does not want to be told for a time.
public struct NotifySilence: Codable, Hashable, Sendable {
    public var number: UInt64
    /// Empty for every kind.
    public var kinds: [String]
    /// Empty for every site, and for what is of no site.
    public var sites: [String]
    /// Empty for all.
    public var subject: String
    public var owner: String
    public var reason: String
    public var by: String
    public var at: String
    public var until: String

    public init(
        number: UInt64,
        kinds: [String] = [],
        sites: [String] = [],
        subject: String = "",
        owner: String,
        reason: String,
        by: String,
        at: String,
        until: String
    ) {
        self.number = number
        self.kinds = kinds
        self.sites = sites
        self.subject = subject
        self.owner = owner
        self.reason = reason
        self.by = by
        self.at = at
        self.until = until
    }
}

/// The answer to `GET /notify/silences`.
public struct NotifySilenceList: Codable, Hashable, Sendable {
    public var asOf: String
    public var silences: [NotifySilence]

    public init(asOf: String, silences: [NotifySilence]) {
        self.asOf = asOf
        self.silences = silences
    }
}

/// One message on its way to one place, or what has become of it.
public struct NotifyDelivery: Codable, Hashable, Sendable {
    public var number: UInt64
    /// Of the message.
    public var notice: UInt64
    public var receiver: String
    /// `mail to ops@example.com`, `webhook chat`.
    public var destination: String
    /// `pending`, `delivered`, `refused`, `given-up` or `dropped`.
    public var state: String
    public var severity: Severity
    /// Of the message: one line.
    public var subject: String
    /// Attempts that were begun.
    public var attempts: UInt32
    public var queuedAt: String
    /// When it is attempted next; left out while an attempt is under way and when it has ended.
    public var nextAt: String?
    public var endedAt: String?
    /// Why the last attempt failed, or why it was given up; left out when there is nothing to say.
    public var error: String?

    public init(
        number: UInt64,
        notice: UInt64,
        receiver: String,
        destination: String,
        state: String,
        severity: Severity,
        subject: String,
        attempts: UInt32 = 0,
        queuedAt: String,
        nextAt: String? = nil,
        endedAt: String? = nil,
        error: String? = nil
    ) {
        self.number = number
        self.notice = notice
        self.receiver = receiver
        self.destination = destination
        self.state = state
        self.severity = severity
        self.subject = subject
        self.attempts = attempts
        self.queuedAt = queuedAt
        self.nextAt = nextAt
        self.endedAt = endedAt
        self.error = error
    }
}

/// The answer to `GET /notify/notices`.
///
/// Query: `limit` (1 to 1 000, 100 when left out), `pending` (`true`: only what waits or is under way),
/// `receiver`.
public struct NotifyDeliveryList: Codable, Hashable, Sendable {
    public var asOf: String
    /// The newest first.
    public var deliveries: [NotifyDelivery]
    /// With `pending`: what was refused or given up in the last 7 days, the newest first, 100 at most.
    /// Not a test whose place has taken something since.
    public var undelivered: [NotifyDelivery]?

    public static let limitDefault = 100
    public static let limitMax = 1_000
    public static let undeliveredMax = 100

    public init(
        asOf: String,
        deliveries: [NotifyDelivery],
        undelivered: [NotifyDelivery]? = nil
    ) {
        self.asOf = asOf
        self.deliveries = deliveries
        self.undelivered = undelivered
    }
}

/// The answer to `GET /notify/notices/{number}`: a message, and where it went.
public struct Notice: Codable, Hashable, Sendable {
    public var asOf: String
    public var number: UInt64
    public var receiver: String
    /// The left part of the `Message-ID`; the same in every attempt.
    public var messageID: String
    /// `firing`, `resolved`, `told` or `test`.
    public var state: String
    public var severity: Severity
    public var at: String
    public var subject: String
    /// The text, line by line.
    public var lines: [String]
    public var deliveries: [NotifyDelivery]

    public init(
        asOf: String,
        number: UInt64,
        receiver: String,
        messageID: String,
        state: String,
        severity: Severity,
        at: String,
        subject: String,
        lines: [String],
        deliveries: [NotifyDelivery]
    ) {
        self.asOf = asOf
        self.number = number
        self.receiver = receiver
        self.messageID = messageID
        self.state = state
        self.severity = severity
        self.at = at
        self.subject = subject
        self.lines = lines
        self.deliveries = deliveries
    }
}

/// Of notices, in `GET /status`: what must not be overlooked.
public struct NoticeSummary: Codable, Hashable, Sendable {
    /// Rules were set; without them nobody is told of anything.
    public var configured: Bool
    /// Deliveries that wait or are under way.
    public var pending: UInt32
    /// What was refused or given up in the last 7 days and neither tried again nor dropped since; tests,
    /// and places that no receiver has any more, do not count; left out for none.
    public var undelivered: UInt32?
    public var silences: [NotifySilence]

    public init(
        configured: Bool,
        pending: UInt32 = 0,
        undelivered: UInt32? = nil,
        silences: [NotifySilence] = []
    ) {
        self.configured = configured
        self.pending = pending
        self.undelivered = undelivered
        self.silences = silences
    }
}
