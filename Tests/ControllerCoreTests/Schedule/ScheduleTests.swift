import Calendar
import ControllerCore
import Model
import Protocol
import Testing

/// When schedules fire, once each, whatever happens to the controller. The stage's clock begins at
/// 2023-11-14T22:13:20Z.
struct ScheduleTests {
    private func draft(
        _ recurrence: String,
        overlap: OverlapPolicy = .allow,
        missed: MissedPolicy = .once,
        missedMax: UInt16 = 10,
        excluded: String = "",
        calendars: [CalendarName] = []
    ) throws -> ScheduleDraft {
        ScheduleDraft(
            name: "nightly",
            recurrence: try Recurrence(parsing: recurrence),
            submission: TaskSubmission(type: .maintenance),
            overlap: overlap,
            missed: missed,
            missedMax: missedMax,
            excluded: try DateSet(parsing: excluded),
            calendars: calendars
        )
    }

    private func keys(_ stage: Stage) -> [String] {
        stage.taskKeys.keys.map { String($0.dropFirst("schedule/nightly/".count)) }
    }

    private func record(_ stage: Stage) -> ScheduleRecord? {
        stage.machine.schedules.entries["nightly"]?.record
    }

    @Test func `a schedule makes one task for each due time, and says when it fires next`() throws {
        var stage = Stage()
        stage.ask(.addSchedule(try draft("calendar */10 * * * *")))
        #expect(
            stage.machine.schedules.entries["nightly"]?.next?.iso8601 == "2023-11-14T22:20:00.000Z"
        )
        stage.pass(.seconds(1_800))
        #expect(
            keys(stage) == [
                "2023-11-14T22:20:00.000Z", "2023-11-14T22:30:00.000Z",
                "2023-11-14T22:40:00.000Z",
            ]
        )
        #expect(record(stage)?.firings == 3)
        #expect(stage.audits.count { $0.verb == "schedule.fire" } == 3)
        #expect(stage.machine.work.view(of: TaskID(1))?.submittedBy == "schedule/nightly")
    }

    @Test func `what falls due while no site is active fires once when the other one is`() throws {
        var (stage, production, standby) = Stage.twoSites()
        stage.ask(.addSchedule(try draft("every 1m", missed: .all)))
        stage.begin()
        stage.report("db", .stopped, isWanted: false, on: production)
        #expect(stage.stepName == "fence")
        stage.live([production, standby], for: 185)
        // Three were due, and nobody could act.
        #expect(keys(stage).isEmpty)
        stage.beat(production, floor: Stage.floorOfSession1)
        #expect(stage.machine.cluster.activeSite == "b")
        stage.report("db", .running, isWanted: true, on: standby)
        stage.live([production, standby], for: 1)
        #expect(keys(stage).count == 3)
        #expect(Set(keys(stage)).count == 3)
        stage.live([production, standby], for: 60)
        #expect(keys(stage).count == 4)
    }

    @Test func `a restart fires nothing twice and leaves nothing out`() throws {
        var stage = Stage()
        stage.ask(.addSchedule(try draft("calendar */10 * * * *")))
        for _ in 0..<30 {
            stage.pass(.seconds(61))
            stage.restart()
        }
        stage.pass(.seconds(10))
        #expect(record(stage)?.firings == 3)
        #expect(Set(keys(stage)).count == 3)
    }

    @Test(arguments: [
        (MissedPolicy.skip, UInt16(10), 0), (.once, 10, 1), (.all, 10, 6), (.all, 2, 2),
    ])
    func `firings missed while no controller ran follow the policy`(
        policy: MissedPolicy,
        cap: UInt16,
        tasks: Int
    ) throws {
        var stage = Stage()
        stage.ask(
            .addSchedule(try draft("calendar */10 * * * *", missed: policy, missedMax: cap))
        )
        // Six are due while nothing runs; the last a while ago.
        stage.advance(.seconds(3_600 + 300))
        stage.restart()
        stage.pass(.seconds(6))
        #expect(record(stage)?.firings == UInt64(tasks))
        #expect(record(stage)?.skipped == UInt64(6 - tasks))
        if tasks > 0 { #expect(keys(stage).last == "2023-11-14T23:10:00.000Z") }
        stage.pass(.seconds(300))
        #expect(record(stage)?.firings == UInt64(tasks + 1))
    }

    @Test func `a schedule of every second makes up for a long night with one task`() throws {
        var stage = Stage()
        stage.ask(.addSchedule(try draft("every 1s")))
        stage.advance(.seconds(86_400))
        stage.restart()
        stage.pass(.milliseconds(200))
        #expect((record(stage)?.firings ?? 0) <= 31)
        let done = try #require(record(stage)?.doneUpTo)
        #expect(stage.now.wall - done < .seconds(2))
    }

    @Test func `a firing is left out, queued or run beside the one before`() throws {
        for (policy, live, running) in [
            (OverlapPolicy.skip, 1, 1), (.queue, 3, 1), (.allow, 3, 3),
        ] {
            var stage = Stage()
            let node = stage.online("n1", handlers: [.plain(.maintenance, slots: 9)])
            stage.ask(.addSchedule(try draft("every 1m", overlap: policy)))
            stage.live([node], for: 180)
            #expect(stage.machine.work.counts.assigned == UInt64(running), "\(policy)")
            let waiting = stage.machine.work.counts.waiting
            #expect(waiting + stage.machine.work.counts.assigned == UInt64(live), "\(policy)")
            _ = stage.work(node)
            stage.live([node], for: 60)
            #expect(stage.machine.work.counts.assigned == 1)
        }
    }

    @Test func `the clock on the wall is set back and forth and nothing fires twice`() throws {
        var stage = Stage()
        stage.ask(.addSchedule(try draft("calendar */10 * * * *")))
        stage.pass(.seconds(500))
        #expect(record(stage)?.firings == 1)
        stage.now.wall = stage.now.wall + .seconds(-3_600)
        stage.step(.deadlineReached)
        stage.now.instant = stage.now.instant + .seconds(10)
        stage.step(.deadlineReached)
        #expect(record(stage)?.firings == 1)
    }

    @Test func `a schedule fires on when the clock on the wall was ahead for a moment`() throws {
        var stage = Stage()
        stage.ask(.addSchedule(try draft("calendar */10 * * * *")))
        stage.pass(.seconds(1_800))
        let before = record(stage)?.firings ?? 0
        stage.wallOffset = .seconds(30 * 86_400)
        stage.pass(.seconds(300))
        #expect(stage.told(.clockAhead) == 1 && stage.told(.clockTrusted) == 0)
        // By the time that has passed.
        stage.pass(.seconds(295))
        #expect(record(stage)?.firings == before + 1)
        // What is resumed meanwhile is not resumed in a month.
        stage.ask(.pauseSchedule("nightly"), reason: "a look")
        stage.ask(.resumeSchedule("nightly"))
        stage.wallOffset = .zero
        stage.pass(.seconds(10))
        #expect(stage.told(.clockTrusted) == 1)
        stage.pass(.seconds(86_400))
        #expect(record(stage)?.firings == before + 1 + 144)
        #expect(Set(keys(stage)).count == keys(stage).count)
        #expect(record(stage)?.skipped == 0)
    }

    @Test func `a clock that stays ahead is followed, and what fell due until then was missed`()
        throws
    {
        var stage = Stage()
        stage.ask(.addSchedule(try draft("calendar */10 * * * *")))
        stage.pass(.seconds(1_800))
        let before = record(stage)?.firings ?? 0
        stage.wallOffset = .seconds(7_200)
        stage.pass(.seconds(590))
        #expect(record(stage)?.firings == before + 1)
        stage.pass(.seconds(20))
        #expect(record(stage)?.firings == before + 2)
        #expect((record(stage)?.skipped ?? 0) >= 10)
        #expect(stage.told(.clockTrusted) == 1)
        // It was behind before: the next start takes it as it is.
        stage.wallOffset = .seconds(10_800)
        stage.restart()
        stage.pass(.seconds(10))
        #expect(stage.told(.clockAhead) == 1)
        #expect(record(stage)?.firings == before + 3)
    }

    @Test func `a paused schedule makes up for nothing when it is resumed`() throws {
        var stage = Stage()
        stage.ask(.addSchedule(try draft("calendar */10 * * * *", missed: .all)))
        stage.ask(.pauseSchedule("nightly"))
        stage.pass(.seconds(3_600))
        stage.restart()
        stage.pass(.seconds(10))
        #expect(record(stage)?.firings == 0)
        stage.ask(.resumeSchedule("nightly"))
        stage.pass(.seconds(10))
        #expect(record(stage)?.firings == 0)
        stage.pass(.seconds(600))
        #expect(record(stage)?.firings == 1)
    }

    @Test func `what would never fire is refused, and so is an unknown zone or calendar`() throws {
        var stage = Stage()
        stage.ask(.addSchedule(try draft("once 2023-11-14T22:00:00Z")))
        #expect(stage.lastRefusal == .invalid)
        stage.ask(.addSchedule(try draft("calendar 0 3 * * * in Europe/Berlin")))
        #expect(stage.lastRefusal == .unknownName)
        stage.ask(.addSchedule(try draft("calendar 0 3 * * *", calendars: ["de"])))
        #expect(stage.lastRefusal == .unknownName)
        stage.ask(.addSchedule(try draft("calendar 0 3 25 12 *", excluded: "*-12-25")))
        #expect(stage.lastRefusal == .invalid)
        stage.ask(.addSchedule(try draft("once 2023-11-14T23:00:00Z")))
        stage.pass(.seconds(3_600))
        #expect(record(stage)?.firings == 1)
        #expect(stage.machine.schedules.entries["nightly"]?.next == nil)
    }

    @Test func `a schedule of tasks that would be turned away is refused when it is added`() throws
    {
        var stage = Stage()
        stage.ask(.set(.cluster, key: "task.types.strict", value: "yes"))
        var type = try draft("calendar 0 3 * * *")
        type.submission.type = try #require(TaskType("INVOICE"))
        stage.ask(.addSchedule(type))
        #expect(stage.lastRefusal == .unknownName)
        var attribute = try draft("calendar 0 3 * * *")
        attribute.submission.attributes = [try #require(TaskAttribute(name: "region", value: "eu"))]
        stage.ask(.addSchedule(attribute))
        #expect(stage.lastRefusal == .unknownName)
        #expect(stage.machine.schedules.entries.isEmpty)
        stage.ask(.set(.cluster, key: "task.attribute.region", value: "where it is"))
        stage.ask(.addSchedule(attribute))
        stage.pass(.seconds(6 * 3_600))
        #expect(record(stage)?.firings == 1)
    }

    @Test func `holidays of a named calendar are left out, and the calendar in use stays`() throws {
        var stage = Stage()
        stage.ask(.setCalendar("de", try DateSet(parsing: "2023-11-15..2023-11-16")))
        stage.ask(.addSchedule(try draft("calendar 0 3 * * *", calendars: ["de"])))
        #expect(
            stage.machine.schedules.entries["nightly"]?.next?.iso8601 == "2023-11-17T03:00:00.000Z"
        )
        stage.ask(.removeCalendar("de"))
        #expect(stage.lastRefusal == .notNow)
        stage.restart()
        #expect(
            stage.machine.schedules.entries["nightly"]?.next?.iso8601 == "2023-11-17T03:00:00.000Z"
        )
        stage.ask(.removeSchedule("nightly"))
        stage.ask(.removeCalendar("de"))
        #expect(stage.machine.schedules.calendars.isEmpty)
    }

    @Test func `a zone that is told later is heeded, and one that is gone stops the schedule`()
        throws
    {
        var stage = Stage()
        let zone = try #require(ZoneName("Europe/Berlin"))
        let rules = try ZoneRules(posix: "CET-1CEST,M3.5.0,M10.5.0/3")
        stage.step(.zoneLoaded(zone, rules))
        stage.ask(.addSchedule(try draft("calendar 0 3 * * * in Europe/Berlin")))
        #expect(
            stage.machine.schedules.entries["nightly"]?.next?.iso8601 == "2023-11-15T02:00:00.000Z"
        )
        stage.restart()
        #expect(stage.machine.schedules.entries["nightly"]?.problem != nil)
        stage.step(.zoneLoaded(zone, rules))
        #expect(stage.machine.schedules.entries["nightly"]?.problem == nil)
        stage.pass(.seconds(5 * 3_600))
        #expect(record(stage)?.firings == 1)
    }

    @Test func `a firing that is turned away is told once and tried again`() throws {
        var stage = Stage()
        stage.ask(.set(.cluster, key: "task.queue.count", value: "1"))
        let id = stage.submit()[0]
        stage.ask(.addSchedule(try draft("calendar */10 * * * *")))
        stage.pass(.seconds(420))
        #expect(record(stage)?.firings == 0)
        #expect(stage.told(.scheduleRefused) == 1)
        stage.ask(.cancelTasks([id]))
        stage.pass(.seconds(10))
        #expect(record(stage)?.firings == 1)
    }

    @Test func `records of schedules and calendars are read back`() throws {
        var stage = Stage()
        stage.ask(.setCalendar("de", try DateSet(parsing: "*-12-25")))
        stage.ask(
            .addSchedule(
                try draft("calendar 0 3 * * 1-5", excluded: "2024-01-01", calendars: ["de"])
            )
        )
        stage.pass(.seconds(86_400))
        for (_, record) in stage.store {
            let read = try Record(
                table: record.table,
                line: try Line.parse(record.line.description, limits: .record)
            )
            #expect(read == record)
        }
    }
}
