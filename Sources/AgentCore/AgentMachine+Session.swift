import Model
import Protocol

extension AgentMachine {
    /// A lease longer than this is a mistake, whoever makes it.
    static let leaseLengthMax: Duration = .seconds(3_600)

    mutating func received(
        _ id: UInt64,
        _ message: ControllerMessage,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        guard link.id == id else { return }
        guard pending.count < Self.pendingMax else {
            return giveUp("the state is not written fast enough", at: now, &effects)
        }
        switch message {
        case .error(let code, let text): refusedByController(code, text, at: now, &effects)
        case .bye(let reason, let retry): controllerLeaves(reason, retry, at: now, &effects)
        case .welcome(let welcome): welcomed(id, welcome, at: now, &effects)
        case .lease(let lease): granted(lease, at: now, &effects)
        case .alive(let sequence, let sent, let standing):
            if answered(sequence, sent: sent, at: now) != nil { memory.standing = standing }
        case .role(let role, let token, let drill, let drains):
            roleChanged(role, drill, drains, token, at: now, &effects)
        case .start(let order): ordered(.start, order, at: now, &effects)
        case .stop(let order): ordered(.stop, order, at: now, &effects)
        case .restart(let order): ordered(.restart, order, at: now, &effects)
        case .preflight(let order, let token):
            preflightOrdered(order, token, at: now, &effects)
        case .probe(let probe): probeOrdered(probe, at: now, &effects)
        case .config(let version, let count):
            beginSettings(version, count: count, at: now, &effects)
        case .set(let setting): take(setting, at: now, &effects)
        case .renewed(let certificate, let issuer):
            effects.renewal = renewal.renewed(certificate: certificate, issuer: issuer, at: now)
        case .refused(let verb, let code, let text):
            refusedRequest(verb, code, text, at: now, &effects)
        case .authority, .enrolled: giveUp("an answer that nobody asked for", at: now, &effects)
        case .work(let message): receivedWork(message, at: now, &effects)
        case .comparing(let message): receivedComparing(message, &effects)
        case .data(let message): receivedData(message, at: now)
        }
    }

    private mutating func controllerLeaves(
        _ reason: ByeReason,
        _ retry: Duration,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        var delay =
            session?.isProven ?? false
            ? reconnection.delayAfterLoss(spread: spread, &generator)
            : generator.duration(in: .zero...max(.zero, spread))
        if configuration.controllers < 2 { delay = delay + min(retry, .seconds(60)) }
        effects.notices.append(
            AgentNotice(
                .info,
                "the controller says goodbye",
                [.init("reason", reason.rawValue), .init("retry", delay.forPeople)]
            )
        )
        giveUp("the controller said goodbye", retryAfter: delay, at: now, &effects)
    }

    // MARK: Beginning

    private mutating func welcomed(
        _ id: UInt64,
        _ welcome: Welcome,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        guard case .greeting = link, let identity = configuration.identity else {
            return giveUp("WELCOME out of place", at: now, &effects)
        }
        guard welcome.node == identity.node, welcome.cluster == identity.cluster else {
            return refuseController(
                "the controller takes this node for another one, or is of another cluster",
                at: now,
                &effects
            )
        }
        guard WireLimits.versions.contains(welcome.version) else {
            return refuseController(RefusalCode.version.mendForNode, at: now, &effects)
        }
        guard welcome.token >= memory.highest else {
            return refuseController(
                "the controller shows an older token than one seen before: it runs from a copy or "
                    + "a backup; see `muster-controller restore`",
                at: now,
                &effects
            )
        }
        memory.nonce = welcome.nonce
        if welcome.token.epoch.generation > memory.highest.epoch.generation { storeRevision = nil }
        seeStore(welcome.revision)
        see(welcome.token)
        drains = welcome.drains.map { Drains(under: memory.highest, from: $0) }
        remember(welcome.role, drill: welcome.drill)
        link = .settling(id: id)
        write(.ready(link: id, welcome))
    }

    private mutating func seeStore(_ revision: UInt64?) {
        if let revision { storeRevision = max(revision, storeRevision ?? 0) }
    }

    private mutating func refuseController(
        _ text: String,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        effects.notices.append(AgentNotice(.error, text))
        let delay = reconnection.delayAfterRefusal(&generator)
        giveUp(text, retryAfter: delay, at: now, &effects)
    }

    /// Nonce, token and part are durable: the session is ours.
    mutating func becomeLive(
        _ id: UInt64,
        _ welcome: Welcome,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        raiseAuthority(to: welcome.token)
        guard case .settling(id) = link else { return }
        isAuthorised = true
        isDismissed = false
        heartbeatInterval = min(max(welcome.heartbeatInterval, .milliseconds(10)), .seconds(60))
        spread = min(welcome.spread, configuration.timing.reconnectMax)
        sampleInterval = min(max(welcome.loadInterval, .milliseconds(100)), .seconds(3_600))
        for name in services.keys {
            services.update(name) {
                $0.waitsForTurn = $0.isWanted && $0.held == nil && $0.state == .stopped
            }
        }
        var session = Session(id: id, version: welcome.version, answerBy: now + answerTime)
        effects.sends.append(.ready(nonce: welcome.nonce))
        effects.sends.append(.facts(configuration.facts))
        if sample == nil {
            sampleDueAt = now
            session.syncBy = now + configuration.timing.sampleTimeout
        } else {
            session.syncBy = now
        }
        link = .live(session)
        effects.notices.append(
            AgentNotice(
                .info,
                "session with a controller",
                [
                    .init("node.name", welcome.name.text), .init("site", welcome.site.text),
                    .init("role", welcome.role.rawValue), .init("token", "\(welcome.token)"),
                ]
            )
        )
    }

    /// Three heartbeats and a margin: then a half-open connection is noticed.
    var answerTime: Duration {
        .nanoseconds(3 * heartbeatInterval.nanoseconds) + configuration.timing.answerMargin
    }

    mutating func updateSession(_ body: (inout Session) -> Void) {
        guard case .live(var session) = link else { return }
        body(&session)
        link = .live(session)
    }

    // MARK: Heartbeats and leases

    /// Sends the heartbeat that is due. Its place is the boot clock of the step: the moment of
    /// sending is never earlier, so the lease counted from it is never too long.
    mutating func beat(at now: Instant, wall: WallTime, _ effects: inout AgentEffects) {
        guard var session, let due = session.nextBeatAt, due <= now else { return }
        session.sequence += 1
        session.sentBeats.append(Session.SentBeat(sequence: session.sequence, at: now))
        if session.sentBeats.count > Session.sentBeatsMax { session.sentBeats.removeFirst() }
        let next = due + heartbeatInterval
        session.nextBeatAt = next > now ? next : now + heartbeatInterval
        session.toldFloor = exclusiveFloor
        link = .live(session)
        effects.sends.append(
            .beat(
                Beat(
                    sequence: session.sequence,
                    sent: max(0, now.nanoseconds),
                    wall: wall,
                    health: health,
                    floor: floor,
                    exclusiveFloor: exclusiveFloor == floor ? nil : exclusiveFloor,
                    roundTripMicroseconds: session.roundTrip.map {
                        UInt64(max(0, $0.nanoseconds)) / 1_000
                    }
                )
            )
        )
    }

    /// A run that fences the site waits for what the next heartbeat says: it is not kept waiting.
    mutating func hurryBeat(at now: Instant) {
        guard memory.role == .standby, let session, let due = session.nextBeatAt, due > now,
            let floor = exclusiveFloor, floor > session.toldFloor ?? .zero
        else { return }
        updateSession { $0.nextBeatAt = now }
    }

    /// - Returns: when the heartbeat was sent, if it is one of this session's and not answered yet.
    private mutating func answered(_ sequence: UInt64, sent: Int64, at now: Instant) -> Instant? {
        guard
            let beat = session?.sentBeats.first(where: { $0.sequence == sequence }),
            max(0, beat.at.nanoseconds) == sent
        else { return nil }
        let answerBy = now + answerTime
        updateSession { session in
            session.answerBy = answerBy
            session.isProven = true
            session.roundTrip = now - beat.at
            session.sentBeats.removeAll { $0.sequence <= sequence }
        }
        return beat.at
    }

    private mutating func granted(
        _ grant: Lease,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        guard grant.incarnation == memory.incarnation,
            let sentAt = answered(grant.sequence, sent: grant.sent, at: now)
        else { return }
        guard grant.token >= memory.highest else {
            return note(.staleOrder, "a lease under \(grant.token)", &effects)
        }
        guard grant.length <= Self.leaseLengthMax else {
            effects.notices.append(AgentNotice(.error, "a lease of more than an hour is ignored"))
            return
        }
        memory.standing = grant.standing
        seeStore(grant.revision)
        let end = sentAt + grant.length
        if grant.token <= authority {
            // Its token is durable: it waits for nothing else that is to be written, since a disk may be
            // full for longer than any lease.
            takeLease(until: end, token: grant.token, asked: sentAt, at: now)
        } else {
            see(grant.token)
            write(.takeLease(end: end, token: grant.token, asked: sentAt))
        }
        watched(grant.watched, &effects)
    }

    // MARK: The site's part

    private mutating func roleChanged(
        _ role: SiteRole,
        _ drill: UInt64?,
        _ drains: FencingToken?,
        _ token: FencingToken,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        guard token >= memory.highest else {
            return note(.staleOrder, "the part \(role.rawValue) under \(token)", &effects)
        }
        see(token)
        self.drains = drains.map { Drains(under: memory.highest, from: $0) }
        remember(role, drill: drill)
        write(.takeRole(role, token: token))
    }

    /// A standby site's exclusive services are not wanted any more: stopping them does not wait for
    /// the disk, only saying so does. Nothing is started by a change of part: an order does that.
    ///
    /// What runs in a drill, or outside of one, does not go on in the other: it has the wrong token.
    /// The wish for a service that is not defined at the moment ends as well: of which kind it will be
    /// when it is defined again, nobody knows.
    private mutating func remember(_ role: SiteRole, drill: UInt64?) {
        let drill = role == .standby ? drill : nil
        let isOther = drill != memory.drill
        memory.role = role
        memory.drill = drill
        for (name, service) in services where isOther || ends(service.definition.kind) {
            services.update(name) { $0.orderStop() }
        }
        for (name, wish) in memory.wishes where wish.isWanted {
            let kind = services[name]?.definition.kind ?? .exclusive
            guard isOther || ends(kind) else { continue }
            memory.wishes[name] = AgentMemory.Wish(isWanted: false, token: memory.highest)
        }
    }

    private func ends(_ kind: ServiceDefinition.Kind) -> Bool {
        isIdleStandby && kind == .exclusive
    }

    /// The site is a standby and in no drill: nothing exclusive runs.
    var isIdleStandby: Bool { memory.role == .standby && memory.drill == nil }

    private mutating func refusedRequest(
        _ verb: String,
        _ code: RefusalCode,
        _ text: String,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        effects.notices.append(
            AgentNotice(
                .warning,
                "the controller turned a request down",
                [.init("verb", verb), .init("code", code.rawValue), .init("text", text)]
            )
        )
        if verb == "RENEW" { renewal.failed(at: now, &generator) }
    }
}
