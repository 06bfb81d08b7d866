/// The event names of `GET /tasks/{id}/output/stream` (server-sent events): what a task's handler
/// writes, while it does, attempt after attempt until the task has ended. The `data:` of each is one
/// line of JSON.
///
/// Each has an `id:`. `Last-Event-ID` (or the query `after`) resumes behind it; without it the stream
/// begins with the attempt that runs, or with the last one that has ended. A line that begins with
/// `:` comes at least every two seconds: a client that hears nothing for 10 s reconnects.
public enum TaskStreamEventName {
    /// A ``TaskAttemptBegun``.
    public static let begun = "begun"
    /// A ``TaskOutput``, of the attempt that was said to have begun. Its `final` is false.
    public static let output = "output"
    /// A ``TaskAttemptEnded``: nothing of it follows.
    public static let ended = "ended"
    /// A ``TaskFollowEnd``: the task has ended, and with it the stream.
    public static let end = "end"
}

/// An attempt whose output follows.
public struct TaskAttemptBegun: Codable, Hashable, Sendable {
    public var id: UInt64
    public var attempt: UInt16
    /// Left out when it is not known any more.
    public var node: String?

    public init(id: UInt64, attempt: UInt16, node: String? = nil) {
        self.id = id
        self.attempt = attempt
        self.node = node
    }
}

public struct TaskAttemptEnded: Codable, Hashable, Sendable {
    public var id: UInt64
    public var attempt: UInt16
    /// As ``TaskResult/outcome``, or `returned`, `lost`; left out when it is not known any more.
    public var outcome: String?
    /// What its node has said, where it has.
    public var result: TaskResult?

    public init(id: UInt64, attempt: UInt16, outcome: String? = nil, result: TaskResult? = nil) {
        self.id = id
        self.attempt = attempt
        self.outcome = outcome
        self.result = result
    }
}

public struct TaskFollowEnd: Codable, Hashable, Sendable {
    public var asOf: String
    /// `done`, `cancelled`, or on the list of those that an operator may give again: `failed`,
    /// `unknown`.
    public var task: TaskSummary

    public init(asOf: String, task: TaskSummary) {
        self.asOf = asOf
        self.task = task
    }
}
