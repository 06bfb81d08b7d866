import ControllerCore
import Model
import Protocol

// What the controller does, says and writes.

extension Checks {
    func controllerStarted() {
        controllerStart = world.controller.moment.instant
        forgivenAt = controllerStart
        notices.untoldSince = nil
        // What the first look finds lost was so when it started.
        automatic.belowSince = controllerStart
        automatic.silentSince = nil
        for node in nodes.keys {
            var durable: NodeRecord?
            if case .node(let record)? = world.controller.store.record(.node, node.text) {
                durable = record
            }
            nodes.update(node) { view in
                view.session = durable?.session ?? 0
                view.isHeld = durable?.conflict != nil
                view.lastHeard = nil
                view.losses = []
                view.lastLoss = nil
                view.welcomed = nil
            }
        }
    }

    func controllerEnds() {
        let host: ControllerHost = world.controller
        if host.durableTicket == host.lastTicket, host.committing == nil { compareStore() }
        compareReplay()
    }

    func controllerResumed() { resumedAt = world.now }

    // MARK: Steps

    func beforeControllerStep(_ event: ControllerEvent, at moment: Moment) {
        guard case .received(let connection, let message, _) = event,
            let node = world.controller.machine?.nodes.values.first(where: {
                $0.link?.connection == connection
            })?.record.id
        else { return }
        switch message {
        case .beat, .ready, .synced:
            change(node) { view in
                view.lastHeard = moment.instant
                view.arrivalBefore = view.lastArrival
                view.lastArrival = world.now
            }
            if case .ready = message { noteReady(connection, node) }
        default: break
        }
    }

    func afterControllerStep(
        _ event: ControllerEvent,
        _ effects: ControllerEffects,
        at moment: Moment
    ) {
        if case .command(let request, let caller, let command) = event {
            let audits = effects.journal.filter {
                if case .audit(let audit) = $0 { audit.source == caller.source } else { false }
            }
            if audits.count != 1 {
                world.fail("I11: \(command.verb.name) left \(audits.count) audit records")
            }
            if effects.replies.filter({ $0.request == request }).count != 1 {
                world.fail("\(command.verb.name) was not answered once")
            }
        }
        if case .received(let connection, .data(.seen(_, .canary(let canary))), _) = event {
            world.data?.heard(canary, on: connection)
        }
        if case .submitted(let request, _, _) = event,
            effects.replies.filter({ $0.request == request }).count != 1
        {
            world.fail("a submission was not answered once")
        }
        switch event {
        case .disconnected: checkReset(event, effects)
        case .deadlineReached: checkFences()
        default: break
        }
        for case .event(let event) in effects.journal { follow(event, at: moment) }
        for send in effects.sends {
            guard case .welcome(let welcome) = send.message else { continue }
            if nodes[welcome.node]?.isRemoved == true {
                world.fail("the removed node \(welcome.name) is welcomed")
            }
        }
        checkConflicts(effects)
        checkLosses(at: moment)
        checkAutomatic(effects, at: moment)
        checkQuestions(at: moment)
    }

    /// While the controller finds its way back nobody is blamed for the time that it was away.
    private func checkLosses(at moment: Moment) {
        guard forgivenAt != controllerStart, moment.instant - forgivenAt < .milliseconds(2_400),
            let machine = world.controller.machine
        else { return }
        for member in machine.nodes.values {
            guard let last = member.losses.last, last >= forgivenAt else { continue }
            world.fail("a loss of \(member.record.name) counts, and the controller was away")
        }
    }

    /// Longer than a silence can be that began before the controller was frozen, or while it was.
    private func mayBeExcused(at moment: Moment) -> Bool {
        let interval = world.terms.heartbeatInterval.nanoseconds
        let longest = Duration.nanoseconds(interval * 7 / 2 + 100 * millisecond)
        return forgivenAt != controllerStart && moment.instant - forgivenAt <= longest
    }

    private func checkReset(_ event: ControllerEvent, _ effects: ControllerEffects) {
        guard let machine = world.controller.machine else { return }
        for member in machine.nodes.values
        where member.record.membership == .joined && member.link == nil
            && member.reachability == .unreachable && member.record.status == .online
        {
            world.fail("\(member.record.name) was reset and is still Online")
        }
    }

    private func follow(_ event: ClusterEvent, at moment: Moment) {
        if event.kind == .controllerTilted {
            forgivenAt = moment.instant
            if world.now - resumedAt > second {
                world.fail("the controller takes itself for late: \(event.text)")
            }
        }
        guard let name = NodeName(event.subject),
            let id = world.controller.machine?.member(named: name)?.record.id
        else { return }
        switch event.kind {
        case .nodeOffline:
            if event.cause.hasPrefix("unreachable: no heartbeat") {
                checkSilence(id, name)
                // That it still is Offline may be told at any time, of a loss of before.
                let isNew = event.text.hasSuffix("is Offline.")
                if isNew, forgivenAt != controllerStart,
                    moment.instant - forgivenAt < .milliseconds(2_400)
                {
                    world.fail("\(name) is lost for the controller's own absence")
                }
            }
            let isLoss =
                event.cause.hasPrefix("unreachable: no heartbeat")
                || event.cause.hasPrefix("unreachable: its session was reset")
            if isLoss, !mayBeExcused(at: moment) {
                change(id) { view in
                    view.losses.append(moment.instant)
                    view.lastLoss = moment.instant
                    view.isReleased = false
                }
            }
        case .nodeReleased:
            if event.cause.hasPrefix("released by") || event.text.hasPrefix("The identity") {
                change(id) { view in
                    view.losses = []
                    view.isReleased = true
                    view.readyHosts = []
                }
            }
        case .nodeConflicted:
            if nodes[id]?.isDoubtful != true {
                world.fail("\(name) is held as if seen twice, and there is one of it")
            }
            change(id) { $0.readyHosts = [] }
        case .nodeOnline: checkHold(id, name, at: moment)
        default: break
        }
    }

    /// No false positive: nobody is lost by silence whose heartbeat has just arrived.
    private func checkSilence(_ id: NodeID, _ name: NodeName) {
        guard let view = nodes[id] else { return }
        // What arrives in the very step that finds the silence comes too late.
        let last = view.lastArrival == world.now ? view.arrivalBefore : view.lastArrival
        let shortest = world.terms.heartbeatInterval.nanoseconds * 5 / 2 * 990 / 1_000
        if last > 0, world.now - last < shortest {
            world.fail(
                "\(name) is Offline by silence, and was heard "
                    + "\((world.now - last) / millisecond)ms ago"
            )
        }
    }

    /// I13: from the second loss on, each return is held twice as long.
    private func checkHold(_ id: NodeID, _ name: NodeName, at moment: Moment) {
        // A controller that was away itself after the loss holds nobody who comes back meanwhile.
        guard let view = nodes[id], !view.isReleased, view.losses.count >= 2,
            let lastLoss = view.lastLoss, forgivenAt == controllerStart || forgivenAt < lastLoss
        else { return }
        let settings = world.controller.settings
        let base = settings.holdDownBase.nanoseconds
        let hold = min(base << min(view.losses.count - 2, 20), settings.holdDownMax.nanoseconds)
        if (moment.instant - lastLoss).nanoseconds < hold {
            world.fail(
                "I13: \(name) is Online \((moment.instant - lastLoss).forPeople) after its loss "
                    + "\(view.losses.count)"
            )
        }
    }

    /// Whoever is held gets a new session number, so that older work is older.
    private func checkConflicts(_ effects: ControllerEffects) {
        for case .put(.node(let record)) in effects.journal {
            let before = nodes[record.id]?.session ?? 0
            let wasHeld = nodes[record.id]?.isHeld ?? false
            if record.session < before {
                world.fail("I2: session of \(record.name) goes from \(before) to \(record.session)")
            }
            if record.conflict != nil, !wasHeld, record.session <= before {
                world.fail("\(record.name) is held under its old session \(record.session)")
            }
            change(record.id) { view in
                view.session = record.session
                view.isHeld = record.conflict != nil
            }
        }
    }

    // MARK: Sending

    func controllerSends(
        _ message: ControllerMessage,
        _ bytes: [UInt8],
        to connection: Connection
    ) {
        switch message {
        case .lease, .alive: if world.traces { trace(bytes, connection) }
        default: trace(bytes, connection)
        }
        guard case .node(let node, _) = connection.peer else {
            return
        }
        switch message {
        case .welcome:
            change(node) { $0.welcomed = connection.id }
        case .lease(let lease):
            checkSession(node, connection, "LEASE")
            granted(lease, connection)
            world.work?.checks.controllerAsks(lease.watched, of: node)
        case .start(let order):
            checkSettled("START", node)
            told(order, "START", node, connection)
        case .stop(let order): told(order, "STOP", node, connection)
        case .restart(let order):
            checkSettled("RESTART", node)
            told(order, "RESTART", node, connection)
        case .work(let message): world.work?.checks.controllerSends(message, to: node)
        default: break
        }
    }

    private func trace(_ bytes: [UInt8], _ connection: Connection) {
        world.say(
            "controller to \(world.hosts[connection.host].name)",
            world.readable(bytes)
        )
    }

    /// I9: a node has one session, the one that was welcomed last.
    private func checkSession(_ node: NodeID, _ connection: Connection, _ verb: String) {
        if nodes[node]?.welcomed != connection.id {
            world.fail("I9: \(verb) for \(node) on a connection that is not its session")
        }
    }

    private func told(
        _ order: ServiceOrder,
        _ verb: String,
        _ node: NodeID,
        _ connection: Connection
    ) {
        checkSession(node, connection, verb)
        let told = Told(node: node, verb: "\(verb) \(order.service)")
        if let before = orders[order.order], before != told {
            world.fail("order \(order.order) is \(told.verb) and was \(before.verb)")
        }
        orders[order.order] = told
    }

    private func granted(_ lease: Lease, _ connection: Connection) {
        guard let sentAt = connection.beatsSent[lease.sequence] else {
            return world.fail("a lease answers heartbeat \(lease.sequence), which was never sent")
        }
        let host = world.hosts[connection.host]
        let before = view(host)
        hostViews[host.index].leasedAt = max(before.leasedAt ?? 0, sentAt)
        if case .agent(_, let life) = connection.client, life == host.process.life {
            let end = host.clock.local(sentAt) + world.terms.length
            hostViews[host.index].leaseEnd = max(before.leaseEnd ?? end, end)
        }
    }

    // MARK: Enrolment and replies

    /// I9: a token enrols one key once.
    func enrolled(_ host: AgentHost, _ enrolled: Enrolled, token: JoinTokenID) {
        if let key = tokenKeys[token], key != host.key {
            world.fail("I9: token \(token) has enrolled two keys")
        }
        tokenKeys[token] = host.key
        if enrolled.certificate != "node:\(enrolled.node)|\(host.key)" {
            world.fail("\(host.name) got a certificate for somebody else: \(enrolled.certificate)")
        }
        guard case .token(let record)? = world.controller.store.record(.token, token.text) else {
            return world.fail("token \(token) enrolled a node and is not there")
        }
        if record.state != .used { world.fail("token \(token) was used and is \(record.state)") }
    }

    func replied(_ reply: Reply, _ asked: Operators.Asked?) {
        guard let asked else { return }
        switch reply.outcome {
        case .done, .preflightStarted, .runStarted, .texts:
            if asked.mayAct == false {
                world.fail("\(asked.caller.name) may not do \(asked.command.verb.name)")
            }
            if !audited.contains(asked.caller.source) {
                world.fail("\(asked.command.verb.name) was acknowledged before it was durable")
            }
        case .refused(let refused):
            if asked.mayAct == false, refused.code != .forbidden {
                world.fail("\(asked.caller.name) was refused with \(refused.code)")
            }
        case .tasks:
            if asked.mayAct == false { world.fail("\(asked.caller.name) may not submit") }
            if !audited.contains(asked.caller.source) {
                world.fail("tasks were acknowledged before that was durable")
            }
        case .certificate: break
        }
    }
}
