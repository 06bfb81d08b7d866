import API
import ControllerCore
import Meters
import Model
import Protocol

/// What is computed from the cluster's state when somebody looks. A look replaces all that the one
/// before has said: what is gone is shown no more.
final class ClusterMeters: Sendable {
    /// Data sets and sites that are shown beside each other.
    static let pairsMax = 256

    private let nodes: Family<Gauge>
    private let siteActive: Family<Gauge>
    private let siteReady: Family<Gauge>
    private let siteMinimum: Family<Gauge>
    private let siteOnline: Family<Gauge>
    private let sessions: Gauge
    private let epoch: Gauge
    private let generation: Gauge
    private let isDoubted: Gauge
    private let isUnsaid: Gauge
    private let isTilted: Gauge
    private let isJournalLate: Gauge
    private let problems: Family<Gauge>
    private let tasks: Family<Gauge>
    private let oldest: Family<Gauge>
    private let queue: Gauge
    private let queueMax: Gauge
    private let queueBytes: Gauge
    private let queueBytesMax: Gauge
    private let runUnderWay: Family<Gauge>
    private let runWaiting: Gauge
    private let runDuration: Family<Gauge>
    private let lag: Family<Gauge>
    private let isLagUnknown: Family<Gauge>
    private let isLate: Family<Gauge>
    private let replicatorLag: Family<Gauge>
    private let replicatorBytes: Family<Gauge>
    private let objective: Family<Gauge>
    private let drift: Family<Gauge>
    private let scheduleProblems: Gauge
    private let schedules: Gauge
    private let certificates: Family<Gauge>

    init(_ registry: Registry) {
        nodes = registry.gauges(
            "muster_nodes",
            "Nodes of a site: online, offline, maintenance or invited; each is in one state.",
            labels: ["site", "state"],
            seriesMax: 128
        )
        siteActive = registry.gauges(
            "muster_site_active",
            "Whether the site is the active one.",
            labels: ["site"]
        )
        siteReady = registry.gauges(
            "muster_site_ready",
            "Whether a standby site may take over now.",
            labels: ["site"],
            fold: .least
        )
        siteMinimum = registry.gauges(
            "muster_site_minimum_nodes",
            "Nodes that must be Online at the site; 0 for none.",
            labels: ["site"]
        )
        siteOnline = registry.gauges(
            "muster_site_online_nodes",
            "Joined nodes of the site that are Online.",
            labels: ["site"]
        )
        sessions = registry.gauge("muster_sessions", "Agents with a session.")
        epoch = registry.gauge("muster_epoch", "The counter of the epoch.")
        generation = registry.gauge(
            "muster_epoch_generation",
            "The generation of the epoch: it grows when a store is adopted."
        )
        isDoubted = registry.gauge(
            "muster_doubt",
            "Whether a node has shown a higher epoch: this controller does not act then."
        )
        isUnsaid = registry.gauge(
            "muster_active_site_unsaid",
            "Whether the store was restored and nobody has said which site is active: nothing is "
                + "granted or ordered then."
        )
        isTilted = registry.gauge(
            "muster_tilt",
            "Whether the controller was frozen or its clock jumped: it only observes then."
        )
        isJournalLate = registry.gauge(
            "muster_journal_late",
            "Whether the journal is so slow that no lease is granted."
        )
        problems = registry.gauges(
            "muster_problems",
            "Problems as muster status shows them.",
            labels: ["severity"]
        )
        tasks = registry.gauges(
            "muster_tasks",
            "Live tasks.",
            labels: ["type", "state"],
            seriesMax: 320
        )
        oldest = registry.gauges(
            "muster_task_oldest_seconds",
            "How long the longest-standing task of a state is in it.",
            labels: ["state"],
            scale: .billionths,
            fold: .greatest
        )
        queue = registry.gauge(
            "muster_task_queue_tasks",
            "Tasks that wait for a node or for their time."
        )
        queueMax = registry.gauge(
            "muster_task_queue_limit_tasks",
            "From so many tasks on, submissions are turned away."
        )
        queueBytes = registry.gauge(
            "muster_task_queue_bytes",
            "What is kept of all live tasks: payloads, and what each task takes beside."
        )
        queueBytesMax = registry.gauge(
            "muster_task_queue_limit_bytes",
            "From so many bytes on, submissions are turned away."
        )
        runUnderWay = registry.gauges(
            "muster_run_under_way",
            "Whether a run of this kind is under way.",
            labels: ["kind"]
        )
        runWaiting = registry.gauge(
            "muster_run_waiting",
            "What the run under way waits for that only a person can do."
        )
        runDuration = registry.gauges(
            "muster_run_last_duration_seconds",
            "How long the last run of a kind has taken, by how it ended.",
            labels: ["kind", "result"],
            scale: .billionths
        )
        lag = registry.gauges(
            "muster_replication_lag_seconds",
            "Data that would be lost now, as time; only where it is known.",
            labels: ["data_set", "site"],
            scale: .billionths,
            fold: .greatest,
            seriesMax: Self.pairsMax
        )
        isLagUnknown = registry.gauges(
            "muster_replication_unknown",
            "Whether it is not known how far a site is behind, which is never fine.",
            labels: ["data_set", "site"],
            seriesMax: Self.pairsMax
        )
        isLate = registry.gauges(
            "muster_replication_late",
            "Whether a site is further behind than the objective allows, or has diverged.",
            labels: ["data_set", "site"],
            seriesMax: Self.pairsMax
        )
        replicatorLag = registry.gauges(
            "muster_replicator_lag_seconds",
            "What the replicator says of itself. It decides nothing.",
            labels: ["data_set", "site"],
            scale: .billionths,
            fold: .greatest,
            seriesMax: Self.pairsMax
        )
        replicatorBytes = registry.gauges(
            "muster_replicator_lag_bytes",
            "The same in bytes.",
            labels: ["data_set", "site"],
            fold: .greatest,
            seriesMax: Self.pairsMax
        )
        objective = registry.gauges(
            "muster_replication_objective_seconds",
            "RPO: data that may be lost at most, as time.",
            labels: ["data_set"],
            scale: .billionths,
            fold: .least
        )
        drift = registry.gauges(
            "muster_drift_differences",
            "Differences between standbys and their pairs that nobody expects.",
            labels: ["site"]
        )
        schedules = registry.gauge("muster_schedules", "Schedules.")
        scheduleProblems = registry.gauge(
            "muster_schedule_problems",
            "Schedules that do not fire although nobody has paused them."
        )
        certificates = registry.gauges(
            "muster_certificate_remaining_seconds",
            "Time until the first certificate of a kind ends; less than 0 when it has.",
            labels: ["kind", "site"],
            scale: .billionths,
            fold: .least
        )
    }

    /// - Parameter authorityNotAfter: when nothing can be signed any more.
    func show(_ views: NodeViews, authorityNotAfter: WallTime) {
        let machine = views.machine
        let status = StatusView(
            views: views,
            account: nil,
            lastEvents: [],
            authorityNotAfter: authorityNotAfter
        ).status
        showSites(views, status)
        sessions.set(machine.nodes.values.count { $0.link != nil })
        epoch.set(status.cluster.epoch)
        generation.set(status.cluster.generation)
        isDoubted.set(machine.doubt != nil)
        isUnsaid.set(machine.isUnsaid)
        isTilted.set(status.controller.tilted)
        isJournalLate.set(status.controller.journalLate)
        problems.replace(
            with: API.Severity.all.map { severity in
                let count = status.problems.count { $0.severity == severity }
                return GaugeSample(severity.rawValue, value: count)
            }
        )
        if let work = status.work { show(work, machine) }
        showRuns(views, status)
        show(status.dataSets ?? [])
        showRest(views, authorityNotAfter)
    }

    private func showSites(_ views: NodeViews, _ status: ClusterStatus) {
        let machine = views.machine
        var states: [GaugeSample] = []
        for site in status.sites {
            var counts = (online: 0, offline: 0, maintenance: 0, invited: 0)
            for member in machine.nodes.values where member.record.site.text == site.name {
                switch member.record.membership {
                case .removed: break
                case .invited: counts.invited += 1
                case .joined, .removing:
                    if member.record.maintenance != nil {
                        counts.maintenance += 1
                    } else if machine.assess(member).status == .online {
                        counts.online += 1
                    } else {
                        counts.offline += 1
                    }
                }
            }
            states += [
                GaugeSample(site.name, "online", value: counts.online),
                GaugeSample(site.name, "offline", value: counts.offline),
                GaugeSample(site.name, "maintenance", value: counts.maintenance),
                GaugeSample(site.name, "invited", value: counts.invited),
            ]
        }
        nodes.replace(with: states)
        siteActive.replace(
            with: status.sites.map { GaugeSample($0.name, value: $0.role == "active" ? 1 : 0) }
        )
        siteMinimum.replace(with: status.sites.map { GaugeSample($0.name, value: $0.minimum) })
        siteOnline.replace(with: status.sites.map { GaugeSample($0.name, value: $0.online) })
        let standbys = machine.sites.keys.filter { $0 != machine.cluster.activeSite }
        siteReady.replace(
            with: standbys.map { site in
                let isBlocked = machine.readiness(of: site).contains { $0.level == .blocking }
                return GaugeSample(site.text, value: isBlocked ? 0 : 1)
            }
        )
    }

    private func show(_ work: WorkStatus, _ machine: ControllerMachine) {
        let states = work.states.compactMap { TaskState(rawValue: $0.state) }
        tasks.replace(
            with: machine.work.countsByType.flatMap { type, counts in
                states.map {
                    GaugeSample(type.text, $0.rawValue, value: counts.count(of: $0))
                }
            }
        )
        oldest.replace(
            with: work.states.map {
                let age = Duration.milliseconds(Int64(clamping: $0.oldestMilliseconds ?? 0))
                return GaugeSample($0.state, duration: age)
            }
        )
        queue.set(work.queued)
        queueMax.set(work.queueCountMax)
        queueBytes.set(work.keptBytes ?? work.payloadBytes)
        queueBytesMax.set(work.queueBytesMax)
    }

    private func showRuns(_ views: NodeViews, _ status: ClusterStatus) {
        let live = views.machine.runs.liveRun
        runUnderWay.replace(
            with: RunKind.allCases.map {
                GaugeSample($0.rawValue, value: live?.kind == $0 ? 1 : 0)
            }
        )
        runWaiting.set(status.run?.needs.count ?? 0)
        var last: OrderedTable<String, GaugeSample> = OrderedTable()
        for run in views.machine.runs.runs.values {
            guard let end = run.endedAt else { continue }
            // In the order of their numbers: the last one stays.
            last["\(run.kind.rawValue) \(run.state.rawValue)"] = GaugeSample(
                run.kind.rawValue,
                run.state.rawValue,
                duration: end - run.startedAt
            )
        }
        runDuration.replace(with: last.values)
    }

    private func show(_ dataSets: [DataSetStatus]) {
        func samples(
            _ value: (DataSetAtSite) -> Int64?
        ) -> [GaugeSample] {
            dataSets.flatMap { set in
                set.sites.compactMap { site in
                    guard site.state != "source", let value = value(site) else { return nil }
                    return GaugeSample(set.name, site.site, value: value)
                }
            }
        }
        func billionths(_ milliseconds: UInt64) -> Int64 {
            Duration.milliseconds(Int64(clamping: milliseconds)).nanoseconds
        }
        lag.replace(with: samples { $0.lagMilliseconds.map(billionths) })
        isLagUnknown.replace(with: samples { $0.state == "unknown" ? 1 : 0 })
        isLate.replace(with: samples { $0.state == "late" || $0.state == "diverged" ? 1 : 0 })
        replicatorLag.replace(with: samples { $0.replicatorLagMilliseconds.map(billionths) })
        replicatorBytes.replace(
            with: samples { $0.replicatorLagBytes.map { Int64(clamping: $0) } }
        )
        objective.replace(
            with: dataSets.compactMap { set in
                set.objectiveMilliseconds.map { GaugeSample(set.name, value: billionths($0)) }
            }
        )
    }

    private func showRest(_ views: NodeViews, _ authorityNotAfter: WallTime) {
        let machine = views.machine
        drift.replace(
            with: machine.sites.keys.map { site in
                let count = machine.driftPairs(of: site).filter { $0.standbySite == site }
                    .flatMap(\.sets).reduce(0) { $0 + UInt64($1.count) }
                return GaugeSample(site.text, value: count)
            }
        )
        schedules.set(machine.schedules.entries.count)
        scheduleProblems.set(
            machine.schedules.entries.values.count {
                $0.problem != nil && $0.record.paused == nil
            }
        )
        let now = views.now.wall
        var samples = [GaugeSample("authority", "", duration: authorityNotAfter - now)]
        for site in machine.sites.keys {
            let ends = machine.nodes.values.compactMap { member in
                member.record.site == site && member.record.membership == .joined
                    ? member.record.certificateNotAfter : nil
            }
            if let first = ends.min() {
                samples.append(GaugeSample("node", site.text, duration: first - now))
            }
        }
        if let first = machine.operators.values.compactMap(\.notAfter).min() {
            samples.append(GaugeSample("operator", "", duration: first - now))
        }
        certificates.replace(with: samples)
    }
}
