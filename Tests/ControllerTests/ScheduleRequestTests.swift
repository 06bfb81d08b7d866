import API
import Calendar
import ControllerCore
import Model
import Protocol
import Testing

@testable import Controller

/// Schedules as they come from outside, and as they are shown.
@Suite struct ScheduleRequestTests {
    private func request(
        _ recurrence: String = "calendar 0 3 * * MON-FRI in Europe/Berlin",
        _ change: (inout AddScheduleRequest) -> Void = { _ in }
    ) -> AddScheduleRequest {
        var request = AddScheduleRequest(
            name: "nightly",
            recurrence: recurrence,
            task: TaskRequest(type: "MAINTENANCE")
        )
        change(&request)
        return request
    }

    @Test func `every member arrives`() throws {
        let draft = try ConsoleRoutes.draft(
            request {
                $0.task.account = "acme"
                $0.task.payload = "rotate"
                $0.overlap = "queue"
                $0.missed = "all"
                $0.missedMax = 3
                $0.excluded = ["*-12-25", "2026-12-27..2026-12-30"]
                $0.calendars = ["holidays"]
            }
        )
        #expect(draft.name.text == "nightly")
        #expect("\(draft.recurrence)" == "calendar 0 3 * * MON-FRI in Europe/Berlin")
        #expect(draft.submission.account == "acme" && draft.payload == Array("rotate".utf8))
        #expect(draft.overlap == .queue && draft.missed == .all && draft.missedMax == 3)
        #expect(draft.excluded.contains(CivilDate(year: 2030, month: 12, day: 25)!))
        #expect(draft.calendars.map(\.text) == ["holidays"])
        let plain = try ConsoleRoutes.draft(request())
        #expect(plain.overlap == .skip && plain.missed == .once && plain.missedMax == 10)
    }

    private func refusal(_ request: AddScheduleRequest) -> API.Failure? {
        do {
            _ = try ConsoleRoutes.draft(request)
            return nil
        } catch {
            return error as? API.Failure
        }
    }

    @Test func `what is wrong is named, with the mend`() throws {
        let month = try #require(refusal(request("calendar 0 3 * JNU *")))
        #expect(month.code == "invalid")
        #expect(month.detail.hasPrefix("recurrence: month, column"), "\(month.detail)")
        #expect(month.mend == "did you mean JUN?")
        #expect(refusal(request("sometimes"))?.detail.contains("no kind of recurrence") == true)
        #expect(
            refusal(request { $0.excluded = ["2026-02-30"] })?.detail
                .hasPrefix("excluded: column 1") == true
        )
        #expect(refusal(request { $0.overlap = "maybe" })?.detail.contains("skip") == true)
        #expect(refusal(request { $0.task.key = "k" })?.detail.contains("no key") == true)
        let next = try #require(refusal(request { $0.name = "next" }))
        #expect(next.detail.contains("its path, /schedules/next, is that of the forecast"))
        #expect(refusal(request { $0.name = "No Name" }) != nil)
        #expect(refusal(request { $0.task.type = "" }) != nil)
        #expect(refusal(request()) == nil)
    }

    @Test func `a forecast has the local time of both sides of a change of the clocks`() throws {
        let rules = try #require(ZoneDirectory().rules(ZoneName("Europe/Berlin")!))
        let forecast = FiringForecast(
            recurrence: try Recurrence(parsing: "calendar 30 2 * * * in Europe/Berlin"),
            rules: rules
        )
        let start = try #require(WallTime(iso8601: "2026-10-24T12:00:00Z"))
        #expect(
            forecast.times(after: start, count: 2) == [
                FiringTime(
                    at: "2026-10-25T00:30:00.000Z",
                    local: "2026-10-25 02:30:00 +02:00 CEST"
                ),
                FiringTime(at: "2026-10-26T01:30:00.000Z", local: "2026-10-26 02:30:00 +01:00 CET"),
            ]
        )
    }

    @Test func `a forecast leaves out what is excluded, and ends`() throws {
        let start = try #require(WallTime(iso8601: "2026-12-24T12:00:00Z"))
        let daily = FiringForecast(
            recurrence: try Recurrence(parsing: "calendar @daily"),
            rules: .utc,
            excluded: [try DateSet(parsing: "*-12-25\n2026-12-26")]
        )
        #expect(daily.times(after: start, count: 1).first?.at == "2026-12-27T00:00:00.000Z")
        let once = FiringForecast(
            recurrence: try Recurrence(parsing: "once 2026-12-24T18:00:00Z"),
            rules: .utc
        )
        #expect(
            once.times(after: start, count: 5).map(\.local) == ["2026-12-24 18:00:00 +00:00 UTC"]
        )
    }

    @Test func `a schedule is shown with when it fires next, paused with none`() async throws {
        let world = try World()
        let draft = try ConsoleRoutes.draft(request("every 1h") { $0.excluded = ["*-12-25"] })
        _ = await world.driver.perform(Command(.addSchedule(draft)), by: World.admin)
        func summary() async -> ScheduleSummary? {
            await world.driver.read { machine, _ in
                machine.schedules.entries.values.first.map { ScheduleSummary($0) }
            }
        }
        let active = try #require(await summary())
        #expect(active.next != nil && active.paused == nil && active.createdBy == "admin")
        #expect(active.excluded == ["*-12-25"] && active.type == "MAINTENANCE")
        _ = await world.driver.perform(
            Command(.pauseSchedule(draft.name), reason: "moving"),
            by: World.admin
        )
        let paused = try #require(await summary())
        #expect(paused.next == nil && paused.paused == "by admin: moving")
        await world.driver.stop()
    }
}
