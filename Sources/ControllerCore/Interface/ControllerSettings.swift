public import Model

/// What the controller is told when it starts; checked whole by ``problems``.
public struct ControllerSettings: Hashable, Sendable {
    public var lease: LeaseTerms
    public var loadInterval: Duration
    /// Nodes above this number are refused when they enrol; nil for no limit.
    public var nodeLimit: UInt32?
    /// How far a node's wall clock may be off, half the round trip allowed for.
    public var clockOffsetMax: Duration
    /// First hold after repeated losses; doubles with each, up to `holdDownMax`.
    public var holdDownBase: Duration
    public var holdDownMax: Duration
    /// Losses are counted over this time.
    public var flapWindow: Duration
    /// How long a node that is being removed may take to stop its services.
    public var removalDeadline: Duration
    /// The same signing request and token give the same certificate for this long (a lost reply).
    public var enrolmentReplay: Duration
    public var failover: FailoverSettings
    /// Where notices can go.
    public var channels: NotifyChannels

    public init(
        lease: LeaseTerms = LeaseTerms(),
        loadInterval: Duration = .seconds(5),
        nodeLimit: UInt32? = nil,
        clockOffsetMax: Duration = .milliseconds(500),
        holdDownBase: Duration = .seconds(30),
        holdDownMax: Duration = .seconds(600),
        flapWindow: Duration = .seconds(3_600),
        removalDeadline: Duration = .seconds(60),
        enrolmentReplay: Duration = .seconds(600),
        failover: FailoverSettings = FailoverSettings(),
        channels: NotifyChannels = NotifyChannels()
    ) {
        self.lease = lease
        self.loadInterval = loadInterval
        self.nodeLimit = nodeLimit
        self.clockOffsetMax = clockOffsetMax
        self.holdDownBase = holdDownBase
        self.holdDownMax = holdDownMax
        self.flapWindow = flapWindow
        self.removalDeadline = removalDeadline
        self.enrolmentReplay = enrolmentReplay
        self.failover = failover
        self.channels = channels
    }

    /// Every broken rule but those of ``failover``, as a sentence with the values.
    public var problems: [String] {
        var found = lease.problems
        if loadInterval < lease.heartbeatInterval {
            found.append("the load interval cannot be shorter than the heartbeat interval")
        }
        if holdDownBase <= .zero || holdDownMax < holdDownBase {
            found.append("the longest hold-down cannot be shorter than the first")
        }
        return found
    }
}
