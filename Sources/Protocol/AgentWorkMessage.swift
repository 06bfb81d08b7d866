public import Model

/// What an agent says about tasks; since version 2 of the protocol.
public enum AgentWorkMessage: Hashable, Sendable {
    /// A handler that is defined on the node, or whose definition has changed.
    case handler(HandlerReport)
    /// A handler is no longer defined on the node.
    case unhandled(HandlerName)
    /// An attempt that the node has: told of each before SYNCED. What is not told then is not
    /// there: it does not run, and it never will by an order given before.
    case holding(TaskAttempt, phase: HoldingPhase)
    /// The handler of the attempt was executed.
    case started(TaskAttempt)
    /// A piece of the attempt's standard output and error: before its RESULT, or, where `isLive`,
    /// while it runs, because the answer to a heartbeat has asked for it (``WatchedAttempt``).
    case output(TaskAttempt, at: UInt64, data: [UInt8], isLive: Bool = false)
    /// The attempt has ended: nothing of it runs any more, and its result is durable on the node.
    /// Repeated in each session until it is TAKEN.
    case result(TaskAttempt, AttemptResult)
    /// The attempt was not started, and never will be by an order given before.
    case returned(TaskAttempt, code: RefusalCode, text: String)
    /// A program of the node submits a task.
    case submit(LocalSubmission)
    /// A piece of the payload of the submission `reference`.
    case submitPart(reference: UInt64, at: UInt32, data: [UInt8])
}

/// A handler of a node, as its definition says.
public struct HandlerReport: Hashable, Sendable {
    public static let typesMax = 32
    public static let slotsMax: UInt16 = 4_096

    public var name: HandlerName
    /// The types of tasks it runs, sorted.
    public var types: [TaskType]
    /// Tasks it runs at once, 1 to ``slotsMax``.
    public var slots: UInt16
    /// Tasks that may wait on the node beyond those that run, 0 to ``slotsMax``.
    public var prefetch: UInt16
    public var delivery: DeliveryPolicy
    /// The longest an attempt may take; nil for no limit.
    public var timeLimit: Duration?
    /// Its attempts may end at a site that a planned run has left.
    public var isDrainable: Bool

    public init(
        name: HandlerName,
        types: [TaskType],
        slots: UInt16 = 1,
        prefetch: UInt16 = 1,
        delivery: DeliveryPolicy = .exclusive,
        timeLimit: Duration? = nil,
        isDrainable: Bool = false
    ) {
        self.isDrainable = isDrainable
        self.name = name
        self.types = types.sorted()
        self.slots = slots
        self.prefetch = prefetch
        self.delivery = delivery
        self.timeLimit = timeLimit
    }
}

/// How far an attempt is on its node.
public enum HoldingPhase: String, Hashable, Sendable, CaseIterable {
    /// It waits for a slot, or for the rest of its payload.
    case waiting
    /// It was started, or is about to be.
    case running
    /// It has ended, and its RESULT follows.
    case ended
}

/// A task that a program of the node submits.
public struct LocalSubmission: Hashable, Sendable {
    /// Counts within one session; the answer gives it back.
    public var reference: UInt64
    public var task: TaskSubmission
    /// Bytes of the payload in all.
    public var payloadBytes: UInt32
    /// The whole payload, where it is short (``WorkLimits/inlineBytesMax``); else it follows in
    /// parts.
    public var payload: [UInt8]

    public init(
        reference: UInt64,
        task: TaskSubmission,
        payloadBytes: UInt32,
        payload: [UInt8] = []
    ) {
        self.reference = reference
        self.task = task
        self.payloadBytes = payloadBytes
        self.payload = payload
    }
}

/// What is asked for when a task is submitted, its payload left out.
public struct TaskSubmission: Hashable, Sendable {
    public static let priorityDefault: UInt8 = 5
    public static let priorityMax: UInt8 = 9
    public static let accountBytesMax = 128
    public static let idempotencyKeyBytesMax = 128

    public var type: TaskType
    /// Whose work it is; empty for nobody's in particular.
    public var account: String
    /// Sorted by name; each name once.
    public var attributes: [TaskAttribute]
    /// 0 to ``priorityMax``; the higher goes first.
    public var priority: UInt8
    public var exclusiveKey: ExclusiveKey?
    /// The same key gives the same task, for at least 7 days.
    public var idempotencyKey: String?
    /// Attempts that may fail before the task is given up, 1 to 1 000; nil for the cluster's own.
    public var attemptsMax: UInt16?
    /// Time between a failed attempt and the next; nil for the cluster's own.
    public var retryDelay: Duration?
    /// Not started before then.
    public var notBefore: WallTime?

    public init(
        type: TaskType,
        account: String = "",
        attributes: [TaskAttribute] = [],
        priority: UInt8 = TaskSubmission.priorityDefault,
        exclusiveKey: ExclusiveKey? = nil,
        idempotencyKey: String? = nil,
        attemptsMax: UInt16? = nil,
        retryDelay: Duration? = nil,
        notBefore: WallTime? = nil
    ) {
        self.type = type
        self.account = account
        self.attributes = attributes.sorted()
        self.priority = priority
        self.exclusiveKey = exclusiveKey
        self.idempotencyKey = idempotencyKey
        self.attemptsMax = attemptsMax
        self.retryDelay = retryDelay
        self.notBefore = notBefore
    }
}

extension AgentWorkMessage {
    init(_ line: Line) throws(MessageError) {
        let fields = FieldReader(line)
        switch line.verb {
        case "HANDLER": self = .handler(try HandlerReport(fields))
        case "UNHANDLED": self = .unhandled(try fields.name("handler"))
        case "HOLDING":
            self = .holding(try TaskAttempt(fields), phase: try fields.word("phase"))
        case "STARTED": self = .started(try TaskAttempt(fields))
        case "OUTPUT":
            self = .output(
                try TaskAttempt(fields),
                at: try fields.number("at", in: 0...WireLimits.sizeMax),
                data: try fields.part("data"),
                isLive: try fields.flag("live")
            )
        case "RESULT": self = .result(try TaskAttempt(fields), try AttemptResult(fields))
        case "RETURNED":
            self = .returned(
                try TaskAttempt(fields),
                code: try fields.word("code"),
                text: fields.optionalText("text") ?? ""
            )
        case "SUBMIT": self = .submit(try LocalSubmission(fields))
        case "PIECE":
            let (at, data) = try fields.payloadPart()
            self = .submitPart(reference: try fields.number("ref"), at: at, data: data)
        default: throw .unknownVerb
        }
    }

    var line: Line {
        var writer: LineWriter
        switch self {
        case .handler(let report): return report.line
        case .unhandled(let name):
            writer = LineWriter("UNHANDLED")
            writer.put("handler", name)
        case .holding(let attempt, let phase):
            writer = LineWriter("HOLDING")
            writer.put(attempt)
            writer.put("phase", phase)
        case .started(let attempt):
            writer = LineWriter("STARTED")
            writer.put(attempt)
        case .output(let attempt, let at, let data, let isLive):
            writer = LineWriter("OUTPUT")
            writer.put(attempt)
            writer.put("at", at)
            writer.put("live", isLive)
            writer.put("data", data: data)
        case .result(let attempt, let result): return result.line(of: attempt)
        case .returned(let attempt, let code, let text):
            writer = LineWriter("RETURNED")
            writer.put(attempt)
            writer.put("code", code)
            writer.put("text", text, bytesMax: WireLimits.outputBytesMax)
        case .submit(let submission): return submission.line
        case .submitPart(let reference, let at, let data):
            writer = LineWriter("PIECE")
            writer.put("ref", reference)
            writer.put("at", at)
            writer.put("data", data: data)
        }
        return writer.line
    }
}
