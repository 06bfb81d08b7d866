import ControllerCore
import Model
import Protocol

/// One controller's machine on a stage: a clock, a store that keeps what it is given, and nodes that
/// say what a test lets them say.
struct Stage {
    static let admin = Caller(name: "root", key: KeyFingerprint("key-root"), source: "console")

    var machine: ControllerMachine
    var now = Moment(
        instant: Instant(nanoseconds: 1_000_000_000_000),
        wall: WallTime(milliseconds: 1_700_000_000_000)
    )
    var store = OrderedTable<String, Record>()
    /// Of the store: the transactions so far.
    var revision: UInt64 = 0
    var events: [ClusterEvent] = []
    var audits: [AuditRecord] = []
    var payloads = OrderedTable<TaskID, [UInt8]>()
    var outputs = OrderedTable<TaskID, [UInt8]>()
    var taskKeys = OrderedTable<String, TaskKeyRecord>()
    var replies: [Reply.Outcome] = []
    var hooks: [HookCall] = []
    var deliveries: [Delivery] = []
    var sent: [(connection: ConnectionID, message: ControllerMessage)] = []
    var closed: [RefusalCode] = []
    var lastConnection: UInt64 = 0
    var lastRequest: UInt64 = 0
    var lastToken = 0
    var lastFresh = 0
    var beats = OrderedTable<UInt64, UInt64>()
    /// Whether the authority signs what the machine orders.
    var isSigning = true
    /// Transactions that moved a run so far: the steps they moved and where to, as `fence running`.
    var moves: [[String]] = []
    /// When this process is killed.
    var death: Death?
    /// It was: nothing reaches it until ``restart()``.
    private(set) var isDead = false
    /// By so much the clock on the wall was set.
    var wallOffset: Duration = .zero
    /// When what it signs ends.
    var certificateLife: Duration = .seconds(1_000_000)

    init(settings: ControllerSettings = ControllerSettings(channels: Stage.channels)) {
        let cluster = ClusterRecord(
            id: "c-1",
            name: "test",
            createdAt: now.wall,
            epoch: Epoch(generation: 1, counter: 1),
            activeSite: "a"
        )
        let founding = ControllerMachine.founding(
            cluster: cluster,
            operatorNamed: "root",
            key: Stage.admin.key,
            serial: "1",
            notAfter: now.wall + .seconds(1_000_000)
        )
        var effects = ControllerEffects()
        effects.journal = founding
        var records: [Record] = []
        for case .put(let record) in founding { records.append(record) }
        let (machine, first) = ControllerMachine.started(
            settings: settings,
            records: records,
            generation: 1,
            lastEventSequence: 0,
            seed: 1,
            at: now
        )
        self.machine = machine
        keep(effects)
        keep(first)
    }

    /// The process is killed around a transaction that moves a run.
    struct Death: Hashable {
        enum Moment: Hashable, CaseIterable {
            /// The transaction is lost.
            case beforeDurable
            /// Nothing that follows from it has left the process.
            case beforeEffects
            case afterEffects
        }

        /// Counts from 0: the place in ``Stage/moves``.
        var transaction: Int
        var moment: Moment
    }

    // MARK: Steps

    @discardableResult
    mutating func step(_ event: ControllerEvent) -> ControllerEffects {
        guard !isDead else { return ControllerEffects() }
        let effects = dying(machine.step(event, at: now))
        keep(effects)
        guard !isDead else { return effects }
        for order in effects.certificates {
            guard isSigning else {
                step(.certificateFailed(order.id))
                continue
            }
            let issued = IssuedCertificate(
                serial: "\(order.id.number)",
                notAfter: now.wall + certificateLife,
                certificate: "certificate-\(order.key)",
                issuer: "issuer"
            )
            step(.certificateIssued(order.id, issued))
        }
        return effects
    }

    /// What is left of the effects when the process is killed around them.
    private mutating func dying(_ effects: ControllerEffects) -> ControllerEffects {
        var moved: [String] = []
        for case .put(.runStep(let step)) in effects.journal where step.state != .pending {
            let move = "\(step.step.name) \(step.state.rawValue)"
            if !moved.contains(move) { moved.append(move) }
        }
        guard !moved.isEmpty else { return effects }
        moves.append(moved)
        guard let death, death.transaction == moves.count - 1 else { return effects }
        isDead = true
        var left = ControllerEffects()
        switch death.moment {
        case .beforeDurable: break
        case .beforeEffects: left.journal = effects.journal
        case .afterEffects: left = effects
        }
        return left
    }

    private mutating func keep(_ effects: ControllerEffects) {
        if !effects.journal.isEmpty { revision += 1 }
        for entry in effects.journal {
            switch entry {
            case .put(let record): store["\(record.table.rawValue)/\(record.key)"] = record
            case .delete(let table, let key): store["\(table.rawValue)/\(key)"] = nil
            case .event(let event): events.append(event)
            case .audit(let audit): audits.append(audit)
            case .payload(let id, let bytes): payloads[id] = bytes
            case .payloadGone(let id): payloads[id] = nil
            case .output(let id, let bytes): outputs[id] = bytes.isEmpty ? nil : bytes
            case .taskKey(let key, let record): taskKeys[key] = record
            }
        }
        for send in effects.sends { sent.append((send.connection, send.message)) }
        closed += effects.closes.map(\.code)
        replies += effects.replies.map(\.outcome)
        hooks += effects.hooks
        deliveries += effects.deliveries
    }

    mutating func pass(_ duration: Duration) {
        let end = now.instant + duration
        while !isDead, let deadline = machine.nextDeadline, deadline <= end {
            let elapsed = max(deadline, now.instant) - now.instant
            // A deadline of now comes a moment later, as timers do.
            advance(max(elapsed, .microseconds(100)))
            step(.deadlineReached)
        }
        if end > now.instant { advance(end - now.instant) }
    }

    /// Time passes and nobody wakes the machine.
    mutating func advance(_ duration: Duration) {
        now.instant = now.instant + duration
        let passed = now.instant - Instant(nanoseconds: 1_000_000_000_000)
        now.wall = WallTime(milliseconds: 1_700_000_000_000) + passed + wallOffset
    }

    /// The same store, another process.
    ///
    /// - Parameters:
    ///   - generation: higher than before where the store was restored.
    ///   - active: the site that an operator says is active, where it was; nil where nobody has said.
    ///   - isOld: the store is a backup.
    ///   - settings: of the new controller, where its configuration was changed.
    mutating func restart(
        generation: UInt16 = 1,
        settings: ControllerSettings? = nil,
        active: SiteName? = "a",
        isOld: Bool = false
    ) {
        advance(.milliseconds(500))
        if generation > 1, let active, case .cluster(var cluster)? = store["cluster/cluster"] {
            cluster.say(active, reason: "it was looked at", isOld: isOld)
            store["cluster/cluster"] = .cluster(cluster)
        }
        let (machine, effects) = ControllerMachine.started(
            settings: settings ?? machine.settings,
            records: store.values,
            generation: generation,
            lastEventSequence: events.last?.sequence ?? 0,
            revision: revision,
            seed: 2,
            at: now
        )
        self.machine = machine
        isDead = false
        keep(effects)
    }

    // MARK: People

    @discardableResult
    mutating func ask(
        _ verb: Command.Verb,
        by caller: Caller = Stage.admin,
        reason: String = "because",
        force: Bool = false
    ) -> Reply.Outcome {
        lastRequest += 1
        let count = replies.count
        let command = Command(verb, reason: reason, force: force)
        step(.command(RequestID(lastRequest), caller, command))
        precondition(replies.count == count + 1, "a command has one answer")
        return replies[count]
    }

    mutating func seed() -> TokenSeed {
        lastToken += 1
        return TokenSeed(id: JoinTokenID("t-\(lastToken)")!, secretHash: "hash-\(lastToken)")
    }

    // MARK: Nodes

    mutating func connect(_ peer: Peer) -> ConnectionID {
        lastConnection += 1
        let connection = ConnectionID(lastConnection)
        step(.connected(connection, peer, address: "192.0.2.\(lastConnection % 250)"))
        return connection
    }

    mutating func say(_ message: AgentMessage, on connection: ConnectionID) {
        lastFresh += 1
        step(.received(connection, message, fresh: "fresh-\(lastFresh)"))
    }

    /// Enrols by a token with a key of its own.
    mutating func enrol(
        _ token: TokenSeed,
        name: NodeName? = nil,
        key: String,
        secretHash: String? = nil
    ) {
        let connection = connect(.stranger)
        say(.hello(Hello(speaker: .stranger)), on: connection)
        lastFresh += 1
        let purpose = SigningRequest.Purpose.enrolNode(
            token: token.id,
            secretHash: secretHash ?? token.secretHash,
            name: name,
            fresh: NodeID("id-\(lastFresh)")!
        )
        let request = SigningRequest(purpose: purpose, key: KeyFingerprint(key))
        step(.signingRequested(connection, request))
    }

    /// A node that has joined and not connected yet.
    @discardableResult
    mutating func join(_ name: NodeName, site: SiteName? = nil) -> NodeID {
        let token = seed()
        ask(.createToken(token, site: site, node: nil))
        enrol(token, name: name, key: "key-\(name)")
        return machine.member(named: name)!.record.id
    }

    mutating func hello(
        _ name: NodeName,
        nonce: String? = nil,
        incarnation: UInt64 = 1,
        boot: String = "boot",
        highest: FencingToken = .zero,
        revision: UInt64? = nil,
        versionMax: UInt16 = WireLimits.versions.upperBound
    ) -> ConnectionID {
        let record = machine.member(named: name)!.record
        let connection = connect(.node(record.id, key: KeyFingerprint("key-\(name)")))
        let hello = Hello(
            speaker: .agent,
            versionMax: versionMax,
            incarnation: incarnation,
            nonce: nonce ?? record.nonce,
            bootID: boot,
            machineID: "machine-\(name)",
            highest: highest,
            revision: revision
        )
        say(.hello(hello), on: connection)
        return connection
    }

    /// HELLO, READY, the services, SYNCED.
    @discardableResult
    mutating func attach(
        _ name: NodeName,
        _ services: [ServiceReport] = [],
        handlers: [HandlerReport] = [],
        holding: [(TaskAttempt, HoldingPhase)] = [],
        incarnation: UInt64 = 1,
        versionMax: UInt16 = WireLimits.versions.upperBound
    ) -> ConnectionID {
        let connection = hello(name, incarnation: incarnation, versionMax: versionMax)
        say(.ready(nonce: machine.member(named: name)!.record.nonce), on: connection)
        for service in services { say(.service(service), on: connection) }
        for handler in handlers { say(.work(.handler(handler)), on: connection) }
        for (attempt, phase) in holding {
            say(.work(.holding(attempt, phase: phase)), on: connection)
        }
        say(
            .synced(
                services: UInt32(services.count),
                handlers: UInt32(handlers.count),
                attempts: UInt32(holding.count)
            ),
            on: connection
        )
        beat(connection)
        return connection
    }

    /// Joined, synced, its preflight passed.
    @discardableResult
    mutating func online(
        _ name: NodeName,
        _ services: [ServiceReport] = [],
        handlers: [HandlerReport] = [],
        site: SiteName? = nil
    ) -> ConnectionID {
        join(name, site: site)
        let connection = attach(name, services, handlers: handlers)
        for order in openOrders(of: name) where order.action == .preflight {
            say(.done(order: order.id), on: connection)
        }
        return connection
    }

    mutating func beat(
        _ connection: ConnectionID,
        floor: FencingToken? = nil,
        exclusiveFloor: FencingToken? = nil
    ) {
        let sequence = (beats[connection.number] ?? 0) + 1
        beats[connection.number] = sequence
        say(
            .beat(
                Beat(
                    sequence: sequence,
                    sent: Int64(sequence),
                    wall: now.wall,
                    health: .healthy,
                    floor: floor,
                    exclusiveFloor: exclusiveFloor,
                    roundTripMicroseconds: 1_000
                )
            ),
            on: connection
        )
    }

    mutating func live(_ connections: [ConnectionID], for seconds: Int) {
        for _ in 0..<seconds {
            pass(.seconds(1))
            for connection in connections { beat(connection) }
        }
    }

    // MARK: Looking

    func status(_ name: NodeName) -> NodeStatus? { machine.member(named: name)?.record.status }
    func reason(_ name: NodeName) -> String {
        machine.member(named: name)?.record.statusReason ?? "unknown"
    }

    func openOrders(of name: NodeName) -> [Order] {
        let id = machine.member(named: name)?.record.id
        return machine.orders.values.filter { $0.node == id && !$0.isEnded }
    }

    func verbs(_ connection: ConnectionID) -> [String] {
        sent.filter { $0.connection == connection }.map { $0.message.line.verb }
    }

    func told(_ kind: EventKind) -> Int { events.filter { $0.kind == kind }.count }

    var lastRefusal: RefusalCode? {
        if case .refused(let refused)? = replies.last { refused.code } else { nil }
    }

    /// What every store must hold of this machine.
    var records: [Record] {
        var records: [Record] = [.cluster(machine.cluster)]
        records += machine.sites.values.map { .site($0) }
        records += machine.nodes.values.map { .node($0.record) }
        records += machine.tokens.values.map { .token($0) }
        records += machine.operators.values.map { .operatorAccount($0) }
        records += machine.settingRecords.values.map { .setting($0) }
        records += machine.runs.plans.values.map { .plan($0) }
        for run in machine.runs.runs.values {
            records.append(.run(run))
            let steps = machine.runs.steps(of: run.id)
            records += steps.map { .runStep($0) }
            records += steps.flatMap { machine.runs.deeds(of: $0).map { .runDeed($0) } }
            records += machine.runs.fences(of: run.id).map { .fence($0) }
        }
        for entry in machine.replication.entries.values {
            records.append(.dataSet(entry.record))
            records += entry.forks.map { .fork($0) }
            records += entry.divergences.values.map { .divergence($0) }
        }
        records += machine.work.lossRecords.map { .loss($0) }
        return records + machine.notify.records
    }
}

extension ServiceReport {
    static func plain(
        _ name: ServiceName,
        _ state: ServiceState = .stopped,
        order: UInt16 = 0,
        isWanted: Bool = false,
        isSelfFenced: Bool = false,
        isDrainable: Bool = false
    ) -> ServiceReport {
        ServiceReport(
            name: name,
            order: order,
            isSelfFenced: isSelfFenced,
            isDrainable: isDrainable,
            state: state,
            isWanted: isWanted
        )
    }
}
