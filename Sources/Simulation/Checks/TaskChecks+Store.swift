import AgentCore
import ControllerCore
import Model
import Protocol

// What becomes durable of tasks.

extension TaskChecks {
    /// One step's entries are about to be in the store.
    func commits(_ entries: [JournalEntry]) {
        var assigned: [TaskID] = []
        var gone: [TaskID] = []
        var ended: [TaskID] = []
        for entry in entries {
            switch entry {
            case .put(.task(let record)): accept(record, entries)
            case .put(.taskState(let state)):
                if move(state) { assigned.append(state.id) }
            case .put(.taskEnd(let end)):
                finish(end)
                ended.append(end.id)
            case .delete(.task, let key):
                if let id = TaskID(storeKey: key) { gone.append(id) }
            case .output(let id, let bytes): checkOutput(id, bytes)
            case .audit(let audit):
                if audit.verb == "node.fence" { fence(audit.object, entries) }
            case .put(.fence(let fence)):
                // By a run, which has raised every session before it looks for proofs.
                exclusivelyFenced[fence.node] = fence.session
                if !world.checks.letsDrain(fence) { fenced[fence.node] = fence.session }
                let isRaised = entries.contains {
                    guard case .put(.node(let record)) = $0 else { return false }
                    return record.id == fence.node && record.session >= fence.session
                }
                if !isRaised,
                    case .node(let record)? = world.controller.store.record(
                        .node,
                        fence.node.text
                    ), record.session < fence.session
                {
                    world.fail("I1: \(fence.name) counts as fenced before its session is raised")
                }
            default: break
            }
        }
        if gone != ended { world.fail("I5: tasks \(gone) leave the store, \(ended) have ended") }
        for id in assigned { checkAssignment(id, entries) }
    }

    // MARK: Accepting

    private func accept(_ record: TaskRecord, _ entries: [JournalEntry]) {
        let id = record.id
        guard tasks[id] == nil else { return world.fail("task \(id) is accepted twice") }
        if let last = tasks.keys.last, last > id { world.fail("task \(id) follows task \(last)") }
        var payload = record.inlinePayload
        for case .payload(id, let bytes) in entries { payload = bytes }
        tasks[id] = View(record: record, payload: payload)
        if let key = record.submission.exclusiveKey { keyed[key.text, default: []].append(id) }
        if let key = record.submission.idempotencyKey {
            if let owner = keyOwners[key] {
                world.fail("I7: the key \(key) has task \(owner) and task \(id)")
            }
            keyOwners[key] = id
            let isKept = entries.contains {
                if case .taskKey(key, let kept) = $0 { kept.task == id } else { false }
            }
            if !isKept { world.fail("I7: task \(id) is durable, and its key \(key) is not") }
        }
        guard let number = Job.number(in: payload),
            let job = world.work?.clients.jobs[number]
        else { return world.fail("nobody has submitted task \(id)") }
        if let other = tasksOfJobs[number] {
            world.fail("I7: job \(number) is task \(other) and task \(id)")
        }
        tasksOfJobs[number] = id
        var submission = job.submission
        // The agent makes a key where the program gives none.
        if submission.idempotencyKey == nil {
            submission.idempotencyKey = record.submission.idempotencyKey
        }
        if record.submission != submission || payload != job.payload {
            world.fail("task \(id) is not what job \(number) asked for")
        }
    }

    func accepted(_ job: Job, _ id: TaskID, isKnown: Bool) {
        // The answer was under way when the store was replaced.
        if tasks[id]?.isLost ?? false { return }
        guard tasks[id] != nil else {
            return world.fail("I5: task \(id) was acknowledged before it was durable")
        }
        guard let owner = tasksOfJobs[job.number], owner == id else {
            return world.fail("I7: job \(job.number) was answered with task \(id) of somebody else")
        }
    }

    func hasTask(_ job: Job) -> Bool { tasksOfJobs[job.number] != nil }

    // MARK: States

    /// - Returns: whether it was given to a node.
    private func move(_ state: TaskStateRecord) -> Bool {
        guard let task = tasks[state.id] else {
            world.fail("a state of task \(state.id), which nobody knows")
            return false
        }
        if task.end != nil { world.fail("task \(state.id) has ended and goes on") }
        if state.attempt < task.attempt {
            world.fail("I2: task \(state.id) goes back to attempt \(state.attempt)")
        }
        let wasGivenUp = task.stands == .failed || task.stands == .unknown
        let isNew = state.attempt > task.attempt
        // After a restore numbers are left out, where it is given or where an operator says that it may.
        let mayJump = isOfBefore(state.id)
        if mayJump, isNew, wasGivenUp, state.state == .waiting {
            tasks.update(state.id) { view in
                view.state = state
                view.spentOn = nil
            }
            return false
        }
        if isNew, state.attempt != task.attempt + 1 && !mayJump || state.state != .assigned {
            world.fail("task \(state.id) jumps to attempt \(state.attempt) \(state.state.rawValue)")
        }
        if isNew, task.stands != .waiting, task.stands != .delayed {
            world.fail("I4: task \(state.id) is given again while it is \(task.stands.rawValue)")
        }
        if let before = task.state?.assignment { held.update(before.node) { $0[state.id] = nil } }
        if let assignment = state.assignment {
            if held[assignment.node] == nil { held[assignment.node] = OrderedTable() }
            held.update(assignment.node) { $0[state.id] = assignment.handler }
            let attempt = TaskAttempt(task: state.id, attempt: state.attempt)
            deliveries[attempt] = assignment.delivery
            if assignment.isDrainable { drainables.insert(attempt) }
        }
        tasks.update(state.id) { view in
            view.state = state
            if wasGivenUp, state.state == .waiting || state.state == .assigned {
                view.spentOn = nil
            }
        }
        return isNew
    }

    private func finish(_ end: TaskEndRecord) {
        guard let task = tasks[end.id] else {
            return world.fail("task \(end.id) ends, which nobody knows")
        }
        if task.end != nil { world.fail("task \(end.id) is finished twice") }
        if let before = task.state?.assignment { held.update(before.node) { $0[end.id] = nil } }
        tasks.update(end.id) { $0.end = end }
        if let key = task.record.submission.exclusiveKey?.text {
            keyed[key]?.removeAll { $0 == end.id }
        }
        var asked = task.record.submission
        asked.notBefore = nil
        if end.submission != asked || end.payloadBytes != task.record.payloadBytes {
            world.fail("task \(end.id) ends as another than it was")
        }
        guard end.state == .done else { return }
        if task.stands == .failed || task.stands == .unknown {
            if world.work?.clients.resolved.contains(end.id) != true {
                world.fail(
                    "task \(end.id) was \(task.stands.rawValue) and is done by nobody's word"
                )
            }
            return
        }
        checkDone(end, task)
    }

    /// I6: a result is never invented.
    private func checkDone(_ end: TaskEndRecord, _ task: View) {
        let attempt = TaskAttempt(task: end.id, attempt: task.attempt)
        guard task.stands == .assigned, end.attempt == task.attempt else {
            return world.fail("I6: task \(end.id) is done and was \(task.stands.rawValue)")
        }
        guard executions[attempt]?.exit == .exited(status: 0) else {
            return world.fail("I6: task \(end.id) is done, and no process of it exited with 0")
        }
        if !journaledDone.contains(attempt) {
            world.fail("I6: task \(end.id) is done, and no journal says so")
        }
        if end.decision == nil { world.fail("task \(end.id) ended on a node and no rule sent it") }
    }

    private func checkOutput(_ id: TaskID, _ bytes: [UInt8]) {
        // Of an attempt that was not executed there is none.
        guard let task = tasks[id], !bytes.isEmpty else { return }
        let attempt = TaskAttempt(task: id, attempt: task.attempt)
        guard let output = executions[attempt]?.output, output.suffix(bytes.count) == bytes[...]
        else { return world.fail("the output of \(attempt) is not what it has written") }
    }

    // MARK: Giving

    /// What can be promised of a node that gets work: in the store it may, at that moment.
    private func checkAssignment(_ id: TaskID, _ entries: [JournalEntry]) {
        guard let task = tasks[id], let state = task.state, let given = state.assignment else {
            return
        }
        var record: NodeRecord?
        if case .node(let stored)? = world.controller.store.record(.node, given.node.text) {
            record = stored
        }
        for case .put(.node(let changed)) in entries where changed.id == given.node {
            record = changed
        }
        var site = world.controller.machine?.cluster.activeSite
        if case .cluster(let cluster)? = world.controller.store.record(.cluster, "cluster") {
            site = cluster.activeSite
        }
        // Together with the transaction that makes another site the active one, or before it.
        for case .put(.cluster(let cluster)) in entries { site = cluster.activeSite }
        let isRunMoving = entries.contains { if case .put(.run) = $0 { true } else { false } }
        if !isRunMoving, world.checks.isNobodyActive {
            world.fail("task \(id) is given out while no site is active")
        }
        guard let record else { return world.fail("task \(id) is given to a stranger") }
        let obstacle = record.obstacleToWork(activeSite: site)
        if let obstacle {
            world.fail("task \(id) is given to \(record.name), which is \(obstacle)")
        }
        if given.token.session != record.session {
            world.fail("task \(id) is given under session \(given.token.session)")
        }
        checkRest(of: id, task, given)
        checkPlaces(of: given)
        checkOrder(of: id, task)
        let isViewed =
            world.controller.store.record(.dispatchView, TaskID(given.decision.view).storeKey)
            != nil
            || entries.contains {
                if case .put(.dispatchView(let view)) = $0 {
                    view.number == given.decision.view
                } else {
                    false
                }
            }
        if !isViewed { world.fail("task \(id) was decided on a view that is not kept") }
    }

    /// I4: when the next attempt is given, nothing of the one before is left, unless it may be.
    private func checkRest(of id: TaskID, _ task: View, _ given: AssignmentRecord) {
        for host in world.hosts {
            for leash in host.taskLeashes
            where leash.attempt.task == id && leash.isRunningSomething
                && leash.attempt.attempt < task.attempt
                && !mayOverlap(leash.attempt)
            {
                world.fail(
                    "I4: attempt \(task.attempt) of task \(id) is given to \(given.node), and "
                        + "\(leash.name) runs"
                )
            }
        }
    }

    private func checkPlaces(of given: AssignmentRecord) {
        let count = held[given.node]?.values.filter { $0 == given.handler }.count ?? 0
        let hosts = world.checks.hosts(of: given.node)
        let most = hosts.map { places[$0.index]?[given.handler] ?? 0 }.max() ?? 0
        if count > most {
            world.fail("\(given.node) has \(count) tasks of \(given.handler), and \(most) places")
        }
    }

    /// Ordered tasks of one key go in the order of their numbers, whatever fails.
    private func checkOrder(of id: TaskID, _ task: View) {
        guard let key = task.record.submission.exclusiveKey else { return }
        for other in keyed[key.text] ?? [] where other != id {
            guard let view = tasks[other], view.end == nil else { continue }
            let isGiven = view.stands == .assigned
            if isGiven, view.state?.assignment?.node != task.state?.assignment?.node {
                world.fail("tasks \(other) and \(id) of the key \(key.text) are on two nodes")
            }
            guard key.isOrdered, view.record.submission.exclusiveKey?.isOrdered ?? false else {
                continue
            }
            if isGiven { world.fail("tasks \(other) and \(id) of \(key.text) go at once") }
            if other < id, view.stands == .waiting || view.stands == .delayed {
                world.fail("task \(id) of the key \(key.text) overtakes task \(other)")
            }
        }
    }

    // MARK: Taking away

    /// I1: from now on nothing that depends on a lease runs under an older session.
    private func fence(_ name: String, _ entries: [JournalEntry]) {
        let isWritten = entries.contains {
            if case .put(.node(let record)) = $0 { record.name.text == name } else { false }
        }
        if !isWritten { world.fail("I1: \(name) is fenced, and its session is not raised") }
        for case .put(.node(let record)) in entries where record.name.text == name {
            fenced[record.id] = record.session
            exclusivelyFenced[record.id] = record.session
            if case .node(let before)? = world.controller.store.record(.node, record.id.text),
                before.session >= record.session
            {
                world.fail("I1: \(name) is fenced, and its session is not raised")
            }
            for host in world.checks.hosts(of: record.id) {
                for leash in host.taskLeashes where leash.isRunningSomething {
                    checkFence(leash, record.id)
                }
            }
        }
    }

    func checkFence(_ leash: TaskLeash, _ node: NodeID) {
        let known = isDrainable(leash) ? fenced[node] : exclusivelyFenced[node]
        guard let session = known, leash.launchToken.session < session,
            !mayOverlap(leash.attempt)
        else { return }
        world.fail("I1: \(node) is fenced for session \(session), and \(leash.name) runs")
    }
}

extension NodeRecord {
    /// Why it must not be given a task, as the store has it.
    fileprivate func obstacleToWork(activeSite: SiteName?) -> String? {
        if membership != .joined { return "\(membership)" }
        if cordon != nil { return "cordoned" }
        if drain != nil { return "drained" }
        if maintenance != nil { return "in maintenance" }
        if conflict != nil { return "seen twice" }
        if status != .online { return "Offline" }
        if site != activeSite { return "of a standby site" }
        return isAdmitted ? nil : "not admitted"
    }
}
