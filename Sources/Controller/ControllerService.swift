import CHost
import ControllerCore
import Glibc
import Host
import Identity
import Logging
import Model
import NIOCore
import NIOPosix
import Protocol
import Store
import Synchronization
import Transport

/// The running controller: opens the store, starts the driver, the agents' door and the console's
/// interface, and stops them in the reverse order.
struct ControllerService {
    let configuration: ControllerConfiguration
    let configurationPath: String

    private static let exitUnknownOutcome: Int32 = 70

    func run() async throws {
        umask(0o077)
        // Nothing of this process may be left in a file when it crashes: it holds private keys.
        _ = muster_set_dumpable(false)
        let log = ProgramLog.start(configuration)
        DescriptorLimit.raise(
            for: configuration.transport.membersMax + 2 * configuration.transport.strangersMax,
            log: log
        )
        let store = try SQLiteStore.open(
            directory: configuration.storeDirectory,
            machine: .ofThisMachine(),
            options: configuration.storeOptions
        )
        defer { store.close() }
        let contents = try JournalWriter.load(store)
        let ages = AgeClock(
            since: DriverLoop.moment(),
            lastSeen: try store.latestEvents(limit: 1, matching: .any).last?.wall
        )
        let office = try CertificateOffice(
            directory: CredentialDirectory(path: configuration.authorityDirectory),
            lifetimes: configuration.certificates
        )
        guard office.cluster == contents.cluster else {
            throw Failure(
                "the store is of cluster \(contents.cluster), the identity of \(office.cluster)",
                hint: "restore both from the same backup",
                code: 3
            )
        }
        let options = configuration.storeOptions
        let onlyOne = try takeMachineWide(contents.cluster)
        defer { withExtendedLifetime(onlyOne) {} }
        let driver = try Driver(
            store: store,
            reserve: Driver.Reserve(
                release: { store.releaseReserve() },
                regain: { store.regainReserve(options) }
            ),
            log: log
        )
        let door = AgentDoor(office: office, driver: driver, log: log)
        let (machine, first) = ControllerMachine.started(
            settings: configuration.machine,
            records: try JournalWriter.records(of: contents),
            generation: UInt16(clamping: contents.generation),
            lastEventSequence: contents.lastEvent,
            revision: contents.revision,
            seed: RandomBytes.seed(),
            at: DriverLoop.moment()
        )
        let hooks = try HookRunner(configuration.hooks, log: log) { id, isDone, text in
            driver.put(.hookEnded(id, isDone: isDone, text: text))
        }
        let notifier = try Notifier(
            configuration.notify,
            cluster: machine.cluster.name
        ) { delivery, outcome, took in
            driver.put(.delivered(delivery.number, attempt: delivery.attempt, outcome))
            driver.meters.notified(delivery.destination, outcome, took: took)
        }
        let exports = try startExports(driver, store, machine.cluster.name, contents.lastEvent, log)
        defer { for export in exports { export.stop() } }
        driver.start(
            machine: machine,
            first: first,
            outlets: outlets(door, office, hooks, notifier, log)
        )
        // After the driver has stopped: an end that we bring about ourselves is no failure of a step.
        defer {
            notifier.stop()
            hooks.stop()
        }
        try await serve(driver, door, office, store, notifier, ages, log)
    }

    private func startExports(
        _ driver: Driver,
        _ store: SQLiteStore,
        _ cluster: String,
        _ lastEvent: UInt64,
        _ log: Logger
    ) throws -> [EventExport] {
        let sinks = configuration.eventsExport.sinks(
            cluster: cluster,
            host: ControllerConfiguration.hostname
        )
        return try sinks.map { sink in
            let export = try EventExport.make(
                to: sink,
                from: store,
                folder: configuration.stateDirectory + "/export",
                log: log
            )
            try export.start(behind: lastEvent)
            driver.feed.ring { export.ring() }
            return export
        }
    }

    /// The store's lock keeps a second controller from the same folder; this keeps one from a copy
    /// of it on the same machine. An abstract socket ends with its process.
    private func takeMachineWide(_ cluster: ClusterID) throws -> Descriptor {
        do throws(HostError) {
            return try UnixSocket.listen("@muster-controller-\(cluster)")
        } catch {
            throw Failure(
                "another controller of this cluster runs on this machine, on a copy of the store",
                hint: "stop one of them: pgrep -af muster-controller",
                code: 3
            )
        }
    }

    private func outlets(
        _ door: AgentDoor,
        _ office: CertificateOffice,
        _ hooks: HookRunner,
        _ notifier: Notifier,
        _ log: Logger
    ) -> Driver.Outlets {
        Driver.Outlets(
            certify: { office.certify($0, log: log) },
            send: { door.send($0) },
            close: { door.close($0) },
            execute: { hooks.execute($0) },
            cancelHooks: { hooks.cancel($0) },
            deliver: { notifier.deliver($0) },
            taken: { door.taken($0) },
            fail: { error in
                // Whether the last decisions are durable is not known. Only a new start, which
                // reads what is there, can tell; nothing may be sent in between.
                log.critical(
                    "The outcome of a commit is unknown; the controller ends and must be restarted",
                    metadata: ["error": "\(error)"]
                )
                _exit(Self.exitUnknownOutcome)
            }
        )
    }

    private func serve(
        _ driver: Driver,
        _ door: AgentDoor,
        _ office: CertificateOffice,
        _ store: SQLiteStore,
        _ notifier: Notifier,
        _ ages: AgeClock,
        _ log: Logger
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let names = configuration.certificateNames
        let credential = try office.ownCredential(names: names)
        var transport = configuration.transport
        transport.onHandshake = { [meters = driver.meters] in meters.shookHands($0) }
        let agents = try await door.open(
            on: configuration.agentsListen,
            credential: credential,
            settings: transport,
            group: group
        )
        driver.meters.watch { agents.counters }
        let desk = MetricsDesk(driver: driver, store: store) { office.authorityNotAfter }
        let observers = ObserveServer(
            configuration.observeListen,
            driver: driver,
            desk: desk,
            log: log
        )
        driver.put(
            .certificateKnown(end: office.authorityNotAfter, life: office.authorityLife)
        )
        let zones = ZoneKeeper(driver: driver, log: log)
        await zones.loadAll()
        let stopping = Stopping()
        try Signals.watch([Signals.terminate, Signals.interrupt, Signals.hangUp]) { signal in
            guard signal == Signals.hangUp else { return stopping.stop() }
            checkConfiguration(log)
            Task { await zones.loadAll() }
        }
        let console = ConsoleServer(
            driver: driver,
            store: store,
            office: office,
            configuration: configuration,
            agentEndpoints: advertisedAgents(agents.endpoints),
            zones: zones,
            metrics: desk,
            log: log
        )
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                try await console.run(credential: credential, group: group) { endpoints in
                    announce(agents.endpoints, console: endpoints, log)
                }
            }
            if !configuration.observeListen.isEmpty {
                tasks.addTask { try await observers.run(group: group) }
            }
            tasks.addTask { try await keepCredential(credential, office, agents, console, log) }
            tasks.addTask { try await tidyEvents(store, ages) }
            tasks.addTask { try await watchSpace(driver, store) }
            tasks.addTask { try await zones.run() }
            tasks.addTask { try await tidyHistory(driver, store, ages, log) }
            tasks.addTask { try await reassureServiceManager(driver) }
            tasks.addTask { try await AuditCheckpoints(store, office, log).run() }
            tasks.addTask {
                await stopping.wait()
                throw CancellationError()
            }
            do {
                try await tasks.next()
            } catch is CancellationError {}
            tasks.cancelAll()
        }
        log.notice("The controller stops")
        _ = try? ServiceManager.notify("STOPPING=1")
        // While the driver still keeps what came of them: a mail that was taken, and whose answer is
        // lost, is sent again by the next controller. What is under way after that is attempted again
        // under the same identity, which is what that is for.
        notifier.settle()
        await driver.stop()
        await agents.shutdown()
        try? await group.shutdownGracefully()
    }

    private func advertisedAgents(_ bound: [Endpoint]) -> [Endpoint] {
        if !configuration.agentsAdvertise.isEmpty { return configuration.agentsAdvertise }
        return Array(
            Set(
                bound.map { endpoint in
                    Endpoint(
                        host: ControllerConfiguration.isWildcard(endpoint.host)
                            ? ControllerConfiguration.hostname : endpoint.host,
                        port: endpoint.port
                    )
                }
            )
        ).sorted { $0.description < $1.description }
    }

    private func announce(_ agents: [Endpoint], console: [Endpoint], _ log: Logger) {
        log.notice(
            "The controller is ready",
            metadata: [
                "agents": "\(agents.map(\.description).joined(separator: ", "))",
                "console": "\(console.map(\.description).joined(separator: ", "))",
                "version": "\(Build.version)",
            ]
        )
        _ = try? ServiceManager.notify("READY=1")
    }

    private func checkConfiguration(_ log: Logger) {
        do {
            _ = try ControllerConfiguration.read(path: configurationPath)
            log.notice("The configuration is fine; a restart takes it")
        } catch {
            log.error("The configuration is wrong", metadata: ["problems": "\(error)"])
        }
    }

    /// The controller's certificate is replaced before it ends, without dropping a session.
    private func keepCredential(
        _ first: Credential,
        _ office: CertificateOffice,
        _ agents: LineServer,
        _ console: ConsoleServer,
        _ log: Logger
    ) async throws {
        var credential = first
        while true {
            let wait = min(office.renewalDue(of: credential), .seconds(3_600))
            try await Task.sleep(for: wait)
            let next = try office.ownCredential(names: configuration.certificateNames)
            guard next.identity.serial != credential.identity.serial else { continue }
            try agents.use(AgentDoor.transport(next))
            try console.use(next)
            credential = next
            log.notice("The controller has a new certificate")
        }
    }

    /// The watchdog is fed by the thread that decides: a controller whose driver hangs is restarted.
    private func reassureServiceManager(_ driver: Driver) async throws {
        guard let interval = ServiceManager.watchdogInterval else {
            try await Task.sleep(for: .seconds(1 << 40))
            return
        }
        while true {
            await driver.read { _, _ in }
            _ = try? ServiceManager.notify("WATCHDOG=1")
            try await Task.sleep(for: .nanoseconds(interval.nanoseconds))
        }
    }

    /// A disk that fills up is told of before it is full.
    private func watchSpace(_ driver: Driver, _ store: SQLiteStore) async throws {
        while true {
            let space = store.space()
            if let free = space.free, let total = space.total {
                driver.put(.storeSpace(free: free, total: total))
            }
            try await Task.sleep(for: .seconds(60))
        }
    }

    /// Old events are removed in small portions, so that no commit waits for long.
    private func tidyEvents(_ store: SQLiteStore, _ ages: AgeClock) async throws {
        while true {
            try await Task.sleep(for: .seconds(60))
            let cutoff = ages.time(at: DriverLoop.moment()) + (.zero - configuration.eventsAge)
            while try store.pruneEvents(
                keeping: configuration.eventsKept,
                olderThan: cutoff,
                batch: 500
            ) == 500 {
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }
}

extension ControllerService {
    /// The history of tasks is kept for as long as the settings say.
    private func tidyHistory(
        _ driver: Driver,
        _ store: SQLiteStore,
        _ ages: AgeClock,
        _ log: Logger
    ) async throws {
        var janitor = HistoryJanitor(store: store)
        while true {
            let (history, oldestRun) = await driver.read { machine, _ in
                (machine.work.rules.history, machine.runs.runs.keys.first)
            }
            var portion = HistoryJanitor.Portion(isLast: true)
            let now = ages.time(at: DriverLoop.moment())
            do throws(StoreError) {
                portion = try janitor.portion(history: history, now: now)
                if try !janitor.tidyLate(history: history, now: now) {
                    portion.isLast = false
                }
                if let oldestRun, try !janitor.tidyLedgers(before: oldestRun) {
                    portion.isLast = false
                }
            } catch {
                // What leaves the store in doubt ends the program by the next commit.
                log.error(
                    "The history of tasks cannot be tidied",
                    metadata: ["error": "\(error)"]
                )
            }
            try await Task.sleep(for: portion.isLast ? .seconds(60) : .milliseconds(50))
        }
    }
}

/// Tells once, to whoever waits, that the program is to stop.
final class Stopping: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream(of: Void.self)
    }

    func stop() { continuation.finish() }

    func wait() async {
        for await _ in stream {}
    }
}

extension ControllerConfiguration {
    static var hostname: String {
        (try? MachineIdentity.current().hostname) ?? "localhost"
    }

    static func isWildcard(_ host: String) -> Bool {
        host == "0.0.0.0" || host == "::" || host.isEmpty
    }

    /// Every name and address under which the controller is reached, for its certificate.
    var certificateNames: [String] {
        var names = (agentsAdvertise + consoleAdvertise).map(\.host)
        names += (agentsListen + consoleListen).map(\.host).filter { !Self.isWildcard($0) }
        names += [Self.hostname, "localhost", "127.0.0.1", "::1"]
        var unique: [String] = []
        for name in names where !unique.contains(name) { unique.append(name) }
        return unique
    }

    /// Where operators reach the console's interface.
    var consoleURLs: [String] {
        let endpoints =
            consoleAdvertise.isEmpty
            ? consoleListen.map {
                Endpoint(host: Self.isWildcard($0.host) ? Self.hostname : $0.host, port: $0.port)
            } : consoleAdvertise
        return endpoints.map { "https://\($0)" }
    }

    var storeOptions: StoreOptions {
        StoreOptions(allowNetworkFileSystem: allowNetworkFileSystem)
    }
}
