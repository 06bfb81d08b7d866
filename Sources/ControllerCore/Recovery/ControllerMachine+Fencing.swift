import Model
import Protocol

// Fencing: every node of the old site is proven unable to act, one by one (safety rule 4). Nothing is
// started anywhere before that.

extension ControllerMachine {
    /// The old site loses its part: nobody is active until the run goes on or is rolled back. Every
    /// node's session number is raised first, in the same transaction: whatever it was told before
    /// is void once it has heard of it.
    mutating func demote(_ run: RunRecord) {
        guard !run.isFenced else { return }
        for entry in inFlight(run) { put(.ledger(entry)) }
        for member in members(of: run.from) {
            let drains =
                run.tasksLinger ? work.leastDrainableToken(of: member.record.id) : nil
            amend(member.record.id) {
                $0.session += 1
                $0.drains = drains
            }
        }
        amendRun(run.id) {
            $0.isFenced = true
            $0.isDraining = true
        }
        tellRoles()
        tell(
            .siteFencing,
            .warning,
            run.from.text,
            "Site \(run.from) has to stop: every node is to be proven unable to act.",
            cause: "run \(run.id), \(run.kind.rawValue) to \(run.to) by \(run.by)",
            isPlanned: run.kind.isPlanned
        )
        auditOwn("run.fence", run.from.text, reason: "run \(run.id)")
    }

    /// Every task that a node of the old site has, or had when it was lost; of a task that several had,
    /// the last attempt.
    private func inFlight(_ run: RunRecord) -> [LedgerRecord] {
        var found: [LedgerRecord] = []
        for member in members(of: run.from) {
            let id = member.record.id
            found += work.assignmentsOf(id).map {
                LedgerRecord(
                    run: run.id,
                    task: $0.task,
                    attempt: $0.attempt,
                    node: member.record.name,
                    isStarted: $0.isStarted,
                    drains: run.tasksLinger && $0.isDrainable
                )
            }
            found += work.lossesOf(id).map {
                LedgerRecord(
                    run: run.id,
                    task: $0.task,
                    attempt: $0.attempt,
                    node: $0.name,
                    isStarted: $0.isStarted,
                    takenAt: $0.at
                )
            }
        }
        found.sort { ($0.task, $0.attempt) < ($1.task, $1.attempt) }
        var entries: [LedgerRecord] = []
        for entry in found {
            if entries.last?.task == entry.task { entries.removeLast() }
            entries.append(entry)
        }
        return entries
    }

    /// A site is being fenced, and a node of it is not proven yet: it gets no lease, so that what
    /// fences itself ends even where a stop has no effect.
    ///
    /// After a restore the same of a node that is none of the active site's, until it has spoken.
    func isLeaseWithheld(_ member: Member) -> Bool {
        if member.record.isUnsettled, role(of: member.record.site) != .active { return true }
        guard let run = runs.liveRun, run.isFenced, !run.isActivated,
            run.from == member.record.site
        else { return false }
        return runs.fence(of: member.record.id, in: run.id) == nil
    }

    mutating func lookAtFence(
        _ record: RunStepRecord,
        _ run: RunRecord,
        _ hook: HookName?
    ) -> StepProgress {
        if !run.isFenced {
            // The last look before anything of the old site is taken from it, whatever the plan says.
            let losses = unacceptedLosses(run)
            guard losses.isEmpty else { return .waiting(lossWaiting(losses, run)) }
            let parted = divergenceWaiting(run)
            guard parted.isEmpty else { return .waiting(parted) }
            let open = closeData(run)
            guard open.isEmpty else { return .waiting(open) }
            demote(run)
        }
        proveWhatIs(run)
        if let hook {
            for place in unfencedPlaces(run) {
                command(hook, against: nodes.values[place], record, run)
            }
        }
        let open = unfenced(run)
        guard open.isEmpty else { return .waiting(open) }
        let count = places(of: run.from).count
        return .done("\(counted(count, "node")) of site \(run.from) cannot act any more")
    }

    /// Records every proof that there is now.
    mutating func proveWhatIs(_ run: RunRecord) {
        for place in unfencedPlaces(run) {
            if let (proof, text) = proof(of: nodes.values[place], in: run) {
                noteFenced(nodes.values[place], run.id, proof, text)
            }
        }
    }

    /// Members of the old site that are not proven, by their places among the nodes.
    func unfencedPlaces(_ run: RunRecord) -> [Int] {
        places(of: run.from).filter {
            runs.fence(of: nodes.values[$0].record.id, in: run.id) == nil
        }
    }

    /// A node is back that was taken for off, or for silent: it has to say itself now that nothing of it
    /// runs. A statement that it has made stands. So does its silence until it has told everything: its
    /// lease has ended, and it gets no other one before.
    ///
    /// - Parameter isSilenceOver: it has told everything.
    mutating func withdrawFence(of id: NodeID, isSilenceOver: Bool = true) {
        guard let run = runs.liveRun, run.isFenced, !run.isActivated,
            let fence = runs.fence(of: id, in: run.id), fence.proof != .statement,
            isSilenceOver || fence.proof != .waited
        else { return }
        runs.forget(fence)
        effects.journal.append(.delete(table: .fence, key: fence.storeKey))
        runs.isDue = true
        tell(
            .nodeUnfenced,
            .critical,
            fence.name.text,
            "Node \(fence.name) is back, and counted as fenced (\(fence.proof.rawValue)).",
            cause: fence.text,
            consequence: "run \(run.id) waits for its own word"
        )
        auditOwn("run.proof-withdrawn", fence.name.text, reason: fence.text)
    }

    /// Another boot or machine speaks for the node than the one on which services may run that do not
    /// stop by themselves: after a reboot they are gone, of a copied machine they are not, and nobody
    /// here can tell the one from the other.
    public func isOtherMachine(_ member: Member) -> Bool {
        member.record.stickyMachine.map { $0 != member.record.machine } ?? false
    }

    /// Which nodes are not proven, and what would prove each; empty when all are.
    func unfenced(_ run: RunRecord) -> String {
        // Of more than the first few the number is said.
        let open = unfencedPlaces(run)
        return short(open) { place in
            let member = nodes.values[place]
            return "\(member.record.name) \(reasonUnfenced(member, run.id))"
        }
    }

    private func reasonUnfenced(_ member: Member, _ run: RunID) -> String {
        let certify = PersonNeed.certification(run, member.record.name)
        if member.isSynced, isOtherMachine(member) {
            return
                "speaks from another boot or machine than the one that ran its services (if it was "
                + "rebooted, or the other one is off: \(certify))"
        }
        if member.isSynced { return "is still stopping what it ran" }
        if member.reachability != .unreachable { return "has not been heard yet" }
        if member.record.conflict != nil {
            return
                "is held, its identity was seen twice (make sure that both machines are off, then: "
                + "\(certify))"
        }
        if member.record.fencesItself == true {
            return "cannot be reached and stops by itself within \(settings.lease.wait.forPeople)"
        }
        return "cannot be reached and does not stop by itself (make sure that it is off, then: "
            + "\(certify))"
    }

    /// A node's statement says nothing of attempts that may drain. Where the run lets them, they stay with
    /// the node; where it does not, they are being ended, and are waited for.
    func proof(of member: Member, in run: RunRecord?) -> (FenceProof, String)? {
        let record = member.record
        if !record.isAdmitted, !record.isHistoryOpen, record.stickyMachine == nil,
            member.services.values.allSatisfy(\.report.hasStopped),
            !work.hasTasks(record.id)
        {
            return (.neverStarted, "it was never admitted: nothing was started on it")
        }
        guard record.conflict == nil, !record.isHistoryOpen else { return nil }
        if member.isSynced {
            guard !isOtherMachine(member) else { return nil }
            let needed = FencingToken(epoch: cluster.epoch, session: record.session - 1)
            guard let floor = member.floor, floor >= needed else { return nil }
            let isWhole = member.wholeFloor.map { $0 >= needed } ?? false
            guard isWhole || run?.tasksLinger ?? false || !work.hasDrainable(record.id) else {
                return nil
            }
            return (.statement, "it says that nothing under \(needed) or older runs")
        }
        guard member.reachability == .unreachable, record.fencesItself == true else { return nil }
        let end = leaseEnd(of: member)
        guard now.instant >= end else { return nil }
        let age = (now.instant - member.lastGrant).forPeople
        return (.waited, "it fences itself, and got no lease for \(age)")
    }

    mutating func noteFenced(
        _ member: Member,
        _ run: RunID,
        _ proof: FenceProof,
        _ text: String
    ) {
        let record = member.record
        let fence = FenceRecord(
            run: run,
            node: record.id,
            name: record.name,
            proof: proof,
            session: record.session,
            text: kept(text, bytesMax: Limits.textBytesMax),
            at: now.wall
        )
        runs.restore(fence, at: now)
        put(.fence(fence))
        runs.isDue = true
        tell(
            .nodeFenced,
            .info,
            record.name.text,
            "Node \(record.name) cannot act any more.",
            cause: text,
            consequence: "run \(run)"
        )
        auditOwn("run.node-fenced", record.name.text, reason: "\(proof.rawValue): \(text)")
        let isLingering = runs.runs[run]?.tasksLinger ?? false
        takeWork(of: record.id, sparesDrainable: proof == .statement && isLingering)
    }

    private mutating func command(
        _ hook: HookName,
        against member: Member,
        _ record: RunStepRecord,
        _ run: RunRecord
    ) {
        let id = member.record.id
        let purpose = HookPurpose.fence(run.id, id)
        // Who is coming back speaks for itself, and is not switched off for it.
        guard member.reachability == .unreachable, member.link == nil,
            !runs.calls.values.contains(purpose)
        else { return }
        if let at = runs.retryAt, now.instant < at { return expect(by: at) }
        let target = [
            TaskAttribute(name: "TARGET", value: member.record.name.text),
            TaskAttribute(name: "TARGET_ADDRESS", value: member.record.address ?? ""),
        ]
        call(hook, purpose, record, run, more: target.compactMap { $0 })
    }

    mutating func fenceCommandEnded(
        _ node: NodeID,
        _ record: RunStepRecord,
        _ run: RunRecord,
        _ isDone: Bool,
        _ text: String
    ) {
        guard let member = nodes[node], record.step.act.isFence, run.isFenced,
            runs.fence(of: node, in: run.id) == nil
        else { return }
        // Who has come back meanwhile speaks for itself.
        guard member.reachability == .unreachable, member.link == nil else { return }
        if isDone { return noteFenced(member, run.id, .command, text) }
        let again = now.instant + max(record.step.retryDelay, .seconds(1))
        runs.retryAt = again
        expect(by: again)
        auditOwn("run.fence-failed", member.record.name.text, reason: text)
    }

    /// An operator says that a node is off. It is believed, and stands in the record with the name.
    mutating func certify(
        _ id: RunID,
        _ name: NodeName,
        by: String,
        reason: String
    ) throws(Refused) -> Reply.Outcome {
        let run = try liveRun(id)
        guard !reason.isEmpty else {
            throw Refused(
                .invalid,
                "how it is known that \(name) is off must be said",
                mend: "--reason 'powered off by the data centre, ticket 123'"
            )
        }
        guard let member = member(named: name), member.record.site == run.from else {
            throw Refused(.unknownName, "\(name) is no node of site \(run.from)")
        }
        guard run.isFenced, !run.isActivated else {
            throw Refused(.notNow, "run \(id) is not fencing site \(run.from) now")
        }
        guard runs.fence(of: member.record.id, in: id) == nil else {
            return .done("node \(name) is proven fenced already", orders: [])
        }
        guard member.link == nil || (member.isSynced && isOtherMachine(member)) else {
            throw Refused(
                .notNow,
                "node \(name) has a session: it is not off",
                mend: "it is being stopped; muster run show \(id)"
            )
        }
        noteFenced(member, id, .certified, "certified by \(by): \(reason)")
        return .done("node \(name) counts as off", orders: [])
    }
}
