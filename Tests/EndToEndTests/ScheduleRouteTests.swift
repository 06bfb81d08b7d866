import API
import Foundation
import Host
import Model
import Testing

/// Schedules and calendars through the interface of a running controller, and there again after a
/// restart, in the time zones of its host.
@Suite struct ScheduleRouteTests {
    private func nightly(_ change: (inout AddScheduleRequest) -> Void = { _ in })
        -> AddScheduleRequest
    {
        var request = AddScheduleRequest(
            name: "nightly",
            recurrence: "calendar 0 3 * * MON-FRI in Europe/Berlin",
            task: TaskRequest(type: "MAINTENANCE")
        )
        change(&request)
        return request
    }

    @Test func `a schedule in a zone is added, forecast, paused, and fires on after a restart`()
        async throws
    {
        try await TestCluster.with { cluster in
            let admin = cluster.admin
            try await admin.change(.addSchedule, body: nightly())
            let shown: ScheduleDetail = try await admin.get(.showSchedule, "nightly")
            #expect(shown.schedule.problem == nil && shown.times.count == 5)
            #expect(shown.schedule.next == shown.times.first?.at)
            #expect(shown.times.allSatisfy { $0.local.contains(" 03:00:00 ") })
            let twice = try await admin.refusal(.addSchedule, body: nightly())
            #expect(twice.code == "duplicate")

            try await cluster.stop()
            try await cluster.start()
            let again: ScheduleDetail = try await admin.get(.showSchedule, "nightly")
            #expect(again.schedule == shown.schedule)

            try await admin.change(.pauseSchedule, "nightly", body: PlainChange(reason: "moving"))
            let paused: ScheduleList = try await admin.get(.listSchedules)
            #expect(paused.schedules.first?.paused == "by admin: moving")
            #expect(paused.schedules.first?.next == nil)
            try await admin.change(.resumeSchedule, "nightly", body: PlainChange())
            try await admin.change(.removeSchedule, "nightly", body: PlainChange())
            let none: ScheduleList = try await admin.get(.listSchedules)
            #expect(none.schedules.isEmpty)
            #expect(try await admin.ask(.showSchedule, ["nightly"]).status == 404)
        }
    }

    @Test func `what would never fire, or is in a zone that is not there, is refused`()
        async throws
    {
        try await TestCluster.with { cluster in
            let admin = cluster.admin
            let past = try await admin.refusal(
                .addSchedule,
                body: nightly { $0.recurrence = "once 2020-01-01T00:00:00Z" }
            )
            #expect(past.detail.contains("has passed"), "\(past.detail)")
            let zone = try await admin.refusal(
                .addSchedule,
                body: nightly { $0.recurrence = "calendar @daily in Europe/Atlantis" }
            )
            #expect(zone.code == "unknown-name" && zone.mend.contains("tzdata"))
            let outside = try await admin.refusal(
                .addSchedule,
                body: nightly { $0.recurrence = "calendar @daily in ../../etc/passwd" }
            )
            #expect(outside.code == "invalid", "\(outside.detail)")
            let word = try await admin.refusal(
                .addSchedule,
                body: nightly { $0.recurrence = "calendar 0 3 * JNU * in UTC" }
            )
            #expect(word.mend == "did you mean JUN?")
        }
    }

    @Test func `a forecast is of an expression or of a schedule, without the days left out`()
        async throws
    {
        try await TestCluster.with { cluster in
            let admin = cluster.admin
            let times: FiringTimes = try await admin.get(
                .forecastSchedule,
                query: "recurrence=calendar%2030%202%20*%20*%20*%20in%20Europe/Berlin"
                    + "&after=2026-10-24T12:00:00Z&count=2&exclude=2026-10-26"
            )
            #expect(times.zone == "Europe/Berlin")
            #expect(
                times.times.map(\.local) == [
                    "2026-10-25 02:30:00 +02:00 CEST", "2026-10-27 02:30:00 +01:00 CET",
                ]
            )
            try await admin.change(
                .setCalendar,
                "holidays",
                body: SetCalendarRequest(dates: "*-12-25 # every year\n2026-12-28..2026-12-30\n")
            )
            try await admin.change(
                .addSchedule,
                body: nightly {
                    $0.recurrence = "calendar @daily"
                    $0.calendars = ["holidays"]
                }
            )
            let named: FiringTimes = try await admin.get(
                .forecastSchedule,
                query: "name=nightly&after=2026-12-27T12:00:00Z&count=1"
            )
            #expect(named.times.map(\.at) == ["2026-12-31T00:00:00.000Z"])
            let calendar: CalendarDetail = try await admin.get(.showCalendar, "holidays")
            #expect(calendar.dates == ["*-12-25", "2026-12-28..2026-12-30"])
            #expect(calendar.calendar.schedules == ["nightly"])
            let used = try await admin.refusal(.removeCalendar, "holidays", body: PlainChange())
            #expect(used.code == "not-now", "\(used.detail)")
            let bad = try await admin.refusal(
                .setCalendar,
                "holidays",
                body: SetCalendarRequest(dates: "2026-12-25\n2026-02-30\n")
            )
            #expect(bad.detail.hasPrefix("dates: line 2, column 1"), "\(bad.detail)")
        }
    }

    @Test func `a schedule of every second makes tasks, each of them once`() async throws {
        try await TestCluster.with { cluster in
            let admin = cluster.admin
            try await admin.change(
                .addSchedule,
                body: nightly {
                    $0.recurrence = "every 1s"
                    $0.overlap = "allow"
                }
            )
            let hasFired = try await eventually {
                let list: ScheduleList = try await admin.get(.listSchedules)
                return (list.schedules.first?.firings ?? 0) >= 3
            }
            #expect(hasFired)
            try await admin.change(.pauseSchedule, "nightly", body: PlainChange())
            let detail: ScheduleDetail = try await admin.get(.showSchedule, "nightly")
            let page: TaskPage = try await admin.get(.listTasks)
            #expect(page.tasks.allSatisfy { $0.submittedBy == "schedule/nightly" })
            #expect(UInt64(page.tasks.count) == detail.schedule.firings)
            #expect(Set(page.tasks.map(\.key)).count == page.tasks.count)
        }
    }
}
