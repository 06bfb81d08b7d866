public import Model
public import Protocol

/// Everything that can happen to an agent's machine.
///
/// Each is accepted in every state. What belongs to a connection or a leash that is no more (an old
/// `link`, an old `LaunchID`) is passed over, so the shell never has to order its reports.
public enum AgentEvent: Hashable, Sendable {
    /// The process runs and has looked for the leashes of an earlier one. Always the first event,
    /// and only once. Nothing is adopted later.
    ///
    /// `tasks` are attempts, and programs of canaries, whose leashes are not proven to hold nothing any more: `.task(…, .emptied)`
    /// follows for each. What the journal of tasks calls started and is not among them does not run.
    /// `hasWorkers` says the same of workers, with or without a task: `.workersBuried` follows.
    case started([AdoptedLeash], tasks: [TaskAttempt] = [], hasWorkers: Bool = false)
    /// ``AgentMachine/nextDeadline`` has come (or any time later). The wall clock is for the
    /// heartbeat's clock check only and decides nothing.
    case deadlineReached(wall: WallTime)
    /// Every ``PersistRequest`` up to and including this revision is on stable storage.
    case persisted(upTo: UInt64)
    /// The state could not be written (disk full, read-only). The old state is intact. The machine
    /// asks again by itself. A write whose outcome is not known is not reported: the shell exits.
    case persistFailed(reason: String)
    /// The TLS session asked for by ``ConnectionCommand/dial(link:controller:)`` stands.
    case connected(link: UInt64)
    /// It could not be made, or ended. Reported once per link; not for links that the machine
    /// itself closed (it would be passed over).
    case disconnected(link: UInt64, reason: String)
    case received(link: UInt64, ControllerMessage)
    /// A line came that could not be understood; the machine closes the connection.
    case unreadable(link: UInt64, reason: String)
    case leash(LaunchID, LeashNews)
    /// An answer to a ``CheckRequest``. `took` is how long the attempt lasted.
    case checkFinished(CheckID, CheckOutcome, took: Duration)
    /// An answer to a ``DataRun``: nothing of it runs any more.
    case dataFinished(DataRunID, DataOutcome)
    /// An answer to ``AgentEffects/wantsSample``.
    case sampled(Load, disks: [Disk])
    /// An answer to a ``PreflightRequest``: every finding of it.
    case found(order: UInt64, [PreflightFinding])
    /// What the leash of an attempt says, or the shell in its place.
    case task(TaskAttempt, LeashNews)
    /// What was measured of an attempt that was executed; once.
    case taskReport(TaskAttempt, TaskReport)
    /// The answer to a ``WorkerCommand``: it is proven that no process of any worker exists any more.
    case workersBuried
    /// The answer to ``TaskCommand/readOutput(_:from:)``: what stands in the output from this place
    /// on; may be empty.
    case taskOutput(TaskAttempt, at: UInt64, [UInt8])
    /// Every ``TaskJournalWrite`` up to and including this sequence is on stable storage.
    case taskJournaled(upTo: UInt64)
    /// The journal of tasks could not be written, or it is not known whether it was. The machine asks
    /// for a whole one after a while.
    case taskJournalFailed(reason: String)
    /// A program of this node submits a task. `client` is any number that the answer gives back.
    case submissionRequested(client: UInt64, LocalTask)
    /// The ``SpooledTask`` with this number is on stable storage.
    case spooled(UInt64)
    /// It could not be written, and nothing of it is kept.
    case spoolFailed(UInt64, reason: String)
    /// The configuration was read anew (SIGHUP) and is good.
    case reconfigured(
        [ServiceDefinition],
        sharedPaths: [String],
        handlers: [HandlerDefinition] = [],
        sets: [ComparedSet] = [],
        dataSets: [DataSetDefinition] = []
    )
    /// The answer to ``ComparingCommand/look(_:number:)``.
    case looked(ComparedSetName, number: UInt64, LookResult)
    /// The answer to ``ComparingCommand/list(_:_:digest:from:)``.
    case listed(ComparingTicket, ListAnswer)
    /// The answer to ``ComparingCommand/show(_:_:path:)``.
    case shown(ComparingTicket, ShowAnswer)
    /// It was read anew and is bad: the old one stays in force.
    case misconfigured(reason: String)
    /// How long the certificate in use is still good, and its whole life. At start, and again after
    /// a renewed one was installed.
    case certificateMeasured(remaining: Duration, life: Duration)
    case renewal(RenewalNews)
    /// SIGTERM: say goodbye. Services stay under their leashes.
    case stopping(ByeReason)
}

/// One start of one service. Numbers are never used twice on a node, over all its incarnations.
public struct LaunchID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var service: ServiceName
    public var number: UInt64

    public init(service: ServiceName, number: UInt64) {
        self.service = service
        self.number = number
    }

    public static func < (left: LaunchID, right: LaunchID) -> Bool {
        (left.service, left.number) < (right.service, right.number)
    }

    /// `NAME-NUMBER`, fit for a file name.
    public var description: String { "\(service)-\(number)" }
}

/// A leash that an earlier incarnation of the agent left holding a service.
public struct AdoptedLeash: Hashable, Sendable {
    public var launch: LaunchID
    /// The token under which it was launched.
    public var token: FencingToken
    /// The main process; nil when it has ended and the leash still empties its group.
    public var processID: UInt32?
    /// It was launched with the end of a lease, and ends with it, whatever its definition says by now.
    public var hasDeadline: Bool

    public init(
        launch: LaunchID,
        token: FencingToken,
        processID: UInt32?,
        hasDeadline: Bool = false
    ) {
        self.hasDeadline = hasDeadline
        self.launch = launch
        self.token = token
        self.processID = processID
    }
}

/// What a leash, or the shell in its place, says of one launch.
///
///     started → exited → emptied
///     lost → emptied           (the leash died; what it held is killed by the shell)
///     notStarted               (nothing ran at all; final)
public enum LeashNews: Hashable, Sendable {
    /// The program was executed.
    case started(processID: UInt32)
    /// There is nothing of it: the program could not be executed, or the leash not be spawned, or
    /// the lease had ended when the leash came to execute it.
    case notStarted(reason: String)
    /// The main process ended; the leash empties the rest of the group.
    case exited(ProgramExit)
    /// The leash stopped the service by itself because its lease ended.
    case leaseEnded
    /// It is proven that no process of the launch exists any more. Final.
    case emptied
    /// The leash died. The shell kills what it held; ``emptied`` follows when that is proven.
    case lost
    /// Processes are left that do not die from SIGKILL.
    case unkillable(processes: UInt32)
}

/// How a process ended.
public enum ProgramExit: Hashable, Sendable, CustomStringConvertible {
    case exited(UInt8)
    case signalled(UInt8)

    public var isSuccess: Bool { self == .exited(0) }

    public var description: String {
        switch self {
        case .exited(let status): "exited with status \(status)"
        case .signalled(let signal): "ended by signal \(signal)"
        }
    }
}

/// One attempt of one check. An answer to an older attempt is passed over.
public struct CheckID: Hashable, Sendable {
    public var service: ServiceName
    public var check: CheckName
    public var attempt: UInt64

    public init(service: ServiceName, check: CheckName, attempt: UInt64) {
        self.service = service
        self.check = check
        self.attempt = attempt
    }
}

/// How an attempt of a check ended, with its output for people (cut to 1 000 bytes by the sender).
public enum CheckOutcome: Hashable, Sendable {
    case passed(output: String)
    case failed(output: String)
}

/// A finding of the node's own preflight checks or of a probe.
public struct PreflightFinding: Hashable, Sendable {
    public var check: String
    public var outcome: Finding.Outcome
    public var text: String
    public var mend: String

    public init(check: String, outcome: Finding.Outcome, text: String, mend: String = "") {
        self.check = check
        self.outcome = outcome
        self.text = text
        self.mend = mend
    }
}

/// Steps of renewing the node's certificate, answered by the shell.
public enum RenewalNews: Hashable, Sendable {
    /// A new key was made; the signing request for it, DER in base64.
    case requested(signingRequest: String)
    /// The certificate and its key are durable and will be used for the next connection.
    case installed
    case failed(reason: String)
}
