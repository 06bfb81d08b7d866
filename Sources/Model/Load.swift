/// One sample of a node's load. Fractions are per mille, sizes are bytes, load averages are
/// thousandths; nothing is a floating-point number.
public struct Load: Hashable, Sendable {
    /// Processors the node may use.
    public var processors: UInt32 = 0
    /// Busy share of all processors since the sample before, 0 to 1 000.
    public var processorBusyPerMille: UInt32 = 0
    /// 1, 5 and 15 minute load averages, in thousandths.
    public var loadAverage1: UInt32 = 0
    public var loadAverage5: UInt32 = 0
    public var loadAverage15: UInt32 = 0
    public var memoryTotal: UInt64 = 0
    public var memoryAvailable: UInt64 = 0
    public var swapTotal: UInt64 = 0
    public var swapUsed: UInt64 = 0
    /// Share of the last 10 s in which some task waited (PSI `some avg10`), per mille; nil where
    /// the kernel has no PSI.
    public var processorPressurePerMille: UInt32?
    public var memoryPressurePerMille: UInt32?
    public var inputOutputPressurePerMille: UInt32?
    /// Bytes a second since the sample before, all interfaces but loopback.
    public var networkReceived: UInt64 = 0
    public var networkSent: UInt64 = 0
    /// Seconds since the machine started.
    public var uptimeSeconds: UInt64 = 0

    public init() {}
}

/// One mounted file system.
public struct Disk: Hashable, Sendable {
    public var mount: String
    public var total: UInt64
    /// What an unprivileged program may still write.
    public var available: UInt64
    public var inodesTotal: UInt64
    public var inodesAvailable: UInt64

    public init(
        mount: String,
        total: UInt64,
        available: UInt64,
        inodesTotal: UInt64,
        inodesAvailable: UInt64
    ) {
        self.mount = mount
        self.total = total
        self.available = available
        self.inodesTotal = inodesTotal
        self.inodesAvailable = inodesAvailable
    }

    /// Used share, 0 to 1 000; 0 for an empty file system.
    public var usedPerMille: UInt32 {
        guard total > 0 else { return 0 }
        let used = total - min(available, total)
        return UInt32(total.dividingFullWidth(used.multipliedFullWidth(by: 1_000)).quotient)
    }
}

/// What one service of a node is like now, as its agent says.
public struct ServiceReport: Hashable, Sendable {
    public var name: ServiceName
    public var group: GroupName
    /// Place in the order of starting; stopping is the reverse. 0 to 9 999.
    public var order: UInt16
    /// The node is Online only while every required service is running.
    public var isRequired: Bool
    /// Stopped by its leash when the node's lease ends.
    public var isSelfFenced: Bool
    /// It may finish what it began while its successor runs on another site; else it is exclusive.
    public var isDrainable: Bool
    public var state: ServiceState
    /// What the service should be: told by the controller, remembered by the agent.
    public var isWanted: Bool
    public var processID: UInt32?
    /// Starts since the last time it was told to start.
    public var restarts: UInt32
    /// Why it is in this state, for people: `exited with status 3`, `check http: 503`.
    public var detail: String
    /// How long it has been in this state when the report was made, milliseconds.
    public var inStateMilliseconds: UInt64

    public init(
        name: ServiceName,
        group: GroupName = "default",
        order: UInt16 = 0,
        isRequired: Bool = true,
        isSelfFenced: Bool = false,
        isDrainable: Bool = false,
        state: ServiceState,
        isWanted: Bool,
        processID: UInt32? = nil,
        restarts: UInt32 = 0,
        detail: String = "",
        inStateMilliseconds: UInt64 = 0
    ) {
        self.name = name
        self.group = group
        self.order = order
        self.isRequired = isRequired
        self.isSelfFenced = isSelfFenced
        self.isDrainable = isDrainable
        self.state = state
        self.isWanted = isWanted
        self.processID = processID
        self.restarts = restarts
        self.detail = detail
        self.inStateMilliseconds = inStateMilliseconds
    }
}

/// One health check of a service, with its last output.
public struct CheckReport: Hashable, Sendable {
    public var service: ServiceName
    public var name: CheckName
    /// `process`, `command`, `tcp` or `http`.
    public var kind: String
    public var state: CheckState
    /// The last output, cut to 1 000 bytes.
    public var output: String
    /// Milliseconds the last run took.
    public var tookMilliseconds: UInt64
    /// Age of the last run when the report was made, milliseconds.
    public var ageMilliseconds: UInt64

    public init(
        service: ServiceName,
        name: CheckName,
        kind: String,
        state: CheckState,
        output: String = "",
        tookMilliseconds: UInt64 = 0,
        ageMilliseconds: UInt64 = 0
    ) {
        self.service = service
        self.name = name
        self.kind = kind
        self.state = state
        self.output = output
        self.tookMilliseconds = tookMilliseconds
        self.ageMilliseconds = ageMilliseconds
    }
}
