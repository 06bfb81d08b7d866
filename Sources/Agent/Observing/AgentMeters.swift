import AgentCore
import Host
import Meters
import Model
import Protocol
import Synchronization

/// What the agent counts and measures of itself, and what it tells load balancers.
///
/// The thread that decides writes; who answers monitoring reads, at any time.
final class AgentMeters: Sendable {
    /// Figures are taken no more often than this; what balancers are told is of every step.
    private static let figuresInterval: Duration = .milliseconds(250)

    private struct Latest {
        var traffic = Traffic.unknown
        var figures: AgentFigures?
        var takenAt: Instant?
        /// Starts of each service by itself, as they were counted last.
        var restarts: [ServiceName: UInt32] = [:]
    }

    let registry = Registry(prefix: "muster_agent")
    /// From the moment in which entries are taken until they are on the disk.
    let journalWrites: Histogram

    private let latest = Mutex(Latest())
    private let process: ProcessMeters
    private let beats: Counter
    private let connects: Counter
    private let restarts: Family<Counter>
    private let health: Family<Gauge>
    private let standing: Family<Gauge>
    private let isActive: Gauge
    private let isUp: Gauge
    private let weight: Gauge
    private let session: Gauge
    private let isWritable: Gauge
    private let lease: Gauge
    private let services: Family<Gauge>
    private let serviceUp: Family<Gauge>
    private let checks: Family<Gauge>
    private let leashes: Gauge
    private let tasks: Family<Gauge>
    private let slots: Gauge
    private let submissions: Family<Gauge>
    private let busy: Gauge
    private let memory: Gauge
    private let pressure: Family<Gauge>

    init(version: String) {
        registry.info("muster_agent_build_info", "The program.", ["version": version])
        health = registry.gauges(
            "muster_agent_health",
            "What the node says of itself: 1 for the one that holds, 0 for the others.",
            labels: ["health"]
        )
        isActive = registry.gauge(
            "muster_agent_site_active",
            "Whether the node's site is the active one, by the newest word of a controller."
        )
        standing = registry.gauges(
            "muster_agent_standing",
            "What keeps new work from the node: 1 for the one that holds, 0 for the others.",
            labels: ["standing"]
        )
        isUp = registry.gauge(
            "muster_agent_traffic_up",
            "Whether load balancers are told to send clients here."
        )
        weight = registry.gauge(
            "muster_agent_traffic_weight_ratio",
            "Share of a whole server's clients that load balancers are told to send.",
            scale: .thousandths
        )
        session = registry.gauge(
            "muster_agent_session_up",
            "Whether a session with a controller stands."
        )
        connects = registry.counter(
            "muster_agent_connects_total",
            "Connections to controllers that were tried."
        )
        beats = registry.counter(
            "muster_agent_heartbeats_sent_total",
            "Heartbeats that were sent."
        )
        lease = registry.gauge(
            "muster_agent_lease_remaining_seconds",
            "Time until the node's lease ends; 0 when it has none.",
            scale: .billionths
        )
        services = registry.gauges(
            "muster_agent_services",
            "Services of the node, by their state.",
            labels: ["state"]
        )
        serviceUp = registry.gauges(
            "muster_agent_service_up",
            "Whether a service is running.",
            labels: ["service"],
            fold: .least,
            seriesMax: WireLimits.servicesPerNodeMax
        )
        restarts = registry.counters(
            "muster_agent_service_restarts_total",
            "Times that a service was started again because it had ended or failed.",
            labels: ["service"],
            seriesMax: WireLimits.servicesPerNodeMax
        )
        checks = registry.gauges(
            "muster_agent_checks",
            "Health checks of services, by their state.",
            labels: ["state"]
        )
        leashes = registry.gauge(
            "muster_agent_leashes",
            "Services and tasks that may have a process, each under a leash of its own."
        )
        tasks = registry.gauges(
            "muster_agent_tasks",
            "Tasks that the node has: waiting for a slot, running, or ended and not taken yet.",
            labels: ["state"]
        )
        slots = registry.gauge(
            "muster_agent_task_slots",
            "Tasks that may run at once, of all handlers."
        )
        submissions = registry.gauges(
            "muster_agent_submissions",
            "Tasks of programs of this node: waiting for a controller's answer, or kept here.",
            labels: ["state"]
        )
        isWritable = registry.gauge(
            "muster_agent_state_writable",
            "Whether the agent can write its state and its journal."
        )
        journalWrites = registry.histogram(
            "muster_agent_journal_write_seconds",
            "From taking entries of the journal of tasks until they are on the disk.",
            .quick
        )
        busy = registry.gauge(
            "muster_agent_processor_busy_ratio",
            "Busy share of all processors, of the last sample.",
            scale: .thousandths
        )
        memory = registry.gauge(
            "muster_agent_memory_available_bytes",
            "Memory that is available, of the last sample."
        )
        pressure = registry.gauges(
            "muster_agent_pressure_ratio",
            "Share of the last 10 s in which something waited for a resource (PSI).",
            labels: ["resource"],
            scale: .thousandths
        )
        process = ProcessMeters(registry)
    }

    /// What load balancers are told.
    var traffic: Traffic { latest.withLock { $0.traffic } }

    // MARK: From the thread that decides

    /// After every step.
    func note(_ machine: AgentMachine, _ effects: AgentEffects, at now: Instant) {
        for case .beat in effects.sends { beats.add() }
        let traffic = machine.traffic
        latest.withLock { latest in
            latest.traffic = traffic
            if let takenAt = latest.takenAt, now - takenAt < Self.figuresInterval { return }
            latest.takenAt = now
            latest.figures = machine.figures
        }
    }

    // MARK: From who is asked

    func page(_ format: ExpositionFormat, at now: Instant) -> [UInt8] {
        process.update()
        latest.withLock { latest in
            show(latest.traffic, at: now)
            if let figures = latest.figures { show(figures, &latest.restarts, at: now) }
        }
        return registry.page(format)
    }

    private func show(_ traffic: Traffic, at now: Instant) {
        guard case .up(let percent) = traffic.judged(at: now).verdict else {
            isUp.set(false)
            return weight.set(0)
        }
        isUp.set(true)
        weight.set(percent * 10)
    }

    private func show(
        _ figures: AgentFigures,
        _ counted: inout [ServiceName: UInt32],
        at now: Instant
    ) {
        health.replace(
            with: Health.allCases.map {
                GaugeSample($0.rawValue, value: figures.health == $0 ? 1 : 0)
            }
        )
        standing.replace(
            with: NodeStanding.allCases.map {
                GaugeSample($0.rawValue, value: figures.standing == $0 ? 1 : 0)
            }
        )
        isActive.set(figures.role == .active)
        session.set(figures.isInSession)
        isWritable.set(figures.isStateWritable)
        connects.set(figures.dials)
        lease.set(max(.zero, (figures.leaseEnd ?? now) - now))
        services.replace(
            with: ServiceState.allCases.map { state in
                let count = figures.services.count { $0.state == state }
                return GaugeSample(state.rawValue, value: count)
            }
        )
        serviceUp.replace(
            with: figures.services.map {
                GaugeSample($0.name.text, value: $0.state == .running ? 1 : 0)
            }
        )
        for service in figures.services {
            let before = counted[service.name] ?? 0
            counted[service.name] = service.restarts
            // Counted from 0 again by every order to start.
            let since = service.restarts >= before ? service.restarts - before : service.restarts
            restarts[service.name.text].add(UInt64(since))
        }
        checks.replace(
            with: zip(CheckState.allCases, figures.checks).map {
                GaugeSample($0.rawValue, value: $1)
            }
        )
        leashes.set(figures.leashes)
        tasks.replace(with: [
            GaugeSample("waiting", value: figures.tasksWaiting),
            GaugeSample("running", value: figures.tasksRunning),
            GaugeSample("ended", value: figures.tasksEnded),
        ])
        slots.set(figures.slots)
        submissions.replace(with: [
            GaugeSample("pending", value: figures.submissionsPending),
            GaugeSample("spooled", value: figures.submissionsSpooled),
        ])
        if let load = figures.load { show(load) }
    }

    private func show(_ load: Load) {
        busy.set(Int64(load.processorBusyPerMille))
        memory.set(load.memoryAvailable)
        let known = [
            ("cpu", load.processorPressurePerMille), ("memory", load.memoryPressurePerMille),
            ("io", load.inputOutputPressurePerMille),
        ]
        pressure.replace(
            with: known.compactMap { resource, value in
                value.map { GaugeSample(resource, value: Int64($0)) }
            }
        )
    }
}
