/// The answer to `POST /notify/rules/check`.
public struct NotifyCheck: Codable, Hashable, Sendable {
    public var asOf: String
    public var valid: Bool
    /// Every mistake, by line; empty when it is valid.
    public var mistakes: [DocumentMistake]
    /// What is taken, and may not be meant as it is written, by line; left out when they are not valid.
    public var warnings: [DocumentMistake]?
    /// As they were understood; left out when they are not valid.
    public var rules: NotifyRulesView?

    public init(
        asOf: String,
        mistakes: [DocumentMistake],
        warnings: [DocumentMistake]? = nil,
        rules: NotifyRulesView? = nil
    ) {
        self.asOf = asOf
        valid = mistakes.isEmpty
        self.mistakes = mistakes
        self.warnings = warnings
        self.rules = rules
    }
}

/// The answer to `GET /notify/rules`.
public struct NotifyRulesText: Codable, Hashable, Sendable {
    public var asOf: String
    /// Raised with each change; 0 before there were rules.
    public var version: UInt32
    public var by: String?
    public var at: String?
    /// The file as it was set, line by line; the last is empty where the file ends with a line.
    public var lines: [String]

    public init(
        asOf: String,
        version: UInt32,
        by: String? = nil,
        at: String? = nil,
        lines: [String] = []
    ) {
        self.asOf = asOf
        self.version = version
        self.by = by
        self.at = at
        self.lines = lines
    }
}

/// Who is told of what.
public struct NotifyRulesView: Codable, Hashable, Sendable {
    /// In the order of the file, as the routes and the thresholds are.
    public var receivers: [NotifyReceiverView]
    public var routes: [NotifyRouteView]
    public var thresholds: [NotifyThresholdRule]
    /// What differs from the built-in texts.
    public var templates: [NotifyTemplate]
    /// What could not be delivered for so long is given up.
    public var giveUpAfterMilliseconds: UInt64
    /// Who is told of what could not be delivered; empty for the routes.
    public var undeliverable: [String]
    /// The address of the page that explains a `{kind}`.
    public var pages: String

    public init(
        receivers: [NotifyReceiverView],
        routes: [NotifyRouteView],
        thresholds: [NotifyThresholdRule],
        templates: [NotifyTemplate] = [],
        giveUpAfterMilliseconds: UInt64 = 86_400_000,
        undeliverable: [String] = [],
        pages: String = ""
    ) {
        self.receivers = receivers
        self.routes = routes
        self.thresholds = thresholds
        self.templates = templates
        self.giveUpAfterMilliseconds = giveUpAfterMilliseconds
        self.undeliverable = undeliverable
        self.pages = pages
    }
}

/// One or more places where the same is said.
public struct NotifyReceiverView: Codable, Hashable, Sendable {
    public var name: String
    public var mail: [String]
    public var webhooks: [String]
    public var alertmanagers: [String]
    public var commands: [String]

    public init(
        name: String,
        mail: [String] = [],
        webhooks: [String] = [],
        alertmanagers: [String] = [],
        commands: [String] = []
    ) {
        self.name = name
        self.mail = mail
        self.webhooks = webhooks
        self.alertmanagers = alertmanagers
        self.commands = commands
    }
}

/// Which events go to whom. The first that matches takes an event.
public struct NotifyRouteView: Codable, Hashable, Sendable {
    /// Empty for every kind.
    public var kinds: [String]
    /// Empty for every site, and for what is of no site.
    public var sites: [String]
    /// This severe or worse.
    public var severity: Severity
    public var receivers: [String]
    /// Later routes are looked at, too.
    public var continues: Bool
    /// `kind`, `site` or `none`.
    public var groupBy: String
    public var groupWaitMilliseconds: UInt64
    public var groupIntervalMilliseconds: UInt64
    /// 0 for never.
    public var repeatIntervalMilliseconds: UInt64
    /// Planned work is told, too.
    public var planned: Bool
    /// The end of what was told is told.
    public var resolved: Bool

    public init(
        kinds: [String] = [],
        sites: [String] = [],
        severity: Severity = .warning,
        receivers: [String],
        continues: Bool = false,
        groupBy: String = "site",
        groupWaitMilliseconds: UInt64 = 10_000,
        groupIntervalMilliseconds: UInt64 = 300_000,
        repeatIntervalMilliseconds: UInt64 = 14_400_000,
        planned: Bool = false,
        resolved: Bool = true
    ) {
        self.kinds = kinds
        self.sites = sites
        self.severity = severity
        self.receivers = receivers
        self.continues = continues
        self.groupBy = groupBy
        self.groupWaitMilliseconds = groupWaitMilliseconds
        self.groupIntervalMilliseconds = groupIntervalMilliseconds
        self.repeatIntervalMilliseconds = repeatIntervalMilliseconds
        self.planned = planned
        self.resolved = resolved
    }
}

/// So many nodes of a site must be Online: told when `online < minimum`.
public struct NotifyThresholdRule: Codable, Hashable, Sendable {
    /// `minimum` is what `PUT /sites/{name}/minimum` sets, whatever the rules say.
    public var name: String
    public var site: String
    public var minimum: UInt32
    /// Below for so long without a break before it is told.
    public var forMilliseconds: UInt64
    /// Not below for so long without a break before its end is told.
    public var recoverMilliseconds: UInt64
    public var severity: Severity
    /// Each further loss while it is below is told, too.
    public var further: Bool
    /// `tell` or `propose`.
    public var action: String
    /// What to do, in the operator's words; may be empty.
    public var advice: String

    public init(
        name: String,
        site: String,
        minimum: UInt32,
        forMilliseconds: UInt64 = 0,
        recoverMilliseconds: UInt64 = 0,
        severity: Severity = .critical,
        further: Bool = true,
        action: String = "tell",
        advice: String = ""
    ) {
        self.name = name
        self.site = site
        self.minimum = minimum
        self.forMilliseconds = forMilliseconds
        self.recoverMilliseconds = recoverMilliseconds
        self.severity = severity
        self.further = further
        self.action = action
        self.advice = advice
    }
}

/// A text of the rules that takes the place of a built-in one.
public struct NotifyTemplate: Codable, Hashable, Sendable {
    /// Left out for every kind that has none of its own.
    public var kind: String?
    public var subject: String?
    public var body: String?

    public init(kind: String? = nil, subject: String? = nil, body: String? = nil) {
        self.kind = kind
        self.subject = subject
        self.body = body
    }
}

/// `POST /notify/preview`, answered by ``NotifyPreview``; changes nothing and sends nothing.
public struct NotifyPreviewRequest: ChangeRequest {
    public var kind: String
    /// `firing` when left out, `resolved` or `told`.
    public var state: String?
    /// Rules as a file, instead of those that hold.
    public var text: String?
    public var file: String?
    public var reason: String?
    public var force: Bool?

    public init(
        kind: String,
        state: String? = nil,
        text: String? = nil,
        file: String? = nil
    ) {
        self.kind = kind
        self.state = state
        self.text = text
        self.file = file
    }
}

/// What a message of a kind would say.
public struct NotifyPreview: Codable, Hashable, Sendable {
    public var asOf: String
    public var kind: String
    public var state: String
    public var subject: String
    /// The text, line by line.
    public var lines: [String]

    public init(asOf: String, kind: String, state: String, subject: String, lines: [String]) {
        self.asOf = asOf
        self.kind = kind
        self.state = state
        self.subject = subject
        self.lines = lines
    }
}

/// `POST /notify/silences`. Answered by ``ChangeDone``.
public struct AddSilenceRequest: ChangeRequest {
    /// `node.offline`, `node.*`; left out for every kind.
    public var kinds: [String]?
    /// Left out for every site, and for what is of no site.
    public var sites: [String]?
    /// The node, run, … it is about; left out for all.
    public var subject: String?
    /// Left out for the one who asks.
    public var owner: String?
    /// At most 30 days.
    public var forMilliseconds: UInt64
    /// It is demanded.
    public var reason: String?
    public var force: Bool?

    public init(
        kinds: [String]? = nil,
        sites: [String]? = nil,
        subject: String? = nil,
        owner: String? = nil,
        forMilliseconds: UInt64,
        reason: String? = nil,
        force: Bool? = nil
    ) {
        self.kinds = kinds
        self.sites = sites
        self.subject = subject
        self.owner = owner
        self.forMilliseconds = forMilliseconds
        self.reason = reason
        self.force = force
    }
}

/// The answer to `POST /notify/receivers/{name}/test`: a message is on its way.
public struct NoticePosted: Codable, Hashable, Sendable {
    public var asOf: String
    public var text: String
    /// What became of it: `GET /notify/notices/{number}`.
    public var notice: UInt64

    public init(asOf: String, text: String, notice: UInt64) {
        self.asOf = asOf
        self.text = text
        self.notice = notice
    }
}
