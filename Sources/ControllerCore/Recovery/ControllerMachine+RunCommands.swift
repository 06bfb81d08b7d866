public import Model
import Protocol

// What operators say of pairs, plans and runs.

/// A run that is asked for.
public struct RunRequest: Hashable, Sendable {
    public var kind: RunKind
    /// Nil for a failback: the preferred site.
    public var to: SiteName
    /// Nil for the plan that is written for the kind, or else the derived one.
    public var plan: PlanName?
    /// An admin accepts that data may be lost.
    public var acceptsLoss: Bool
    /// So many canaries of the site, which has parted from the active history, are given up.
    public var acceptedDivergence: UInt64?

    public init(
        kind: RunKind,
        to: SiteName,
        plan: PlanName? = nil,
        acceptsLoss: Bool = false,
        acceptedDivergence: UInt64? = nil
    ) {
        self.kind = kind
        self.to = to
        self.plan = plan
        self.acceptsLoss = acceptsLoss
        self.acceptedDivergence = acceptedDivergence
    }
}

extension Command.Verb {
    /// What may be asked for while a run is under way; everything else that changes the cluster waits
    /// until it has ended.
    var isAllowedInRun: Bool {
        switch self {
        case .addNode, .removeNodes, .cordon, .drain, .beginMaintenance, .createToken, .addSite,
            .removeSite, .setSiteMinimum, .set, .unset,
            .addSchedule, .removeSchedule, .setCalendar, .removeCalendar, .pairNodes, .unpairNode,
            .setSiteForm, .setPlan, .removePlan, .startRun:
            false
        // What lets a node take part that a run may wait for.
        case .uncordon, .endMaintenance, .release, .service, .revokeToken, .addOperator,
            .removeOperator, .preflight, .backup,
            .cancelTasks, .retryTasks, .resolveTasks, .readPayload, .readOutput, .readRunOutputs,
            .readFile,
            .pauseSchedule,
            .resumeSchedule, .retryStep,
            .skipStep, .abortRun, .certifyNode, .answerRun, .acceptLoss, .pauseAutomatic,
            .resumeAutomatic,
            .liftBrake,
            // Who is told of a run changes nothing of it.
            .setNotifyRules, .addSilence, .endSilence, .testReceiver, .retryDelivery,
            .retryDeliveries, .dropDelivery, .dropUndelivered:
            true
        }
    }
}

extension ControllerMachine {
    /// Configuration is locked while a run is under way, and a second run is refused.
    func checkLock(_ verb: Command.Verb) throws(Refused) {
        guard let run = runs.liveRun, !verb.isAllowedInRun else { return }
        let isRun = if case .startRun = verb { true } else { false }
        throw Refused(
            .notNow,
            "run \(run.id) (\(run.kind.rawValue) to \(run.to)) is under way: nothing else is changed "
                + "until it has ended",
            mend: isRun ? mend(of: run) : "muster run show \(run.id)"
        )
    }

    // MARK: Pairs and forms

    mutating func pair(
        _ standby: NodeName,
        with production: NodeName,
        by: String
    ) throws(Refused) -> Reply.Outcome {
        var (standby, production) = (standby, production)
        var own = try id(of: standby)
        var other = try id(of: production)
        // Which of the two is the standby is known here; the order in which they are named is not.
        if nodes[own]?.record.site == cluster.activeSite,
            nodes[other]?.record.site != cluster.activeSite
        {
            swap(&own, &other)
            swap(&standby, &production)
        }
        guard own != other, let first = nodes[own]?.record, let second = nodes[other]?.record else {
            throw Refused(.invalid, "a node is not its own pair")
        }
        guard first.site != second.site else {
            throw Refused(
                .invalid,
                "\(standby) and \(production) are both of site \(first.site): a pair is across sites"
            )
        }
        if let before = pairName(of: own) {
            throw Refused(
                .duplicate,
                "\(standby) has the pair \(before)",
                mend: "muster node unpair \(standby)"
            )
        }
        if let before = pairName(of: other) {
            throw Refused(
                .duplicate,
                "\(production) has the pair \(before)",
                mend: "muster node unpair \(production)"
            )
        }
        amend(own) { $0.pair = other }
        tell(
            .nodePaired,
            .info,
            standby.text,
            "Node \(standby) of site \(first.site) is the pair of \(production) of site "
                + "\(second.site), by \(by)."
        )
        considerDrift(of: own)
        return .done("\(standby) and \(production) are a pair", orders: [])
    }

    /// The other node of a pair, whichever of the two is asked for.
    public func pair(of id: NodeID) -> NodeID? {
        if let pair = nodes[id]?.record.pair { return pair }
        return nodes.values.first {
            $0.record.pair == id && $0.record.membership != .removed
        }?.record.id
    }

    private func pairName(of id: NodeID) -> NodeName? {
        pair(of: id).flatMap { nodes[$0]?.record.name }
    }

    mutating func unpair(_ name: NodeName, by: String) throws(Refused) -> Reply.Outcome {
        let own = try id(of: name)
        guard let other = pair(of: own), let partner = nodes[other]?.record.name else {
            throw Refused(.notNow, "node \(name) has no pair", mend: "muster node pairs")
        }
        let holder = nodes[own]?.record.pair == nil ? other : own
        amend(holder) { $0.pair = nil }
        forgetDrift(of: holder)
        tell(
            .nodeUnpaired,
            .info,
            name.text,
            "Nodes \(name) and \(partner) are no pair any more, by \(by)."
        )
        return .done("\(name) and \(partner) are no pair any more", orders: [])
    }

    mutating func setForm(_ name: SiteName, isWarm: Bool) throws(Refused) -> Reply.Outcome {
        try checkSite(name)
        amendSite(name) { $0.isWarm = isWarm }
        touchNodes(of: name)
        return .done(
            isWarm
                ? "as a standby, site \(name) runs its drainable services, without work"
                : "as a standby, site \(name) runs no services",
            orders: []
        )
    }

    // MARK: Plans

    mutating func setPlan(_ draft: PlanDraft, by: String) throws(Refused) -> Reply.Outcome {
        if let problem = draft.problems.first {
            let place = problem.step.map { "step \($0 + 1): " } ?? ""
            throw Refused(.invalid, place + problem.text)
        }
        for kind in draft.kinds {
            let other = runs.plans.values.first {
                $0.draft.name != draft.name && $0.draft.kinds.contains(kind)
            }
            guard let other else { continue }
            throw Refused(
                .duplicate,
                "plan \(other.draft.name) is the one for a \(kind.rawValue) already",
                mend: "muster plan remove \(other.draft.name)"
            )
        }
        guard runs.plans[draft.name] != nil || runs.plans.count < RunBook.plansMax else {
            throw Refused(.invalid, "there are at most \(RunBook.plansMax) plans")
        }
        let version = (runs.plans[draft.name]?.version ?? 0) + 1
        let record = PlanRecord(draft: draft, version: version, by: by, at: now.wall)
        runs.plans[draft.name] = record
        put(.plan(record))
        tell(
            .planChanged,
            .info,
            draft.name.text,
            "Plan \(draft.name) has version \(version), by \(by).",
            consequence: "for " + draft.kinds.map(\.rawValue).joined(separator: ", ")
        )
        return .done("plan \(draft.name) has version \(version)", orders: [])
    }

    mutating func removePlan(_ name: PlanName, by: String) throws(Refused) -> Reply.Outcome {
        guard runs.plans[name] != nil else {
            throw Refused(.unknownName, "there is no plan \(name)", mend: "muster plan list")
        }
        runs.plans[name] = nil
        effects.journal.append(.delete(table: .plan, key: name.text))
        tell(.planChanged, .info, name.text, "Plan \(name) was removed by \(by).")
        return .done("plan \(name) is removed", orders: [])
    }

    /// The plan a run of this kind would carry out.
    public func plan(named name: PlanName?, for kind: RunKind) -> PlanRecord? {
        if let record = runs.plan(name, for: kind) { return record }
        guard name == nil else { return nil }
        return PlanRecord(
            draft: .derived(for: kind),
            version: 0,
            by: "controller",
            at: cluster.createdAt
        )
    }

    // MARK: Runs

    mutating func startRun(
        _ request: RunRequest,
        by: String,
        reason: String,
        force: Bool
    ) throws(Refused) -> Reply.Outcome {
        try checkSite(request.to)
        try refuseWhileSettling()
        let from = cluster.activeSite
        guard request.to != from else {
            throw Refused(
                .notNow,
                "site \(from) is the active one already",
                mend: "muster site list"
            )
        }
        guard count(of: request.to).total > 0 else {
            throw Refused(
                .notNow,
                "site \(request.to) has no nodes",
                mend: "muster token create --site \(request.to)"
            )
        }
        guard request.kind != .failover || !reason.isEmpty else {
            throw Refused(.invalid, "a failover needs a reason", mend: "--reason 'what happened'")
        }
        let acceptsLoss = request.acceptsLoss || request.acceptedDivergence != nil
        guard !acceptsLoss || !reason.isEmpty else {
            throw Refused(
                .invalid,
                "why a loss of data is accepted must be said",
                mend: "--reason TEXT"
            )
        }
        guard let plan = plan(named: request.plan, for: request.kind) else {
            throw Refused(
                .unknownName,
                "there is no plan \(request.plan?.text ?? "")",
                mend: "muster plan list"
            )
        }
        guard plan.draft.kinds.contains(request.kind) || request.kind == .drill else {
            throw Refused(
                .invalid,
                "plan \(plan.draft.name) is not for a \(request.kind.rawValue)",
                mend: "it is for " + plan.draft.kinds.map(\.rawValue).joined(separator: ", ")
            )
        }
        try checkDrains(request)
        try checkDivergence(request, by: by)
        try checkLoss(request)
        let run = makeRun(request, plan, from: from, by: by, reason: reason, force: force)
        if request.kind != .drill { acceptDivergence(of: request.to, by: by, run: run.id) }
        tell(
            .runStarted,
            .warning,
            "run \(run.id)",
            "Run \(run.id) has begun: \(run.kind.rawValue) from \(from) to \(run.to).",
            cause: reason.isEmpty ? "ordered by \(by)" : "ordered by \(by): \(reason)",
            consequence: "muster run follow \(run.id)",
            isPlanned: run.kind.isPlanned
        )
        return .runStarted(run.id)
    }

    mutating func makeRun(
        _ request: RunRequest,
        _ plan: PlanRecord,
        from: SiteName,
        by: String,
        reason: String,
        force: Bool
    ) -> RunRecord {
        cluster.lastRun += 1
        put(.cluster(cluster))
        let steps = request.kind == .drill ? plan.draft.drillSteps : plan.draft.runSteps
        let activation = steps.firstIndex { $0.act == .activate } ?? steps.count
        let lingers = steps[activation...].contains {
            if case .stop(.from, _, _) = $0.act { true } else { false }
        }
        let run = RunRecord(
            id: RunID(cluster.lastRun),
            kind: request.kind,
            from: from,
            to: request.to,
            plan: plan.draft.name,
            planVersion: plan.version,
            by: by,
            reason: reason,
            startedAt: now.wall,
            stepCount: UInt16(steps.count),
            epochBefore: cluster.epoch,
            lingers: lingers,
            tasksLinger: Self.letsTasksLinger(request.kind, steps),
            isForced: force,
            acceptsLoss: request.acceptsLoss,
            lossAcceptedOf: request.acceptsLoss
                ? dataInTheWay(of: request.kind, to: request.to, in: nil) : nil
        )
        runs.restore(run)
        runs.isResumed = false
        clearStepState()
        for (index, step) in steps.enumerated() {
            let record = RunStepRecord(run: run.id, index: UInt16(index), step: step)
            runs.restore(record)
            put(.runStep(record))
        }
        amendRun(run.id) { _ in }
        auditAcceptedLoss(of: run.lossAcceptedOf ?? [], by: by, run: run.id)
        return run
    }

    func liveRun(_ id: RunID) throws(Refused) -> RunRecord {
        guard let run = runs.runs[id] else {
            throw Refused(.unknownName, "there is no run \(id)", mend: "muster run list")
        }
        guard !run.state.isEnded else {
            throw Refused(.notNow, "run \(id) has ended: \(run.state.rawValue)")
        }
        return run
    }
}
