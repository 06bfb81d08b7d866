import Model
import Protocol

// Tasks that operators and programs on nodes submit, and what operators do with them.

extension ControllerMachine {
    /// Tasks of an operator, or of a program with an operator's credential.
    mutating func submit(_ offers: [TaskOffer], by caller: Caller, request: RequestID) {
        let refusal: Refused?
        do throws(Refused) {
            try authorize("task.submit", caller)
            guard offers.count <= Limits.offersMax else {
                throw Refused(.invalid, "at most \(Limits.offersMax) tasks are taken at once")
            }
            refusal = nil
        } catch {
            refusal = error
        }
        var answers: [TaskAnswer] = []
        if let refusal {
            reply(request, .refused(refusal))
        } else {
            answers = accept(offers, by: caller)
            reply(request, .tasks(answers))
        }
        audit(
            answers,
            refusal,
            AuditRecord(
                at: now.wall,
                actor: caller.name.text,
                key: caller.key.text,
                source: caller.source,
                verb: "task.submit",
                object: "",
                outcome: ""
            )
        )
    }

    /// Each by itself; but behind a task that there is no room for, others of its ordered key find
    /// none either, or they would go before it when it is submitted again.
    private mutating func accept(_ offers: [TaskOffer], by caller: Caller) -> [TaskAnswer] {
        // Only looked up.
        var turnedAway: Set<ExactText> = []
        return offers.map { offer in
            let key = offer.submission.exclusiveKey.flatMap {
                $0.isOrdered ? ExactText($0.text) : nil
            }
            if let key, turnedAway.contains(key) {
                return .refused(
                    Refused(
                        .busy,
                        "a task before it, of the same ordered key, has found no room",
                        mend: "try both again, in their order"
                    )
                )
            }
            let answer = accept(offer, by: caller.name.text, from: nil)
            if let key, case .refused(let refused) = answer, refused.code == .busy {
                turnedAway.insert(key)
            }
            return answer
        }
    }

    /// - Parameter node: that it comes from; nil of an operator's.
    private mutating func accept(
        _ offer: TaskOffer,
        by submitter: String,
        from node: NodeID?
    ) -> TaskAnswer {
        do throws(Refused) {
            try checkKey(of: offer.submission, from: node)
        } catch {
            return .refused(error)
        }
        return work.accept(offer, by: submitter)
    }

    /// One record for what was submitted at once.
    private mutating func audit(_ answers: [TaskAnswer], _ refusal: Refused?, _ record: AuditRecord)
    {
        var record = record
        var accepted: [TaskID] = []
        var first = refusal
        for answer in answers {
            switch answer {
            case .accepted(let id): accepted.append(id)
            case .known: break
            case .refused(let refused): first = first ?? refused
            }
        }
        if let one = accepted.first, let last = accepted.last {
            record.object = one == last ? "task \(one)" : "tasks \(one) to \(last)"
        }
        record.parameters = "tasks=\(answers.count) accepted=\(accepted.count)"
        record.outcome = accepted.isEmpty ? first?.code.rawValue ?? "done" : "done"
        effects.journal.append(.audit(record))
    }

    // MARK: From a node

    /// A program of a node submits a task; its payload may still be on the way.
    mutating func offered(
        _ submission: LocalSubmission,
        known: TaskKeyRecord?,
        on connection: ConnectionID
    ) {
        guard let id = connections[connection]?.node, let link = nodes[id]?.link,
            link.connection == connection, link.phase == .synced
        else { return dismiss(connection, .badVerb, "SUBMIT needs a session") }
        guard link.incoming[submission.reference] == nil else {
            return dismiss(connection, .badLine, "this reference is in use")
        }
        let bytes = link.incoming.values.reduce(Int(submission.payloadBytes)) {
            $0 + Int($1.submission.payloadBytes)
        }
        guard link.incoming.count < WorkLimits.submissionsPerNodeMax,
            bytes <= Limits.incomingBytesMax
        else {
            return decline(
                submission.reference,
                Refused(.busy, "too many submissions are under way"),
                to: connection
            )
        }
        guard runs.drill(of: nodes[id]?.record.site ?? cluster.activeSite) == nil else {
            return decline(
                submission.reference,
                Refused(.notActive, "the site is in a drill: what it submits is no work"),
                to: connection
            )
        }
        let incoming = Member.Incoming(submission: submission, known: known)
        if incoming.isComplete {
            accept(incoming, from: id, connection)
        } else {
            nodes.update(id) { $0.link?.incoming[submission.reference] = incoming }
        }
    }

    mutating func takePart(
        _ data: [UInt8],
        at place: UInt32,
        of reference: UInt64,
        from id: NodeID,
        _ connection: ConnectionID
    ) {
        guard var incoming = nodes[id]?.link?.incoming[reference] else {
            // Its submission was declined while this was on its way.
            return
        }
        nodes.update(id) { $0.link?.incoming[reference] = nil }
        guard Int(place) == incoming.payload.count, !data.isEmpty,
            incoming.payload.count + data.count <= Int(incoming.submission.payloadBytes)
        else { return dismiss(connection, .badLine, "a piece is out of place") }
        incoming.payload += data
        if incoming.isComplete {
            accept(incoming, from: id, connection)
        } else {
            nodes.update(id) { $0.link?.incoming[reference] = incoming }
        }
    }

    private mutating func accept(
        _ incoming: Member.Incoming,
        from id: NodeID,
        _ connection: ConnectionID
    ) {
        guard let member = nodes[id] else { return }
        let reference = incoming.submission.reference
        let answer: TaskAnswer
        if !mayAct {
            answer = .refused(Refused(.notActive, "this controller does not act"))
        } else if member.record.membership != .joined {
            answer = .refused(Refused(.notNow, "this node is being removed"))
        } else {
            answer = accept(
                TaskOffer(
                    submission: incoming.submission.task,
                    payload: incoming.payload,
                    known: incoming.known
                ),
                by: "node/\(member.record.name)",
                from: id
            )
        }
        switch answer {
        case .accepted(let task):
            send(
                .work(.accepted(reference: reference, task: task, isKnown: false)),
                to: connection
            )
        case .known(let task):
            send(.work(.accepted(reference: reference, task: task, isKnown: true)), to: connection)
        case .refused(let refused): decline(reference, refused, to: connection)
        }
        // Each task is audited, and of what makes none there is no end.
        guard case .accepted = answer else { return count(answer, of: id) }
        audit(
            [answer],
            nil,
            AuditRecord(
                at: now.wall,
                actor: "node/\(member.record.name)",
                key: member.link?.key.text ?? "",
                source: member.link?.address ?? "",
                verb: "task.submit",
                object: "",
                outcome: ""
            )
        )
    }

    private mutating func decline(
        _ reference: UInt64,
        _ refused: Refused,
        to connection: ConnectionID
    ) {
        let mend = refused.mend.isEmpty ? "" : "; \(refused.mend)"
        send(
            .work(
                .declined(
                    reference: reference,
                    code: refused.code,
                    text: refused.text + mend,
                    retry: refused.code == .busy ? WorkMachine.Limits.retryHint : nil
                )
            ),
            to: connection
        )
    }

    // MARK: Commands

    mutating func handleTasks(
        _ ids: [TaskID],
        _ verb: String,
        _ body: (inout WorkMachine, TaskID) -> WorkMachine.Handling
    ) throws(Refused) -> Reply.Outcome {
        guard !ids.isEmpty, ids.count <= Limits.offersMax else {
            throw Refused(.invalid, "1 to \(Limits.offersMax) tasks are named at once")
        }
        var done = 0
        var begun = 0
        var refusals: [String] = []
        for id in ids {
            if let refusal = refusalOfRun(id) {
                refusals.append(refusal)
                continue
            }
            switch body(&work, id) {
            case .done: done += 1
            case .begun: begun += 1
            case .refused(let text): refusals.append(text)
            }
        }
        if done + begun == 0, let first = refusals.first {
            throw Refused(
                .notNow,
                first + (refusals.count > 1 ? ", and \(refusals.count - 1) more" : ""),
                mend: "muster task show \(ids[0])"
            )
        }
        var text = "\(done + begun) of \(ids.count) \(ids.count == 1 ? "task" : "tasks") \(verb)"
        if begun > 0 { text += "; \(begun) end when their nodes say so" }
        if let first = refusals.first { text += "; refused: \(first)" }
        return .done(text, orders: [])
    }

    /// Whoever may handle tasks may not decide over a run by its hooks: that is said to the run, and
    /// needs the role that its kind needs.
    private func refusalOfRun(_ id: TaskID) -> String? {
        guard work.isOfRun(id), let run = runs.live else { return nil }
        return "task \(id) belongs to run \(run): how that goes on is said to the run (muster run "
            + "show \(run))"
    }
}
