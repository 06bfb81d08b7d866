/// One line about a task: a row of `muster task list`.
public struct TaskSummary: Codable, Hashable, Sendable {
    public var id: UInt64
    public var type: String
    /// Empty for nobody's in particular.
    public var account: String
    public var attributes: [String: String]
    public var priority: UInt8
    /// `waiting`, `delayed`, `assigned`, `failed`, `unknown`, `done` or `cancelled`.
    public var state: String
    /// Since when it is in this state: of an ended one, when it ended.
    public var since: String
    /// It can still change: ended tasks that an operator may give again are live too.
    public var live: Bool
    /// An operator's name, `node/NAME` or `schedule/NAME`.
    public var submittedBy: String
    public var acceptedAt: String
    /// The node that has it, or had its last attempt.
    public var node: String?
    /// The handler was executed; only of an assigned task.
    public var started: Bool?
    /// The rule by which the node was found.
    public var rule: String?
    /// Attempts that were given to a node.
    public var attempt: UInt16
    /// Attempts that have failed since it was accepted or given again.
    public var failures: UInt16
    public var payloadBytes: UInt32
    /// Not given to a node before then.
    public var notBefore: String?
    public var exclusiveKey: String?
    public var ordered: Bool?
    /// The idempotency key.
    public var key: String?
    /// Of the last attempt that has ended.
    public var result: TaskResult?

    public init(
        id: UInt64,
        type: String,
        account: String = "",
        attributes: [String: String] = [:],
        priority: UInt8 = 5,
        state: String,
        since: String,
        live: Bool,
        submittedBy: String,
        acceptedAt: String,
        attempt: UInt16 = 0,
        failures: UInt16 = 0,
        payloadBytes: UInt32 = 0
    ) {
        self.id = id
        self.type = type
        self.account = account
        self.attributes = attributes
        self.priority = priority
        self.state = state
        self.since = since
        self.live = live
        self.submittedBy = submittedBy
        self.acceptedAt = acceptedAt
        self.attempt = attempt
        self.failures = failures
        self.payloadBytes = payloadBytes
    }
}

/// How an attempt ended.
public struct TaskResult: Codable, Hashable, Sendable {
    /// `done`, `failed`, `timed-out`, `cancelled`, `interrupted` or `not-executed`.
    public var outcome: String
    /// The exit status, where the handler exited.
    public var status: UInt8?
    /// The signal that ended it, where one did.
    public var signal: UInt8?
    /// Why it was interrupted or not executed; may be empty.
    public var detail: String
    /// No retry mends it.
    public var permanent: Bool
    public var ranMilliseconds: UInt64
    public var processorMilliseconds: UInt64
    public var memoryBytesMax: UInt64
    /// Bytes it wrote in all; what is kept of them may be less.
    public var outputBytes: UInt64

    public init(
        outcome: String,
        status: UInt8? = nil,
        signal: UInt8? = nil,
        detail: String = "",
        permanent: Bool = false,
        ranMilliseconds: UInt64 = 0,
        processorMilliseconds: UInt64 = 0,
        memoryBytesMax: UInt64 = 0,
        outputBytes: UInt64 = 0
    ) {
        self.outcome = outcome
        self.status = status
        self.signal = signal
        self.detail = detail
        self.permanent = permanent
        self.ranMilliseconds = ranMilliseconds
        self.processorMilliseconds = processorMilliseconds
        self.memoryBytesMax = memoryBytesMax
        self.outputBytes = outputBytes
    }
}

/// The answer to `GET /tasks`, newest first.
///
/// Query: `state`, `type`, `account`, `node`, `live` (`true` for those that can still change,
/// `false` for those that cannot), each may be left out; `since` (accepted at this time
/// or later) or `ageMilliseconds` (accepted so long ago or later); `after` (tasks that follow this
/// number in the list: with a lower number), `limit` (1 to 1 000, 100 when left out).
public struct TaskPage: Codable, Hashable, Sendable {
    public var asOf: String
    public var tasks: [TaskSummary]
    /// Give it as `after` for what follows; left out when nothing does. One request looks through
    /// so many tasks and no more: with a filter that few tasks pass, a page may be short, or
    /// empty, and others follow all the same.
    public var next: UInt64?

    public static let limitDefault = 100
    public static let limitMax = 1_000

    public init(asOf: String, tasks: [TaskSummary], next: UInt64? = nil) {
        self.asOf = asOf
        self.tasks = tasks
        self.next = next
    }
}

/// The answer to `GET /tasks/{id}`: everything that is known of a task but its payload.
public struct TaskDetail: Codable, Hashable, Sendable {
    public var asOf: String
    public var task: TaskSummary
    /// While a node has it.
    public var assignment: TaskAssignment?
    /// Why the node of the last attempt got it.
    public var decision: TaskDecision?
    /// Attempts that did not end by themselves.
    public var interruptions: UInt16
    /// What it asked for itself; left out where the cluster's own holds.
    public var attemptsMax: UInt16?
    public var retryDelayMilliseconds: UInt64?
    /// Attempts that ended without ending the task, oldest first, the last eight.
    public var attempts: [TaskAttemptDetail]

    public init(
        asOf: String,
        task: TaskSummary,
        interruptions: UInt16 = 0,
        attempts: [TaskAttemptDetail] = []
    ) {
        self.asOf = asOf
        self.task = task
        self.interruptions = interruptions
        self.attempts = attempts
    }
}

public struct TaskAssignment: Codable, Hashable, Sendable {
    public var node: String
    public var attempt: UInt16
    public var handler: String
    /// `exclusive`, `idempotent` or `at-most-once`.
    public var delivery: String
    /// Epoch and session of the node under which it was given.
    public var token: String
    public var started: Bool
    /// It was asked to end: `cancelled`, `recalled` or `drained`.
    public var cancel: String?

    public init(
        node: String,
        attempt: UInt16,
        handler: String,
        delivery: String,
        token: String,
        started: Bool,
        cancel: String? = nil
    ) {
        self.node = node
        self.attempt = attempt
        self.handler = handler
        self.delivery = delivery
        self.token = token
        self.started = started
        self.cancel = cancel
    }
}

public struct TaskDecision: Codable, Hashable, Sendable {
    /// `exclusive-key`, `home`, `affinity-set`, `attribute-match`, `round-robin`, `least-loaded`,
    /// `whole-site`, `spilled` or `all-overloaded`.
    public var rule: String
    /// The number of the view of the cluster that it rests on.
    public var view: UInt64

    public init(rule: String, view: UInt64) {
        self.rule = rule
        self.view = view
    }
}

public struct TaskAttemptDetail: Codable, Hashable, Sendable {
    public var attempt: UInt16
    public var node: String
    public var endedAt: String
    /// As ``TaskResult/outcome``, or `returned`, `lost`.
    public var outcome: String

    public init(attempt: UInt16, node: String, endedAt: String, outcome: String) {
        self.attempt = attempt
        self.node = node
        self.endedAt = endedAt
        self.outcome = outcome
    }
}

/// The answer to `GET /tasks/{id}/output`: a piece of what the handler has written, standard
/// output and error as they came.
///
/// Query: `offset` (from this byte on; 0 when left out), `limit` (bytes; 1 to 1 048 576, 262 144
/// when left out). Who follows asks again with `next` until `final`.
public struct TaskOutput: Codable, Hashable, Sendable {
    public var asOf: String
    public var id: UInt64
    /// Whose output this is. A higher one than before: begin anew at 0.
    public var attempt: UInt16
    /// Where the first byte stands. Higher than was asked for when what is before it was not kept.
    public var offset: UInt64
    public var dataBase64: String
    /// Give it as `offset` for what follows.
    public var next: UInt64
    /// Nothing follows: the attempt has ended, and this was the last of it.
    public var final: Bool

    public static let limitDefault = 256 << 10
    public static let limitMax = 1 << 20

    public init(
        asOf: String,
        id: UInt64,
        attempt: UInt16,
        offset: UInt64,
        dataBase64: String,
        next: UInt64,
        final: Bool
    ) {
        self.asOf = asOf
        self.id = id
        self.attempt = attempt
        self.offset = offset
        self.dataBase64 = dataBase64
        self.next = next
        self.final = final
    }
}

/// The answer to `GET /tasks/{id}/why`: of a task that waits, why it does and where it would go by
/// the rules of now; of one that a node has or had, why that node.
public struct TaskExplanation: Codable, Hashable, Sendable {
    public var asOf: String
    public var id: UInt64
    public var state: String
    /// One sentence.
    public var text: String
    public var type: String
    /// The dispatch policy: of now, or of the decision.
    public var policy: String?
    /// The rule that won, or would; as ``TaskDecision/rule``.
    public var rule: String?
    /// Of a decision: the number of the view it rests on, and when that was taken.
    public var view: UInt64?
    public var viewedAt: String?
    /// The node that has or had it.
    public var node: String?
    /// Every node of the active site. Empty when a decision's view is not kept any more.
    public var candidates: [TaskCandidate]

    public init(
        asOf: String,
        id: UInt64,
        state: String,
        text: String,
        type: String,
        candidates: [TaskCandidate] = []
    ) {
        self.asOf = asOf
        self.id = id
        self.state = state
        self.text = text
        self.type = type
        self.candidates = candidates
    }
}

/// A node as a decision saw it.
public struct TaskCandidate: Codable, Hashable, Sendable {
    public var node: String
    /// Why it was removed; left out when it could take the task.
    public var obstacle: String?
    /// It belongs to the set that the rule yields; only of a task that waits.
    public var preferred: Bool?
    /// Whether there is room, and how much; only of a task that waits.
    public var room: String?
    /// 1 minute load average for each processor, in thousandths; left out when not known.
    public var loadPerProcessorThousandths: UInt32?
    public var memoryUsedPerMille: UInt32?
    /// Tasks it has, and tasks of the type that it runs at once.
    public var assigned: UInt32
    public var slots: UInt32

    public init(node: String, assigned: UInt32, slots: UInt32) {
        self.node = node
        self.assigned = assigned
        self.slots = slots
    }
}
