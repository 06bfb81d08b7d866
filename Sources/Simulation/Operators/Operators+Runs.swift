import AgentCore
import ControllerCore
import Model
import Protocol

// What operators do with sites: legal orders and others, and what they know of the world: they never
// say that a machine is off before they have switched it off.

extension Operators {
    /// A plan with hooks, questions and everything that can be undone, beside the derived ones.
    func writePlans() {
        guard world.plan.has(.runs) else { return }
        if world.data != nil {
            let seconds = DataWorld.objective.wholeSeconds
            insist(.set(.cluster, key: "data.\(DataWorld.name).rpo", value: "\(seconds)s")) {}
        }
        let redirect = PlanStep(
            name: "redirect",
            act: .hook("redirect", .controller),
            timeout: .seconds(20),
            retries: 1,
            retryDelay: .seconds(1),
            verify: "is-redirected",
            undo: "redirect-back",
            onFailure: .rollBack
        )
        var promote = redirect
        promote.name = "promote"
        promote.act = .hook("promote", .controller)
        promote.verify = nil
        promote.undo = nil
        promote.onFailure = .ask
        let steps = [
            PlanStep(name: "gate", act: .gate, timeout: .seconds(10)),
            redirect,
            PlanStep(
                name: "may-we",
                act: .ask("shall we?"),
                timeout: .seconds(60),
                onFailure: .rollBack
            ),
            PlanStep(name: "drain", act: .drainTasks, timeout: .seconds(10)),
            PlanStep(
                name: "stop-app",
                act: .stop(.from, groups: [], .exclusive),
                timeout: .seconds(20),
                onFailure: .skip
            ),
            PlanStep(name: "fence", act: .fence(with: "power-off"), timeout: .seconds(120)),
            PlanStep(name: "activate", act: .activate),
            promote,
            PlanStep(
                name: "start",
                act: .start(groups: [], .all),
                timeout: .seconds(60),
                retries: 2
            ),
            PlanStep(name: "verify", act: .verify, timeout: .seconds(60), onFailure: .skip),
            PlanStep(
                name: "sessions",
                act: .stop(.from, groups: [], .drainable),
                timeout: .seconds(30),
                onFailure: .skip
            ),
        ]
        // In a siege a failover goes by the plan that is derived: it fences at once.
        let kinds: [RunKind] = world.plan.has(.siege) ? [.switchover] : [.switchover, .failover]
        insist(.setPlan(PlanDraft(name: "written", kinds: kinds, steps: steps))) {}
    }

    /// With and without the words that accept a loss, and with the right number and others.
    private func someRequest(_ kind: RunKind, to site: SiteName) -> RunRequest {
        var request = RunRequest(kind: kind, to: site)
        guard let data = world.data, let machine = world.controller.machine else { return request }
        request.acceptsLoss = data.happens(perMille: kind == .failover ? 450 : 100)
        let count = machine.openDivergences(of: site).reduce(0) { $0 + $1.count }
        if count > 0, data.happens(perMille: 600) {
            request.acceptedDivergence = data.happens(perMille: 800) ? count : count + 1
            if request.acceptedDivergence == count { data.accepted[site] = count }
        }
        return request
    }

    func someRunVerb() -> Command.Verb {
        let machine = world.controller.machine
        let live = machine?.runs.liveRun
        let id = live?.id ?? RunID(1)
        let active = machine?.cluster.activeSite ?? "a"
        let other: SiteName = active == "a" ? "b" : "a"
        switch world.chance.below(20) {
        case 0...4: return .startRun(someRequest(.switchover, to: other))
        case 5...8: return .startRun(someRequest(.failover, to: other))
        // Without hooks, by the plan that is derived.
        case 9: return .startRun(someRequest(.failback, to: other))
        case 10: return .startRun(RunRequest(kind: .switchover, to: active))
        case 11: return .startRun(RunRequest(kind: .drill, to: other))
        case 12, 13: return .retryStep(id)
        case 14: return .skipStep(id)
        case 15: return .abortRun(id)
        case 16, 17: return .answerRun(id, isYes: world.happens(perMille: 800))
        case 18: return .setSiteForm(other, isWarm: world.happens(perMille: 500))
        default:
            let name = machine?.nodes.values.first { $0.record.site == other }?.record.name
            let pair = machine?.nodes.values.first { $0.record.site == active }?.record.name
            return world.happens(perMille: 700)
                ? .pairNodes(standby: name ?? "nobody", production: pair ?? "nobody")
                : .unpairNode(name ?? "nobody")
        }
    }

    /// The site seems lost: the other one is to take over.
    func failOver(from site: SiteName) {
        guard let active = world.controller.machine?.cluster.activeSite, active == site else {
            return
        }
        ask(.startRun(someRequest(.failover, to: site == "a" ? "b" : "a")), force: true)
    }

    /// Lifts the brake, or has automatic failovers paused for a while.
    func tendAutomatic() {
        if world.happens(perMille: 400) {
            return ask(.liftBrake, reason: "it was looked at")
        }
        guard world.happens(perMille: 400) else { return }
        ask(.pauseAutomatic, reason: "network work")
        world.after(world.between(20 * second, 60 * second)) { _ in
            self.ask(.resumeAutomatic)
        }
    }

    /// Looks at a run as an operator does who wants it to end: switches off what cannot be reached and
    /// says so, answers, tries again.
    func tendRun(isCalm: Bool) {
        guard let machine = world.controller.machine, let run = machine.runs.liveRun else { return }
        let steps = machine.runs.steps(of: run.id)
        guard steps.indices.contains(Int(run.step)) else { return }
        let record = steps[Int(run.step)]
        if run.state == .asking {
            // What is missing at the gate does not come by itself.
            if isCalm, case .gate = record.step.act { return ask(.abortRun(run.id)) }
            // What fails again and again is left out, where that may be.
            let mayLeaveOut = !record.step.act.isSafetyStep
            if mayLeaveOut, world.happens(perMille: 300) {
                return ask(
                    .skipStep(run.id, step: record.step.name),
                    reason: "it does not matter"
                )
            }
            if !run.isActivated, world.happens(perMille: isCalm ? 300 : 100) {
                return ask(.abortRun(run.id))
            }
            return ask(.retryStep(run.id, step: record.step.name))
        }
        if isCalm, record.step.act.word == "start" || record.step.act.word == "verify" {
            bringIn(run.to, machine)
        }
        if case .ask = record.step.act { return ask(.answerRun(run.id, isYes: true)) }
        // The data does not come: nobody waits for ever.
        if isCalm, record.step.act.isSafetyStep, run.text.contains("data set "), !run.isActivated,
            world.happens(perMille: 300)
        {
            return ask(.abortRun(run.id))
        }
        guard record.step.act.isSafetyStep, run.isFenced, !run.isActivated else { return }
        if certifyRebooted(run, machine) || isCalm { return }
        let fenced = machine.runs.fences(of: run.id).map(\.node)
        let open = machine.nodes.values.first {
            $0.record.site == run.from && $0.record.membership == .joined
                && !fenced.contains($0.record.id) && $0.reachability == .unreachable
                && !(world.plan.has(.siege) && $0.record.fencesItself == true)
        }
        if let open { switchOffAndSay(open.record, run.id) }
    }

    /// Nodes that were taken out are let in again, for a run that waits for them.
    private func bringIn(_ site: SiteName, _ machine: ControllerMachine) {
        for member in machine.nodes.values where member.record.site == site {
            let record = member.record
            if record.drain != nil || record.cordon != nil { ask(.uncordon(record.name)) }
            if record.maintenance != nil { ask(.endMaintenance(record.name)) }
            for service in record.stoppedServices {
                ask(.service(.start, service, record.name))
            }
        }
    }

    /// A machine that was rebooted runs nothing of before; that it is no copy is looked at.
    private func certifyRebooted(_ run: RunRecord, _ machine: ControllerMachine) -> Bool {
        let fenced = machine.runs.fences(of: run.id).map(\.node)
        let open = machine.nodes.values.first { member in
            member.record.site == run.from && member.record.membership == .joined
                && !fenced.contains(member.record.id) && machine.isOtherMachine(member)
                && world.checks.hosts(of: member.record.id).count == 1
        }
        guard let open else { return false }
        ask(.certifyNode(run.id, open.record.name), reason: "it was rebooted, and is the only one")
        return true
    }

    private func switchOffAndSay(_ record: NodeRecord, _ run: RunID) {
        world.switchOff(record.id)
        ask(.certifyNode(run, record.name), reason: "power was cut")
    }
}

extension PlanAct {
    /// Nobody may leave these out.
    var isSafetyStep: Bool { word == "fence" || word == "activate" }
}

extension World {
    /// Every machine that has the node's identity loses its power, and has it again some time later.
    func switchOff(_ node: NodeID) {
        for host in hosts where host.identity?.node == node {
            host.reboot()
            after(between(5 * second, 30 * second)) { _ in host.boot() }
        }
    }

    /// What the hooks of the controller's host do in this world.
    func carryOut(_ hook: HookCall) {
        say("hook", "\(hook.name) \(hook.variables.map(\.description).joined(separator: " "))")
        let life = controller.process.life
        let fails = plan.has(.hookFails) && !isCalm && happens(perMille: 250)
        let isLate = plan.has(.hookFails) && !isCalm && happens(perMille: 100)
        checks.hookBegins(hook)
        after(between(10 * millisecond, isLate ? 30 * second : second)) { world in
            if world.cancelledHooks.contains(where: { $0 == (life, hook.id) }) { return }
            var isDone = !fails
            switch hook.name.text {
            case "redirect": if !fails { world.isRedirected = true }
            case "redirect-back": if !fails { world.isRedirected = false }
            case "is-redirected": isDone = world.isRedirected && !fails
            case "power-off":
                let target = hook.variables.first { $0.name == "TARGET" }?.value
                let member = target.flatMap { NodeName($0) }
                    .flatMap { world.controller.machine?.member(named: $0) }
                if !fails, let member { world.switchOff(member.record.id) }
                isDone = !fails && member != nil
            default: break
            }
            world.controller.process.run(in: world, life: life) { world in
                world.controller.step(
                    .hookEnded(hook.id, isDone: isDone, text: isDone ? "done" : "it failed")
                )
            }
        }
    }
}
