import Model
import Protocol

// What a node with a session tells.

extension ControllerMachine {
    mutating func report(
        _ message: AgentMessage,
        from id: NodeID,
        _ connection: ConnectionID
    ) {
        switch message {
        case .hello, .ready, .enrol, .renew:
            dismiss(connection, .badVerb, "this verb has no place in this phase")
        case .facts(let facts): touch(id) { $0.facts = facts }
        case .service(let report): note(report, of: id, connection)
        case .gone(let service): forget(service, of: id)
        case .check(let report): note(report, of: id, connection)
        case .synced(let services, let handlers, let attempts):
            becomeSynced(id, connection, services, handlers, attempts)
        case .load(let load, let disks):
            guard disks <= WireLimits.disksPerNodeMax else {
                return dismiss(connection, .badLine, "more disks than a node may report")
            }
            work.sampled(load, of: id)
            touch(id) { [now] in
                $0.load = load
                $0.loadAt = now.instant
                $0.disks.removeAll()
                $0.disksExpected = disks
            }
        case .disk(let disk):
            touch(id) {
                if $0.disks.count < Int($0.disksExpected) { $0.disks.append(disk) }
            }
        case .beat(let beat): answer(beat, from: id, connection)
        case .configured(let version): touch(id) { $0.configurationVersion = version }
        case .done(let order): endOrder(order, of: id, .done, text: "")
        case .failed(let order, let text): endOrder(order, of: id, .failed, text: text)
        case .refused(let order, let code, let text):
            endOrder(order, of: id, .refused, text: text.isEmpty ? code.rawValue : text)
        case .finding(let finding): note(finding, of: id)
        case .note(let note, let text): tell(note, text, of: id)
        case .bye(let reason): touch(id) { $0.link?.farewell = reason }
        case .work(let message): hear(message, from: id, connection)
        case .comparing(let message): hear(message, from: id, connection)
        case .data(let message): hear(message, from: id, connection)
        }
    }

    private mutating func note(
        _ report: ServiceReport,
        of id: NodeID,
        _ connection: ConnectionID
    ) {
        guard let member = nodes[id] else { return }
        let before = member.services[report.name]?.report
        guard before != nil || member.services.count < WireLimits.servicesPerNodeMax else {
            return dismiss(connection, .badLine, "more services than a node may report")
        }
        touch(id) { [now] in
            $0.services[report.name] = Member.KnownService(report: report, at: now.instant)
        }
        if member.isSynced { noteFencing(of: id) }
        guard let before, before.state != report.state, member.isSynced else { return }
        let isBad = report.state == .failed || report.state == .backoff
        tell(
            by: id,
            .serviceChanged,
            isBad ? (report.isRequired ? .critical : .warning) : .info,
            "Service \(report.name) of \(member.record.name) is \(report.state.rawValue).",
            cause: report.detail,
            consequence: "it was \(before.state.rawValue)"
        )
    }

    /// What decides how a node is fenced that cannot be reached any more is durable: whether all its
    /// exclusive services stop by themselves with the lease, and where those run that do not.
    private mutating func noteFencing(of id: NodeID) {
        guard let member = nodes[id] else { return }
        let record = member.record
        let exclusive = member.services.values.map(\.report).filter { !$0.isDrainable }
        let fencesItself = exclusive.allSatisfy(\.isSelfFenced)
        if record.fencesItself != fencesItself { amend(id) { $0.fencesItself = fencesItself } }
        let maySteadilyRun = exclusive.contains { !$0.isSelfFenced && !$0.hasStopped }
        if maySteadilyRun, record.stickyMachine != record.machine {
            amend(id) { $0.stickyMachine = record.machine }
        } else if !maySteadilyRun, record.stickyMachine == record.machine, member.isSynced {
            amend(id) { $0.stickyMachine = nil }
        }
    }

    private mutating func forget(_ service: ServiceName, of id: NodeID) {
        touch(id) { member in
            member.services[service] = nil
            for key in member.checks.keys where key.service == service { member.checks[key] = nil }
        }
        supersedeOrder(for: service, of: id)
    }

    private mutating func note(_ report: CheckReport, of id: NodeID, _ connection: ConnectionID) {
        let key = Member.CheckKey(service: report.service, check: report.name)
        guard let member = nodes[id] else { return }
        guard member.checks[key] != nil || member.checks.count < WireLimits.checksPerNodeMax else {
            return dismiss(connection, .badLine, "more checks than a node may report")
        }
        touch(id) { [now] in $0.checks[key] = Member.KnownCheck(report: report, at: now.instant) }
    }

    private mutating func becomeSynced(
        _ id: NodeID,
        _ connection: ConnectionID,
        _ services: UInt32,
        _ handlers: UInt32,
        _ attempts: UInt32
    ) {
        guard let member = nodes[id] else { return }
        guard member.services.count == Int(services) else {
            return dismiss(
                connection,
                .badLine,
                "SYNCED tells of \(services) services, \(member.services.count) were reported"
            )
        }
        let holdings = member.link?.holdings ?? OrderedTable()
        guard member.handlers.count == Int(handlers), holdings.count == Int(attempts) else {
            return dismiss(
                connection,
                .badLine,
                "SYNCED tells of \(handlers) handlers and \(attempts) attempts, "
                    + "\(member.handlers.count) and \(holdings.count) were reported"
            )
        }
        touch(id) {
            $0.link?.phase = .synced
            $0.link?.holdings = OrderedTable()
        }
        noteContradiction(of: id)
        if member.record.isHistoryOpen { amend(id) { $0.isHistoryOpen = false } }
        if settling != nil {
            let foreign = work.foreign(holdings, on: id)
            touch(id) { $0.link?.foreign = foreign }
        }
        noteFencing(of: id)
        withdrawFence(of: id)
        hear(id)
        showWork(id)
        work.synced(id, holdings)
        considerDrift(of: id)
        repeatOrders(of: id)
        if !member.record.isAdmitted { startPreflight(of: [id], isAutomatic: true) }
    }

    private mutating func answer(_ beat: Beat, from id: NodeID, _ connection: ConnectionID) {
        guard let link = nodes[id]?.link else { return }
        guard beat.sequence > link.lastSequence else {
            return dismiss(connection, .badLine, "the beat's number does not grow")
        }
        hear(id)
        let floorBefore = nodes[id]?.floor
        touch(id) { [now] in
            $0.link?.lastSequence = beat.sequence
            $0.health = beat.health
            $0.floor = beat.exclusiveFloor ?? beat.floor
            $0.wholeFloor = beat.floor
            if let end = $0.record.certificateNotAfter, $0.link?.expiry?.of != end {
                $0.link?.expiry = Member.Link.Expiry(of: end, at: now.instant + (end - now.wall))
            }
            if let roundTrip = beat.roundTripMicroseconds {
                let half = Duration.microseconds(Int64(clamping: min(roundTrip, 60_000_000)) / 2)
                $0.clock = Member.ClockEstimate(
                    offset: beat.wall - now.wall + half,
                    uncertainty: half + .milliseconds(1),
                    roundTrip: half + half
                )
            } else if $0.clock == nil {
                // The first beat knows no round trip. A clock that is far off shows all the same.
                $0.clock = Member.ClockEstimate(
                    offset: beat.wall - now.wall,
                    uncertainty: Member.ClockEstimate.firstUncertainty,
                    roundTrip: .zero
                )
            }
        }
        noteClockOff(of: id)
        guard let member = nodes[id] else { return }
        // The end of a drill waits for it.
        if member.floor != floorBefore, runs.live != nil { runs.isDue = true }
        let record = member.record
        let isWithheld = isLeaseWithheld(member)
        if isWithheld { runs.isDue = true }
        guard isGranting, !isWithheld else {
            return send(
                .alive(sequence: beat.sequence, sent: beat.sent, standing: member.standing),
                to: connection
            )
        }
        touch(id) { [now, revision] in
            $0.lastGrant = now.instant
            $0.toldRevision = revision
        }
        let lease = Lease(
            sequence: beat.sequence,
            sent: beat.sent,
            incarnation: link.incarnation,
            length: settings.lease.length,
            token: token(of: record),
            watched: link.version >= WireLimits.workVersion
                ? work.watched(on: id, turn: beat.sequence) : [],
            standing: member.standing,
            revision: revision
        )
        send(.lease(lease), to: connection)
    }

    private mutating func tell(_ note: AgentNote, _ text: String, of id: NodeID) {
        guard let name = nodes[id]?.record.name else { return }
        let sentence =
            switch note {
            case .tilt: "Node \(name) was frozen or its clock jumped."
            case .stateNotWritable: "Node \(name) cannot write its state; it takes no new work."
            case .selfFenced: "Node \(name) has stopped its self-fenced services: its lease ended."
            case .leashLost: "A leash of node \(name) died; what it held was killed."
            case .staleOrder: "Node \(name) has refused an order with an old token."
            case .badConfiguration:
                "Node \(name) keeps its old configuration: the new one is wrong."
            }
        tell(by: id, .nodeNote, .warning, sentence, cause: text)
    }

    /// What happens because a node says so, as often as one node may.
    private mutating func tell(
        by id: NodeID,
        _ kind: EventKind,
        _ severity: Severity,
        _ text: String,
        cause: String,
        consequence: String = ""
    ) {
        guard var events = nodes[id]?.events, let name = nodes[id]?.record.name else { return }
        let untold = events.take(at: now.instant)
        nodes.update(id) { $0.events = events }
        guard let untold else { return }
        let before =
            untold == 0 ? "" : " (\(counted(Int(clamping: untold), "event")) before it left out)"
        tell(kind, severity, name.text, text + before, cause: cause, consequence: consequence)
    }
}
