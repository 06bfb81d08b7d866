import Model
import Protocol

/// What the agent's machine knows at a step, and tasks are decided by.
struct TaskSituation: Hashable, Sendable {
    /// The highest token seen, and the highest that is durable.
    var highest: FencingToken
    var authority: FencingToken
    var lease: LeaseState
    var isStateWritable: Bool
    /// Why no attempt may be taken or started; nil when it may.
    var obstacle: String?
    /// Why none but a hook may: a run's steps act on a standby site, too.
    var workObstacle: String?
    /// What runs is part of this drill.
    var drill: UInt64?
    /// What drains may go on under this token or a later one; nil when nothing may.
    var drains: FencingToken?
    /// The node was removed: what runs is ended.
    var isDismissed: Bool
    var identity: NodeIdentity?
    var settings: OrderedTable<String, Setting>

    /// Until when a lease under `token` lasts; nil without one.
    func leaseEnd(for token: FencingToken, at now: Instant) -> Instant? {
        guard case .held(let end, let held, _) = lease, end > now,
            held.epoch == token.epoch, held.session == token.session
        else { return nil }
        return end
    }

    /// It may end under its own token, though a newer one was seen.
    func mayDrain(_ held: LiveAttempt) -> Bool {
        held.isDrainable && drains.map { held.token >= $0 } ?? false
    }

    /// Until when an attempt that runs has a lease. What drains is covered by any that the node was
    /// given since: none of them lasts longer than the controller waits for.
    func leaseEnd(for held: LiveAttempt, at now: Instant) -> Instant? {
        if case .held(let end, let token, _) = lease, end > now, token >= held.token,
            mayDrain(held)
        {
            return end
        }
        return leaseEnd(for: held.token, at: now)
    }

    /// Why an attempt of this type may not be taken now; nil when it may.
    func obstacle(for type: TaskType) -> String? {
        obstacle ?? (type.isHook ? nil : workObstacle)
    }

    /// Why a new attempt under `token` may not start now; nil when it may.
    func obstacle(
        toStart type: TaskType,
        under token: FencingToken,
        needsLease: Bool,
        at now: Instant
    ) -> String? {
        if let obstacle = obstacle(for: type) { return obstacle }
        if token != authority || token != highest { return "its token is not today's" }
        if needsLease, leaseEnd(for: token, at: now) == nil {
            return "there is no lease"
        }
        return nil
    }
}

/// What the bench asks of the machine that holds it.
struct TaskEffects: Hashable, Sendable {
    var commands: [TaskCommand] = []
    var workers: [WorkerCommand] = []
    var sends: [AgentWorkMessage] = []
    var notes: [Note] = []
    var notices: [AgentNotice] = []
    /// Why this session must be given up.
    var sessionProblem: String?
}

struct AwaitedWrite: Hashable, Sendable {
    var sequence: UInt64
    var attempt: TaskAttempt
}

/// The node's tasks: attempts that wait, run, or have ended and are not taken yet.
///
/// Its promises, whatever comes from outside: an attempt is started at most once, after its start is
/// durable, under the newest token, and where its handler needs a lease, under one; a result is told
/// after its end is durable; and nothing is given back that was, or will be, started.
struct TaskBench: Hashable, Sendable {
    /// Bytes of payloads that wait for their handler.
    static let payloadsBytesMax = 64 << 20
    /// Bytes of outputs that wait to be taken; beyond, the oldest are dropped, their results stay.
    static let outputsBytesMax = 64 << 20
    /// Attempts given back that one session must remember; beyond, it is given up.
    static let returnedMax = 16_384
    /// Tasks whose taken attempts are remembered, so that a confused order starts none again.
    static let takenMax = 8_192
    /// From SIGTERM to SIGKILL where the right to act is over already.
    static let overtakenGrace: Duration = .seconds(1)
    /// How long a leash may take to end what it holds when the right is over: half of S.
    static let fencePatience: Duration = .seconds(1)

    let timing: AgentTiming
    var handlers: OrderedTable<HandlerName, HandlerDefinition> = OrderedTable()
    var live: OrderedTable<TaskAttempt, LiveAttempt> = OrderedTable()
    var ended: OrderedTable<TaskAttempt, EndedAttempt> = OrderedTable()
    /// The highest attempt of each task that was taken here.
    var taken: OrderedTable<TaskID, UInt16> = OrderedTable()
    var journal: TaskJournalKeeper
    /// What this session was told; nil without one that speaks of tasks.
    var telling: TaskTelling?
    /// Processes that stay when their attempt has ended; nil when none can live.
    var workers: LivingWorkers?
    var arrivals: UInt64 = 0
    var endings: UInt64 = 0
    /// Attempts that are neither started nor about to be.
    var waitingCount = 0
    /// Something has happened since that may concern every attempt, or only these.
    var areAllTouched = true
    var touched: [TaskAttempt] = []
    /// What waits for a write of the journal, in the order of the writes.
    var awaited: [AwaitedWrite] = []
    /// What they were looked through with, and when that is due again.
    var settledWith: TaskSituation?
    var lookAt: Instant?
    /// Of attempts that are not launched.
    var payloadsBytes = 0
    /// Of attempts that are not taken.
    var outputsBytes = 0
    private let owner: NodeIdentity?

    init(configuration: AgentConfiguration, journal: TaskJournal) {
        timing = configuration.timing
        owner = configuration.identity
        let isOurs =
            owner != nil && journal.node == owner?.node && journal.cluster == owner?.cluster
        self.journal = TaskJournalKeeper(lines: journal.lineCount, isOurs: isOurs)
        for (attempt, var start) in journal.started {
            // Another cluster's numbers and tokens say nothing in ours.
            if !isOurs {
                start.token = .zero
                start.isDrainable = false
            }
            var held = LiveAttempt(attempt: attempt, start: start, phase: .launched)
            held.isForeign = !isOurs
            live[attempt] = held
        }
        if isOurs {
            for (attempt, result) in journal.ended { keep(attempt, result, output: []) }
            for (task, attempt) in journal.taken { remember(task, taken: attempt) }
        }
        define(configuration.handlers)
    }

    // MARK: The first step

    /// - Parameters:
    ///   - leftovers: attempts whose leashes are not proven to hold nothing. What the journal calls
    ///     started and is not among them does not run.
    ///   - hasWorkers: workers of an earlier agent are not proven to be gone.
    mutating func start(
        leftovers: [TaskAttempt],
        hasWorkers: Bool,
        at now: Instant,
        _ effects: inout TaskEffects
    ) {
        if hasWorkers { workers = LivingWorkers(destroyAt: now + timing.stopGrace) }
        for attempt in leftovers.sorted() where live[attempt] == nil {
            // The journal does not know it: it counts under the lowest token, so that nothing is
            // stated until it is gone.
            let start = TaskJournal.Start(token: .zero, handler: "unknown")
            var stray = LiveAttempt(attempt: attempt, start: start, phase: .launched)
            stray.isForeign = ended[attempt] != nil
            live[attempt] = stray
        }
        for attempt in live.keys {
            live.update(attempt) { $0.destroyAt = now + timing.stopGrace }
            guard !leftovers.contains(attempt) else { continue }
            conclude(attempt, at: now)
        }
    }

    // MARK: Handlers

    mutating func define(_ definitions: [HandlerDefinition]) {
        areAllTouched = true
        handlers = OrderedTable()
        for definition in definitions where handlers.count < WorkLimits.handlersPerNodeMax {
            guard definition.problems.isEmpty, handlers[definition.name] == nil else { continue }
            handlers[definition.name] = definition
        }
    }

    // MARK: The journal

    mutating func journaled(upTo sequence: UInt64, _ effects: inout TaskEffects) {
        guard journal.journaled(upTo: sequence) else { return }
        effects.notices.append(AgentNotice(.info, "the journal of tasks can be written again"))
    }

    mutating func journalFailed(
        _ reason: String,
        at now: Instant,
        _ effects: inout TaskEffects
    ) {
        areAllTouched = true
        guard journal.failed(retryAt: now + timing.persistRetry) else { return }
        effects.notes.append(Note(note: .stateNotWritable, text: "journal of tasks: \(reason)"))
        effects.notices.append(
            AgentNotice(
                .error,
                "the journal of tasks cannot be written; no task is taken",
                [.init("error", reason)]
            )
        )
    }

    /// All that the journal must hold now.
    var journalSnapshot: [TaskJournalEntry] {
        guard let owner else { return [] }
        var entries: [TaskJournalEntry] = [.owner(cluster: owner.cluster, node: owner.node)]
        for (attempt, held) in live where !held.isForeign {
            switch held.phase {
            case .receiving, .waiting: break
            case .starting, .launched, .emptied: entries.append(held.startEntry)
            case .ending(_, let result): entries.append(.end(attempt, result))
            }
        }
        for (attempt, held) in ended { entries.append(.end(attempt, held.result)) }
        for (task, attempt) in taken {
            entries.append(.forget(TaskAttempt(task: task, attempt: attempt)))
        }
        return entries
    }

    /// The last stage of a step.
    mutating func flushJournal(at now: Instant) -> TaskJournalKeeper.Write? {
        var keeper = journal
        let linesMax = 4 * (live.count + ended.count) + 2 * taken.count
        let write = keeper.flush(linesMax: linesMax, at: now) { journalSnapshot }
        journal = keeper
        return write
    }

    // MARK: What is stated

    /// The least token under which something may run or is about to; nil when nothing is. A worker
    /// may run without an attempt.
    var leastToken: FencingToken? { leastToken { _ in true } }

    /// The same of what must not act beside another site: drainable attempts, as they were launched, are
    /// left out where they are let drain, and only there.
    func leastExclusiveToken(sparing drains: FencingToken?) -> FencingToken? {
        leastToken { held in !(held.isDrainable && drains.map { held.token >= $0 } ?? false) }
    }

    private func leastToken(of isCounted: (LiveAttempt) -> Bool) -> FencingToken? {
        let least = live.values.filter { $0.mayRun && isCounted($0) }.map(\.token).min()
        return [least, workers?.token].compactMap(\.self).min()
    }

    var nextDeadline: Instant? {
        [journal.nextDeadline, lookAt, telling?.nextDeadline].compactMap { $0 }.min()
    }

    // MARK: Kept attempts

    /// Every attempt of a task that the node has, lowest first.
    func attempts(of task: TaskID) -> [TaskAttempt] {
        let first = TaskAttempt(task: task, attempt: 0)
        return from(first, in: live.keys).prefix { $0.task == task }
            + from(first, in: ended.keys).prefix { $0.task == task }
    }

    private func from(_ first: TaskAttempt, in keys: [TaskAttempt]) -> ArraySlice<TaskAttempt> {
        var low = 0
        var high = keys.count
        while low < high {
            let middle = (low + high) / 2
            if keys[middle] < first { low = middle + 1 } else { high = middle }
        }
        return keys[low...]
    }

    mutating func remove(_ attempt: TaskAttempt) {
        guard let held = live[attempt] else { return }
        payloadsBytes -= held.payloadBytes
        if held.isBefore { waitingCount -= 1 }
        live[attempt] = nil
        telling?.reading[attempt] = nil
    }

    /// Its end is durable: the result is kept until it is taken, its output while there is room.
    mutating func keep(_ attempt: TaskAttempt, _ result: AttemptResult, output: [UInt8]) {
        endings += 1
        ended[attempt] = EndedAttempt(number: endings, result: result, output: output)
        outputsBytes += output.count
        telling?.results[endings] = attempt
        guard outputsBytes > Self.outputsBytesMax else { return }
        let withOutput = ended.filter { !$0.1.output.isEmpty }.sorted { $0.1.number < $1.1.number }
        for (oldest, held) in withOutput where outputsBytes > Self.outputsBytesMax {
            outputsBytes -= held.output.count
            ended.update(oldest) { $0.output = [] }
        }
    }

    mutating func forget(_ attempt: TaskAttempt) {
        guard let held = ended[attempt] else { return }
        outputsBytes -= held.output.count
        ended[attempt] = nil
        telling?.forget(attempt, number: held.number)
        remember(attempt.task, taken: attempt.attempt)
    }

    private mutating func remember(_ task: TaskID, taken attempt: UInt16) {
        taken[task] = max(attempt, taken[task] ?? 0)
        // Numbers of tasks grow: the least is the oldest.
        if taken.count > Self.takenMax, let least = taken.keys.first { taken[least] = nil }
    }

    /// The sums are what they say, and nothing waits without a session.
    var isConsistent: Bool {
        payloadsBytes == live.values.reduce(0) { $0 + $1.payloadBytes }
            && outputsBytes == ended.values.reduce(0) { $0 + $1.output.count }
            && waitingCount == live.values.lazy.filter(\.isBefore).count
            && (waitingCount == 0 || telling != nil)
            && live.values.allSatisfy { !$0.isOnWorker || isCounted($0) }
    }

    /// The worker that has it counts in what is stated.
    private func isCounted(_ held: LiveAttempt) -> Bool {
        workers.map { $0.token <= held.token } ?? false
    }
}
