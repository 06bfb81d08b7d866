public import Model
import Protocol

/// The controller's machine: holds the state of the cluster and decides.
///
/// A value. `step` accepts every event in every state, never throws and never waits. The shell
/// carries out the effects in their stages (``ControllerEffects``).
public struct ControllerMachine: Hashable, Sendable {
    public let settings: ControllerSettings
    public internal(set) var cluster: ClusterRecord
    public internal(set) var sites: OrderedTable<SiteName, SiteRecord>
    /// Every node there ever was, removed ones too: an identity is never reused.
    public internal(set) var nodes: OrderedTable<NodeID, Member>
    public internal(set) var tokens: OrderedTable<JoinTokenID, TokenRecord>
    public internal(set) var operators: OrderedTable<OperatorName, OperatorRecord>
    /// By ``SettingRecord/storeKey``.
    public internal(set) var settingRecords: OrderedTable<String, SettingRecord>
    /// The last orders, ended ones too, up to ``Limits/ordersKept``.
    public internal(set) var orders: OrderedTable<UInt64, Order>
    public internal(set) var preflights: OrderedTable<UInt64, PreflightRun>
    /// Every task that has not ended, and who has it.
    public internal(set) var work: WorkMachine
    public internal(set) var schedules = ScheduleBook()
    public internal(set) var runs = RunBook()
    public internal(set) var drift = DriftBook()
    public internal(set) var replication = ReplicationBook()
    public internal(set) var replicationRules = ReplicationRules()
    var watch = FailoverWatch()
    public internal(set) var notify = NotifyBook()
    public internal(set) var eventSequence: UInt64
    /// Of the store, as it is when all steps so far are durable; at least that.
    public internal(set) var revision: UInt64
    public let startedAt: Moment
    /// X in the store when this controller started.
    let waitFound: Duration
    /// A node has shown a higher epoch than ours: somebody else has authority, or our store is an
    /// old one. Nothing is granted or ordered any more.
    public internal(set) var doubt: Epoch?
    /// The node that has shown it.
    public internal(set) var doubtShownBy = ""
    /// Since when the journal writes slowly; nil while it is in time.
    public internal(set) var journalLateSince: WallTime?
    /// Our own clock jumped or we were frozen: until then silence says nothing.
    public internal(set) var tiltUntil: Instant?

    var connections: OrderedTable<ConnectionID, Connection>
    /// Names of the members that are not removed.
    var nodeIDs: OrderedTable<NodeName, NodeID>
    var pendingCertificates: OrderedTable<CertificateOrderID, PendingCertificate>
    var nextCertificateOrder: UInt64 = 1
    var nextOrder: UInt64
    /// So many orders may be kept before it is looked which of them have ended.
    var ordersLookedAt = Limits.ordersKept
    /// Readings of outputs that one audit record stands for.
    var outputReadings: [OutputReading] = []
    /// Submissions of nodes that are not audited one by one.
    var tallies: OrderedTable<NodeID, SubmissionTally> = OrderedTable()
    /// As the work was told last.
    var wasGranting = true
    var generator: SeededGenerator

    // Of the step under way; empty between two steps.
    var now: Moment
    var effects = ControllerEffects()
    /// Nodes that are not known and were told of.
    var strangersTold: [NodeID] = []
    var touched: [NodeID] = []
    var unsaved: [NodeID] = []

    /// A lower bound of every deadline there is: heartbeats move deadlines later all the time, and
    /// only when the bound is reached are they looked through again.
    var earliestDeadline: Instant?

    enum Limits {
        static let ordersKept = 2_000
        static let preflightsKept = 20
        /// Bytes of a reason, an owner, an address.
        static let textBytesMax = 1_000
        static let namesMax = 100
        /// A session, the one that takes its place, and one that is being given up.
        static let connectionsPerNodeMax = 4
        static let findingsPerNodeMax = 128
        /// Each is signed, journalled and audited.
        static let renewalsPerHourMax = 300
        static let outputReadingsMax = 256
        static let outputReadingFor: Duration = .seconds(600)
        /// Orders are numbered in durable blocks of this size.
        static let orderBlock: UInt64 = 1_000
        /// So are tasks.
        static let taskBlock: UInt64 = 10_000
        /// Tasks of one request.
        static let offersMax = 1_000
        /// Payload bytes of submissions of one node that are under way.
        static let incomingBytesMax = 8 << 20
        /// Later than this after a deadline, the process was frozen or its clock jumped.
        static let tiltAfter: Duration = .seconds(1)
        static let retryAfterRefusal: Duration = .seconds(10)
        static let preflightRetry: Duration = .seconds(30)
        static let preflightDeadline: Duration = .seconds(60)
        /// As many, and as much text, as an agent keeps.
        static let settingsMax = 256
        static let settingsBytesMax = 60_000
        static let sitesMax = 64
    }

    struct Connection: Hashable, Sendable {
        var peer: Peer
        var address: String
        /// HELLO was heard.
        var isGreeted = false
        /// The node whose link this is.
        var node: NodeID?
    }

    /// A controller that has just started on a store. It knows epochs and decisions, not instants:
    /// every node gets one fresh detection interval, every lease counts as granted just now.
    ///
    /// - Parameters:
    ///   - records: everything the store holds, in any order; exactly one is the cluster's.
    ///   - generation: of the store; raised when it was adopted or restored from a backup. It
    ///     becomes the epoch's.
    ///   - lastEventSequence: of the store's event log; 0 when it is empty.
    ///   - revision: of the store: grows by each step that is written, or by more.
    ///   - seed: for jitter; any number.
    public static func started(
        settings: ControllerSettings,
        records: [Record],
        generation: UInt16,
        lastEventSequence: UInt64,
        revision: UInt64 = 0,
        seed: UInt64,
        at now: Moment
    ) -> (ControllerMachine, ControllerEffects) {
        var machine = ControllerMachine(
            settings: settings,
            records: records,
            lastEventSequence: lastEventSequence,
            revision: revision,
            seed: seed,
            now: now
        )
        if generation > machine.cluster.epoch.generation {
            machine.raiseGeneration(to: generation)
        }
        machine.settleLeaseTerms()
        machine.noteStart()
        machine.reconcileAlarms()
        machine.settleWork()
        machine.settleThresholds()
        machine.settleNotify()
        machine.rescheduleDeadlines()
        let effects = machine.takeEffects()
        return (machine, effects)
    }

    private init(
        settings: ControllerSettings,
        records: [Record],
        lastEventSequence: UInt64,
        revision: UInt64,
        seed: UInt64,
        now: Moment
    ) {
        self.settings = settings
        self.now = now
        startedAt = now
        eventSequence = lastEventSequence
        self.revision = revision
        generator = SeededGenerator(seed: seed)
        sites = OrderedTable()
        nodes = OrderedTable()
        tokens = OrderedTable()
        operators = OrderedTable()
        settingRecords = OrderedTable()
        orders = OrderedTable()
        preflights = OrderedTable()
        connections = OrderedTable()
        nodeIDs = OrderedTable()
        pendingCertificates = OrderedTable()
        var found: ClusterRecord?
        var tasks: [TaskRecord] = []
        var states: OrderedTable<TaskID, TaskStateRecord> = OrderedTable()
        var views: [DispatchView] = []
        var dataSets: [DataSetRecord] = []
        var forks: [ForkRecord] = []
        var divergences: [DivergenceRecord] = []
        var hours: [LagHourRecord] = []
        var losses: [LossRecord] = []
        for record in records {
            switch record {
            case .cluster(let cluster): found = cluster
            case .site(let site): sites[site.name] = site
            case .node(let node):
                nodes[node.id] = Member(
                    record: node,
                    interval: settings.lease.heartbeatInterval,
                    start: now.instant,
                    revision: revision
                )
                if node.membership != .removed { nodeIDs[node.name] = node.id }
            case .token(let token): tokens[token.id] = token
            case .operatorAccount(let account): operators[account.name] = account
            case .setting(let setting): settingRecords[setting.storeKey] = setting
            case .task(let task): tasks.append(task)
            case .taskState(let state): states[state.id] = state
            case .taskEnd: break
            case .dispatchView(let view): views.append(view)
            case .schedule(let schedule):
                schedules.entries[schedule.draft.name] = ScheduleBook.Entry(record: schedule)
            case .calendar(let calendar): schedules.calendars[calendar.name] = calendar
            case .plan(let plan): runs.plans[plan.draft.name] = plan
            case .run(let run): runs.restore(run)
            case .runStep(let step): runs.restore(step)
            case .fence(let fence): runs.restore(fence, at: now)
            case .dataSet(let record): dataSets.append(record)
            case .fork(let record): forks.append(record)
            case .divergence(let record): divergences.append(record)
            case .lagHour(let record): hours.append(record)
            case .ledger, .late: break
            case .loss(let loss): losses.append(loss)
            case .runDeed(let deed): runs.restore(deed)
            case .notifyRules, .silence, .alarm, .notice, .delivery: notify.restore(record)
            }
        }
        notify.restored(at: now)
        replication.restore(dataSets, forks, divergences, hours)
        guard let found else { preconditionFailure("a store without a cluster record was loaded") }
        cluster = found
        waitFound = found.leaseWait
        nextOrder = found.orderCeiling
        work = WorkMachine(epoch: found.epoch, nextTask: found.taskCeiling, at: now)
        work.setAside(below: found.restoring.attemptFloor, of: found.epoch.generation)
        readWorkSettings()
        readReplicationSettings()
        for id in nodes.keys { showWork(id) }
        schedules.clock = SteadyClock(at: now)
        schedules.reckon(at: now)
        for view in views { work.restore(view) }
        for loss in losses { work.restore(loss) }
        for task in tasks.sorted(by: { $0.id < $1.id }) { work.restore(task, states[task.id]) }
    }

    public mutating func step(_ event: ControllerEvent, at now: Moment) -> ControllerEffects {
        precondition(now.instant >= self.now.instant, "time went back: \(now) after \(self.now)")
        self.now = now
        work.now = now
        settleClock()
        if event.mayMoveRun { runs.isDue = true }
        switch event {
        case .connected(let connection, let peer, let address):
            connect(connection, peer, address: address)
        case .received(let connection, let message, let fresh):
            receive(message, from: connection, fresh: fresh)
        case .disconnected(let connection, let reason): disconnect(connection, reason)
        case .signingRequested(let connection, let request): sign(request, for: connection)
        case .certificateIssued(let id, let issued): certificateIssued(id, issued)
        case .certificateFailed(let id): certificateFailed(id)
        case .command(let request, let caller, let command):
            execute(command, by: caller, request: request)
        case .submitted(let request, let caller, let offers):
            submit(offers, by: caller, request: request)
        case .offered(let connection, let submission, let known):
            offered(submission, known: known, on: connection)
        case .followed(let task): work.follow(task)
        case .payloadLost(let attempt, let problem): work.payloadLost(attempt, problem)
        case .zoneLoaded(let name, let rules): loadZone(name, rules)
        case .turnedAway(let request):
            auditRefusal(request)
            countTurnedAway(request)
        case .storeSpace(let free, let total): noteStore(free: free, total: total)
        case .certificateKnown(let end, let life): noteCertificate(end: end, life: life)
        case .hookEnded(let id, let isDone, let text): hookEnded(id, isDone: isDone, text)
        case .delivered(let number, let attempt, let outcome):
            delivered(number, attempt: attempt, outcome)
        case .deadlineReached: break
        case .journalLate(let isLate):
            journalLateSince = isLate ? journalLateSince ?? now.wall : nil
        case .stopping:
            sayGoodbye()
            markRunning(false)
        }
        settleWork()
        settleThresholds()
        settleWatch()
        settleNotify()
        return takeEffects()
    }

    /// When the machine wants `.deadlineReached` at the latest; nil when nothing is due.
    public var nextDeadline: Instant? { earliestDeadline }

    mutating func takeEffects() -> ControllerEffects {
        for id in sortedUnique(unsaved) {
            if let member = nodes[id] { effects.journal.append(.put(.node(member.record))) }
        }
        unsaved.removeAll()
        touched.removeAll()
        if !effects.journal.isEmpty { revision += 1 }
        let taken = effects
        effects = ControllerEffects()
        return taken
    }
}

extension ControllerEvent {
    /// Heartbeats and samples come all the time, and no step waits for what they tell; the fence, which
    /// waits for floors, is told of them apart, and so is a run of what data sets show.
    var mayMoveRun: Bool {
        guard case .received(_, let message, _) = self else { return true }
        switch message {
        case .beat, .load, .disk, .check, .data, .comparing(.entry), .comparing(.text):
            return false
        default: return true
        }
    }
}

func sortedUnique(_ ids: [NodeID]) -> [NodeID] {
    var result: [NodeID] = []
    for id in ids.sorted() where result.last != id { result.append(id) }
    return result
}
