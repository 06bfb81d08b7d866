public import Model
public import Protocol

/// What is asked for, durable from the moment the submission is answered until the task has ended.
public struct TaskRecord: Hashable, Sendable {
    public var id: TaskID
    public var submission: TaskSubmission
    /// An operator, a node or a schedule: `alice`, `node/n-1`, `schedule/nightly`.
    public var submittedBy: String
    public var acceptedAt: WallTime
    public var payloadBytes: UInt32
    /// A short payload stands in the record; a longer one has a row of its own.
    public var inlinePayload: [UInt8]
    /// The one node that may run it: of a hook.
    public var pin: NodeID?

    public init(
        id: TaskID,
        submission: TaskSubmission,
        submittedBy: String,
        acceptedAt: WallTime,
        payloadBytes: UInt32,
        inlinePayload: [UInt8],
        pin: NodeID? = nil
    ) {
        self.pin = pin
        self.id = id
        self.submission = submission
        self.submittedBy = submittedBy
        self.acceptedAt = acceptedAt
        self.payloadBytes = payloadBytes
        self.inlinePayload = inlinePayload
    }

    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            id: TaskID(try fields.number("id")),
            submission: try TaskSubmission(fields),
            submittedBy: fields.optionalText("by") ?? "",
            acceptedAt: try fields.time("accepted"),
            payloadBytes: try fields.optionalNumber("payload") ?? 0,
            inlinePayload: [],
            pin: try fields.optionalName("pin")
        )
        guard let bytes = Base64.decode(fields.optionalText("data") ?? "") else {
            throw .bad(key: "data", expected: "base64")
        }
        inlinePayload = bytes
    }

    var line: Line {
        var writer = LineWriter("TASK")
        writer.put("id", id.number)
        submission.put(to: &writer)
        writer.put("by", submittedBy)
        writer.put("accepted", acceptedAt)
        if payloadBytes > 0 { writer.put("payload", payloadBytes) }
        writer.put("data", Base64.encode(inlinePayload))
        writer.put("pin", pin)
        return writer.line
    }
}

/// Where a task stands.
///
///     waiting → assigned → done | cancelled           (and no record is left but TaskEndRecord)
///     assigned → delayed → waiting                    (an attempt failed)
///     assigned → waiting                              (an attempt was interrupted or returned)
///     assigned → delayed | unknown                    (its payload cannot be read | is damaged)
///     assigned → failed | unknown → waiting           (an operator gives it again)
public enum TaskState: String, Hashable, Sendable, CaseIterable {
    /// It waits for a node.
    case waiting
    /// It waits for its time: a retry, or the time it was asked for.
    case delayed
    /// A node has it.
    case assigned
    /// Given up: every attempt failed, or one failed for good. A dead letter.
    case failed
    /// It may have been done, and must not be done twice; or its payload is damaged, and it cannot
    /// be done. An operator decides.
    case unknown
    /// Ended well.
    case done
    /// Ended by an operator.
    case cancelled

    /// Nothing follows unless an operator says so; done and cancelled are for ever.
    public var isEnded: Bool {
        switch self {
        case .waiting, .delayed, .assigned: false
        case .failed, .unknown, .done, .cancelled: true
        }
    }
}

/// An attempt that has ended without ending the task.
public struct AttemptTrace: Hashable, Sendable {
    /// Kept of one task; the oldest is forgotten.
    public static let keptMax = 8

    public var attempt: UInt16
    public var node: NodeName
    public var endedAt: WallTime
    /// The outcome, or `returned`, `lost`, `payload-lost`, `payload-unread`.
    public var outcome: String

    var text: String { "\(attempt)/\(node)/\(endedAt.iso8601)/\(outcome)" }

    init(attempt: UInt16, node: NodeName, endedAt: WallTime, outcome: String) {
        self.attempt = attempt
        self.node = node
        self.endedAt = endedAt
        self.outcome = outcome
    }

    init?(_ text: Substring) {
        let parts = text.split(separator: "/", maxSplits: 3).map(String.init)
        guard parts.count == 4, let attempt = UInt16(parts[0]), let node = NodeName(parts[1]),
            let endedAt = WallTime(iso8601: parts[2])
        else { return nil }
        self.init(attempt: attempt, node: node, endedAt: endedAt, outcome: parts[3])
    }

    static func text(of traces: [AttemptTrace]) -> String {
        traces.map(\.text).joined(separator: " ")
    }

    static func traces(_ text: String) -> [AttemptTrace] {
        text.split(separator: " ").compactMap { AttemptTrace($0) }
    }
}

/// Where a live task stands that is not simply waiting for its first attempt.
public struct TaskStateRecord: Hashable, Sendable {
    public var id: TaskID
    public var state: TaskState
    public var since: WallTime
    public var attempt: UInt16
    public var failures: UInt16
    public var interruptions: UInt16
    public var notBefore: WallTime?
    /// While assigned.
    public var assignment: AssignmentRecord?
    /// Of the last attempt that ended with one.
    public var result: AttemptResult?
    /// That attempt; 0 without a result.
    public var resultAttempt: UInt16
    public var traces: [AttemptTrace]

    init(
        id: TaskID,
        state: TaskState,
        since: WallTime,
        attempt: UInt16,
        failures: UInt16,
        interruptions: UInt16,
        notBefore: WallTime? = nil,
        assignment: AssignmentRecord? = nil,
        result: AttemptResult? = nil,
        resultAttempt: UInt16 = 0,
        traces: [AttemptTrace]
    ) {
        self.id = id
        self.state = state
        self.since = since
        self.attempt = attempt
        self.failures = failures
        self.interruptions = interruptions
        self.notBefore = notBefore
        self.assignment = assignment
        self.result = result
        self.resultAttempt = resultAttempt
        self.traces = traces
    }

    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            id: TaskID(try fields.number("id")),
            state: try fields.word("state"),
            since: try fields.time("since"),
            attempt: try fields.optionalNumber("attempt") ?? 0,
            failures: try fields.optionalNumber("failures") ?? 0,
            interruptions: try fields.optionalNumber("interruptions") ?? 0,
            notBefore: try fields.optionalTime("not-before"),
            traces: AttemptTrace.traces(fields.optionalText("traces") ?? "")
        )
        if fields.optionalText("node") != nil { assignment = try AssignmentRecord(fields) }
        (result, resultAttempt) = try AttemptResult.kept(fields, attempt: attempt)
    }

    var line: Line {
        var writer = LineWriter("STATE")
        writer.put("id", id.number)
        writer.put("state", state)
        writer.put("since", since)
        if attempt > 0 { writer.put("attempt", attempt) }
        if failures > 0 { writer.put("failures", failures) }
        if interruptions > 0 { writer.put("interruptions", interruptions) }
        writer.put("not-before", notBefore)
        assignment?.put(to: &writer)
        result?.put(to: &writer, of: resultAttempt, last: attempt)
        writer.put("traces", AttemptTrace.text(of: traces))
        return writer.line
    }
}

/// Which node has an attempt, under which authority, and why that node.
public struct AssignmentRecord: Hashable, Sendable {
    public var node: NodeID
    public var token: FencingToken
    public var handler: HandlerName
    public var delivery: DeliveryPolicy
    public var decision: Decision
    /// Why it is to end before it has ended by itself.
    public var cancel: CancelReason?
    /// The node may let it end after its site has given its part up: see ``Assignment/isDrainable``.
    public var isDrainable: Bool

    init(
        node: NodeID,
        token: FencingToken,
        handler: HandlerName,
        delivery: DeliveryPolicy,
        decision: Decision,
        cancel: CancelReason? = nil,
        isDrainable: Bool = false
    ) {
        self.cancel = cancel
        self.isDrainable = isDrainable
        self.node = node
        self.token = token
        self.handler = handler
        self.delivery = delivery
        self.decision = decision
    }

    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            node: try fields.name("node"),
            token: try fields.token("token"),
            handler: try fields.name("handler"),
            delivery: try fields.word("delivery"),
            decision: Decision(
                rule: try fields.word("rule"),
                view: try fields.optionalNumber("view") ?? 0
            ),
            cancel: try fields.optionalWord("cancel", as: CancelReason.self),
            isDrainable: try fields.flag("drainable")
        )
    }

    func put(to writer: inout LineWriter) {
        writer.put("node", node)
        writer.put("token", token)
        writer.put("handler", handler)
        writer.put("delivery", delivery)
        writer.put("rule", decision.rule)
        writer.put("view", decision.view)
        writer.put("cancel", cancel)
        writer.put("drainable", isDrainable)
    }
}

/// A task that has ended for good: its history.
public struct TaskEndRecord: Hashable, Sendable {
    public var id: TaskID
    public var submission: TaskSubmission
    public var submittedBy: String
    public var acceptedAt: WallTime
    public var payloadBytes: UInt32
    /// `done`, `cancelled`, or `failed` and `unknown` when an operator has taken it off the list.
    public var state: TaskState
    public var endedAt: WallTime
    /// The node of the last attempt.
    public var node: NodeName?
    public var attempt: UInt16
    public var decision: Decision?
    /// Of the last attempt that ended with one.
    public var result: AttemptResult?
    /// That attempt, of which the kept output is too; 0 without a result.
    public var resultAttempt: UInt16
    public var traces: [AttemptTrace]

    init(_ fields: FieldReader) throws(MessageError) {
        id = TaskID(try fields.number("id"))
        submission = try TaskSubmission(fields)
        submittedBy = fields.optionalText("by") ?? ""
        acceptedAt = try fields.time("accepted")
        payloadBytes = try fields.optionalNumber("payload") ?? 0
        state = try fields.word("state")
        endedAt = try fields.time("ended")
        node = try fields.optionalName("node")
        attempt = try fields.optionalNumber("attempt-number") ?? 0
        if let rule = try fields.optionalWord("rule", as: Decision.Rule.self) {
            decision = Decision(rule: rule, view: try fields.optionalNumber("view") ?? 0)
        }
        (result, resultAttempt) = try AttemptResult.kept(fields, attempt: attempt)
        traces = AttemptTrace.traces(fields.optionalText("traces") ?? "")
    }

    init(
        id: TaskID,
        submission: TaskSubmission,
        submittedBy: String,
        acceptedAt: WallTime,
        payloadBytes: UInt32,
        state: TaskState,
        endedAt: WallTime,
        node: NodeName?,
        attempt: UInt16,
        decision: Decision?,
        result: AttemptResult?,
        resultAttempt: UInt16,
        traces: [AttemptTrace]
    ) {
        self.id = id
        self.submission = submission
        self.submittedBy = submittedBy
        self.acceptedAt = acceptedAt
        self.payloadBytes = payloadBytes
        self.state = state
        self.endedAt = endedAt
        self.node = node
        self.attempt = attempt
        self.decision = decision
        self.result = result
        self.resultAttempt = resultAttempt
        self.traces = traces
    }

    var line: Line {
        var writer = LineWriter("ENDED")
        writer.put("id", id.number)
        submission.put(to: &writer)
        writer.put("by", submittedBy)
        writer.put("accepted", acceptedAt)
        if payloadBytes > 0 { writer.put("payload", payloadBytes) }
        writer.put("state", state)
        writer.put("ended", endedAt)
        writer.put("node", node)
        if attempt > 0 { writer.put("attempt-number", attempt) }
        writer.put("rule", decision?.rule)
        writer.put("view", decision?.view)
        result?.put(to: &writer, of: resultAttempt, last: attempt)
        writer.put("traces", AttemptTrace.text(of: traces))
        return writer.line
    }
}

extension AttemptResult {
    /// The result that a record keeps, and the attempt it is of: the last one, unless that ended
    /// without a result of its own.
    fileprivate static func kept(
        _ fields: FieldReader,
        attempt last: UInt16
    ) throws(MessageError) -> (AttemptResult?, attempt: UInt16) {
        guard fields.optionalText("outcome") != nil else { return (nil, 0) }
        return (
            try AttemptResult(record: fields), try fields.optionalNumber("result-attempt") ?? last
        )
    }

    fileprivate func put(to writer: inout LineWriter, of attempt: UInt16, last: UInt16) {
        put(to: &writer)
        if attempt != last { writer.put("result-attempt", attempt) }
    }
}

/// Which task an idempotency key has, and a digest of what was asked with it.
public struct TaskKeyRecord: Hashable, Sendable {
    public var task: TaskID
    public var digest: UInt64
    public var at: WallTime

    public init(task: TaskID, digest: UInt64, at: WallTime) {
        self.task = task
        self.digest = digest
        self.at = at
    }

    public init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            task: TaskID(try fields.number("task")),
            digest: try fields.number("digest"),
            at: try fields.time("at")
        )
    }

    public var line: Line {
        var writer = LineWriter("KEY")
        writer.put("task", task.number)
        writer.put("digest", digest)
        writer.put("at", at)
        return writer.line
    }

    /// The key as a row's key: printable ASCII as it is, but `%` and all else by its bytes.
    public static func storeKey(_ key: String) -> String {
        var text = ""
        for byte in key.utf8 {
            if byte > 32, byte < 127, byte != 37 {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                text += "%" + (digits.count < 2 ? "0" : "") + digits
            }
        }
        return text
    }
}
