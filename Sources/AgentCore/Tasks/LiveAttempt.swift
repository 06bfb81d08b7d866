import Model
import Protocol

/// An attempt that the node has and that has not ended durably.
///
///     receiving → waiting → starting → launched → emptied → ending
///                              └───────────┴──────────────→ ending
struct LiveAttempt: Hashable, Sendable {
    enum Phase: Hashable, Sendable {
        /// Its payload is not complete. Nothing of it is durable: → waiting, or given back.
        case receiving
        /// Waits for a slot or a lease. Nothing of it is durable: → starting, or given back.
        case waiting
        /// Its start is being made durable, with this write of the journal, and nothing was
        /// commanded: → launched, or ending if it may not be started any more.
        case starting(UInt64)
        /// Its leash was commanded to execute it, or an earlier agent's was: → emptied, or ending.
        case launched
        /// Nothing of it exists any more; what the shell has measured is waited for: → ending.
        case emptied
        /// Its result is being made durable, with this write of the journal: → ended.
        case ending(UInt64, AttemptResult)
    }

    let attempt: TaskAttempt
    /// Epoch and session under which it was ordered.
    let token: FencingToken
    let handler: HandlerName
    /// Without its payload; nil for what an earlier agent has launched.
    let order: RunOrder?
    /// Grows with each that arrives.
    let arrival: UInt64
    var phase: Phase
    var payload: [UInt8] = []
    /// Bytes that the payload has, or will have, until it is given to the handler.
    var payloadBytes = 0
    /// Of another cluster or node: only waited out, and neither told nor journalled.
    var isForeign = false
    /// Since its start was decided: a definition that changes later is not its own.
    var definition: HandlerDefinition?
    /// Since then, too: both its order and its definition call it drainable. What the order does not
    /// call so, the controller would give to another node as soon as nothing exclusive runs here.
    var isDrainable = false

    // Since its launch:
    /// Its program was executed.
    var startedAt: Instant?
    var exitedAt: Instant?
    var exit: ProgramExit?
    /// Why it is being ended; the first reason counts, and none counts after its own end.
    var cause: EndCause?
    /// What its leash was told last.
    var leaseDeadline: Instant?
    /// End of its time limit.
    var limitAt: Instant?
    /// When it will have been killed after the strictest stop it was sent.
    var killedAt: Instant?
    /// When its leash is destroyed, because it has not ended what it holds.
    var destroyAt: Instant?
    /// Until when the report is waited for.
    var reportBy: Instant?
    var report: TaskReport?

    init(order: RunOrder, token: FencingToken, arrival: UInt64) {
        attempt = order.attempt
        self.token = token
        handler = order.handler
        self.arrival = arrival
        phase = .receiving
        payload = order.payload
        payloadBytes = Int(order.payloadBytes)
        var order = order
        order.payload = []
        self.order = order
        if payload.count == payloadBytes { phase = .waiting }
    }

    /// Started by an earlier agent.
    init(attempt: TaskAttempt, start: TaskJournal.Start, phase: Phase) {
        self.attempt = attempt
        token = start.token
        handler = start.handler
        isDrainable = start.isDrainable
        order = nil
        arrival = 0
        self.phase = phase
        cause = .agentRestarted
    }

    var priority: UInt8 { order?.priority ?? 0 }

    /// Neither started nor about to be: it can be given back.
    var isBefore: Bool {
        switch phase {
        case .receiving, .waiting: true
        case .starting, .launched, .emptied, .ending: false
        }
    }

    /// Something of it may exist, or may be about to.
    var mayRun: Bool {
        switch phase {
        case .starting, .launched: true
        case .receiving, .waiting, .emptied, .ending: false
        }
    }

    var isLaunched: Bool { phase == .launched }

    var holdingPhase: HoldingPhase { isBefore ? .waiting : .running }

    /// What is known when nothing of it exists any more.
    func result(at now: Instant) -> AttemptResult {
        var result = AttemptResult(outcome: .interrupted)
        let exit = exit ?? report?.exit
        switch exit {
        case .exited(let status): result.status = status
        case .signalled(let signal): result.signal = (1...127).contains(signal) ? signal : nil
        case nil: break
        }
        if let cause {
            result.outcome = cause.outcome
            result.detail = kept(cause.sentence, bytesMax: WireLimits.outputBytesMax)
        } else if let exit {
            result.outcome = exit.isSuccess ? .done : .failed
            if case .exited(let status) = exit {
                result.isPermanent = definition?.permanentStatuses.contains(status) ?? false
            }
        } else {
            result.detail = "it is not known how it ended"
        }
        if let startedAt {
            let ran = max(0, ((exitedAt ?? now) - startedAt).wholeMilliseconds)
            result.ranMilliseconds = min(UInt64(ran), WireLimits.millisecondsMax)
        }
        if let report {
            result.processorMilliseconds = min(
                report.processorMilliseconds,
                WireLimits.millisecondsMax
            )
            result.memoryBytesMax = min(report.memoryBytesMax, WireLimits.sizeMax)
            result.outputBytes = min(
                max(report.outputBytes, UInt64(report.outputTail.count)),
                WireLimits.sizeMax
            )
        }
        return result
    }

    /// The end of the output, as much of it as is kept.
    var keptOutput: [UInt8] {
        guard let tail = report?.outputTail else { return [] }
        return Array(tail.suffix(max(0, definition?.outputBytesMax ?? 0)))
    }
}

/// An attempt whose end is durable; kept until the controller has its result.
struct EndedAttempt: Hashable, Sendable {
    /// Grows with each that ends.
    var number: UInt64
    var result: AttemptResult
    /// The last bytes of the output.
    var output: [UInt8]

    /// Of its RESULT, roughly and not less.
    var lineBytes: Int { 320 + 2 * result.detail.utf8.count }
}

/// Why an attempt is ended that has not ended by itself.
enum EndCause: Hashable, Sendable {
    case cancelled(CancelReason)
    case timedOut
    /// A newer token was seen: this attempt's right to act is over.
    case overtaken(FencingToken)
    case leaseEnded
    /// The node was removed.
    case dismissed
    /// Its start was durable, and then it was not allowed to start any more.
    case notAllowed(String)
    case leashLost
    case agentRestarted
    case notExecuted(String)

    var outcome: AttemptOutcome {
        switch self {
        case .cancelled: .cancelled
        case .timedOut: .timedOut
        case .notExecuted: .notExecuted
        case .overtaken, .leaseEnded, .dismissed, .notAllowed, .leashLost, .agentRestarted:
            .interrupted
        }
    }

    var sentence: String {
        switch self {
        case .cancelled(.cancelled): "cancelled"
        case .cancelled(.recalled): "recalled"
        case .cancelled(.drained): "the time to drain the node was over"
        case .timedOut: "longer than its time limit"
        case .overtaken(let token): "a newer token was seen: \(token)"
        case .leaseEnded: "the lease ended"
        case .dismissed: "the node has no part in the cluster any more"
        case .notAllowed(let reason): "never started: \(reason)"
        case .leashLost: "its leash died; what it held was killed"
        case .agentRestarted: "the agent ended while it ran"
        case .notExecuted(let reason): reason
        }
    }
}
