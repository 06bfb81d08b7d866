/// What stands beside a node's status. A node can have several.
public struct NodeMark: RawRepresentable, Codable, Hashable, Sendable {
    public var rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// Added by an operator; its agent has not enrolled yet.
    public static let invited = NodeMark(rawValue: "invited")
    /// A member whose preflight checks have not passed yet: no work.
    public static let joining = NodeMark(rawValue: "joining")
    /// Its heartbeats are late.
    public static let suspect = NodeMark(rawValue: "suspect")
    public static let cordoned = NodeMark(rawValue: "cordoned")
    public static let draining = NodeMark(rawValue: "draining")
    public static let drained = NodeMark(rawValue: "drained")
    public static let maintenance = NodeMark(rawValue: "maintenance")
    /// Kept Offline after repeated losses, until its hold-down ends or it is released.
    public static let held = NodeMark(rawValue: "held")
    /// Its identity was seen on two machines; both are held until it is released.
    public static let conflicted = NodeMark(rawValue: "conflicted")
    /// Healthy enough to work, with something wrong.
    public static let degraded = NodeMark(rawValue: "degraded")
    /// Its wall clock is too far from the controller's.
    public static let clockSuspect = NodeMark(rawValue: "clock-suspect")
    /// It does not run the current configuration.
    public static let configBehind = NodeMark(rawValue: "config-behind")
    /// It is being stopped before its credential is revoked.
    public static let removing = NodeMark(rawValue: "removing")
    /// It may still act until `mayActUntil`, though it cannot be reached.
    public static let mayAct = NodeMark(rawValue: "may-act")

    /// In the order in which they are shown.
    public static let all: [NodeMark] = [
        .conflicted, .held, .removing, .maintenance, .draining, .drained, .cordoned, .suspect,
        .mayAct, .invited, .joining, .degraded, .clockSuspect, .configBehind,
    ]
}

/// One line about a node: a row of `muster node list`.
public struct NodeSummary: Codable, Hashable, Sendable {
    /// When this was put together; every age below counts up to it.
    public var asOf: String
    public var name: String
    public var id: String
    public var site: String
    /// Where it is connected from; when it is not, the address an operator declared.
    public var address: String?
    /// `invited`, `joined`, `removing` or `removed`.
    public var membership: String
    /// `online` or `offline`.
    public var status: String
    /// Why it is Offline, or what is odd about it; may be empty.
    public var reason: String
    /// Since when it has this status.
    public var since: String
    /// In the order of ``NodeMark/all``.
    public var marks: [NodeMark]
    /// `healthy`, `degraded` or `failing`; nil until it has said so.
    public var health: String?
    /// `reachable`, `suspect` or `unreachable`.
    public var reachability: String
    /// Nil when it was not heard of since this controller started.
    public var heartbeatAgeMilliseconds: UInt64?
    public var roundTripMicroseconds: UInt64?
    /// Its wall clock minus the controller's.
    public var clockOffsetMilliseconds: Int64?
    public var load: LoadSummary?
    /// Services that run, of those that should.
    public var servicesRunning: UInt32
    public var servicesWanted: UInt32
    /// Tasks it has, and those of them whose handler was executed.
    public var tasksAssigned: UInt32?
    public var tasksStarted: UInt32?
    /// Why it is passed over when tasks are given; left out when it is not.
    public var overload: String?
    public var agentVersion: String?
    /// The configuration's version it runs.
    public var configurationVersion: UInt64?
    public var certificateNotAfter: String?
    public var holdDownUntil: String?
    public var drainDeadline: String?
    public var maintenanceUntil: String?
    /// Until when, by the controller's reckoning, it may still act on its last lease.
    public var mayActUntil: String?

    public init(
        asOf: String,
        name: String,
        id: String,
        site: String,
        membership: String,
        status: String,
        reason: String = "",
        since: String,
        marks: [NodeMark] = [],
        reachability: String,
        servicesRunning: UInt32 = 0,
        servicesWanted: UInt32 = 0
    ) {
        self.asOf = asOf
        self.name = name
        self.id = id
        self.site = site
        self.membership = membership
        self.status = status
        self.reason = reason
        self.since = since
        self.marks = marks
        self.reachability = reachability
        self.servicesRunning = servicesRunning
        self.servicesWanted = servicesWanted
    }
}

/// The figures of a load report that fit into a row.
public struct LoadSummary: Codable, Hashable, Sendable {
    public var ageMilliseconds: UInt64
    /// 0 to 1 000.
    public var processorBusyPerMille: UInt32
    public var memoryUsedPerMille: UInt32
    /// 1 minute load average, in thousandths.
    public var loadAverage1Thousandths: UInt32
    /// Of the fullest file system.
    public var diskUsedPerMille: UInt32?

    public init(
        ageMilliseconds: UInt64,
        processorBusyPerMille: UInt32,
        memoryUsedPerMille: UInt32,
        loadAverage1Thousandths: UInt32,
        diskUsedPerMille: UInt32? = nil
    ) {
        self.ageMilliseconds = ageMilliseconds
        self.processorBusyPerMille = processorBusyPerMille
        self.memoryUsedPerMille = memoryUsedPerMille
        self.loadAverage1Thousandths = loadAverage1Thousandths
        self.diskUsedPerMille = diskUsedPerMille
    }
}

/// The answer to `GET /nodes`, by site (the active one first), then by name.
///
/// Query: `site`, `status`, `mark`, each may be left out; `removed=true` shows tombstones too.
public struct NodeList: Codable, Hashable, Sendable {
    public var asOf: String
    public var nodes: [NodeSummary]

    public init(asOf: String, nodes: [NodeSummary]) {
        self.asOf = asOf
        self.nodes = nodes
    }
}
