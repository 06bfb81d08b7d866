import Model
import Protocol

extension AgentMachine {
    mutating func define(_ definition: ServiceDefinition, at now: Instant) {
        services[definition.name] = ServiceMachine(
            definition: definition,
            isWanted: memory.wishes[definition.name]?.isWanted ?? false,
            timing: configuration.timing,
            at: now
        )
    }

    // MARK: The clock

    /// Before anything else in every step: was this process frozen, and is the lease still ours?
    mutating func settleClock(at now: Instant, _ effects: inout AgentEffects) {
        if let expectedBy, now - expectedBy > heartbeatInterval + configuration.timing.tiltMargin {
            let text = "nothing was done for \((now - expectedBy).forPeople) after it was due"
            note(.tilt, text, &effects)
            effects.notices.append(
                AgentNotice(
                    .warning,
                    "the process was frozen or its clock jumped",
                    [.init("late", (now - expectedBy).forPeople)]
                )
            )
            // The answers of that time may still wait in the socket.
            let answerBy = now + answerTime
            updateSession { $0.answerBy = answerBy }
        }
        guard let end = lease.end, end <= now else { return }
        lease = .ended
        let fenced = services.values.filter {
            $0.definition.isSelfFenced && $0.held != nil && $0.held?.ending == nil
        }
        guard !fenced.isEmpty else { return }
        let names = fenced.map(\.definition.name.text).joined(separator: ", ")
        note(.selfFenced, "the lease ended; stopped: \(names)", &effects)
        effects.notices.append(
            AgentNotice(
                .error,
                "the lease ended: self-fenced services are stopped",
                [.init("services", names)]
            )
        )
    }

    // MARK: Leashes

    mutating func adopt(
        _ leashes: [AdoptedLeash],
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        for leash in leashes.sorted(by: { $0.launch < $1.launch }) {
            let name = leash.launch.service
            if let service = services[name], service.held == nil {
                services.update(name) { $0.adopt(leash, at: now) }
            } else {
                strays[leash.launch] = StrayLeash(leash, at: now)
                effects.leashes.append(.stop(leash.launch, timeout: StrayLeash.stopTimeout))
            }
        }
    }

    mutating func learned(
        _ news: LeashNews,
        of launch: LaunchID,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        if strays[launch] != nil {
            strays.update(launch) { $0.learned(news) }
            if news.isFinal {
                strays[launch] = nil
                tellGone(launch.service, &effects)
            }
            return
        }
        guard let held = services[launch.service]?.held, held.launch == launch else { return }
        if held.ending == nil {
            switch news {
            case .lost: note(.leashLost, "\(launch.service)", &effects)
            case .leaseEnded: note(.selfFenced, "its leash stopped \(launch.service)", &effects)
            case .started, .notStarted, .exited, .emptied, .unkillable: break
            }
        }
        services.update(launch.service) { $0.learned(news, of: launch, at: now) }
    }

    mutating func checkFinished(
        _ id: CheckID,
        _ outcome: CheckOutcome,
        took: Duration,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        let done = services.update(id.service) {
            $0.checkFinished(id, outcome, took: took, at: now)
        }
        if let done { fold(done, &effects) }
    }

    // MARK: What may run

    /// Services in the order in which they start; stopping is the reverse.
    var servicesInOrder: [ServiceMachine] {
        services.values.sorted {
            ($0.definition.order, $0.definition.name) < ($1.definition.order, $1.definition.name)
        }
    }

    mutating func settleServices(at now: Instant, _ effects: inout AgentEffects) {
        for name in services.keys {
            if let done = services.update(name, { $0.settle(at: now) }) { fold(done, &effects) }
        }
        for service in servicesInOrder {
            let permit = permit(for: service)
            let done = services.update(service.definition.name) { $0.reconcile(permit, at: now) }
            if let done { fold(done, &effects) }
        }
        for name in undefined.keys where services[name]?.held == nil {
            services[name] = nil
            undefined[name] = nil
            memory.wishes[name] = nil
            tellGone(name, &effects)
        }
    }

    /// Where nothing is left of it, defined or not.
    private mutating func tellGone(_ name: ServiceName, _ effects: inout AgentEffects) {
        guard services[name] == nil, !isStray(name), session?.told[name] != nil else { return }
        effects.sends.append(.gone(name))
        updateSession { $0.told[name] = nil }
    }

    /// An older run of the service is being stopped, which the service does not hold.
    func isStray(_ name: ServiceName) -> Bool { strays.keys.contains { $0.service == name } }

    private mutating func fold(_ done: ServiceEffects, _ effects: inout AgentEffects) {
        effects.leashes += done.leashes
        effects.checks += done.checks
        for case .launch in done.leashes { launches += 1 }
    }

    /// Whether a service is one that should be running here and now: what operators read.
    func isExpected(_ service: ServiceMachine) -> Bool {
        service.isWanted && undefined[service.definition.name] == nil
            && (!isIdleStandby || service.definition.kind == .drainable)
    }

    private func permit(for service: ServiceMachine) -> ServicePermit {
        let definition = service.definition
        if undefined[definition.name] != nil { return .stop(.undefined) }
        if isIdleStandby, definition.kind == .exclusive {
            return mayStopInTurn(service)
                ? .stop(.standby) : .keep(reason: "stops after those that start after it")
        }
        if isDismissed {
            return mayStopInTurn(service)
                ? .stop(.dismissed) : .keep(reason: "stops after those that start after it")
        }
        if !service.isWanted { return .stop(.notWanted) }
        var deadline: Instant?
        if definition.isSelfFenced {
            switch lease {
            case .unknown: return .keep(reason: "waits for a lease")
            case .ended: return .stop(.leaseEnded)
            case .held(let end, let token, let asked):
                // What runs may use the lease it has. What starts needs one under today's token, which
                // was asked for after the controller was told that the service fences itself: from
                // then on it lets no copy of this node in before that lease has ended.
                let isForIt = service.fencedSince.map { $0 < asked } ?? true
                if service.held == nil, token < authority || !isForIt {
                    return .keep(reason: "waits for a lease")
                }
                deadline = end
            }
        }
        if isLeaving { return .keep(reason: "the agent is stopping") }
        if service.held == nil {
            if service.loosenedSince != nil {
                return .keep(
                    reason: "waits until a controller knows that it is self-fenced no more"
                )
            }
            if let reason = reasonToWait(service) { return .keep(reason: reason) }
        }
        return .run(
            ServiceGrant(
                token: authority,
                deadline: deadline,
                environment: environment(for: definition.name),
                launchNumber: (memory.incarnation &<< 24) &+ launches &+ 1
            )
        )
    }

    private func reasonToWait(_ service: ServiceMachine) -> String? {
        let name = service.definition.name
        if !isAuthorised { return "waits for a controller to say that it may start" }
        if isStray(name) { return StrayLeash.text }
        guard service.waitsForTurn else { return nil }
        let before = services.values.first { other in
            other.definition.order < service.definition.order && isExpected(other)
                && other.state != .running && other.state != .failed
        }
        return before.map { "waits for \($0.definition.name)" }
    }

    /// Services of a standby site, or of a node that was dismissed, stop one after the other, the
    /// last started first; one that cannot be stopped does not keep the others.
    private func mayStopInTurn(_ service: ServiceMachine) -> Bool {
        !services.values.contains { other in
            other.definition.kind == .exclusive && other.definition.order > service.definition.order
                && other.held.map { !$0.isStuck } ?? false
        }
    }

    /// What the cluster's settings and the agent itself put into a service's environment.
    private func environment(for service: ServiceName) -> [EnvironmentVariable] {
        var variables: [EnvironmentVariable] = []
        for setting in memory.settings.values {
            if let name = setting.environmentName {
                variables.append(EnvironmentVariable(name: name, value: setting.value))
            }
        }
        variables.append(EnvironmentVariable(name: "MUSTER_SERVICE", value: service.text))
        let token = memory.drill.map { authority.inDrill($0) } ?? authority
        variables.append(EnvironmentVariable(name: "MUSTER_TOKEN", value: "\(token)"))
        if let drill = memory.drill {
            variables.append(EnvironmentVariable(name: "MUSTER_DRILL", value: "\(drill)"))
        }
        if let identity = configuration.identity {
            variables.append(EnvironmentVariable(name: "MUSTER_NODE", value: identity.node.text))
            variables.append(EnvironmentVariable(name: "MUSTER_SITE", value: identity.site.text))
        }
        return variables
    }

    // MARK: A new configuration

    mutating func reconfigured(
        _ definitions: [ServiceDefinition],
        sharedPaths: [String],
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        configuration.sharedPaths = sharedPaths
        configuration.services = definitions
        for name in services.keys where !definitions.contains(where: { $0.name == name }) {
            undefined[name] = true
        }
        for definition in definitions.prefix(WireLimits.servicesPerNodeMax) {
            undefined[definition.name] = nil
            if services[definition.name] == nil {
                define(definition, at: now)
            } else {
                services.update(definition.name) { $0.redefine(definition, at: now) }
            }
        }
        effects.notices.append(
            AgentNotice(
                .info,
                "the configuration was read again",
                [.init("services", "\(definitions.count)")]
            )
        )
    }
}

extension LeashNews {
    /// Nothing of the launch exists any more.
    var isFinal: Bool {
        switch self {
        case .notStarted, .emptied: true
        case .started, .exited, .leaseEnded, .lost, .unkillable: false
        }
    }
}
