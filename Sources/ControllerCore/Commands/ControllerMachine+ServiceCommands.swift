import Model
import Protocol

// Starting, stopping and restarting services by order of an operator.

extension ControllerMachine {
    mutating func orderService(
        _ action: ServiceAction,
        _ service: ServiceName?,
        on name: NodeName,
        by: String
    ) throws(Refused) -> Reply.Outcome {
        let id = try joined(name)
        guard let member = nodes[id] else {
            throw Refused(.unknownName, "there is no node \(name)")
        }
        let services: [ServiceName]
        if let service {
            guard
                member.services[service] != nil
                    || member.record.stoppedServices.contains(service)
            else {
                let known = member.services.keys.map(\.text)
                throw Refused(
                    .unknownName,
                    "node \(name) has no service \(service)",
                    mend: NearestName.to(service.text, among: known).map { "did you mean \($0)?" }
                        ?? "muster service list --node \(name)"
                )
            }
            services = [service]
        } else {
            services = member.services.keys
        }
        guard !services.isEmpty else {
            throw Refused(.notNow, "node \(name) has told of no service")
        }
        switch action {
        case .stop: return stop(services, on: id, name)
        case .start: return try start(services, on: id, member)
        case .restart: return try restart(services, on: id, member)
        }
    }

    private mutating func stop(
        _ services: [ServiceName],
        on id: NodeID,
        _ name: NodeName
    ) -> Reply.Outcome {
        amend(id) { record in
            for service in services where !record.stoppedServices.contains(service) {
                record.stoppedServices.append(service)
            }
            record.stoppedServices.sort()
        }
        reconcile(id, isCommanded: true)
        return ordered(services, on: id, "stop", name)
    }

    private mutating func start(
        _ services: [ServiceName],
        on id: NodeID,
        _ member: Member
    ) throws(Refused) -> Reply.Outcome {
        try checkMayRun(member)
        try checkHeld(services, member)
        amend(id) { record in
            record.stoppedServices.removeAll { services.contains($0) }
        }
        reconcile(id, isCommanded: true)
        // What should run already and has failed is started anew.
        for service in services {
            guard let report = nodes[id]?.services[service]?.report, report.isWanted,
                report.state == .failed, nodes[id]?.pendingOrders[service] == nil
            else { continue }
            give(.start(service), to: id)
        }
        return ordered(services, on: id, "start", member.record.name)
    }

    private mutating func restart(
        _ services: [ServiceName],
        on id: NodeID,
        _ member: Member
    ) throws(Refused) -> Reply.Outcome {
        try checkMayRun(member)
        guard member.isSynced else {
            throw Refused(
                .notNow,
                "node \(member.record.name) cannot be reached",
                mend: "muster node show \(member.record.name)"
            )
        }
        for service in services {
            guard isWanted(service, on: member) else {
                throw Refused(
                    .notNow,
                    "service \(service) of node \(member.record.name) is stopped by an operator",
                    mend: "muster service start \(service) --node \(member.record.name)"
                )
            }
        }
        let numbers = services.map { give(.restart($0), to: id) }
        return .done("restarting \(services.map(\.text).joined(separator: ", "))", orders: numbers)
    }

    private func checkMayRun(_ member: Member) throws(Refused) {
        let record = member.record
        try refuseWhileSettling()
        guard role(of: record.site) == .active else {
            throw Refused(
                .notNow,
                "site \(record.site) is a standby: its services do not run",
                mend: "the active site is \(cluster.activeSite)"
            )
        }
        guard !member.isCleared else {
            throw Refused(
                .notNow,
                "node \(record.name) is drained or in maintenance",
                mend: "muster node uncordon \(record.name)"
            )
        }
    }

    /// What a run has stopped, or not started yet, is the run's.
    private func checkHeld(_ services: [ServiceName], _ member: Member) throws(Refused) {
        for service in services {
            guard let report = member.services[service]?.report, !mayRun(report, on: member) else {
                continue
            }
            let run = runs.liveRun.map { "run \($0.id)" } ?? "a run"
            throw Refused(
                .notNow,
                "service \(service) of node \(member.record.name) is held: \(run) has stopped it, or "
                    + "starts it later",
                mend: runs.liveRun.map { "muster run show \($0.id)" }
                    ?? "muster site show \(member.record.site)"
            )
        }
    }

    private func ordered(
        _ services: [ServiceName],
        on id: NodeID,
        _ verb: String,
        _ name: NodeName
    ) -> Reply.Outcome {
        let numbers = services.compactMap { nodes[id]?.pendingOrders[$0] }
        let list = services.map(\.text).joined(separator: ", ")
        guard nodes[id]?.isSynced == true else {
            return .done(
                "\(verb) of \(list) is noted; node \(name) does it when it is reachable",
                orders: numbers
            )
        }
        return .done("\(verb) of \(list) on \(name)", orders: numbers)
    }
}
