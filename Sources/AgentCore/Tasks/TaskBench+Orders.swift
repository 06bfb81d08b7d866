import Model
import Protocol

// What a controller orders. The parent has compared the link, and has seen the token: none is
// higher than the situation's highest.

extension TaskBench {
    mutating func ordered(
        _ order: RunOrder,
        _ situation: TaskSituation,
        at now: Instant,
        _ effects: inout TaskEffects
    ) {
        touched.append(order.attempt)
        guard telling != nil, !tellAgain(order, &effects) else { return }
        let attempt = order.attempt
        if let (code, text) = reasonToReturn(order, situation) {
            if code == .staleToken {
                effects.notes.append(Note(note: .staleOrder, text: "RUN \(attempt): \(text)"))
            }
            return giveBack(attempt, code, text, &effects)
        }
        for lower in attempts(of: attempt.task) where live[lower]?.isBefore ?? false {
            giveBack(lower, .staleToken, "overtaken by attempt \(attempt.attempt)", &effects)
        }
        arrivals += 1
        let token = FencingToken(epoch: order.token.epoch, session: order.token.session)
        let held = LiveAttempt(order: order, token: token, arrival: arrivals)
        payloadsBytes += held.payloadBytes
        waitingCount += 1
        live[attempt] = held
    }

    /// An attempt that the node has is never taken a second time: its state is told again.
    private mutating func tellAgain(_ order: RunOrder, _ effects: inout TaskEffects) -> Bool {
        let attempt = order.attempt
        if let held = ended[attempt] {
            telling?.results[held.number] = attempt
            return true
        }
        guard let held = live[attempt] else { return false }
        switch held.phase {
        case .receiving:
            // Its parts begin again, too.
            let isWhole = order.payload.count == held.payloadBytes
            live.update(attempt) { held in
                held.payload = isWhole ? order.payload : []
                if isWhole { held.phase = .waiting }
            }
        case .launched where held.startedAt != nil: tellStarted(attempt, &effects)
        case .waiting, .starting, .launched, .emptied, .ending: break
        }
        return true
    }

    func tellStarted(_ attempt: TaskAttempt, _ effects: inout TaskEffects) {
        if telling?.isSynced == true { effects.sends.append(.started(attempt)) }
    }

    private func reasonToReturn(
        _ order: RunOrder,
        _ situation: TaskSituation
    ) -> (RefusalCode, String)? {
        let attempt = order.attempt
        let token = FencingToken(epoch: order.token.epoch, session: order.token.session)
        if attempt.isOfCanary { return (.invalid, "no task has the number \(attempt.task)") }
        if let returned = telling?.returned[attempt.task], returned >= attempt.attempt {
            return (.notNow, "it was given back before in this session: raise the attempt")
        }
        if token != situation.highest {
            return (.staleToken, "token \(token) is older than \(situation.highest)")
        }
        if let taken = taken[attempt.task], taken >= attempt.attempt {
            return (.staleToken, "attempt \(taken) has ended here and was taken")
        }
        if let refusal = reasonFromAttempts(of: attempt) { return refusal }
        if !situation.isStateWritable || !journal.isWritable {
            return (.storage, "the agent cannot write its state: see the node's log")
        }
        if let obstacle = situation.obstacle(for: order.type) { return (.notNow, obstacle) }
        guard let handler = handlers[order.handler] else {
            return (.unknownName, "no handler \(order.handler) is defined on this node")
        }
        guard handler.types.contains(order.type) else {
            return (.unknownName, "handler \(order.handler) runs no tasks of type \(order.type)")
        }
        return reasonFromPayload(order) ?? reasonFromRoom(order, handler)
    }

    /// One attempt of a task at a time, and never a lower one after a higher.
    private func reasonFromAttempts(of attempt: TaskAttempt) -> (RefusalCode, String)? {
        for other in attempts(of: attempt.task) {
            if other.attempt > attempt.attempt {
                return (.staleToken, "attempt \(other.attempt) is here already")
            }
            if let held = live[other], !held.isBefore {
                return (.notNow, "attempt \(other.attempt) has not ended here")
            }
        }
        return nil
    }

    private func reasonFromPayload(_ order: RunOrder) -> (RefusalCode, String)? {
        if order.payloadBytes > WorkLimits.payloadBytesMax {
            return (.invalid, "a payload has at most \(WorkLimits.payloadBytesMax) bytes")
        }
        if !order.payload.isEmpty, order.payload.count != Int(order.payloadBytes) {
            return (.invalid, "the payload is not of the size that was announced")
        }
        return nil
    }

    private func reasonFromRoom(
        _ order: RunOrder,
        _ handler: HandlerDefinition
    ) -> (RefusalCode, String)? {
        if live.count + ended.count >= WorkLimits.attemptsPerNodeMax {
            return (.busy, "the node has \(WorkLimits.attemptsPerNodeMax) attempts already")
        }
        let here = live.values.count { $0.handler == order.handler && $0.takesPlace }
        if here >= Int(handler.slots) + Int(handler.prefetch) {
            return (.busy, "every place of handler \(order.handler) is taken")
        }
        if payloadsBytes + Int(order.payloadBytes) > Self.payloadsBytesMax {
            return (.busy, "\(Self.payloadsBytesMax) bytes of payloads wait already")
        }
        return nil
    }

    /// It was not started, and in this session never will be.
    mutating func giveBack(
        _ attempt: TaskAttempt,
        _ code: RefusalCode,
        _ text: String,
        _ effects: inout TaskEffects
    ) {
        precondition(live[attempt]?.isBefore ?? true, "\(attempt) may run and was given back")
        remove(attempt)
        let highest = max(attempt.attempt, telling?.returned[attempt.task] ?? 0)
        telling?.returned[attempt.task] = highest
        effects.sends.append(.returned(attempt, code: code, text: text))
        if let count = telling?.returned.count, count > Self.returnedMax {
            effects.sessionProblem = "\(count) attempts were given back in one session"
        }
    }

    // MARK: The payload

    /// Parts come in order, and are as long together as was announced.
    mutating func received(
        _ data: [UInt8],
        at offset: UInt32,
        of attempt: TaskAttempt,
        _ effects: inout TaskEffects
    ) {
        // The parts of what was given back are still under way.
        guard let held = live[attempt], held.phase == .receiving else { return }
        let after = held.payload.count + data.count
        guard Int(offset) == held.payload.count, !data.isEmpty, after <= held.payloadBytes else {
            return giveBack(attempt, .invalid, "its payload came in wrong parts", &effects)
        }
        touched.append(attempt)
        live.update(attempt) { held in
            held.payload += data
            if after == held.payloadBytes { held.phase = .waiting }
        }
    }

    // MARK: Cancelling

    mutating func cancelled(
        _ attempt: TaskAttempt,
        _ reason: CancelReason,
        at now: Instant,
        _ effects: inout TaskEffects
    ) {
        guard telling != nil else { return }
        touched.append(attempt)
        if let held = ended[attempt] {
            telling?.results[held.number] = attempt
            return
        }
        guard let held = live[attempt] else {
            return giveBack(attempt, .notNow, "it is not on this node", &effects)
        }
        switch held.phase {
        case .receiving, .waiting: giveBack(attempt, .notNow, "not started", &effects)
        case .starting where reason != .recalled:
            live.update(attempt) { $0.cause = .cancelled(reason) }
            conclude(attempt, at: now)
        case .launched where reason != .recalled:
            let grace = held.definition?.stopGrace ?? .zero
            stop(attempt, .cancelled(reason), grace: grace, at: now, &effects)
        case .starting, .launched, .emptied, .ending: break
        }
    }

    mutating func taken(_ attempt: TaskAttempt) {
        guard telling != nil, ended[attempt] != nil else { return }
        forget(attempt)
        _ = journal.put(.forget(attempt))
    }
}
