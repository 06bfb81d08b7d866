public import Model
import Protocol

// Small things that every part of the machine needs.

extension ControllerMachine {
    /// How long ago something was, for people. By the clock on the wall: where that was set back since, it
    /// is not known.
    func elapsed(since at: WallTime) -> String {
        guard now.wall >= at else { return "a time that is not known (the clock was set back)" }
        return (now.wall - at).forPeople
    }

    /// Changes a node's volatile state and looks at the node again at the end of the step.
    @discardableResult
    mutating func touch<Result>(_ id: NodeID, _ body: (inout Member) -> Result) -> Result? {
        touched.append(id)
        return nodes.update(id, body)
    }

    /// Changes a node's record; it is journalled at the end of the step.
    mutating func amend(_ id: NodeID, _ body: (inout NodeRecord) -> Void) {
        touched.append(id)
        unsaved.append(id)
        watch.isDue = true
        guard let before = nodes[id]?.record else { return }
        nodes.update(id) { body(&$0.record) }
        if let record = nodes[id]?.record, !record.counts(like: before) {
            notify.areThresholdsDue = true
        }
    }

    mutating func put(_ record: Record) {
        effects.journal.append(.put(record))
    }

    mutating func send(_ message: ControllerMessage, to connection: ConnectionID) {
        effects.sends.append(Send(connection: connection, message: message))
    }

    /// Says why and closes.
    mutating func dismiss(_ connection: ConnectionID, _ code: RefusalCode, _ text: String) {
        send(.error(code: code, text: text), to: connection)
        effects.closes.append(Close(connection: connection, code: code))
    }

    /// Something has happened: into the list of events, and to those who want to know.
    ///
    /// - Parameters:
    ///   - site: the one it is about, where the subject does not say it.
    ///   - about: what tells alarms of one kind apart, where it is not the subject.
    ///   - advice: what to do, where it is not what is always done about the kind.
    ///   - level: of a threshold, how many nodes are lost.
    mutating func tell(
        _ kind: EventKind,
        _ severity: Severity,
        _ subject: String,
        _ text: String,
        cause: String = "",
        consequence: String = "",
        site: SiteName? = nil,
        isPlanned: Bool = false,
        about: String? = nil,
        advice: String = "",
        level: UInt32 = 0
    ) {
        eventSequence += 1
        let event = ClusterEvent(
            sequence: eventSequence,
            at: now.wall,
            kind: kind,
            severity: severity,
            subject: subject,
            text: kept(text, bytesMax: 2 * Limits.textBytesMax),
            cause: kept(cause, bytesMax: 2 * Limits.textBytesMax),
            consequence: kept(consequence, bytesMax: 2 * Limits.textBytesMax),
            site: site?.text ?? siteText(of: kind, subject),
            isPlanned: isPlanned
        )
        effects.journal.append(.event(event))
        note(event, about: about, advice: advice, level: level)
    }

    private func siteText(of kind: EventKind, _ subject: String) -> String {
        switch kind.subjectIs {
        case .node:
            guard let name = NodeName(subject), let id = nodeIDs[name] else { return "" }
            return nodes[id]?.record.site.text ?? ""
        case .site: return subject
        case .other: return ""
        }
    }

    /// What the controller decided by itself.
    mutating func auditOwn(
        _ verb: String,
        _ object: String,
        reason: String,
        parameters: String = ""
    ) {
        effects.journal.append(
            .audit(
                AuditRecord(
                    at: now.wall,
                    actor: "controller",
                    verb: verb,
                    object: object,
                    reason: kept(reason, bytesMax: 2 * Limits.textBytesMax),
                    parameters: parameters,
                    outcome: "done"
                )
            )
        )
    }

    mutating func auditRefusal(_ request: TurnedAway) {
        effects.journal.append(
            .audit(
                AuditRecord(
                    at: now.wall,
                    actor: kept(request.actor, bytesMax: Limits.textBytesMax),
                    key: request.key.text,
                    source: request.source,
                    verb: request.verb,
                    object: kept(request.object, bytesMax: Limits.textBytesMax),
                    reason: kept(request.refused.text, bytesMax: Limits.textBytesMax),
                    outcome: request.refused.code.rawValue
                )
            )
        )
    }

    func token(of record: NodeRecord) -> FencingToken {
        FencingToken(epoch: cluster.epoch, session: record.session)
    }

    public func member(named name: NodeName) -> Member? {
        nodeIDs[name].flatMap { nodes[$0] }
    }

    /// Makes a deadline known that may be earlier than every other. One that has passed already is
    /// due now: that it passed is no sign that this process was frozen.
    mutating func expect(by deadline: Instant) {
        let deadline = max(deadline, now.instant)
        earliestDeadline = min(earliestDeadline ?? deadline, deadline)
    }

    /// Time within which many nodes spread their first attempt to come back: 5 ms a node, at most
    /// a third of a lease.
    var spread: Duration {
        .nanoseconds(
            min(Int64(nodes.count) * 5_000_000, settings.lease.length.nanoseconds / 3)
        )
    }

    public var isJournalLate: Bool { journalLateSince != nil }

    public var isGranting: Bool { tiltUntil == nil && !isJournalLate && mayAct }
}

extension NodeRecord {
    /// Whether it is the same to what is counted of its site; a session changes none of it.
    fileprivate func counts(like other: NodeRecord) -> Bool {
        status == other.status && membership == other.membership && site == other.site
            && pair == other.pair && isAdmitted == other.isAdmitted && conflict == other.conflict
            && maintenance == other.maintenance && drain == other.drain
            && stoppedServices == other.stoppedServices
    }
}
