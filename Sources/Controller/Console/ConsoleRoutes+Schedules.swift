import API
import Calendar
import ControllerCore
import Foundation
import Hummingbird
import Model
import Protocol

// Schedules and the calendars they leave days out by.

extension ConsoleRoutes {
    private static let timesShown = 5
    /// A schedule of this name could not be shown: its path is that of the forecast.
    private static let takenName = "next"

    // MARK: Reading

    func listSchedules(_ request: ConsoleRequest) async throws -> Response {
        let schedules = await driver.read { machine, _ in
            machine.schedules.entries.values.map { ScheduleSummary($0) }
        }
        return try ConsoleAnswer.json(ScheduleList(asOf: asOf, schedules: schedules))
    }

    func showSchedule(_ request: ConsoleRequest) async throws -> Response {
        let name = try request.name("name", as: ScheduleKind.self)
        let (entry, excluded) = try await entry(name)
        let draft = entry.record.draft
        let rules = draft.recurrence.zone.map { server.zones.rules($0) } ?? .utc
        let forecast = rules.map {
            FiringForecast(recurrence: draft.recurrence, rules: $0, excluded: excluded)
        }
        // What fires next is the machine's word; what follows is reckoned from there.
        var times: [FiringTime] = []
        if let forecast, let next = entry.next, entry.record.paused == nil {
            let before = WallTime(milliseconds: next.milliseconds - 1)
            times = forecast.times(after: before, count: Self.timesShown)
        }
        return try ConsoleAnswer.json(
            ScheduleDetail(asOf: asOf, schedule: ScheduleSummary(entry), times: times)
        )
    }

    /// A schedule, with the dates on which it does not fire.
    private func entry(
        _ name: ScheduleName
    ) async throws -> (ScheduleBook.Entry, excluded: [DateSet]) {
        let (entry, calendars, near) = await driver.read { machine, _ in
            let book = machine.schedules
            let entry = book.entries[name]
            let calendars = entry?.record.draft.calendars.compactMap { book.calendars[$0]?.dates }
            let near = NearestName.to(name.text, among: book.entries.keys.map(\.text))
            return (entry, calendars ?? [], near)
        }
        guard let entry else {
            throw API.Failure(
                code: RefusalCode.unknownName.rawValue,
                detail: "there is no schedule \(name)",
                mend: near.map { "did you mean \($0)?" } ?? "muster schedule list"
            )
        }
        return (entry, [entry.record.draft.excluded] + calendars)
    }

    func forecast(_ request: ConsoleRequest) async throws -> Response {
        let count = Int(
            try request.query(
                "count",
                in: 1...UInt64(FiringTimes.countMax),
                default: UInt64(FiringTimes.countDefault)
            )
        )
        var after = DriverLoop.moment().wall
        if let text = request.query("after") {
            guard let time = WallTime(iso8601: text) else {
                throw Self.invalid("after is not a time", "such as 2026-11-25T18:00:00Z")
            }
            after = time
        }
        let (recurrence, excluded) = try await asked(request)
        let forecast = FiringForecast(
            recurrence: recurrence,
            rules: try rules(of: recurrence),
            excluded: excluded
        )
        return try ConsoleAnswer.json(
            FiringTimes(
                asOf: asOf,
                recurrence: "\(recurrence)",
                zone: forecast.zone,
                times: forecast.times(after: after, count: count)
            )
        )
    }

    /// A schedule that there is, or one that somebody thinks about.
    private func asked(
        _ request: ConsoleRequest
    ) async throws -> (Recurrence, excluded: [DateSet]) {
        if let text = request.query("name") {
            guard request.query("recurrence") == nil else {
                throw Self.invalid("either name or recurrence is given")
            }
            let name = try ConsoleRequest.name(text, as: ScheduleKind.self)
            let (entry, excluded) = try await entry(name)
            return (entry.record.draft.recurrence, excluded)
        }
        guard let text = request.query("recurrence") else {
            throw Self.invalid("neither name nor recurrence is given")
        }
        let list = { (name: String) -> [String] in
            (request.query(name) ?? "").split(separator: ",").map(String.init)
        }
        var excluded = [try Self.dates(list("exclude"), "exclude")]
        for text in list("calendars") {
            let name = try ConsoleRequest.name(text, as: CalendarNameKind.self)
            excluded.append(try await calendar(name).record.dates)
        }
        return (try Self.recurrence(text), excluded)
    }

    // MARK: Changing

    func addSchedule(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: AddScheduleRequest.self)
        let draft = try Self.draft(body)
        // The machine is given the rules before it is asked about them.
        if let zone = draft.recurrence.zone { server.zones.load(zone) }
        return try await change(.addSchedule(draft), body, request)
    }

    func changeSchedule(
        _ request: ConsoleRequest,
        _ verb: (ScheduleName) -> Command.Verb
    ) async throws -> Response {
        let body = try request.body(as: PlainChange.self)
        let name = try request.name("name", as: ScheduleKind.self)
        return try await change(verb(name), body, request)
    }

    static func draft(_ body: AddScheduleRequest) throws -> ScheduleDraft {
        let name = try ConsoleRequest.name(body.name, as: ScheduleKind.self)
        guard name.text != takenName else {
            throw invalid(
                "a schedule cannot be called \(takenName): it could not be shown, because its path, "
                    + "/schedules/\(takenName), is that of the forecast",
                "choose another name"
            )
        }
        guard body.task.key == nil, body.task.notBefore == nil else {
            throw invalid(
                "the task of a schedule has no key and no notBefore",
                "leave them out: each firing gives its task both"
            )
        }
        let offer = try TaskOffer(body.task)
        var draft = ScheduleDraft(
            name: name,
            recurrence: try recurrence(body.recurrence),
            submission: offer.submission,
            payload: offer.payload,
            excluded: try dates(body.excluded ?? [], "excluded")
        )
        draft.overlap = try word(body.overlap, "overlap") ?? draft.overlap
        draft.missed = try word(body.missed, "missed") ?? draft.missed
        draft.missedMax = body.missedMax ?? draft.missedMax
        for text in body.calendars ?? [] {
            draft.calendars.append(try ConsoleRequest.name(text, as: CalendarNameKind.self))
        }
        return draft
    }

    // MARK: Calendars

    func listCalendars(_ request: ConsoleRequest) async throws -> Response {
        let calendars = await driver.read { machine, _ in
            let book = machine.schedules
            return book.calendars.values.map { CalendarSummary($0, in: book) }
        }
        return try ConsoleAnswer.json(CalendarList(asOf: asOf, calendars: calendars))
    }

    func showCalendar(_ request: ConsoleRequest) async throws -> Response {
        let name = try request.name("name", as: CalendarNameKind.self)
        let (record, summary) = try await calendar(name)
        return try ConsoleAnswer.json(
            CalendarDetail(asOf: asOf, calendar: summary, dates: record.dates.lines)
        )
    }

    private func calendar(
        _ name: CalendarName
    ) async throws -> (record: CalendarRecord, summary: CalendarSummary) {
        let (found, near) = await driver.read { machine, _ in
            let book = machine.schedules
            let found = book.calendars[name].map { ($0, CalendarSummary($0, in: book)) }
            return (found, NearestName.to(name.text, among: book.calendars.keys.map(\.text)))
        }
        guard let found else {
            throw API.Failure(
                code: RefusalCode.unknownName.rawValue,
                detail: "there is no calendar \(name)",
                mend: near.map { "did you mean \($0)?" } ?? "muster schedule calendar list"
            )
        }
        return found
    }

    func setCalendar(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: SetCalendarRequest.self)
        let name = try request.name("name", as: CalendarNameKind.self)
        let dates = try Self.dates(body.dates, "dates")
        return try await change(.setCalendar(name, dates), body, request)
    }

    func removeCalendar(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: PlainChange.self)
        let name = try request.name("name", as: CalendarNameKind.self)
        return try await change(.removeCalendar(name), body, request)
    }

    // MARK: Members

    private var asOf: String { DriverLoop.moment().wall.iso8601 }

    private func rules(of recurrence: Recurrence) throws(API.Failure) -> ZoneRules {
        guard let zone = recurrence.zone else { return .utc }
        guard let rules = server.zones.rules(zone) else {
            throw API.Failure(
                code: RefusalCode.unknownName.rawValue,
                detail: "the time zone \(zone) is not known on the controller's host",
                mend: "such as Europe/Berlin or UTC; Debian's package tzdata brings them"
            )
        }
        return rules
    }

    private static func recurrence(_ text: String) throws(API.Failure) -> Recurrence {
        do throws(CalendarProblem) {
            return try Recurrence(parsing: text)
        } catch {
            throw failure(error, "recurrence")
        }
    }

    private static func dates(_ list: [String], _ member: String) throws(API.Failure) -> DateSet {
        try dates(list.joined(separator: "\n"), member)
    }

    private static func dates(_ text: String, _ member: String) throws(API.Failure) -> DateSet {
        do throws(CalendarProblem) {
            return try DateSet(parsing: text)
        } catch {
            throw failure(error, member)
        }
    }

    private static func failure(_ problem: CalendarProblem, _ member: String) -> API.Failure {
        var problem = problem
        let mend = problem.mend ?? ""
        problem.mend = nil
        return invalid("\(member): \(problem)", mend)
    }

    private static func word<Word: RawRepresentable & CaseIterable>(
        _ text: String?,
        _ member: String
    ) throws(API.Failure) -> Word? where Word.RawValue == String {
        guard let text else { return nil }
        guard let word = Word(rawValue: text) else {
            let all = Word.allCases.map(\.rawValue).joined(separator: ", ")
            throw invalid("\(member) is not one of \(all)")
        }
        return word
    }

    private static func invalid(_ detail: String, _ mend: String = "") -> API.Failure {
        API.Failure(code: RefusalCode.invalid.rawValue, detail: detail, mend: mend)
    }
}
