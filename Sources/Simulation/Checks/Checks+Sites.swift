import AgentCore
import ControllerCore
import Model
import Protocol

// Never two sites active: looked at in real time, which no machine knows, and in what is durable.

extension Checks {
    /// The durable fact.
    var durableCluster: ClusterRecord? {
        guard case .cluster(let cluster)? = world.controller.store.record(.cluster, "cluster")
        else {
            return nil
        }
        return cluster
    }

    /// A run is fencing, as far as is durable.
    var isNobodyActive: Bool {
        runsSeen.values.contains { !$0.state.isEnded && $0.isFenced && !$0.isActivated }
    }

    /// Of a machine whose identity was copied or set back, what it says of itself may be another's.
    func isDoubtful(_ host: AgentHost) -> Bool {
        host.isClone || host.identity.flatMap { nodes[$0.node]?.isDoubtful } ?? false
    }

    /// Whether it is known of it where it runs: of a copied machine only what ends with its lease.
    private func isCounted(_ leash: LeashHost) -> Bool {
        isExclusive(leash) && (leash.isSelfFenced || !isDoubtful(leash.host))
    }

    /// A run that lets tasks drain has only the node's word, of what is exclusive there.
    func letsDrain(_ fence: FenceRecord) -> Bool {
        fence.proof == .statement && runsSeen[fence.run]?.tasksLinger ?? false
    }

    /// The same where drainable tasks may not go on either.
    private func isCounted(_ leash: LeashHost, by fence: FenceRecord) -> Bool {
        if isCounted(leash) { return true }
        guard let task = leash as? TaskLeash, let checks = world.work?.checks, !letsDrain(fence)
        else { return false }
        return checks.isDrainable(task) && !checks.mayOverlap(task.attempt)
            && (leash.isSelfFenced || !isDoubtful(leash.host))
    }

    private func isExclusive(_ leash: LeashHost) -> Bool {
        if let service = leash as? ServiceLeash {
            return service.definition.kind == .exclusive && service.drill == nil
        }
        if leash is WriterLeash { return true }
        guard let task = leash as? TaskLeash, let checks = world.work?.checks else { return false }
        return !checks.mayOverlap(task.attempt) && !checks.isDrainable(task)
    }

    /// I0, form A: what must not act twice runs on one site alone, at every real instant; and only on
    /// the one that is durably active.
    func checkSite(of leash: LeashHost) {
        guard isCounted(leash) else { return }
        let site = leash.host.site
        if let active = trueActiveSite, active != site {
            world.fail("I0: \(leash.name) starts on site \(site), and \(active) is durably active")
        }
        for host in world.hosts where host.site != site {
            for other in host.allLeashes where other.isRunningSomething && isCounted(other) {
                world.fail("I0: \(leash.name) of site \(site) starts, and \(other.name) runs")
            }
        }
    }

    /// What runs for a drill has a token that production refuses, and nothing else has.
    func checkDrill(_ host: AgentHost, _ id: LaunchID, _ launch: Launch, _ drill: String?) {
        let text = launch.environment.first { $0.name == "MUSTER_TOKEN" }?.value ?? ""
        guard let token = FencingToken(text) else {
            return world.fail("\(host.name) launches \(id) without a token")
        }
        let isIsolated = token.epoch.generation == 0
        if isIsolated != (drill != nil) {
            world.fail("\(host.name) launches \(id) under \(token), drill \(drill ?? "none")")
        }
        if drill != nil, host.toldDrill.map({ "\($0)" }) != drill || host.toldRole != .standby {
            world.fail("\(host.name) launches \(id) for drill \(drill ?? ""), which it is not in")
        }
    }

    /// I1: whoever is recorded as fenced does nothing until the run has ended or was rolled back.
    func checkRunFences() {
        guard let machine = world.controller.machine, let run = machine.runs.liveRun, run.isFenced,
            !runsOfBackup.contains(run.id)
        else { return }
        for fence in machine.runs.fences(of: run.id) {
            for host in hosts(of: fence.node) {
                for leash in host.allLeashes
                where leash.isRunningSomething && isCounted(leash, by: fence) {
                    world.fail(
                        "I1: \(fence.name) counts as fenced (\(fence.proof.rawValue)), and "
                            + "\(leash.name) runs"
                    )
                }
            }
        }
    }

    /// The same at the very moment at which the proof is written.
    private func checkProof(_ fence: FenceRecord) {
        for host in hosts(of: fence.node) {
            for leash in host.allLeashes
            where leash.isRunningSomething && isCounted(leash, by: fence) {
                world.fail(
                    "I1: \(fence.name) is written down as fenced (\(fence.proof.rawValue)), and "
                        + "\(leash.name) runs"
                )
            }
        }
    }

    /// What a transaction is about to make durable of runs and of the active site.
    func commitsSites(_ entries: [JournalEntry]) {
        for entry in entries {
            switch entry {
            case .put(.cluster(let cluster)): moves(to: cluster, entries)
            case .event(let event): commitsAutomatic(event)
            case .put(.run(let run)): follows(run, entries)
            case .put(.fence(let fence)):
                checkProof(fence)
                fencesSeen.insert("\(fence.run)/\(fence.node)")
            default: break
            }
        }
    }

    private func moves(to cluster: ClusterRecord, _ entries: [JournalEntry]) {
        guard let before = durableCluster, before.activeSite != cluster.activeSite else { return }
        if cluster.epoch <= before.epoch {
            world.fail("another site becomes active under the same epoch \(cluster.epoch)")
        }
        guard let machine = world.controller.machine else { return }
        if let run = machine.runs.liveRun { world.data?.moves(run) }
        for member in machine.nodes.values where member.record.site == before.activeSite {
            switch member.record.membership {
            case .invited, .removed: continue
            case .joined, .removing: break
            }
            let isProven = fencesSeen.contains { $0.hasSuffix("/\(member.record.id)") }
            if !isProven {
                world.fail(
                    "site \(cluster.activeSite) is activated, \(member.record.name) unfenced"
                )
            }
        }
        for host in world.hosts where host.site == before.activeSite {
            for leash in host.allLeashes where leash.isRunningSomething && isCounted(leash) {
                world.fail("I0: site \(cluster.activeSite) is activated, and \(leash.name) runs")
            }
        }
    }

    /// A run goes forward, ends once, and is only rolled back before its point of no return.
    private func follows(_ run: RunRecord, _ entries: [JournalEntry]) {
        defer { runsSeen[run.id] = run }
        if run.isFenced, runsSeen[run.id]?.isFenced == false { world.data?.givesUp(run) }
        guard let before = runsSeen[run.id] else {
            checkExplained(run, entries)
            if run.step != 0 || run.state != .running { world.fail("run \(run.id) begins late") }
            if let other = runsSeen.values.first(where: { !$0.state.isEnded }) {
                world.fail("run \(run.id) begins, and run \(other.id) has not ended")
            }
            return
        }
        // What its report is sealed with is noted once, as it ends.
        var sealed = before
        if sealed.losses == nil { sealed.losses = run.losses }
        if before.state.isEnded, sealed != run {
            world.fail("run \(run.id) has ended and is changed")
        }
        let isGivenUp = entries.contains {
            if case .audit(let audit) = $0 {
                audit.reason == "given up after a restore"
            } else {
                false
            }
        }
        let isBackwards = (run.state == .rollingBack || run.state == .aborted) && !isGivenUp
        if isBackwards, run.isActivated { world.fail("run \(run.id) is rolled back too late") }
        if before.state == .rollingBack, !isBackwards, !isGivenUp {
            world.fail("run \(run.id) goes on again")
        }
        if run.kind == .drill, run.state == .done, before.state != .done { checkDrillEnd(run) }
        if run.step < before.step, !isBackwards { world.fail("run \(run.id) takes a step again") }
        if run.step > before.step + 1 { world.fail("run \(run.id) leaves a step out") }
        if let epoch = before.epochAfter, run.epochAfter != epoch {
            world.fail("run \(run.id) has two epochs")
        }
        if run.isFenced, !before.isFenced { fencesSeen = [] }
    }

    /// A drill that has passed leaves nothing behind, unless somebody has left its end out.
    private func checkDrillEnd(_ run: RunRecord) {
        guard let machine = world.controller.machine else { return }
        let isLeftOut = machine.runs.steps(of: run.id).contains {
            $0.step.act == .endDrill && $0.state == .skipped
        }
        guard !isLeftOut else { return }
        for member in machine.membersOfSite(run.to) {
            for host in hosts(of: member.record.id) where !isDoubtful(host) {
                for leash in host.allLeashes where leash.isRunningSomething {
                    guard let service = leash as? ServiceLeash, service.drill == "\(run.id)" else {
                        continue
                    }
                    world.fail("drill \(run.id) has ended, and \(leash.name) of it runs")
                }
            }
        }
    }

    /// A hook's effect rests on what is durable.
    func hookBegins(_ hook: HookCall) {
        guard let run = world.controller.machine?.runs.liveRun,
            let text = hook.variables.first(where: { $0.name == "RUN" })?.value
        else { return }
        guard case .run? = world.controller.store.record(.run, run.id.storeKey), text == "\(run.id)"
        else { return world.fail("hook \(hook.name) runs before its run is durable") }
        if hook.name == "promote", durableCluster?.activeSite != run.to {
            world.fail("hook promote runs before site \(run.to) is durably active")
        }
    }

    /// When nothing goes wrong any more a run ends.
    func unrestOfRuns(_ machine: ControllerMachine) -> String? {
        guard let run = machine.runs.liveRun else { return nil }
        let steps = machine.runs.steps(of: run.id)
        let step = steps.indices.contains(Int(run.step)) ? steps[Int(run.step)].step.name.text : "?"
        if run.state == .running, run.text.isEmpty, steps[Int(run.step)].state == .running {
            return "run \(run.id) waits in step \(step) and does not say for what"
        }
        return "run \(run.id) is \(run.state.rawValue) in step \(step): \(run.text)"
    }
}
