import Model
import Protocol

// A copy of a node that comes first: it knows the nonce, so it is believed, while the machine it was
// copied from may still run what it was told to run.

extension ControllerMachine {
    /// Turns away who comes from another boot or machine than the session before, while what that
    /// session was given may still run.
    ///
    /// What a session says of the attempts that an earlier one was given is believed, because an agent
    /// that restarts has looked for what the one before it left; and it starts the services that are
    /// wanted as soon as it has a lease, because the same agent knows what runs already. Of another boot
    /// or machine neither is true: it may be a copy, which knows nothing of what the first machine runs.
    /// So it waits X after the last lease under which something may run: then that has ended by
    /// itself. A node that was given nothing of the kind comes in at once, and so does every machine
    /// that comes back as it was.
    ///
    /// After a restore the last session is not known: the machine in the record may be one of the
    /// time before, or none.
    mutating func isEarly(
        _ hello: Hello,
        _ connection: ConnectionID,
        _ member: Member
    ) -> Bool {
        let record = member.record
        guard record.machine != hello.machine, !record.machine.isEmpty || record.isNonceOpen,
            let end = runsUntil(member), now.instant < end
        else { return false }
        expect(by: end)
        if member.reachability == .unreachable {
            touch(record.id) {
                $0.lossCause =
                    "back as another boot or machine, waits for the end of the lease before"
            }
        }
        dismiss(
            connection,
            .notNow,
            "what another boot or machine was given under this identity may still run: "
                + "come back in \((end - now.instant).forPeople)"
        )
        return true
    }

    /// Until when tasks or self-fenced services may run under the leases that were granted so far; nil
    /// when there are none. Other services have no such end, and are nobody's to wait for.
    private func runsUntil(_ member: Member) -> Instant? {
        let tasks = work.hasTasks(member.record.id) ? member.lastGrant : nil

        let services = member.lastFencedGrant
        return [tasks, services].compactMap { $0 }.max().map(leaseEnd(after:))
    }

    /// Keeps what is known of the leases under which a node may run self-fenced services.
    ///
    /// That there may be such a service is durable before the node gets its next lease or the order to
    /// start one, since both leave in the step that finds it or later. That there is none counts when
    /// X has passed since the last lease that one may have run under: by then also those have ended
    /// that the node does not tell of, because their definition was taken away or changed.
    mutating func settleFencedLeases(of id: NodeID) {
        guard let member = nodes[id] else { return }
        switch member.record.membership {
        case .joined, .removing: break
        case .invited, .removed: return
        }
        if member.mayRunFenced {
            nodes.update(id) { $0.lastFencedGrant = $0.lastGrant }
            if !member.record.mayRunFenced { amend(id) { $0.mayRunFenced = true } }
        } else if let last = member.lastFencedGrant, member.isSynced,
            now.instant >= leaseEnd(after: last)
        {
            nodes.update(id) { $0.lastFencedGrant = nil }
            amend(id) { $0.mayRunFenced = false }
        }
    }
}

extension Hello {
    /// Boot and machine, as a node's record keeps them; empty when neither was told.
    var machine: String {
        bootID.isEmpty && machineID.isEmpty ? "" : "\(bootID) \(machineID)"
    }
}
