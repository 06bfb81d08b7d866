import AgentCore
import CHost
import Glibc
import Host
import Logging
import Model
import Protocol
import Transport

/// The agent's one consumer: a thread that steps the machine and does what it says.
///
/// It waits in one `poll` for the bell of the inbox, the machine's deadline on CLOCK_BOOTTIME, and
/// the leashes. After a freeze the deadline comes first; the machine looks at its lease before
/// anything else in every step.
final class Driver {
    /// How long the goodbye may take.
    static let farewellTimeout: Duration = .seconds(1)

    var machine: AgentMachine
    var configuration: NodeConfiguration
    let configurationPath: String
    let state: StateFolder
    let inbox: DriverInbox
    let link: ControllerLink
    let leashes: LeashKeeper
    let units: UnitKeeper
    let tasks: TaskKeeper
    let persister: Persister
    let journal: TaskJournalWriter
    let spool: SpoolWriter
    let submissions: SubmitServer?
    /// Nil where nobody may look.
    let meters: AgentMeters?
    private let observers: ObserveServer?
    let samples: SampleWorker
    let renewal: RenewalWorker
    let comparing: ComparingKeeper
    let checks = CheckRunner()
    var preflight: Preflight
    let log: Logger
    private let timer: Descriptor
    /// News of leashes that came out of a command, to be stepped after the effects are done.
    var pendingNews: [LeashKeeper.News] = []
    /// The same of tasks.
    var pendingEvents: [AgentEvent] = []
    var isOver = false
    private var farewellBy: Instant?
    private var watchdogAt: Instant?
    private let watchdogInterval: Duration?

    init(
        machine: AgentMachine,
        configuration: NodeConfiguration,
        configurationPath: String,
        state: StateFolder,
        cluster: ClusterID?,
        values: NodeValues,
        endpoints: [Endpoint],
        leashes: LeashKeeper,
        tasks: TaskKeeper,
        journal: sending TaskJournalFile,
        spool: SpoolFolder,
        log: Logger
    ) throws {
        self.machine = machine
        self.configuration = configuration
        self.configurationPath = configurationPath
        self.state = state
        self.leashes = leashes
        self.tasks = tasks
        self.log = log
        inbox = try DriverInbox()
        let meters = configuration.observe.isOff ? nil : AgentMeters(version: AgentProgram.version)
        self.meters = meters
        observers = try meters.map { meters throws(HostError) in
            try ObserveServer(configuration.observe, meters, log: log)
        }
        self.journal = TaskJournalWriter(journal, inbox: inbox, writes: meters?.journalWrites)
        self.spool = SpoolWriter(spool, inbox: inbox)
        submissions = try Self.submissions(configuration, inbox, log)
        units = try UnitKeeper(runFolder: configuration.runDirectory, inbox: inbox)
        link = ControllerLink(inbox: inbox, state: state, cluster: cluster, endpoints: endpoints)
        persister = Persister(state: state, inbox: inbox)
        samples = SampleWorker(disks: configuration.load.disks, inbox: inbox)
        renewal = RenewalWorker(state: state, inbox: inbox)
        comparing = ComparingKeeper(values: values, inbox: inbox)
        preflight = Preflight(configuration)
        watchdogInterval = ServiceManager.watchdogInterval
        let number = muster_timer_create()
        guard number >= 0 else { throw HostError("make a timer", code: errno) }
        timer = Descriptor(owning: number)
        guard persister.begin(), samples.begin(), comparing.begin(), self.journal.begin(),
            self.spool.begin(),
            submissions?.begin() ?? true, observers?.begin() ?? true
        else {
            throw HostError("start threads", code: EAGAIN)
        }
        try Signals.watch([Signals.terminate, Signals.interrupt, Signals.hangUp]) {
            [inbox] signal in
            inbox.put(signal == Signals.hangUp ? .reload : .event(.stopping(.stopping)))
        }
    }

    private static func submissions(
        _ configuration: NodeConfiguration,
        _ inbox: DriverInbox,
        _ log: Logger
    ) throws(HostError) -> SubmitServer? {
        guard let path = configuration.submitSocket else { return nil }
        return try SubmitServer(configuration.submit, path: path, inbox: inbox, log: log)
    }

    /// Runs until it is told to stop.
    ///
    /// - Returns: the exit status.
    func run() -> Int32 {
        let found = leashes.adopt(at: BootClock.now())
        let attempts = tasks.adopt(at: BootClock.now())
        step(
            .started(
                found.adopted + units.adopt(),
                tasks: attempts.leftovers,
                hasWorkers: attempts.hasWorkers
            )
        )
        pendingNews += found.news
        pendingEvents += attempts.events
        if let life = state.certificateLife(at: WallClock.now()) {
            step(.certificateMeasured(remaining: life.remaining, life: life.life))
        }
        notify("READY=1")
        watchdogAt = watchdogInterval.map { BootClock.now() + $0 }
        while true {
            drain()
            if isOver || (farewellBy.map { $0 <= BootClock.now() } ?? false) {
                return ExitCode.done
            }
            wait()
        }
    }

    /// Everything that is due or has been told.
    private func drain() {
        let now = BootClock.now()
        if let deadline = machine.nextDeadline, deadline <= now {
            step(.deadlineReached(wall: WallClock.now()))
        }
        for message in inbox.take() { handle(message) }
        if let look = leashes.nextDeadline, look <= now { pendingNews += leashes.look(at: now) }
        if let look = tasks.nextDeadline, look <= now { pendingEvents += tasks.look(at: now) }
        if tasks.hasQueued { pendingEvents += tasks.launchSome(at: now) }
        while !pendingNews.isEmpty {
            let news = pendingNews.removeFirst()
            step(.leash(news.launch, news.news))
        }
        while !pendingEvents.isEmpty {
            let events = pendingEvents
            pendingEvents = []
            for event in events { step(event) }
        }
        if let watchdogAt, watchdogAt <= now, let watchdogInterval {
            notify("WATCHDOG=1")
            self.watchdogAt = now + watchdogInterval
        }
    }

    private func wait() {
        let deadlines = [
            machine.nextDeadline, leashes.nextDeadline, tasks.nextDeadline, farewellBy, watchdogAt,
        ]
        let next = deadlines.compactMap { $0 }.min()
        _ = muster_timer_arm(timer.number, next.map { max(1, $0.nanoseconds) } ?? 0)
        let watched = leashes.watched
        var wanted = [
            pollfd(fd: inbox.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: timer.number, events: Int16(POLLIN), revents: 0),
            pollfd(fd: tasks.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        let others = wanted.count
        wanted += watched.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        // What is still to be launched waits for nothing but its turn.
        guard poll(&wanted, nfds_t(wanted.count), tasks.hasQueued ? 0 : -1) > 0 else { return }
        // After a freeze the machine must see the time before it sees what came meanwhile.
        let now = BootClock.now()
        if let deadline = machine.nextDeadline, deadline <= now {
            step(.deadlineReached(wall: WallClock.now()))
        }
        for (index, (_, launch)) in watched.enumerated() where wanted[index + others].revents != 0 {
            pendingNews += leashes.read(launch, at: now)
        }
        if wanted[2].revents != 0 { pendingEvents += tasks.read(at: now) }
    }

    func step(_ event: AgentEvent) {
        let now = BootClock.now()
        let effects = machine.step(event, at: now)
        meters?.note(machine, effects, at: now)
        perform(effects)
    }

    private func handle(_ message: DriverMessage) {
        switch message {
        case .event(let event):
            if case .leash(let launch, .emptied) = event { units.forget(launch) }
            if case .leash(let launch, .notStarted) = event { units.forget(launch) }
            step(event)
        case .line(let event, let link):
            step(event)
            self.link.taken(1, on: link)
        case .linkEnded(let link):
            if farewellBy != nil, link == self.link.link { isOver = true }
        case .reload: reload()
        case .reloaded(let configuration):
            self.configuration.services = configuration.services
            self.configuration.handlers = configuration.handlers
            self.configuration.dataSets = configuration.dataSets
            self.configuration.preflight = configuration.preflight
            self.configuration.sets = configuration.sets
            preflight = Preflight(configuration)
            tasks.define(configuration.handlers)
            step(
                .reconfigured(
                    configuration.services,
                    sharedPaths: configuration.preflight.sharedPaths,
                    handlers: configuration.handlers,
                    sets: configuration.sets,
                    dataSets: configuration.dataSets
                )
            )
        }
    }

    /// Reads the files on another thread: a folder may be on a file system that hangs.
    private func reload() {
        let path = configurationPath
        let inbox = inbox
        let hasBegun = startThread {
            do throws(ConfigurationErrors) {
                inbox.put(.reloaded(try ConfigurationLoader.load(path)))
            } catch {
                let reasons = error.errors.map(\.description).joined(separator: "; ")
                inbox.put(.misconfigured(reason: reasons))
            }
        }
        if !hasBegun { step(.misconfigured(reason: "no room for a thread to read it")) }
    }

    /// Says goodbye and waits a moment for it to be written.
    func leave() {
        notify("STOPPING=1")
        farewellBy = BootClock.now() + Self.farewellTimeout
        if link.link == 0 { isOver = true }
    }

    private func notify(_ state: String) {
        do throws(HostError) {
            try ServiceManager.notify(state)
        } catch {
            log.warning("the service manager cannot be told", metadata: ["error": "\(error)"])
        }
    }
}
