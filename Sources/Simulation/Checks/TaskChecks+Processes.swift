import AgentCore
import ControllerCore
import Model
import Protocol

// What runs, what the nodes' journals say of it, and what is told.

extension TaskChecks {
    func launches(_ host: AgentHost, _ attempt: TaskAttempt, _ launch: TaskLaunch) {
        guard let task = tasks[attempt.task] else {
            return world.fail("\(host.name) launches \(attempt), which nobody has accepted")
        }
        if !journaledStarts.contains(attempt) {
            world.fail("\(host.name) launches \(attempt) before its start is durable")
        }
        if launch.payload != task.payload {
            world.fail("\(host.name) gives \(attempt) another payload than was submitted")
        }
        if host.toldRole != .active {
            world.fail("\(host.name) launches \(attempt), and was told that it is a standby")
        }
        if FencingToken(epoch: launch.token.epoch, session: launch.token.session) < host.toldToken {
            world.fail("\(host.name) launches \(attempt), and was told \(host.toldToken)")
        }
        if !mayOverlap(attempt) {
            guard let deadline = launch.deadline else {
                return world.fail("\(host.name) launches \(attempt) without a deadline")
            }
            world.checks.checkLease(host, deadline)
            if deadline <= host.localNow {
                world.fail("\(host.name) launches \(attempt) after its lease")
            }
        }
        let expected = [
            "MUSTER_TASK": "\(attempt.task)", "MUSTER_ATTEMPT": "\(attempt.attempt)",
            "MUSTER_TOKEN": "\(launch.token)", "MUSTER_ACCOUNT": task.record.submission.account,
        ]
        for variable in launch.environment {
            if let value = expected[variable.name], value != variable.value {
                world.fail("\(attempt) is told \(variable.name)=\(variable.value)")
            }
        }
    }

    func begins(_ leash: TaskLeash) {
        let attempt = leash.attempt
        world.say(leash.host.name, "task \(attempt) runs, job \(job(of: attempt.task))")
        world.checks.checkSite(of: leash)
        guard let task = tasks[attempt.task] else { return }
        if executions[attempt] != nil {
            world.fail("I4: attempt \(attempt) is executed a second time, on \(leash.host.name)")
        }
        executions[attempt] = Execution(
            host: leash.host.index,
            output: leash.plan?.output ?? []
        )
        if attempt.attempt < task.highestStart, !mayOverlap(attempt) {
            world.fail("I4: \(attempt) is executed after attempt \(task.highestStart)")
        }
        // An earlier attempt that may overlap was given before the one that is executed once at most.
        if let host = task.spentOn, !isSetBack(world.hosts[host]),
            attempt.attempt >= task.highestStart || !mayOverlap(attempt)
        {
            world.fail("task \(attempt.task) is executed again, and may be once")
        }
        tasks.update(attempt.task) { view in
            view.highestStart = max(view.highestStart, attempt.attempt)
            if deliveries[attempt] == .atMostOnce { view.spentOn = leash.host.index }
        }
        if let node = node(of: leash.host) { checkFence(leash, node) }
        checkCompany(of: leash, task)
    }

    func ends(_ leash: TaskLeash, _ exit: LeashExit) {
        executions.update(leash.attempt) { execution in
            if execution.host == leash.host.index { execution.exit = exit }
        }
        world.say(leash.host.name, "task \(leash.attempt) ends by \(exit)")
    }

    private func job(of id: TaskID) -> String {
        tasks[id].flatMap { Job.number(in: $0.payload) }.map { "\($0)" } ?? "unknown"
    }

    /// Of one task one attempt, of one key one node, of one handler no more than its slots.
    private func checkCompany(of leash: TaskLeash, _ task: View) {
        var running = 0
        // A definition may have changed while the start was written down.
        var slots = leash.launch.definition.slots
        let key = task.record.submission.exclusiveKey
        for host in world.hosts {
            for other in host.taskLeashes where other !== leash && other.isRunningSomething {
                if host === leash.host,
                    other.launch.definition.name == leash.launch.definition.name
                {
                    running += 1
                    slots = max(slots, other.launch.definition.slots)
                }
                if other.attempt.task == leash.attempt.task {
                    let earlier = min(other.attempt, leash.attempt)
                    if !mayOverlap(earlier) {
                        world.fail("I4: \(leash.name) runs beside \(other.name)")
                    }
                } else if let key, let second = tasks[other.attempt.task],
                    let same = second.record.submission.exclusiveKey, same.text == key.text
                {
                    if host !== leash.host {
                        world.fail("\(leash.name) and \(other.name) of \(key.text) on two nodes")
                    } else if key.isOrdered, same.isOrdered {
                        world.fail("\(leash.name) and \(other.name) of \(key.text) at once")
                    }
                }
            }
        }
        if running >= Int(slots), !isSetBack(leash.host) {
            world.fail("\(leash.name) is one more than its handler has slots")
        }
    }

    // MARK: The journal of a node

    func journals(_ host: AgentHost, _ entries: [TaskJournalEntry]) {
        for entry in entries {
            switch entry {
            case .start(let attempt, _, _, _): journaledStarts.insert(attempt)
            case .end(let attempt, let result):
                if result.outcome == .done { journaledDone.insert(attempt) }
                for leash in host.taskLeashes
                where leash.attempt == attempt && leash.isRunningSomething {
                    world.fail("\(host.name) writes that \(attempt) has ended, and it runs")
                }
            case .owner, .forget: break
            }
        }
    }

    // MARK: What is said

    func agentSends(_ host: AgentHost, _ message: AgentMessage) {
        switch message {
        case .hello: told[host.index] = []
        case .work(.holding(let attempt, _)): told[host.index, default: []].insert(attempt)
        case .synced:
            for leash in host.taskLeashes
            where leash.isRunningSomething && told[host.index]?.contains(leash.attempt) != true {
                world.fail("\(host.name) does not tell that it holds \(leash.attempt)")
            }
        case .work(.started(let attempt)):
            if executions[attempt] == nil { world.fail("\(attempt) is STARTED and was not") }
        case .work(.result(let attempt, let result)):
            let isWritten = host.taskDisk.journal.contains {
                $0 == TaskJournalEntry.end(attempt, result).line
            }
            if !isWritten { world.fail("\(host.name) tells a result that is not durable") }
            if result.outcome == .done, executions[attempt]?.exit != .exited(status: 0) {
                world.fail("I6: \(host.name) says that \(attempt) is done, and it is not")
            }
        case .work(.output(let attempt, let at, let data, true)):
            if !askedFor.contains(attempt) {
                world.fail(
                    "\(host.name) tells the output of \(attempt), which nobody has asked for"
                )
            }
            if !hasWritten(data, at: at, attempt) {
                world.fail("\(host.name) tells of \(attempt) what it has not written")
            }
        case .work(.returned(let attempt, _, _)):
            for leash in host.taskLeashes
            where leash.attempt == attempt && leash.isRunningSomething {
                world.fail("\(host.name) gives \(attempt) back, and runs it")
            }
        default: break
        }
    }

    /// These bytes stand at this place of what the attempt writes.
    func hasWritten(_ bytes: [UInt8], at place: UInt64, _ attempt: TaskAttempt) -> Bool {
        guard let output = executions[attempt]?.output, place <= output.count else { return false }
        return output.dropFirst(Int(place)).prefix(bytes.count) == bytes[...]
    }

    /// The answer to a heartbeat asks for what is followed, of the node that was given it.
    func controllerAsks(_ watched: [WatchedAttempt], of node: NodeID) {
        if watched.count > WorkLimits.watchedMax {
            world.fail("\(watched.count) attempts are asked for at once")
        }
        for watched in watched {
            askedFor.insert(watched.attempt)
            if !world.plan.has(.following) {
                world.fail("\(watched.attempt) is asked for, and nobody follows")
            }
            let place = executions[watched.attempt].map { world.hosts[$0.host] }
            if let place, self.node(of: place) != node, !place.isClone {
                world.fail("\(watched.attempt) is asked of a node that does not run it")
            }
        }
    }

    func controllerSends(_ message: ControllerWorkMessage, to node: NodeID) {
        switch message {
        case .run(let order):
            world.checks.checkSettled("RUN", node)
            let id = order.attempt.task
            guard let task = tasks[id], task.attempt >= order.attempt.attempt else {
                return world.fail("RUN \(order.attempt) is sent before it is durable")
            }
        case .taken(let attempt):
            guard let task = tasks[attempt.task], task.end == nil, !task.isLost,
                let state = task.state,
                state.state == .assigned, state.attempt == attempt.attempt,
                state.assignment?.node == node
            else { return }
            world.fail("TAKEN \(attempt) is sent before its result is durable")
        case .accepted(_, let id, _):
            if tasks[id] == nil { world.fail("I5: ACCEPTED \(id) is sent before it is durable") }
        case .part, .cancel, .declined: break
        }
    }
}
