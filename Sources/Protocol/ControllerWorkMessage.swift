public import Model

/// What a controller says about tasks; since version 2 of the protocol.
public enum ControllerWorkMessage: Hashable, Sendable {
    /// Run this attempt. May be repeated freely; the node knows what it has.
    case run(RunOrder)
    /// A piece of the attempt's payload.
    case part(TaskAttempt, at: UInt32, data: [UInt8])
    /// End the attempt, or do not start it. Answered by RESULT or RETURNED.
    case cancel(TaskAttempt, token: FencingToken, CancelReason)
    /// The result is durable here: the node may forget the attempt.
    case taken(TaskAttempt)
    /// The submission is durable, as this task; `isKnown` when its idempotency key had it already.
    case accepted(reference: UInt64, task: TaskID, isKnown: Bool)
    /// The submission was turned down, and nothing is kept of it.
    case declined(reference: UInt64, code: RefusalCode, text: String, retry: Duration?)
}

/// Why an attempt is to end.
public enum CancelReason: String, Hashable, Sendable, CaseIterable {
    /// An operator cancels the task: TERM, then KILL.
    case cancelled
    /// Only if it has not started: the node is drained or cordoned, or another has room.
    case recalled
    /// The deadline of the node's drain has passed: as `cancelled`, and it runs elsewhere.
    case drained
}

public struct RunOrder: Hashable, Sendable {
    public var attempt: TaskAttempt
    /// Epoch and node session; with the attempt it is the fencing token of what is done.
    public var token: FencingToken
    public var handler: HandlerName
    public var type: TaskType
    public var account: String
    /// Sorted by name; each name once.
    public var attributes: [TaskAttribute]
    public var priority: UInt8
    public var exclusiveKey: String?
    /// An attempt before this one was given out: its effects may be there in part.
    public var isRepeated: Bool
    /// The controller knows its handler as drainable: where the node does, too, it may end after the
    /// site has given its part up.
    public var isDrainable: Bool
    public var submittedAt: WallTime
    /// Bytes of the payload in all.
    public var payloadBytes: UInt32
    /// The whole payload, where it is short (``WorkLimits/inlineBytesMax``); else it follows in
    /// parts.
    public var payload: [UInt8]

    public init(
        attempt: TaskAttempt,
        token: FencingToken,
        handler: HandlerName,
        type: TaskType,
        account: String = "",
        attributes: [TaskAttribute] = [],
        priority: UInt8 = TaskSubmission.priorityDefault,
        exclusiveKey: String? = nil,
        isRepeated: Bool = false,
        isDrainable: Bool = false,
        submittedAt: WallTime,
        payloadBytes: UInt32 = 0,
        payload: [UInt8] = []
    ) {
        self.isDrainable = isDrainable
        self.attempt = attempt
        self.token = token
        self.handler = handler
        self.type = type
        self.account = account
        self.attributes = attributes.sorted()
        self.priority = priority
        self.exclusiveKey = exclusiveKey
        self.isRepeated = isRepeated
        self.submittedAt = submittedAt
        self.payloadBytes = payloadBytes
        self.payload = payload
    }

    /// The whole fencing token, task and attempt included.
    public var fencingToken: FencingToken {
        FencingToken(
            epoch: token.epoch,
            session: token.session,
            work: FencingToken.Work(task: attempt.task.number, attempt: attempt.attempt)
        )
    }
}

extension ControllerWorkMessage {
    init(_ line: Line) throws(MessageError) {
        let fields = FieldReader(line)
        switch line.verb {
        case "RUN": self = .run(try RunOrder(fields))
        case "PART":
            let (at, data) = try fields.payloadPart()
            self = .part(try TaskAttempt(fields), at: at, data: data)
        case "CANCEL":
            self = .cancel(
                try TaskAttempt(fields),
                token: try fields.token("token"),
                try fields.word("reason")
            )
        case "TAKEN": self = .taken(try TaskAttempt(fields))
        case "ACCEPTED":
            self = .accepted(
                reference: try fields.number("ref"),
                task: TaskID(try fields.number("task")),
                isKnown: try fields.flag("known")
            )
        case "DECLINED":
            self = .declined(
                reference: try fields.number("ref"),
                code: try fields.word("code"),
                text: fields.optionalText("text") ?? "",
                retry: try fields.optionalMilliseconds("retry")
            )
        default: throw .unknownVerb
        }
    }

    var line: Line {
        var writer: LineWriter
        switch self {
        case .run(let order): return order.line
        case .part(let attempt, let at, let data):
            writer = LineWriter("PART")
            writer.put(attempt)
            writer.put("at", at)
            writer.put("data", data: data)
        case .cancel(let attempt, let token, let reason):
            writer = LineWriter("CANCEL")
            writer.put(attempt)
            writer.put("token", token)
            writer.put("reason", reason)
        case .taken(let attempt):
            writer = LineWriter("TAKEN")
            writer.put(attempt)
        case .accepted(let reference, let task, let isKnown):
            writer = LineWriter("ACCEPTED")
            writer.put("ref", reference)
            writer.put("task", task.number)
            writer.put("known", isKnown)
        case .declined(let reference, let code, let text, let retry):
            writer = LineWriter("DECLINED")
            writer.put("ref", reference)
            writer.put("code", code)
            writer.put("text", text, bytesMax: WireLimits.outputBytesMax)
            writer.put("retry", milliseconds: retry)
        }
        return writer.line
    }
}
