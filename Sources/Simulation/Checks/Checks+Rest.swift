import AgentCore
import ControllerCore
import Model

// What must be true when nothing has gone wrong for a while.

extension Checks {
    /// The last look: the store, and every machine against its inputs.
    func final() {
        let host: ControllerHost = world.controller
        if host.durableTicket == host.lastTicket { compareStore() }
        compareReplay()
        for host in world.hosts where host.process.isAlive { compareReplay(of: host) }
        world.work?.checks.final()
    }

    /// - Returns: what is not at rest yet; nil when everything is.
    func unrest() -> String? {
        guard let machine = world.controller.machine else { return "the controller does not run" }
        if let problem = unrestOfRestore(machine) { return problem }
        if let problem = unrestOfRuns(machine) { return problem }
        for host in world.hosts where !host.isClone {
            guard let identity = host.identity else { return "\(host.name) has not joined" }
            guard let member = machine.nodes[identity.node] else {
                return "\(host.name) is not known as \(identity.node)"
            }
            if let problem = unrest(of: host, member, machine) { return problem }
        }
        for order in machine.orders.values
        where !order.isEnded && machine.nodes[order.node]?.record.membership == .joined {
            return "order \(order.id) to \(order.action.verb) is \(order.state.rawValue)"
        }
        return world.work?.checks.unrest() ?? unrestOfNotices(machine)
    }

    private func unrest(
        of host: AgentHost,
        _ member: Member,
        _ machine: ControllerMachine
    ) -> String? {
        let record = member.record
        if record.membership == .removed { return nil }
        guard record.membership == .joined else { return "\(record.name) is being removed" }
        guard host.process.isAlive, host.machine?.isInSession == true else {
            return "\(record.name) has no session: \(machine.assess(member).reason)"
        }
        let isCleared =
            (record.drain.map { !$0.keepServices } ?? false)
            || (record.maintenance.map { !$0.keepServices } ?? false)
        let assessment = machine.assess(member)
        if assessment.status != record.status {
            return "\(record.name) is shown \(record.status) and is \(assessment.status)"
        }
        let isActive = record.site == machine.cluster.activeSite
        for definition in host.definitions {
            let isWarm =
                definition.kind == .drainable && machine.sites[record.site]?.isWarm == true
            let isWanted =
                (isActive || isWarm) && !isCleared && record.isAdmitted
                && !record.stoppedServices.contains(definition.name)
            let runs = host.leashes.contains {
                $0.launch.service == definition.name && $0.isRunningSomething
            }
            if isWanted != runs {
                let state = host.machine?.serviceReports(at: host.localNow)
                    .first { $0.name == definition.name }
                return "\(definition.name) of \(record.name) \(runs ? "runs" : "does not run"): "
                    + "\(state?.state.rawValue ?? "unknown") (\(state?.detail ?? "")), "
                    + assessment.reason
            }
            if isWanted, member.services[definition.name]?.report.state != .running {
                return "\(definition.name) of \(record.name) is not known to run"
            }
        }
        let isStopped = host.definitions.contains {
            $0.isRequired && record.stoppedServices.contains($0.name)
        }
        let shouldBeOnline = !isCleared && !(isActive && isStopped)
        if shouldBeOnline != (record.status == .online) {
            return "\(record.name) is \(record.status): \(assessment.reason)"
        }
        if member.configurationVersion != machine.cluster.configurationVersion {
            return "\(record.name) has the configuration "
                + "\(member.configurationVersion.map { "\($0)" } ?? "unknown")"
        }
        return nil
    }
}
