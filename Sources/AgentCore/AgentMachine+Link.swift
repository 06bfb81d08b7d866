import Model
import Protocol

extension AgentMachine {
    var session: Session? {
        if case .live(let session) = link { session } else { nil }
    }

    var linkDeadline: Instant? {
        switch link {
        case .off, .settling: nil
        case .waiting(let until): isMemoryDurable ? until : nil
        case .dialling(_, let until), .greeting(_, let until): until
        case .live(let session):
            [session.answerBy, session.nextBeatAt, session.syncBy].compactMap { $0 }.min()
        }
    }

    /// Dials, and gives up what takes too long.
    mutating func settleLink(at now: Instant, _ effects: inout AgentEffects) {
        switch link {
        case .off, .settling: break
        case .waiting(let until):
            // HELLO shows the nonce: shown before it is durable, a crash would take it back, and this
            // node would pass for its own copy.
            guard until <= now, isMemoryDurable else { return }
            links += 1
            let controller = reconnection.take()
            link = .dialling(id: links, until: now + configuration.timing.connectTimeout)
            effects.connection.append(.dial(link: links, controller: controller))
        case .dialling(_, let until):
            if until <= now { giveUp("no TLS session in time", at: now, &effects) }
        case .greeting(_, let until):
            if until <= now { giveUp("no WELCOME in time", at: now, &effects) }
        case .live(let session):
            if session.answerBy <= now {
                giveUp("heartbeats are not answered", at: now, &effects)
            }
        }
    }

    mutating func connected(_ id: UInt64, at now: Instant, _ effects: inout AgentEffects) {
        guard case .dialling(id, _) = link else { return }
        link = .greeting(id: id, until: now + configuration.timing.connectTimeout)
        effects.sends.append(
            .hello(
                Hello(
                    speaker: .agent,
                    software: configuration.software,
                    incarnation: memory.incarnation,
                    nonce: memory.nonce,
                    bootID: configuration.bootID,
                    machineID: configuration.machineID,
                    highest: memory.highest,
                    revision: storeRevision
                )
            )
        )
    }

    mutating func disconnected(
        _ id: UInt64,
        _ reason: String,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        guard link.id == id else { return }
        lose(reason, at: now, &effects)
    }

    mutating func unreadable(
        _ id: UInt64,
        _ reason: String,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        guard link.id == id else { return }
        giveUp("the controller sent what cannot be understood: \(reason)", at: now, &effects)
    }

    /// Ends the link from this side, and tries again later.
    mutating func giveUp(_ reason: String, at now: Instant, _ effects: inout AgentEffects) {
        guard let id = link.id else { return }
        effects.connection.append(.close(link: id, reason: reason))
        lose(reason, at: now, &effects)
    }

    /// Ends the link from this side, and tries again after `delay`.
    mutating func giveUp(
        _ reason: String,
        retryAfter delay: Duration,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        guard let id = link.id else { return }
        effects.connection.append(.close(link: id, reason: reason))
        part(retryAfter: delay, at: now)
    }

    private mutating func lose(_ reason: String, at now: Instant, _ effects: inout AgentEffects) {
        let wasProven = session?.isProven ?? false
        let delay = delayAfterEnd()
        effects.notices.append(
            AgentNotice(
                .warning,
                wasProven ? "the session was lost" : "no session",
                [.init("reason", reason), .init("retry", delay.forPeople)]
            )
        )
        part(retryAfter: delay, at: now)
    }

    private mutating func delayAfterEnd() -> Duration {
        session?.isProven ?? false
            ? reconnection.delayAfterLoss(spread: spread, &generator)
            : reconnection.delayAfterFailure(&generator)
    }

    private mutating func part(retryAfter delay: Duration, at now: Instant) {
        link = isLeaving ? .off : .waiting(until: now + max(delay, .milliseconds(1)))
        sampleInterval = configuration.timing.sampleInterval
        renewal.sessionEnded(at: now)
    }

    /// `ERR`: the controller closes after it. The notice names the mend.
    mutating func refusedByController(
        _ code: RefusalCode,
        _ text: String,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        let delay: Duration
        switch code {
        case .notActive: delay = reconnection.delayAfterPassive(&generator)
        case .tooFast, .tooSlow, .storage, .notNow, .busy, .replaced:
            // After `replaced` a quick return is what shows a copy of this node: its nonce is used
            // by then, and both are held at once.
            delay = delayAfterEnd()
        case .conflicted:
            // Nothing is started until an operator has decided. What runs goes on: that the
            // controller believes in a copy may as well come of its own store being an old one.
            isAuthorised = false
            delay = reconnection.delayAfterRefusal(&generator)
        case .removed:
            // No part in the cluster any more, until a WELCOME says otherwise.
            isAuthorised = false
            isDismissed = true
            delay = reconnection.delayAfterRefusal(&generator)
        case .badLine, .badVerb, .version, .noCertificate, .badCertificate, .badToken,
            .duplicate, .nodeLimit, .staleToken, .unknownName, .forbidden, .clock, .confirmation,
            .invalid:
            delay = reconnection.delayAfterRefusal(&generator)
        }
        effects.notices.append(
            AgentNotice(
                code == .notActive ? .info : .error,
                code.mendForNode,
                [
                    .init("code", code.rawValue), .init("text", text),
                    .init("retry", delay.forPeople),
                ]
            )
        )
        giveUp("refused: \(code.rawValue)", retryAfter: delay, at: now, &effects)
    }
}

extension RefusalCode {
    /// What the one who looks after the node can do about it.
    var mendForNode: String {
        switch self {
        case .removed:
            "this node was removed from the cluster; to come back it must be added again: "
                + "`muster token create`, then `muster-agent join` with an empty state folder"
        case .conflicted:
            "two machines present this node's identity; stop the copy, then `muster node release`"
        case .badCertificate, .noCertificate:
            "the controller does not accept this node's certificate; if it has expired, or is of "
                + "another cluster, join again"
        case .version:
            "controller and agent speak no common protocol version: upgrade the older one"
        case .replaced:
            "another session of this node took this one's place: is a second agent running?"
        case .notActive: "this controller is not the active one"
        case .clock: "the clocks are too far apart: check time synchronisation on this node"
        case .nodeLimit: "the cluster's limit of nodes is reached"
        case .badLine, .badVerb, .tooFast, .tooSlow, .badToken, .duplicate, .staleToken,
            .unknownName, .forbidden, .notNow, .storage, .confirmation, .busy, .invalid:
            "the controller refuses this agent"
        }
    }
}
