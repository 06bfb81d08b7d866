/// The answer to `GET /status`: what an operator woken at night needs to know.
public struct ClusterStatus: Codable, Hashable, Sendable {
    public var asOf: String
    public var cluster: ClusterIdentity
    public var verdict: Verdict
    public var activeSite: String
    /// The active site first, then by name.
    public var sites: [SiteStatus]
    /// What a run under way waits for and the loss of the active site first, then the most severe, the
    /// longest-standing first among equals.
    public var problems: [Problem]
    /// The last five, oldest first.
    public var lastEvents: [Event]
    public var work: WorkStatus?
    /// Data sets and how far each site is behind; left out when none is watched.
    public var dataSets: [DataSetStatus]?
    /// The run that is under way.
    public var run: RunSummary?
    /// Who decides that the active site is lost.
    public var automatic: AutomaticStatus?
    /// Whether anybody is told, and what is silenced.
    public var notices: NoticeSummary?
    public var controller: ControllerStatus
    /// Those that end within a third of their life, the soonest first.
    public var expiringCertificates: [ExpiringCertificate]
    /// The one who asks.
    public var you: Myself

    public init(
        asOf: String,
        cluster: ClusterIdentity,
        activeSite: String,
        sites: [SiteStatus],
        problems: [Problem],
        lastEvents: [Event],
        controller: ControllerStatus,
        expiringCertificates: [ExpiringCertificate],
        you: Myself
    ) {
        self.asOf = asOf
        self.cluster = cluster
        self.verdict = Verdict(
            activeSite: sites.first { $0.name == activeSite },
            problems: problems
        )
        self.activeSite = activeSite
        self.sites = sites
        self.problems = problems
        self.lastEvents = lastEvents
        self.controller = controller
        self.expiringCertificates = expiringCertificates
        self.you = you
    }
}

public struct ClusterIdentity: Codable, Hashable, Sendable {
    public var id: String
    public var name: String
    public var generation: UInt64
    /// The counter of the epoch.
    public var epoch: UInt64
    public var createdAt: String

    public init(id: String, name: String, generation: UInt64, epoch: UInt64, createdAt: String) {
        self.id = id
        self.name = name
        self.generation = generation
        self.epoch = epoch
        self.createdAt = createdAt
    }
}

/// The cluster in one word.
public struct Verdict: RawRepresentable, Codable, Hashable, Sendable {
    public var rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    public static let healthy = Verdict(rawValue: "healthy")
    /// There is a problem of severity `warning` or `critical`.
    public static let degraded = Verdict(rawValue: "degraded")
    /// No site is active, or the active one has nodes and none of them is Online, those in maintenance
    /// not counted.
    public static let down = Verdict(rawValue: "down")

    public static let all: [Verdict] = [.healthy, .degraded, .down]

    public init(activeSite: SiteStatus?, problems: [Problem]) {
        if let site = activeSite, site.fencing == true {
            self = .down
        } else if let site = activeSite, site.total > site.inMaintenance, site.online == 0 {
            self = .down
        } else if problems.contains(where: { $0.severity != .info }) {
            self = .degraded
        } else {
            self = .healthy
        }
    }
}

public struct SiteStatus: Codable, Hashable, Sendable {
    public var name: String
    /// `active` or `standby`.
    public var role: String
    public var online: UInt32
    /// Members: joined nodes, those being removed included; invited ones are not.
    public var total: UInt32
    /// Added and not joined yet.
    public var invited: UInt32
    public var inMaintenance: UInt32
    /// Fewer Online nodes than this is a problem.
    public var minimum: UInt32
    /// Age of the oldest last heartbeat of its Online nodes: how old these figures are at worst.
    public var heartbeatAgeMilliseconds: UInt64?
    /// `cold` or `warm`: as a standby it runs no services, or its drainable ones.
    public var form: String?
    /// Of the active site: the epoch under which it is.
    public var epoch: String?
    /// It has been told to stop, and no site is active until each of its nodes is proven to have.
    public var fencing: Bool?
    /// A drill goes on at it: its services run under a token that production refuses.
    public var drilling: Bool?
    /// In `GET /sites`, of a standby: it may take over now.
    public var ready: Bool?
    /// Its minimum and the thresholds of the notification rules, and at which loss each is told.
    public var thresholds: [NotifyThresholdStatus]?

    public init(
        name: String,
        role: String,
        online: UInt32,
        total: UInt32,
        invited: UInt32 = 0,
        inMaintenance: UInt32 = 0,
        minimum: UInt32 = 0,
        heartbeatAgeMilliseconds: UInt64? = nil
    ) {
        self.name = name
        self.role = role
        self.online = online
        self.total = total
        self.invited = invited
        self.inMaintenance = inMaintenance
        self.minimum = minimum
        self.heartbeatAgeMilliseconds = heartbeatAgeMilliseconds
    }
}

public struct SiteList: Codable, Hashable, Sendable {
    public var asOf: String
    public var sites: [SiteStatus]

    public init(asOf: String, sites: [SiteStatus]) {
        self.asOf = asOf
        self.sites = sites
    }
}

/// Something that is wrong now.
public struct Problem: Codable, Hashable, Sendable {
    public var severity: Severity
    /// What it is about: `node db-3`, `site a`, `controller`.
    public var subject: String
    /// `Offline: no heartbeat for 4s`.
    public var text: String
    public var since: String
    /// A command to type next; may be empty.
    public var mend: String

    public init(
        severity: Severity,
        subject: String,
        text: String,
        since: String,
        mend: String = ""
    ) {
        self.severity = severity
        self.subject = subject
        self.text = text
        self.since = since
        self.mend = mend
    }
}

public struct Severity: RawRepresentable, Codable, Hashable, Sendable {
    public var rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    public static let info = Severity(rawValue: "info")
    public static let warning = Severity(rawValue: "warning")
    public static let critical = Severity(rawValue: "critical")

    public static let all: [Severity] = [.info, .warning, .critical]
}

public struct ControllerStatus: Codable, Hashable, Sendable {
    public var version: String
    public var startedAt: String
    public var uptimeMilliseconds: UInt64
    /// Its clock jumped or it was frozen: it observes and does not act.
    public var tilted: Bool
    /// Its journal writes slowly: leases are withheld.
    public var journalLate: Bool
    /// Its journal cannot be written: nothing is decided, and what is shown may not be durable.
    public var journalStalled: Bool?

    public init(
        version: String,
        startedAt: String,
        uptimeMilliseconds: UInt64,
        tilted: Bool = false,
        journalLate: Bool = false
    ) {
        self.version = version
        self.startedAt = startedAt
        self.uptimeMilliseconds = uptimeMilliseconds
        self.tilted = tilted
        self.journalLate = journalLate
    }
}

public struct ExpiringCertificate: Codable, Hashable, Sendable {
    /// `controller`, `node db-3`, `operator alice`, `issuing authority`.
    public var subject: String
    public var notAfter: String
    /// Negative when it has ended.
    public var remainingMilliseconds: Int64

    public init(subject: String, notAfter: String, remainingMilliseconds: Int64) {
        self.subject = subject
        self.notAfter = notAfter
        self.remainingMilliseconds = remainingMilliseconds
    }
}

/// The operator who asks, as the controller knows them.
public struct Myself: Codable, Hashable, Sendable {
    public var name: String
    /// `viewer`, `operator` or `admin`.
    public var role: String
    /// Nil for a caller without a certificate (a Unix socket).
    public var certificateNotAfter: String?

    public init(name: String, role: String, certificateNotAfter: String? = nil) {
        self.name = name
        self.role = role
        self.certificateNotAfter = certificateNotAfter
    }
}
