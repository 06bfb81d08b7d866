public import Model
import Protocol

/// The agent's machine: a value without clock, chance or input and output of its own.
///
/// The shell steps it with what happened and does what the effects say. It sleeps until
/// ``nextDeadline`` and steps `.deadlineReached`. The first event is `.started`; what comes before
/// it is passed over.
///
/// Two rules are built into its shape. What says "this is durable" (READY, CONFIGURED, the answers
/// to orders) or acts on it is a ``Consequence``, and runs only when its revision is persisted. And
/// every step looks at the lease before anything else.
public struct AgentMachine: Hashable, Sendable {
    var configuration: AgentConfiguration
    var generator: SeededGenerator
    /// The seed: no other process of this node has it, also where the node's state was set back.
    let process: UInt64
    var isStarted = false
    /// Said goodbye: nothing is dialled or launched any more.
    var isLeaving = false
    /// When the step before expected to be followed.
    var expectedBy: Instant?

    // Durable state: AgentMachine+Memory.swift
    var memory: AgentMemory
    var writtenMemory: AgentMemory
    /// Of the last ``PersistRequest``, and of the last one known to be durable.
    var revision: UInt64 = 0
    var durableRevision: UInt64 = 0
    var pending: [PendingConsequence] = []
    var isStateWritable = true
    var persistRetryAt: Instant?

    // Authority
    /// The highest token that is durable: what is launched carries it.
    var authority: FencingToken
    var lease = LeaseState.unknown
    /// A session of this incarnation has said which part the site has.
    var isAuthorised = false
    /// What the controller lets drain. Not durable: no attempt outlives its agent.
    var drains: Drains?
    /// The highest revision of the controller's store that was told, of the generation of the highest token.
    /// An agent that is started anew needs none: it has had a session since, which the nonce shows.
    var storeRevision: UInt64?
    /// A controller has said that this node was removed: what runs here stops. A WELCOME ends it.
    var isDismissed = false

    // Connection: AgentMachine+Link.swift
    var link: Link
    var links: UInt64 = 0
    var reconnection: Reconnection
    /// What WELCOME of the last session said: heartbeat, spread.
    var heartbeatInterval: Duration = .seconds(1)
    var spread: Duration = .seconds(1)
    var untoldNotes: [Note] = []

    // Services: AgentMachine+Services.swift
    var services: OrderedTable<ServiceName, ServiceMachine> = OrderedTable()
    /// Services whose definition is gone and which are being stopped.
    var undefined: OrderedTable<ServiceName, Bool> = OrderedTable()
    /// What earlier incarnations left: told like services, until it is gone.
    var strays: OrderedTable<LaunchID, StrayLeash> = OrderedTable()
    var launches: UInt64 = 0
    var orders: OrderedTable<UInt64, OrderEntry> = OrderedTable()
    var lastOrders: OrderedTable<ServiceName, LastOrder> = OrderedTable()

    // Tasks: AgentMachine+Tasks.swift
    var bench: TaskBench
    var desk: SubmissionDesk
    /// What is compared with the node's pair: AgentMachine+Comparing.swift
    var comparing: ComparingDesk
    // Data sets: AgentMachine+Data.swift
    var data: DataWatch
    /// Why this step must end the session.
    var sessionProblem: String?

    // Load and renewal
    var sample: Sample?
    var sampleDueAt: Instant?
    var sampleInterval: Duration
    /// Of the node among those that a load balancer knows.
    var weight = TrafficWeight()
    var renewal: RenewalMachine

    /// - Parameters:
    ///   - memory: what an earlier process of this node stored last.
    ///   - journal: the journal of tasks, as it was read.
    ///   - spool: submissions that are kept on the node.
    ///   - seed: of all chance in the machine (jitter), and part of the keys it makes; from the system's
    ///     generator in production, no secret.
    public init(
        configuration: AgentConfiguration,
        memory: AgentMemory,
        journal: TaskJournal = TaskJournal(),
        spool: [SpooledTask] = [],
        seed: UInt64,
        at now: Instant
    ) {
        self.configuration = configuration
        self.memory = memory
        writtenMemory = memory
        generator = SeededGenerator(seed: seed)
        process = seed
        authority = memory.highest
        link = .off
        reconnection = Reconnection(
            controllers: max(1, configuration.controllers),
            timing: configuration.timing
        )
        sampleInterval = configuration.timing.sampleInterval
        renewal = RenewalMachine(timeout: configuration.timing.renewalTimeout)
        bench = TaskBench(configuration: configuration, journal: journal)
        desk = SubmissionDesk(spool: spool)
        comparing = ComparingDesk(configuration.sets)
        data = DataWatch(configuration.dataSets, at: now)
        reconnection.next = Int(generator.below(UInt64(max(1, configuration.controllers))))
        for definition in configuration.services.prefix(WireLimits.servicesPerNodeMax) {
            define(definition, at: now)
        }
    }

    public mutating func step(_ event: AgentEvent, at now: Instant) -> AgentEffects {
        var effects = AgentEffects()
        guard isStarted || event.isStart else { return effects }
        if isStarted { settleClock(at: now, &effects) }
        handle(event, at: now, &effects)
        releaseDurable(at: now, &effects)
        settleServices(at: now, &effects)
        answerOrders(at: now, &effects)
        settleTasks(at: now, &effects)
        settleComparing(at: now, &effects)
        settleSession(event, at: now, &effects)
        settleData(at: now, &effects)
        tellChanges(at: now, &effects)
        tellTasks(at: now, &effects)
        requestPersist(at: now, &effects)
        checkInvariants()
        expectedBy = nextDeadline
        return effects
    }

    /// When to step `.deadlineReached` at the latest; nil when nothing is due ever.
    public var nextDeadline: Instant? {
        guard isStarted else { return nil }
        var deadlines = [persistRetryAt, sampleDueAt, linkDeadline, lease.end]
        deadlines.append(renewal.nextDeadline(isLive: session != nil))
        deadlines += services.values.map(\.nextDeadline)
        deadlines += orders.values.map(\.nextDeadline)
        deadlines += [bench.nextDeadline, desk.nextDeadline, comparing.nextDeadline]
        deadlines.append(data.nextDeadline)
        return deadlines.compactMap { $0 }.min()
    }

    private mutating func handle(
        _ event: AgentEvent,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        switch event {
        case .started(let leashes, let tasks, let hasWorkers):
            start(adopting: leashes, tasks: tasks, hasWorkers: hasWorkers, at: now, &effects)
        case .deadlineReached: break
        case .persisted(let revision): persisted(upTo: revision, &effects)
        case .persistFailed(let reason): persistFailed(reason, at: now, &effects)
        case .connected(let id): connected(id, at: now, &effects)
        case .disconnected(let id, let reason): disconnected(id, reason, at: now, &effects)
        case .received(let id, let message): received(id, message, at: now, &effects)
        case .unreadable(let id, let reason): unreadable(id, reason, at: now, &effects)
        case .leash(let launch, let news): learned(news, of: launch, at: now, &effects)
        case .checkFinished(let id, let outcome, let took):
            checkFinished(id, outcome, took: took, at: now, &effects)
        case .sampled(let load, let disks): sampled(load, disks, at: now, &effects)
        case .dataFinished(let id, let outcome): data.finished(id, outcome, at: now)
        case .found(let order, let findings): found(findings, for: order, &effects)
        case .task(let attempt, let news) where attempt.isOfCanary:
            data.learned(news, of: attempt, at: now)
        case .task(let attempt, let news):
            fold(&effects) { $0.learned(news, of: attempt, at: now, &$1) }
        case .taskReport(let attempt, let report) where attempt.isOfCanary:
            data.reported(report, of: attempt)
        case .taskReport(let attempt, let report): bench.reported(report, of: attempt, at: now)
        case .workersBuried: bench.workersBuried()
        case .taskOutput(let attempt, let place, let data):
            fold(&effects) { $0.wrote(data, at: place, of: attempt, &$1) }
        case .taskJournaled(let sequence):
            fold(&effects) { $0.journaled(upTo: sequence, &$1) }
        case .taskJournalFailed(let reason):
            fold(&effects) { $0.journalFailed(reason, at: now, &$1) }
        case .submissionRequested(let client, let task):
            submissionRequested(client, task, at: now, &effects)
        case .spooled(let number): foldDesk(&effects) { $0.spooled(number, &$1) }
        case .spoolFailed(let number, let reason):
            foldDesk(&effects) { $0.spoolFailed(number, reason, &$1) }
        case .reconfigured(let definitions, let sharedPaths, let handlers, let sets, let dataSets):
            reconfigured(definitions, sharedPaths: sharedPaths, at: now, &effects)
            redefine(handlers, &effects)
            redefine(sets, at: now, &effects)
            redefine(dataSets, at: now)
        case .looked(let set, let number, let result):
            looked(set, number, result, at: now, &effects)
        case .listed(let ticket, let answer): listed(ticket, answer, &effects)
        case .shown(let ticket, let answer): shown(ticket, answer, &effects)
        case .misconfigured(let reason):
            note(.badConfiguration, reason, &effects)
            effects.notices.append(
                AgentNotice(
                    .error,
                    "the new configuration is refused; the old one stays in force",
                    [.init("error", reason)]
                )
            )
        case .certificateMeasured(let remaining, let life):
            renewal.measured(remaining: remaining, life: life, at: now, &generator)
        case .renewal(let news): renewalNews(news, at: now, &effects)
        case .stopping(let reason): leave(reason, at: now, &effects)
        }
    }

    /// The first step: the incarnation is raised, and nothing is dialled before that is durable.
    private mutating func start(
        adopting leashes: [AdoptedLeash],
        tasks: [TaskAttempt],
        hasWorkers: Bool,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        guard !isStarted else { return }
        isStarted = true
        let identity = configuration.identity
        if let identity, memory.node != identity.node {
            // Another node's memory, or none: its orders and its nonce are not ours. What was seen
            // of tokens stays true within the same cluster.
            if memory.node != nil {
                memory.nonce = ""
                memory.wishes = OrderedTable()
                memory.role = nil
                memory.drill = nil
                memory.standing = nil
                memory.settings = OrderedTable()
                memory.settingsVersion = 0
                if memory.cluster != identity.cluster { memory.highest = .zero }
            }
            memory.node = identity.node
            memory.cluster = identity.cluster
            authority = memory.highest
            for name in services.keys { services.update(name) { $0.isWanted = false } }
        }
        memory.incarnation += 1
        sampleDueAt = now
        comparing.start(at: now, &generator)
        adopt(leashes, at: now, &effects)
        let patience = configuration.timing.stopGrace
        data.start(leftovers: tasks.filter(\.isOfCanary), at: now, patience: patience)
        let attempts = tasks.filter { !$0.isOfCanary }
        fold(&effects) {
            $0.start(leftovers: attempts, hasWorkers: hasWorkers, at: now, &$1)
        }
        if identity == nil {
            effects.notices.append(
                AgentNotice(
                    .error,
                    "this node is not a member of a cluster: run `muster-agent join`"
                )
            )
        } else {
            write(.beginDialling)
        }
    }

    private mutating func leave(
        _ reason: ByeReason,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        guard !isLeaving else { return }
        isLeaving = true
        if let id = link.id {
            if case .dialling = link {} else { effects.sends.append(.bye(reason: reason)) }
            effects.connection.append(.close(link: id, reason: "the agent is stopping"))
        }
        link = .off
        effects.mayExit = true
    }

    /// What must hold after every step, whatever came from outside.
    private func checkInvariants() {
        precondition(authority <= memory.highest, "authority \(authority) is not remembered")
        precondition(durableRevision <= revision, "durable before it was written")
        precondition(orders.count <= OrderEntry.countMax, "\(orders.count) orders are kept")
        assert(bench.isConsistent && desk.isConsistent, "a sum of bytes is wrong")
    }
}

extension AgentEvent {
    var isStart: Bool {
        if case .started = self { true } else { false }
    }
}
