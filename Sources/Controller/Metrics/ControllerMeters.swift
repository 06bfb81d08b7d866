import ControllerCore
import Host
import Meters
import Model
import Protocol
import Synchronization
import Transport

typealias HistogramOfTypes = Family<Histogram>

/// What the controller counts while it works. Every family is described in `docs/metrics.md`.
///
/// Counting never waits for anything. What is computed from the cluster's state is in
/// ``ClusterMeters``.
final class ControllerMeters: Sendable {
    let registry = Registry(prefix: "muster")

    let heartbeats: Counter
    let heartbeatLag: Histogram
    let leasesGranted: Counter
    let leasesWithheld: Counter
    let journalCommit: Histogram
    let journalBatch: Histogram
    let journalQueue: Gauge
    let dispatch: HistogramOfTypes
    let taskWait: HistogramOfTypes
    let taskRun: HistogramOfTypes
    let tasksEnded: Family<Counter>
    let tasksGivenUp: Family<Counter>
    let runSteps: Family<Histogram>
    let events: Family<Counter>
    private let refusals: Family<Counter>
    private let handshake: Histogram
    private let handshakesFailed: Counter
    private let closes: Family<Counter>
    private let notifications: Family<Counter>
    private let deliveryTime: Family<Histogram>
    private let noticeTime: Family<Histogram>
    private let notificationsPending: Gauge
    private let storeBytes: Gauge
    private let storeFree: Gauge
    let cluster: ClusterMeters
    private let process: ProcessMeters
    /// What the agents' door has counted; nil before it is open.
    private let transport = Mutex<(@Sendable () -> TransportCounters)?>(nil)

    init() {
        registry.info("muster_build_info", "The program.", ["version": Build.version])
        heartbeats = registry.counter("muster_heartbeats_total", "Heartbeats that were heard.")
        heartbeatLag = registry.histogram(
            "muster_heartbeat_lag_seconds",
            "How much more than one interval after the one before a heartbeat came.",
            .quick
        )
        leasesGranted = registry.counter(
            "muster_leases_granted_total",
            "Heartbeats that were answered with a lease."
        )
        leasesWithheld = registry.counter(
            "muster_leases_withheld_total",
            "Heartbeats that were answered without a lease."
        )
        journalCommit = registry.histogram(
            "muster_journal_commit_seconds",
            "From a decision until it is durable.",
            .quick
        )
        journalBatch = registry.histogram(
            "muster_journal_commit_steps",
            "Decisions that became durable together.",
            .many
        )
        journalQueue = registry.gauge(
            "muster_journal_queue_steps",
            "Decisions that are not durable yet."
        )
        dispatch = registry.histograms(
            "muster_task_dispatch_seconds",
            "From the acceptance of a task until a node has it.",
            .quick,
            labels: ["type"]
        )
        taskWait = registry.histograms(
            "muster_task_wait_seconds",
            "From the acceptance of a task until its first attempt is started.",
            .long,
            labels: ["type"]
        )
        taskRun = registry.histograms(
            "muster_task_run_seconds",
            "How long the last attempt of a task that has ended has run.",
            .long,
            labels: ["type"]
        )
        tasksEnded = registry.counters(
            "muster_tasks_ended_total",
            "Tasks that have ended for good, by what became of them.",
            labels: ["type", "result"],
            seriesMax: 128
        )
        tasksGivenUp = registry.counters(
            "muster_tasks_given_up_total",
            "Times that a task was left to an operator: failed, or its end is unknown.",
            labels: ["state"]
        )
        runSteps = registry.histograms(
            "muster_run_step_seconds",
            "How long attempts at steps of runs have taken.",
            .long,
            labels: ["step", "result"]
        )
        events = registry.counters(
            "muster_events_total",
            "Events, by their kind.",
            labels: ["kind"],
            seriesMax: 256
        )
        // The first of a kind is an increase, too.
        for kind in EventKind.allCases { events[kind.rawValue].add(0) }
        refusals = registry.counters(
            "muster_connections_refused_total",
            "Connections of agents that were refused, by the code that they were told.",
            labels: ["code"]
        )
        handshake = registry.histogram(
            "muster_tls_handshake_seconds",
            "From an agent's connection to the end of its TLS handshake.",
            .quick
        )
        handshakesFailed = registry.counter(
            "muster_tls_handshake_failures_total",
            "Connections of agents that ended before their TLS handshake did."
        )
        closes = registry.counters(
            "muster_connection_closes_total",
            "Connections of agents that have ended, by the reason.",
            labels: ["reason"]
        )
        notifications = registry.counters(
            "muster_notifications_total",
            "Attempts to deliver a notice, by how they ended.",
            labels: ["channel", "outcome"]
        )
        deliveryTime = registry.histograms(
            "muster_notification_delivery_seconds",
            "How long an attempt to deliver a notice took, however it ended.",
            .long,
            labels: ["channel"]
        )
        noticeTime = registry.histograms(
            "muster_notification_seconds",
            "From the decision to tell of something until a place has taken the notice, every attempt included.",
            .long,
            labels: ["channel"]
        )
        notificationsPending = registry.gauge(
            "muster_notifications_pending",
            "Notices that are decided and not delivered."
        )
        storeBytes = registry.gauge(
            "muster_store_bytes",
            "The store's files, its reserve included."
        )
        storeFree = registry.gauge("muster_store_free_bytes", "What is free where the store is.")
        cluster = ClusterMeters(registry)
        process = ProcessMeters(registry)
    }

    // MARK: Agents' connections

    func refused(_ code: RefusalCode) { refusals[code.rawValue].add() }

    func shookHands(_ duration: Duration) { handshake.observe(duration) }

    /// Where the agents' door counts.
    func watch(_ counters: @escaping @Sendable () -> TransportCounters) {
        transport.withLock { $0 = counters }
    }

    // MARK: Notices

    /// An attempt to deliver a notice has ended.
    ///
    /// - Parameter took: from the attempt's beginning.
    func notified(_ destination: Destination, _ outcome: DeliveryOutcome, took: Duration) {
        let channel = Self.channel(destination)
        let word =
            switch outcome {
            case .delivered: "delivered"
            case .failed: "failed"
            case .refused: "refused"
            }
        notifications[channel, word].add()
        deliveryTime[channel].observe(took)
    }

    /// A delivery was written: when its place has taken it, how long that was after the decision.
    func written(_ record: DeliveryRecord) {
        guard record.state == .delivered, let end = record.endedAt else { return }
        noticeTime[Self.channel(record.destination)].observe(max(.zero, end - record.queuedAt))
    }

    private static func channel(_ destination: Destination) -> String {
        switch destination {
        case .mail: "mail"
        case .webhook: "webhook"
        case .alertmanager: "alertmanager"
        case .command: "command"
        }
    }

    /// So many notices are decided and not delivered.
    func notificationsPending(_ count: Int) { notificationsPending.set(count) }

    // MARK: Looking

    /// What is not counted by itself.
    ///
    /// - Parameter store: bytes of the store's files, and those that are free beside them.
    func update(store: (used: UInt64, free: UInt64?, total: UInt64?)) {
        storeBytes.set(store.used)
        if let free = store.free { storeFree.set(free) }
        process.update()
        guard let counters = transport.withLock({ $0 })?() else { return }
        handshakesFailed.set(counters.handshakesFailed)
        for reason in CloseReason.allCases {
            closes[reason.rawValue].set(counters.closes(reason))
        }
    }
}
