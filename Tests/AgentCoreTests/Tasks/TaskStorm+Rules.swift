import AgentCore
import Model
import Protocol

/// What must hold after every step.
extension TaskStorm {
    mutating func step(_ event: AgentEvent) {
        if case .disconnected(scene.link, _) = event { endSession() }
        let effects = scene.step(event)
        if case .connected(scene.link) = event, effects.verbs.contains("HELLO") { isLinked = true }
        if let request = effects.persist { askedMemory.append(request) }
        if let write = effects.taskJournal {
            askedJournal.append((write.sequence, false, write.entries))
        }
        if let write = effects.taskJournalRewrite {
            if effects.taskJournal != nil { complain("appended and replaced at once") }
            if write.entries != scene.machine.taskJournalSnapshot {
                complain("the journal is replaced by something else than what is needed")
            }
            askedJournal.append((write.sequence, true, write.entries))
        }
        for message in effects.work { check(message) }
        for command in effects.tasks { check(command) }
        if !effects.workers.isEmpty {
            areRetired = true
            if workersToken == nil { complain("there are no workers to command") }
        }
        for case .beat(let beat) in effects.sends { check(floor: beat.floor) }
        for case .synced(_, let handlers, let attempts) in effects.sends {
            checkReport(effects, handlers, attempts)
        }
        for case .close in effects.connection { endSession() }
        for case .dial in effects.connection { endSession() }
        if !effects.work.isEmpty, !isLinked, effects.connection.isEmpty {
            complain("spoke of tasks without a connection")
        }
        check(floor: scene.machine.stopStatement)
        checkRights()
    }

    private mutating func endSession() {
        isLinked = false
        isSynced = false
        given = OrderedTable()
        untaken = []
        askedFor = OrderedTable()
    }

    private func isOnDisk(_ verb: String, _ attempt: TaskAttempt) -> Bool {
        let start = "\(verb) task=\(attempt.task) attempt=\(attempt.attempt) "
        return scene.journal.contains { ($0 + " ").hasPrefix(start) }
    }

    // MARK: Commands

    private mutating func check(_ command: TaskCommand) {
        switch command {
        case .launch(let attempt, let launch): check(attempt, launch)
        case .extend(let attempt, let deadline):
            processes.update(attempt) { $0.deadline = deadline }
            if deadline <= scene.now { complain("a lease of the past was given on") }
            if scene.machine.leaseEnd != deadline { complain("another lease was given on") }
        case .stop(let attempt, let grace):
            counts.stops += 1
            if processes[attempt] == nil { complain("\(attempt) is stopped and is not there") }
            if grace < .zero { complain("less than no grace") }
            processes.update(attempt) { $0.isStopped = true }
        case .destroy(let attempt): processes.update(attempt) { $0.isStopped = true }
        case .readOutput(let attempt, _):
            counts.readings += 1
            if processes[attempt] == nil { complain("\(attempt) is read and is not there") }
            if askedFor[attempt] == nil { complain("\(attempt) is read, and nobody asks") }
            reading.append(attempt)
        }
    }

    private mutating func check(_ attempt: TaskAttempt, _ launch: TaskLaunch) {
        counts.launches += 1
        if launched[attempt] != nil { complain("\(attempt) was started twice") }
        if processes.keys.contains(where: { $0.task == attempt.task }) {
            complain("\(attempt) was started beside another attempt")
        }
        if let higher = launched.keys.last(where: { $0.task == attempt.task }), higher > attempt {
            complain("\(attempt) was started after \(higher)")
        }
        if given[attempt] != nil { complain("\(attempt) was given back and started") }
        if !isOnDisk("START", attempt) { complain("\(attempt) started before it was durable") }
        if isOnDisk("END", attempt) { complain("\(attempt) started after its end") }
        let plain = FencingToken(epoch: launch.token.epoch, session: launch.token.session)
        if plain != scene.disk.highest || plain != scene.machine.highestToken {
            complain("\(attempt) was started under \(plain)")
        }
        if let floor, plain <= floor { complain("\(attempt) was started under a stopped token") }
        if scene.machine.siteRole == .standby { complain("started on a standby site") }
        let needsLease = launch.definition.delivery != .idempotent
        if needsLease, launch.deadline == nil || launch.deadline != scene.machine.leaseEnd {
            complain("\(attempt) was started without its lease")
        }
        if let deadline = launch.deadline, deadline <= scene.now { complain("the lease is over") }
        launched[attempt] = plain
        processes[attempt] = Process(
            token: plain,
            needsLease: needsLease,
            deadline: launch.deadline,
            isOnWorker: launch.definition.mode == .worker
        )
        if launch.definition.mode == .worker {
            if areRetired { complain("\(attempt) was started beside workers that are to go") }
            if let workersToken, workersToken != plain {
                complain("\(attempt) was given to a worker of \(workersToken)")
            }
            workersToken = plain
        }
        let ofHandler = processes.keys.count { other in
            scene.journal.contains {
                $0.hasPrefix("START task=\(other.task) attempt=\(other.attempt) ")
                    && $0.hasSuffix("handler=\(launch.definition.name)")
            }
        }
        if ofHandler > Int(launch.definition.slots) { complain("more than its slots") }
    }

    /// Nothing runs on that has lost its right, without having been told to stop.
    private mutating func checkRights() {
        for (attempt, process) in processes where !process.isStopped {
            if process.token < scene.machine.highestToken { complain("\(attempt) is overtaken") }
            if let deadline = process.deadline, deadline <= scene.now {
                complain("\(attempt) outlives its lease")
            }
        }
    }

    // MARK: What is said

    private mutating func check(_ message: AgentWorkMessage) {
        switch message {
        case .output(let attempt, _, _, true):
            counts.livePieces += 1
            if askedFor[attempt] == nil { complain("\(attempt) is told, and nobody has asked") }
            if untaken.contains(attempt) { complain("live output of \(attempt) after its RESULT") }
        case .handler, .unhandled, .holding, .output, .submit, .submitPart: break
        case .started(let attempt):
            if launched[attempt] == nil { complain("STARTED of what was not started") }
        case .result(let attempt, let result):
            counts.results += 1
            if !counts.outcomes.contains(result.outcome.rawValue) {
                counts.outcomes.append(result.outcome.rawValue)
            }
            untaken.append(attempt)
            if !isOnDisk("END", attempt) { complain("RESULT of \(attempt) before it was durable") }
            if processes[attempt] != nil { complain("RESULT of \(attempt), which still runs") }
            if result.outcome == .done, result.status != 0 { complain("done without status 0") }
        case .returned(let attempt, let code, _):
            counts.returns += 1
            given[attempt] = true
            let isTaken = code == .staleToken && scene.phase(attempt) == nil
            if launched[attempt] != nil, !isTaken, code != .notNow {
                complain("\(attempt) was given back, and had been started")
            }
            if processes[attempt] != nil { complain("\(attempt) runs and was given back") }
        }
    }

    private mutating func check(floor told: FencingToken?) {
        guard let told else { return }
        if let floor, told < floor {
            complain("the stop statement went down from \(floor) to \(told)")
        }
        floor = told
        for (attempt, process) in processes where process.token <= told {
            complain("\(attempt) under \(process.token) runs, and the statement says \(told)")
        }
        if let workersToken, workersToken <= told {
            complain("workers of \(workersToken) live, and the statement says \(told)")
        }
        if told >= scene.disk.highest { complain("a statement about what is not durable") }
    }

    /// The first report holds everything.
    private mutating func checkReport(
        _ effects: AgentEffects,
        _ handlers: UInt32,
        _ attempts: UInt32
    ) {
        isSynced = true
        var told: [TaskAttempt] = []
        for case .holding(let attempt, let phase) in effects.work {
            told.append(attempt)
            if phase == .ended, !isOnDisk("END", attempt) {
                complain("ended before it was durable")
            }
        }
        if Int(attempts) != told.count { complain("counted \(attempts), told \(told.count)") }
        for attempt in processes.keys where !told.contains(attempt) {
            complain("\(attempt) runs and was not told")
        }
        let toldHandlers = effects.work.count { if case .handler = $0 { true } else { false } }
        if Int(handlers) != toldHandlers { complain("counted \(handlers) handlers") }
    }
}
