public import Model
public import Protocol

/// What a step asks of the shell, in the stages in which it is to be done.
///
/// `persist` comes first in the struct and nothing else in the same effects depends on it: what does
/// is kept in the machine and comes out of the step that answers `.persisted(upTo:)`. So the shell
/// may do all stages at once and still cannot acknowledge before it is synced.
public struct AgentEffects: Hashable, Sendable {
    /// Replace the durable state by this. A later request contains every earlier one.
    public var persist: PersistRequest?
    /// Append to the journal of tasks.
    public var taskJournal: TaskJournalWrite?
    /// Replace the journal of tasks; never together with an append.
    public var taskJournalRewrite: TaskJournalWrite?
    /// Make these durable, one by one; answer `.spooled` for each.
    public var spool: [SpooledTask]
    /// Remove these. One that comes back after a crash is delivered again, and known by its key.
    public var unspool: [UInt64]
    /// To the leashes, in this order.
    public var leashes: [LeashCommand]
    /// To the leashes of tasks, in this order.
    public var tasks: [TaskCommand]
    /// After the tasks: to all workers, in this order.
    public var workers: [WorkerCommand]
    /// Lines for the present link, in this order.
    public var sends: [AgentMessage]
    /// After the sends: what to do with connections, in this order.
    public var connection: [ConnectionCommand]
    public var checks: [CheckRequest]
    public var preflight: [PreflightRequest]
    /// What is to be looked at, or told, of compared sets.
    public var comparing: [ComparingCommand]
    /// Programs of data sets to be executed, each answered by `.dataFinished`.
    public var dataRuns: [DataRun]
    /// A sample of load and disks is wanted; answer `.sampled`.
    public var wantsSample: Bool
    public var renewal: RenewalCommand?
    /// To programs of this node.
    public var submissionAnswers: [SubmissionAnswer]
    /// For the log.
    public var notices: [AgentNotice]
    /// The goodbye is said: the process may exit once the sends are written.
    public var mayExit: Bool

    public init() {
        persist = nil
        taskJournal = nil
        taskJournalRewrite = nil
        spool = []
        unspool = []
        leashes = []
        tasks = []
        workers = []
        sends = []
        connection = []
        checks = []
        preflight = []
        comparing = []
        dataRuns = []
        wantsSample = false
        renewal = nil
        submissionAnswers = []
        notices = []
        mayExit = false
    }
}

/// The whole durable state of the agent, to be written atomically (write, sync, rename, sync the
/// folder).
public struct PersistRequest: Hashable, Sendable {
    /// Grows by one with each request of one process.
    public var revision: UInt64
    public var memory: AgentMemory

    public init(revision: UInt64, memory: AgentMemory) {
        self.revision = revision
        self.memory = memory
    }
}

public enum ConnectionCommand: Hashable, Sendable {
    /// Open a TLS session to the controller with this index in the configured list.
    case dial(link: UInt64, controller: Int)
    /// Close it after what was sent is written.
    case close(link: UInt64, reason: String)
}

/// A command to the leash of one launch.
public enum LeashCommand: Hashable, Sendable {
    /// Spawn a leash that executes the service's program. For a self-fenced service `deadline` is
    /// the end of the lease on this node's boot clock, and the leash refuses to start after it.
    case launch(LaunchID, Launch)
    /// The lease was prolonged.
    case extend(LaunchID, deadline: Instant)
    /// The service is confirmed under a newer token.
    case authorise(LaunchID, token: FencingToken)
    /// Stop command or SIGTERM, then SIGKILL to the whole group after `timeout`.
    case stop(LaunchID, timeout: Duration)
    /// The leash does not do what it was told: kill it, and what it held, without asking it.
    case destroy(LaunchID)

    public var launchID: LaunchID {
        switch self {
        case .launch(let id, _), .extend(let id, _), .authorise(let id, _), .stop(let id, _),
            .destroy(let id):
            id
        }
    }
}

public struct Launch: Hashable, Sendable {
    public var definition: ServiceDefinition
    public var token: FencingToken
    /// End of the lease; nil for a service that is not self-fenced.
    public var deadline: Instant?
    /// Variables from the cluster's settings; those of the definition come after and win.
    public var environment: [EnvironmentVariable]

    public init(
        definition: ServiceDefinition,
        token: FencingToken,
        deadline: Instant?,
        environment: [EnvironmentVariable]
    ) {
        self.definition = definition
        self.token = token
        self.deadline = deadline
        self.environment = environment
    }
}

public struct CheckRequest: Hashable, Sendable {
    public var id: CheckID
    public var action: CheckAction
    public var timeout: Duration

    public init(id: CheckID, action: CheckAction, timeout: Duration) {
        self.id = id
        self.action = action
        self.timeout = timeout
    }
}

public enum PreflightRequest: Hashable, Sendable {
    case everything(order: UInt64)
    /// Its path is one of the node's own shared paths: the machine has checked it.
    case probe(Probe)
}

public enum RenewalCommand: Hashable, Sendable {
    /// Make a new key and a signing request; answer `.renewal(.requested)`.
    case makeRequest
    /// Store the certificate with its key, durably; answer `.renewal(.installed)`. Both are DER in
    /// base64.
    case install(certificate: String, issuer: String)
}

/// Something for the log: a constant sentence and its facts.
public struct AgentNotice: Hashable, Sendable {
    public enum Level: Hashable, Sendable {
        case debug, info, warning, error
    }

    public struct Fact: Hashable, Sendable {
        public var key: String
        public var value: String

        public init(_ key: String, _ value: String) {
            self.key = key
            self.value = value
        }
    }

    public var level: Level
    public var text: String
    public var facts: [Fact]

    public init(_ level: Level, _ text: String, _ facts: [Fact] = []) {
        self.level = level
        self.text = text
        self.facts = facts
    }
}
