import Model
import Protocol

/// What one session was told of tasks, and is still to be told.
struct TaskTelling: Hashable, Sendable {
    /// The connection of the session.
    let link: UInt64
    /// Every handler and attempt was told: from now on changes are.
    var isSynced = false
    var handlers: OrderedTable<HandlerName, HandlerReport> = OrderedTable()
    /// Handlers that were told to need a lease, at any time of the session.
    var leased: OrderedTable<HandlerName, Bool> = OrderedTable()
    /// The highest attempt of each task that was given back. What the controller sent before it
    /// learned that may still come, and must not be started.
    var returned: OrderedTable<TaskID, UInt16> = OrderedTable()
    /// Results to be told, in the order in which they ended.
    var results: OrderedTable<UInt64, TaskAttempt> = OrderedTable()
    /// Attempts whose output so far was asked for in this session, while it is being read.
    var reading: OrderedTable<TaskAttempt, Bool> = OrderedTable()
    /// The one whose output is being sent, and how much of it was.
    private var underWay: UInt64?
    private var outputSent = 0
    private var sender = BulkSender<TaskAttempt>()
    private var isHeldUp = false

    init(link: UInt64) {
        self.link = link
    }

    var nextDeadline: Instant? { isHeldUp ? sender.nextDeadline : nil }

    mutating func forget(_ attempt: TaskAttempt, number: UInt64) {
        sender.answered(attempt)
        finish(number)
    }

    private mutating func finish(_ number: UInt64) {
        results[number] = nil
        guard underWay == number else { return }
        underWay = nil
        outputSent = 0
    }

    /// Sends outputs and results, as many as may be under way.
    mutating func tellResults(
        _ ended: OrderedTable<TaskAttempt, EndedAttempt>,
        at now: Instant,
        _ effects: inout TaskEffects
    ) {
        isHeldUp = false
        sender.settle(at: now)
        while let number = underWay ?? results.keys.first, let attempt = results[number] {
            guard let held = ended[attempt] else {
                finish(number)
                continue
            }
            let size = BulkSender<TaskAttempt>.wireBytes(of: held.output.count) + held.lineBytes
            guard underWay != nil || sender.mayBegin(size) else { return }
            underWay = number
            guard tellOutput(attempt, held, at: now, &effects) else {
                isHeldUp = true
                return
            }
            effects.sends.append(.result(attempt, held.result))
            sender.sent(attempt, size)
            finish(number)
        }
    }

    /// - Returns: false when not all of it, and the result after it, may be sent now.
    private mutating func tellOutput(
        _ attempt: TaskAttempt,
        _ held: EndedAttempt,
        at now: Instant,
        _ effects: inout TaskEffects
    ) -> Bool {
        let output = held.output
        // The place of the first byte that is kept, within the whole output.
        let start = held.result.outputBytes - min(held.result.outputBytes, UInt64(output.count))
        while outputSent < output.count {
            let end = min(outputSent + WorkLimits.partBytesMax, output.count)
            let bytes = BulkSender<TaskAttempt>.wireBytes(of: end - outputSent)
            guard sender.take(bytes, at: now) else { return false }
            let data = Array(output[outputSent..<end])
            effects.sends.append(.output(attempt, at: start + UInt64(outputSent), data: data))
            outputSent = end
        }
        return sender.take(held.lineBytes, at: now)
    }
}

extension TaskBench {
    /// Begins and ends with the connection. What was not started when it breaks is dropped and not
    /// told in the next one: an attempt that waits is nothing but a line of the old session, and
    /// dropping it is the one rule that needs no knowledge of what the next controller knows.
    mutating func follow(link: UInt64?) {
        guard telling?.link != link else { return }
        areAllTouched = true
        for (attempt, held) in live where held.isBefore { remove(attempt) }
        telling = link.map { TaskTelling(link: $0) }
    }

    /// The first report of a session: every handler, then every attempt.
    ///
    /// - Returns: how many of each.
    mutating func tellEverything(
        _ effects: inout TaskEffects
    ) -> (handlers: UInt32, attempts: UInt32) {
        guard telling != nil else { return (0, 0) }
        telling?.isSynced = true
        tellHandlers(&effects)
        var attempts: UInt32 = 0
        for (attempt, held) in live where !held.isForeign {
            effects.sends.append(.holding(attempt, phase: held.holdingPhase))
            attempts += 1
        }
        for (attempt, held) in ended {
            effects.sends.append(.holding(attempt, phase: .ended))
            telling?.results[held.number] = attempt
            attempts += 1
        }
        return (UInt32(handlers.count), attempts)
    }

    /// What this session was not told yet.
    mutating func tell(at now: Instant, _ effects: inout TaskEffects) {
        guard telling?.isSynced == true else { return }
        tellHandlers(&effects)
        telling?.tellResults(ended, at: now, &effects)
    }

    private mutating func tellHandlers(_ effects: inout TaskEffects) {
        guard let told = telling?.handlers else { return }
        for name in told.keys where handlers[name] == nil {
            telling?.handlers[name] = nil
            effects.sends.append(.unhandled(name))
        }
        for (name, definition) in handlers {
            let report = definition.report
            guard told[name] != report else { continue }
            telling?.handlers[name] = report
            if definition.needsLease { telling?.leased[name] = true }
            effects.sends.append(.handler(report))
        }
    }
}
