import Model
import Protocol

/// What the desk must know of the agent's machine at a step.
struct SubmissionSituation: Hashable, Sendable {
    /// The connection of a session that speaks of tasks.
    var link: UInt64?
    /// Everything was told in it: submissions may follow.
    var isSynced: Bool
    /// Why nothing can be submitted at all; nil when something can.
    var obstacle: String?
    /// ``MadeKey/prefix(of:incarnation:process:)``: begins the keys that are made here. Nil until the incarnation is durable:
    /// after a crash the next process would count from the same number, and make the same keys.
    var keyPrefix: String?
    /// Whose keys they are; nil of no member.
    var node: NodeID?
}

struct SubmissionEffects: Hashable, Sendable {
    var sends: [AgentWorkMessage] = []
    var answers: [SubmissionAnswer] = []
    var spool: [SpooledTask] = []
    var unspool: [UInt64] = []
    var notices: [AgentNotice] = []
}

/// Takes submissions of the node's own programs to a controller, and keeps those that may wait.
///
/// Every submission has an idempotency key, its own or one made here. So what was sent in a session
/// that was lost is sent again in the next one, and is one task all the same.
struct SubmissionDesk: Hashable, Sendable {
    /// Bytes of payloads of submissions that wait for their answer.
    static let pendingBytesMax = 32 << 20
    /// Submissions kept on the node, and the bytes of their payloads.
    static let spoolCountMax = 4_096
    static let spoolBytesMax = 64 << 20
    /// Spooled ones that are submitted at once.
    static let spoolWindow = 16
    /// After which one who was turned away for want of room may ask again.
    static let busyRetry: Duration = .seconds(1)
    /// The same for the spool, where the controller names no time.
    static let spoolRetry: Duration = .seconds(5)

    enum Source: Hashable, Sendable {
        case client(UInt64, mayBeSpooled: Bool)
        case spool(UInt64)
        /// Nobody waits for its answer any more.
        case nobody
    }

    /// A submission that a controller is to answer.
    struct Pending: Hashable, Sendable {
        var source: Source
        var task: TaskSubmission
        var payload: [UInt8]
        var until: Instant?
        /// Sent, or begun to be, in some session: it may have been accepted.
        var wasSent = false
    }

    struct Spooled: Hashable, Sendable {
        enum State: Hashable, Sendable {
            /// It is being made durable for this client.
            case writing(client: UInt64)
            case kept
            /// Among those that a controller is to answer.
            case submitted
        }

        var task: TaskSubmission
        var payload: [UInt8]
        var state: State
    }

    var pending: OrderedTable<UInt64, Pending> = OrderedTable()
    var spool: OrderedTable<UInt64, Spooled> = OrderedTable()
    /// Nothing of the spool is submitted before.
    var spoolPausedUntil: Instant?
    var session: SubmissionSession?
    private var numbers: UInt64 = 0
    private var keys: UInt64 = 0
    private var spoolNumbers: UInt64
    private(set) var pendingBytes = 0
    private(set) var spoolBytes = 0

    init(spool: [SpooledTask]) {
        spoolNumbers = spool.map(\.number).max() ?? 0
        for kept in spool where self.spool[kept.number] == nil {
            self.spool[kept.number] = Spooled(task: kept.task, payload: kept.payload, state: .kept)
            spoolBytes += kept.payload.count
        }
    }

    // MARK: A program asks

    mutating func requested(
        _ client: UInt64,
        _ local: LocalTask,
        _ situation: SubmissionSituation,
        at now: Instant,
        _ effects: inout SubmissionEffects
    ) {
        func decline(_ code: RefusalCode, _ text: String, retry: Duration? = nil) {
            let outcome = SubmissionAnswer.Outcome.declined(code, text: text, retry: retry)
            effects.answers.append(SubmissionAnswer(client: client, outcome: outcome))
        }
        var task = local.task
        task.attributes.sort()
        if let problem = Self.problem(of: task, local.payload) { return decline(.invalid, problem) }
        if let problem = Self.problem(ofKey: task.idempotencyKey, at: situation.node) {
            return decline(.forbidden, problem)
        }
        if let obstacle = situation.obstacle { return decline(.notActive, obstacle) }
        if task.idempotencyKey == nil {
            guard let prefix = situation.keyPrefix else {
                return decline(.notActive, "the agent is starting", retry: Self.busyRetry)
            }
            keys += 1
            task.idempotencyKey = "\(prefix).\(keys)"
        }
        let hasRoom =
            pending.count < WorkLimits.submissionsPerNodeMax
            && pendingBytes + local.payload.count <= Self.pendingBytesMax
        guard situation.link != nil, hasRoom else {
            if local.spool { return keep(task, local.payload, for: client, &effects) }
            return situation.link == nil
                ? decline(.notActive, "no controller can be reached")
                : decline(.busy, "too many submissions wait already", retry: Self.busyRetry)
        }
        add(
            Pending(
                source: .client(client, mayBeSpooled: local.spool),
                task: task,
                payload: local.payload,
                until: now + max(.zero, local.patience)
            )
        )
    }

    /// What a controller would not understand is not sent to it: it would end the session.
    /// A program that takes a key which is made for others would have their tasks lost.
    private static func problem(ofKey key: String?, at node: NodeID?) -> String? {
        guard let key else { return nil }
        switch MadeKey(key) {
        case .schedule: return "keys that begin with schedule/ are those of schedules"
        case .agent(let maker) where maker == node:
            return "the key is one of those that this agent makes for programs that give none"
        case .agent, nil: return nil
        }
    }

    private static func problem(of task: TaskSubmission, _ payload: [UInt8]) -> String? {
        guard payload.count <= WorkLimits.payloadBytesMax else {
            return "a payload has at most \(WorkLimits.payloadBytesMax) bytes"
        }
        var task = task
        if task.idempotencyKey == nil {
            let longest = TaskSubmission.idempotencyKeyBytesMax
            task.idempotencyKey = String(repeating: "k", count: longest)
        }
        let inline = payload.count <= WorkLimits.inlineBytesMax ? payload : []
        let message = AgentMessage.work(
            .submit(
                LocalSubmission(
                    reference: .max,
                    task: task,
                    payloadBytes: UInt32(payload.count),
                    payload: inline
                )
            )
        )
        do {
            let line = try Line.parse(message.line.description, limits: .member)
            guard try AgentMessage(line) == message else { return "the task cannot be written" }
            return nil
        } catch let error as LineError {
            return error.sentence
        } catch let error as MessageError {
            return error.sentence
        } catch {
            return "the task cannot be written"
        }
    }

    mutating func add(_ submission: Pending) {
        numbers += 1
        pendingBytes += submission.payload.count
        pending[numbers] = submission
    }

    mutating func removePending(_ number: UInt64) {
        guard let submission = pending[number] else { return }
        pendingBytes -= submission.payload.count
        pending[number] = nil
    }

    // MARK: The spool

    /// Makes it durable here; the client is answered when it is.
    mutating func keep(
        _ task: TaskSubmission,
        _ payload: [UInt8],
        for client: UInt64,
        _ effects: inout SubmissionEffects
    ) {
        guard spool.count < Self.spoolCountMax, spoolBytes + payload.count <= Self.spoolBytesMax
        else {
            let outcome = SubmissionAnswer.Outcome.declined(
                .busy,
                text: "no controller takes it, and the node keeps as many as it may",
                retry: Self.busyRetry
            )
            return effects.answers.append(SubmissionAnswer(client: client, outcome: outcome))
        }
        spoolNumbers += 1
        spoolBytes += payload.count
        spool[spoolNumbers] = Spooled(
            task: task,
            payload: payload,
            state: .writing(client: client)
        )
        effects.spool.append(SpooledTask(number: spoolNumbers, task: task, payload: payload))
    }

    mutating func spooled(_ number: UInt64, _ effects: inout SubmissionEffects) {
        guard let kept = spool[number], case .writing(let client) = kept.state else { return }
        spool.update(number) { $0.state = .kept }
        effects.answers.append(SubmissionAnswer(client: client, outcome: .spooled))
    }

    mutating func spoolFailed(
        _ number: UInt64,
        _ reason: String,
        _ effects: inout SubmissionEffects
    ) {
        guard let kept = spool[number], case .writing(let client) = kept.state else { return }
        removeSpooled(number)
        let outcome = SubmissionAnswer.Outcome.declined(
            .storage,
            text: "it cannot be kept on this node: \(reason)",
            retry: Self.spoolRetry
        )
        effects.answers.append(SubmissionAnswer(client: client, outcome: outcome))
    }

    mutating func removeSpooled(_ number: UInt64) {
        guard let kept = spool[number] else { return }
        spoolBytes -= kept.payload.count
        spool[number] = nil
    }

    // MARK: Time

    var nextDeadline: Instant? {
        var next = session?.nextDeadline
        func consider(_ deadline: Instant?) {
            if let deadline { next = min(next ?? deadline, deadline) }
        }
        for submission in pending.values { consider(submission.until) }
        consider(spoolPausedUntil)
        return next
    }

    /// The sums are what they say.
    var isConsistent: Bool {
        pendingBytes == pending.values.reduce(0) { $0 + $1.payload.count }
            && spoolBytes == spool.values.reduce(0) { $0 + $1.payload.count }
    }
}
