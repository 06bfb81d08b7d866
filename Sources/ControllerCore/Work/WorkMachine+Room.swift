import Model
import Protocol

// How much is kept of live tasks, and whether there is room for another. All of them count: those
// that wait, those that run, and those that an operator has to decide about.

/// What a live task takes of `task.queue.bytes`, beside its payload, its idempotency key and what its
/// node has said of it. Reckoned so that memory, store and limit have to do with each other, whoever
/// submits what; no accounting of each byte.
enum TaskCharge {
    /// Of each task: where it stands, its place in queues, its last attempts.
    static let task: UInt64 = 512
    /// Once for all tasks that have type, account, attributes, key, priority and submitter in common;
    /// their texts are charged twice, since they are looked up, too.
    static let taskClass: UInt64 = 1_024
}

/// What there is too much of.
enum Fullness: Hashable, Sendable {
    /// Tasks wait for a node or for their time.
    case waiting
    /// All live tasks together.
    case live
    /// What is kept of them.
    case bytes
}

extension TaskEntry {
    var charge: UInt64 {
        let texts = (idempotencyKey?.utf8.count ?? 0) + (result?.detail.utf8.count ?? 0)
        return TaskCharge.task + UInt64(payloadBytes) + UInt64(texts)
    }
}

extension TaskClass {
    var charge: UInt64 { TaskCharge.taskClass + 2 * UInt64(textBytes) }
}

extension WorkMachine {
    /// From this share of a limit on the queue is told to be near it.
    public static let queueHighPerMille: UInt64 = 800
    /// Below this share of every limit that is over.
    static let queueEasedPerMille: UInt64 = 700
    /// Below this share of every limit a queue that was full takes tasks again, and is told to.
    static let queueRelievedPerMille: UInt64 = 900

    /// As many again may run, or may have been given up, as may wait.
    public var liveCountMax: UInt64 { 2 * rules.queueCountMax }

    /// What is full already, or would be with so many bytes more; nil when there is room.
    func fullness(with more: UInt64) -> Fullness? {
        if counts.waiting + counts.delayed >= rules.queueCountMax { return .waiting }
        if counts.live >= liveCountMax { return .live }
        return counts.kept + more > rules.queueBytesMax ? .bytes : nil
    }

    func checkRoom(for offer: TaskOffer, by submitter: String) throws(Refused) {
        let value = TaskClass(offer.submission, submittedBy: submitter, pin: nil)
        let key = offer.submission.idempotencyKey?.utf8.count ?? 0
        let own = TaskCharge.task + UInt64(offer.payload.count) + UInt64(key)
        let shared = classNumbers[value] == nil ? value.charge : 0
        guard let fullness = fullness(with: own + shared) else { return }
        let text =
            switch fullness {
            case .waiting:
                "\(counts.waiting + counts.delayed) tasks wait, of at most \(rules.queueCountMax)"
            case .live: "\(counts.live) tasks are live, of at most \(liveCountMax)"
            case .bytes:
                "\(counts.kept) bytes are kept of \(counts.live) live tasks, of at most "
                    + "\(rules.queueBytesMax)"
            }
        throw Refused(
            .busy,
            "the queue is full: " + text,
            mend: "try again in \(Limits.retryHint.forPeople)" + deadLettersMend
        )
    }

    /// Time alone takes no dead letter away.
    private var deadLettersMend: String {
        let dead = counts.failed + counts.unknown
        guard dead * 10 >= counts.live, dead > 0 else { return "" }
        return "; \(counts.failed) failed and \(counts.unknown) unknown tasks are kept until an "
            + "operator decides: muster task list --state failed (or unknown), then muster task "
            + "retry, resolve or cancel"
    }

    /// What an attempt has ended with, in the place of what one before it has.
    ///
    /// - Returns: whether there was one before.
    @discardableResult
    mutating func setResult(_ id: TaskID, _ result: AttemptResult?, of attempt: UInt16? = nil)
        -> Bool
    {
        guard let before = tasks[id.number] else { return false }
        tasks.update(id.number) { entry in
            entry.result = result
            if let attempt { entry.resultAttempt = attempt }
        }
        counts.kept += tasks[id.number]?.charge ?? 0
        counts.kept -= before.charge
        return before.result != nil
    }

    /// How near the queue is to the limit that it is nearest to, per mille; 1 000 or more is full.
    var fillPerMille: UInt64 {
        max(
            share(counts.waiting + counts.delayed, of: rules.queueCountMax),
            share(counts.live, of: liveCountMax),
            share(counts.kept, of: rules.queueBytesMax)
        )
    }

    private func share(_ part: UInt64, of whole: UInt64) -> UInt64 {
        whole == 0 ? 1_000 : min(part, 1 << 50) * 1_000 / whole
    }

    private var queueText: String {
        "\(counts.waiting + counts.delayed) tasks wait, of at most \(rules.queueCountMax); "
            + "\(counts.live) are live, of at most \(liveCountMax); \(counts.kept) bytes of them "
            + "are kept, of at most \(rules.queueBytesMax)"
    }

    private var deadLettersText: String {
        guard counts.failed + counts.unknown > 0 else { return "" }
        return "\(counts.failed) failed and \(counts.unknown) unknown ones are kept until an "
            + "operator decides: muster task list --state failed"
    }

    /// Tells once that the queue is near its limit, and once that it is full; and the end of each. The
    /// limits lie apart, so that a queue that stays about one of them is told once.
    mutating func noticeQueue() {
        let fill = fillPerMille
        queueHighSince = fill >= Self.queueHighPerMille ? queueHighSince ?? now.wall : nil
        if !isQueueFillingTold, fill >= Self.queueHighPerMille {
            isQueueFillingTold = true
            tell(
                .queueFilling,
                .warning,
                "tasks",
                "The queue is \(min(fill, 1_000) / 10)% full.",
                cause: queueText,
                consequence: deadLettersText
            )
        } else if isQueueFillingTold, fill < Self.queueEasedPerMille {
            isQueueFillingTold = false
            tell(.queueEased, .info, "tasks", "The queue is \(fill / 10)% full.")
        }
        if !isQueueFullTold, fullness(with: TaskCharge.task) != nil {
            isQueueFullTold = true
            tell(
                .queueFull,
                .critical,
                "tasks",
                "The queue is full: tasks are turned away.",
                cause: queueText,
                consequence: deadLettersText
            )
        } else if isQueueFullTold, fill < Self.queueRelievedPerMille {
            isQueueFullTold = false
            tell(.queueRelieved, .info, "tasks", "Tasks are accepted again.")
        }
    }
}
