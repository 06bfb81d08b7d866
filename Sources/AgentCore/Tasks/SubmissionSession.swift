import Model
import Protocol

/// The submissions of one session.
struct SubmissionSession: Hashable, Sendable {
    let link: UInt64
    /// Which submission each reference of this session means.
    var references: OrderedTable<UInt64, UInt64> = OrderedTable()
    /// The last submission whose sending has begun; they are sent in the order of their numbers.
    private(set) var begun: UInt64 = 0
    private var sender = BulkSender<UInt64>()
    private var partial: Partial?
    private var lastReference: UInt64 = 0
    private var isHeldUp = false

    /// The one that is being sent in parts, and how much of it was.
    private struct Partial: Hashable, Sendable {
        var reference: UInt64
        var number: UInt64
        var sent: Int
    }

    init(link: UInt64) {
        self.link = link
    }

    var nextDeadline: Instant? { isHeldUp ? sender.nextDeadline : nil }

    /// - Returns: the submission that the reference means; it means none from now on.
    mutating func answered(_ reference: UInt64) -> UInt64? {
        guard let number = references[reference] else { return nil }
        // Answered before all of it was sent: a controller may turn it down by its first line.
        if partial?.reference == reference { partial = nil }
        references[reference] = nil
        sender.answered(reference)
        return number
    }

    /// Sends what was not begun yet, as much as may be under way.
    mutating func tell(
        _ pending: inout OrderedTable<UInt64, SubmissionDesk.Pending>,
        at now: Instant,
        _ effects: inout SubmissionEffects
    ) {
        isHeldUp = false
        sender.settle(at: now)
        while true {
            if let sending = partial {
                guard let submission = pending[sending.number] else {
                    partial = nil
                    continue
                }
                guard tellParts(sending, submission.payload, at: now, &effects) else {
                    isHeldUp = true
                    return
                }
                partial = nil
            }
            guard let number = pending.keys.first(where: { $0 > begun }),
                let submission = pending[number]
            else { return }
            let head = head(of: submission)
            let bytes = AgentMessage.work(.submit(head)).line.bytes.count
            let size = BulkSender<UInt64>.wireBytes(of: submission.payload.count) + bytes
            guard sender.mayBegin(size) else { return }
            guard sender.take(bytes, at: now) else {
                isHeldUp = true
                return
            }
            begun = number
            lastReference = head.reference
            references[lastReference] = number
            sender.sent(lastReference, size)
            effects.sends.append(.submit(head))
            if head.payload.count < submission.payload.count {
                partial = Partial(reference: lastReference, number: number, sent: 0)
            }
            pending.update(number) { $0.wasSent = true }
        }
    }

    private func head(of submission: SubmissionDesk.Pending) -> LocalSubmission {
        let isInline = submission.payload.count <= WorkLimits.inlineBytesMax
        return LocalSubmission(
            reference: lastReference + 1,
            task: submission.task,
            payloadBytes: UInt32(submission.payload.count),
            payload: isInline ? submission.payload : []
        )
    }

    /// - Returns: false when not all of it may be sent now.
    private mutating func tellParts(
        _ sending: Partial,
        _ payload: [UInt8],
        at now: Instant,
        _ effects: inout SubmissionEffects
    ) -> Bool {
        var at = sending.sent
        while at < payload.count {
            let end = min(at + WorkLimits.partBytesMax, payload.count)
            guard sender.take(BulkSender<UInt64>.wireBytes(of: end - at), at: now) else {
                partial?.sent = at
                return false
            }
            effects.sends.append(
                .submitPart(
                    reference: sending.reference,
                    at: UInt32(at),
                    data: Array(payload[at..<end])
                )
            )
            at = end
        }
        return true
    }
}

extension SubmissionDesk {
    /// Follows the session, the clock, and sends.
    mutating func settle(
        _ situation: SubmissionSituation,
        at now: Instant,
        _ effects: inout SubmissionEffects
    ) {
        if session?.link != situation.link { endSession(&effects) }
        if session == nil, let link = situation.link { session = SubmissionSession(link: link) }
        losePatience(situation, at: now, &effects)
        if let until = spoolPausedUntil, until <= now { spoolPausedUntil = nil }
        guard situation.isSynced, session != nil else { return }
        submitSpooled()
        session?.tell(&pending, at: now, &effects)
    }

    /// What was under way is not answered any more: it is repeated in the next session, or kept.
    private mutating func endSession(_ effects: inout SubmissionEffects) {
        session = nil
        for (number, submission) in pending {
            switch submission.source {
            case .client(let client, mayBeSpooled: true):
                removePending(number)
                keep(submission.task, submission.payload, for: client, &effects)
            case .client(_, mayBeSpooled: false): break
            case .spool(let kept):
                removePending(number)
                spool.update(kept) { $0.state = .kept }
            case .nobody: removePending(number)
            }
        }
    }

    private mutating func losePatience(
        _ situation: SubmissionSituation,
        at now: Instant,
        _ effects: inout SubmissionEffects
    ) {
        for (number, submission) in pending {
            guard let until = submission.until, until <= now || situation.obstacle != nil else {
                continue
            }
            pending.update(number) { $0.until = nil }
            guard case .client(let client, let mayBeSpooled) = submission.source else { continue }
            // Its lines may be half sent, and its answer still come: it stays, for nobody.
            pending.update(number) { $0.source = .nobody }
            let isUnderWay = (session?.begun ?? 0) >= number
            if !isUnderWay { removePending(number) }
            if mayBeSpooled, situation.obstacle == nil {
                keep(submission.task, submission.payload, for: client, &effects)
                continue
            }
            let text =
                submission.wasSent
                ? "no answer in time: whether it was taken is not known; the same key asks again"
                : "no controller has taken it in time"
            let outcome = SubmissionAnswer.Outcome.declined(.notActive, text: text, retry: nil)
            effects.answers.append(SubmissionAnswer(client: client, outcome: outcome))
        }
    }

    /// In the order in which they were kept, a few at a time.
    private mutating func submitSpooled() {
        guard spoolPausedUntil == nil, !spool.isEmpty else { return }
        var submitted = spool.values.lazy.filter { $0.state == .submitted }.count
        for (number, kept) in spool where kept.state == .kept {
            guard submitted < Self.spoolWindow,
                pending.count < WorkLimits.submissionsPerNodeMax
            else { return }
            submitted += 1
            spool.update(number) { $0.state = .submitted }
            add(
                Pending(
                    source: .spool(number),
                    task: kept.task,
                    payload: kept.payload,
                    until: nil
                )
            )
        }
    }

    // MARK: A controller answers

    mutating func accepted(
        _ reference: UInt64,
        _ task: TaskID,
        isKnown: Bool,
        _ effects: inout SubmissionEffects
    ) {
        guard let number = session?.answered(reference), let submission = pending[number] else {
            return
        }
        removePending(number)
        switch submission.source {
        case .client(let client, _):
            let outcome = SubmissionAnswer.Outcome.accepted(task, isKnown: isKnown)
            effects.answers.append(SubmissionAnswer(client: client, outcome: outcome))
        case .spool(let kept):
            removeSpooled(kept)
            effects.unspool.append(kept)
        case .nobody: break
        }
    }

    mutating func declined(
        _ reference: UInt64,
        _ code: RefusalCode,
        _ text: String,
        retry: Duration?,
        at now: Instant,
        _ effects: inout SubmissionEffects
    ) {
        guard let number = session?.answered(reference), let submission = pending[number] else {
            return
        }
        removePending(number)
        switch submission.source {
        case .client(let client, let mayBeSpooled):
            if mayBeSpooled, code.passes {
                return keep(submission.task, submission.payload, for: client, &effects)
            }
            let outcome = SubmissionAnswer.Outcome.declined(code, text: text, retry: retry)
            effects.answers.append(SubmissionAnswer(client: client, outcome: outcome))
        case .spool(let kept) where code.passes:
            spool.update(kept) { $0.state = .kept }
            let until = now + max(retry ?? Self.spoolRetry, .milliseconds(1))
            spoolPausedUntil = max(until, spoolPausedUntil ?? until)
        case .spool(let kept):
            removeSpooled(kept)
            effects.unspool.append(kept)
            effects.notices.append(
                AgentNotice(
                    .error,
                    "a task that was kept for a controller is refused by it, and dropped",
                    [
                        .init("key", submission.task.idempotencyKey ?? ""),
                        .init("code", code.rawValue), .init("text", text),
                    ]
                )
            )
        case .nobody: break
        }
    }
}

extension RefusalCode {
    /// The same request may be granted later.
    fileprivate var passes: Bool {
        switch self {
        case .busy, .storage, .notNow, .notActive, .tooFast, .tooSlow: true
        case .badLine, .badVerb, .version, .noCertificate, .badCertificate, .removed, .conflicted,
            .replaced, .badToken, .duplicate, .nodeLimit, .staleToken, .unknownName, .forbidden,
            .clock, .confirmation, .invalid:
            false
        }
    }
}
