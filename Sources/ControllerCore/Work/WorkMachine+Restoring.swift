import Model
import Protocol

// A controller that starts on a store: what it accepted is there again, and where it was.

extension WorkMachine {
    /// Brings a live task back. Its node, if it had one, is known by now.
    mutating func restore(_ record: TaskRecord, _ state: TaskStateRecord?) {
        enter(record)
        guard let state else { return }
        // As `enter` has it the task waits; from there it is brought to where it was.
        let id = record.id
        guard let lane = tasks[id.number]?.lane else { return }
        tasks.update(id.number) {
            $0.attempt = state.attempt
            $0.failures = state.failures
            $0.interruptions = state.interruptions
            $0.notBefore = state.notBefore
            $0.isSaved = true
            $0.traces = state.traces
        }
        setResult(id, state.result, of: state.resultAttempt)
        leaveLane(id, lane)
        move(id, to: state.state)
        tasks.update(id.number) { $0.since = state.since }
        noteAge(id)
        switch state.state {
        case .waiting, .delayed: enqueue(id)
        case .assigned: restoreAssignment(id, state)
        case .failed, .unknown, .done, .cancelled: break
        }
    }

    private mutating func restoreAssignment(_ id: TaskID, _ state: TaskStateRecord) {
        guard let record = state.assignment, let place = places[record.node],
            let entry = tasks[id.number], let task = classes[entry.taskClass]?.value
        else {
            // Only a damaged store has this; the task is kept, and shown.
            return move(id, to: .unknown)
        }
        let lane = laneNumber(of: task, entry.taskClass)
        tasks.update(id.number) { $0.lane = lane }
        lanes.update(lane) { lane in
            lane.references += 1
            lane.outstanding += 1
            if case .exclusive = lane.key { lane.boundTo = place }
        }
        assignments[id.number] = Assignment(
            worker: place,
            attempt: state.attempt,
            token: record.token,
            handler: record.handler,
            delivery: record.delivery,
            decision: record.decision,
            isStarted: false,
            cancel: record.cancel,
            isDrainable: record.isDrainable
        )
        workers[place].tasks.insertSorted(id)
        workers[place].assigned[record.handler] =
            (workers[place].assigned[record.handler] ?? 0) + 1
    }

    mutating func restore(_ view: DispatchView) {
        views[view.number] = view
        nextView = max(nextView, view.number + 1)
    }
}
