import Model
import Protocol

// Adding and removing nodes, and taking work from them.

extension ControllerMachine {
    mutating func addNode(
        _ name: NodeName,
        _ site: SiteName?,
        _ address: String?,
        _ seed: TokenSeed,
        by: String
    ) throws(Refused) -> Reply.Outcome {
        try checkFree(name)
        let site = site ?? cluster.activeSite
        try checkSite(site)
        if let address, let other = member(at: address) {
            throw Refused(
                .duplicate,
                "the address \(address) is already that of node \(other.name) "
                    + "of site \(other.site)",
                mend: "remove that node first: muster node remove \(other.name)"
            )
        }
        guard let id = NodeID(seed.id.text), nodes[id] == nil else {
            throw Refused(.duplicate, "this identity is taken")
        }
        try checkSeed(seed)
        nodes[id] = Member(
            record: NodeRecord(
                id: id,
                name: name,
                site: site,
                membership: .invited,
                address: address,
                addedBy: by,
                addedAt: now.wall
            ),
            interval: settings.lease.heartbeatInterval,
            start: now.instant,
            revision: revision
        )
        nodeIDs[name] = id
        unsaved.append(id)
        makeToken(seed, purpose: .node, site: site, node: id, by: by)
        tell(.nodeInvited, .info, name.text, "Node \(name) was added to site \(site) by \(by).")
        return .done("node \(name) is expected; its agent has to join", orders: [])
    }

    private func member(at address: String) -> NodeRecord? {
        nodes.values.first {
            $0.record.membership != .removed && $0.record.address == address
        }?.record
    }

    mutating func removeNodes(
        _ names: [NodeName],
        by: String,
        reason: String,
        force: Bool
    ) throws(Refused) -> Reply.Outcome {
        guard !names.isEmpty else { throw Refused(.invalid, "no node is named") }
        var ids: [NodeID] = []
        for name in names { ids.append(try id(of: name)) }
        ids = sortedUnique(ids)
        for id in ids where doubt == nil { try refuseIfThere(id) }
        if !force {
            for id in ids {
                guard let member = nodes[id], !member.isSynced,
                    member.record.membership == .joined
                        || member.record.membership == .removing
                else { continue }
                throw Refused(
                    .notNow,
                    "node \(member.record.name) cannot be reached: whether its services still run "
                        + "is not known",
                    mend: "make sure that it is off, then repeat with --force"
                )
            }
            try checkMinimum(without: ids)
        }
        for id in ids { beginRemoval(of: id, by: by, reason: reason, force: force) }
        return .done(
            ids.count == 1
                ? "node \(names[0]) is being removed" : "\(ids.count) nodes are being removed",
            orders: []
        )
    }

    /// Whatever is said of a node that has a session: it is not off. It leaves when it has stopped.
    private func refuseIfThere(_ id: NodeID) throws(Refused) {
        guard let member = nodes[id], member.link != nil,
            member.record.membership == .removing || !member.isSynced
        else { return }
        let name = member.record.name
        if member.record.membership == .removing {
            let running = runningServices(of: member)
            throw Refused(
                .notNow,
                "node \(name) is being removed, and has a session: it is not off"
                    + (running.isEmpty ? "" : "; still running: \(running)"),
                mend:
                    "wait, or stop its agent or the machine, then: muster node remove \(name) --force"
            )
        }
        throw Refused(
            .notNow,
            "the session of node \(name) is just beginning: what runs on it is not known yet",
            mend: "repeat in a moment"
        )
    }

    private mutating func beginRemoval(of id: NodeID, by: String, reason: String, force: Bool) {
        guard let member = nodes[id] else { return }
        let record = member.record
        let cause = reason.isEmpty ? "ordered by \(by)" : "ordered by \(by): \(reason)"
        revokeTokens(of: id)
        guard record.membership == .joined, member.isSynced else {
            return finishRemoval(of: id, cause: cause)
        }
        amend(id) { $0.membership = .removing }
        tell(
            .nodeRemoving,
            .info,
            record.name.text,
            "Node \(record.name) is being removed; its services are stopped first.",
            cause: cause
        )
    }

    private mutating func revokeTokens(of id: NodeID) {
        for token in tokens.values where token.node == id && token.state == .open {
            var changed = token
            changed.state = .revoked
            tokens[token.id] = changed
            put(.token(changed))
        }
    }

    mutating func cordon(
        _ name: NodeName,
        by: String,
        reason: String,
        force: Bool
    ) throws(Refused) -> Reply.Outcome {
        let id = try joined(name)
        guard nodes[id]?.record.cordon == nil else {
            return .done("node \(name) is cordoned already", orders: [])
        }
        if !force { try checkMinimum(without: [id]) }
        amend(id) { [now] in $0.cordon = NodeRecord.Cordon(by: by, reason: reason, at: now.wall) }
        tell(
            .nodeCordoned,
            .info,
            name.text,
            "Node \(name) takes no new work: cordoned by \(by).",
            cause: reason
        )
        return .done("node \(name) is cordoned", orders: [])
    }

    mutating func uncordon(_ name: NodeName, by: String) throws(Refused) -> Reply.Outcome {
        let id = try joined(name)
        guard let record = nodes[id]?.record, record.cordon != nil || record.drain != nil else {
            return .done("node \(name) is not cordoned", orders: [])
        }
        guard record.maintenance == nil else {
            throw Refused(
                .notNow,
                "node \(name) is in maintenance",
                mend: "end that: muster node maintenance \(name) --end"
            )
        }
        amend(id) {
            $0.cordon = nil
            $0.drain = nil
        }
        tell(.nodeUncordoned, .info, name.text, "Node \(name) takes work again, by \(by).")
        return .done("node \(name) takes work again", orders: [])
    }

    mutating func drain(
        _ name: NodeName,
        _ within: Duration,
        _ keepServices: Bool,
        by: String,
        _ reason: String,
        _ force: Bool
    ) throws(Refused) -> Reply.Outcome {
        let id = try joined(name)
        guard within > .zero, within <= .seconds(7 * 86_400) else {
            throw Refused(.invalid, "a drain takes from 1 millisecond to 7 days")
        }
        if !force { try checkMinimum(without: [id]) }
        let deadline = now.wall + within
        amend(id) { [now] in
            $0.cordon = $0.cordon ?? NodeRecord.Cordon(by: by, reason: reason, at: now.wall)
            $0.drain = NodeRecord.Drain(
                by: by,
                reason: reason,
                at: now.wall,
                deadline: deadline,
                keepServices: keepServices
            )
        }
        expect(by: now.instant + min(within, .seconds(1)))
        tell(
            .nodeDraining,
            .info,
            name.text,
            "Node \(name) is being drained by \(by), until \(deadline.forPeople).",
            cause: reason
        )
        return .done("node \(name) is being drained", orders: [])
    }

    mutating func beginMaintenance(
        _ name: NodeName,
        _ owner: String,
        _ until: WallTime,
        _ keepServices: Bool,
        by: String,
        _ command: Command
    ) throws(Refused) -> Reply.Outcome {
        let id = try joined(name)
        guard !owner.isEmpty, !command.reason.isEmpty else {
            throw Refused(
                .confirmation,
                "a maintenance needs an owner and a reason",
                mend: "--owner NAME --reason \"…\""
            )
        }
        guard until > now.wall else {
            throw Refused(.invalid, "the end of the maintenance has passed already")
        }
        if !command.force { try checkMinimum(without: [id]) }
        amend(id) { [now] in
            $0.maintenance = NodeRecord.Maintenance(
                owner: owner,
                reason: command.reason,
                at: now.wall,
                until: until,
                keepServices: keepServices
            )
        }
        expect(by: now.instant + .seconds(1))
        tell(
            .maintenanceBegun,
            .info,
            name.text,
            "Node \(name) is in maintenance by \(owner) until \(until.forPeople).",
            cause: command.reason
        )
        return .done("node \(name) is in maintenance until \(until.forPeople)", orders: [])
    }

    mutating func endMaintenance(_ name: NodeName, by: String) throws(Refused) -> Reply.Outcome {
        let id = try joined(name)
        guard let maintenance = nodes[id]?.record.maintenance else {
            return .done("node \(name) is not in maintenance", orders: [])
        }
        amend(id) { $0.maintenance = nil }
        tell(
            .maintenanceEnded,
            .info,
            name.text,
            "The maintenance of \(name) by \(maintenance.owner) was ended by \(by).",
            cause: maintenance.reason
        )
        return .done("the maintenance of \(name) has ended", orders: [])
    }

    mutating func release(
        _ name: NodeName,
        by: String,
        reason: String
    ) throws(Refused) -> Reply.Outcome {
        let id = try joined(name)
        guard let member = nodes[id], member.record.conflict != nil || member.heldUntil != nil
        else { return .done("node \(name) is not held", orders: []) }
        endHold(of: id, by: "released by \(by)")
        touch(id) { $0.losses.removeAll() }
        if member.record.conflict != nil {
            amend(id) {
                $0.conflict = nil
                $0.isNonceOpen = true
            }
            touch(id) { $0.lossCause = "released, not connected yet" }
            tell(
                .nodeReleased,
                .warning,
                name.text,
                "The identity of \(name) was released by \(by): the next machine that shows it "
                    + "is believed.",
                cause: reason
            )
        }
        return .done("node \(name) is released", orders: [])
    }

    func joined(_ name: NodeName) throws(Refused) -> NodeID {
        let id = try id(of: name)
        switch nodes[id]?.record.membership {
        case .joined: return id
        case .removing, .removed, nil:
            throw Refused(.notNow, "node \(name) is being removed")
        case .invited:
            throw Refused(
                .notNow,
                "node \(name) was added and has not joined yet",
                mend: "join it: muster-agent join"
            )
        }
    }

    /// Taking nodes away must leave their sites at their minimum.
    private func checkMinimum(without ids: [NodeID]) throws(Refused) {
        for site in sites.values where site.minimum > 0 {
            let (online, _) = count(of: site.name)
            let leaving = ids.filter {
                nodes[$0]?.record.site == site.name && nodes[$0]?.record.status == .online
            }
            guard !leaving.isEmpty else { continue }
            let left = online - leaving.count
            guard left >= Int(site.minimum) else {
                throw Refused(
                    .notNow,
                    "site \(site.name) would have \(left) nodes Online, "
                        + "\(Int(site.minimum) - left) below its minimum of \(site.minimum)",
                    mend: "repeat with --force to do it all the same"
                )
            }
        }
    }
}
