import Model
import Protocol

// Time: what is due, what is next, and when our own clock cannot be trusted.

extension ControllerMachine {
    mutating func settleClock() {
        noticeTilt()
        guard let earliest = earliestDeadline, now.instant >= earliest else { return }
        if let until = tiltUntil, now.instant >= until { tiltUntil = nil }
        settleLeaseTerms()
        for id in nodes.keys { settleDeadlines(of: id) }
        settlePreflights()
        settleTallies()
        settleDrift()
        runs.isDue = true
        rescheduleDeadlines()
    }

    /// Woken much later than asked, we were frozen or our clock jumped; what looks like the nodes'
    /// silence is our own. One full interval is given to hear them again (Redis Sentinel's TILT).
    private mutating func noticeTilt() {
        guard let earliest = earliestDeadline, now.instant > earliest + Limits.tiltAfter else {
            return
        }
        let late = now.instant - earliest
        for id in nodes.keys {
            nodes.update(id) {
                $0.detector.forgive(at: now.instant)
                $0.isSilenceOurs = $0.reachability != .unreachable
            }
        }
        let interval = settings.lease.heartbeatInterval
        tiltUntil = now.instant + .nanoseconds(interval.nanoseconds * 7 / 2)
        tell(
            .controllerTilted,
            .warning,
            "controller",
            "The controller was late by \(late.forPeople); it observes and does not act on silence"
                + " for one full interval.",
            cause: "the process was frozen or its clock jumped"
        )
    }

    private mutating func settleDeadlines(of id: NodeID) {
        guard let member = nodes[id] else { return }
        switch member.record.membership {
        case .invited: return
        case .removed: return fenceWork(of: id)
        case .joined, .removing: break
        }
        settleSilence(of: id, member)
        settleCertificate(of: id)
        if let until = member.heldUntil, now.instant >= until { endHold(of: id, by: "its end") }
        settleFence(of: id)
        fenceWork(of: id)
        settleEnds(of: id)
        if member.link?.phase == .synced, !member.record.isAdmitted,
            now.instant >= member.preflightNotBefore
        {
            startPreflight(of: [id], isAutomatic: true)
        }
        if member.link.map({ $0.phase != .synced }) ?? false { touched.append(id) }
        if !member.pendingOrders.isEmpty || now.instant >= member.reconcileNotBefore {
            touched.append(id)
        }
        if let until = member.comingUpUntil, now.instant >= until { touched.append(id) }
    }

    private mutating func settleSilence(of id: NodeID, _ member: Member) {
        guard member.reachability != .unreachable else { return }
        if now.instant >= member.detector.lostAt {
            let silence = now.instant - member.detector.lastHeard
            let cause =
                member.wasHeard
                ? "no heartbeat for \(silence.forPeople)"
                : member.record.lossCause ?? "not heard since the controller started"
            lose(id, cause: cause, isLoss: member.wasHeard)
        } else if now.instant >= member.detector.suspectAt, member.reachability == .reachable {
            touch(id) { $0.reachability = .suspect }
        }
    }

    /// A session does not outlive the certificate it would need for the next one. Counted on the
    /// boot clock: a wall clock that is set cuts nobody off.
    private mutating func settleCertificate(of id: NodeID) {
        guard let link = nodes[id]?.link, let expiry = link.expiry, now.instant >= expiry.at else {
            return
        }
        let text = "the node's certificate ended at \(expiry.of.forPeople)"
        dismiss(link.connection, .badCertificate, text)
        unlink(id)
        lose(id, cause: text, isLoss: false)
    }

    /// Rule 4(b) of the safety rules: X after the last answered heartbeat, nothing that depends on
    /// the lease runs on a node that fences itself.
    private mutating func settleFence(of id: NodeID) {
        guard let member = nodes[id], member.reachability == .unreachable, !member.isFenceTold,
            now.instant >= leaseEnd(of: member)
        else { return }
        touch(id) { $0.isFenceTold = true }
        guard member.hasSelfFencedService else { return }
        tell(
            .nodeFenced,
            .info,
            member.record.name.text,
            "The self-fenced services of \(member.record.name) have stopped by themselves.",
            cause: "its last lease was granted "
                + "\((now.instant - member.lastGrant).forPeople) ago and it has not been heard since"
        )
    }

    /// Ends that were given in wall time (a drain's deadline, a maintenance's end).
    private mutating func settleEnds(of id: NodeID) {
        guard let member = nodes[id] else { return }
        let record = member.record
        if let maintenance = record.maintenance, now.wall >= maintenance.until {
            amend(id) { $0.maintenance = nil }
            tell(
                .maintenanceEnded,
                .info,
                record.name.text,
                "The maintenance of \(record.name) by \(maintenance.owner) has reached its end.",
                cause: maintenance.reason
            )
            auditOwn("node.maintenance.end", record.name.text, reason: "its end was reached")
        }
        if let drain = record.drain, !drain.isFinished, !drain.isOverdue,
            now.wall >= drain.deadline
        {
            amend(id) { $0.drain?.isOverdue = true }
            tell(
                .nodeDrainOverdue,
                .warning,
                record.name.text,
                "The drain of \(record.name) has not finished by its deadline.",
                cause: "services still running: \(runningServices(of: member))"
            )
        }
        if let deadline = member.removalDeadline, now.instant >= deadline {
            removalOverdue(of: id, member)
        }
    }

    func runningServices(of member: Member) -> String {
        member.services.values
            .filter { $0.report.state != .stopped && $0.report.state != .failed }
            .map { $0.report.name.text }
            .joined(separator: ", ")
    }

    mutating func rescheduleDeadlines() {
        earliestDeadline = tiltUntil
        if cluster.leaseWait > settings.lease.wait {
            expect(by: startedAt.instant + waitBefore)
        }
        for member in nodes.values {
            if let deadline = deadline(of: member) { expect(by: deadline) }
        }
        for run in preflights.values where !run.isFinished { expect(by: run.deadline) }
        if let deadline = drift.nextDeadline { expect(by: deadline) }
        if let deadline = talliesDeadline { expect(by: deadline) }
        if let deadline = work.nextDeadline { expect(by: deadline) }
        if let deadline = replicationDeadline { expect(by: deadline) }
        if let deadline = settlingDeadline { expect(by: deadline) }
        // While no site is active nothing fires: what is due is no deadline.
        if mayFire, let deadline = schedules.nextDeadline {
            expect(by: deadline)
        }
        for deadline in [runs.deadline, runs.retryAt].compactMap({ $0 }) { expect(by: deadline) }
        // What of it is due now is settled at the end of this step.
        if let deadline = notify.nextDeadline, deadline > now.instant { expect(by: deadline) }
    }

    /// Its tasks are taken from it once its lease has surely ended. Who doubts takes nothing.
    private func isFencingDue(_ id: NodeID) -> Bool { mayAct && work.hasTasks(id) }

    private func deadline(of member: Member) -> Instant? {
        switch member.record.membership {
        case .invited: return nil
        case .removed:
            return isFencingDue(member.record.id)
                ? leaseEnd(of: member) : nil
        case .joined, .removing: break
        }
        var earliest: Instant?
        func consider(_ instant: Instant) {
            earliest = min(earliest ?? instant, instant)
        }
        switch member.reachability {
        case .reachable: consider(member.detector.suspectAt)
        case .suspect: consider(member.detector.lostAt)
        case .unreachable:
            if !member.isFenceTold || isFencingDue(member.record.id) {
                consider(leaseEnd(of: member))
            }
        }
        if let until = member.heldUntil { consider(until) }
        if let until = member.comingUpUntil { consider(until) }
        if let deadline = member.removalDeadline { consider(deadline) }
        if let link = member.link, link.phase != .synced, tellingEnd(link) > now.instant {
            consider(tellingEnd(link))
        }
        if member.link?.phase == .synced {
            if !member.record.isAdmitted {
                consider(max(member.preflightNotBefore, now.instant + .milliseconds(100)))
            }
            if member.reconcileNotBefore > now.instant { consider(member.reconcileNotBefore) }
        }
        // Wall clocks may be set: look again at least once a second while an end is waited for.
        if let expiry = member.link?.expiry { consider(expiry.at) }
        if let maintenance = member.record.maintenance {
            consider(wallDeadline(maintenance.until))
        }
        if let drain = member.record.drain, !drain.isFinished, !drain.isOverdue {
            consider(wallDeadline(drain.deadline))
        }
        return earliest
    }

    private func wallDeadline(_ end: WallTime) -> Instant {
        let left = end - now.wall
        return now.instant + min(max(left, .milliseconds(1)), .seconds(1))
    }
}
