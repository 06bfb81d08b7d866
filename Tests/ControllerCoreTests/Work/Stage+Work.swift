import ControllerCore
import Model
import Protocol

extension HandlerReport {
    /// Runs one type, one task at a time, and lets none wait.
    static func plain(
        _ type: TaskType = .push,
        slots: UInt16 = 1,
        prefetch: UInt16 = 0,
        _ delivery: DeliveryPolicy = .exclusive
    ) -> HandlerReport {
        HandlerReport(
            name: HandlerName(type.text.lowercased())!,
            types: [type],
            slots: slots,
            prefetch: prefetch,
            delivery: delivery
        )
    }
}

extension Stage {
    /// Submits as the admin does.
    ///
    /// - Returns: the answers, one for each task.
    @discardableResult
    mutating func submit(_ offers: [TaskOffer], by caller: Caller = Stage.admin) -> [TaskAnswer] {
        lastRequest += 1
        step(.submitted(RequestID(lastRequest), caller, offers))
        if case .tasks(let answers)? = replies.last { return answers }
        return []
    }

    /// Submits tasks that differ in nothing, and gives their numbers.
    @discardableResult
    mutating func submit(
        _ type: TaskType = .push,
        count: Int = 1,
        account: String = "",
        attributes: [TaskAttribute] = [],
        priority: UInt8 = TaskSubmission.priorityDefault,
        exclusive: ExclusiveKey? = nil,
        attempts: UInt16? = nil,
        payload: [UInt8] = []
    ) -> [TaskID] {
        let submission = TaskSubmission(
            type: type,
            account: account,
            attributes: attributes,
            priority: priority,
            exclusiveKey: exclusive,
            attemptsMax: attempts
        )
        let offer = TaskOffer(submission: submission, payload: payload)
        return submit(Array(repeating: offer, count: count)).compactMap {
            if case .accepted(let id) = $0 { id } else { nil }
        }
    }

    /// RUN orders that a node was sent and that are still its.
    func running(_ connection: ConnectionID) -> [RunOrder] {
        sent.filter { $0.connection == connection }.compactMap {
            guard case .work(.run(let order)) = $0.message,
                let assignment = machine.work.view(of: order.attempt.task)?.assignment,
                assignment.attempt == order.attempt.attempt
            else { return nil }
            return order
        }
    }

    func runs(_ connection: ConnectionID) -> [TaskAttempt] {
        running(connection).map(\.attempt)
    }

    mutating func end(
        _ attempt: TaskAttempt,
        _ outcome: AttemptOutcome = .done,
        status: UInt8? = nil,
        permanent: Bool = false,
        on connection: ConnectionID
    ) {
        let status = status ?? (outcome == .done ? 0 : nil)
        let result = AttemptResult(outcome: outcome, status: status, isPermanent: permanent)
        say(.work(.result(attempt, result)), on: connection)
    }

    /// Everything a node has ends well, until it gets nothing more.
    mutating func work(_ connection: ConnectionID) -> [TaskID] {
        var done: [TaskID] = []
        while let order = running(connection).first {
            end(order.attempt, on: connection)
            done.append(order.attempt.task)
        }
        return done
    }

    func state(_ id: TaskID) -> TaskState? {
        if let view = machine.work.view(of: id) { return view.state }
        guard case .taskEnd(let end)? = store["task-end/\(id.storeKey)"] else { return nil }
        return end.state
    }

    func end(of id: TaskID) -> TaskEndRecord? {
        guard case .taskEnd(let end)? = store["task-end/\(id.storeKey)"] else { return nil }
        return end
    }
}
