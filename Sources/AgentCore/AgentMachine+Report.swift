import Model
import Protocol

extension AgentMachine {
    /// Beyond these, a node is degraded.
    static let memoryAvailablePerMilleMin: UInt64 = 50
    static let memoryPressurePerMilleMax: UInt32 = 200
    static let diskUsedPerMilleMax: UInt32 = 950

    /// What the node says of itself.
    var health: Health {
        if !isStateWritable || !bench.journal.isWritable { return .failing }
        var worst = Health.healthy
        for service in services.values where isExpected(service) && service.state != .running {
            if service.definition.isRequired { return .failing }
            worst = .degraded
        }
        if let sample, isUnderPressure(sample) { worst = .degraded }
        return worst
    }

    private func isUnderPressure(_ sample: Sample) -> Bool {
        let load = sample.load
        if load.memoryAvailable < load.memoryTotal / 1_000 * Self.memoryAvailablePerMilleMin {
            return true
        }
        if let pressure = load.memoryPressurePerMille, pressure > Self.memoryPressurePerMilleMax {
            return true
        }
        return sample.disks.contains { $0.usedPerMille > Self.diskUsedPerMilleMax }
    }

    /// "Nothing under a token at or below this one runs here", for ever: the greatest token below
    /// everything that may exist and everything that may still be launched.
    ///
    /// It can only say too little: what is being stopped counts until it is proven gone, and a
    /// service confirmed by an order counts under the order's token.
    var floor: FencingToken? { floor(tasks: bench.leastToken) { _ in true } }

    /// The same of what must never act on two sites at once. Of what an earlier incarnation left
    /// nobody knows of which kind it was: it counts.
    var exclusiveFloor: FencingToken? {
        floor(tasks: bench.leastExclusiveToken(sparing: drainsFrom)) { $0.isExclusive }
    }

    private func floor(
        tasks: FencingToken?,
        of isCounted: (ServiceMachine) -> Bool
    ) -> FencingToken? {
        var least = authority
        for service in services.values where isCounted(service) {
            if let token = service.held?.token { least = min(least, token) }
        }
        for stray in strays.values { least = min(least, stray.token) }
        if let token = tasks { least = min(least, token) }
        if let token = data.leastToken { least = min(least, token) }
        return least.predecessor
    }

    // MARK: Telling

    mutating func note(_ note: AgentNote, _ text: String, _ effects: inout AgentEffects) {
        if session?.nextBeatAt != nil {
            effects.sends.append(.note(note, text: text))
            return
        }
        untoldNotes.append(Note(note: note, text: text))
        if untoldNotes.count > Note.untoldMax { untoldNotes.removeFirst() }
    }

    /// Deadlines of the link, the first report, the heartbeat, samples and the renewal.
    mutating func settleSession(
        _ event: AgentEvent,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        settleLink(at: now, &effects)
        if let due = sampleDueAt, due <= now {
            sampleDueAt = now + sampleInterval
            effects.wantsSample = true
        }
        if let syncBy = session?.syncBy, sample != nil || syncBy <= now {
            tellEverything(at: now, &effects)
        }
        hurryBeat(at: now)
        if case .deadlineReached(let wall) = event { beat(at: now, wall: wall, &effects) }
        if renewal.settle(isLive: session != nil, at: now, &generator) {
            effects.renewal = .makeRequest
        }
    }

    /// The first report of a session.
    private mutating func tellEverything(at now: Instant, _ effects: inout AgentEffects) {
        updateSession { session in
            session.syncBy = nil
            session.nextBeatAt = now
        }
        sampleDueAt = min(sampleDueAt ?? now, now + sampleInterval)
        tellChanges(at: now, &effects)
        tellSample(&effects)
        for note in untoldNotes { effects.sends.append(.note(note.note, text: note.text)) }
        untoldNotes = []
        tellSets(at: now, &effects)
        let work = fold(&effects) { $0.tellEverything(&$1) }
        effects.sends.append(
            .synced(
                services: UInt32(services.count + strayReports(at: now).count),
                handlers: work.handlers,
                attempts: work.attempts
            )
        )
    }

    mutating func sampled(
        _ load: Load,
        _ disks: [Disk],
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        weight.sampled(load)
        sample = Sample(load: load, disks: Array(disks.prefix(WireLimits.disksPerNodeMax)))
        if session?.nextBeatAt != nil { tellSample(&effects) }
    }

    private func tellSample(_ effects: inout AgentEffects) {
        guard let sample else { return }
        effects.sends.append(.load(sample.load, disks: UInt32(sample.disks.count)))
        for disk in sample.disks { effects.sends.append(.disk(disk)) }
    }

    /// Sends what is different from what this session was told: at most one line per service and
    /// step, however much happened in it.
    mutating func tellChanges(at now: Instant, _ effects: inout AgentEffects) {
        guard var session, session.nextBeatAt != nil else { return }
        for service in servicesInOrder {
            tell(report(of: service, at: now), &session, &effects)
            for check in service.checks {
                tell(check.report(at: now), at: now, &session, &effects)
            }
        }
        for report in strayReports(at: now) { tell(report, &session, &effects) }
        link = .live(session)
    }

    private func tell(
        _ report: ServiceReport,
        _ session: inout Session,
        _ effects: inout AgentEffects
    ) {
        var timeless = report
        timeless.inStateMilliseconds = 0
        guard session.told[report.name] != timeless else { return }
        session.told[report.name] = timeless
        effects.sends.append(.service(report))
    }

    private func tell(
        _ report: CheckReport,
        at now: Instant,
        _ session: inout Session,
        _ effects: inout AgentEffects
    ) {
        let key = "\(report.service)/\(report.name)"
        if let told = session.toldChecks[key] {
            let isQuiet = now - told.at < configuration.timing.checkReportInterval
            if told.state == report.state, isQuiet || told.output == report.output { return }
        }
        session.toldChecks[key] = ToldCheck(state: report.state, output: report.output, at: now)
        effects.sends.append(.check(report))
    }
}

extension FencingToken {
    /// The greatest token without work that is less than this one; nil below the first.
    var predecessor: FencingToken? {
        var token = FencingToken(epoch: epoch, session: session)
        if token.session > 0 {
            token.session -= 1
            return token
        }
        token.session = .max
        if token.epoch.counter > 0 {
            token.epoch.counter -= 1
            return token
        }
        token.epoch.counter = .max
        guard token.epoch.generation > 0 else { return nil }
        token.epoch.generation -= 1
        return token
    }
}
