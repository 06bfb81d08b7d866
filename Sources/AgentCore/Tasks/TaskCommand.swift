public import Model
import Protocol

/// A command to the leash of one attempt.
///
/// An attempt is what is commanded, not a process, so that a handler that takes many tasks one after
/// the other can stand behind the same four words: it is ended with the attempt that must end. The
/// program that writes a canary is commanded as one too (``TaskAttempt/isOfCanary``).
public enum TaskCommand: Hashable, Sendable {
    /// Spawn a leash that executes the handler. It kills what it holds when the agent is gone, and at
    /// the deadline.
    case launch(TaskAttempt, TaskLaunch)
    /// The lease was prolonged.
    case extend(TaskAttempt, deadline: Instant)
    /// SIGTERM, then SIGKILL to the whole group after `grace`. A later command with less grace holds.
    case stop(TaskAttempt, grace: Duration)
    /// The leash does not do what it was told: kill it, and what it held, without asking it.
    case destroy(TaskAttempt)
    /// Read what it has written so far, from this byte on, or the last
    /// ``WorkLimits/liveBytesMax`` bytes of that; answer `.taskOutput` in any case, with nothing
    /// where nothing has come.
    case readOutput(TaskAttempt, from: UInt64)

    public var attempt: TaskAttempt {
        switch self {
        case .launch(let attempt, _), .extend(let attempt, _), .stop(let attempt, _),
            .destroy(let attempt), .readOutput(let attempt, _):
            attempt
        }
    }
}

/// A command to all workers: processes of handlers that stay when their attempt has ended.
///
/// Each is answered by `.workersBuried` as soon as nothing of any worker is left, at once where there
/// is none.
public enum WorkerCommand: Hashable, Sendable {
    /// Give them no further task. One without a task gets SIGTERM, then SIGKILL to its whole group after
    /// `grace` or its handler's own, if that is less; one with a task when that has ended.
    case retire(grace: Duration)
    /// The leashes of those without a task do not do what they were told: kill them, and what they held,
    /// without asking them.
    case destroy
}

public struct TaskLaunch: Hashable, Sendable {
    /// As it was when the attempt was started: a later one does not change what runs.
    public var definition: HandlerDefinition
    /// With task and attempt.
    public var token: FencingToken
    public var payload: [UInt8]
    /// Everything but what belongs to the account (`HOME`, `PATH` …), each name once.
    public var environment: [EnvironmentVariable]
    /// End of the lease; nil for what needs none. The leash refuses to start after it.
    public var deadline: Instant?

    public init(
        definition: HandlerDefinition,
        token: FencingToken,
        payload: [UInt8],
        environment: [EnvironmentVariable],
        deadline: Instant?
    ) {
        self.definition = definition
        self.token = token
        self.payload = payload
        self.environment = environment
        self.deadline = deadline
    }
}

/// What the shell has measured of an attempt that was executed; once, before or after its leash has
/// said ``LeashNews/emptied``.
public struct TaskReport: Hashable, Sendable {
    /// How the handler's main process ended, where that is known.
    public var exit: ProgramExit?
    public var processorMilliseconds: UInt64
    /// Largest resident memory of a process of it.
    public var memoryBytesMax: UInt64
    /// Bytes of standard output and error in all.
    public var outputBytes: UInt64
    /// The last of them.
    public var outputTail: [UInt8]

    public init(
        exit: ProgramExit?,
        processorMilliseconds: UInt64 = 0,
        memoryBytesMax: UInt64 = 0,
        outputBytes: UInt64 = 0,
        outputTail: [UInt8] = []
    ) {
        self.exit = exit
        self.processorMilliseconds = processorMilliseconds
        self.memoryBytesMax = memoryBytesMax
        self.outputBytes = outputBytes
        self.outputTail = outputTail
    }
}
