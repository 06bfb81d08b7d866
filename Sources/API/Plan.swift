/// The answer to `POST /plans/check`.
public struct PlanCheck: Codable, Hashable, Sendable {
    public var asOf: String
    public var valid: Bool
    /// Every mistake, by line; empty when it is valid.
    public var mistakes: [DocumentMistake]
    /// The plan as it was understood; left out when it is not valid.
    public var plan: PlanDetail?

    public init(asOf: String, mistakes: [DocumentMistake], plan: PlanDetail? = nil) {
        self.asOf = asOf
        valid = mistakes.isEmpty
        self.mistakes = mistakes
        self.plan = plan
    }
}

public struct PlanSummary: Codable, Hashable, Sendable {
    public var name: String
    /// The runs it is for: `switchover`, `failover`, `failback`, `drill`.
    public var kinds: [String]
    /// Raised with each change; 0 for one that was derived and not written.
    public var version: UInt32
    public var steps: UInt32
    public var by: String
    public var at: String

    public init(
        name: String,
        kinds: [String],
        version: UInt32,
        steps: UInt32,
        by: String,
        at: String
    ) {
        self.name = name
        self.kinds = kinds
        self.version = version
        self.steps = steps
        self.by = by
        self.at = at
    }
}

/// The answer to `GET /plans`, by name.
public struct PlanList: Codable, Hashable, Sendable {
    public var asOf: String
    public var plans: [PlanSummary]

    public init(asOf: String, plans: [PlanSummary]) {
        self.asOf = asOf
        self.plans = plans
    }
}

/// The answer to `GET /plans/{name}`, and to `GET /plans/for/{kind}`: the plan that such a run would
/// carry out, written or derived.
public struct PlanDetail: Codable, Hashable, Sendable {
    public var asOf: String
    public var plan: PlanSummary
    public var steps: [PlanStepDetail]
    /// As a file, the way `POST /plans` takes it, line by line.
    public var lines: [String]

    public init(asOf: String, plan: PlanSummary, steps: [PlanStepDetail], lines: [String]) {
        self.asOf = asOf
        self.plan = plan
        self.steps = steps
        self.lines = lines
    }
}

public struct PlanStepDetail: Codable, Hashable, Sendable {
    /// From 1.
    public var number: UInt32
    public var name: String
    /// `gate`, `stop`, `hook` …
    public var act: String
    /// What it does, for people.
    public var what: String
    public var timeoutMilliseconds: UInt64
    /// Attempts after the first one that has failed.
    public var retries: UInt16
    public var retryDelayMilliseconds: UInt64
    public var verifyHook: String?
    public var undoHook: String?
    /// `ask`, `skip` or `roll-back`.
    public var onFailure: String
    /// A hook, a check, a question or a notice that is part of a drill, too.
    public var inDrill: Bool?
    /// After it there is no way back.
    public var pointOfNoReturn: Bool

    public init(
        number: UInt32,
        name: String,
        act: String,
        what: String,
        timeoutMilliseconds: UInt64,
        retries: UInt16 = 0,
        retryDelayMilliseconds: UInt64 = 5_000,
        onFailure: String = "ask",
        pointOfNoReturn: Bool = false
    ) {
        self.number = number
        self.name = name
        self.act = act
        self.what = what
        self.timeoutMilliseconds = timeoutMilliseconds
        self.retries = retries
        self.retryDelayMilliseconds = retryDelayMilliseconds
        self.onFailure = onFailure
        self.pointOfNoReturn = pointOfNoReturn
    }
}
