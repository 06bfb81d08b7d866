public import Model
import Protocol

/// A run's number; counts over the life of the cluster.
public struct RunID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var number: UInt64

    public init(_ number: UInt64) {
        self.number = number
    }

    public static func < (left: RunID, right: RunID) -> Bool { left.number < right.number }

    public var description: String { "\(number)" }

    /// The key of its record.
    public var storeKey: String { TaskID(number).storeKey }
}

/// Where a run stands.
///
///     running → asking → running | rollingBack
///     running → done
///     running → rollingBack → aborted
public enum RunState: String, Hashable, Sendable, CaseIterable {
    /// Its present step is under way, or waits for what it says.
    case running
    /// A step has failed: an operator says retry, skip or abort.
    case asking
    /// An abort before the point of no return: what was done is undone, backwards.
    case rollingBack = "rolling-back"
    case done
    /// Rolled back: the old site is the active one as before.
    case aborted

    public var isEnded: Bool { self == .done || self == .aborted }
}

/// One execution of a plan, durable from its first step on.
public struct RunRecord: Hashable, Sendable {
    public var id: RunID
    public var kind: RunKind
    public var from: SiteName
    public var to: SiteName
    public var plan: PlanName
    public var planVersion: UInt32
    public var by: String
    public var reason: String
    public var startedAt: WallTime
    public var endedAt: WallTime?
    public var state: RunState
    /// The present step; while rolling back, the one that is undone.
    public var step: UInt16
    public var stepCount: UInt16
    public var epochBefore: Epoch
    /// After the point of no return.
    public var epochAfter: Epoch?
    /// The old site has been told that it is a standby, and every node's session was raised: nothing
    /// acts anywhere until the new site is activated, or the run is rolled back.
    public var isFenced: Bool
    /// The old site gets no new tasks.
    public var isDraining: Bool
    /// Drainable services of the old site may go on until a later step stops them.
    public var lingers: Bool
    /// The same of attempts of drainable handlers: they stay the current ones of their tasks.
    public var tasksLinger: Bool
    /// The standby site is in its drill: its services may run, under a token that production refuses.
    public var isDrilling: Bool
    /// Blocking reasons of readiness were overruled by an operator.
    public var isForced: Bool
    /// That data may be lost was accepted, with the order or later.
    public var acceptsLoss: Bool
    /// Of these data sets: those that stood in the way when it was accepted. Nil where an older version
    /// has not kept them: of all.
    public var lossAcceptedOf: [DataSetName]?
    /// Why the run asks, or what its present step waits for.
    public var text: String
    /// Time that went by while it waited for a person, milliseconds.
    public var askedMilliseconds: UInt64
    public var askedSince: WallTime?
    /// What a person was told that it waits for, and has not got yet: by the command that answers it.
    public internal(set) var questions: [String]
    /// What each data set has lost, as it was known when the run ended: sealed with its report. Nil while
    /// it has not ended, and of a run that was sealed before there was such a thing.
    public var losses: [ForkRecord]?

    public init(
        id: RunID,
        kind: RunKind,
        from: SiteName,
        to: SiteName,
        plan: PlanName,
        planVersion: UInt32,
        by: String,
        reason: String,
        startedAt: WallTime,
        stepCount: UInt16,
        epochBefore: Epoch,
        lingers: Bool,
        tasksLinger: Bool = false,
        isForced: Bool,
        acceptsLoss: Bool = false,
        lossAcceptedOf: [DataSetName]? = nil
    ) {
        self.tasksLinger = tasksLinger
        self.id = id
        self.kind = kind
        self.from = from
        self.to = to
        self.plan = plan
        self.planVersion = planVersion
        self.by = by
        self.reason = reason
        self.startedAt = startedAt
        self.stepCount = stepCount
        self.epochBefore = epochBefore
        self.lingers = lingers
        self.isForced = isForced
        self.acceptsLoss = acceptsLoss
        self.lossAcceptedOf = lossAcceptedOf
        state = .running
        step = 0
        isFenced = false
        isDraining = false
        isDrilling = false
        text = ""
        askedMilliseconds = 0
        questions = []
    }

    /// The point of no return is passed.
    public var isActivated: Bool { epochAfter != nil }

    /// Somebody has accepted what is lost of a data set.
    public func acceptsLoss(of name: DataSetName) -> Bool {
        acceptsLoss && lossAcceptedOf?.contains(name) ?? true
    }

    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            id: RunID(try fields.number("id")),
            kind: try fields.word("kind"),
            from: try fields.name("from"),
            to: try fields.name("to"),
            plan: try fields.name("plan"),
            planVersion: try fields.optionalNumber("plan-version") ?? 0,
            by: fields.optionalText("by") ?? "",
            reason: fields.optionalText("reason") ?? "",
            startedAt: try fields.time("started"),
            stepCount: try fields.number("steps"),
            epochBefore: try fields.epoch("epoch"),
            lingers: try fields.flag("lingers"),
            tasksLinger: try fields.flag("tasks-linger"),
            isForced: try fields.flag("forced"),
            acceptsLoss: try fields.flag("accepts-loss")
        )
        state = try fields.word("state")
        step = try fields.number("step")
        endedAt = try fields.optionalTime("ended")
        if fields.optionalText("epoch-after") != nil {
            epochAfter = try fields.epoch("epoch-after")
        }
        isFenced = try fields.flag("fenced")
        isDraining = try fields.flag("draining")
        isDrilling = try fields.flag("drilling")
        if try fields.flag("loss-named") {
            let names = (fields.optionalText("loss-of") ?? "").split(separator: ",")
            lossAcceptedOf = try names.map { text throws(MessageError) in
                guard let name = DataSetName(String(text)) else {
                    throw .bad(key: "loss-of", expected: "names of data sets")
                }
                return name
            }
        }
        text = fields.optionalText("text") ?? ""
        askedMilliseconds = try fields.optionalNumber("asked") ?? 0
        askedSince = try fields.optionalTime("asked-since")
        questions = (fields.optionalText("questions") ?? "").split(separator: "\n").map(String.init)
        guard fields.optionalText("seal-form") == "2" else { return }
        // Where no data set is watched there is no such field.
        losses = try (fields.optionalText("losses") ?? "").split(separator: "\n").map {
            text throws(MessageError) in
            guard let line = try? Line.parse(String(text), limits: .record) else {
                throw .bad(key: "losses", expected: "lines of forks")
            }
            return try ForkRecord(FieldReader(line))
        }
    }

    var line: Line {
        var writer = LineWriter("RUN")
        writer.put("id", id.number)
        writer.put("kind", kind)
        writer.put("from", from)
        writer.put("to", to)
        writer.put("plan", plan)
        writer.put("plan-version", planVersion)
        writer.put("by", by)
        writer.put("reason", reason)
        writer.put("started", startedAt)
        writer.put("ended", endedAt)
        writer.put("state", state)
        writer.put("step", step)
        writer.put("steps", stepCount)
        writer.put("epoch", epochBefore)
        writer.put("epoch-after", epochAfter)
        writer.put("fenced", isFenced)
        writer.put("draining", isDraining)
        writer.put("drilling", isDrilling)
        writer.put("lingers", lingers)
        writer.put("tasks-linger", tasksLinger)
        writer.put("forced", isForced)
        writer.put("accepts-loss", acceptsLoss)
        writer.put("loss-named", lossAcceptedOf != nil)
        writer.put("loss-of", lossAcceptedOf.map { $0.map(\.text).joined(separator: ",") })
        writer.put("text", text)
        if askedMilliseconds > 0 { writer.put("asked", askedMilliseconds) }
        writer.put("asked-since", askedSince)
        writer.put("questions", questions.joined(separator: "\n"))
        if losses != nil { writer.put("seal-form", 2 as UInt64) }
        writer.put("losses", losses.map { $0.map(\.line.description).joined(separator: "\n") })
        return writer.line
    }
}

/// Where a step of a run stands.
public enum RunStepState: String, Hashable, Sendable, CaseIterable {
    case pending
    /// Its intent is durable; it may have had its effect.
    case running
    /// Its act is done; its verify hook is asked.
    case verifying
    /// It has failed and is tried again at a time.
    case delayed
    case done
    case skipped
    case failed
    /// Its undo hook is running.
    case undoing
    case undone
}

/// One step of a run: what is to be done, and what was.
public struct RunStepRecord: Hashable, Sendable {
    /// Hooks of a step on nodes; more nodes than this have the same hook are not asked for.
    public static let textBytesMax = 2_000

    /// A hook on a node, or a sandbox task, as a task.
    public struct HookTask: Hashable, Sendable {
        public var node: NodeName
        public var task: TaskID
        /// Nil while it runs.
        public var isDone: Bool?
        public var text: String
    }

    public var run: RunID
    public var index: UInt16
    public var step: PlanStep
    public var state: RunStepState
    /// Counts the attempts of this step, from 1.
    public var attempt: UInt16
    public var startedAt: WallTime?
    public var endedAt: WallTime?
    /// When a delayed step is tried again.
    public var notBefore: WallTime?
    /// What it waits for, how it ended, or why it was skipped.
    public var text: String
    public var hooks: [HookTask]
    /// Deeds of this step that were ever noted; the newest of them are kept.
    public var deeds: UInt32
    /// Time within its attempts that was waited for a person, milliseconds.
    public var personMilliseconds: UInt64

    public init(run: RunID, index: UInt16, step: PlanStep) {
        self.run = run
        self.index = index
        self.step = step
        state = .pending
        attempt = 0
        text = ""
        hooks = []
        deeds = 0
        personMilliseconds = 0
    }

    /// An attempt is under way.
    var isUnderWay: Bool { state == .running || state == .verifying }

    static let notUndone = "COULD NOT BE UNDONE: "

    /// What it has done is still there after the run was rolled back.
    public var isUndoFailed: Bool { state == .undone && text.hasPrefix(Self.notUndone) }

    static func storeKey(_ run: RunID, _ index: UInt16) -> String {
        let digits = String(index)
        return "\(run.storeKey)/" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }

    var storeKey: String { Self.storeKey(run, index) }

    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            run: RunID(try fields.number("run")),
            index: try fields.number("index"),
            step: try PlanStep(fields)
        )
        state = try fields.word("state")
        attempt = try fields.optionalNumber("attempt") ?? 0
        startedAt = try fields.optionalTime("started")
        endedAt = try fields.optionalTime("ended")
        notBefore = try fields.optionalTime("not-before")
        text = fields.optionalText("outcome") ?? ""
        hooks = try HookTask.hooks(fields)
        deeds = try fields.optionalNumber("deeds") ?? 0
        personMilliseconds = try fields.optionalNumber("person") ?? 0
    }

    var line: Line {
        var writer = LineWriter("RUNSTEP")
        writer.put("run", run.number)
        writer.put("index", index)
        step.put(to: &writer)
        writer.put("state", state)
        if attempt > 0 { writer.put("attempt", attempt) }
        writer.put("started", startedAt)
        writer.put("ended", endedAt)
        writer.put("not-before", notBefore)
        writer.put("outcome", text)
        HookTask.put(hooks, to: &writer)
        if deeds > 0 { writer.put("deeds", deeds) }
        if personMilliseconds > 0 { writer.put("person", personMilliseconds) }
        return writer.line
    }
}

extension RunStepRecord.HookTask {
    /// `running`, `done` or `failed`.
    public var word: String { isDone.map { $0 ? "done" : "failed" } ?? "running" }

    private var line: String { "\(node) \(task) \(word) \(text)" }

    static func put(_ hooks: [Self], to writer: inout LineWriter) {
        for (index, hook) in hooks.enumerated() { writer.put("hook.\(index)", hook.line) }
    }

    static func hooks(_ fields: FieldReader) throws(MessageError) -> [Self] {
        var hooks: [Self] = []
        for field in fields.line.fields where field.key.hasPrefix("hook.") {
            guard let hook = Self(field.value) else {
                throw .bad(key: "hook", expected: "a hook of a step")
            }
            hooks.append(hook)
        }
        return hooks
    }

    fileprivate init?(_ text: String) {
        let parts = text.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 4, let node = NodeName(String(parts[0])),
            let task = UInt64(parts[1])
        else { return nil }
        let isDone: Bool?
        switch parts[2] {
        case "done": isDone = true
        case "failed": isDone = false
        case "running": isDone = nil
        default: return nil
        }
        self.init(node: node, task: TaskID(task), isDone: isDone, text: String(parts[3]))
    }
}

/// By what it is known that a node of the old site cannot act any more.
public enum FenceProof: String, Hashable, Sendable, CaseIterable {
    /// The node says that nothing older runs.
    case statement
    /// It fences itself, and its last lease has surely ended.
    case waited
    /// A fencing command has reported success.
    case command
    /// An operator's word, with name and reason.
    case certified
    /// It was never admitted: nothing was ever started there.
    case neverStarted = "never-started"
}

/// A node that is proven fenced in a run.
public struct FenceRecord: Hashable, Sendable {
    public var run: RunID
    public var node: NodeID
    public var name: NodeName
    public var proof: FenceProof
    /// The session number that was raised for it: nothing below it may act.
    public var session: UInt32
    public var text: String
    public var at: WallTime

    init(
        run: RunID,
        node: NodeID,
        name: NodeName,
        proof: FenceProof,
        session: UInt32,
        text: String,
        at: WallTime
    ) {
        self.run = run
        self.node = node
        self.name = name
        self.proof = proof
        self.session = session
        self.text = text
        self.at = at
    }

    static func storeKey(_ run: RunID, _ node: NodeID) -> String { "\(run.storeKey)/\(node)" }

    var storeKey: String { Self.storeKey(run, node) }

    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            run: RunID(try fields.number("run")),
            node: try fields.name("node"),
            name: try fields.name("name"),
            proof: try fields.word("proof"),
            session: try fields.number("session"),
            text: fields.optionalText("text") ?? "",
            at: try fields.time("at")
        )
    }

    var line: Line {
        var writer = LineWriter("FENCED")
        writer.put("run", run.number)
        writer.put("node", node)
        writer.put("name", name)
        writer.put("proof", proof)
        writer.put("session", session)
        writer.put("text", text)
        writer.put("at", at)
        return writer.line
    }
}
