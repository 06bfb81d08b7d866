public import Protocol

/// What the machine must know from its shell before the first step.
public struct AgentConfiguration: Hashable, Sendable {
    /// Nil when this node is not a member of a cluster: it never dials and starts nothing.
    public var identity: NodeIdentity?
    /// How many controller addresses there are; they are dialled by index.
    public var controllers: Int
    public var services: [ServiceDefinition]
    /// At most ``WorkLimits/handlersPerNodeMax``.
    public var handlers: [HandlerDefinition]
    /// At most ``DataLimits/dataSetsPerNodeMax``.
    public var dataSets: [DataSetDefinition]
    /// Paths that the node itself lists as shared; only these may be probed.
    public var sharedPaths: [String]
    /// At most ``ComparedSet/countMax``, each name once.
    public var sets: [ComparedSet]
    public var facts: Facts
    /// Program and version, for people.
    public var software: String
    public var bootID: String
    public var machineID: String
    public var timing: AgentTiming

    public init(
        identity: NodeIdentity?,
        controllers: Int,
        services: [ServiceDefinition],
        handlers: [HandlerDefinition] = [],
        dataSets: [DataSetDefinition] = [],
        sharedPaths: [String] = [],
        sets: [ComparedSet] = [],
        facts: Facts,
        software: String = "",
        bootID: String = "",
        machineID: String = "",
        timing: AgentTiming = AgentTiming()
    ) {
        self.identity = identity
        self.controllers = controllers
        self.services = services
        self.handlers = handlers
        self.dataSets = dataSets
        self.sharedPaths = sharedPaths
        self.sets = sets
        self.facts = facts
        self.software = software
        self.bootID = bootID
        self.machineID = machineID
        self.timing = timing
    }
}

/// The agent's own times. What the controller tells in WELCOME is not here.
public struct AgentTiming: Hashable, Sendable {
    /// Of the full-jitter back-off between attempts to connect.
    public var reconnectBase: Duration = .seconds(1)
    public var reconnectMax: Duration = .seconds(60)
    /// Until the TLS session stands, and again until WELCOME.
    public var connectTimeout: Duration = .seconds(10)
    /// After a refusal that only a person can mend.
    public var refusedRetry: Duration = .seconds(60)
    /// Added to three heartbeats before an unanswered session is given up.
    public var answerMargin: Duration = .seconds(1)
    /// Added to one heartbeat before a late step is a tilt.
    public var tiltMargin: Duration = .seconds(1)
    /// Samples while no session says otherwise.
    public var sampleInterval: Duration = .seconds(10)
    /// How long the first report may wait for the first sample.
    public var sampleTimeout: Duration = .seconds(2)
    /// Between attempts to write a state that could not be written.
    public var persistRetry: Duration = .seconds(5)
    /// Beyond a service's stop timeout, before its order has failed: it cannot be killed.
    public var stopGrace: Duration = .seconds(10)
    /// How long the report of an attempt may come after its leash was proven empty.
    public var taskReportTimeout: Duration = .seconds(5)
    /// Of each step of renewing the certificate.
    public var renewalTimeout: Duration = .seconds(60)
    /// A CHECK line whose state is unchanged is sent at most this often.
    public var checkReportInterval: Duration = .seconds(10)
    /// Checks of a service that starts are not run less often than this.
    public var startingCheckInterval: Duration = .seconds(1)

    public init() {}
}
