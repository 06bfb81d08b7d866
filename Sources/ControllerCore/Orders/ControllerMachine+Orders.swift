public import Model
import Protocol

// Bringing the services of a node to where they should be, one level of their order at a time.

extension ControllerMachine {
    /// Whether a service should run on a node, by every rule there is.
    func isWanted(_ service: ServiceName, on member: Member) -> Bool {
        let record = member.record
        guard let report = member.services[service]?.report else { return false }
        return mayRun(report, on: member) && record.membership == .joined
            && record.isAdmitted && record.conflict == nil && !member.isCleared
            && !record.stoppedServices.contains(service)
    }

    /// An exclusive service runs on the active site alone, and in a drill of its own. A drainable one
    /// also on a warm standby, and on the site that a run has left, until the run stops it.
    public func mayRun(_ report: ServiceReport, on member: Member) -> Bool {
        let name = member.record.site
        guard let site = sites[name] else { return false }
        if site.held.holds(report) {
            // What already runs at a warm standby goes on while it becomes the active one.
            return report.isDrainable && site.isWarm && role(of: name) == .active
                && runs.liveRun?.to == name
        }
        if role(of: name) == .active { return true }
        if runs.drill(of: name) != nil, member.knowsDrills { return true }
        guard report.isDrainable else { return false }
        let isLeft = runs.liveRun.map { $0.lingers && $0.from == name } ?? false
        return site.isWarm || isLeft
    }

    /// Brings a node's services a step nearer to where they should be.
    ///
    /// - Parameter isCommanded: an operator's command asks for just this, and is audited itself.
    mutating func reconcile(_ id: NodeID, isCommanded: Bool = false) {
        guard mayAct, let member = nodes[id], member.isSynced, member.heldUntil == nil,
            now.instant >= member.reconcileNotBefore
        else { return }
        let ordered = member.services.values.map(\.report)
            .sorted { ($0.order, $0.name) < ($1.order, $1.name) }
        for report in ordered {
            let wanted = isWanted(report.name, on: member)
            // An order that is under way the other way has been overtaken.
            if let pending = member.pendingOrders[report.name], let order = orders[pending],
                contradicts(order.action, wanted: wanted)
            {
                supersedeOrder(for: report.name, of: id)
            }
            guard wanted != report.isWanted, nodes[id]?.pendingOrders[report.name] == nil else {
                continue
            }
            let action: Order.Action
            if wanted {
                // After a restore what still runs elsewhere has to speak first.
                guard settling == nil else { continue }
                guard mayStart(report, among: ordered, on: member) else { continue }
                action = .start(report.name)
            } else {
                guard mayStop(report, among: ordered, on: member) else { continue }
                action = .stop(report.name)
            }
            give(action, to: id)
            guard !isCommanded else { continue }
            auditOwn(
                "service.\(action.verb)",
                "\(member.record.name)/\(report.name)",
                reason: wanted ? "it should run here" : reasonToStop(report.name, on: member)
            )
        }
    }

    /// The rule by which a service should not run on a node: see ``isWanted(_:on:)``.
    private func reasonToStop(_ service: ServiceName, on member: Member) -> String {
        let record = member.record
        if role(of: record.site) != .active { return "site \(record.site) is on standby" }
        if let report = member.services[service]?.report, !mayRun(report, on: member) {
            return "a run has stopped its group"
        }
        if record.membership != .joined { return "the node is being removed" }
        if !record.isAdmitted { return "the node is not admitted yet" }
        if record.conflict != nil { return "the node's identity was seen twice" }
        if let maintenance = record.maintenance, !maintenance.keepServices {
            return "maintenance by \(maintenance.owner)"
        }
        if member.isCleared { return "the node is being drained" }
        return "an operator has stopped it"
    }

    private func contradicts(_ action: Order.Action, wanted: Bool) -> Bool {
        switch action {
        case .start, .restart: !wanted
        case .stop: wanted
        case .preflight, .probe: false
        }
    }

    /// Services of a lower order that should run come first; one that has failed does not hold up
    /// the others.
    private func mayStart(
        _ report: ServiceReport,
        among ordered: [ServiceReport],
        on member: Member
    ) -> Bool {
        ordered.allSatisfy { other in
            guard other.order < report.order, isWanted(other.name, on: member) else { return true }
            return other.state == .running || other.state == .failed
        }
    }

    private func mayStop(
        _ report: ServiceReport,
        among ordered: [ServiceReport],
        on member: Member
    ) -> Bool {
        ordered.allSatisfy { other in
            guard other.order > report.order, !isWanted(other.name, on: member) else { return true }
            return other.state == .stopped || other.state == .failed
        }
    }

    /// Makes an order and sends it, or leaves it waiting for the node's next session.
    @discardableResult
    mutating func give(_ action: Order.Action, to id: NodeID) -> UInt64 {
        let number = nextOrder
        nextOrder += 1
        if nextOrder > cluster.orderCeiling {
            cluster.orderCeiling = nextOrder + Limits.orderBlock
            put(.cluster(cluster))
        }
        orders[number] = Order(
            id: number,
            node: id,
            action: action,
            state: .waiting,
            text: "",
            at: now.wall
        )
        forgetEndedOrders()
        if let service = action.service {
            noteStart(action, service, of: id)
            supersedeOrder(for: service, of: id)
            touch(id) { $0.pendingOrders[service] = number }
        }
        transmit(number)
        return number
    }

    /// Only what has ended is forgotten, the oldest first: a site of a thousand nodes may have more under
    /// way than are kept.
    private mutating func forgetEndedOrders() {
        guard orders.count > ordersLookedAt else { return }
        var surplus = orders.count - Limits.ordersKept
        for (number, order) in orders where surplus > 0 && order.isEnded {
            orders[number] = nil
            surplus -= 1
        }
        // What could not be forgotten is not looked through again for each further order.
        ordersLookedAt = surplus > 0 ? orders.count + Limits.ordersKept / 4 : Limits.ordersKept
    }

    /// What was told to start may run, whether the node has said so or not.
    private mutating func noteStart(
        _ action: Order.Action,
        _ service: ServiceName,
        of id: NodeID
    ) {
        if case .stop = action { return }
        guard let member = nodes[id], let report = member.services[service]?.report,
            !report.isDrainable, !report.isSelfFenced,
            member.record.stickyMachine != member.record.machine
        else { return }
        amend(id) { $0.stickyMachine = $0.machine }
    }

    private mutating func transmit(_ number: UInt64) {
        guard let order = orders[number], let member = nodes[order.node],
            let link = member.link, link.phase == .synced
        else { return }
        let token = token(of: member.record)
        func serviceOrder(_ service: ServiceName) -> ServiceOrder {
            ServiceOrder(order: number, token: token, service: service)
        }
        func expectStart(_ service: ServiceName) {
            guard member.services[service]?.report.isSelfFenced ?? true else { return }
            touch(order.node) { $0.link?.fencedStarts[service] = number }
        }
        switch order.action {
        case .start(let service):
            expectStart(service)
            send(.start(serviceOrder(service)), to: link.connection)
        case .stop(let service): send(.stop(serviceOrder(service)), to: link.connection)
        case .restart(let service):
            expectStart(service)
            send(.restart(serviceOrder(service)), to: link.connection)
        case .preflight: send(.preflight(order: number, token: token), to: link.connection)
        case .probe: return
        }
        orders[number]?.state = .sent
    }

    /// After a new session: orders may be repeated freely, the node knows what it has done.
    mutating func repeatOrders(of id: NodeID) {
        guard let member = nodes[id], mayAct else { return }
        for (service, number) in member.pendingOrders {
            if member.services[service] == nil {
                supersedeOrder(for: service, of: id)
            } else {
                transmit(number)
            }
        }
    }

    mutating func supersedeOrder(for service: ServiceName, of id: NodeID) {
        guard let number = nodes[id]?.pendingOrders[service] else { return }
        orders[number]?.state = .superseded
        orders[number]?.endedAt = now.wall
        touch(id) { $0.pendingOrders[service] = nil }
    }

    /// What an order to start a service has done, the node has told by now; also of an order that
    /// was superseded meanwhile.
    private mutating func noteAnswer(to number: UInt64, of id: NodeID) {
        guard let started = nodes[id]?.link?.fencedStarts.first(where: { $0.1 == number }) else {
            return
        }
        touch(id) { $0.link?.fencedStarts[started.0] = nil }
    }

    mutating func endOrder(
        _ number: UInt64,
        of id: NodeID,
        _ state: Order.State,
        text: String
    ) {
        noteAnswer(to: number, of: id)
        // An answer for another node's order, or for one that has ended, decides nothing.
        guard let order = orders[number], order.node == id, !order.isEnded else { return }
        orders[number]?.state = state
        orders[number]?.text = text
        orders[number]?.endedAt = now.wall
        switch order.action {
        case .preflight, .probe: endPreflightOrder(number, of: id, state, text: text)
        case .start(let service), .stop(let service), .restart(let service):
            touch(id) { [now] in
                if $0.pendingOrders[service] == number { $0.pendingOrders[service] = nil }
                if state == .refused {
                    $0.reconcileNotBefore = now.instant + Limits.retryAfterRefusal
                }
            }
            if state == .refused { expect(by: now.instant + Limits.retryAfterRefusal) }
            guard state != .done, let name = nodes[id]?.record.name else { return }
            tell(
                .orderFailed,
                .warning,
                name.text,
                "Node \(name) has \(state == .refused ? "refused" : "failed") to "
                    + "\(order.action.verb) service \(service).",
                cause: text
            )
        }
    }
}

extension Order.Action {
    public var service: ServiceName? {
        switch self {
        case .start(let service), .stop(let service), .restart(let service): service
        case .preflight, .probe: nil
        }
    }

    public var verb: String {
        switch self {
        case .start: "start"
        case .stop: "stop"
        case .restart: "restart"
        case .preflight: "preflight"
        case .probe: "probe"
        }
    }
}
