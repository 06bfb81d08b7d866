import API
import ControllerCore
import Model

// What is wrong with sites and with runs: what a person has to do before anything goes on.

extension StatusView {
    /// For so long a run that was rolled back by itself is told of.
    private static let failureTold: Duration = .seconds(86_400)

    /// What the run under way waits for that only a person can do, with what to type.
    func addRunProblems(_ add: AddProblem) {
        guard let run = machine.runs.liveRun else { return }
        let steps = machine.runs.steps(of: run.id)
        let step = steps.indices.contains(Int(run.step)) ? steps[Int(run.step)] : nil
        for need in machine.personNeeds(of: run) {
            add(
                .critical,
                "run \(run.id)",
                "run \(run.id) waits for you: \(need.text)",
                run.askedSince ?? step?.startedAt ?? run.startedAt,
                need.commands.first ?? "muster run show \(run.id)"
            )
        }
    }

    /// While a run fences the old site no site is active, however well all nodes are.
    func addFencing(_ add: AddProblem) {
        guard let run = machine.runs.liveRun, machine.runs.isFencing(run.from) else { return }
        let fence = machine.runs.steps(of: run.id).first { $0.step.act.isFence }
        add(
            .critical,
            "run \(run.id)",
            "no site is active: run \(run.id) fences site \(run.from), and site \(run.to) may not "
                + "act before",
            fence?.startedAt ?? run.startedAt,
            "muster run follow \(run.id)"
        )
    }

    /// Since a restore or an adoption: what is not known, and whom the controller waits for.
    func addRestoreProblems(_ add: AddProblem) {
        let start = machine.startedAt.wall
        guard !machine.isUnsaid else {
            let shown = machine.cluster.restoring.evidence.map {
                machine.isSetBack
                    ? "a node was told of later steps than this store holds: this machine was set back, or "
                        + "another controller works on a copy"
                    : "a node has acted under the later epoch \($0): the store is older than the last change "
                        + "of the active site"
            }
            return add(
                .critical,
                "controller",
                (shown ?? "the store was restored or adopted, and which site is active was not said")
                    + "; this controller does not act",
                start,
                "muster-controller adopt --confirm --active SITE --reason TEXT"
            )
        }
        guard let settling = machine.settling else { return }
        let waits = machine.settlingWaits
        let lasting = waits.filter { !$0.mend.isEmpty }
        let whom =
            waits.isEmpty
            ? "all nodes have spoken, and \(machine.settings.lease.wait.forPeople) since the start are "
                + "not over"
            : machine.short((lasting + waits.filter { $0.mend.isEmpty }).map(\.text))
        add(
            lasting.isEmpty ? .warning : .critical,
            "controller",
            "since the restore nothing is started and no task is given out yet: \(whom)",
            settling.at,
            lasting.first?.mend ?? ""
        )
    }

    /// The last run was rolled back, and nobody wanted that; or something of it was left behind.
    func addFailedRun(_ add: AddProblem) {
        guard let run = machine.runs.runs.values.last, run.state == .aborted,
            let end = run.endedAt, now.wall - end < Self.failureTold
        else { return }
        for step in machine.runs.steps(of: run.id) where step.isUndoFailed {
            add(
                .critical,
                "run \(run.id)",
                "step \(step.step.name) of run \(run.id) could not be undone: \(step.text)",
                end,
                "muster run show \(run.id)"
            )
        }
        guard !run.wasAbortedByOperator else { return }
        add(
            .warning,
            "run \(run.id)",
            "run \(run.id), \(run.kind.rawValue) to \(run.to), was rolled back: \(run.text)",
            end,
            "muster run report \(run.id)"
        )
    }

    /// The active site cannot be reached at all: where its work could go. Not while a run moves it.
    func addLostSites(_ add: AddProblem) {
        let active = machine.cluster.activeSite
        guard machine.runs.liveRun == nil else { return }
        guard let since = machine.lostSince(active) else { return addProposal(add) }
        let (_, total) = machine.count(of: active)
        let lost =
            "site \(active) is lost: "
            + (total == 1
                ? "its node cannot be reached" : "none of its \(total) nodes can be reached")
        let others = machine.sites.keys.filter { $0 != active }
        func obstacle(_ site: SiteName) -> String? {
            machine.readiness(of: site).first { $0.level == .blocking }?.text
        }
        if let ready = others.first(where: { obstacle($0) == nil }) {
            add(
                .critical,
                "site \(active)",
                "\(lost); site \(ready) may take over now",
                since,
                "muster failover --to \(ready) --reason TEXT"
            )
        } else if let other = others.first {
            add(
                .critical,
                "site \(active)",
                "\(lost), and site \(other) may not take over: \(obstacle(other) ?? "")",
                since,
                "muster site readiness \(other)"
            )
        } else {
            add(.critical, "site \(active)", lost, since, "muster node list --site \(active)")
        }
    }

    /// Somebody was asked whether to fail over, of a site that can be reached in part.
    private func addProposal(_ add: AddProblem) {
        let asked = machine.notify.alarms.values.first {
            $0.kind == .failoverProposed && $0.state == .firing
        }
        guard let asked else { return }
        let other = machine.sites.keys.first { $0.text != asked.subject }
        add(
            .critical,
            "site \(asked.subject)",
            "site \(asked.subject) seems lost, and you decide whether to fail over",
            asked.since,
            other.map { "muster site readiness \($0)" } ?? ""
        )
    }

    func addMinimums(_ add: AddProblem) {
        for site in machine.sites.values where site.minimum > 0 {
            guard let since = machine.belowMinimumSince(site.name) else { continue }
            let (online, total) = machine.count(of: site.name)
            let isLost = machine.lostSince(site.name) != nil
            add(
                .critical,
                site.name.text,
                "site \(site.name) has \(online) of \(counted(total, "node")) Online, its minimum "
                    + "is \(site.minimum)",
                since,
                isLost && site.name == machine.cluster.activeSite
                    ? "" : "muster node list --site \(site.name)"
            )
        }
    }
    /// Sites below a threshold of the rules, also while its `for` runs and nobody was told yet.
    func addThresholds(_ add: AddProblem) {
        let own = NotifyThreshold.own
        for threshold in machine.thresholdsInForce where threshold.name != own {
            let standing = machine.standing(of: threshold.site)
            guard machine.isBelow(standing, threshold) else { continue }
            let told = machine.belowSince(threshold)
            let since =
                told ?? machine.belowSince(threshold.site, minimum: Int(threshold.minimum))
            var text =
                "site \(threshold.site) has \(standing.online) of "
                + "\(counted(standing.total, "node")) Online, threshold \(threshold.name) is "
                + "\(threshold.minimum)"
            if told == nil, threshold.hold > .zero {
                text += ", told after \(threshold.hold.forPeople) of it"
            }
            if !threshold.advice.isEmpty { text += ": \(threshold.advice)" }
            let isLost = machine.lostSince(threshold.site) != nil
            add(
                API.Severity(rawValue: threshold.severity.rawValue),
                "site \(threshold.site)",
                text,
                since ?? now.wall,
                isLost && threshold.site == machine.cluster.activeSite
                    ? "" : "muster node list --site \(threshold.site)"
            )
        }
    }
}
