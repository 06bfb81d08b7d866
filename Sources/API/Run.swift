/// `POST /runs`. Answered by ``RunStarted``.
public struct StartRunRequest: ChangeRequest {
    /// `switchover`, `failover`, `failback` or `drill`.
    public var kind: String
    /// The site that becomes active, or is drilled. Only a failback may leave it out: it goes to where the cluster
    /// came from.
    public var to: String?
    /// The plan for the kind when left out.
    public var plan: String?
    /// A failover needs one.
    public var reason: String?
    /// Overrules what readiness calls blocking.
    public var force: Bool?
    /// Overrules the gate of replication: data may be lost.
    public var acceptDataLoss: Bool?
    /// The exact number of canaries that are given up of a site that has diverged.
    public var acceptDivergence: UInt64?

    public init(
        kind: String,
        to: String? = nil,
        plan: String? = nil,
        reason: String? = nil,
        force: Bool? = nil,
        acceptDataLoss: Bool? = nil,
        acceptDivergence: UInt64? = nil
    ) {
        self.acceptDataLoss = acceptDataLoss
        self.acceptDivergence = acceptDivergence
        self.kind = kind
        self.to = to
        self.plan = plan
        self.reason = reason
        self.force = force
    }
}

public struct RunStarted: Codable, Hashable, Sendable {
    public var asOf: String
    public var run: UInt64

    public init(asOf: String, run: UInt64) {
        self.asOf = asOf
        self.run = run
    }
}

/// `POST /runs/{run}/certify`: an operator's word that a node is off. Answered by ``ChangeDone``.
public struct CertifyNodeRequest: ChangeRequest {
    public var node: String
    /// How it is known; it is demanded.
    public var reason: String?
    public var force: Bool?

    public init(node: String, reason: String? = nil, force: Bool? = nil) {
        self.node = node
        self.reason = reason
        self.force = force
    }
}

/// `POST /runs/{run}/accept`: a run that waits goes on although data is lost. Answered by ``ChangeDone``.
public struct AcceptLossRequest: ChangeRequest {
    /// Data may be lost.
    public var acceptDataLoss: Bool?
    /// So many canaries of the new site, which has parted from the active data, are given up.
    public var acceptDivergence: UInt64?
    /// It is demanded.
    public var reason: String?
    public var force: Bool?

    public init(
        acceptDataLoss: Bool? = nil,
        acceptDivergence: UInt64? = nil,
        reason: String? = nil,
        force: Bool? = nil
    ) {
        self.acceptDataLoss = acceptDataLoss
        self.acceptDivergence = acceptDivergence
        self.reason = reason
        self.force = force
    }
}

/// `POST /runs/{run}/retry` and `POST /runs/{run}/skip`. Answered by ``ChangeDone``.
public struct DecideStepRequest: ChangeRequest {
    /// The step that is meant. Another present one is refused, so what is said twice hits one step.
    public var step: String?
    public var reason: String?
    public var force: Bool?

    public init(step: String? = nil, reason: String? = nil, force: Bool? = nil) {
        self.step = step
        self.reason = reason
        self.force = force
    }
}

/// `POST /runs/{run}/answer`. Answered by ``ChangeDone``.
public struct AnswerRunRequest: ChangeRequest {
    public var yes: Bool
    /// The step that asks. Another present one is refused.
    public var step: String?
    public var reason: String?
    public var force: Bool?

    public init(
        yes: Bool,
        step: String? = nil,
        reason: String? = nil,
        force: Bool? = nil
    ) {
        self.yes = yes
        self.step = step
        self.reason = reason
        self.force = force
    }
}

/// What a run waits for that only a person can do.
public struct RunNeed: Codable, Hashable, Sendable {
    public var text: String
    /// What may be typed; each by itself unblocks it.
    public var commands: [String]

    public init(text: String, commands: [String]) {
        self.text = text
        self.commands = commands
    }
}

public struct RunSummary: Codable, Hashable, Sendable {
    public var id: UInt64
    /// `switchover`, `failover`, `failback`, `drill`.
    public var kind: String
    public var from: String
    public var to: String
    public var plan: String
    public var planVersion: UInt32
    public var by: String
    public var reason: String
    /// `running`, `asking`, `rolling-back`, `done`, `aborted`.
    public var state: String
    public var startedAt: String
    public var endedAt: String?
    /// The present step, from 1; of an ended run the last.
    public var step: UInt32
    public var stepCount: UInt32
    public var stepName: String
    public var stepSince: String?
    /// What the present step waits for, or why the run asks; may be empty.
    public var text: String
    /// `1.4`: under which the old site was active.
    public var epochBefore: String
    /// Under which the new site is; left out before the point of no return.
    public var epochAfter: String?
    /// The old site has been told to stop, and no site is active.
    public var fencing: Bool
    /// Blocking reasons of readiness were overruled.
    public var forced: Bool
    /// That data may be lost was accepted, with the order or later.
    public var acceptsDataLoss: Bool
    /// Of what it was accepted; left out where it was not, and of runs of an older version, which kept no
    /// names: there it was accepted of every data set.
    public var acceptedLosses: [AcceptedLoss]?
    /// Empty unless it waits for a person.
    public var needs: [RunNeed]

    public init(
        id: UInt64,
        kind: String,
        from: String,
        to: String,
        plan: String = "derived",
        planVersion: UInt32 = 0,
        by: String,
        reason: String = "",
        state: String,
        startedAt: String,
        step: UInt32,
        stepCount: UInt32,
        stepName: String,
        text: String = "",
        epochBefore: String,
        fencing: Bool = false,
        forced: Bool = false,
        acceptsDataLoss: Bool = false,
        needs: [RunNeed] = []
    ) {
        self.id = id
        self.kind = kind
        self.from = from
        self.to = to
        self.plan = plan
        self.planVersion = planVersion
        self.by = by
        self.reason = reason
        self.state = state
        self.startedAt = startedAt
        self.step = step
        self.stepCount = stepCount
        self.stepName = stepName
        self.text = text
        self.epochBefore = epochBefore
        self.fencing = fencing
        self.forced = forced
        self.acceptsDataLoss = acceptsDataLoss
        self.needs = needs
    }

    public var isEnded: Bool { state == "done" || state == "aborted" }
}

/// A data set of which it was accepted that data may be lost.
public struct AcceptedLoss: Codable, Hashable, Sendable {
    public var dataSet: String
    /// Canaries that the run has lost of it; left out while, or where, that is not known.
    public var lost: UInt64?

    public init(dataSet: String, lost: UInt64? = nil) {
        self.dataSet = dataSet
        self.lost = lost
    }

    /// `orders (12 canaries lost)`.
    public var text: String {
        guard let lost else { return dataSet }
        return "\(dataSet) (\(lost) \(lost == 1 ? "canary" : "canaries") lost)"
    }
}

extension RunSummary {
    /// A sentence; nil where no loss was accepted.
    public var acceptedLossText: String? {
        guard acceptsDataLoss else { return nil }
        guard let losses = acceptedLosses else { return "That data may be lost was accepted." }
        guard !losses.isEmpty else {
            return "That data may be lost was accepted; no data set stood in the way."
        }
        let names = losses.map(\.text).joined(separator: ", ")
        return "That data may be lost was accepted of: \(names)."
    }
}

/// The answer to `GET /runs`, the newest first.
public struct RunList: Codable, Hashable, Sendable {
    public var asOf: String
    public var runs: [RunSummary]

    public init(asOf: String, runs: [RunSummary]) {
        self.asOf = asOf
        self.runs = runs
    }
}

/// A hook of a step on a node: a task.
public struct RunHook: Codable, Hashable, Sendable {
    public var node: String
    public var task: UInt64
    /// `running`, `done` or `failed`.
    public var state: String
    public var text: String
    /// In the run's report: the end of what it wrote, at most ``outputBytesMax``.
    public var output: String?

    public static let outputBytesMax = 1_024

    public init(node: String, task: UInt64, state: String, text: String) {
        self.node = node
        self.task = task
        self.state = state
        self.text = text
    }
}

/// An attempt of a step that has ended, or what somebody said to it.
public struct RunDeed: Codable, Hashable, Sendable {
    /// Counts those of the step, from 1.
    public var number: UInt32
    /// `done`, `failed`, `aborted`, `retried`, `skipped`, `answered-yes`, `answered-no`, `undone`,
    /// `not-undone`.
    public var outcome: String
    /// When the attempt that has ended began; left out for a word that ended none.
    public var startedAt: String?
    public var at: String
    /// Left out for the controller.
    public var by: String?
    public var reason: String?
    public var text: String
    /// Those on nodes that had not ended well.
    public var hooks: [RunHook]

    public init(
        number: UInt32,
        outcome: String,
        startedAt: String? = nil,
        at: String,
        by: String? = nil,
        reason: String? = nil,
        text: String,
        hooks: [RunHook] = []
    ) {
        self.number = number
        self.outcome = outcome
        self.startedAt = startedAt
        self.at = at
        self.by = by
        self.reason = reason
        self.text = text
        self.hooks = hooks
    }
}

public struct RunStep: Codable, Hashable, Sendable {
    public var plan: PlanStepDetail
    /// `pending`, `running`, `verifying`, `delayed`, `done`, `skipped`, `failed`, `undoing`,
    /// `undone`.
    public var state: String
    /// From 1; 0 before the first.
    public var attempt: UInt16
    public var startedAt: String?
    public var endedAt: String?
    /// When a delayed step is tried again.
    public var notBefore: String?
    /// How it ended, what it waits for, or why it was left out.
    public var text: String
    public var hooks: [RunHook]
    /// In the run's report: everything that was done in this step, in its order.
    public var deeds: [RunDeed]?
    /// Earlier ones that are not kept.
    public var deedsLeftOut: UInt32?

    public init(
        plan: PlanStepDetail,
        state: String,
        attempt: UInt16 = 0,
        text: String = "",
        hooks: [RunHook] = []
    ) {
        self.plan = plan
        self.state = state
        self.attempt = attempt
        self.text = text
        self.hooks = hooks
    }
}

/// By what it is known that a node of the old site cannot act any more.
public struct RunFence: Codable, Hashable, Sendable {
    public var node: String
    /// `statement`, `waited`, `command`, `certified`, `never-started`; left out while there is none.
    public var proof: String?
    public var text: String
    public var at: String?

    public init(node: String, proof: String? = nil, text: String, at: String? = nil) {
        self.node = node
        self.proof = proof
        self.text = text
        self.at = at
    }
}

/// The answer to `GET /runs/{run}`.
public struct RunDetail: Codable, Hashable, Sendable {
    public var asOf: String
    public var run: RunSummary
    public var steps: [RunStep]
    /// Nodes of the old site, proven or not; empty before the fence.
    public var fences: [RunFence]
    /// Time that it has waited for a person.
    public var askedMilliseconds: UInt64
    /// What the earlier runs of this kind took, their mean; left out when there was none.
    public var estimateMilliseconds: UInt64?
    /// Steps of which no earlier run says anything: the estimate is without them. Questions to a
    /// person are never measured, and not counted.
    public var unmeasuredSteps: UInt32?

    public init(
        asOf: String,
        run: RunSummary,
        steps: [RunStep],
        fences: [RunFence] = [],
        askedMilliseconds: UInt64 = 0
    ) {
        self.asOf = asOf
        self.run = run
        self.steps = steps
        self.fences = fences
        self.askedMilliseconds = askedMilliseconds
    }
}

/// The answer to `GET /runs/preview`: what a run would do if it were begun now.
///
/// Query: `kind`, `to`, `plan`, as in ``StartRunRequest``.
public struct RunPreview: Codable, Hashable, Sendable {
    public var asOf: String
    public var kind: String
    public var from: String
    public var to: String
    public var plan: PlanSummary
    public var readiness: SiteReadiness
    public var steps: [RunPreviewStep]
    /// Steps of the plan that a drill does not carry out, by name: they would touch the active site. Left out
    /// of every other run.
    public var leftOut: [String]?
    /// Nodes of the old site, and by what each would be proven unable to act.
    public var fences: [RunFence]
    /// Of the steps for which earlier runs say something; left out when they say nothing.
    public var estimateMilliseconds: UInt64?
    /// Steps of which no earlier run says anything: the estimate is without them. Questions to a
    /// person are never measured, and not counted.
    public var unmeasuredSteps: UInt32?

    public init(
        asOf: String,
        kind: String,
        from: String,
        to: String,
        plan: PlanSummary,
        readiness: SiteReadiness,
        steps: [RunPreviewStep],
        fences: [RunFence]
    ) {
        self.asOf = asOf
        self.kind = kind
        self.from = from
        self.to = to
        self.plan = plan
        self.readiness = readiness
        self.steps = steps
        self.fences = fences
    }
}

public struct RunPreviewStep: Codable, Hashable, Sendable {
    public var plan: PlanStepDetail
    /// What would happen now, a line each.
    public var now: [String]
    public var estimateMilliseconds: UInt64?

    public init(plan: PlanStepDetail, now: [String], estimateMilliseconds: UInt64? = nil) {
        self.plan = plan
        self.now = now
        self.estimateMilliseconds = estimateMilliseconds
    }
}
