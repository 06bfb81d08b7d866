public import Model
public import Protocol

// What operators do with tasks.

extension WorkMachine {
    /// What was done with one task of a command.
    enum Handling: Hashable, Sendable {
        case done
        /// A node has it: it is told, and the task ends when the node says so.
        case begun
        case refused(String)
    }

    mutating func cancel(_ id: TaskID) -> Handling {
        guard let entry = tasks[id.number] else { return .refused("task \(id) is not live") }
        switch entry.state {
        case .waiting, .delayed, .failed, .unknown:
            finish(id, .cancelled, nil)
            return .done
        case .assigned:
            guard let assignment = assignments[id.number] else {
                preconditionFailure("task \(id) is assigned to nobody")
            }
            // Durable before it is answered and sent: a controller that starts again before the attempt
            // has ended says it to the node again, and does not give the task to another.
            assignments.update(id.number) { $0.cancel = .cancelled }
            save(id)
            sendCancel(id, assignment, .cancelled)
            return .begun
        case .done, .cancelled: preconditionFailure("task \(id) has ended and is here")
        }
    }

    /// A dead letter, or a task whose end is not known, is given again; a delayed one is given now.
    mutating func retry(_ id: TaskID) -> Handling {
        guard let entry = tasks[id.number] else { return .refused("task \(id) is not live") }
        switch entry.state {
        case .failed, .unknown:
            settleHistory(of: id)
            tasks.update(id.number) {
                $0.failures = 0
                $0.interruptions = 0
                $0.notBefore = nil
                if $0.attempt == .max { $0.attempt = .max - 1 }
            }
            move(id, to: .waiting)
            tasks.update(id.number) { [now] in $0.queuedAt = now.instant }
            save(id)
            enqueue(id)
            return .done
        case .delayed:
            tasks.update(id.number) { $0.notBefore = nil }
            move(id, to: .waiting)
            tasks.update(id.number) { [now] in $0.queuedAt = now.instant }
            if !isOrdered(entry) { lanes.update(entry.lane) { $0.queue.insert(id) } }
            save(id)
            dirtyLanes.append(entry.lane)
            return .done
        case .waiting, .assigned: return .refused("task \(id) is \(entry.state.rawValue)")
        case .done, .cancelled: preconditionFailure("task \(id) has ended and is here")
        }
    }

    /// An operator says how a task ended: it goes off the list of dead letters.
    mutating func resolve(_ id: TaskID, as state: TaskState) -> Handling {
        guard let entry = tasks[id.number] else { return .refused("task \(id) is not live") }
        guard entry.state == .failed || entry.state == .unknown else {
            return .refused("task \(id) is \(entry.state.rawValue), not failed or unknown")
        }
        finish(id, state, nil)
        return .done
    }
}

/// What is told of a live task.
public struct TaskView: Hashable, Sendable {
    public var id: TaskID
    public var submission: TaskSubmission
    public var submittedBy: String
    public var acceptedAt: WallTime
    public var payloadBytes: UInt32
    public var state: TaskState
    public var since: WallTime
    public var attempt: UInt16
    public var failures: UInt16
    public var interruptions: UInt16
    public var notBefore: WallTime?
    public var assignment: Assignment?
    public var node: NodeName?
    /// Of the last attempt that has ended with one.
    public var result: AttemptResult?
    /// That attempt, of which the kept output is too; 0 when there was none.
    public var resultAttempt: UInt16 = 0
    public var traces: [AttemptTrace]
}

extension WorkMachine {
    /// Of a live task, without what it carries.
    public func times(of id: TaskID) -> (type: TaskType, acceptedAt: WallTime, isPutOff: Bool)? {
        guard let entry = tasks[id.number], let task = classes[entry.taskClass]?.value else {
            return nil
        }
        return (task.type, entry.acceptedAt, entry.notBefore != nil)
    }

    public func view(of id: TaskID) -> TaskView? {
        guard let entry = tasks[id.number], let task = classes[entry.taskClass]?.value else {
            return nil
        }
        let assignment = assignments[id.number]
        return TaskView(
            id: id,
            submission: submission(of: entry, task),
            submittedBy: task.submittedBy,
            acceptedAt: entry.acceptedAt,
            payloadBytes: entry.payloadBytes,
            state: entry.state,
            since: entry.since,
            attempt: entry.attempt,
            failures: entry.failures,
            interruptions: entry.interruptions,
            notBefore: entry.notBefore,
            assignment: assignment,
            node: assignment.map { workers[$0.worker].view.name },
            result: entry.result,
            resultAttempt: entry.resultAttempt,
            traces: entry.traces
        )
    }

    /// Live tasks above `after`, in the order of their numbers, until `body` returns false.
    public func forEachTask(after: TaskID?, _ body: (TaskView) -> Bool) {
        tasks.forEach(after: after?.number) { number, _ in
            guard let view = view(of: TaskID(number)) else { return true }
            return body(view)
        }
    }

    /// The task has not ended, and nobody has to do anything that it does.
    func isUnderWay(_ id: TaskID) -> Bool {
        tasks[id.number].map { !$0.state.isEnded } ?? false
    }

    /// Live tasks below `before`, the newest first, until `body` returns false.
    public func forEachTaskBackwards(before: TaskID?, _ body: (TaskView) -> Bool) {
        tasks.forEachBackwards(before: before?.number) { number, _ in
            guard let view = view(of: TaskID(number)) else { return true }
            return body(view)
        }
    }

    /// The output of a running attempt, as far as it was told.
    public func output(of id: TaskID) -> (offset: UInt64, bytes: [UInt8])? {
        assignments[id.number].map { $0.output.kept }
    }

    /// Tasks that each node has, in all and started.
    public func load(of node: NodeID) -> (assigned: Int, started: Int, overload: String?)? {
        guard let place = places[node] else { return nil }
        let worker = workers[place]
        let started = worker.tasks.filter { assignments[$0.number]?.isStarted ?? false }.count
        return (worker.tasks.count, started, worker.overload)
    }

    /// Since when it is overloaded, by what this controller has seen.
    public func overloadedSince(_ node: NodeID) -> WallTime? {
        guard let place = places[node], workers[place].overload != nil else { return nil }
        return workers[place].overloadedSince
    }

    public func handlers(of node: NodeID) -> [HandlerReport] {
        places[node].map { workers[$0].view.handlers.values } ?? []
    }
}
