/// The body of `POST /schedules`. Answered by ``ChangeDone``.
public struct AddScheduleRequest: ChangeRequest {
    public var name: String
    /// `calendar 0 3 * * MON-FRI in Europe/Berlin`, `every 15m from 2026-01-01T00:00:00Z` or
    /// `once 2026-12-24T18:00:00Z`.
    public var recurrence: String
    /// Of each firing. It has no `key` and no `notBefore`: the firing gives both.
    public var task: TaskRequest
    /// When a firing is due while a task of the one before has not ended: `skip` (the default),
    /// `queue` or `allow`.
    public var overlap: String?
    /// What becomes of firings that were due while no controller ran: `skip`, `once` (the default)
    /// or `all`.
    public var missed: String?
    /// How many of them are made up for with `all`, 1 to 1 000; 10 when left out.
    public var missedMax: UInt16?
    /// Dates on which it does not fire: `2026-12-25`, `*-12-25` for every year, two of them with
    /// `..` between.
    public var excluded: [String]?
    /// Names of calendars of such dates.
    public var calendars: [String]?
    public var reason: String?
    public var force: Bool?

    public init(
        name: String,
        recurrence: String,
        task: TaskRequest,
        reason: String? = nil,
        force: Bool? = nil
    ) {
        self.name = name
        self.recurrence = recurrence
        self.task = task
        self.reason = reason
        self.force = force
    }
}

/// A schedule, and how far it has fired.
public struct ScheduleSummary: Codable, Hashable, Sendable {
    public var name: String
    public var recurrence: String
    /// When it fires next; left out when it does not.
    public var next: String?
    /// Why it does not fire although it should.
    public var problem: String?
    /// By whom it was paused, and why.
    public var paused: String?
    public var type: String
    public var account: String
    public var attributes: [String: String]
    public var priority: UInt8
    public var exclusiveKey: String?
    public var ordered: Bool?
    /// What its tasks ask for; left out where the cluster's own holds.
    public var attempts: UInt16?
    public var retryDelayMilliseconds: UInt64?
    public var payloadBytes: UInt32
    public var overlap: String
    public var missed: String
    public var missedMax: UInt16
    public var excluded: [String]
    public var calendars: [String]
    public var createdBy: String
    public var createdAt: String
    /// The last firing that made a task, and that task.
    public var lastDue: String?
    public var lastTask: UInt64?
    /// Tasks of firings that had not ended when it last fired.
    public var openTasks: [UInt64]
    public var firings: UInt64
    /// Firings that made no task, by its policies.
    public var skipped: UInt64

    public init(
        name: String,
        recurrence: String,
        type: String,
        account: String = "",
        attributes: [String: String] = [:],
        priority: UInt8 = 5,
        payloadBytes: UInt32 = 0,
        overlap: String = "skip",
        missed: String = "once",
        missedMax: UInt16 = 10,
        excluded: [String] = [],
        calendars: [String] = [],
        createdBy: String,
        createdAt: String,
        openTasks: [UInt64] = [],
        firings: UInt64 = 0,
        skipped: UInt64 = 0
    ) {
        self.name = name
        self.recurrence = recurrence
        self.type = type
        self.account = account
        self.attributes = attributes
        self.priority = priority
        self.payloadBytes = payloadBytes
        self.overlap = overlap
        self.missed = missed
        self.missedMax = missedMax
        self.excluded = excluded
        self.calendars = calendars
        self.createdBy = createdBy
        self.createdAt = createdAt
        self.openTasks = openTasks
        self.firings = firings
        self.skipped = skipped
    }
}

/// The answer to `GET /schedules`, by name.
public struct ScheduleList: Codable, Hashable, Sendable {
    public var asOf: String
    public var schedules: [ScheduleSummary]

    public init(asOf: String, schedules: [ScheduleSummary]) {
        self.asOf = asOf
        self.schedules = schedules
    }
}

/// The answer to `GET /schedules/{name}`.
public struct ScheduleDetail: Codable, Hashable, Sendable {
    public var asOf: String
    public var schedule: ScheduleSummary
    /// The next five times.
    public var times: [FiringTime]

    public init(asOf: String, schedule: ScheduleSummary, times: [FiringTime]) {
        self.asOf = asOf
        self.schedule = schedule
        self.times = times
    }
}

/// A time at which a schedule fires.
public struct FiringTime: Codable, Hashable, Sendable {
    public var at: String
    /// On the clock of its zone: `2026-10-25 02:30:00 +01:00 CET`.
    public var local: String

    public init(at: String, local: String) {
        self.at = at
        self.local = local
    }
}

/// The answer to `GET /schedules/next`.
///
/// Query: `name` of a schedule, or `recurrence`; `count` (1 to 100, 5 when left out), `after` (a
/// time; now when left out). A `recurrence` may come with `exclude` (dates, commas between) and
/// `calendars` (names, commas between).
public struct FiringTimes: Codable, Hashable, Sendable {
    public var asOf: String
    /// As it was understood, in full.
    public var recurrence: String
    /// Whose clock ``FiringTime/local`` is of.
    public var zone: String
    /// Fewer than were asked for when it does not fire more often.
    public var times: [FiringTime]

    public static let countDefault = 5
    public static let countMax = 100

    public init(asOf: String, recurrence: String, zone: String, times: [FiringTime]) {
        self.asOf = asOf
        self.recurrence = recurrence
        self.zone = zone
        self.times = times
    }
}

/// A named set of dates on which schedules that name it do not fire.
public struct CalendarSummary: Codable, Hashable, Sendable {
    public var name: String
    /// Dates and ranges in it, those of every year included.
    public var entries: UInt32
    public var by: String
    public var at: String
    /// Schedules that name it.
    public var schedules: [String]

    public init(name: String, entries: UInt32, by: String, at: String, schedules: [String]) {
        self.name = name
        self.entries = entries
        self.by = by
        self.at = at
        self.schedules = schedules
    }
}

/// The answer to `GET /calendars`, by name.
public struct CalendarList: Codable, Hashable, Sendable {
    public var asOf: String
    public var calendars: [CalendarSummary]

    public init(asOf: String, calendars: [CalendarSummary]) {
        self.asOf = asOf
        self.calendars = calendars
    }
}

/// The answer to `GET /calendars/{name}`.
public struct CalendarDetail: Codable, Hashable, Sendable {
    public var asOf: String
    public var calendar: CalendarSummary
    /// Each as `PUT /calendars/{name}` takes it on a line.
    public var dates: [String]

    public init(asOf: String, calendar: CalendarSummary, dates: [String]) {
        self.asOf = asOf
        self.calendar = calendar
        self.dates = dates
    }
}

/// The body of `PUT /calendars/{name}`. Answered by ``ChangeDone``.
public struct SetCalendarRequest: ChangeRequest {
    /// One date or range a line: `2026-12-25`, `2026-12-24..2026-12-26`, `*-12-25`; what follows a
    /// `#` is a comment.
    public var dates: String
    public var reason: String?
    public var force: Bool?

    public init(dates: String, reason: String? = nil, force: Bool? = nil) {
        self.dates = dates
        self.reason = reason
        self.force = force
    }
}
