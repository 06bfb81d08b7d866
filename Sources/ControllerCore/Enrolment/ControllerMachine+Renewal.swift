import Model
import Protocol

// Renewals of certificates: how many there may be, what is refused, and what is audited.

extension ControllerMachine {
    mutating func mayRenew(_ id: NodeID) -> Bool {
        let oldest = now.instant - .seconds(3_600)
        return nodes.update(id) { [now] member in
            member.renewals.removeAll { $0 < oldest }
            guard member.renewals.count < Limits.renewalsPerHourMax else { return false }
            member.renewals.append(now.instant)
            return true
        } ?? false
    }

    mutating func refuseRenewal(
        _ id: NodeID,
        key: KeyFingerprint,
        _ connection: ConnectionID,
        _ refused: Refused
    ) {
        auditRenewal(of: id, key: key, connection, reason: refused.text, refused.code.rawValue)
        send(.refused(verb: "RENEW", code: refused.code, text: refused.text), to: connection)
    }

    mutating func auditRenewal(
        of id: NodeID,
        key: KeyFingerprint,
        _ connection: ConnectionID,
        reason: String = "",
        _ outcome: String
    ) {
        guard let name = nodes[id]?.record.name else { return }
        effects.journal.append(
            .audit(
                AuditRecord(
                    at: now.wall,
                    actor: name.text,
                    key: key.text,
                    source: connections[connection]?.address ?? "",
                    verb: "node.renew",
                    object: name.text,
                    reason: reason,
                    outcome: outcome
                )
            )
        )
    }

    mutating func refuseRenewal(
        _ request: RequestID,
        _ caller: Caller,
        _ refused: Refused
    ) {
        auditRefusal(
            TurnedAway(
                actor: caller.name.text,
                key: caller.key,
                source: caller.source,
                verb: "operator.renew",
                object: caller.name.text,
                refused: refused
            )
        )
        reply(request, .refused(refused))
    }
}
