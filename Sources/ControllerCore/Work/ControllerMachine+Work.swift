import Model
import Protocol

// Where the membership and the work meet: what nodes may get, what they say of tasks, and what the
// work decided.

extension ControllerMachine {
    /// Work that was decided in this step goes into its effects; nodes that have a task less are
    /// looked at again, since a drain may be over with it.
    mutating func settleWork() {
        if isGranting != wasGranting {
            wasGranting = isGranting
            touched += nodes.keys
        }
        settleRestoration()
        if mayFire { settleSchedules() }
        settleReplication()
        var rounds = 0
        repeat {
            rounds += 1
            precondition(rounds < 64, "nodes and work do not come to rest")
            settleNodes()
            work.settle()
            foldWork()
            settleRun()
            settleFailover()
            // A run may have given hooks to nodes, or have taken tasks from them.
        } while !touched.isEmpty || !work.isSettled
        reserveTaskNumbers()
        if let deadline = work.nextDeadline { expect(by: deadline) }
    }

    /// What falls due while no site is active, or while a restored store settles, follows the schedule's
    /// policy for missed firings.
    var mayFire: Bool { role(of: cluster.activeSite) == .active && settling == nil && mayAct }

    /// The ceiling stands before the tasks that need it, in the same transaction.
    private mutating func reserveTaskNumbers() {
        guard work.nextTask > cluster.taskCeiling else { return }
        cluster.taskCeiling = work.nextTask + Limits.taskBlock
        put(.cluster(cluster))
    }

    private mutating func foldWork() {
        let done = work.takeEffects()
        effects.journal += done.journal
        for send in done.sends {
            guard let link = nodes[send.node]?.link, link.phase != .welcomed else { continue }
            self.send(.work(send.message), to: link.connection)
        }
        for notice in done.notices {
            tell(
                notice.kind,
                notice.severity,
                notice.subject,
                notice.text,
                cause: notice.cause,
                consequence: notice.consequence
            )
        }
        noteHookEnds(done.hookEnds)
        for node in done.released where nodes[node].map({ isAwaitingWork($0) }) ?? false {
            touched.append(node)
        }
    }

    /// A drain or a removal that waits for the node's tasks.
    private func isAwaitingWork(_ member: Member) -> Bool {
        member.record.membership == .removing || member.record.drain.map { !$0.isFinished } ?? false
    }

    // MARK: What a node may get

    /// Tells the work what a node is now; called once a step for every node that was touched.
    mutating func showWork(_ id: NodeID) {
        guard let member = nodes[id] else { return }
        if member.preferencesVersion != cluster.configurationVersion {
            let preferences = preferences(of: member.record)
            nodes.update(id) { [version = cluster.configurationVersion] in
                $0.preferences = preferences
                $0.preferencesVersion = version
            }
        }
        work.update(id, workerView(of: nodes[id] ?? member))
        switch member.reachability {
        case .unreachable: work.lose(id)
        case .reachable: work.hear(id)
        case .suspect: break
        }
    }

    private func workerView(of member: Member) -> WorkerView {
        WorkerView(
            name: member.record.name,
            standing: standing(of: member),
            hookObstacle: hookObstacle(of: member),
            isInDrill: runs.drill(of: member.record.site) != nil && member.knowsDrills,
            token: token(of: member.record),
            handlers: member.handlers,
            preferences: member.preferences,
            isOfActiveSite: role(of: member.record.site) == .active
                && member.record.membership == .joined,
            isSuspect: member.reachability == .suspect
        )
    }

    /// Whether a node gets tasks, and whether it keeps those it has.
    private func standing(of member: Member) -> WorkerView.Standing {
        let record = member.record
        switch record.membership {
        case .removed: return .resting("removed")
        case .invited: return .resting("not joined yet")
        case .removing:
            return member.isRemovalOverdueTold
                ? .ending("being removed") : .leaving("being removed")
        case .joined: break
        }
        if role(of: record.site) != .active { return .leaving("site \(record.site) is a standby") }
        if let run = runs.liveRun, run.isDraining, run.from == record.site {
            return .leaving("run \(run.id) moves the work to site \(run.to)")
        }
        if record.conflict != nil { return .resting("its identity was seen twice") }
        if let maintenance = record.maintenance {
            return .leaving("in maintenance by \(maintenance.owner)")
        }
        if let drain = record.drain {
            return drain.isOverdue ? .ending("drained") : .leaving("drained")
        }
        if record.cordon != nil { return .leaving("cordoned") }
        if member.reachability == .unreachable { return .resting("unreachable") }
        guard let link = member.link, link.phase == .synced else { return .resting("joining") }
        guard link.version >= WireLimits.workVersion else {
            return .resting("its agent is too old to run tasks")
        }
        if !record.isAdmitted { return .resting("its preflight checks have not passed") }
        if member.heldUntil != nil { return .resting("held, so that it does not flap") }
        let assessment = assess(member)
        if assessment.status != .online { return .resting("Offline: \(assessment.reason)") }
        if let clock = member.clock, clock.exceeds(settings.clockOffsetMax) {
            return .resting("its clock is off")
        }
        if settling != nil {
            return .resting(Self.waitsAfterRestore)
        }
        return isGranting ? .working : .resting("the controller grants no leases now")
    }

    private static let waitsAfterRestore =
        "the controller was restored, and waits for what may still run"

    private func hookObstacle(of member: Member) -> String? {
        let record = member.record
        guard record.membership == .joined else { return "not a member" }
        if !record.isAdmitted { return "its preflight checks have not passed" }
        if record.conflict != nil { return "its identity was seen twice" }
        if member.reachability == .unreachable { return "unreachable" }
        guard let link = member.link, link.phase == .synced else { return "joining" }
        guard link.version >= WireLimits.workVersion else { return "its agent is too old" }
        if settling != nil {
            return "the controller was restored, and waits for what may still run"
        }
        return isGranting ? nil : "the controller grants no leases now"
    }

    // MARK: What a node says

    mutating func hear(
        _ message: AgentWorkMessage,
        from id: NodeID,
        _ connection: ConnectionID
    ) {
        guard let link = nodes[id]?.link, link.version >= WireLimits.workVersion else {
            return dismiss(connection, .badVerb, "this verb needs version 2 of the protocol")
        }
        switch message {
        case .handler(let report):
            let isKnown = nodes[id]?.handlers[report.name] != nil
            guard isKnown || (nodes[id]?.handlers.count ?? 0) < WorkLimits.handlersPerNodeMax else {
                return dismiss(connection, .badLine, "more handlers than a node may have")
            }
            touch(id) { $0.handlers[report.name] = report }
        case .unhandled(let name): touch(id) { $0.handlers[name] = nil }
        case .holding(let attempt, let phase):
            guard link.phase == .telling, link.holdings.count < WorkLimits.attemptsPerNodeMax
            else { return dismiss(connection, .badVerb, "HOLDING stands before SYNCED") }
            nodes.update(id) { $0.link?.holdings[attempt] = phase }
        case .started(let attempt): work.started(attempt, on: id)
        case .output(let attempt, let at, let data, let isLive):
            if isLive {
                work.heardLive(data, at: at, of: attempt, on: id)
            } else {
                work.heard(data, at: at, of: attempt, on: id)
            }
        case .result(let attempt, let result):
            work.ended(attempt, result, on: id)
            nodes.update(id) { $0.link?.foreign.removeAll { $0 == attempt } }
        case .returned(let attempt, let code, let text):
            work.returned(attempt, code, text, by: id)
            nodes.update(id) { $0.link?.foreign.removeAll { $0 == attempt } }
        case .submit(let submission): offered(submission, known: nil, on: connection)
        case .submitPart(let reference, let at, let data):
            takePart(data, at: at, of: reference, from: id, connection)
        }
    }

    // MARK: Loss

    /// X after the last answered heartbeat nothing that depends on the lease runs on the node. Its
    /// session number is raised first, in the same transaction: what it says later of the attempts
    /// it had is refused.
    mutating func fenceWork(of id: NodeID) {
        guard let member = nodes[id], work.hasTasks(id), member.reachability == .unreachable,
            now.instant >= leaseEnd(of: member), mayAct
        else { return }
        amend(id) {
            $0.session += 1
            $0.drains = nil
        }
        auditOwn(
            "node.fence",
            member.record.name.text,
            reason: "its lease has ended: it loses \(counted(work.tasks(of: id).count, "task"))"
        )
        takeWork(of: id, sparesDrainable: false)
        if member.record.membership == .removed { work.forgetLosses(of: id) }
    }
}
