public import Model
import Protocol

// Nodes as work sees them: what they may get, what they have, and what is taken from them.

extension WorkMachine {
    /// What the membership says of a node has changed.
    mutating func update(_ node: NodeID, _ view: WorkerView) {
        guard let place = places[node] else {
            places[node] = workers.count
            workers.append(Worker(id: node, seed: Rendezvous.seed(of: node), view: view))
            updateRooms(of: workers.count - 1)
            judgeLoad(of: workers.count - 1)
            return placeAnew()
        }
        let before = workers[place].view
        guard before != view else { return }
        workers[place].view = view
        updateRooms(of: place)
        judgeLoad(of: place)
        if before.standing.obstacle != view.standing.obstacle
            || before.hookObstacle != view.hookObstacle || before.isInDrill != view.isInDrill
            || before.handlers != view.handlers
            || before.preferences != view.preferences
        {
            placeAnew()
        }
        guard before.standing != view.standing else { return }
        recall(from: place)
    }

    /// What its standing asks for: nothing, or all that has not started, or everything.
    private mutating func recall(from place: Int) {
        switch workers[place].view.standing {
        case .working, .resting: break
        case .leaving: recall(from: place, .recalled)
        case .ending: recall(from: place, .drained)
        }
    }

    /// Tells the node to give back what it has not started, or all of it.
    private mutating func recall(from place: Int, _ reason: CancelReason) {
        for id in workers[place].tasks {
            guard let assignment = assignments[id.number], assignment.cancel != .cancelled,
                assignment.cancel != reason, !isOfRun(id)
            else { continue }
            if reason == .recalled, assignment.isStarted { continue }
            assignments.update(id.number) { $0.cancel = reason }
            sendCancel(id, assignment, reason)
        }
    }

    func isOfRun(_ id: TaskID) -> Bool {
        tasks[id.number].flatMap { classes[$0.taskClass]?.value.isOfRun } ?? false
    }

    /// Tasks of the cluster's work that a node has: those of runs are not counted.
    func hasWork(_ node: NodeID) -> Bool {
        places[node].map { workers[$0].tasks.contains { !isOfRun($0) } } ?? false
    }

    mutating func sendCancel(_ id: TaskID, _ assignment: Assignment, _ reason: CancelReason) {
        let worker = workers[assignment.worker]
        out.sends.append(
            WorkSend(
                node: worker.id,
                message: .cancel(
                    TaskAttempt(task: id, attempt: assignment.attempt),
                    token: worker.view.token,
                    reason
                )
            )
        )
    }

    /// The first report of a session is complete. What the node does not tell is not there: it does
    /// not run, and never will by an order given before.
    mutating func synced(_ node: NodeID, _ held: OrderedTable<TaskAttempt, HoldingPhase>) {
        guard let place = places[node] else { return }
        forgetLosses(of: node)
        workers[place].hasTold = true
        workers[place].lostAt = nil
        workers[place].isIdempotentTaken = false
        updateRooms(of: place)
        for id in workers[place].tasks {
            guard let assignment = assignments[id.number] else { continue }
            let attempt = TaskAttempt(task: id, attempt: assignment.attempt)
            switch held[attempt] {
            case .running, .ended:
                if !assignment.isStarted {
                    assignments.update(id.number) { $0.isStarted = true }
                    arrived(id, at: place)
                }
                fallthrough
            case .waiting:
                if let reason = assignment.cancel { sendCancel(id, assignment, reason) }
            case nil: absent(id, assignment)
            }
        }
        // A controller that has started since knows why the node is to give its tasks back, and not that
        // it was told.
        recall(from: place)
        for (attempt, phase) in held where phase != .ended {
            guard
                assignments[attempt.task.number].map({
                    $0.worker == place && $0.attempt == attempt.attempt
                }) != true
            else { continue }
            out.sends.append(
                WorkSend(
                    node: node,
                    message: .cancel(attempt, token: workers[place].view.token, .cancelled)
                )
            )
        }
    }

    /// What a node has and was not given by what is known here, and has not ended.
    func foreign(
        _ held: OrderedTable<TaskAttempt, HoldingPhase>,
        on node: NodeID
    ) -> [TaskAttempt] {
        held.compactMap { attempt, phase in
            let isKnown =
                assignments[attempt.task.number].map {
                    workers[$0.worker].id == node && $0.attempt == attempt.attempt
                } ?? false
            return phase == .ended || isKnown ? nil : attempt
        }
    }

    /// The node does not have what it was given. It writes down a start before it starts, so what
    /// was not told to have started never did.
    private mutating func absent(_ id: TaskID, _ assignment: Assignment) {
        release(id, assignment)
        if assignment.cancel == .cancelled { return finish(id, .cancelled, assignment) }
        // After a restore it may have ended, and have been taken, since the backup.
        let wasRunOnce = assignment.delivery == .atMostOnce && mayHaveRun(id)
        if assignment.isStarted || wasRunOnce {
            interrupted(id, assignment, "lost")
        } else {
            again(id, assignment, "lost", isInterruption: false)
        }
    }

    // MARK: Loss

    /// The node cannot be reached any more. What it has stays with it, until it is proven that it
    /// does not run there; only what may run twice is given elsewhere, after a moment in which the
    /// node may come back.
    mutating func lose(_ node: NodeID) {
        guard let place = places[node], workers[place].lostAt == nil else { return }
        workers[place].lostAt = now.instant
        updateRooms(of: place)
    }

    mutating func hear(_ node: NodeID) {
        guard let place = places[node], workers[place].lostAt != nil else { return }
        workers[place].lostAt = nil
        workers[place].isIdempotentTaken = false
        updateRooms(of: place)
    }

    func idempotentDue(_ worker: Worker) -> Instant? {
        guard let lostAt = worker.lostAt, !worker.isIdempotentTaken, !worker.tasks.isEmpty else {
            return nil
        }
        return lostAt + rules.lossGrace
    }

    mutating func takeIdempotent(from place: Int) {
        workers[place].isIdempotentTaken = true
        take(from: place, "lost") { $0.delivery == .idempotent }
    }

    /// It is proven that nothing that this node was given before runs any more: the wait X is over,
    /// or it says so. The caller has raised its session number in the same step.
    ///
    /// - Parameter sparesDrainable: it says so of what is exclusive; what drains stays with it.
    mutating func fence(_ node: NodeID, sparesDrainable: Bool = false) {
        guard let place = places[node] else { return }
        take(from: place, "lost") { !sparesDrainable || !$0.isDrainable }
    }

    private mutating func take(
        from place: Int,
        _ how: String,
        where isTaken: (Assignment) -> Bool
    ) {
        var moved = 0
        for id in workers[place].tasks {
            guard let assignment = assignments[id.number], isTaken(assignment) else { continue }
            moved += 1
            noteLoss(id, assignment)
            release(id, assignment)
            if assignment.cancel == .cancelled {
                finish(id, .cancelled, assignment)
            } else {
                interrupted(id, assignment, how)
            }
        }
        guard moved > 0 else { return }
        tell(
            .tasksMoved,
            .warning,
            workers[place].view.name.text,
            "\(moved) \(moved == 1 ? "task" : "tasks") of node \(workers[place].view.name) "
                + "\(moved == 1 ? "goes" : "go") to other nodes.",
            cause: "the node cannot be reached"
        )
    }

    public func hasTasks(_ node: NodeID) -> Bool {
        places[node].map { !workers[$0].tasks.isEmpty } ?? false
    }

    /// What a node has of the cluster's work, tasks of runs not counted.
    func assignmentsOf(
        _ node: NodeID
    ) -> [(task: TaskID, attempt: UInt16, isStarted: Bool, isDrainable: Bool)] {
        tasks(of: node).compactMap { id in
            guard !isOfRun(id) else { return nil }
            return assignments[id.number].map {
                (id, $0.attempt, mayHaveBegun($0), $0.isDrainable)
            }
        }
    }

    /// Whether an attempt has begun, by its node's word. What an earlier controller was told of it this one
    /// does not know: until the node has told what it has, it counts as begun.
    func mayHaveBegun(_ assignment: Assignment) -> Bool {
        assignment.isStarted || !workers[assignment.worker].hasTold
    }

    public func tasks(of node: NodeID) -> [TaskID] {
        places[node].map { workers[$0].tasks } ?? []
    }

    // MARK: Load

    mutating func sampled(_ load: Load, of node: NodeID) {
        guard let place = places[node] else { return }
        workers[place].processors = max(1, load.processors)
        workers[place].loadPerProcessor = load.loadAverage1 / max(1, load.processors)
        if load.memoryTotal > 0 {
            let used = load.memoryTotal - min(load.memoryAvailable, load.memoryTotal)
            workers[place].memoryPerMille = UInt32(
                load.memoryTotal.dividingFullWidth(used.multipliedFullWidth(by: 1_000)).quotient
            )
        }
        outdateViews()
        judgeLoad(of: place)
    }

    /// Overloaded at a threshold, relieved below a lower one, so that work does not flap.
    mutating func judgeLoad(of place: Int) {
        let worker = workers[place]
        let preferences = worker.view.preferences
        func exceeded(by perMille: UInt64) -> String? {
            // A standby's nodes get no work that their load could matter to.
            guard worker.view.isOfActiveSite else { return nil }
            func isOver(_ value: UInt32?, _ limit: UInt32?) -> Bool {
                guard let value, let limit else { return false }
                return UInt64(value) * 1_000 >= UInt64(limit) * perMille
            }
            if isOver(worker.loadPerProcessor, preferences.loadMax) {
                return "load \(thousandths(worker.loadPerProcessor)) per CPU, overloaded from "
                    + thousandths(preferences.loadMax)
            }
            if isOver(worker.memoryPerMille, preferences.memoryMax) {
                return "memory \((worker.memoryPerMille ?? 0) / 10)% used, overloaded from "
                    + "\((preferences.memoryMax ?? 0) / 10)%"
            }
            if isOver(worker.assignedCount, preferences.runningMax) {
                return "\(worker.assignedCount) tasks, overloaded from "
                    + "\(preferences.runningMax ?? 0)"
            }
            return nil
        }
        let name = worker.view.name
        if let reason = exceeded(by: 1_000) {
            let isNew = worker.overload == nil
            workers[place].overload = reason
            guard isNew else { return }
            workers[place].overloadedSince = now.wall
            placeAnew()
            for group in worker.groups { setRoom(of: place, in: group) }
            guard !worker.isOverloadTold else { return }
            workers[place].isOverloadTold = true
            tell(
                .nodeOverloaded,
                .warning,
                name.text,
                "Node \(name) is overloaded: it is passed over.",
                cause: reason
            )
        } else if worker.overload != nil || worker.isOverloadTold && worker.isLoadKnown,
            exceeded(by: UInt64(preferences.clearPerMille)) == nil
        {
            workers[place].overload = nil
            workers[place].isOverloadTold = false
            placeAnew()
            for group in worker.groups { setRoom(of: place, in: group) }
            openedWorkers.append(place)
            tell(.nodeRelieved, .info, name.text, "Node \(name) gets its work again.")
        }
    }

    /// The controller before this one has told so; its end is told when the load is known and is less.
    ///
    /// - Returns: false when there is no such node.
    mutating func restoreOverload(of node: NodeID) -> Bool {
        guard let place = places[node] else { return false }
        workers[place].isOverloadTold = true
        return true
    }

    private func thousandths(_ value: UInt32?) -> String {
        let value = value ?? 0
        let fraction = value % 1_000 / 10
        return "\(value / 1_000).\(fraction < 10 ? "0" : "")\(fraction)"
    }
}

extension Worker {
    /// What its thresholds are about was heard since the controller started.
    fileprivate var isLoadKnown: Bool {
        let preferences = view.preferences
        return !view.isOfActiveSite || loadPerProcessor != nil
            || preferences.loadMax == nil && preferences.memoryMax == nil
    }
}
