/// The answer to `GET /nodes/{name}`: everything that is known of one node.
public struct NodeDetail: Codable, Hashable, Sendable {
    public var asOf: String
    public var node: NodeSummary
    /// The address an operator declared.
    public var declaredAddress: String?
    public var addedBy: String
    public var addedAt: String
    /// Raised before work is taken from the node.
    public var session: UInt64
    /// Raised each time its agent starts.
    public var incarnation: UInt64
    /// Nil until it has reported.
    public var facts: NodeFacts?
    public var configuration: NodeConfiguration
    public var certificate: NodeCertificate?
    public var cordon: CordonDetail?
    public var drain: DrainDetail?
    public var maintenance: MaintenanceDetail?
    /// Why its identity is held.
    public var conflict: String?
    /// What it means that it is Offline: for what ran on it, and for its site; left out while it is Online.
    public var meaning: String?
    /// What to type next while it is Offline; what begins with `on NODE:` on that machine.
    public var next: [String]?
    /// Nil until it has reported.
    public var load: LoadDetail?
    public var disks: [DiskDetail]
    /// In the order of starting.
    public var services: [ServiceDetail]
    /// Sorted by name.
    public var handlers: [HandlerDetail]?
    /// How the settings direct its work.
    public var policy: NodePolicy?
    /// Of its last preflight run.
    public var findings: [PreflightFinding]
    /// The last five about it, oldest first.
    public var lastEvents: [Event]

    public init(
        asOf: String,
        node: NodeSummary,
        addedBy: String,
        addedAt: String,
        session: UInt64,
        incarnation: UInt64,
        configuration: NodeConfiguration,
        disks: [DiskDetail] = [],
        services: [ServiceDetail] = [],
        findings: [PreflightFinding] = [],
        lastEvents: [Event] = []
    ) {
        self.asOf = asOf
        self.node = node
        self.addedBy = addedBy
        self.addedAt = addedAt
        self.session = session
        self.incarnation = incarnation
        self.configuration = configuration
        self.disks = disks
        self.services = services
        self.findings = findings
        self.lastEvents = lastEvents
    }
}

public struct NodeFacts: Codable, Hashable, Sendable {
    public var operatingSystem: String
    public var operatingSystemVersion: String
    public var kernel: String
    public var architecture: String
    public var hostname: String
    public var installPath: String
    public var agentVersion: String
    /// Whether its services run in a cgroup of their own.
    public var cgroups: Bool

    public init(
        operatingSystem: String,
        operatingSystemVersion: String,
        kernel: String,
        architecture: String,
        hostname: String,
        installPath: String,
        agentVersion: String,
        cgroups: Bool
    ) {
        self.operatingSystem = operatingSystem
        self.operatingSystemVersion = operatingSystemVersion
        self.kernel = kernel
        self.architecture = architecture
        self.hostname = hostname
        self.installPath = installPath
        self.agentVersion = agentVersion
        self.cgroups = cgroups
    }
}

public struct NodeConfiguration: Codable, Hashable, Sendable {
    /// What the node runs; nil until it has said so.
    public var held: UInt64?
    public var current: UInt64

    public init(held: UInt64?, current: UInt64) {
        self.held = held
        self.current = current
    }
}

public struct NodeCertificate: Codable, Hashable, Sendable {
    public var serial: String
    /// SHA-256 of the public key, hexadecimal.
    public var fingerprint: String
    public var notAfter: String

    public init(serial: String, fingerprint: String, notAfter: String) {
        self.serial = serial
        self.fingerprint = fingerprint
        self.notAfter = notAfter
    }
}

public struct CordonDetail: Codable, Hashable, Sendable {
    public var by: String
    public var reason: String
    public var at: String

    public init(by: String, reason: String, at: String) {
        self.by = by
        self.reason = reason
        self.at = at
    }
}

public struct DrainDetail: Codable, Hashable, Sendable {
    public var by: String
    public var reason: String
    public var at: String
    public var deadline: String
    public var keepServices: Bool
    public var finished: Bool
    public var overdue: Bool

    public init(
        by: String,
        reason: String,
        at: String,
        deadline: String,
        keepServices: Bool,
        finished: Bool,
        overdue: Bool
    ) {
        self.by = by
        self.reason = reason
        self.at = at
        self.deadline = deadline
        self.keepServices = keepServices
        self.finished = finished
        self.overdue = overdue
    }
}

public struct MaintenanceDetail: Codable, Hashable, Sendable {
    public var owner: String
    public var reason: String
    public var at: String
    public var until: String
    public var keepServices: Bool

    public init(owner: String, reason: String, at: String, until: String, keepServices: Bool) {
        self.owner = owner
        self.reason = reason
        self.at = at
        self.until = until
        self.keepServices = keepServices
    }
}

/// A whole load report. Shares are per mille, load averages thousandths, rates bytes a second.
public struct LoadDetail: Codable, Hashable, Sendable {
    public var ageMilliseconds: UInt64
    public var processors: UInt32
    public var processorBusyPerMille: UInt32
    public var loadAverage1Thousandths: UInt32
    public var loadAverage5Thousandths: UInt32
    public var loadAverage15Thousandths: UInt32
    public var memoryTotalBytes: UInt64
    public var memoryAvailableBytes: UInt64
    public var swapTotalBytes: UInt64
    public var swapUsedBytes: UInt64
    /// Nil where the kernel has no PSI.
    public var processorPressurePerMille: UInt32?
    public var memoryPressurePerMille: UInt32?
    public var inputOutputPressurePerMille: UInt32?
    public var networkReceivedBytesPerSecond: UInt64
    public var networkSentBytesPerSecond: UInt64
    /// Since the machine started.
    public var uptimeMilliseconds: UInt64

    public init(
        ageMilliseconds: UInt64,
        processors: UInt32,
        processorBusyPerMille: UInt32,
        loadAverage1Thousandths: UInt32,
        loadAverage5Thousandths: UInt32,
        loadAverage15Thousandths: UInt32,
        memoryTotalBytes: UInt64,
        memoryAvailableBytes: UInt64,
        swapTotalBytes: UInt64,
        swapUsedBytes: UInt64,
        networkReceivedBytesPerSecond: UInt64,
        networkSentBytesPerSecond: UInt64,
        uptimeMilliseconds: UInt64
    ) {
        self.ageMilliseconds = ageMilliseconds
        self.processors = processors
        self.processorBusyPerMille = processorBusyPerMille
        self.loadAverage1Thousandths = loadAverage1Thousandths
        self.loadAverage5Thousandths = loadAverage5Thousandths
        self.loadAverage15Thousandths = loadAverage15Thousandths
        self.memoryTotalBytes = memoryTotalBytes
        self.memoryAvailableBytes = memoryAvailableBytes
        self.swapTotalBytes = swapTotalBytes
        self.swapUsedBytes = swapUsedBytes
        self.networkReceivedBytesPerSecond = networkReceivedBytesPerSecond
        self.networkSentBytesPerSecond = networkSentBytesPerSecond
        self.uptimeMilliseconds = uptimeMilliseconds
    }
}

public struct DiskDetail: Codable, Hashable, Sendable {
    public var mount: String
    public var totalBytes: UInt64
    /// What an unprivileged program may still write.
    public var availableBytes: UInt64
    public var inodesTotal: UInt64
    public var inodesAvailable: UInt64
    public var usedPerMille: UInt32

    public init(
        mount: String,
        totalBytes: UInt64,
        availableBytes: UInt64,
        inodesTotal: UInt64,
        inodesAvailable: UInt64,
        usedPerMille: UInt32
    ) {
        self.mount = mount
        self.totalBytes = totalBytes
        self.availableBytes = availableBytes
        self.inodesTotal = inodesTotal
        self.inodesAvailable = inodesAvailable
        self.usedPerMille = usedPerMille
    }
}
