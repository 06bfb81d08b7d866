import Model
import Protocol

extension TaskBench {
    // MARK: What leashes say

    mutating func learned(
        _ news: LeashNews,
        of attempt: TaskAttempt,
        at now: Instant,
        _ effects: inout TaskEffects
    ) {
        guard let held = live[attempt], held.isLaunched else { return }
        touched.append(attempt)
        switch news {
        case .started:
            guard held.startedAt == nil else { return }
            live.update(attempt) { $0.startedAt = now }
            if !held.isForeign { tellStarted(attempt, &effects) }
        case .notStarted(let reason):
            let isLate = held.leaseDeadline.map { $0 <= now } ?? false
            live.update(attempt) { held in
                held.cause = held.cause ?? (isLate ? .leaseEnded : .notExecuted(reason))
            }
            conclude(attempt, at: now)
        case .exited(let exit): exited(attempt, exit, at: now)
        case .leaseEnded:
            stop(attempt, .leaseEnded, grace: .zero, margin: Self.fencePatience, at: now, &effects)
        case .emptied: emptied(attempt, at: now)
        case .lost:
            if held.cause == nil {
                effects.notes.append(Note(note: .leashLost, text: "of task \(attempt)"))
            }
            live.update(attempt) { held in
                if held.exit == nil { held.cause = held.cause ?? .leashLost }
                held.destroyAt = min(
                    held.destroyAt ?? now + timing.stopGrace,
                    now + timing.stopGrace
                )
            }
        case .unkillable(let processes):
            effects.notices.append(
                AgentNotice(
                    .error,
                    "processes of a task do not die from SIGKILL",
                    [.init("task", "\(attempt)"), .init("processes", "\(processes)")]
                )
            )
        }
    }

    private mutating func exited(_ attempt: TaskAttempt, _ exit: ProgramExit, at now: Instant) {
        live.update(attempt) { held in
            guard held.exit == nil else { return }
            held.exit = exit
            held.exitedAt = now
            held.limitAt = nil
            let grace = held.definition?.stopGrace ?? .zero
            held.destroyAt = held.destroyAt ?? now + grace + timing.stopGrace
        }
    }

    /// Proven: nothing of it exists any more.
    private mutating func emptied(_ attempt: TaskAttempt, at now: Instant) {
        guard let held = live[attempt] else { return }
        guard held.order != nil, held.report == nil else { return conclude(attempt, at: now) }
        live.update(attempt) { held in
            held.phase = .emptied
            held.reportBy = now + timing.taskReportTimeout
            held.limitAt = nil
            held.destroyAt = nil
        }
    }

    mutating func reported(_ report: TaskReport, of attempt: TaskAttempt, at now: Instant) {
        guard let held = live[attempt], held.order != nil, held.report == nil else { return }
        touched.append(attempt)
        switch held.phase {
        case .launched: live.update(attempt) { $0.report = report }
        case .emptied:
            live.update(attempt) { $0.report = report }
            conclude(attempt, at: now)
        case .receiving, .waiting, .starting, .ending: break
        }
    }

    /// Nothing of it exists, or ever did: its result is made durable.
    mutating func conclude(_ attempt: TaskAttempt, at now: Instant) {
        guard let held = live[attempt] else { return }
        if held.isForeign { return remove(attempt) }
        let result = held.result(at: now)
        let write = journal.put(.end(attempt, result))
        awaited.append(AwaitedWrite(sequence: write, attempt: attempt))
        payloadsBytes -= held.payloadBytes
        live.update(attempt) { held in
            held.phase = .ending(write, result)
            held.payload = []
            held.payloadBytes = 0
            held.limitAt = nil
            held.destroyAt = nil
            held.reportBy = nil
        }
    }

    /// Ends what is launched. The first cause counts; the strictest time does.
    mutating func stop(
        _ attempt: TaskAttempt,
        _ cause: EndCause,
        grace: Duration,
        margin: Duration? = nil,
        at now: Instant,
        _ effects: inout TaskEffects
    ) {
        let margin = margin ?? timing.stopGrace
        let isStricter = live.update(attempt) { held in
            if held.exit == nil { held.cause = held.cause ?? cause }
            held.limitAt = nil
            let killedAt = now + grace
            if let before = held.killedAt, before <= killedAt { return false }
            held.killedAt = killedAt
            held.destroyAt = min(held.destroyAt ?? killedAt + margin, killedAt + margin)
            return true
        }
        // What an earlier agent left has no leash that listens; the shell empties it.
        guard isStricter == true, live[attempt]?.order != nil else { return }
        effects.commands.append(.stop(attempt, grace: grace))
    }

    // MARK: What follows

    /// Does what the time has come for, and what the situation allows or forbids now.
    mutating func settle(
        _ situation: TaskSituation,
        at now: Instant,
        _ effects: inout TaskEffects
    ) {
        let isDue = lookAt.map { $0 <= now } ?? false
        let isWhole = areAllTouched || isDue || settledWith != situation
        let attempts = isWhole ? live.keys : touched + takeDurable()
        guard isWhole || !attempts.isEmpty else { return }
        if isWhole {
            lookAt = nil
            _ = takeDurable()
            if waitingCount > 0 { giveUpWaiting(situation, &effects) }
        }
        areAllTouched = false
        touched = []
        settledWith = situation
        settleWorkers(situation, at: now, &effects)
        for attempt in attempts {
            guard let held = live[attempt] else { continue }
            switch held.phase {
            case .receiving, .waiting: break
            case .starting(let write): settleStarting(held, write, situation, at: now, &effects)
            case .launched: settleLaunched(held, situation, at: now, &effects)
            case .emptied:
                if let reportBy = held.reportBy, reportBy <= now { conclude(attempt, at: now) }
            case .ending(let write, let result):
                guard journal.isDurable(write) else { break }
                remove(attempt)
                keep(attempt, result, output: held.keptOutput)
            }
            noteDeadlines(of: attempt, leaseEnd: situation.lease.end, at: now)
        }
        if waitingCount > 0 { startWaiting(situation, at: now) }
        if let due = workers?.destroyAt { lookAt = min(lookAt ?? due, due) }
    }

    /// - Returns: attempts whose write is durable.
    private mutating func takeDurable() -> [TaskAttempt] {
        let durable = awaited.prefix { journal.isDurable($0.sequence) }.map(\.attempt)
        awaited.removeFirst(durable.count)
        return durable
    }

    private mutating func noteDeadlines(
        of attempt: TaskAttempt,
        leaseEnd: Instant?,
        at now: Instant
    ) {
        guard let held = live[attempt] else { return }
        func consider(_ deadline: Instant?) {
            if let deadline { lookAt = min(lookAt ?? deadline, deadline) }
        }
        consider(held.limitAt)
        consider(held.destroyAt)
        consider(held.reportBy)
        consider(extensionDue(held, leaseEnd: leaseEnd))
        // What has passed was acted on, and stands there until its leash is empty.
        if let deadline = held.leaseDeadline, deadline > now { consider(deadline) }
    }

    /// Gives back what waits and may not, or not soon, be started here.
    private mutating func giveUpWaiting(
        _ situation: TaskSituation,
        _ effects: inout TaskEffects
    ) {
        for (attempt, held) in live where held.isBefore {
            let serves = held.order.map { handlers[held.handler]?.types.contains($0.type) ?? false }
            if held.token != situation.highest {
                let text = "token \(held.token) is older than \(situation.highest)"
                giveBack(attempt, .staleToken, text, &effects)
            } else if serves != true {
                let text = "handler \(held.handler) runs it no more"
                giveBack(attempt, .unknownName, text, &effects)
            } else if !situation.isStateWritable || !journal.isWritable {
                giveBack(attempt, .storage, "the agent cannot write its state", &effects)
            } else if let obstacle = held.order.flatMap({ situation.obstacle(for: $0.type) }) {
                giveBack(attempt, .notNow, obstacle, &effects)
            }
        }
    }

    /// The second look, after its start is durable, or already while it is being made so.
    private mutating func settleStarting(
        _ held: LiveAttempt,
        _ write: UInt64,
        _ situation: TaskSituation,
        at now: Instant,
        _ effects: inout TaskEffects
    ) {
        guard let definition = held.definition, let order = held.order else { return }
        let attempt = held.attempt
        let needsLease = needsLease(held, definition)
        if let obstacle = situation.obstacle(
            toStart: order.type,
            under: held.token,
            needsLease: needsLease,
            at: now
        ) {
            live.update(attempt) { $0.cause = .notAllowed(obstacle) }
            return conclude(attempt, at: now)
        }
        guard journal.isDurable(write), mayLaunch(definition) else { return }
        if definition.mode == .worker, workers == nil {
            workers = LivingWorkers(part: situation.part)
        }
        let deadline = needsLease ? situation.leaseEnd(for: held.token, at: now) : nil
        effects.commands.append(
            .launch(
                attempt,
                TaskLaunch(
                    definition: definition,
                    token: order.fencingToken,
                    payload: held.payload,
                    environment: TaskEnvironment.variables(
                        of: order,
                        definition: definition,
                        identity: situation.identity,
                        settings: situation.settings,
                        drill: situation.drill
                    ),
                    deadline: deadline
                )
            )
        )
        payloadsBytes -= held.payloadBytes
        live.update(attempt) { held in
            held.phase = .launched
            held.payload = []
            held.payloadBytes = 0
            held.leaseDeadline = deadline
            held.limitAt = definition.timeLimit.map { now + $0 }
        }
    }

    private mutating func settleLaunched(
        _ held: LiveAttempt,
        _ situation: TaskSituation,
        at now: Instant,
        _ effects: inout TaskEffects
    ) {
        let attempt = held.attempt
        let grace = held.definition?.stopGrace ?? .zero
        let hasLease = situation.leaseEnd(for: held, at: now) != nil
        if let deadline = held.leaseDeadline, deadline <= now || !hasLease {
            // Its leash kills it at the same instant; this is the second way to the same end. What
            // the leash was told is over is over, even if the lease itself goes on.
            let cause: EndCause =
                held.token < situation.highest ? .overtaken(situation.highest) : .leaseEnded
            stop(attempt, cause, grace: .zero, margin: Self.fencePatience, at: now, &effects)
        } else if held.token < situation.highest, !situation.mayDrain(held) {
            let short = min(grace, Self.overtakenGrace)
            let cause = EndCause.overtaken(situation.highest)
            stop(attempt, cause, grace: short, margin: Self.fencePatience, at: now, &effects)
        } else if situation.isDismissed {
            stop(attempt, .dismissed, grace: grace, at: now, &effects)
        } else if let limit = held.limitAt, limit <= now {
            stop(attempt, .timedOut, grace: grace, at: now, &effects)
        } else if let due = extensionDue(held, leaseEnd: situation.lease.end), due <= now,
            let end = situation.lease.end
        {
            live.update(attempt) { $0.leaseDeadline = end }
            effects.commands.append(.extend(attempt, deadline: end))
        }
        guard let due = live[attempt]?.destroyAt, due <= now else { return }
        live.update(attempt) { $0.destroyAt = now + timing.stopGrace }
        effects.commands.append(.destroy(attempt))
        effects.notices.append(
            AgentNotice(
                .error,
                "a task was not ended in time: its leash is killed",
                [.init("task", "\(attempt)")]
            )
        )
    }

    /// When its leash is to be told of a longer lease: once what it would gain is a quarter of what is
    /// left of the lease, so that not every heartbeat writes to every leash.
    func extensionDue(_ held: LiveAttempt, leaseEnd: Instant?) -> Instant? {
        guard let told = held.leaseDeadline, let leaseEnd, told < leaseEnd, held.isLaunched,
            held.cause == nil, held.exit == nil
        else { return nil }
        return leaseEnd - .nanoseconds((leaseEnd - told).nanoseconds.multiplied(by: 4))
    }

    // MARK: Starting

    /// It may only run under a lease, and no longer than it: by its definition; by its key, which
    /// must never be on two nodes at once, whatever its handler would allow; or because this session
    /// has told the controller so before the definition was changed, and what it has ordered rests on
    /// that.
    func needsLease(_ held: LiveAttempt, _ definition: HandlerDefinition) -> Bool {
        definition.needsLease || held.order?.exclusiveKey != nil
            || telling?.leased[held.handler] != nil
    }

    /// Gives free slots to what waits: the higher priority first, then the earlier arrival.
    private mutating func startWaiting(_ situation: TaskSituation, at now: Instant) {
        var waiting = live.values.filter { $0.phase == .waiting }
        guard !waiting.isEmpty, journal.isWritable, situation.isStateWritable else { return }
        var occupied: OrderedTable<HandlerName, Int> = OrderedTable()
        for held in live.values where held.takesSlot {
            occupied[held.handler] = (occupied[held.handler] ?? 0) + 1
        }
        waiting.sort { ($1.priority, $0.arrival) < ($0.priority, $1.arrival) }
        for held in waiting {
            guard let definition = handlers[held.handler], let order = held.order,
                occupied[held.handler] ?? 0 < Int(definition.slots), mayLaunch(definition),
                situation.obstacle(
                    toStart: order.type,
                    under: held.token,
                    needsLease: needsLease(held, definition),
                    at: now
                ) == nil
            else { continue }
            occupied[held.handler] = (occupied[held.handler] ?? 0) + 1
            var starting = held
            starting.definition = definition
            starting.isDrainable = order.isDrainable && definition.kind == .drainable
            let write = journal.put(starting.startEntry)
            awaited.append(AwaitedWrite(sequence: write, attempt: held.attempt))
            starting.phase = .starting(write)
            live[held.attempt] = starting
            waitingCount -= 1
        }
    }
}

extension LiveAttempt {
    /// Something of it may run, so no other may run in its slot.
    var takesSlot: Bool { mayRun }

    var startEntry: TaskJournalEntry {
        .start(attempt, token: token, handler: handler, isDrainable: isDrainable)
    }

    /// It counts among what its handler may have on the node.
    var takesPlace: Bool { isBefore || mayRun }
}

extension Int64 {
    /// Saturates.
    func multiplied(by factor: Int64) -> Int64 {
        let (product, overflow) = multipliedReportingOverflow(by: factor)
        return overflow ? ((self < 0) == (factor < 0) ? .max : .min) : product
    }
}
