public import Model
import Protocol

// What nodes say of attempts, and what follows for their tasks.

extension WorkMachine {
    /// The assignment of an attempt, if it is the current one and this node's.
    private func current(_ attempt: TaskAttempt, of place: Int) -> Assignment? {
        guard let assignment = assignments[attempt.task.number], assignment.worker == place,
            assignment.attempt == attempt.attempt
        else { return nil }
        return assignment
    }

    mutating func started(_ attempt: TaskAttempt, on node: NodeID) {
        guard let place = places[node], let assignment = current(attempt, of: place),
            !assignment.isStarted
        else { return }
        assignments.update(attempt.task.number) { $0.isStarted = true }
        hasWritten(place)
        arrived(attempt.task, at: place)
    }

    /// The payload has reached the node: there is room for others on the way.
    mutating func arrived(_ id: TaskID, at place: Int) {
        let bytes = UInt64(tasks[id.number]?.payloadBytes ?? 0)
        workers[place].unstartedBytes -= min(bytes, workers[place].unstartedBytes)
        updateRooms(of: place)
    }

    mutating func heard(_ data: [UInt8], at place: UInt64, of attempt: TaskAttempt, on node: NodeID)
    {
        guard let worker = places[node], current(attempt, of: worker) != nil else { return }
        // One after the other, each until its result: what another has begun is not kept beside it.
        if workers[worker].outputOf != attempt {
            dropOutput(of: worker)
            workers[worker].outputOf = attempt
        }
        assignments.update(attempt.task.number) { $0.output.append(data, at: place) }
    }

    /// Nothing of an output that was begun is kept any more.
    private mutating func dropOutput(of place: Int) {
        guard let attempt = workers[place].outputOf else { return }
        workers[place].outputOf = nil
        guard current(attempt, of: place) != nil else { return }
        assignments.update(attempt.task.number) { $0.output = AttemptOutput() }
    }

    /// The attempt has ended, and nothing of it runs any more. Taken when that is durable here; a
    /// result that comes too late is taken off the node's hands too, and counts for nothing.
    mutating func ended(_ attempt: TaskAttempt, _ result: AttemptResult, on node: NodeID) {
        guard let place = places[node] else { return }
        defer { out.sends.append(WorkSend(node: node, message: .taken(attempt))) }
        guard let assignment = current(attempt, of: place) else {
            return refuseLate(attempt, result, from: place)
        }
        let id = attempt.task
        hasWritten(place)
        release(id, assignment)
        keep(result, of: attempt, output: assignment.output.kept.bytes)
        switch result.outcome {
        case .done: finish(id, .done, assignment)
        case .failed, .timedOut, .notExecuted:
            if assignment.cancel == .cancelled { return finish(id, .cancelled, assignment) }
            failed(id, result, assignment)
        case .cancelled:
            if assignment.cancel == .cancelled { return finish(id, .cancelled, assignment) }
            // What may run once only was under way when it was ended.
            if assignment.delivery == .atMostOnce {
                return interrupted(id, assignment, "cancelled")
            }
            again(id, assignment, "cancelled", isInterruption: assignment.cancel == nil)
        case .interrupted:
            if assignment.cancel == .cancelled { return finish(id, .cancelled, assignment) }
            interrupted(id, assignment, "interrupted")
        }
    }

    /// The result, and with it the output, takes the place of the one before.
    private mutating func keep(_ result: AttemptResult, of attempt: TaskAttempt, output: [UInt8]) {
        var result = result
        result.detail = kept(result.detail, bytesMax: ControllerMachine.Limits.textBytesMax)
        let had = setResult(attempt.task, result, of: attempt.attempt)
        if !output.isEmpty || had { out.journal.append(.output(attempt.task, output)) }
        followed.update(attempt.task) { $0.live = LiveOutput() }
    }

    /// The attempt was not started, and never will be.
    mutating func returned(
        _ attempt: TaskAttempt,
        _ code: RefusalCode,
        _ text: String,
        by node: NodeID
    ) {
        guard let place = places[node], let assignment = current(attempt, of: place) else { return }
        let id = attempt.task
        release(id, assignment)
        if assignment.cancel == .cancelled { return finish(id, .cancelled, assignment) }
        if assignment.cancel == nil { pause(place, code, text) }
        if code == .invalid {
            let result = AttemptResult(outcome: .notExecuted, detail: text)
            keep(result, of: attempt, output: [])
            return failed(id, result, assignment)
        }
        again(id, assignment, "returned", isInterruption: false)
    }

    /// Nothing new is given to a node for a moment after it has turned a task away, and for longer each
    /// time (1 s, doubled, at most 60 s) as long as it cannot write what it is given. What was given
    /// together comes back together: that counts once.
    private mutating func pause(_ place: Int, _ code: RefusalCode, _ text: String) {
        let isPausing = workers[place].refusedUntil != nil
        var pause = Limits.refusedPause
        if code == .storage {
            let before = workers[place].shortage?.pause
            if let before {
                pause = isPausing ? before : min(before + before, Limits.shortagePauseMax)
            }
            workers[place].shortage = Worker.Shortage(
                pause: pause,
                text: kept(text, bytesMax: ControllerMachine.Limits.textBytesMax)
            )
            if before != nil, isPausing { return }
        }
        let until = now.instant + pause
        workers[place].refusedUntil = max(workers[place].refusedUntil ?? until, until)
        updateRooms(of: place)
    }

    /// What a node says of an attempt is durable there: it can write again.
    private mutating func hasWritten(_ place: Int) {
        guard workers[place].shortage != nil else { return }
        workers[place].shortage = nil
        workers[place].refusedUntil = nil
        updateRooms(of: place)
    }

    // MARK: What follows

    /// The node does not have the task any more.
    mutating func release(_ id: TaskID, _ assignment: Assignment) {
        let place = assignment.worker
        assignments[id.number] = nil
        if workers[place].outputOf?.task == id { workers[place].outputOf = nil }
        workers[place].tasks.removeSorted(id)
        let count = workers[place].assigned[assignment.handler] ?? 1
        workers[place].assigned[assignment.handler] = count > 1 ? count - 1 : nil
        if !assignment.isStarted { arrived(id, at: place) }
        updateRooms(of: place)
        if workers[place].view.preferences.runningMax != nil { judgeLoad(of: place) }
        out.released.append(workers[place].id)
        guard let lane = tasks[id.number]?.lane else { return }
        lanes.update(lane) { lane in
            lane.outstanding -= 1
            if lane.outstanding == 0 { lane.boundTo = nil }
        }
        dirtyLanes.append(lane)
    }

    private mutating func failed(_ id: TaskID, _ result: AttemptResult, _ assignment: Assignment) {
        tasks.update(id.number) { $0.failures += 1 }
        trace(id, assignment, result.outcome.rawValue)
        guard let entry = tasks[id.number], let task = classes[entry.taskClass]?.value else {
            return
        }
        let attemptsMax = task.attemptsMax ?? rules.attemptsMax
        // What ran once and may not run twice is for an operator to look at.
        let isSpent = assignment.delivery == .atMostOnce && result.outcome != .notExecuted
        guard !result.isPermanent, !isSpent, entry.failures < attemptsMax else {
            return surrender(id, lane: entry.lane)
        }
        // Doubled with each failure, up to its limit.
        let base = task.retryDelay ?? rules.retryDelay
        let limit = max(base, rules.retryDelayMax)
        let doublings = Int64(1) << min(Int64(entry.failures) - 1, 30)
        let (product, overflow) = base.nanoseconds.multipliedReportingOverflow(by: doublings)
        postpone(id, entry, by: overflow ? limit : min(.nanoseconds(product), limit))
    }

    /// The next attempt is made after a while.
    private mutating func postpone(_ id: TaskID, _ entry: TaskEntry, by wait: Duration) {
        let notBefore = now.wall + wait
        tasks.update(id.number) { $0.notBefore = notBefore }
        move(id, to: .delayed)
        if isOrdered(entry) { lanes.update(entry.lane) { $0.queue.insert(id) } }
        delay(id, until: notBefore)
        save(id)
        dirtyLanes.append(entry.lane)
    }

    /// An attempt was given to a node, and its order was not sent: the store did not give its payload.
    /// Nothing of it runs, and never will. A payload that is damaged is damaged for every node, so
    /// an operator has to decide; one that could not be read is tried again.
    mutating func payloadLost(_ attempt: TaskAttempt, _ problem: PayloadProblem) {
        let id = attempt.task
        guard let assignment = assignments[id.number], assignment.attempt == attempt.attempt else {
            return
        }
        release(id, assignment)
        if assignment.cancel == .cancelled { return finish(id, .cancelled, assignment) }
        switch problem {
        case .unreadable(let reason):
            note(id, "its payload cannot be read: \(reason)")
            trace(id, assignment, "payload-unread")
            guard let entry = tasks[id.number] else { return }
            let delay = classes[entry.taskClass]?.value.retryDelay ?? rules.retryDelay
            postpone(id, entry, by: delay)
        case .damaged(let reason):
            note(id, "its payload is damaged: \(reason)")
            trace(id, assignment, "payload-lost")
            guard let entry = tasks[id.number] else { return }
            // A run's step says what is to be done about it.
            if isOfRun(id) { return finish(id, .failed, assignment) }
            leaveLane(id, entry.lane)
            move(id, to: .unknown)
            save(id)
            tell(
                .taskUnknown,
                .critical,
                "task \(id)",
                "The payload of task \(id) is damaged: no node is given the task.",
                cause: reason,
                consequence: "submit it anew, then: muster task cancel \(id); or restore a backup"
            )
        }
    }

    /// What people read of an attempt that was not made.
    private mutating func note(_ id: TaskID, _ detail: String) {
        let result = AttemptResult(
            outcome: .notExecuted,
            detail: kept(detail, bytesMax: ControllerMachine.Limits.textBytesMax)
        )
        setResult(id, result)
    }

    /// The attempt did not end by itself.
    mutating func interrupted(_ id: TaskID, _ assignment: Assignment, _ how: String) {
        guard assignment.delivery == .atMostOnce else {
            return again(id, assignment, how, isInterruption: true)
        }
        trace(id, assignment, how)
        guard let entry = tasks[id.number] else { return }
        if isOfRun(id) { return finish(id, .unknown, assignment) }
        leaveLane(id, entry.lane)
        move(id, to: .unknown)
        save(id)
        tell(
            .taskUnknown,
            .critical,
            "task \(id)",
            "Whether task \(id) was done is not known, and it must not be done twice.",
            cause: "attempt \(assignment.attempt) on "
                + "\(workers[assignment.worker].view.name) was \(how)",
            consequence: "look at what it did, then: muster task resolve \(id) --done, or "
                + "muster task retry \(id)"
        )
    }

    /// The task waits for a node again.
    mutating func again(
        _ id: TaskID,
        _ assignment: Assignment,
        _ how: String,
        isInterruption: Bool
    ) {
        trace(id, assignment, how)
        if isInterruption { tasks.update(id.number) { $0.interruptions += 1 } }
        guard let entry = tasks[id.number] else { return }
        guard entry.interruptions < Limits.interruptionsMax else {
            return surrender(id, lane: entry.lane)
        }
        move(id, to: .waiting)
        tasks.update(id.number) { [now] in $0.queuedAt = now.instant }
        lanes.update(entry.lane) { $0.queue.insert(id) }
        save(id)
        dirtyLanes.append(entry.lane)
    }

    private mutating func trace(_ id: TaskID, _ assignment: Assignment, _ outcome: String) {
        let trace = AttemptTrace(
            attempt: assignment.attempt,
            node: workers[assignment.worker].view.name,
            endedAt: now.wall,
            outcome: outcome
        )
        tasks.update(id.number) { entry in
            entry.traces.append(trace)
            if entry.traces.count > AttemptTrace.keptMax { entry.traces.removeFirst() }
        }
    }

    /// No retry will mend it: it becomes a dead letter.
    mutating func surrender(_ id: TaskID, lane: UInt64) {
        // Where it was taken from its queue and not given out.
        if assignments[id.number] == nil, tasks[id.number]?.state == .waiting {
            lanes.update(lane) { lane in
                lane.outstanding -= 1
                if lane.outstanding == 0 { lane.boundTo = nil }
            }
        }
        // A run's step says what is to be done about it; it is no dead letter.
        if isOfRun(id) { return finish(id, .failed, nil) }
        leaveLane(id, lane)
        move(id, to: .failed)
        save(id)
        guard let entry = tasks[id.number], let task = classes[entry.taskClass]?.value else {
            return
        }
        let last = entry.traces.last
        tell(
            .taskFailed,
            .warning,
            "task \(id)",
            "Task \(id) (\(task.type)) has failed after \(entry.attempt) "
                + "\(entry.attempt == 1 ? "attempt" : "attempts").",
            cause: [entry.result?.forPeople, last.map { "on \($0.node)" }]
                .compactMap { $0 }.joined(separator: " "),
            consequence: "to give it again: muster task retry \(id)"
        )
    }

    mutating func leaveLane(_ id: TaskID, _ lane: UInt64) {
        lanes.update(lane) { lane in
            lane.queue.remove(id)
            lane.references -= 1
        }
        tasks.update(id.number) { $0.lane = 0 }
        dirtyLanes.append(lane)
    }

    /// The task has ended for good: only its history is left.
    mutating func finish(_ id: TaskID, _ state: TaskState, _ assignment: Assignment?) {
        guard let entry = tasks[id.number], let task = classes[entry.taskClass]?.value else {
            return
        }
        if entry.lane != 0 { leaveLane(id, entry.lane) }
        if task.isOfRun {
            let text = entry.result?.forPeople ?? entry.traces.last?.outcome ?? state.rawValue
            out.hookEnds.append(HookEnd(task: id, isDone: state == .done, text: text))
        }
        put(
            .taskEnd(
                TaskEndRecord(
                    id: id,
                    submission: submission(of: entry, task),
                    submittedBy: task.submittedBy,
                    acceptedAt: entry.acceptedAt,
                    payloadBytes: entry.payloadBytes,
                    state: state,
                    endedAt: now.wall,
                    node: assignment.map { workers[$0.worker].view.name }
                        ?? entry.traces.last?.node,
                    attempt: entry.attempt,
                    decision: assignment?.decision,
                    result: entry.result,
                    resultAttempt: entry.resultAttempt,
                    traces: entry.traces
                )
            )
        )
        delete(.task, id)
        if entry.isSaved { delete(.taskState, id) }
        if entry.payloadBytes > WorkLimits.inlineBytesMax {
            out.journal.append(.payloadGone(id))
        }
        tally(-1, entry.state, of: entry)
        if countsByType[task.type]?.live == 0 { countsByType[task.type] = nil }
        counts.bytes -= UInt64(entry.payloadBytes)
        counts.kept -= entry.charge
        switch state {
        case .done: counts.done += 1
        case .cancelled: counts.cancelled += 1
        case .waiting, .delayed, .assigned, .failed, .unknown: break
        }
        tasks[id.number] = nil
        let left = classes.update(entry.taskClass) { entry -> UInt32 in
            entry.tasks -= 1
            return entry.tasks
        }
        if left == 0 {
            counts.kept -= task.charge
            classes[entry.taskClass] = nil
            classNumbers[task] = nil
        }
    }

    func submission(of entry: TaskEntry, _ task: TaskClass) -> TaskSubmission {
        TaskSubmission(
            type: task.type,
            account: task.account,
            attributes: task.attributes,
            priority: task.priority,
            exclusiveKey: task.exclusiveKey,
            idempotencyKey: entry.idempotencyKey,
            attemptsMax: task.attemptsMax,
            retryDelay: task.retryDelay,
            notBefore: nil
        )
    }
}

extension AttemptResult {
    /// `failed: exit status 3`, `interrupted: the lease ended`.
    public var forPeople: String {
        var text = outcome.rawValue
        if let status { text += ": exit status \(status)" }
        if let signal { text += ": ended by signal \(signal)" }
        if isPermanent { text += ", which no retry mends" }
        return detail.isEmpty ? text : "\(text): \(detail)"
    }
}
