import Calendar
import Model
import Protocol

// Schedules: what operators say of them, and the tasks they make.

extension ControllerMachine {
    /// Makes the tasks of what is due.
    mutating func settleSchedules() {
        guard mayAct else { return }
        let (firings, changed, news) = schedules.due(at: now) { work.isUnderWay($0) }
        if let news { tell(news) }
        for name in changed { saveSchedule(name) }
        for firing in firings { fire(firing) }
        if let deadline = schedules.nextDeadline { expect(by: deadline) }
    }

    static let wallClock = "wall clock"

    private mutating func tell(_ news: SteadyClock.News) {
        switch news {
        case .ahead(let ahead):
            tell(
                .clockAhead,
                .critical,
                Self.wallClock,
                "The controller's clock on the wall is \(ahead.forPeople) ahead of the time that has passed: "
                    + "schedules do not follow it.",
                cause: "it was set, or this machine was frozen",
                consequence:
                    "after \(SteadyClock.trustAfter.forPeople) it is taken for right, and what fell "
                    + "due until then counts as missed: if it is wrong, set it right before"
            )
        case .backInTime:
            tell(
                .clockTrusted,
                .info,
                Self.wallClock,
                "The controller's clock on the wall is right again: no firing was lost by it."
            )
        case .trusted:
            tell(
                .clockTrusted,
                .info,
                Self.wallClock,
                "The controller's clock on the wall is taken for right: schedules follow it.",
                cause: "it has been ahead for \(SteadyClock.trustAfter.forPeople)"
            )
        }
    }

    private mutating func fire(_ firing: ScheduleBook.Firing) {
        guard let draft = schedules.entries[firing.schedule]?.record.draft else { return }
        let name = firing.schedule
        var submission = draft.submission
        submission.idempotencyKey = "schedule/\(name)/\(firing.due.iso8601)"
        if draft.overlap == .queue, submission.exclusiveKey == nil {
            submission.exclusiveKey = ExclusiveKey("schedule/\(name)", isOrdered: true)
        }
        let offer = TaskOffer(submission: submission, payload: draft.payload)
        switch work.accept(offer, by: "schedule/\(name)") {
        case .accepted(let task), .known(let task):
            schedules.fired(firing, task, at: now)
            saveSchedule(name)
            auditOwn(
                "schedule.fire",
                name.text,
                reason: "task \(task), due \(firing.due.forPeople)"
                    + (firing.skipped > 0 ? ", \(firing.skipped) left out" : "")
            )
        case .refused(let refused):
            let isNew = schedules.entries[name]?.problem == nil
            schedules.refused(firing, at: now)
            schedules.entries.update(name) { $0.problem = refused.text }
            guard isNew else { return }
            tell(
                .scheduleRefused,
                .critical,
                name.text,
                "The task of schedule \(name), due \(firing.due.forPeople), was turned away.",
                cause: refused.text,
                consequence: "it is tried again; \(refused.mend)"
            )
        }
    }

    mutating func saveSchedule(_ name: ScheduleName) {
        if let record = schedules.entries[name]?.record { put(.schedule(record)) }
    }

    /// The shell has read the rules of a zone; nil when there is none of that name.
    mutating func loadZone(_ name: ZoneName, _ rules: ZoneRules?) {
        guard schedules.zones[name] != rules else { return }
        schedules.zones[name] = rules
        schedules.reckon(at: now)
    }

    // MARK: Commands

    mutating func addSchedule(_ draft: ScheduleDraft, by: String) throws(Refused) -> Reply.Outcome {
        guard schedules.entries[draft.name] == nil else {
            throw Refused(
                .duplicate,
                "there is a schedule \(draft.name) already",
                mend: "remove it first: muster schedule remove \(draft.name)"
            )
        }
        guard schedules.entries.count < ScheduleBook.schedulesMax else {
            throw Refused(.invalid, "there are at most \(ScheduleBook.schedulesMax) schedules")
        }
        try check(draft)
        var record = ScheduleRecord(draft: draft, createdBy: by, createdAt: now.wall)
        record.doneUpTo = schedules.time(at: now)
        record.draft.submission.idempotencyKey = nil
        guard let next = schedules.next(of: draft, after: record.doneUpTo) else {
            throw Refused(
                .invalid,
                neverText(draft),
                mend: "muster schedule next shows when an expression fires"
            )
        }
        schedules.entries[draft.name] = ScheduleBook.Entry(record: record)
        schedules.reckon(draft.name, at: now)
        saveSchedule(draft.name)
        tell(
            .scheduleAdded,
            .info,
            draft.name.text,
            "Schedule \(draft.name) was added by \(by): \(draft.recurrence).",
            consequence: "it fires next at \(next.forPeople)"
        )
        return .done("schedule \(draft.name) fires next at \(next.forPeople)", orders: [])
    }

    private func neverText(_ draft: ScheduleDraft) -> String {
        switch draft.recurrence {
        case .once(let time): "\(time.forPeople) has passed already: it would never fire"
        case .calendar, .every: "it would never fire, as its excluded dates are"
        }
    }

    private func check(_ draft: ScheduleDraft) throws(Refused) {
        if let zone = draft.recurrence.zone, schedules.zones[zone] == nil {
            throw Refused(
                .unknownName,
                "the time zone \(zone) is not known on the controller's host",
                mend: "such as Europe/Berlin or UTC; Debian's package tzdata brings them"
            )
        }
        for name in draft.calendars where schedules.calendars[name] == nil {
            let near = NearestName.to(name.text, among: schedules.calendars.keys.map(\.text))
            throw Refused(
                .unknownName,
                "there is no calendar \(name)",
                mend: near.map { "did you mean \($0)?" } ?? "muster schedule calendar list"
            )
        }
        guard draft.payload.count <= ScheduleDraft.payloadBytesMax else {
            throw Refused(
                .invalid,
                "a schedule's payload has at most \(ScheduleDraft.payloadBytesMax) bytes"
            )
        }
        guard ScheduleDraft.missedMaxRange.contains(draft.missedMax) else {
            throw Refused(.invalid, "1 to 1000 missed firings are made up for")
        }
        do throws(MessageError) {
            try draft.submission.check()
        } catch {
            throw Refused(.invalid, error.sentence, mend: "muster schedule add --help")
        }
        try work.checkNames(of: draft.submission)
    }

    private func known(_ name: ScheduleName) throws(Refused) -> ScheduleBook.Entry {
        guard let entry = schedules.entries[name] else {
            let near = NearestName.to(name.text, among: schedules.entries.keys.map(\.text))
            throw Refused(
                .unknownName,
                "there is no schedule \(name)",
                mend: near.map { "did you mean \($0)?" } ?? "muster schedule list"
            )
        }
        return entry
    }

    mutating func removeSchedule(_ name: ScheduleName, by: String) throws(Refused) -> Reply.Outcome
    {
        _ = try known(name)
        schedules.entries[name] = nil
        schedules.reckon(at: now)
        effects.journal.append(.delete(table: .schedule, key: name.text))
        tell(.scheduleRemoved, .info, name.text, "Schedule \(name) was removed by \(by).")
        return .done("schedule \(name) is removed; its tasks stay", orders: [])
    }

    mutating func pauseSchedule(
        _ name: ScheduleName,
        by: String,
        reason: String
    ) throws(Refused) -> Reply.Outcome {
        guard try known(name).record.paused == nil else {
            return .done("schedule \(name) is paused already", orders: [])
        }
        let text = reason.isEmpty ? "by \(by)" : "by \(by): \(reason)"
        schedules.entries.update(name) { $0.record.paused = text }
        schedules.reckon(name, at: now)
        saveSchedule(name)
        tell(.schedulePaused, .info, name.text, "Schedule \(name) is paused.", cause: text)
        return .done("schedule \(name) is paused", orders: [])
    }

    /// What fell due while it was paused is not made up for.
    mutating func resumeSchedule(_ name: ScheduleName, by: String) throws(Refused) -> Reply.Outcome
    {
        guard try known(name).record.paused != nil else {
            return .done("schedule \(name) is not paused", orders: [])
        }
        let time = schedules.time(at: now)
        schedules.entries.update(name) {
            $0.record.paused = nil
            $0.record.doneUpTo = max($0.record.doneUpTo, time)
        }
        schedules.reckon(name, at: now)
        saveSchedule(name)
        let next = schedules.entries[name]?.next
        let text = next.map { "it fires next at \($0.forPeople)" } ?? "it fires no more"
        tell(
            .scheduleResumed,
            .info,
            name.text,
            "Schedule \(name) was resumed by \(by).",
            consequence: text
        )
        return .done("schedule \(name) is resumed; \(text)", orders: [])
    }

    mutating func setCalendar(
        _ name: CalendarName,
        _ dates: DateSet,
        by: String
    ) throws(Refused) -> Reply.Outcome {
        let isNew = schedules.calendars[name] == nil
        guard !isNew || schedules.calendars.count < ScheduleBook.calendarsMax else {
            throw Refused(.invalid, "there are at most \(ScheduleBook.calendarsMax) calendars")
        }
        let record = CalendarRecord(name: name, dates: dates, by: by, at: now.wall)
        schedules.calendars[name] = record
        schedules.reckon(at: now)
        put(.calendar(record))
        tell(.settingChanged, .info, name.text, "Calendar \(name) was set by \(by).")
        return .done("calendar \(name) is set", orders: [])
    }

    mutating func removeCalendar(_ name: CalendarName, by: String) throws(Refused) -> Reply.Outcome
    {
        guard schedules.calendars[name] != nil else {
            throw Refused(.unknownName, "there is no calendar \(name)")
        }
        if let user = schedules.entries.values.first(where: {
            $0.record.draft.calendars.contains(name)
        }) {
            throw Refused(
                .notNow,
                "schedule \(user.record.draft.name) uses the calendar \(name)",
                mend: "remove that schedule first"
            )
        }
        schedules.calendars[name] = nil
        effects.journal.append(.delete(table: .calendar, key: name.text))
        tell(.settingChanged, .info, name.text, "Calendar \(name) was removed by \(by).")
        return .done("calendar \(name) is removed", orders: [])
    }
}
