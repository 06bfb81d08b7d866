public import Model
import Protocol

/// The four runs over the one engine.
public enum RunKind: String, Hashable, Sendable, CaseIterable {
    /// Planned, without loss: the old site gives its part up in order.
    case switchover
    /// The old side does not cooperate, or is gone.
    case failover
    /// Switchover to the preferred site.
    case failback
    /// The same plan against the standby site while the active one goes on.
    case drill

    /// Somebody chose the time of it: nobody is woken by what goes as it should.
    public var isPlanned: Bool { self != .failover }
}

public enum PlanKind {}
public enum StepKind {}

public typealias PlanName = Identifier<PlanKind>
/// Unique within its plan.
public typealias StepName = Identifier<StepKind>

/// Which site of a run is meant.
public enum PlanSide: String, Hashable, Sendable, CaseIterable {
    /// The one that gives the part up.
    case from
    /// The one that gets it.
    case to
}

/// Which services of a site a step is about.
public enum ServiceScope: String, Hashable, Sendable, CaseIterable {
    case all
    case exclusive
    case drainable

    func covers(_ report: ServiceReport) -> Bool {
        switch self {
        case .all: true
        case .exclusive: !report.isDrainable
        case .drainable: report.isDrainable
        }
    }
}

/// Where a hook is executed.
public enum HookPlace: Hashable, Sendable {
    /// On the controller's host, as its configuration defines it.
    case controller
    /// On every node of the site that has a handler for it.
    case every(PlanSide)
    /// On the first such node, in the order of their names, that can be reached.
    case one(PlanSide)
    case node(NodeName)

    var isOfOldSite: Bool { self == .every(.from) || self == .one(.from) }

    /// `controller`, `every/to`, `one/from`, `node/NAME`.
    public var text: String {
        switch self {
        case .controller: "controller"
        case .every(let side): "every/\(side.rawValue)"
        case .one(let side): "one/\(side.rawValue)"
        case .node(let name): "node/\(name)"
        }
    }

    public init?(text: String) {
        if text == "controller" {
            self = .controller
            return
        }
        let parts = text.split(separator: "/", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return nil }
        switch (parts[0], PlanSide(rawValue: parts[1]), NodeName(parts[1])) {
        case ("every", let side?, _): self = .every(side)
        case ("one", let side?, _): self = .one(side)
        case ("node", _, let name?): self = .node(name)
        default: return nil
        }
    }
}

/// What one step of a plan does.
public enum PlanAct: Hashable, Sendable {
    /// The target site is asked whether it may take over: see ``Readiness``.
    case gate
    /// Nothing new is given to the old site; what runs there may end.
    case drainTasks
    /// Services of a site are stopped, in the reverse of their order; no groups means all.
    case stop(PlanSide, groups: [GroupName], ServiceScope)
    /// Services of the new site are started in their order, each healthy before the next.
    case start(groups: [GroupName], ServiceScope)
    /// Every node of the old site is proven unable to act. The hook, of the controller, is executed
    /// for each node that cannot be reached; its success is a proof.
    case fence(with: HookName?)
    /// The point of no return: the epoch moves, and the new site is the active one.
    case activate
    case hook(HookName, HookPlace)
    /// A hook that is asked again until it says yes or the step's time is over.
    case check(HookName, HookPlace)
    /// An operator has to say yes.
    case ask(String)
    /// Every required service of the new site runs, on as many nodes as its minimum says.
    case verify
    /// An event that routes can send on.
    case notify(String)
    /// Of a drill, in the place of the fence and the activation: the standby site's services may run,
    /// under a token that production refuses.
    case isolate
    /// Of a drill, at its end: the site is an idle standby again.
    case endDrill
    /// Of a drill: tasks that the standby site's nodes run in isolation. Every other run leaves it out.
    case sandbox(SandboxWork)

    public var isFence: Bool {
        if case .fence = self { true } else { false }
    }

    /// The word by which a plan names it.
    public var word: String {
        switch self {
        case .gate: "gate"
        case .drainTasks: "drain-tasks"
        case .stop: "stop"
        case .start: "start"
        case .fence: "fence"
        case .activate: "activate"
        case .hook: "hook"
        case .check: "check"
        case .ask: "ask"
        case .verify: "verify"
        case .notify: "notify"
        case .isolate: "isolate"
        case .endDrill: "end-drill"
        case .sandbox: "sandbox-tasks"
        }
    }
}

/// What follows when a step has failed for good.
public enum StepFailurePolicy: String, Hashable, Sendable, CaseIterable {
    /// The run stops and asks an operator: retry, skip or abort.
    case ask
    /// The run goes on; the step is recorded as skipped.
    case skip
    /// What was done is undone, before the point of no return; after it, as `ask`.
    case rollBack = "roll-back"
}

public struct PlanStep: Hashable, Sendable {
    public static let timeoutRange: ClosedRange<Duration> = .seconds(1) ... .seconds(7 * 86_400)
    public static let retriesMax: UInt16 = 100

    public var name: StepName
    public var act: PlanAct
    /// Longest time of one attempt at the step.
    public var timeout: Duration
    /// Attempts after the first one that has failed.
    public var retries: UInt16
    public var retryDelay: Duration
    /// A hook of the controller that must say yes before the step counts as done, and that is asked
    /// first when a controller takes the step up again.
    public var verify: HookName?
    /// A hook of the controller that undoes the step when the run is aborted.
    public var undo: HookName?
    public var onFailure: StepFailurePolicy
    /// A hook, a check, a question or a notice that is part of a drill, too. Without this a drill
    /// leaves it out: what it does could reach production.
    public var isInDrill: Bool

    public init(
        name: StepName,
        act: PlanAct,
        timeout: Duration = .seconds(300),
        retries: UInt16 = 0,
        retryDelay: Duration = .seconds(5),
        verify: HookName? = nil,
        undo: HookName? = nil,
        onFailure: StepFailurePolicy = .ask,
        isInDrill: Bool = false
    ) {
        self.isInDrill = isInDrill
        self.name = name
        self.act = act
        self.timeout = timeout
        self.retries = retries
        self.retryDelay = retryDelay
        self.verify = verify
        self.undo = undo
        self.onFailure = onFailure
    }
}

/// A written plan: which runs it is for, and its steps in order.
public struct PlanDraft: Hashable, Sendable {
    public static let stepsMax = 64
    public static let textBytesMax = 1_000

    public var name: PlanName
    public var kinds: [RunKind]
    public var steps: [PlanStep]

    public init(name: PlanName, kinds: [RunKind], steps: [PlanStep]) {
        self.name = name
        self.kinds = kinds
        self.steps = steps
    }

    /// What makes the plan unsafe or senseless, each with the place of its step (0 for the first);
    /// empty when it may be carried out.
    ///
    /// The order that safety rests on is not the writer's to choose: fence, then activate, then
    /// starts; the engine holds to it once more when it carries a step out.
    public var problems: [(step: Int?, text: String)] {
        var found: [(step: Int?, text: String)] = []
        if kinds.isEmpty { found.append((nil, "the plan says for which runs it is")) }
        if steps.isEmpty || steps.count > Self.stepsMax {
            found.append((nil, "a plan has 1 to \(Self.stepsMax) steps"))
        }
        let fences = steps.indices.filter { steps[$0].act.isFence }
        let activations = steps.indices.filter { steps[$0].act == .activate }
        if fences.count != 1 { found.append((fences.last, "a plan fences once")) }
        if activations.count != 1 { found.append((activations.last, "a plan activates once")) }
        if let fence = fences.first, let activate = activations.first, fence > activate {
            found.append((activate, "the old site is fenced before the new one is activated"))
        }
        for (index, step) in steps.enumerated() {
            if steps[..<index].contains(where: { $0.name == step.name }) {
                found.append((index, "another step is called \(step.name)"))
            }
            if !PlanStep.timeoutRange.contains(step.timeout) {
                found.append((index, "a step takes 1 second to 7 days"))
            }
            if step.retries > PlanStep.retriesMax || step.retryDelay < .zero
                || step.retryDelay > .seconds(86_400)
            {
                found.append(
                    (
                        index,
                        "a step is tried again at most \(PlanStep.retriesMax) times, a day apart"
                    )
                )
            }
            found += placeProblems(of: step, at: index, activations.first)
        }
        return found
    }

    private func isBetween(_ index: Int) -> Bool {
        guard let fence = steps.firstIndex(where: { $0.act.isFence }),
            let activate = steps.firstIndex(where: { $0.act == .activate })
        else { return false }
        return fence < index && index < activate
    }

    private func placeProblems(
        of step: PlanStep,
        at index: Int,
        _ activation: Int?
    ) -> [(step: Int?, text: String)] {
        let isAfter = activation.map { index > $0 } ?? false
        switch step.act {
        case .start, .verify:
            return isAfter ? [] : [(index, "the new site's services start after it is activated")]
        case .stop(.to, _, _):
            return [(index, "only the old site's services are stopped")]
        case .stop(.from, _, let scope):
            let isLate = isAfter && scope != .drainable
            return isLate
                ? [
                    (
                        index,
                        "after the new site is activated, only drainable services still run here"
                    )
                ]
                : []
        case .isolate, .endDrill:
            return [(index, "\(step.act.word) is put in by a drill itself")]
        case .sandbox(let work):
            return isAfter
                ? work.problems.map { (index, $0) }
                : [(index, "sandbox-tasks stands after activate: a drill isolates the site there")]
        case .gate, .drainTasks, .fence:
            return isAfter ? [(index, "\(step.act.word) stands before activate")] : []
        case .activate:
            return step.onFailure == .skip ? [(index, "this step cannot be left out")] : []
        case .hook(_, let place) where place.isOfOldSite && isBetween(index),
            .check(_, let place) where place.isOfOldSite && isBetween(index):
            return [(index, "between fence and activate nothing runs on the old site")]
        case .hook(let name, _), .check(let name, _):
            return name.text.utf8.count > hookNameBytesMax
                ? [(index, "a hook's name has at most \(hookNameBytesMax) bytes")] : []
        case .ask(let text), .notify(let text):
            return text.utf8.count > Self.textBytesMax
                ? [(index, "a text has at most \(Self.textBytesMax) bytes")] : []
        }
    }

    /// As every run but a drill carries it out.
    public var runSteps: [PlanStep] {
        steps.filter {
            if case .sandbox = $0.act { false } else { true }
        }
    }

    /// The same plan as a drill carries it out: nothing of it touches the site that is active.
    public var drillSteps: [PlanStep] {
        steps.compactMap(Self.inDrill)
            + [PlanStep(name: "end-drill", act: .endDrill, timeout: .seconds(900))]
    }

    /// The steps that a drill does not carry out: they would touch the site that is active.
    public var leftOutOfDrill: [PlanStep] { steps.filter { Self.inDrill($0) == nil } }

    private static func inDrill(_ step: PlanStep) -> PlanStep? {
        switch step.act {
        case .drainTasks, .stop, .fence, .isolate, .endDrill: return nil
        case .activate: return PlanStep(name: "isolate", act: .isolate)
        case .gate, .start, .verify:
            // Its hooks of the controller could reach production.
            var inside = step
            if !step.isInDrill { (inside.verify, inside.undo) = (nil, nil) }
            return inside
        case .hook, .check, .ask, .notify: return step.isInDrill ? step : nil
        case .sandbox: return step
        }
    }

    /// The plan of a cluster that has none written: everything that may not act twice stops in
    /// order, and starts in order on the other side.
    public static func derived(for kind: RunKind) -> PlanDraft {
        var steps: [PlanStep] = []
        switch kind {
        case .switchover, .failback, .drill:
            steps = [
                PlanStep(name: "gate", act: .gate, timeout: .seconds(30)),
                PlanStep(name: "drain-tasks", act: .drainTasks, timeout: .seconds(600)),
                PlanStep(
                    name: "stop-services",
                    act: .stop(.from, groups: [], .exclusive),
                    timeout: .seconds(900)
                ),
            ]
        case .failover:
            steps = [PlanStep(name: "gate", act: .gate, timeout: .seconds(30))]
        }
        steps += [
            PlanStep(name: "fence", act: .fence(with: nil), timeout: .seconds(3_600)),
            PlanStep(name: "activate", act: .activate, timeout: .seconds(30)),
            PlanStep(name: "start-services", act: .start(groups: [], .all), timeout: .seconds(900)),
            PlanStep(name: "verify", act: .verify, timeout: .seconds(300)),
        ]
        if kind != .failover {
            steps.append(
                PlanStep(
                    name: "end-sessions",
                    act: .stop(.from, groups: [], .drainable),
                    timeout: .seconds(86_400 + 60)
                )
            )
        }
        return PlanDraft(name: "derived", kinds: [kind], steps: steps)
    }
}
