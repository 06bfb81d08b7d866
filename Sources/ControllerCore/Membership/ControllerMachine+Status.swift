import Model
import Protocol

// Changes of status, flapping and the ends of drains and removals, looked at once a step for every
// node the step has touched.

extension ControllerMachine {
    mutating func settleNodes() {
        // Settling one node can touch it again (an order, an event); the second look finds nothing
        // new, and the count bounds what a mistake of ours could cost.
        var rounds = 0
        while !touched.isEmpty {
            rounds += 1
            precondition(rounds < 8, "settling the nodes does not come to rest")
            let batch = sortedUnique(touched)
            touched.removeAll()
            for id in batch {
                pruneLosses(of: id)
                settleDrain(of: id)
                settleRemoval(of: id)
                reconcile(id)
                settleFencedLeases(of: id)
                settleComingUp(of: id)
                settleStatus(of: id)
                showWork(id)
            }
        }
    }

    private mutating func settleStatus(of id: NodeID) {
        guard let member = nodes[id] else { return }
        let record = member.record
        guard record.membership == .joined || record.membership == .removing else { return }
        let assessment = assess(member)
        guard assessment.status != record.status || assessment.reason != record.statusReason else {
            return
        }
        let changed = assessment.status != record.status
        nodes.update(id) {
            $0.record.status = assessment.status
            $0.record.statusReason = assessment.reason
            if changed { $0.record.statusSince = now.wall }
        }
        unsaved.append(id)
        // Many come back one after the other: they are counted together.
        notify.lookAtThresholds(by: now.instant + NotifyBook.thresholdsLookWithin)
        guard changed else { return }
        watch.isDue = true
        if assessment.status == .offline { notify.areThresholdsDue = true }
        let isPlanned = isOfflinePlanned(member)
        switch assessment.status {
        case .online:
            tell(
                .nodeOnline,
                .info,
                record.name.text,
                "Node \(record.name) is Online.",
                cause: "after \(elapsed(since: record.statusSince)) Offline",
                consequence: onlineText(of: record.site)
            )
        case .offline:
            tell(
                .nodeOffline,
                isPlanned ? .info : severityOfLoss(member),
                record.name.text,
                "Node \(record.name) is Offline.",
                cause: assessment.reason,
                consequence: meaning(of: member),
                isPlanned: isPlanned
            )
        }
    }

    private func severityOfLoss(_ member: Member) -> Severity {
        // An agent that was told to stop says so; somebody knows of it.
        member.isFarewell ? .warning : .critical
    }

    // MARK: Flapping

    private mutating func pruneLosses(of id: NodeID) {
        nodes.update(id) { member in
            let oldest = now.instant - settings.flapWindow
            member.losses.removeAll { $0 < oldest }
        }
    }

    /// From the second loss within the window a node that comes back is held for a while, twice as
    /// long each time: shown Offline, its services left as they are, nothing new given to it.
    mutating func considerHold(of id: NodeID) {
        pruneLosses(of: id)
        guard let member = nodes[id], member.losses.count >= 2 else { return }
        let doublings = min(member.losses.count - 2, 20)
        let base = settings.holdDownBase.nanoseconds
        let time = min(base << doublings, settings.holdDownMax.nanoseconds)
        let until = now.instant + .nanoseconds(time)
        touch(id) { $0.heldUntil = until }
        expect(by: until)
        tell(
            .nodeHeld,
            .warning,
            member.record.name.text,
            "Node \(member.record.name) is back and held for "
                + "\(Duration.nanoseconds(time).forPeople).",
            cause: "\(member.losses.count) losses within \(settings.flapWindow.forPeople)",
            consequence: "to end it now: muster node release \(member.record.name)"
        )
        auditOwn("node.hold", member.record.name.text, reason: "flapping")
    }

    mutating func endHold(of id: NodeID, by cause: String) {
        guard let member = nodes[id], member.heldUntil != nil else { return }
        touch(id) { $0.heldUntil = nil }
        tell(
            .nodeReleased,
            .info,
            member.record.name.text,
            "The hold of node \(member.record.name) has ended.",
            cause: cause
        )
        // That it is back was told; that it is not Online now is news.
        guard let member = nodes[id], !isOfflinePlanned(member),
            notify.isOpen(alarmKey(.nodeOffline, member.record.name.text))
        else { return }
        let assessment = assess(member)
        guard assessment.status == .offline else { return }
        tellStillOffline(member, severityOfLoss(member), assessment.reason)
    }

    // MARK: Drain and removal

    private mutating func settleDrain(of id: NodeID) {
        guard let member = nodes[id], let drain = member.record.drain, !drain.isFinished else {
            return
        }
        let areServicesClear = drain.keepServices || (member.isSynced && member.isQuiet)
        let isClear = areServicesClear && !work.hasTasks(id)
        guard isClear else { return }
        amend(id) { $0.drain?.isFinished = true }
        tell(
            .nodeDrained,
            .info,
            member.record.name.text,
            "Node \(member.record.name) is drained.",
            cause: drain.reason,
            consequence: "after \(elapsed(since: drain.at))"
        )
    }

    private mutating func settleRemoval(of id: NodeID) {
        guard let member = nodes[id], member.record.membership == .removing else { return }
        if member.isSynced, member.isQuiet, !work.hasTasks(id), !isWriting(id) {
            finishRemoval(of: id, cause: "its services have stopped")
        } else if member.removalDeadline == nil {
            let deadline = now.instant + settings.removalDeadline
            nodes.update(id) { $0.removalDeadline = deadline }
            expect(by: deadline)
        }
    }

    /// The services were not seen to stop in time. That is no proof that they have: unless all of
    /// them fence themselves and had to by now, an operator has to say that the node is off.
    mutating func removalOverdue(of id: NodeID, _ member: Member) {
        let isFenced =
            member.reachability == .unreachable && member.isFenceTold && !work.hasTasks(id)
            && !isWriting(id) && member.record.fencesItself == true
        if isFenced {
            return finishRemoval(of: id, cause: "its services have stopped by themselves")
        }
        let next = now.instant + settings.removalDeadline
        nodes.update(id) { $0.removalDeadline = next }
        expect(by: next)
        guard !member.isRemovalOverdueTold else { return }
        touch(id) { $0.isRemovalOverdueTold = true }
        tell(
            .nodeDrainOverdue,
            .warning,
            member.record.name.text,
            "Node \(member.record.name) is not removed yet: its services were not seen to stop.",
            cause: "services that may still run: \(runningServices(of: member))",
            consequence: "when it is off: muster node remove \(member.record.name) --force"
        )
    }

    /// The tombstone: the credential is revoked, the name is free, the local configuration stays.
    mutating func finishRemoval(of id: NodeID, cause: String) {
        guard let member = nodes[id], member.record.membership != .removed else { return }
        let record = member.record
        if doubt != nil {
            for (connection, known) in connections {
                guard case .node(id, _) = known.peer else { continue }
                dismiss(connection, .notActive, "this controller does not act")
            }
            unlink(id)
        }
        if let link = nodes[id]?.link {
            dismiss(
                link.connection,
                .removed,
                "this node was removed from the cluster; to come back it must be added again"
            )
            unlink(id)
        }
        for (connection, known) in connections {
            guard case .node(id, _) = known.peer, connection != member.link?.connection,
                doubt == nil
            else { continue }
            dismiss(connection, .removed, "this node was removed from the cluster")
        }
        for service in member.pendingOrders.keys { supersedeOrder(for: service, of: id) }
        amend(id) { [now] in
            $0.membership = .removed
            $0.removedAt = now.wall
            $0.session += 1
            $0.drains = nil
            $0.status = .offline
            $0.statusReason = "removed"
            $0.statusSince = now.wall
            $0.drain = nil
            $0.cordon = nil
            $0.maintenance = nil
            $0.conflict = nil
            $0.isUnsettled = false
        }
        touch(id) {
            $0.removalDeadline = nil
            $0.heldUntil = nil
            $0.reachability = .unreachable
            $0.lossCause = "removed"
        }
        forgetDrift(of: pair(of: id).flatMap { nodes[$0]?.record.pair == id ? $0 : nil } ?? id)
        work.forgetLosses(of: id)
        if work.hasTasks(id) { expect(by: leaseEnd(of: member)) }
        if nodeIDs[record.name] == id { nodeIDs[record.name] = nil }
        notify.areThresholdsDue = true
        tell(
            .nodeRemoved,
            .info,
            record.name.text,
            "Node \(record.name) was removed; its credential is revoked.",
            cause: cause,
            consequence: onlineText(of: record.site),
            site: record.site
        )
        auditOwn("node.revoke", record.name.text, reason: cause)
    }
}
