import API
import ControllerCore
import Model
import Protocol

// Runs as the console's interface shows them. Functions of their arguments alone.

extension NodeViews {
    func summary(_ run: RunRecord) -> RunSummary {
        let steps = machine.runs.steps(of: run.id)
        let index = min(Int(run.step), max(0, steps.count - 1))
        let present = steps.indices.contains(index) ? steps[index] : nil
        var summary = RunSummary(
            id: run.id.number,
            kind: run.kind.rawValue,
            from: run.from.text,
            to: run.to.text,
            plan: run.plan.text,
            planVersion: run.planVersion,
            by: run.by,
            reason: run.reason,
            state: run.state.rawValue,
            startedAt: run.startedAt.iso8601,
            step: UInt32(index + 1),
            stepCount: UInt32(run.stepCount),
            stepName: present?.step.name.text ?? "",
            text: run.text,
            epochBefore: "\(run.epochBefore)",
            fencing: run.isFenced && !run.isActivated && !run.state.isEnded,
            forced: run.isForced,
            acceptsDataLoss: run.acceptsLoss,
            needs: machine.personNeeds(of: run).map {
                RunNeed(text: $0.text, commands: $0.commands)
            }
        )
        summary.acceptedLosses = acceptedLosses(run)
        summary.endedAt = run.endedAt?.iso8601
        summary.epochAfter = run.epochAfter.map { "\($0)" }
        summary.stepSince = present?.startedAt?.iso8601
        let ending = machine.endingHookNodes(of: run)
        if !ending.isEmpty {
            summary.text +=
                (run.text.isEmpty ? "" : "; ") + "waits until what was told to end has ended on "
                + ending.map(\.text).joined(separator: ", ")
        }
        // At the end of a drill that goes as planned its step says so itself.
        let remains = run.state == .rollingBack ? machine.drillRemains(of: run) : []
        if !remains.isEmpty {
            summary.text +=
                (run.text.isEmpty ? "" : "; ") + "still of the drill: " + machine.short(remains)
        }
        return summary
    }

    private func acceptedLosses(_ run: RunRecord) -> [AcceptedLoss]? {
        guard run.acceptsLoss, let names = run.lossAcceptedOf else { return nil }
        let lost = machine.losses(of: run.id)
        return names.map { name in
            AcceptedLoss(dataSet: name.text, lost: lost.first { $0.dataSet == name }?.lost)
        }
    }

    var liveRun: RunSummary? { machine.runs.liveRun.map(summary) }

    /// The newest first.
    var runs: [RunSummary] { machine.runs.runs.values.reversed().map(summary) }

    func steps(_ run: RunID) -> [RunStep] {
        machine.runs.steps(of: run).map { record in
            var step = RunStep(
                plan: PlanStepDetail(record.step, number: Int(record.index) + 1),
                state: record.state.rawValue,
                attempt: record.attempt,
                text: record.text,
                hooks: record.hooks.map(RunHook.init)
            )
            step.startedAt = record.startedAt?.iso8601
            step.endedAt = end(of: record)?.iso8601
            step.notBefore = record.state == .delayed ? record.notBefore?.iso8601 : nil
            return step
        }
    }

    /// A step that has failed, and about which the run asks, is over: what goes on is the waiting.
    func end(of record: RunStepRecord) -> WallTime? {
        if let end = record.endedAt { return end }
        return record.state == .failed ? machine.runs.runs[record.run]?.askedSince : nil
    }

    /// Those that are proven, and those that are not.
    func fences(_ run: RunRecord) -> [RunFence] {
        machine.runs.fences(of: run.id).sorted { $0.name < $1.name }.map {
            RunFence(
                node: $0.name.text,
                proof: $0.proof.rawValue,
                text: $0.text,
                at: $0.at.iso8601
            )
        }
            + machine.openFences(of: run).map { RunFence(node: $0.node.text, text: $0.text) }
    }

    func detail(_ run: RunRecord) -> RunDetail {
        var detail = RunDetail(
            asOf: asOf,
            run: summary(run),
            steps: steps(run.id),
            fences: fences(run),
            askedMilliseconds: asked(run)
        )
        let steps = machine.runs.steps(of: run.id).map(\.step)
        (detail.estimateMilliseconds, detail.unmeasuredSteps) = estimate(of: steps, in: run.kind)
        return detail
    }

    /// What earlier runs say that these steps take, and of how many they say nothing.
    func estimate(
        of steps: [PlanStep],
        in kind: RunKind
    ) -> (milliseconds: UInt64?, unmeasured: UInt32?) {
        let known = steps.map { machine.runs.estimate(of: $0.name, in: kind) }
        let unmeasured = zip(steps, known).count { step, estimate in
            if case .ask = step.act { false } else { estimate == nil }
        }
        let sum = known.compactMap { $0 }.reduce(nil) { ($0 ?? 0) + $1 }
        return (sum, unmeasured == 0 ? nil : UInt32(unmeasured))
    }

    /// Time that a run has waited for a person, what goes on included.
    func asked(_ run: RunRecord) -> UInt64 {
        run.askedMilliseconds + (run.askedSince.map { (now.wall - $0).milliseconds } ?? 0)
    }

    func readiness(of site: SiteName) -> SiteReadiness {
        SiteReadiness(
            asOf: asOf,
            site: site.text,
            role: machine.role(of: site).rawValue,
            findings: machine.readiness(of: site).map {
                API.ReadinessFinding(
                    topic: $0.topic,
                    level: $0.level.rawValue,
                    text: $0.text,
                    mend: $0.mend
                )
            }
        )
    }

    // MARK: What a run would do

    func preview(_ request: RunRequest, _ plan: PlanRecord) -> RunPreview {
        let from = machine.cluster.activeSite
        let steps = machine.steps(of: plan.draft, for: request.kind)
        let isDrill = request.kind == .drill
        let hook = steps.lazy.compactMap { step -> HookName? in
            if case .fence(let hook) = step.act { hook } else { nil }
        }.first
        var preview = RunPreview(
            asOf: asOf,
            kind: request.kind.rawValue,
            from: from.text,
            to: request.to.text,
            plan: PlanSummary(plan),
            readiness: readiness(of: request.to),
            steps: steps.enumerated().map { index, step in
                RunPreviewStep(
                    plan: PlanStepDetail(step, number: index + 1),
                    now: outlook(step.act, request, steps, after: steps[..<index].map(\.act)),
                    estimateMilliseconds: machine.runs.estimate(of: step.name, in: request.kind)
                )
            },
            fences: isDrill
                ? []
                : machine.fenceOutlook(of: from, with: hook).map {
                    RunFence(node: $0.node.text, proof: $0.proof?.rawValue, text: $0.text)
                }
        )
        (preview.estimateMilliseconds, preview.unmeasuredSteps) = estimate(
            of: steps,
            in: request.kind
        )
        if isDrill { preview.leftOut = plan.draft.leftOutOfDrill.map(\.name.text) }
        return preview
    }

    private func outlook(
        _ act: PlanAct,
        _ request: RunRequest,
        _ steps: [PlanStep],
        after before: [PlanAct]
    ) -> [String] {
        let from = machine.cluster.activeSite
        switch act {
        case .gate:
            let blocking = machine.readiness(of: request.to).filter { $0.level == .blocking }
            let data = dataOutlook(request)
            let isLossSaid = request.kind == .failover
            let open = blocking.filter {
                $0.topic != "divergence" && !($0.topic == "replication" && isLossSaid)
            }
            let plan = machine.planObstacles(steps, request.kind, from: from, to: request.to)
            let texts = (open.map(\.text) + plan).map { "NOT READY: \($0)" } + data
            return texts.isEmpty ? ["site \(request.to) is ready"] : texts
        case .drainTasks:
            let count = machine.membersOfSite(from).reduce(0) {
                $0 + machine.work.tasks(of: $1.record.id).count
            }
            return ["\(counted(count, "task")) \(count == 1 ? "is" : "are") at site \(from)"]
        case .stop(_, let groups, let scope):
            let earlier = before.flatMap { stops($0, at: from) }
            let left = machine.stopOutlook(of: from, groups, scope)
                .filter { !earlier.contains($0) }
            return Self.lines(left, "nothing of it runs, or it was stopped before")
        case .start(let groups, let scope):
            let earlier = before.flatMap { starts($0, at: request.to) }
            let left = machine.startOutlook(of: request.to, groups, scope)
                .filter { !earlier.contains($0) }
            return Self.lines(left, "there is nothing of it, or it was started before")
        case .fence(let hook):
            let names = machine.watchedDataSets.filter(machine.replicationRules.isRequired)
            let isLossless = request.kind != .failover && !names.isEmpty
            let closing =
                "before: the last canary of \(names.map(\.text).joined(separator: ", ")) is written, and "
                + "is seen at site \(request.to)"
            return (isLossless ? [closing] : [])
                + machine.fenceOutlook(of: from, with: hook).map { "\($0.node): \($0.text)" }
        case .activate:
            var epoch = machine.cluster.epoch
            epoch.counter += 1
            return ["site \(request.to) under epoch \(epoch)"]
        case .hook(let name, let place), .check(let name, let place):
            if place == .controller { return ["hook \(name) on the controller's host"] }
            let nodes = machine.hookOutlook(name, place, from: from, to: request.to)
            return nodes.isEmpty
                ? ["NO NODE that can be reached has a handler of type hook.\(name)"]
                : ["on \(nodes.map(\.text).joined(separator: ", "))"]
        case .ask: return ["it waits for an operator"]
        case .verify:
            let least = machine.demandedNodes(of: request.to)
            return ["at least \(least) of \(counted(machine.count(of: request.to).total, "node"))"]
        case .isolate: return ["site \(from) stays the active one, and is not touched"]
        case .notify, .endDrill: return []
        case .sandbox(let work):
            let nodes = machine.sandboxNodes(work, of: request.to)
            return nodes.isEmpty
                ? ["NO NODE that can be reached has a handler for \(work.type)"]
                : ["on \(nodes.map(\.text).joined(separator: ", "))"]
        }
    }

    private func stops(_ act: PlanAct, at site: SiteName) -> [ServiceOutlook] {
        guard case .stop(_, let groups, let scope) = act else { return [] }
        return machine.stopOutlook(of: site, groups, scope)
    }

    private func starts(_ act: PlanAct, at site: SiteName) -> [ServiceOutlook] {
        guard case .start(let groups, let scope) = act else { return [] }
        return machine.startOutlook(of: site, groups, scope)
    }

    /// By service, with its nodes.
    private static func lines(_ outlooks: [ServiceOutlook], _ ifNone: String) -> [String] {
        var order: [ServiceName] = []
        for outlook in outlooks where !order.contains(outlook.service) {
            order.append(outlook.service)
        }
        guard !order.isEmpty else { return [ifNone] }
        return order.map { service in
            let nodes = outlooks.filter { $0.service == service }.map(\.node.text)
            let shown = nodes.prefix(8).joined(separator: ", ")
            return "\(service) on \(shown)"
                + (nodes.count > 8 ? " and \(nodes.count - 8) more" : "")
        }
    }
}

extension RunHook {
    init(_ hook: RunStepRecord.HookTask) {
        self.init(
            node: hook.node.text,
            task: hook.task.number,
            state: hook.word,
            text: hook.text
        )
    }
}
