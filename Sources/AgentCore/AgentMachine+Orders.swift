import Model
import Protocol

/// One order, from its arrival; its answer is kept, so that a repeated order gets the same one.
struct OrderEntry: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case start
        case stop
        case restart
        case preflight
    }

    enum Answer: Hashable, Sendable {
        case done
        case failed(String)
        case refused(RefusalCode, String)
    }

    /// Orders and answers kept; the oldest answered one gives way.
    static let countMax = 512
    /// Longest time that preflight checks may take.
    static let preflightTimeout: Duration = .seconds(120)

    var kind: Kind
    var service: ServiceName?
    var token: FencingToken
    var answer: Answer?
    /// Its wish is durable: from now on its outcome may be told.
    var isActing = false
    var deadline: Instant?
    /// Of preflight: a probe, which has failed when its one finding has.
    var isProbe = false
    /// For a restart: the launch that must be followed by another.
    var launchBefore: LaunchID?

    var nextDeadline: Instant? { answer == nil && isActing ? deadline : nil }
}

struct LastOrder: Hashable, Sendable {
    var order: UInt64
    var token: FencingToken
}

extension AgentMachine {
    // MARK: Service orders

    mutating func ordered(
        _ kind: OrderEntry.Kind,
        _ order: ServiceOrder,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        guard session != nil, !isRepeated(order.order, &effects) else { return }
        if let (code, text) = reasonToRefuse(kind, order) {
            if code == .staleToken { note(.staleOrder, "order \(order.order): \(text)", &effects) }
            effects.sends.append(.refused(order: order.order, code: code, text: text))
            return
        }
        guard makeRoom(for: order.order, &effects) else { return }
        let name = order.service
        for (number, entry) in orders
        where entry.service == name && entry.answer == nil && entry.kind != .preflight {
            answer(number, .failed("overtaken by order \(order.order)"), &effects)
        }
        lastOrders[name] = LastOrder(order: order.order, token: order.token)
        orders[order.order] = OrderEntry(kind: kind, service: name, token: order.token)
        see(order.token)
        memory.wishes[name] = AgentMemory.Wish(isWanted: kind != .stop, token: order.token)
        // Stopping does not wait for the disk; saying that it is done does.
        if kind == .stop { services.update(name) { $0.orderStop() } }
        write(.carryOut(order: order.order))
    }

    private mutating func isRepeated(_ order: UInt64, _ effects: inout AgentEffects) -> Bool {
        guard let entry = orders[order] else { return false }
        if let answer = entry.answer { effects.sends.append(answer.message(order: order)) }
        return true
    }

    private func reasonToRefuse(
        _ kind: OrderEntry.Kind,
        _ order: ServiceOrder
    ) -> (RefusalCode, String)? {
        if let refusal = reasonToRefuse(order.token) { return refusal }
        guard let service = services[order.service], undefined[order.service] == nil else {
            return (.unknownName, "no service \(order.service) is defined on this node")
        }
        if let last = lastOrders[order.service], last.order > order.order,
            last.token >= order.token
        {
            return (.staleToken, "overtaken by order \(last.order)")
        }
        guard kind != .stop else { return nil }
        if isIdleStandby, service.definition.kind == .exclusive {
            return (.notNow, "the site is standby and \(order.service) is exclusive")
        }
        if !isStateWritable {
            return (.storage, "the agent cannot write its state: see the node's log")
        }
        return nil
    }

    func reasonToRefuse(_ token: FencingToken) -> (RefusalCode, String)? {
        if token < memory.highest {
            return (.staleToken, "token \(token) is older than \(memory.highest)")
        }
        if token.session != memory.highest.session {
            return (.staleToken, "token \(token) is not of the present session")
        }
        return nil
    }

    /// The wish is durable.
    mutating func carryOut(_ order: UInt64, at now: Instant, _ effects: inout AgentEffects) {
        guard let entry = orders[order], entry.answer == nil, let name = entry.service,
            let service = services[name]
        else { return }
        raiseAuthority(to: entry.token)
        orders.update(order) { $0.isActing = true }
        guard (memory.wishes[name]?.isWanted ?? false) == (entry.kind != .stop) else {
            return answer(order, .failed("the site's part changed meanwhile"), &effects)
        }
        let definition = service.definition
        let grace = configuration.timing.stopGrace + .seconds(1)
        var limit = definition.stopTimeout + grace
        if entry.kind != .stop { limit = limit + definition.startTimeout }
        orders.update(order) { $0.deadline = now + limit }
        let done: ServiceEffects?
        switch entry.kind {
        case .start: done = services.update(name) { $0.orderStart(token: entry.token, at: now) }
        case .restart:
            orders.update(order) { $0.launchBefore = service.held?.launch }
            done = services.update(name) { $0.orderRestart(token: entry.token, at: now) }
        case .stop, .preflight: done = nil
        }
        if let done {
            effects.leashes += done.leashes
            effects.checks += done.checks
        }
    }

    /// Says of every order that is being carried out whether its end is reached.
    mutating func answerOrders(at now: Instant, _ effects: inout AgentEffects) {
        for (order, entry) in orders where entry.answer == nil && entry.isActing {
            if let found = outcome(of: entry, at: now) { answer(order, found, &effects) }
        }
    }

    private func outcome(of entry: OrderEntry, at now: Instant) -> OrderEntry.Answer? {
        let isLate = entry.deadline.map { $0 <= now } ?? false
        guard entry.kind != .preflight else {
            return isLate ? .failed("the preflight checks did not end in time") : nil
        }
        guard let name = entry.service, let service = services[name] else {
            return .failed("the service is no longer defined on this node")
        }
        let isGone = service.held == nil && !isStray(name)
        if entry.kind == .stop {
            if isGone { return .done }
            return isLate ? .failed(service.detail) : nil
        }
        let isLaunched = service.held != nil && service.held?.launch != entry.launchBefore
        switch service.state {
        case .running where isLaunched: return .done
        case .failed: return .failed(service.detail)
        case .stopped, .starting, .running, .stopping, .backoff:
            return isLate ? .failed("not running in time: \(service.detail)") : nil
        }
    }

    private mutating func answer(
        _ order: UInt64,
        _ answer: OrderEntry.Answer,
        _ effects: inout AgentEffects
    ) {
        orders.update(order) { $0.answer = answer }
        if session != nil { effects.sends.append(answer.message(order: order)) }
    }

    private mutating func makeRoom(for order: UInt64, _ effects: inout AgentEffects) -> Bool {
        guard orders.count >= OrderEntry.countMax else { return true }
        if let oldest = orders.first(where: { $0.1.answer != nil }) {
            orders[oldest.0] = nil
            return true
        }
        effects.sends.append(
            .refused(
                order: order,
                code: .tooFast,
                text: "\(OrderEntry.countMax) orders wait for their end already"
            )
        )
        return false
    }

    // MARK: Preflight

    mutating func preflightOrdered(
        _ order: UInt64,
        _ token: FencingToken,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        guard beginPreflight(order, token, at: now, &effects) else { return }
        effects.preflight.append(.everything(order: order))
    }

    mutating func probeOrdered(
        _ probe: Probe,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        guard session != nil else { return }
        guard configuration.sharedPaths.contains(probe.path) else {
            let text = "this node does not list that path as shared"
            effects.sends.append(.refused(order: probe.order, code: .forbidden, text: text))
            return
        }
        let isPlain = probe.marker.utf8.allSatisfy {
            (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
        }
        guard isPlain, (1...64).contains(probe.marker.utf8.count) else {
            let text = "a marker is 1 to 64 letters and digits"
            effects.sends.append(.refused(order: probe.order, code: .invalid, text: text))
            return
        }
        guard beginPreflight(probe.order, probe.token, at: now, &effects) else { return }
        orders.update(probe.order) { $0.isProbe = true }
        effects.preflight.append(.probe(probe))
    }

    /// Checks only look: a repeated order looks again.
    private mutating func beginPreflight(
        _ order: UInt64,
        _ token: FencingToken,
        at now: Instant,
        _ effects: inout AgentEffects
    ) -> Bool {
        guard session != nil else { return false }
        if let entry = orders[order], entry.kind != .preflight || entry.answer == nil {
            return false
        }
        if let (code, text) = reasonToRefuse(token) {
            note(.staleOrder, "order \(order): \(text)", &effects)
            effects.sends.append(.refused(order: order, code: code, text: text))
            return false
        }
        if orders[order] == nil, !makeRoom(for: order, &effects) { return false }
        var entry = OrderEntry(kind: .preflight, service: nil, token: token)
        entry.isActing = true
        entry.deadline = now + OrderEntry.preflightTimeout
        orders[order] = entry
        return true
    }

    mutating func found(
        _ findings: [PreflightFinding],
        for order: UInt64,
        _ effects: inout AgentEffects
    ) {
        guard let entry = orders[order], entry.kind == .preflight, entry.answer == nil else {
            return
        }
        if session != nil {
            for finding in findings {
                effects.sends.append(
                    .finding(
                        Finding(
                            order: order,
                            check: finding.check,
                            outcome: finding.outcome,
                            text: finding.text,
                            mend: finding.mend
                        )
                    )
                )
            }
        }
        let failure = findings.first { $0.outcome == .failed }
        if entry.isProbe, let failure {
            answer(order, .failed(failure.text), &effects)
        } else {
            answer(order, .done, &effects)
        }
    }
}

extension OrderEntry.Answer {
    func message(order: UInt64) -> AgentMessage {
        switch self {
        case .done: .done(order: order)
        case .failed(let text): .failed(order: order, text: text)
        case .refused(let code, let text): .refused(order: order, code: code, text: text)
        }
    }
}
