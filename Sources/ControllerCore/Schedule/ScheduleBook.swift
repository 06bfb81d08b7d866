import Calendar
public import Model
import Protocol

/// The schedules, and which firings are due: a machine within the controller's.
///
/// A firing is known by its schedule and its due time, and is dealt with once: how far a schedule
/// has fired is written in the same transaction as the task. So it fires once across restarts and
/// changes of site, wherever the wall clock is set to meanwhile; ``SteadyClock`` says when it is followed.
public struct ScheduleBook: Hashable, Sendable {
    /// One schedule, with when it fires next.
    public struct Entry: Hashable, Sendable {
        public internal(set) var record: ScheduleRecord
        /// Nil when it never fires again, or its zone is not known.
        public internal(set) var next: WallTime?
        /// Why it does not fire although it should; nil when it does.
        public internal(set) var problem: String?
        /// After a firing whose task was turned away.
        var retryAt: Instant?
    }

    /// A firing to be made a task of.
    struct Firing: Hashable, Sendable {
        var schedule: ScheduleName
        var due: WallTime
        /// Missed firings that this one stands for, or that were left out with it.
        var skipped: UInt64
    }

    public static let schedulesMax = 1_000
    public static let calendarsMax = 64
    /// A firing this much later than due has been missed.
    public static let tolerance: Duration = .seconds(30)
    /// Firings looked at in one step of one schedule.
    static let firingsMax = 5_000
    static let lookBacks: [Duration?] = [
        .seconds(3_600), .seconds(86_400), .seconds(60 * 86_400), nil,
    ]
    /// The wall clock may be set: look again at least so often.
    static let lookInterval: Duration = .seconds(5)
    static let retryAfterRefusal: Duration = .seconds(5)
    /// Tasks of firings that are watched for having ended.
    static let openMax = 100

    public internal(set) var entries: OrderedTable<ScheduleName, Entry> = OrderedTable()
    public internal(set) var calendars: OrderedTable<CalendarName, CalendarRecord> =
        OrderedTable()
    var zones: OrderedTable<ZoneName, ZoneRules> = OrderedTable()
    /// Nothing is looked at before then.
    var lookAt: Instant?
    /// Of this process; nil before it has begun.
    public internal(set) var clock: SteadyClock?

    init() {
        zones[.utc] = .utc
    }

    func rules(of recurrence: Recurrence) -> ZoneRules? {
        recurrence.zone.map { zones[$0] } ?? .utc
    }

    /// The first firing after a moment.
    func next(of draft: ScheduleDraft, after moment: WallTime) -> WallTime? {
        guard let rules = rules(of: draft.recurrence) else { return nil }
        let sets = [draft.excluded] + draft.calendars.compactMap { calendars[$0]?.dates }
        let kept = sets.filter { !$0.isEmpty }
        return draft.recurrence.next(after: moment, in: rules) { date in
            kept.contains { $0.contains(date) }
        }
    }

    /// As schedules see it: see ``SteadyClock``.
    func time(at now: Moment) -> WallTime { clock?.time(at: now) ?? now.wall }

    /// When each fires, as the zones and calendars are now.
    mutating func reckon(at now: Moment) {
        for name in entries.keys { reckon(name, at: now) }
    }

    mutating func reckon(_ name: ScheduleName, at now: Moment) {
        guard let entry = entries[name] else { return }
        let draft = entry.record.draft
        let next = next(of: draft, after: entry.record.doneUpTo)
        let isZoneKnown = rules(of: draft.recurrence) != nil
        entries.update(name) {
            $0.next = next
            $0.problem =
                isZoneKnown
                ? nil
                : "the time zone \(draft.recurrence.zone.map { "\($0)" } ?? "") is not known here"
        }
        look(at: now)
    }

    private mutating func look(at now: Moment) {
        guard let left = timeToNext(now) else { return lookAt = nil }
        lookAt = now.instant + min(max(left, .milliseconds(1)), Self.lookInterval)
    }

    private func timeToNext(_ now: Moment) -> Duration? {
        let time = time(at: now)
        var least: Duration?
        for entry in entries.values {
            guard let next = entry.next, entry.record.paused == nil else { continue }
            var left = next - time
            if let retryAt = entry.retryAt { left = max(left, retryAt - now.instant) }
            least = min(least ?? left, left)
        }
        return least
    }

    /// What is due. Firings that are left out are counted in the record; the others are for the
    /// caller to make tasks of, and to say so (``fired(_:_:at:)``, ``refused(_:_:at:)``).
    ///
    /// - Parameter isLive: whether a task has not ended.
    mutating func due(
        at now: Moment,
        isLive: (TaskID) -> Bool
    ) -> (firings: [Firing], changed: [ScheduleName], news: SteadyClock.News?) {
        guard let lookAt, now.instant >= lookAt else { return ([], [], nil) }
        let news = clock?.settle(at: now)
        let now = Moment(instant: now.instant, wall: time(at: now))
        var firings: [Firing] = []
        var changed: [ScheduleName] = []
        for name in entries.keys {
            guard let entry = entries[name], entry.record.paused == nil, let next = entry.next,
                next <= now.wall, entry.retryAt.map({ $0 <= now.instant }) ?? true
            else { continue }
            entries.update(name) { entry in
                entry.record.open.removeAll { !isLive($0) }
                entry.retryAt = nil
            }
            let made = settle(name, at: now)
            firings += made
            if made.isEmpty { changed.append(name) }
        }
        look(at: now)
        return (firings, changed, news)
    }

    /// The firings of one schedule, by its policies.
    private mutating func settle(_ name: ScheduleName, at now: Moment) -> [Firing] {
        guard let entry = entries[name] else { return [] }
        let draft = entry.record.draft
        let all = dueTimes(of: draft, after: entry.record.doneUpTo, upTo: now.wall)
        let late = all.filter { now.wall - $0 > Self.tolerance }
        let punctual = all.filter { now.wall - $0 <= Self.tolerance }
        var fires: [WallTime]
        switch draft.missed {
        case .skip: fires = punctual
        // What is due now stands for what was missed before it.
        case .once: fires = punctual.isEmpty ? Array(late.suffix(1)) : punctual
        case .all: fires = late.suffix(Int(draft.missedMax)) + punctual
        }
        if draft.overlap == .skip {
            fires = entry.record.open.isEmpty ? Array(fires.suffix(1)) : []
        }
        let skipped = UInt64(late.count + punctual.count - fires.count)
        guard !fires.isEmpty else {
            passOver(name, upTo: all.last ?? entry.record.doneUpTo, skipped: skipped)
            reckon(name, at: now)
            return []
        }
        return fires.enumerated().map { index, due in
            // The last firing takes what stands behind it along.
            Firing(schedule: name, due: due, skipped: index == 0 ? skipped : 0)
        }
    }

    /// The due times of a schedule, the latest of them where there are more than anybody makes up
    /// for: a schedule of every second would have millions after a long night.
    private func dueTimes(
        of draft: ScheduleDraft,
        after done: WallTime,
        upTo now: WallTime
    ) -> [WallTime] {
        var found: [WallTime] = []
        for lookBack in Self.lookBacks {
            let start =
                lookBack.map {
                    max(done, WallTime(milliseconds: now.milliseconds - $0.wholeMilliseconds))
                } ?? done
            found = []
            var cursor = start
            while found.count < Self.firingsMax, let due = next(of: draft, after: cursor),
                due <= now
            {
                found.append(due)
                cursor = due
            }
            if start == done || found.count >= Int(ScheduleDraft.missedMaxRange.upperBound) {
                break
            }
        }
        return found
    }

    /// What was due up to a time is left out, of whatever policy a schedule is. Counted are at most
    /// ``firingsMax`` of one schedule; one whose zone is not known counts for nothing.
    ///
    /// - Returns: how many firings, and the schedules that were changed.
    mutating func leaveOut(
        upTo end: WallTime,
        at now: Moment
    ) -> (firings: UInt64, changed: [ScheduleName]) {
        var firings: UInt64 = 0
        var changed: [ScheduleName] = []
        for (name, entry) in entries
        where entry.record.paused == nil && entry.record.doneUpTo < end {
            let due = dueTimes(of: entry.record.draft, after: entry.record.doneUpTo, upTo: end)
            firings += UInt64(due.count)
            changed.append(name)
            passOver(name, upTo: end, skipped: UInt64(due.count))
        }
        reckon(at: now)
        return (firings, changed)
    }

    private mutating func passOver(_ name: ScheduleName, upTo: WallTime, skipped: UInt64) {
        entries.update(name) { entry in
            entry.record.doneUpTo = max(entry.record.doneUpTo, upTo)
            entry.record.skipped += skipped
        }
    }

    /// The task of a firing was accepted.
    mutating func fired(_ firing: Firing, _ task: TaskID, at now: Moment) {
        entries.update(firing.schedule) { entry in
            entry.record.doneUpTo = max(entry.record.doneUpTo, firing.due)
            entry.record.lastDue = firing.due
            entry.record.lastTask = task
            entry.record.firings += 1
            entry.record.skipped += firing.skipped
            entry.record.open.append(task)
            if entry.record.open.count > Self.openMax { entry.record.open.removeFirst() }
        }
        reckon(firing.schedule, at: now)
    }

    /// The task of a firing was turned away: it is tried again, and missed if that lasts.
    mutating func refused(_ firing: Firing, at now: Moment) {
        entries.update(firing.schedule) { $0.retryAt = now.instant + Self.retryAfterRefusal }
        look(at: now)
    }

    var nextDeadline: Instant? { lookAt }
}
