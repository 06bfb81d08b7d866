import AgentCore
import ControllerCore
import Model
import Protocol

/// One machine with an agent, its leashes and its disk.
final class AgentHost {
    unowned let world: World
    let index: Int
    let name: String
    let site: SiteName
    /// This machine runs on the copied state of another.
    let isClone: Bool
    var definitions: [ServiceDefinition]
    var clock: SimulatedClock
    var bootID = "boot-1"
    let process = SimulatedProcess()
    var isUp = true

    // The disk.
    var identity: NodeIdentity?
    var key: KeyFingerprint
    /// Lines of the state file; nil before the first.
    var disk: [String]?
    /// State files of earlier times, for restoring one.
    var backups: [Backup] = []

    struct Backup {
        var state: [String]
        var tasks: TaskDisk
    }

    // The process.
    var machine: AgentMachine?
    private(set) var startState: AgentMachine?
    private(set) var log: [(event: AgentEvent, at: Instant)] = []
    private var wakeNumber: UInt64 = 0
    var link: Connection?
    /// A WELCOME of this life has said which part the site has; the newest that was said.
    var wasTold = false
    var toldRole: SiteRole?
    var toldDrill: UInt64?
    /// The newest token that it was told together with its part, what may drain under that, and since
    /// when by real time.
    var toldToken = FencingToken.zero
    var toldDrains: FencingToken?
    var toldTokenAt: Int64 = 0
    private var queuedPersist: PersistRequest?
    private var writing: PersistRequest?
    var persistTimeMax: Int64 = 5 * millisecond
    var isDiskFull = false
    var nextKey: KeyFingerprint?

    // Leashes: AgentHost+Leashes.swift
    var leashes: [ServiceLeash] = []
    var processIDs: Int32 = 1_000

    // Tasks: AgentHost+Tasks.swift
    var handlers: [HandlerDefinition] = []
    var taskLeashes: [TaskLeash] = []
    /// Of programs that write canaries.
    var writerLeashes: [WriterLeash] = []
    /// Attempts of an earlier agent whose leashes the present one waits for.
    var leftovers: [TaskAttempt] = []
    var taskDisk = TaskDisk()

    // Enrolment: AgentHost+Enrolment.swift
    var joining: Joining?

    init(
        world: World,
        index: Int,
        site: SiteName,
        definitions: [ServiceDefinition],
        clock: SimulatedClock,
        key: KeyFingerprint,
        isClone: Bool = false
    ) {
        self.world = world
        self.index = index
        self.site = site
        self.definitions = definitions
        self.clock = clock
        self.key = key
        self.isClone = isClone
        name = isClone ? "clone-\(index)" : "node-\(index)"
    }

    /// One of the cluster's own machines.
    var isMeantToJoin: Bool { !isClone }

    var localNow: Instant { clock.local(world.now) }

    // MARK: Life

    func startAgent() {
        guard isUp, !process.isAlive, identity != nil else { return }
        var memory = AgentMemory()
        if let disk {
            do throws(AgentMemoryError) {
                memory = try AgentMemory(lines: disk)
            } catch {
                return world.fail("\(name): the state is not read back: \(error.sentence)")
            }
        }
        guard let journal = readJournal() else { return }
        let spool = readSpool()
        process.start()
        world.say(name, "agent starts, incarnation \(memory.incarnation + 1)")
        queuedPersist = nil
        writing = nil
        link = nil
        wasTold = false
        toldRole = nil
        toldDrill = nil
        toldToken = .zero
        toldDrains = nil
        nextKey = nil
        log = []
        machine = AgentMachine(
            configuration: configuration,
            memory: memory,
            journal: journal,
            spool: spool,
            seed: world.chance.next(),
            at: localNow
        )
        startState = machine
        world.checks.agentStarted(self)
        world.work?.clients.agentStarted(self)
        step(.started(adoptLeashes(), tasks: findLeftovers()))
        if world.plan.has(.renewal) {
            let life = Duration.seconds(90)
            step(.certificateMeasured(remaining: life, life: life))
        }
    }

    var dataSets: [DataSetDefinition] { world.data == nil ? [] : [DataWorld.definition] }

    private var configuration: AgentConfiguration {
        AgentConfiguration(
            identity: identity,
            controllers: 1,
            services: definitions,
            handlers: handlers,
            dataSets: dataSets,
            sharedPaths: ["/shared"],
            facts: Facts(
                operatingSystem: "debian",
                operatingSystemVersion: "12",
                kernel: "6.1",
                architecture: "x86_64",
                hostname: name,
                installPath: "/usr",
                agentVersion: "1.0.0",
                cgroups: true
            ),
            software: "muster-agent/1",
            bootID: bootID,
            machineID: "machine-\(index)",
            timing: Self.timing
        )
    }

    /// As in production, only that nobody is waited for so long.
    static var timing: AgentTiming {
        var timing = AgentTiming()
        timing.reconnectMax = .seconds(10)
        timing.refusedRetry = .seconds(15)
        return timing
    }

    /// The process is gone at once; its kernel closes what it had open.
    func crashAgent(isPowerLoss: Bool = false) {
        guard process.isAlive else { return }
        world.say(name, "agent is killed")
        if let writing, !isPowerLoss || world.happens(perMille: 500) {
            // The rename is done or not.
            if world.happens(perMille: 500) { keep(writing) }
        }
        endProcess(isPowerLoss: isPowerLoss)
    }

    func endProcess(isPowerLoss: Bool) {
        world.checks.compareReplay(of: self)
        process.end()
        machine = nil
        cutJournal()
        leashes.removeAll { !$0.hasBegun }
        taskLeashes.removeAll { !$0.hasBegun }
        writerLeashes.removeAll { !$0.hasBegun }
        leftovers = []
        if let link { close(link, tells: !isPowerLoss) }
        link = nil
        for leash in allLeashes { leash.disconnect() }
        world.work?.clients.agentEnded(self)
    }

    /// Power is lost and comes back: nothing runs, nothing is told to anybody.
    func reboot() {
        guard isUp else { return }
        world.say(name, "loses power")
        crashAgent(isPowerLoss: true)
        isUp = false
        for leash in allLeashes {
            leash.killOrphans()
            leash.process.end()
        }
        leashes = []
        taskLeashes = []
        writerLeashes = []
        for connection in world.connections where connection.host == index {
            connection.isOpenAtClient = false
            connection.toServer.packets = []
        }
        joining?.isWaiting = false
    }

    func boot() {
        guard !isUp else { return }
        isUp = true
        bootID = world.text("boot-")
        clock.offset = world.between(2_000, 9_000) * second
        resumeJoining()
        startAgent()
    }

    // MARK: Steps

    func run(_ action: @escaping (World) -> Void) {
        process.run(in: world, life: process.life, action)
    }

    func step(_ event: AgentEvent) {
        guard machine != nil else { return }
        let now = localNow
        log.append((event, now))
        guard let effects = machine?.step(event, at: now) else { return }
        world.checks.afterAgentStep(self, event, effects)
        perform(effects)
        arm()
    }

    private func arm() {
        wakeNumber += 1
        guard let deadline = machine?.nextDeadline else { return }
        let number = wakeNumber
        let life = process.life
        let time = max(clock.real(of: deadline), world.now) + world.timerDelay()
        world.at(time) { world in
            self.process.run(in: world, life: life) { world in
                guard self.wakeNumber == number else { return }
                self.step(.deadlineReached(wall: self.clock.wall(world.now)))
            }
        }
    }

    private func perform(_ effects: AgentEffects) {
        if let request = effects.persist { persist(request) }
        if let write = effects.taskJournal { self.write(write, replaces: false) }
        if let write = effects.taskJournalRewrite { self.write(write, replaces: true) }
        for task in effects.spool { keepSpooled(task) }
        for number in effects.unspool { removeSpooled(number) }
        for command in effects.leashes { obey(command) }
        for command in effects.tasks { obey(command) }
        for message in effects.sends { tell(message) }
        for command in effects.connection {
            switch command {
            case .dial(let id, _): dial(id)
            case .close(_, _):
                if let link { close(link, tells: true) }
                link = nil
            }
        }
        for answer in effects.submissionAnswers { self.answer(answer) }
        for check in effects.checks { answer(check) }
        for request in effects.preflight { answer(request) }
        for request in effects.dataRuns { world.data?.run(request, on: self) }
        if effects.wantsSample {
            let life = process.life
            world.after(world.between(0, 10 * millisecond)) { world in
                self.process.run(in: world, life: life) { _ in
                    var load = Load()
                    load.processors = 2
                    load.memoryTotal = 1 << 33
                    load.memoryAvailable = 1 << 32
                    if let work = world.work { load.loadAverage1 = work.someLoad() }
                    self.step(.sampled(load, disks: []))
                }
            }
        }
        switch effects.renewal {
        case .makeRequest:
            let key = KeyFingerprint(world.text("key-"))
            nextKey = key
            step(.renewal(.requested(signingRequest: key.text)))
        case .install: installCertificate()
        case nil: break
        }
        if effects.mayExit { leaveInOrder() }
    }

    private func installCertificate() {
        let life = process.life
        world.after(world.between(millisecond, persistTimeMax)) { world in
            self.process.run(in: world, life: life) { _ in
                guard let key = self.nextKey else { return }
                self.key = key
                self.step(.renewal(.installed))
                let life = Duration.seconds(90)
                self.step(.certificateMeasured(remaining: life, life: life))
            }
        }
    }

    private func leaveInOrder() {
        endProcess(isPowerLoss: false)
        world.after(world.between(100 * millisecond, 3 * second)) { _ in self.startAgent() }
    }

    // MARK: The disk

    private func persist(_ request: PersistRequest) {
        queuedPersist = request
        writeNext()
    }

    private func writeNext() {
        guard writing == nil, let request = queuedPersist else { return }
        queuedPersist = nil
        writing = request
        let life = process.life
        world.after(world.between(100_000, persistTimeMax)) { world in
            guard self.process.isAlive, self.process.life == life, self.writing != nil else {
                return
            }
            self.writing = nil
            let fails = self.isDiskFull
            if !fails { self.keep(request) }
            self.process.run(in: world, life: life) { _ in
                if fails {
                    self.step(.persistFailed(reason: "no space left on device"))
                } else {
                    self.step(.persisted(upTo: request.revision))
                }
                self.writeNext()
            }
        }
    }

    private func keep(_ request: PersistRequest) {
        world.checks.agentPersists(self, request.memory)
        if let disk, world.plan.has(.oldState), world.happens(perMille: 100) {
            backups.append(Backup(state: disk, tasks: taskDisk))
        }
        disk = request.memory.lines
    }

    // MARK: The link

    private func dial(_ id: UInt64) {
        guard let identity else { return }
        link = world.dial(
            index,
            client: .agent(link: id, life: process.life),
            peer: .node(identity.node, key: key)
        )
    }

    private func tell(_ message: AgentMessage) {
        guard let link, link.isOpenAtClient else { return }
        let bytes = message.line.bytes
        if case .beat(let beat) = message { link.beatsSent[beat.sequence] = world.now }
        world.checks.agentSends(self, message, bytes)
        world.send(.line(bytes), link, toServer: true)
    }

    func close(_ connection: Connection, tells: Bool) {
        guard connection.isOpenAtClient else { return }
        connection.isOpenAtClient = false
        if tells { world.send(.end(isReset: false), connection, toServer: true) }
    }

    func take(_ packet: Connection.Packet, _ connection: Connection) {
        guard isUp else { return }
        guard connection.isOpenAtClient else {
            if case .end = packet { return }
            return world.send(.end(isReset: true), connection, toServer: true)
        }
        switch connection.client {
        case .enroller(let attempt): heardByEnroller(packet, connection, attempt)
        case .agent(let id, let life):
            process.run(in: world, life: life) { _ in self.handle(packet, connection, id) }
        }
    }

    private func handle(_ packet: Connection.Packet, _ connection: Connection, _ id: UInt64) {
        guard connection.isOpenAtClient else { return }
        switch packet {
        case .open, .finished: break
        case .accepted:
            world.send(.finished, connection, toServer: true)
            step(.connected(link: id))
        case .line(let bytes):
            do {
                let line = try Line.parse(bytes.dropLast(), limits: .member)
                let message = try ControllerMessage(line)
                switch message {
                case .welcome(let welcome):
                    wasTold = true
                    toldRole = welcome.role
                    toldDrill = welcome.drill
                    isTold(welcome.token, drains: welcome.drains)
                case .role(let role, let token, let drill, let drains):
                    toldRole = role
                    toldDrill = drill
                    isTold(token, drains: drains)
                default: break
                }
                step(.received(link: id, message))
            } catch {
                world.fail("the controller's line cannot be read (\(error))")
            }
        case .end(let isReset):
            connection.isOpenAtClient = false
            if link === connection { link = nil }
            step(.disconnected(link: id, reason: isReset ? "reset" : "closed"))
        }
    }

    private func isTold(_ token: FencingToken, drains: FencingToken?) {
        guard token >= toldToken else { return }
        if token > toldToken || drains != toldDrains { toldTokenAt = world.now }
        toldToken = token
        toldDrains = drains
    }
}
