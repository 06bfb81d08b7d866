import Model
import Protocol

// What each act of a plan does when it begins, and what must be so before it counts as done.

extension ControllerMachine {
    /// The intent, and what follows from it, in one transaction: nothing of it goes out before.
    mutating func begin(_ record: RunStepRecord, of run: RunRecord) {
        clearStepState()
        runs.deadline = now.instant + record.step.timeout
        amendStep(record) { [now] in
            $0.state = .running
            $0.attempt = min($0.attempt, .max - 1) + 1
            $0.startedAt = now.wall
            $0.endedAt = nil
            $0.notBefore = nil
            $0.text = ""
            $0.hooks = []
        }
        switch record.step.act {
        case .gate, .verify: break
        case .isolate:
            amendSite(run.to) { $0.held = .whole }
            amendRun(run.id) { $0.isDrilling = true }
            tellRoles()
        case .endDrill: endDrill(run.id)
        case .drainTasks:
            amendRun(run.id) { $0.isDraining = true }
            touchNodes(of: run.from)
        case .stop(_, let groups, let scope):
            amendSite(run.from) { $0.held.hold(groups, scope) }
            touchNodes(of: run.from)
        case .start(let groups, let scope):
            amendSite(run.to) { $0.held.release(groups, scope) }
            touchNodes(of: run.to)
        case .fence, .activate: break
        case .sandbox(let work): giveSandboxTasks(work, record, run)
        case .hook(let name, let place), .check(let name, let place):
            giveHooks(name, place, record, run)
        case .ask(let question): ask(question, in: run)
        case .notify(let text):
            tell(.runNotice, .info, "run \(run.id)", text, cause: "run \(run.id) by \(run.by)")
        }
    }

    mutating func look(at record: RunStepRecord, of run: RunRecord) -> StepProgress {
        switch record.step.act {
        case .gate: lookAtGate(run)
        case .drainTasks: lookAtTasks(run)
        case .stop(_, let groups, let scope): lookAtStops(run, groups, scope)
        case .start(let groups, let scope): lookAtStarts(run, groups, scope)
        case .fence(let hook): lookAtFence(record, run, hook)
        case .activate: lookAtActivation(run)
        case .hook(let name, let place), .check(let name, let place):
            lookAtHooks(name, place, record, run)
        case .ask(let question): .waiting("an operator has to answer: \(question)")
        case .verify:
            run.isDrilling ? lookAtStarts(run, [], .all) : lookAtService(of: run)
        case .isolate: .done("site \(run.to) is isolated: its token is \(drillToken(run))")
        case .endDrill: lookAtEndOfDrill(run)
        case .sandbox(let work): lookAtSandbox(work, record, run)
        case .notify: .done("told")
        }
    }

    // MARK: Gate, tasks, services

    private func lookAtGate(_ run: RunRecord) -> StepProgress {
        let losses = unacceptedLosses(run)
        guard losses.isEmpty else { return .waiting(lossWaiting(losses, run)) }
        let all = readiness(of: run.to, in: run.id).filter { $0.level == .blocking }
        // That a loss is accepted is said apart, and `--force` does not say it.
        let diverged = all.filter { $0.topic == "divergence" && run.kind != .drill }
        guard diverged.isEmpty else {
            let count = openDivergences(of: run.to).reduce(0) { $0 + $1.count }
            return .waiting(
                diverged.map(\.text).joined(separator: "; ")
                    + " (if the loss is accepted: muster run accept \(run.id) --accept-divergence "
                    + "\(count) --reason TEXT)"
            )
        }
        let isPlanned = run.kind != .failover && run.kind != .drill
        let late =
            isPlanned ? blockingData(at: run.to).filter { !run.acceptsLoss(of: $0.name) } : []
        let blocking = all.filter { $0.topic != "divergence" && $0.topic != "replication" }
        let steps = runs.steps(of: run.id).map(\.step)
        let obstacles =
            blocking.map(\.text) + late.map(\.text)
            + planObstacles(steps, run.kind, from: run.from, to: run.to)
        guard !obstacles.isEmpty else { return .done("site \(run.to) is ready") }
        let text = obstacles.joined(separator: "; ")
        if run.isForced { return .done("overruled by \(run.by): \(text)") }
        return .waiting(text)
    }

    /// What a failover would lose beyond the objectives, and nobody has accepted.
    func unacceptedLosses(_ run: RunRecord) -> [String] {
        guard run.kind == .failover else { return [] }
        return lossesInTheWay(at: run.to).filter { !run.acceptsLoss(of: $0.name) }.map(\.text)
    }

    /// What the new site has and the active data has not, and nobody has accepted by number.
    func divergenceWaiting(_ run: RunRecord) -> String {
        let open = openDivergences(of: run.to)
        guard !open.isEmpty, run.kind != .drill else { return "" }
        return open.map { text(of: $0) }.joined(separator: "; ")
            + " (if the loss is accepted: muster run accept \(run.id) --accept-divergence "
            + "\(open.reduce(0) { $0 + $1.count }) --reason TEXT)"
    }

    func lossWaiting(_ obstacles: [String], _ run: RunRecord) -> String {
        obstacles.joined(separator: "; ")
            + " (if the loss is accepted: muster run accept \(run.id) --accept-data-loss --reason TEXT)"
    }

    /// How many nodes a site must have to act: its minimum, whether it has so many or not.
    func leastNodes(of site: SiteName) -> Int { max(1, Int(sites[site]?.minimum ?? 0)) }

    /// Behind the gate nobody waits for more nodes than the site has: whoever forced a run past the
    /// gate, left it out, or raised the minimum since, has said so; and what waits there has its site
    /// active and its services half started.
    private func leastNodes(for run: RunRecord) -> Int {
        min(leastNodes(of: run.to), max(1, count(of: run.to).total))
    }

    /// Members of a site that have, or may have, something to run, by name.
    func members(of site: SiteName) -> [Member] { places(of: site).map { nodes.values[$0] } }

    /// The same, by their places among the nodes. What a run waits for is looked at with each message of
    /// each node: a node is read where it stands, and none is copied.
    func places(of site: SiteName) -> [Int] {
        var found: [Int] = []
        for id in nodeIDs.values {
            let place = nodes.lowerBound(id)
            guard nodes.values[place].record.site == site else { continue }
            switch nodes.values[place].record.membership {
            case .joined, .removing: found.append(place)
            case .invited, .removed: break
            }
        }
        return found
    }

    /// Whoever cannot be reached is left to the fence: only that is a proof.
    private func lookAtStops(
        _ run: RunRecord,
        _ groups: [GroupName],
        _ scope: ServiceScope
    ) -> StepProgress {
        let parts = GroupSet.parts(groups, scope)
        var running: [String] = []
        var unknown: [String] = []
        var away: [String] = []
        for place in places(of: run.from) {
            guard nodes.values[place].isSynced else {
                let name = nodes.values[place].record.name.text
                away.append(name)
                if nodes.values[place].reachability != .unreachable { unknown.append(name) }
                continue
            }
            for known in nodes.values[place].services.values {
                guard !known.report.hasStopped,
                    parts.contains(where: { $0.covers(known.report) })
                else { continue }
                running.append("\(known.report.name) on \(nodes.values[place].record.name)")
            }
        }
        if !unknown.isEmpty { return .waiting("nothing is known yet of \(short(unknown))") }
        let tasks = tasksThatDrain(run)
        if !running.isEmpty || !tasks.isEmpty {
            let services = running.isEmpty ? "" : "still running: \(short(running))"
            return .waiting([services, tasks].filter { !$0.isEmpty }.joined(separator: "; "))
        }
        return .done(
            away.isEmpty
                ? "stopped on every node"
                : "stopped; not reached: \(short(away)), left to the fence"
        )
    }

    private func lookAtStarts(
        _ run: RunRecord,
        _ groups: [GroupName],
        _ scope: ServiceScope
    ) -> StepProgress {
        let parts = GroupSet.parts(groups, scope)
        var waiting: [String] = []
        var failed: [String] = []
        var healthy = 0
        for place in places(of: run.to) {
            guard nodes.values[place].isSynced, nodes.values[place].record.isAdmitted,
                !nodes.values[place].isCleared,
                !run.isDrilling || nodes.values[place].knowsDrills
            else { continue }
            var isHealthy = true
            for known in nodes.values[place].services.values where known.report.state != .running {
                let report = known.report
                guard parts.contains(where: { $0.covers(report) }),
                    isWanted(report.name, on: nodes.values[place])
                else { continue }
                isHealthy = isHealthy && !report.isRequired
                let text = "\(report.name) on \(nodes.values[place].record.name)"
                if report.state == .failed {
                    if report.isRequired { failed.append("\(text): \(report.detail)") }
                } else {
                    waiting.append("\(text) is \(report.state.rawValue)")
                }
            }
            if isHealthy { healthy += 1 }
        }
        let least = leastNodes(for: run)
        if !waiting.isEmpty { return .waiting(short(waiting)) }
        if !failed.isEmpty { return .failed(short(failed)) }
        guard healthy >= least else {
            let old = members(of: run.to)
                .filter { run.isDrilling && $0.isSynced && !$0.knowsDrills }
            return .waiting(
                "\(healthy) of at least \(counted(least, "node")) of site \(run.to) are there"
                    + (old.isEmpty
                        ? ""
                        : "; too old for a drill: \(short(old.map(\.record.name.text)))")
            )
        }
        return .done("running on \(counted(healthy, "node"))")
    }

    /// By what is known in this moment: the status that was told last may be that of the standby which
    /// the site has just ceased to be.
    private func lookAtService(of run: RunRecord) -> StepProgress {
        var online = 0
        var reasons: [String] = []
        var joined = 0
        for place in places(of: run.to) where nodes.values[place].record.membership == .joined {
            joined += 1
            let member = nodes.values[place]
            let reason = offlineReason(member)
            if member.isSynced, reason == nil {
                online += 1
            } else {
                let text = kept(reason ?? "", bytesMax: Limits.textBytesMax)
                let shown = text.isEmpty ? "it has no session" : text
                reasons.append("\(member.record.name): \(shown)")
            }
        }
        let least = leastNodes(for: run)
        let text = "\(online) of \(counted(joined, "node")) of site \(run.to) are Online"
        if online >= least { return .done(text) }
        return .waiting("\(text), at least \(least) are needed (\(short(reasons)))")
    }

    /// The first five, and how many more there are.
    public func short(_ texts: [String]) -> String { short(texts) { $0 } }

    func short<Item>(_ items: [Item], _ text: (Item) -> String) -> String {
        let shown = items.prefix(5).map(text).joined(separator: ", ")
        return items.count > 5 ? "\(shown) and \(items.count - 5) more" : shown
    }

    // MARK: The point of no return

    private mutating func lookAtActivation(_ run: RunRecord) -> StepProgress {
        if !run.isActivated {
            // A node may have joined since the fence, and must have been proven, too.
            proveWhatIs(run)
            let open = unfenced(run)
            guard open.isEmpty else { return .waiting("not fenced: \(open)") }
            let busy = hooksOfOldSite(run)
            guard busy.isEmpty else { return .waiting("a hook still runs on \(short(busy))") }
            let behind = dataLeftBehind(run)
            guard behind.isEmpty else { return .waiting(behind.joined(separator: "; ")) }
            // The old site may have worked on until it was proven stopped, long after the fence began.
            let losses = unacceptedLosses(run)
            guard losses.isEmpty else { return .waiting(lossWaiting(losses, run)) }
            let parted = divergenceWaiting(run)
            guard parted.isEmpty else { return .waiting(parted) }
            activate(run)
        }
        guard runs.runs[run.id]?.isActivated ?? false else {
            return .failed("the old site is not fenced")
        }
        return .done("site \(run.to) is active under epoch \(cluster.epoch)")
    }

    /// Nodes of the old site that have a hook: its token is of the epoch that is to end.
    private func hooksOfOldSite(_ run: RunRecord) -> [String] {
        places(of: run.from).filter {
            let id = nodes.values[$0].record.id
            return run.tasksLinger ? work.hasExclusive(id) : work.hasTasks(id)
        }
        .map { nodes.values[$0].record.name.text }
    }

    private mutating func activate(_ run: RunRecord) {
        // The second look, at use: whatever the plan says, nobody acts before everybody is fenced.
        guard run.isFenced, unfenced(run).isEmpty, hooksOfOldSite(run).isEmpty,
            dataLeftBehind(run).isEmpty, unacceptedLosses(run).isEmpty,
            openDivergences(of: run.to).isEmpty, cluster.epoch.counter < .max
        else { return }
        makeForks(run)
        cluster.epoch.counter += 1
        cluster.activeSite = run.to
        closeDataAlarms(at: run.to, text: "Site \(run.to) is the active one: it is behind nobody.")
        work.epoch = cluster.epoch
        put(.cluster(cluster))
        followActiveSite()
        let steps = runs.steps(of: run.id)
        let startsLater = steps.contains {
            if case .start = $0.step.act { true } else { false }
        }
        amendSite(run.to) { $0.held = startsLater ? .whole : GroupSet() }
        amendRun(run.id) { [cluster] in
            $0.epochAfter = cluster.epoch
            $0.isDraining = false
        }
        for member in nodes.values where member.record.site == run.from {
            work.forgetLosses(of: member.record.id)
        }
        tellRoles()
        tell(
            .siteActivated,
            .warning,
            run.to.text,
            "Site \(run.to) is the active one under epoch \(cluster.epoch).",
            cause: "run \(run.id), \(run.kind.rawValue) by \(run.by)",
            consequence: "site \(run.from) is a standby",
            isPlanned: run.kind.isPlanned
        )
        auditOwn("run.activate", run.to.text, reason: "run \(run.id), epoch \(cluster.epoch)")
    }

    // MARK: Hooks

    private func targets(_ hook: HookName, _ place: HookPlace, _ run: RunRecord) -> [Member] {
        func able(_ side: PlanSide) -> [Member] {
            members(of: side == .from ? run.from : run.to)
                .filter { member in
                    member.isSynced && (run.kind != .drill || member.knowsDrills)
                        && member.handlers.values.contains {
                            $0.types.contains(TaskType(hook: hook))
                        }
                }
                .sorted { $0.record.name < $1.record.name }
        }
        switch place {
        case .controller: return []
        case .every(let side): return able(side)
        case .one(let side): return Array(able(side).prefix(1))
        case .node(let name):
            let member = member(named: name)
            return [member].compactMap { $0 }.filter { run.kind != .drill || $0.knowsDrills }
        }
    }

    private mutating func giveHooks(
        _ hook: HookName,
        _ place: HookPlace,
        _ record: RunStepRecord,
        _ run: RunRecord
    ) {
        guard place != .controller,
            let begun = runs.stepRecords[.init(run: run.id, index: run.step)]
        else { return }
        var tasks: [RunStepRecord.HookTask] = []
        for member in targets(hook, place, run) {
            let task = work.acceptHook(
                hook,
                hookContext(begun, run),
                on: member.record.id,
                by: "run/\(run.id)"
            )
            tasks.append(
                .init(node: member.record.name, task: task, isDone: nil, text: "")
            )
        }
        amendStep(record) { $0.hooks = tasks }
    }

    private mutating func lookAtHooks(
        _ hook: HookName,
        _ place: HookPlace,
        _ record: RunStepRecord,
        _ run: RunRecord
    ) -> StepProgress {
        if place == .controller { return lookAtCall(hook, record, run) }
        let isCheck = if case .check = record.step.act { true } else { false }
        guard !record.hooks.isEmpty else {
            // None was there to be asked when the step began.
            guard targets(hook, place, run).isEmpty else {
                giveHooks(hook, place, record, run)
                return .waiting("hook \(hook) runs")
            }
            return .waiting("no node that can be reached has a handler of type hook.\(hook)")
        }
        let open = record.hooks.filter { $0.isDone == nil }
        if !open.isEmpty {
            return .waiting("hook \(hook) runs on \(short(open.map(\.node.text)))")
        }
        let failed = record.hooks.filter { $0.isDone == false }
        if failed.isEmpty {
            return .done("hook \(hook) is done on \(counted(record.hooks.count, "node"))")
        }
        let text = short(failed.map { "\($0.node): \($0.text)" })
        guard isCheck else { return .failed("hook \(hook): \(text)") }
        return askAgain(text) { machine in machine.giveHooks(hook, place, record, run) }
    }

    /// A check that said no is asked again after a pause.
    private mutating func askAgain(
        _ text: String,
        _ ask: (inout ControllerMachine) -> Void
    ) -> StepProgress {
        let pause = Duration.seconds(1)
        let at = runs.retryAt ?? now.instant + pause
        runs.retryAt = at
        guard now.instant >= at else {
            expect(by: at)
            return .waiting(text)
        }
        runs.retryAt = nil
        ask(&self)
        return .waiting(text)
    }

    private mutating func lookAtCall(
        _ hook: HookName,
        _ record: RunStepRecord,
        _ run: RunRecord
    ) -> StepProgress {
        let waiting = StepProgress.waiting("hook \(hook) runs on the controller's host")
        let mine: [HookPurpose] = [.act(run.id, record.index), .probe(run.id, record.index)]
        if runs.calls.values.contains(where: { mine.contains($0) }) { return waiting }
        if let at = runs.retryAt, now.instant < at {
            expect(by: at)
            return .waiting(run.text)
        }
        runs.retryAt = nil
        // Begun by a controller that is gone: whether it has had its effect is asked first.
        if runs.isResumed, let verify = record.step.verify {
            call(verify, .probe(run.id, record.index), record, run)
        } else {
            call(hook, .act(run.id, record.index), record, run)
        }
        return waiting
    }

    mutating func cancelHooks(of record: RunStepRecord) {
        for hook in record.hooks where hook.isDone == nil { _ = work.cancel(hook.task) }
    }

    /// Hooks and sandbox tasks of a step that nobody waits for any more, and that have not ended: they
    /// were told to, and have their time for it. Neither the next attempt nor what undoes them begins
    /// beside them, and a drill does not end; on a node that is lost they have ended when its lease
    /// has. Only a step that is left out does not hold up the next one.
    func endingHooks(of record: RunStepRecord) -> [RunStepRecord.HookTask] {
        record.hooks.filter { work.isUnderWay($0.task) }
    }

    /// The work says how hooks on nodes have ended.
    mutating func noteHookEnds(_ ends: [HookEnd]) {
        guard !ends.isEmpty, let run = runs.liveRun,
            let record = runs.stepRecords[.init(run: run.id, index: run.step)]
        else { return }
        for end in ends {
            guard let place = record.hooks.firstIndex(where: { $0.task == end.task }) else {
                continue
            }
            let line = end.text.unicodeScalars.map { $0.isPlain ? String($0) : " " }.joined()
            amendStep(record) {
                $0.hooks[place].isDone = end.isDone
                $0.hooks[place].text = kept(line, bytesMax: 200)
            }
        }
    }
}

extension ServiceReport {
    /// Nothing of it runs, and nothing will without an order.
    var hasStopped: Bool { !isWanted && isGone }

    /// Nothing of it runs now. One that has failed may still have a process: of a check that fails.
    var isGone: Bool { state == .stopped || (state == .failed && processID == nil) }
}
