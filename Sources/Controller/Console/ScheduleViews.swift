import API
import Calendar
import ControllerCore
import Model
import Protocol

// Schedules and calendars as the console's interface shows them. Functions of their arguments
// alone.

extension ScheduleSummary {
    init(_ entry: ScheduleBook.Entry) {
        let record = entry.record
        let draft = record.draft
        let submission = draft.submission
        self.init(
            name: draft.name.text,
            recurrence: "\(draft.recurrence)",
            type: submission.type.text,
            account: submission.account,
            attributes: Dictionary(
                submission.attributes.map { ($0.name, $0.value) },
                uniquingKeysWith: { first, _ in first }
            ),
            priority: submission.priority,
            payloadBytes: UInt32(clamping: draft.payload.count),
            overlap: draft.overlap.rawValue,
            missed: draft.missed.rawValue,
            missedMax: draft.missedMax,
            excluded: draft.excluded.lines,
            calendars: draft.calendars.map(\.text),
            createdBy: record.createdBy,
            createdAt: record.createdAt.iso8601,
            openTasks: record.open.map(\.number),
            firings: record.firings,
            skipped: record.skipped
        )
        // What is paused has a next time for the machine, and fires at none.
        next = record.paused == nil ? entry.next?.iso8601 : nil
        problem = entry.problem
        paused = record.paused
        exclusiveKey = submission.exclusiveKey?.text
        ordered = submission.exclusiveKey?.isOrdered
        attempts = submission.attemptsMax
        retryDelayMilliseconds = submission.retryDelay.map { UInt64(max(0, $0.wholeMilliseconds)) }
        lastDue = record.lastDue?.iso8601
        lastTask = record.lastTask?.number
    }
}

extension CalendarSummary {
    init(_ record: CalendarRecord, in book: ScheduleBook) {
        self.init(
            name: record.name.text,
            entries: UInt32(record.dates.lines.count),
            by: record.by,
            at: record.at.iso8601,
            schedules: book.entries.values.filter {
                $0.record.draft.calendars.contains(record.name)
            }
            .map(\.record.draft.name.text)
        )
    }
}

extension DateSet {
    /// One date or range each.
    var lines: [String] {
        description.split(separator: "\n").map(String.init)
    }
}

/// When a recurrence fires, reckoned for people.
struct FiringForecast {
    var recurrence: Recurrence
    var rules: ZoneRules
    /// Dates on which it does not fire.
    var excluded: [DateSet] = []

    func times(after moment: WallTime, count: Int) -> [FiringTime] {
        let kept = excluded.filter { !$0.isEmpty }
        var times: [FiringTime] = []
        var cursor = moment
        while times.count < count,
            let next = recurrence.next(
                after: cursor,
                in: rules,
                excluding: { date in kept.contains { $0.contains(date) } }
            )
        {
            times.append(FiringTime(at: next.iso8601, local: Self.local(next, rules)))
            cursor = next
        }
        return times
    }

    var zone: String { recurrence.zone?.text ?? "UTC" }

    /// `2026-10-25 02:30:00 +01:00 CET`.
    static func local(_ time: WallTime, _ rules: ZoneRules) -> String {
        let seconds = time.milliseconds.floored(by: 1_000)
        let offset = rules.offset(at: seconds)
        guard let civil = rules.civilTime(at: seconds) else { return time.iso8601 }
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let clock = "\(two(civil.hour)):\(two(civil.minute)):\(two(civil.second))"
        let minutes = abs(offset.secondsEast) / 60
        let sign = offset.secondsEast < 0 ? "-" : "+"
        return "\(civil.date) \(clock) \(sign)\(two(minutes / 60)):\(two(minutes % 60))"
            + " \(offset.abbreviation)"
    }
}

extension Int64 {
    /// The greatest quotient that is not above the exact one.
    fileprivate func floored(by divisor: Int64) -> Int64 {
        self >= 0 ? self / divisor : (self - divisor + 1) / divisor
    }
}
