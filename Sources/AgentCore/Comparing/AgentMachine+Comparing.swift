import Model
import Protocol

// What is compared, within the agent's machine: looked at whether or not there is a session, told in
// sessions that speak of it, listed and shown when a controller asks.

extension AgentMachine {
    /// The connection of a session that speaks of what is compared.
    private var comparingLink: UInt64? {
        guard let session, session.version >= WireLimits.siteVersion else { return nil }
        return session.id
    }

    mutating func settleComparing(at now: Instant, _ effects: inout AgentEffects) {
        guard !isLeaving, let command = comparing.settle(at: now) else { return }
        effects.comparing.append(command)
    }

    mutating func redefine(
        _ sets: [ComparedSet],
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        let gone = comparing.define(sets, at: now)
        effects.comparing += gone.map { .forget($0) }
        guard comparingLink != nil, session?.nextBeatAt != nil else { return }
        for name in gone { effects.sends.append(.comparing(.uncompared(name))) }
        // What is defined anew has no digest until it was looked at.
        for entry in comparing.entries.values where entry.result == nil {
            tell(entry, at: now, &effects)
        }
    }

    mutating func looked(
        _ name: ComparedSetName,
        _ number: UInt64,
        _ result: LookResult,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        guard comparing.looked(name, number, result, at: now),
            let entry = comparing.entries[name]
        else { return }
        if comparingLink != nil, session?.nextBeatAt != nil { tell(entry, at: now, &effects) }
    }

    /// Before SYNCED: all of them.
    func tellSets(at now: Instant, _ effects: inout AgentEffects) {
        guard comparingLink != nil else { return }
        for entry in comparing.entries.values { tell(entry, at: now, &effects) }
    }

    private func tell(
        _ entry: ComparingDesk.Entry,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        let report = comparing.report(of: entry, at: now)
        effects.sends.append(.comparing(.compared(report)))
    }

    // MARK: Listing and showing

    mutating func receivedComparing(
        _ message: ControllerComparingMessage,
        _ effects: inout AgentEffects
    ) {
        guard let link = comparingLink else { return }
        switch message {
        case .list(let list):
            let ticket = ComparingTicket(link: link, request: list.request)
            guard admits(ticket, list.token, list.set, &effects) else { return }
            effects.comparing.append(
                .list(ticket, list.set, digest: list.digest, from: list.from)
            )
        case .show(let show):
            let ticket = ComparingTicket(link: link, request: show.request)
            guard admits(ticket, show.token, show.set, &effects),
                let set = comparing.entries[show.set]?.set
            else { return }
            guard set.isShown else {
                _ = comparing.closes(ticket)
                let text = "the node does not let \(set.name) be shown (show = yes in its section)"
                return refuse(ticket, .forbidden, text, &effects)
            }
            effects.comparing.append(.show(ticket, set, path: show.path))
        }
    }

    private mutating func admits(
        _ ticket: ComparingTicket,
        _ token: FencingToken,
        _ name: ComparedSetName,
        _ effects: inout AgentEffects
    ) -> Bool {
        if let (code, text) = reasonToRefuse(token) {
            refuse(ticket, code, text, &effects)
        } else if comparing.entries[name] == nil {
            refuse(ticket, .unknownName, "no set \(name) is defined on this node", &effects)
        } else if !comparing.opens(ticket) {
            let text = "\(ComparingLimits.requestsMax) requests wait for their answer already"
            refuse(ticket, .busy, text, &effects)
        } else {
            return true
        }
        return false
    }

    private func refuse(
        _ ticket: ComparingTicket,
        _ code: RefusalCode,
        _ text: String,
        _ effects: inout AgentEffects
    ) {
        effects.sends.append(
            .comparing(.unlisted(request: ticket.request, code: code, text: text))
        )
    }

    mutating func listed(
        _ ticket: ComparingTicket,
        _ answer: ListAnswer,
        _ effects: inout AgentEffects
    ) {
        guard comparing.closes(ticket), comparingLink == ticket.link else { return }
        switch answer {
        case .entries(let entries, let next):
            for entry in entries {
                effects.sends.append(.comparing(.entry(request: ticket.request, entry)))
            }
            effects.sends.append(.comparing(.listed(request: ticket.request, next: next)))
        case .stale: refuse(ticket, .notNow, "it has changed since", &effects)
        }
    }

    mutating func shown(
        _ ticket: ComparingTicket,
        _ answer: ShowAnswer,
        _ effects: inout AgentEffects
    ) {
        guard comparing.closes(ticket), comparingLink == ticket.link else { return }
        let text: [UInt8]
        switch answer {
        case .refused(let code, let reason): return refuse(ticket, code, reason, &effects)
        case .text(let bytes): text = bytes
        }
        let total = UInt32(text.count)
        var at = 0
        repeat {
            let end = min(at + ComparingLimits.pieceBytesMax, text.count)
            effects.sends.append(
                .comparing(
                    .text(
                        request: ticket.request,
                        at: UInt32(at),
                        total: total,
                        data: Array(text[at..<end])
                    )
                )
            )
            at = end
        } while at < text.count
    }
}
