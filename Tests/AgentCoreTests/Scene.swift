import AgentCore
import Model
import Protocol
import Testing

/// One agent's machine on a stage: a clock, a disk that keeps what it is given, and leashes that do
/// what they are told only when a test says so.
struct Scene {
    static let identity = NodeIdentity(
        cluster: "c-1",
        node: "n-1",
        name: "node-1",
        site: "berlin"
    )
    static let facts = Facts(
        operatingSystem: "debian",
        operatingSystemVersion: "12",
        kernel: "6.1",
        architecture: "x86_64",
        hostname: "node-1",
        installPath: "/usr",
        agentVersion: "1.0.0",
        cgroups: true
    )
    static let base = FencingToken(epoch: Epoch(generation: 1, counter: 1), session: 1)

    var machine: AgentMachine
    var now = Instant(nanoseconds: 1_000_000_000_000)
    /// What the disk holds.
    var disk = AgentMemory()
    var journal: [String] = []
    var spool: OrderedTable<UInt64, SpooledTask> = OrderedTable()
    /// Of the protocol, as a controller chooses it.
    var version: UInt16 = 1
    var handlers: [HandlerDefinition]
    /// Looks at compared sets that were asked for and are not answered.
    var looks: [(set: ComparedSet, number: UInt64)] = []
    var link: UInt64 = 0
    var isDialling = false
    var token = Scene.base
    /// Of the controller's store, as it tells it.
    var revision: UInt64?
    var lastHello: Hello?
    var lastBeat = Beat(sequence: 0, sent: 0, wall: WallTime(milliseconds: 0), health: .healthy)

    init(
        _ services: [ServiceDefinition] = [],
        handlers: [HandlerDefinition] = [],
        memory: AgentMemory = AgentMemory(),
        journal: [String] = [],
        spool: OrderedTable<UInt64, SpooledTask> = OrderedTable(),
        identity: NodeIdentity? = Scene.identity,
        controllers: Int = 1,
        sharedPaths: [String] = [],
        sets: [ComparedSet] = [],
        seed: UInt64 = 1
    ) {
        disk = memory
        self.journal = journal
        self.spool = spool
        self.handlers = handlers
        let configuration = AgentConfiguration(
            identity: identity,
            controllers: controllers,
            services: services,
            handlers: handlers,
            sharedPaths: sharedPaths,
            sets: sets,
            facts: Scene.facts
        )
        machine = AgentMachine(
            configuration: configuration,
            memory: memory,
            journal: Scene.read(journal),
            spool: spool.values,
            seed: seed,
            at: now
        )
    }

    /// As the agent makes it for a program that gives none.
    static func madeKey(_ number: Int, incarnation: Int = 1, seed: UInt64 = 1) -> String {
        "n-1.\(incarnation).x000000000000000\(seed).\(number)"
    }

    static func read(_ lines: [String]) -> TaskJournal {
        do throws(AgentMemoryError) {
            return try TaskJournal(lines: lines)
        } catch {
            Issue.record("the journal is not read back: line \(error.line), \(error.sentence)")
            return TaskJournal()
        }
    }

    /// One step; what it asks to persist does not become durable.
    mutating func step(_ event: AgentEvent) -> AgentEffects {
        let effects = machine.step(event, at: now)
        for case .dial(let id, _) in effects.connection {
            link = id
            isDialling = true
        }
        if case .connected = event { isDialling = false }
        for case .beat(let beat) in effects.sends { lastBeat = beat }
        for case .hello(let hello) in effects.sends { lastHello = hello }
        for number in effects.unspool { spool[number] = nil }
        for case .look(let set, let number) in effects.comparing { looks.append((set, number)) }
        return effects
    }

    /// A step on a disk that answers at once: the effects of both steps.
    @discardableResult
    mutating func run(_ event: AgentEvent) -> AgentEffects {
        var effects = step(event)
        while let answer = write(&effects) { effects.add(step(answer)) }
        return effects
    }

    /// Does the first of what a step asks of the disk, and says so.
    private mutating func write(_ effects: inout AgentEffects) -> AgentEvent? {
        if let request = effects.persist {
            disk = request.memory
            effects.persist = nil
            return .persisted(upTo: request.revision)
        }
        if let write = effects.taskJournal ?? effects.taskJournalRewrite {
            keep(effects)
            effects.taskJournal = nil
            effects.taskJournalRewrite = nil
            return .taskJournaled(upTo: write.sequence)
        }
        guard !effects.spool.isEmpty else { return nil }
        let task = effects.spool.removeFirst()
        spool[task.number] = task
        return .spooled(task.number)
    }

    /// What a step asks of the journal is on the disk now.
    mutating func keep(_ effects: AgentEffects) {
        if let write = effects.taskJournalRewrite { journal = write.entries.map(\.line) }
        if let write = effects.taskJournal { journal += write.entries.map(\.line) }
    }

    /// Lets time pass, stepping at every deadline on the way.
    @discardableResult
    mutating func pass(_ duration: Duration) -> AgentEffects {
        var effects = AgentEffects()
        let end = now + duration
        while let deadline = machine.nextDeadline, deadline <= end {
            now = max(now, deadline)
            effects.add(run(.deadlineReached(wall: WallTime(milliseconds: 0))))
        }
        now = end
        return effects
    }

    @discardableResult
    mutating func receive(_ message: ControllerMessage) -> AgentEffects {
        run(.received(link: link, message))
    }

    @discardableResult
    mutating func report(_ service: ServiceName, _ news: LeashNews) -> AgentEffects {
        run(.leash(launch(of: service), news))
    }

    func launch(of service: ServiceName) -> LaunchID {
        machine.heldLaunches.first { $0.launch.service == service }?.launch
            ?? LaunchID(service: service, number: 0)
    }

    func service(_ service: ServiceName) -> ServiceReport? {
        machine.serviceReports(at: now).first { $0.name == service }
    }

    func state(_ service: ServiceName) -> ServiceState? {
        machine.serviceReports(at: now).first { $0.name == service }?.state
    }

    func detail(_ service: ServiceName) -> String {
        machine.serviceReports(at: now).first { $0.name == service }?.detail ?? "(none)"
    }

    func welcome(_ role: SiteRole = .active, token: FencingToken? = nil) -> Welcome {
        Welcome(
            version: version,
            cluster: Scene.identity.cluster,
            node: Scene.identity.node,
            name: Scene.identity.name,
            site: Scene.identity.site,
            role: role,
            token: token ?? self.token,
            nonce: "nonce-\(link)",
            heartbeatInterval: .seconds(1),
            loadInterval: .seconds(10),
            spread: .seconds(2),
            wall: WallTime(milliseconds: 0),
            revision: revision
        )
    }

    /// Starts, dials, and is welcomed.
    @discardableResult
    mutating func join(
        _ role: SiteRole = .active,
        adopting leashes: [AdoptedLeash] = [],
        tasks: [TaskAttempt] = []
    ) -> AgentEffects {
        run(.started(leashes, tasks: tasks))
        run(.sampled(Load(), disks: []))
        return rejoin(role)
    }

    @discardableResult
    mutating func rejoin(_ role: SiteRole = .active, token: FencingToken? = nil) -> AgentEffects {
        while !isDialling { pass(.milliseconds(100)) }
        run(.connected(link: link))
        if let token { self.token = token }
        return receive(.welcome(welcome(role)))
    }

    /// The answer to the last heartbeat.
    @discardableResult
    mutating func grantLease(
        _ length: Duration = .seconds(12),
        watched: [WatchedAttempt] = []
    ) -> AgentEffects {
        receive(
            .lease(
                Lease(
                    sequence: lastBeat.sequence,
                    sent: lastBeat.sent,
                    incarnation: machine.incarnation,
                    length: length,
                    token: token,
                    watched: watched,
                    revision: revision
                )
            )
        )
    }

    /// Heartbeats, each answered with a lease, for so long.
    @discardableResult
    mutating func live(_ duration: Duration, leased: Bool = true) -> AgentEffects {
        var effects = AgentEffects()
        let end = now + duration
        while now < end {
            let before = lastBeat.sequence
            effects.add(pass(min(.milliseconds(100), end - now)))
            guard lastBeat.sequence != before else { continue }
            if leased {
                effects.add(grantLease())
            } else {
                effects.add(receive(.alive(sequence: lastBeat.sequence, sent: lastBeat.sent)))
            }
        }
        return effects
    }

    func order(_ number: UInt64, _ service: ServiceName, token: FencingToken? = nil) -> ServiceOrder
    {
        ServiceOrder(order: number, token: token ?? self.token, service: service)
    }

    /// Told to start, and its process runs.
    @discardableResult
    mutating func start(_ service: ServiceName, order number: UInt64) -> AgentEffects {
        var effects = receive(.start(order(number, service)))
        effects.add(report(service, .started(processID: 4_000 + UInt32(number))))
        return effects
    }

    /// Ends the process of the machine, keeps the disk, and makes a new one.
    mutating func restart(_ services: [ServiceDefinition] = []) {
        let clock = now
        let token = token
        let version = version
        self = Scene(
            services,
            handlers: handlers,
            memory: disk,
            journal: journal,
            spool: spool,
            seed: 2
        )
        now = clock
        self.token = token
        self.version = version
    }
}

extension AgentEffects {
    mutating func add(_ other: AgentEffects) {
        persist = other.persist ?? persist
        taskJournal = other.taskJournal ?? taskJournal
        taskJournalRewrite = other.taskJournalRewrite ?? taskJournalRewrite
        spool += other.spool
        unspool += other.unspool
        tasks += other.tasks
        workers += other.workers
        submissionAnswers += other.submissionAnswers
        leashes += other.leashes
        sends += other.sends
        connection += other.connection
        checks += other.checks
        preflight += other.preflight
        comparing += other.comparing
        dataRuns += other.dataRuns
        wantsSample = wantsSample || other.wantsSample
        renewal = other.renewal ?? renewal
        notices += other.notices
        mayExit = mayExit || other.mayExit
    }

    var verbs: [String] { sends.map { $0.line.verb } }

    var launched: [ServiceName] {
        leashes.compactMap { if case .launch(let id, _) = $0 { id.service } else { nil } }
    }

    var stopped: [ServiceName] {
        leashes.compactMap { if case .stop(let id, _) = $0 { id.service } else { nil } }
    }

    var dialled: [Int] {
        connection.compactMap { if case .dial(_, let index) = $0 { index } else { nil } }
    }

    var noted: [AgentNote] {
        sends.compactMap { if case .note(let note, _) = $0 { note } else { nil } }
    }

    /// Answers to orders.
    var answers: [AgentMessage] {
        sends.filter {
            switch $0 {
            case .done, .failed, .refused: true
            default: false
            }
        }
    }

    var refusals: [RefusalCode] {
        sends.compactMap { if case .refused(_, let code, _) = $0 { code } else { nil } }
    }

    /// The last state told of each service.
    func told(_ service: ServiceName) -> ServiceState? {
        sends.compactMap { message -> ServiceState? in
            if case .service(let report) = message, report.name == service {
                report.state
            } else {
                nil
            }
        }.last
    }
}

extension ServiceDefinition {
    static func plain(
        _ name: ServiceName,
        order: UInt16 = 0,
        kind: Kind = .exclusive,
        isRequired: Bool = true,
        isSelfFenced: Bool = false,
        restart: RestartPolicy = RestartPolicy(),
        checks: [CheckDefinition] = []
    ) -> ServiceDefinition {
        ServiceDefinition(
            name: name,
            program: .command(start: ["/bin/\(name)"], stop: nil),
            kind: kind,
            order: order,
            isRequired: isRequired,
            isSelfFenced: isSelfFenced,
            restart: restart,
            checks: checks
        )
    }
}
