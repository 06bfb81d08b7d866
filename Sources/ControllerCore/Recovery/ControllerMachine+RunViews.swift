public import Model
import Protocol

// What can be told of runs beside their records: what one would do now, and what it waits for that
// only a person can do. Nothing here changes anything.

/// By what a node of the old site would be, or is to be, proven unable to act.
public struct FenceOutlook: Hashable, Sendable {
    public var node: NodeName
    /// Nil when only an operator's word is left.
    public var proof: FenceProof?
    public var text: String
}

/// A service on a node that a step would stop or start.
public struct ServiceOutlook: Hashable, Sendable {
    public var node: NodeName
    public var service: ServiceName
}

/// What a run waits for that only a person can do.
public struct PersonNeed: Hashable, Sendable {
    public var text: String
    /// What may be typed; each by itself unblocks it.
    public var commands: [String]
}

extension ControllerMachine {
    /// Members of a site, with a session or without.
    public func membersOfSite(_ site: SiteName) -> [Member] { members(of: site) }

    /// How many nodes of a site a run demands.
    public func demandedNodes(of site: SiteName) -> Int { leastNodes(of: site) }

    /// The steps of a plan as a run of a kind carries them out.
    public func steps(of plan: PlanDraft, for kind: RunKind) -> [PlanStep] {
        kind == .drill ? plan.drillSteps : plan.runSteps
    }

    public func fenceOutlook(of site: SiteName, with hook: HookName?) -> [FenceOutlook] {
        places(of: site).map { fenceOutlook(of: nodes.values[$0], with: hook) }
    }

    private func fenceOutlook(of member: Member, with hook: HookName?) -> FenceOutlook {
        let record = member.record
        func outlook(_ proof: FenceProof?, _ text: String) -> FenceOutlook {
            FenceOutlook(node: record.name, proof: proof, text: text)
        }
        if record.conflict != nil {
            return outlook(nil, "held, its identity was seen twice: you have to certify it")
        }
        if isOtherMachine(member) {
            return outlook(
                nil,
                "back as another boot or machine than the one that ran its services: you have to "
                    + "certify that those are gone"
            )
        }
        if member.isSynced {
            return outlook(.statement, "reachable: it says when nothing of it runs any more")
        }
        if record.fencesItself == true {
            let wait = settings.lease.wait.forPeople
            return outlook(.waited, "not reachable: it fences itself, at most \(wait) are waited")
        }
        if let hook { return outlook(.command, "not reachable: hook \(hook) is executed") }
        return outlook(nil, "not reachable and does not fence itself: you have to certify it")
    }

    /// Services of the old site that run and that a step would stop.
    public func stopOutlook(
        of site: SiteName,
        _ groups: [GroupName],
        _ scope: ServiceScope
    ) -> [ServiceOutlook] {
        let parts = GroupSet.parts(groups, scope)
        return members(of: site).flatMap { member in
            member.services.values.map(\.report)
                .filter { report in
                    !report.hasStopped && parts.contains { $0.covers(report) }
                }
                .map { ServiceOutlook(node: member.record.name, service: $0.name) }
        }
    }

    /// Services of the new site that a step would start.
    public func startOutlook(
        of site: SiteName,
        _ groups: [GroupName],
        _ scope: ServiceScope
    ) -> [ServiceOutlook] {
        let parts = GroupSet.parts(groups, scope)
        return members(of: site).filter {
            $0.isSynced && $0.record.isAdmitted && $0.record.membership == .joined
                && $0.record.conflict == nil && !$0.isCleared
        }
        .flatMap { member in
            member.services.values.map(\.report)
                .filter { report in
                    !member.record.stoppedServices.contains(report.name)
                        && parts.contains { $0.covers(report) }
                }
                .map { ServiceOutlook(node: member.record.name, service: $0.name) }
        }
    }

    /// Nodes on which a hook would run now, by name.
    public func hookOutlook(
        _ hook: HookName,
        _ place: HookPlace,
        from: SiteName,
        to: SiteName
    ) -> [NodeName] {
        func able(_ site: SiteName) -> [NodeName] {
            members(of: site)
                .filter { member in
                    member.isSynced
                        && member.handlers.values.contains {
                            $0.types.contains(TaskType(hook: hook))
                        }
                }
                .map(\.record.name).sorted()
        }
        switch place {
        case .controller: return []
        case .every(let side): return able(side == .from ? from : to)
        case .one(let side): return Array(able(side == .from ? from : to).prefix(1))
        case .node(let name): return member(named: name).map { [$0.record.name] } ?? []
        }
    }

    /// Where a failback goes when no site is named: where the last run that has ended came from.
    public var failbackSite: SiteName? {
        let last = runs.runs.values.last { $0.state == .done && $0.to == cluster.activeSite }
        guard let last, sites[last.from] != nil else { return nil }
        return last.from
    }

    /// Nodes of the old site that are not proven unable to act, each with what it waits for.
    public func openFences(of run: RunRecord) -> [FenceOutlook] {
        openFences(of: run) { _ in true }
    }

    private func openFences(
        of run: RunRecord,
        where isMeant: (Member) -> Bool
    ) -> [FenceOutlook] {
        guard run.isFenced, !run.isActivated, !run.state.isEnded else { return [] }
        let hook = fenceHook(of: run)
        return unfencedPlaces(run).filter { isMeant(nodes.values[$0]) }
            .map { fenceOutlook(of: nodes.values[$0], with: hook) }
    }

    private func fenceHook(of run: RunRecord) -> HookName? {
        for record in runs.steps(of: run.id) {
            if case .fence(let hook) = record.step.act { return hook }
        }
        return nil
    }

    /// Nodes on which hooks of the run's step were told to end, and have not yet: the run goes on when
    /// they have.
    public func endingHookNodes(of run: RunRecord) -> [NodeName] {
        guard !run.state.isEnded, let record = runs.stepRecords[.init(run: run.id, index: run.step)]
        else { return [] }
        switch record.state {
        case .running, .verifying:
            guard run.state == .rollingBack else { return [] }
        case .pending, .delayed, .done, .failed, .skipped, .undoing, .undone: break
        }
        return endingHooks(of: record).map(\.node)
    }

    /// Empty when the run goes on by itself, or has ended.
    public func personNeeds(of run: RunRecord) -> [PersonNeed] {
        guard !run.state.isEnded, run.state != .rollingBack,
            let record = runs.stepRecords[.init(run: run.id, index: run.step)]
        else { return [] }
        let abort = run.isActivated ? [] : ["muster run abort \(run.id)"]
        var needs: [PersonNeed] = []
        let open = openFences(of: run) { $0.reachability == .unreachable || isOtherMachine($0) }
        for outlook in open where outlook.proof == nil {
            needs.append(
                PersonNeed(
                    text: "node \(outlook.node) is \(outlook.text)",
                    commands: [PersonNeed.certification(run.id, outlook.node)]
                )
            )
        }
        needs += record.state == .running ? drillNeeds(of: run) + lossNeeds(of: run) : []
        needs += drainNeeds(of: run)
        if run.state == .asking {
            let skip =
                record.step.act.maySkip ? [PersonNeed.skip(run.id)] : []
            needs.append(
                PersonNeed(
                    text: "step \(record.step.name) has failed: \(run.text)",
                    commands: ["muster run retry \(run.id)"] + skip + abort
                )
            )
        } else if case .ask(let question) = record.step.act, record.state == .running {
            needs.append(
                PersonNeed(
                    text: question,
                    commands: [PersonNeed.answer(run.id), "muster run answer \(run.id) no"]
                )
            )
        }
        return needs
    }
}
