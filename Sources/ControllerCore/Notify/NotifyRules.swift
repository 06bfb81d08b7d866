public import Model

public enum ReceiverNameKind {}
/// What routes call somebody who is told.
public typealias ReceiverName = Identifier<ReceiverNameKind>

public enum ThresholdNameKind {}
public typealias ThresholdName = Identifier<ThresholdNameKind>

/// Who is told of what, and when: one value, written as one document, and replaced as a whole.
///
/// Without rules nothing is sent. An event that no route takes goes to nobody: a last route without
/// kinds, sites and severity takes what is left.
public struct NotifyRules: Hashable, Sendable {
    public static let receiversMax = 64
    public static let routesMax = 64
    public static let thresholdsMax = 128
    public static let sourceBytesMax = 64 << 10
    /// Where `{kind}` stands, the kind of the event is put. Whoever gets the message can type it.
    public static let pagesDefault = "muster notify explain {kind}"
    /// The default of former versions, which stands in the records of rules that say nothing of it.
    private static let pagesFormerDefault = "docs/notices/{kind}.md"
    public static let giveUpAfterDefault: Duration = .seconds(86_400)

    /// In the order in which they were written.
    public var receivers: [NotifyReceiver]
    /// The first that matches takes an event; with ``NotifyRoute/continues`` the next one may, too.
    public var routes: [NotifyRoute]
    public var thresholds: [NotifyThreshold]
    public var templates: NotifyTemplates
    /// What could not be delivered for so long is given up.
    public var giveUpAfter: Duration
    /// Who is told of what could not be delivered; empty for the routes as of any other event. A
    /// destination is never told of itself.
    public var undeliverable: [ReceiverName]
    /// The address of the page that explains a kind, or the command that shows it.
    public var pages: String
    /// The document as it was written.
    public var source: String

    public init(
        receivers: [NotifyReceiver] = [],
        routes: [NotifyRoute] = [],
        thresholds: [NotifyThreshold] = [],
        templates: NotifyTemplates = NotifyTemplates(),
        giveUpAfter: Duration = NotifyRules.giveUpAfterDefault,
        undeliverable: [ReceiverName] = [],
        pages: String = NotifyRules.pagesDefault,
        source: String = ""
    ) {
        self.receivers = receivers
        self.routes = routes
        self.thresholds = thresholds
        self.templates = templates
        self.giveUpAfter = giveUpAfter
        self.undeliverable = undeliverable
        self.pages = pages
        self.source = source
    }

    public func receiver(_ name: ReceiverName) -> NotifyReceiver? {
        receivers.first { $0.name == name }
    }

    /// An address of pages, or the command that shows them.
    static func isPages(_ text: String) -> Bool {
        guard text != pagesDefault, text != pagesFormerDefault else { return true }
        // A page may be one of many of a document.
        let parts = text.replacing("{kind}", with: "kind").split(
            separator: "#",
            maxSplits: 1,
            omittingEmptySubsequences: false
        )
        return WebAddress(String(parts[0])) != nil && !text.contains(" ")
    }

    public func page(of kind: EventKind) -> String {
        let pages = pages == Self.pagesFormerDefault ? Self.pagesDefault : pages
        return pages.replacing("{kind}", with: kind.rawValue)
    }
}

/// One or more places where the same is said.
public struct NotifyReceiver: Hashable, Sendable {
    public static let destinationsMax = 32

    public var name: ReceiverName
    /// Addresses, one message each.
    public var mail: [String]
    /// Names of the controller's configuration.
    public var webhooks: [String]
    public var alertmanagers: [String]
    public var commands: [String]

    public init(
        name: ReceiverName,
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

    public var destinations: [Destination] {
        mail.map { .mail(to: $0, among: mail) } + webhooks.map { .webhook($0) }
            + alertmanagers.map { .alertmanager($0) } + commands.map { .command($0) }
    }
}

/// Kinds of events: one (`node.offline`), those of a family (`node.*`), or all (`*`).
public struct KindPattern: Hashable, Sendable, CustomStringConvertible {
    public var text: String

    public init(_ text: String) {
        self.text = text
    }

    public var description: String { text }

    public func matches(_ kind: EventKind) -> Bool {
        if text == "*" { return true }
        if text.hasSuffix(".*") { return kind.rawValue.hasPrefix(text.dropLast()) }
        return text == kind.rawValue
    }
}

/// What goes into one message.
public enum NoticeGrouping: String, Hashable, Sendable, CaseIterable {
    /// What is of one kind.
    case kind
    /// What is of one site; what is of none together.
    case site
    /// Everything that the route takes.
    case none
}

/// Which events a route takes, and to whom.
public struct NotifyRoute: Hashable, Sendable {
    public static let kindsMax = 64
    public static let sitesMax = 64
    public static let waitMax: Duration = .seconds(3_600)
    public static let intervalMax: Duration = .seconds(86_400)
    public static let repeatMin: Duration = .seconds(60)
    public static let repeatMax: Duration = .seconds(30 * 86_400)

    /// Empty for every kind. Events that end something go where what began it went.
    public var kinds: [KindPattern]
    /// Empty for every site, and for what is of no site.
    public var sites: [SiteName]
    /// The least.
    public var severity: Severity
    public var receivers: [ReceiverName]
    /// Later routes are looked at too.
    public var continues: Bool
    public var groupBy: NoticeGrouping
    /// How long the first message of a group waits for more of the same.
    public var groupWait: Duration
    /// The least time between two messages of a group.
    public var groupInterval: Duration
    /// What is a warning or critical and still so is told again after this time; zero for never.
    public var repeatInterval: Duration
    /// Whether planned work is told.
    public var planned: Bool
    /// Whether the end of what was told is told.
    public var resolved: Bool

    public init(
        kinds: [KindPattern] = [],
        sites: [SiteName] = [],
        severity: Severity = .warning,
        receivers: [ReceiverName],
        continues: Bool = false,
        groupBy: NoticeGrouping = .site,
        groupWait: Duration = .seconds(10),
        groupInterval: Duration = .seconds(300),
        repeatInterval: Duration = .seconds(4 * 3_600),
        planned: Bool = false,
        resolved: Bool = true
    ) {
        self.kinds = kinds
        self.sites = sites
        self.severity = severity
        self.receivers = receivers
        self.continues = continues
        self.groupBy = groupBy
        self.groupWait = groupWait
        self.groupInterval = groupInterval
        self.repeatInterval = repeatInterval
        self.planned = planned
        self.resolved = resolved
    }
}

/// What follows when a site is below a threshold, besides that it is told.
public enum ThresholdAction: String, Hashable, Sendable, CaseIterable {
    case tell
    /// The message and the event propose a failover, with the command; the controller begins none.
    case propose
}

/// So many nodes of a site must be Online. The rule is `online < minimum`.
public struct NotifyThreshold: Hashable, Sendable {
    /// The name of the minimum that `muster site set-minimum` sets, which no document can use.
    public static let own: ThresholdName = "minimum"
    public static let minimumMax: UInt32 = 100_000
    public static let holdMax: Duration = .seconds(86_400)
    public static let adviceBytesMax = 500

    public var name: ThresholdName
    public var site: SiteName
    public var minimum: UInt32
    /// Below for so long without a break before it is told.
    public var hold: Duration
    /// Not below for so long without a break before its end is told.
    public var recover: Duration
    public var severity: Severity
    /// Each further loss while it is below is told too.
    public var further: Bool
    public var action: ThresholdAction
    /// What to do, in the operator's words; empty for the product's own.
    public var advice: String

    public init(
        name: ThresholdName,
        site: SiteName,
        minimum: UInt32,
        hold: Duration = .zero,
        recover: Duration = .zero,
        severity: Severity = .critical,
        further: Bool = true,
        action: ThresholdAction = .tell,
        advice: String = ""
    ) {
        self.name = name
        self.site = site
        self.minimum = minimum
        self.hold = hold
        self.recover = recover
        self.severity = severity
        self.further = further
        self.action = action
        self.advice = advice
    }
}

/// What messages say, where it is not the built-in text. The language is in ``NoticeTemplate``.
public struct NotifyTemplates: Hashable, Sendable {
    public static let subjectBytesMax = 1_000
    public static let bodyBytesMax = 16 << 10

    /// Of one kind of event, before the overall ones.
    public struct OfKind: Hashable, Sendable {
        public var kind: EventKind
        public var subject: String?
        public var body: String?

        public init(kind: EventKind, subject: String? = nil, body: String? = nil) {
            self.kind = kind
            self.subject = subject
            self.body = body
        }
    }

    public var subject: String?
    public var body: String?
    public var kinds: [OfKind]

    public init(subject: String? = nil, body: String? = nil, kinds: [OfKind] = []) {
        self.subject = subject
        self.body = body
        self.kinds = kinds
    }

    public func subject(of kind: EventKind) -> String {
        kinds.first { $0.kind == kind }?.subject ?? subject ?? NoticeTemplate.defaultSubject
    }

    public func body(of kind: EventKind) -> String {
        kinds.first { $0.kind == kind }?.body ?? body ?? NoticeTemplate.defaultBody
    }
}
