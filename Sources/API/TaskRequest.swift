/// The body of `POST /tasks`, and one element or line of that of `POST /tasks/batch`.
public struct TaskRequest: Codable, Hashable, Sendable {
    /// `PUSH`, `PULL`, `PGP`, `FM_TRIGGERED`, `MAINTENANCE` or any other name.
    public var type: String
    /// Whose work it is.
    public var account: String?
    public var attributes: [String: String]?
    /// 0 to 9, the higher goes first; 5 when left out.
    public var priority: UInt8?
    /// All tasks of one key run on one node at a time.
    public var exclusiveKey: String?
    /// Those of the exclusive key run one at a time, in the order in which they were accepted.
    public var ordered: Bool?
    /// The idempotency key: the same key gives the same task, for at least 7 days. In
    /// `POST /tasks` the header `Idempotency-Key` says the same.
    public var key: String?
    /// Attempts that may fail, 1 to 1 000; the cluster's own number when left out.
    public var attempts: UInt16?
    public var retryDelayMilliseconds: UInt64?
    /// Not started before then.
    public var notBefore: String?
    /// The payload as text; its UTF-8 is given to the handler. Either this or `payloadBase64`.
    public var payload: String?
    public var payloadBase64: String?

    /// Bytes of a payload.
    public static let payloadBytesMax = 1 << 20
    /// Bytes of the body of one task: room for the longest payload in base64.
    public static let bodyBytesMax = 3 << 19
    /// Tasks of one batch, and bytes of its body.
    public static let batchCountMax = 1_000
    public static let batchBytesMax = 16 << 20
    /// One task a line; anything else is read as an array.
    public static let linesContentType = "application/x-ndjson"

    public init(type: String) {
        self.type = type
    }
}

/// The answer to `POST /tasks`: 201 for a new task, 200 for one that its key had already. What it
/// says is durable.
public struct SubmittedTask: Codable, Hashable, Sendable {
    public var id: UInt64
    /// The idempotency key had this task already; nothing was added.
    public var known: Bool

    public init(id: UInt64, known: Bool) {
        self.id = id
        self.known = known
    }
}

/// What became of one task of a batch: `id` and `known`, or `code`, `detail` and `mend`.
public struct TaskAnswer: Codable, Hashable, Sendable {
    public var id: UInt64?
    public var known: Bool?
    /// Why it was refused; `busy` and `storage` may be tried again later.
    public var code: String?
    public var detail: String?
    public var mend: String?

    public init(id: UInt64, known: Bool) {
        self.id = id
        self.known = known
    }

    public init(code: String, detail: String, mend: String) {
        self.code = code
        self.detail = detail
        self.mend = mend
    }
}

/// The answer to `POST /tasks/batch`. The tasks are taken one by one: some may be refused.
public struct TaskBatchAnswer: Codable, Hashable, Sendable {
    public var asOf: String
    public var accepted: UInt32
    public var known: UInt32
    public var refused: UInt32
    /// One for each task, in the order of the request.
    public var answers: [TaskAnswer]

    public init(asOf: String, answers: [TaskAnswer]) {
        self.asOf = asOf
        self.answers = answers
        accepted = UInt32(answers.count { $0.known == false })
        known = UInt32(answers.count { $0.known == true })
        refused = UInt32(answers.count { $0.id == nil })
    }
}

/// The body of `POST /tasks/cancel` and `POST /tasks/retry`: up to 1 000 tasks.
public struct TasksChange: ChangeRequest {
    public var ids: [UInt64]
    public var reason: String?
    public var force: Bool?

    public init(ids: [UInt64], reason: String? = nil, force: Bool? = nil) {
        self.ids = ids
        self.reason = reason
        self.force = force
    }
}

/// The body of `POST /tasks/resolve`: how tasks ended that have failed or whose end is not known.
public struct ResolveTasksRequest: ChangeRequest {
    public var ids: [UInt64]
    /// They were done; otherwise they are taken off the list as failed.
    public var done: Bool
    public var reason: String?
    public var force: Bool?

    public init(ids: [UInt64], done: Bool, reason: String? = nil, force: Bool? = nil) {
        self.ids = ids
        self.done = done
        self.reason = reason
        self.force = force
    }
}
