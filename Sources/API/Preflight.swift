/// `POST /preflight`. Without nodes it means every joined node.
public struct PreflightRequest: ChangeRequest {
    public var nodes: [String]?
    public var reason: String?
    public var force: Bool?

    public init(nodes: [String]? = nil, reason: String? = nil, force: Bool? = nil) {
        self.nodes = nodes
        self.reason = reason
        self.force = force
    }
}

public struct PreflightStarted: Codable, Hashable, Sendable {
    public var asOf: String
    public var run: UInt64

    public init(asOf: String, run: UInt64) {
        self.asOf = asOf
        self.run = run
    }
}

/// The answer to `GET /preflight/{run}`.
public struct PreflightRun: Codable, Hashable, Sendable {
    public var asOf: String
    public var run: UInt64
    public var startedAt: String
    /// Nil while it goes on.
    public var finishedAt: String?
    /// Nodes that have not answered yet.
    public var waiting: [String]
    /// By node, then by check.
    public var findings: [PreflightFinding]

    public init(
        asOf: String,
        run: UInt64,
        startedAt: String,
        finishedAt: String? = nil,
        waiting: [String],
        findings: [PreflightFinding]
    ) {
        self.asOf = asOf
        self.run = run
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.waiting = waiting
        self.findings = findings
    }
}

public struct PreflightFinding: Codable, Hashable, Sendable {
    public var node: String
    /// `clock`, `free-space:/var` …
    public var check: String
    /// `passed`, `warning`, `failed`, or `unknown` for a node that did not answer.
    public var outcome: String
    public var text: String
    /// How to mend it; may be empty.
    public var mend: String

    public init(node: String, check: String, outcome: String, text: String, mend: String = "") {
        self.node = node
        self.check = check
        self.outcome = outcome
        self.text = text
        self.mend = mend
    }
}
