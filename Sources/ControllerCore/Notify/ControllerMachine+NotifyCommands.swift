import Model
import Protocol

// What operators say of notifications.

extension ControllerMachine {
    mutating func setNotifyRules(_ rules: NotifyRules, by: String) throws(Refused) -> Reply.Outcome
    {
        let problems = rules.problems(channels: settings.channels, sites: sites.keys)
        if let first = problems.first {
            let more = problems.count > 1 ? " (and \(problems.count - 1) more problems)" : ""
            let place = first.place.map { ", line \($0.line), column \($0.column)" } ?? ""
            throw Refused(
                .invalid,
                "\(first.path.joined(separator: "."))\(place): \(first.text)\(more)",
                mend: "muster notify check FILE shows all of them"
            )
        }
        if notify.record?.rules == rules { return .done("the rules are as they were", orders: []) }
        let record = NotifyRulesRecord(
            rules: rules,
            version: (notify.record?.version ?? 0) + 1,
            by: by,
            at: now.wall
        )
        notify.record = record
        put(.notifyRules(record))
        routeAgain()
        closeUndeliverable()
        notify.areGroupsDue = true
        notify.areThresholdsDue = true
        let text =
            "\(counted(rules.receivers.count, "receiver")), \(counted(rules.routes.count, "route")), "
            + counted(rules.thresholds.count, "threshold")
        tell(
            .notifyChanged,
            .info,
            NotifyRulesRecord.storeKey,
            "The rules of notifications were set by \(by): \(text).",
            consequence: rules.routes.isEmpty
                ? "without a route nothing is sent" : "version \(record.version)"
        )
        return .done("version \(record.version) holds: \(text)", orders: [])
    }

    mutating func addSilence(
        _ draft: SilenceDraft,
        by: String,
        reason: String
    ) throws(Refused) -> Reply.Outcome {
        try check(draft, reason)
        let silence = SilenceRecord(
            number: noticeNumber(),
            draft: draft,
            reason: reason,
            by: by,
            at: now.wall
        )
        notify.silences[silence.number] = silence
        put(.silence(silence))
        notify.silencesLookAt = now.instant
        tell(
            .silenceBegun,
            .info,
            "silence \(silence.number)",
            "\(by) has silenced \(draft.matchers) until \(draft.until.forPeople).",
            cause: reason,
            consequence: "to end it now: muster notify unsilence \(silence.number)"
        )
        return .done("silence \(silence.number) until \(draft.until.forPeople)", orders: [])
    }

    private func check(_ draft: SilenceDraft, _ reason: String) throws(Refused) {
        guard notify.silences.count < NotifyBook.silencesMax else {
            throw Refused(
                .invalid,
                "there are \(NotifyBook.silencesMax) silences already",
                mend: "muster notify unsilence NUMBER"
            )
        }
        guard draft.kinds.count <= NotifyRoute.kindsMax, draft.sites.count <= NotifyRoute.sitesMax
        else { throw Refused(.invalid, "a silence names at most 64 kinds and 64 sites") }
        for pattern in draft.kinds
        where !EventKind.allCases.contains(where: { pattern.matches($0) }) {
            let all = EventKind.allCases.map(\.rawValue)
            throw Refused(
                .unknownName,
                "\(kept(pattern.text, bytesMax: 100)) is no kind of event",
                mend: NearestName.to(pattern.text, among: all).map { "did you mean \($0)?" }
                    ?? "such as node.offline, node.* or *"
            )
        }
        if let problem = draft.kinds.compactMap(\.furtherProblem).first {
            throw Refused(.invalid, problem)
        }
        for site in draft.sites { try checkSite(site) }
        guard draft.subject.isPlainLine(bytesMax: 300) else {
            throw Refused(.invalid, "a silence's subject is one line of at most 300 bytes")
        }
        guard !draft.owner.isEmpty, draft.owner.isPlainLine(bytesMax: Limits.textBytesMax) else {
            throw Refused(.invalid, "a silence needs an owner", mend: "--owner NAME")
        }
        guard !reason.isEmpty else {
            throw Refused(.invalid, "a silence needs a reason", mend: "--reason TEXT")
        }
        guard draft.until > now.wall else {
            throw Refused(.invalid, "\(draft.until.forPeople) has passed already")
        }
        guard draft.until - now.wall <= SilenceDraft.lifetimeMax else {
            throw Refused(
                .invalid,
                "a silence lasts at most \(SilenceDraft.lifetimeMax.forPeople)"
            )
        }
    }

    mutating func endSilence(_ number: UInt64, by: String) throws(Refused) -> Reply.Outcome {
        guard let silence = notify.silences[number] else {
            throw Refused(
                .unknownName,
                "there is no silence \(number)",
                mend: "muster notify silences"
            )
        }
        end(silence, cause: "by \(by)")
        return .done("silence \(number) has ended", orders: [])
    }

    mutating func end(_ silence: SilenceRecord, cause: String) {
        notify.silences[silence.number] = nil
        effects.journal.append(.delete(table: .silence, key: silence.storeKey))
        notify.areGroupsDue = true
        tell(
            .silenceEnded,
            .info,
            "silence \(silence.number)",
            "The silence of \(silence.draft.owner) over \(silence.draft.matchers) has ended.",
            cause: cause
        )
    }

    mutating func settleSilences() {
        guard let at = notify.silencesLookAt, now.instant >= at else { return }
        for var silence in notify.silences.values {
            if silence.draft.until <= now.wall {
                end(silence, cause: "its end")
                auditOwn(
                    "notify.unsilence",
                    "silence \(silence.number)",
                    reason: "its end was reached"
                )
            } else if silence.draft.until - now.wall > SilenceDraft.lifetimeMax {
                // The clock was ahead when it began.
                silence.draft.until = now.wall + SilenceDraft.lifetimeMax
                notify.silences[silence.number] = silence
                put(.silence(silence))
            }
        }
        let next = notify.silences.values.map(\.draft.until).min()
        notify.silencesLookAt = next.map {
            now.instant + min(max($0 - now.wall, .milliseconds(1)), NotifyBook.lookInterval)
        }
    }

    mutating func testReceiver(_ name: ReceiverName, by: String) throws(Refused) -> Reply.Outcome {
        guard let receiver = notify.rules?.receiver(name) else {
            let all = (notify.rules?.receivers ?? []).map(\.name.text)
            throw Refused(
                .unknownName,
                "there is no receiver \(name)",
                mend: NearestName.to(name.text, among: all).map { "did you mean \($0)?" }
                    ?? "muster notify show"
            )
        }
        let item = NoticeItem(
            state: .test,
            kind: .noticeTest,
            severity: .info,
            subject: name.text,
            text: "A test of the receiver \(name) by \(by).",
            consequence: "Nothing has happened.",
            since: now.wall,
            sequence: eventSequence
        )
        let notice = post(to: name, receiver.destinations, group: "", .test, [(item, "")])
        let places = counted(receiver.destinations.count, "place")
        return .done(
            "test \(notice.map { "\($0.number)" } ?? "") goes to \(places)",
            orders: []
        )
    }
}
