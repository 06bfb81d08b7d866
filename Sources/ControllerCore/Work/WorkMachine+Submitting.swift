public import Model
public import Protocol

/// A task as it is offered, with what the store knows of its idempotency key.
public struct TaskOffer: Hashable, Sendable {
    public var submission: TaskSubmission
    public var payload: [UInt8]
    /// The task that already has the idempotency key, as the store says.
    public var known: TaskKeyRecord?

    public init(submission: TaskSubmission, payload: [UInt8] = [], known: TaskKeyRecord? = nil) {
        self.submission = submission
        self.payload = payload
        self.known = known
    }

    /// What is asked, so that a key that comes with something else is noticed (FNV-1a; it guards
    /// against a submitter's own mistake, not against malice).
    var digest: UInt64 {
        var writer = LineWriter("TASK")
        submission.put(to: &writer)
        return Rendezvous.fingerprint(
            [Array(writer.line.description.utf8), payload].joined()
        )
    }
}

/// What became of an offer.
public enum TaskAnswer: Hashable, Sendable {
    case accepted(TaskID)
    /// The idempotency key had a task already.
    case known(TaskID)
    case refused(Refused)
}

extension WorkMachine {
    /// Accepts a task or says why not. The answer may be given when the journal is durable.
    mutating func accept(_ offer: TaskOffer, by submitter: String) -> TaskAnswer {
        do throws(Refused) {
            if let known = try known(offer) { return .known(known) }
            try admit(offer)
            try checkRoom(for: offer, by: submitter)
        } catch {
            return .refused(error)
        }
        let id = TaskID(nextTask)
        nextTask += 1
        counts.accepted += 1
        let isInline = offer.payload.count <= WorkLimits.inlineBytesMax
        let record = TaskRecord(
            id: id,
            submission: offer.submission,
            submittedBy: submitter,
            acceptedAt: now.wall,
            payloadBytes: UInt32(offer.payload.count),
            inlinePayload: isInline ? offer.payload : []
        )
        put(.task(record))
        if !isInline { out.journal.append(.payload(id, offer.payload)) }
        if let key = offer.submission.idempotencyKey {
            let known = TaskKeyRecord(task: id, digest: offer.digest, at: now.wall)
            out.journal.append(.taskKey(key, known))
            let exact = ExactText(key)
            recentKeys[exact] = known
            recentKeyOrder.append(RecentKey(key: exact, at: now.instant))
        }
        enter(record)
        return .accepted(id)
    }

    /// Accepts a hook: a step of a run, for one node alone. It is tried once.
    mutating func acceptHook(
        _ hook: HookName,
        _ attributes: [TaskAttribute],
        on node: NodeID,
        by submitter: String
    ) -> TaskID {
        let submission = TaskSubmission(
            type: TaskType(hook: hook),
            attributes: attributes,
            priority: TaskSubmission.priorityMax,
            attemptsMax: 1
        )
        return acceptOfRun(submission, payload: [], on: node, by: submitter)
    }

    /// Accepts a task that a step of a run waits for: for one node alone.
    ///
    /// - Parameter payload: at most ``WorkLimits/inlineBytesMax`` bytes.
    mutating func acceptOfRun(
        _ submission: TaskSubmission,
        payload: [UInt8],
        on node: NodeID,
        by submitter: String
    ) -> TaskID {
        precondition(payload.count <= WorkLimits.inlineBytesMax, "\(payload.count) bytes inline")
        let id = TaskID(nextTask)
        nextTask += 1
        counts.accepted += 1
        let record = TaskRecord(
            id: id,
            submission: submission,
            submittedBy: submitter,
            acceptedAt: now.wall,
            payloadBytes: UInt32(payload.count),
            inlinePayload: payload,
            pin: node
        )
        put(.task(record))
        enter(record)
        return id
    }

    private func known(_ offer: TaskOffer) throws(Refused) -> TaskID? {
        guard let key = offer.submission.idempotencyKey,
            let known = recentKeys[ExactText(key)] ?? offer.known
        else { return nil }
        guard known.digest == offer.digest else {
            throw Refused(
                .duplicate,
                "the idempotency key was used for task \(known.task), which asked for something "
                    + "else",
                mend: "use a key of its own for each task"
            )
        }
        return known.task
    }

    private func admit(_ offer: TaskOffer) throws(Refused) {
        let submission = offer.submission
        do throws(MessageError) {
            try submission.check()
        } catch {
            throw Refused(.invalid, error.sentence, mend: "muster task submit --help")
        }
        guard !submission.type.isHook else {
            throw Refused(
                .forbidden,
                "types that begin with \(TaskType.hookPrefix) are the steps of a run",
                mend: "use another name for the type"
            )
        }
        guard offer.payload.count <= WorkLimits.payloadBytesMax else {
            throw Refused(
                .invalid,
                "the payload has \(offer.payload.count) bytes, at most "
                    + "\(WorkLimits.payloadBytesMax) are taken",
                mend: "put it into a file or a database, and its name into the payload"
            )
        }
        try checkNames(of: submission)
    }

    /// The names that a task is directed by are known here: its type, where the cluster is strict, and
    /// its attributes. Asked of a schedule's tasks, too, before it is kept.
    func checkNames(of submission: TaskSubmission) throws(Refused) {
        let types = TaskType.known + rules.declaredTypes
        guard !rules.isTypesStrict || types.contains(submission.type) else {
            let near = NearestName.to(submission.type.text, among: types.map(\.text))
            throw Refused(
                .unknownName,
                "the type \(submission.type) is not declared, and this cluster takes no other",
                mend: near.map { "did you mean \($0)?" }
                    ?? "muster policy type declare \(submission.type)"
            )
        }
        for attribute in submission.attributes
        where !rules.declaredAttributes.contains(attribute.name) {
            let near = NearestName.to(attribute.name, among: rules.declaredAttributes)
            throw Refused(
                .unknownName,
                "the attribute \(attribute.name) was never declared",
                mend: near.map { "did you mean \($0)?" }
                    ?? "muster policy attribute declare \(attribute.name)"
            )
        }
    }

    /// A task comes under the machine's eyes: accepted just now, or read from the store.
    mutating func enter(_ record: TaskRecord) {
        let value = TaskClass(
            record.submission,
            submittedBy: record.submittedBy,
            pin: record.pin
        )
        let number = intern(value)
        classes.update(number) { $0.tasks += 1 }
        var entry = TaskEntry(
            taskClass: number,
            payloadBytes: record.payloadBytes,
            acceptedAt: record.acceptedAt,
            since: record.acceptedAt,
            queuedAt: now.instant,
            idempotencyKey: record.submission.idempotencyKey
        )
        entry.notBefore = record.submission.notBefore
        let isEarly = entry.notBefore.map { $0 > now.wall } ?? false
        entry.state = isEarly ? .delayed : .waiting
        tasks[record.id.number] = entry
        tally(1, entry.state, of: entry)
        counts.bytes += UInt64(record.payloadBytes)
        counts.kept += entry.charge
        noteAge(record.id)
        enqueue(record.id)
    }

    private mutating func intern(_ value: TaskClass) -> UInt64 {
        if let number = classNumbers[value] { return number }
        let number = nextClass
        nextClass += 1
        classNumbers[value] = number
        classes[number] = ClassEntry(value: value)
        counts.kept += value.charge
        return number
    }

    /// A waiting or delayed task joins its lane.
    mutating func enqueue(_ id: TaskID) {
        guard let entry = tasks[id.number], let task = classes[entry.taskClass]?.value else {
            preconditionFailure("task \(id) has no class")
        }
        let lane = laneNumber(of: task, entry.taskClass)
        tasks.update(id.number) { $0.lane = lane }
        let isQueued = entry.state == .waiting || isOrdered(entry)
        lanes.update(lane) {
            $0.references += 1
            if isQueued { $0.queue.insert(id) }
        }
        if entry.state == .delayed, let notBefore = entry.notBefore {
            delay(id, until: notBefore)
        }
        dirtyLanes.append(lane)
    }

    mutating func laneNumber(of task: TaskClass, _ number: UInt64) -> UInt64 {
        let key: Lane.Key =
            if let exclusive = task.exclusiveKey { .exclusive(ExactText(exclusive.text)) } else {
                .plain(taskClass: number)
            }
        if let lane = laneNumbers[key] { return lane }
        let lane = nextLane
        nextLane += 1
        laneNumbers[key] = lane
        lanes[lane] = Lane(key: key)
        return lane
    }

    mutating func forgetKeys() {
        while recentKeysFrom < recentKeyOrder.count {
            let recent = recentKeyOrder[recentKeysFrom]
            let isOld = now.instant - recent.at > Limits.recentKeysFor
            let kept = recentKeyOrder.count - recentKeysFrom
            guard isOld || kept > Limits.recentKeysMax else { break }
            recentKeys[recent.key] = nil
            recentKeysFrom += 1
        }
        if recentKeysFrom > 1_000, recentKeysFrom * 2 > recentKeyOrder.count {
            recentKeyOrder.removeFirst(recentKeysFrom)
            recentKeysFrom = 0
        }
    }
}
