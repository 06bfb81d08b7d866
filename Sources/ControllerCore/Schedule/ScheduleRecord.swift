public import Calendar
public import Model
public import Protocol

/// What happens when a firing is due while a task of the one before has not ended.
public enum OverlapPolicy: String, Hashable, Sendable, CaseIterable {
    /// The firing is left out.
    case skip
    /// Its task waits for the one before.
    case queue
    /// Both run.
    case allow
}

/// What happens with firings that were due while no controller could fire them.
public enum MissedPolicy: String, Hashable, Sendable, CaseIterable {
    /// They are left out.
    case skip
    /// One task for all of them.
    case once
    /// A task for each, up to the schedule's cap; the oldest beyond it are left out.
    case all
}

/// What an operator says of a schedule.
public struct ScheduleDraft: Hashable, Sendable {
    public static let payloadBytesMax = 64 << 10
    public static let missedMaxRange: ClosedRange<UInt16> = 1...1_000

    public var name: ScheduleName
    public var recurrence: Recurrence
    /// Of each of its tasks; its idempotency key is made of the schedule and the due time.
    public var submission: TaskSubmission
    public var payload: [UInt8]
    public var overlap: OverlapPolicy
    public var missed: MissedPolicy
    /// How many missed firings are made up for with `all`.
    public var missedMax: UInt16
    /// Dates on which it does not fire, on the clock of its zone.
    public var excluded: DateSet
    /// Names of calendars of such dates.
    public var calendars: [CalendarName]

    public init(
        name: ScheduleName,
        recurrence: Recurrence,
        submission: TaskSubmission,
        payload: [UInt8] = [],
        overlap: OverlapPolicy = .skip,
        missed: MissedPolicy = .once,
        missedMax: UInt16 = 10,
        excluded: DateSet = DateSet(),
        calendars: [CalendarName] = []
    ) {
        self.name = name
        self.recurrence = recurrence
        self.submission = submission
        self.payload = payload
        self.overlap = overlap
        self.missed = missed
        self.missedMax = missedMax
        self.excluded = excluded
        self.calendars = calendars
    }
}

public enum CalendarNameKind {}
/// A named set of dates, such as the holidays of a country.
public typealias CalendarName = Identifier<CalendarNameKind>

/// A schedule, and how far it has fired.
public struct ScheduleRecord: Hashable, Sendable {
    public var draft: ScheduleDraft
    public var createdBy: String
    public var createdAt: WallTime
    /// Why and by whom it was paused; nil while it fires.
    public var paused: String?
    /// Every firing due up to this time was dealt with: written in the same transaction as the task.
    public var doneUpTo: WallTime
    /// The last firing that made a task.
    public var lastDue: WallTime?
    public var lastTask: TaskID?
    /// Tasks of firings that had not ended when it last fired.
    public var open: [TaskID]
    public var firings: UInt64
    public var skipped: UInt64

    public init(draft: ScheduleDraft, createdBy: String, createdAt: WallTime) {
        self.draft = draft
        self.createdBy = createdBy
        self.createdAt = createdAt
        doneUpTo = createdAt
        open = []
        firings = 0
        skipped = 0
    }

    init(_ fields: FieldReader) throws(MessageError) {
        draft = try Self.draft(fields)
        createdBy = fields.optionalText("by") ?? ""
        createdAt = try fields.time("created")
        paused = fields.optionalText("paused")
        doneUpTo = try fields.time("done-up-to")
        lastDue = try fields.optionalTime("last-due")
        lastTask = try fields.optionalNumber("last-task").map { TaskID($0) }
        open = (fields.optionalText("open") ?? "").split(separator: ",")
            .compactMap { UInt64($0) }.map { TaskID($0) }
        firings = try fields.optionalNumber("firings") ?? 0
        skipped = try fields.optionalNumber("skipped") ?? 0
    }

    private static func draft(_ fields: FieldReader) throws(MessageError) -> ScheduleDraft {
        let recurrence: Recurrence
        let excluded: DateSet
        do throws(CalendarProblem) {
            recurrence = try Recurrence(parsing: fields.optionalText("recurrence") ?? "")
            excluded = try DateSet(parsing: fields.optionalText("excluded") ?? "")
        } catch {
            throw .bad(key: "recurrence", expected: "a recurrence and dates")
        }
        guard let payload = Base64.decode(fields.optionalText("data") ?? "") else {
            throw .bad(key: "data", expected: "base64")
        }
        return ScheduleDraft(
            name: try fields.name("name"),
            recurrence: recurrence,
            submission: try TaskSubmission(fields),
            payload: payload,
            overlap: try fields.word("overlap"),
            missed: try fields.word("missed"),
            missedMax: try fields.number("missed-max"),
            excluded: excluded,
            calendars: (fields.optionalText("calendars") ?? "").split(separator: ",")
                .compactMap { CalendarName(String($0)) }
        )
    }

    var line: Line {
        var writer = LineWriter("SCHEDULE")
        writer.put("name", draft.name)
        writer.put("recurrence", "\(draft.recurrence)")
        draft.submission.put(to: &writer)
        writer.put("data", Base64.encode(draft.payload))
        writer.put("overlap", draft.overlap)
        writer.put("missed", draft.missed)
        writer.put("missed-max", draft.missedMax)
        writer.put("excluded", "\(draft.excluded)")
        writer.put("calendars", draft.calendars.map(\.text).joined(separator: ","))
        writer.put("by", createdBy)
        writer.put("created", createdAt)
        writer.put("paused", paused)
        writer.put("done-up-to", doneUpTo)
        writer.put("last-due", lastDue)
        writer.put("last-task", lastTask?.number)
        writer.put("open", open.map { "\($0)" }.joined(separator: ","))
        if firings > 0 { writer.put("firings", firings) }
        if skipped > 0 { writer.put("skipped", skipped) }
        return writer.line
    }
}

/// A named calendar of dates on which schedules that name it do not fire.
public struct CalendarRecord: Hashable, Sendable {
    public var name: CalendarName
    public var dates: DateSet
    public var by: String
    public var at: WallTime

    public init(name: CalendarName, dates: DateSet, by: String, at: WallTime) {
        self.name = name
        self.dates = dates
        self.by = by
        self.at = at
    }

    init(_ fields: FieldReader) throws(MessageError) {
        let dates: DateSet
        do throws(CalendarProblem) {
            dates = try DateSet(parsing: fields.optionalText("dates") ?? "")
        } catch {
            throw .bad(key: "dates", expected: "dates")
        }
        self.init(
            name: try fields.name("name"),
            dates: dates,
            by: fields.optionalText("by") ?? "",
            at: try fields.time("at")
        )
    }

    var line: Line {
        var writer = LineWriter("CALENDAR")
        writer.put("name", name)
        writer.put("dates", "\(dates)")
        writer.put("by", by)
        writer.put("at", at)
        return writer.line
    }
}
