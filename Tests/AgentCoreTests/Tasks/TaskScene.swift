import AgentCore
import Model
import Protocol

extension HandlerDefinition {
    static func plain(
        _ name: HandlerName = "push",
        types: [TaskType] = [.push],
        slots: UInt16 = 1,
        prefetch: UInt16 = 1,
        delivery: DeliveryPolicy = .exclusive,
        timeLimit: Duration? = nil,
        permanentStatuses: [UInt8] = [],
        outputBytesMax: Int = HandlerDefinition.outputBytesDefault
    ) -> HandlerDefinition {
        HandlerDefinition(
            name: name,
            types: types,
            program: ["/usr/bin/\(name)"],
            slots: slots,
            prefetch: prefetch,
            delivery: delivery,
            timeLimit: timeLimit,
            permanentStatuses: permanentStatuses,
            outputBytesMax: outputBytesMax
        )
    }
}

extension TaskAttempt {
    /// The first attempt at a task.
    static func first(_ task: UInt64) -> TaskAttempt { TaskAttempt(task: TaskID(task), attempt: 1) }

    static func of(_ task: UInt64, _ attempt: UInt16) -> TaskAttempt {
        TaskAttempt(task: TaskID(task), attempt: attempt)
    }
}

extension Scene {
    /// In a session that speaks of tasks, with a lease unless told.
    static func working(
        _ handlers: [HandlerDefinition] = [.plain()],
        leased: Bool = true
    ) -> Scene {
        var scene = Scene(handlers: handlers)
        scene.version = 2
        scene.join()
        scene.live(.seconds(1), leased: leased)
        return scene
    }

    func runOrder(
        _ attempt: TaskAttempt,
        handler: HandlerName = "push",
        type: TaskType = .push,
        priority: UInt8 = 5,
        token: FencingToken? = nil,
        payloadBytes: UInt32 = 0,
        payload: [UInt8] = []
    ) -> RunOrder {
        RunOrder(
            attempt: attempt,
            token: token ?? self.token,
            handler: handler,
            type: type,
            priority: priority,
            submittedAt: WallTime(milliseconds: 0),
            payloadBytes: payloadBytes,
            payload: payload
        )
    }

    /// RUN on a disk that answers at once.
    @discardableResult
    mutating func order(
        _ attempt: TaskAttempt,
        handler: HandlerName = "push",
        type: TaskType = .push,
        priority: UInt8 = 5,
        token: FencingToken? = nil,
        payloadBytes: UInt32 = 0,
        payload: [UInt8] = []
    ) -> AgentEffects {
        let order = runOrder(
            attempt,
            handler: handler,
            type: type,
            priority: priority,
            token: token,
            payloadBytes: payloadBytes,
            payload: payload
        )
        return receive(.work(.run(order)))
    }

    /// RUN, and its program is executed.
    @discardableResult
    mutating func begin(_ attempt: TaskAttempt, handler: HandlerName = "push") -> AgentEffects {
        var effects = order(attempt, handler: handler)
        effects.add(report(attempt, .started(processID: 7)))
        return effects
    }

    @discardableResult
    mutating func report(_ attempt: TaskAttempt, _ news: LeashNews) -> AgentEffects {
        run(.task(attempt, news))
    }

    /// The handler ends, is measured, and is proven gone.
    @discardableResult
    mutating func finish(
        _ attempt: TaskAttempt,
        _ exit: ProgramExit = .exited(0),
        output: [UInt8] = []
    ) -> AgentEffects {
        var effects = report(attempt, .exited(exit))
        let measured = TaskReport(
            exit: exit,
            processorMilliseconds: 3,
            memoryBytesMax: 4_096,
            outputBytes: UInt64(output.count),
            outputTail: output
        )
        effects.add(run(.taskReport(attempt, measured)))
        effects.add(report(attempt, .emptied))
        return effects
    }

    @discardableResult
    mutating func cancel(
        _ attempt: TaskAttempt,
        _ reason: CancelReason = .cancelled,
        token: FencingToken? = nil
    ) -> AgentEffects {
        receive(.work(.cancel(attempt, token: token ?? self.token, reason)))
    }

    @discardableResult
    mutating func take(_ attempt: TaskAttempt) -> AgentEffects {
        receive(.work(.taken(attempt)))
    }

    /// The token rises by a session, as after the node's work was taken from it.
    @discardableResult
    mutating func raiseToken() -> AgentEffects {
        token.session += 1
        return receive(.role(.active, token: token))
    }

    @discardableResult
    mutating func lose() -> AgentEffects {
        run(.disconnected(link: link, reason: "cable"))
    }

    /// The step at a deadline, nothing more.
    @discardableResult
    mutating func look(after duration: Duration = .zero) -> AgentEffects {
        now += duration
        return run(.deadlineReached(wall: WallTime(milliseconds: 0)))
    }

    func phase(_ attempt: TaskAttempt) -> HoldingPhase? {
        machine.heldAttempts.first { $0.attempt == attempt }?.phase
    }

    /// What was written of tasks so far, without the owner.
    var journalVerbs: [String] {
        journal.dropFirst().map { String($0.prefix { $0 != " " }) }
    }
}

extension AgentEffects {
    var work: [AgentWorkMessage] {
        sends.compactMap { if case .work(let message) = $0 { message } else { nil } }
    }

    var launchedTasks: [TaskAttempt] {
        tasks.compactMap { if case .launch(let attempt, _) = $0 { attempt } else { nil } }
    }

    var launch: TaskLaunch? {
        tasks.compactMap { if case .launch(_, let launch) = $0 { launch } else { nil } }.first
    }

    var results: [AttemptResult] {
        work.compactMap { if case .result(_, let result) = $0 { result } else { nil } }
    }

    var outcome: AttemptOutcome? { results.last?.outcome }

    var returns: [RefusalCode] {
        work.compactMap { if case .returned(_, let code, _) = $0 { code } else { nil } }
    }

    var returnedAttempts: [TaskAttempt] {
        work.compactMap { if case .returned(let attempt, _, _) = $0 { attempt } else { nil } }
    }

    var holdings: [AgentWorkMessage] {
        work.filter { if case .holding = $0 { true } else { false } }
    }

    /// Pieces of output, in the order sent.
    var pieces: [(at: UInt64, data: [UInt8])] {
        work.compactMap {
            if case .output(_, let at, let data, false) = $0 { (at, data) } else { nil }
        }
    }

    /// The same of what is told while an attempt runs.
    var livePieces: [(at: UInt64, data: [UInt8])] {
        work.compactMap {
            if case .output(_, let at, let data, true) = $0 { (at, data) } else { nil }
        }
    }

    /// What is to be read of outputs.
    var readings: [TaskCommand] {
        tasks.filter { if case .readOutput = $0 { true } else { false } }
    }
}
