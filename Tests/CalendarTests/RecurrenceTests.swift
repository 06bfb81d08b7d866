import Calendar
import Model
import Testing

struct RecurrenceTests {
    private func next(
        _ text: String,
        after: String,
        in zone: ZoneRules = .utc,
        excluding isExcluded: (CivilDate) -> Bool = { _ in false }
    ) throws -> String? {
        try Recurrence(parsing: text).next(after: wall(after), in: zone, excluding: isExcluded)?
            .iso8601
    }

    @Test(arguments: [
        (
            "calendar 0 3 * * 1-5 in Europe/Berlin",
            "calendar 0 3 * * MON-FRI in Europe/Berlin"
        ),
        ("  calendar\t@daily ", "calendar 0 0 * * * in UTC"),
        ("calendar 30 0 3 * * * in Etc/GMT+5", "calendar 30 0 3 * * * in Etc/GMT+5"),
        (
            "every 90m from 2026-01-01T00:00:00+01:00",
            "every 1h30m from 2025-12-31T23:00:00.000Z"
        ),
        ("every 1d2h3m4s5ms", "every 1d2h3m4s5ms from 1970-01-01T00:00:00.000Z"),
        ("every 10000d", "every 10000d from 1970-01-01T00:00:00.000Z"),
        ("once 2026-12-24T18:00:00Z", "once 2026-12-24T18:00:00.000Z"),
    ])
    func `a recurrence is written in full and reads back`(text: String, full: String) throws {
        let recurrence = try Recurrence(parsing: text)
        #expect(recurrence.description == full)
        #expect(try Recurrence(parsing: full) == recurrence)
    }

    @Test(
        arguments: [
            ("", .unknownKind, 1), ("0 3 * * *", .unknownKind, 1), ("evry 5m", .unknownKind, 1),
            ("  Calendar @daily", .unknownKind, 3), ("calendar", .fieldCount, 9),
            ("calendar in UTC", .fieldCount, 9), ("calendar 0 24 * * *", .outOfRange, 12),
            ("calendar 0 0 30 2 * in UTC", .neverFires, 14),
            ("calendar @daily in", .badZone, 17), ("calendar @daily in ../etc", .badZone, 20),
            ("calendar @daily in /etc/passwd", .badZone, 20),
            ("calendar @daily in Europe//Berlin", .badZone, 20),
            ("calendar @daily in UTC now", .badForm, 24),
            ("calendar @daily Europe/Berlin", .fieldCount, 17),
            ("every", .badDuration, 1), ("every 5", .badDuration, 7),
            ("every 999ms", .badDuration, 7), ("every 10001d", .badDuration, 7),
            ("every 5m at 2026-01-01T00:00:00Z", .badForm, 10),
            ("every 5m from", .badTime, 10), ("every 5m from now", .badTime, 15),
            ("every 5m from 2026-01-01T00:00:00Z x", .badForm, 36),
            ("once", .badTime, 1), ("once 2026-12-24", .badTime, 6),
            ("once 2026-12-24T18:00:00Z x", .badForm, 27),
            ("once 2026-12-24T18:00:00Z\n", .badCharacter, 26),
        ] as [(String, CalendarProblem.Code, Int)]
    )
    func `what is no recurrence is refused where it is wrong`(
        text: String,
        code: CalendarProblem.Code,
        column: Int
    ) {
        #expect {
            try Recurrence(parsing: text)
        } throws: { error in
            let problem = error as? CalendarProblem
            return problem?.code == code && problem?.column == column
        }
    }

    @Test func `a text that is too long is refused unread`() {
        let text = "once " + String(repeating: " ", count: Recurrence.bytesMax)
        #expect { try Recurrence(parsing: text) } throws: {
            ($0 as? CalendarProblem)?.code == .tooLong
        }
    }

    @Test func `every so often is reckoned from the anchor`() throws {
        let text = "every 7h from 2026-01-01T00:00:00Z"
        #expect(try next(text, after: "2025-06-01T00:00:00Z") == "2026-01-01T00:00:00.000Z")
        #expect(try next(text, after: "2025-12-31T23:59:59.999Z") == "2026-01-01T00:00:00.000Z")
        #expect(try next(text, after: "2026-01-01T00:00:00Z") == "2026-01-01T07:00:00.000Z")
        #expect(try next(text, after: "2026-01-01T06:59:59.999Z") == "2026-01-01T07:00:00.000Z")
        #expect(try next(text, after: "2026-01-01T07:00:00Z") == "2026-01-01T14:00:00.000Z")
        #expect(try next(text, after: "2126-01-01T00:00:00Z") == "2126-01-01T06:00:00.000Z")
    }

    @Test func `every so often does not drift`() throws {
        let recurrence = try Recurrence(parsing: "every 1s1ms from 2026-01-01T00:00:00.007Z")
        var time = wall("2026-01-01T00:00:00.007Z")
        for _ in 0..<5_000 {
            time = try #require(recurrence.next(after: time + .milliseconds(400)))
        }
        #expect(time == wall("2026-01-01T00:00:00.007Z") + .milliseconds(5_000 * 1_001))
    }

    @Test func `every so often keeps its beat over excluded dates`() throws {
        let berlin = Fixture.zone("Europe/Berlin")
        let isExcluded: (CivilDate) -> Bool = { $0 == date("2026-03-29") || $0.day == 30 }
        #expect(
            try next(
                "every 50m from 2026-03-28T22:00:00Z",
                after: "2026-03-28T22:30:00Z",
                in: berlin,
                excluding: isExcluded
            ) == "2026-03-28T22:50:00.000Z"
        )
        #expect(
            try next(
                "every 50m from 2026-03-28T22:00:00Z",
                after: "2026-03-28T22:50:00Z",
                in: berlin,
                excluding: isExcluded
            ) == "2026-03-30T22:20:00.000Z"
        )
        #expect(
            try next("every 1s", after: "2026-03-28T22:50:00Z", excluding: { _ in true }) == nil
        )
    }

    /// Against asking at every beat whether its date is excluded, in the days around a change of
    /// the clocks: an excluded day may be longer or shorter than 24 hours.
    @Test(
        arguments: [
            ("Europe/Berlin", 1_774_746_000), ("Europe/Berlin", 1_792_890_000),
            ("Pacific/Apia", 1_325_239_200), ("America/Sao_Paulo", 1_541_300_400),
            ("Australia/Lord_Howe", 1_791_041_400),
        ] as [(String, Int64)]
    )
    func `excluded dates are left out beat by beat`(name: String, change: Int64) throws {
        let zone = Fixture.zone(name)
        var random = SeededBytes(seed: 7)
        for _ in 0..<60 {
            let seconds = Int64(600 + random.next(9_000))
            let anchor = change - Int64(random.next(150_000))
            let recurrence = Recurrence.every(
                .seconds(seconds),
                anchor: WallTime(milliseconds: anchor * 1_000)
            )
            let modulus = 2 + random.next(3)
            let isExcluded: (CivilDate) -> Bool = { $0.day % modulus != 0 }
            var expected = anchor
            while isExcluded(try #require(zone.civilTime(at: expected)).date) {
                expected += seconds
            }
            let after = WallTime(milliseconds: anchor * 1_000 - 1)
            let found = recurrence.next(after: after, in: zone, excluding: isExcluded)
            #expect(found == WallTime(milliseconds: expected * 1_000))
        }
    }

    @Test func `once is once, also on an excluded date`() throws {
        let text = "once 2026-12-24T18:00:00Z"
        let never: (CivilDate) -> Bool = { _ in true }
        #expect(
            try next(text, after: "2026-12-24T17:59:59.999Z", excluding: never)
                == "2026-12-24T18:00:00.000Z"
        )
        #expect(try next(text, after: "2026-12-24T18:00:00Z") == nil)
    }

    @Test func `by the calendar it fires as its expression does`() throws {
        #expect(
            try next(
                "calendar 30 2 * * * in Europe/Berlin",
                after: "2026-03-28T12:00:00Z",
                in: Fixture.zone("Europe/Berlin"),
                excluding: { $0 == date("2026-03-30") }
            ) == "2026-03-29T01:00:00.000Z"
        )
        let recurrence = try Recurrence(parsing: "calendar @daily in Europe/Berlin")
        #expect(recurrence.zone?.text == "Europe/Berlin")
        #expect(try Recurrence(parsing: "every 1h").zone == nil)
    }

    @Test func `no duration and no moment traps`() {
        let moments = [Int64.min, -1, 0, 1, .max].map(WallTime.init(milliseconds:))
        let periods: [Duration] = [
            .zero, .seconds(-1), .nanoseconds(1), .seconds(Int64.max), .seconds(1),
            .seconds(864_000_000),
        ]
        for anchor in moments {
            for after in moments {
                for period in periods {
                    let next = Recurrence.every(period, anchor: anchor).next(after: after)
                    if let next { #expect(next > after) }
                    if !Recurrence.periods.contains(period) { #expect(next == nil) }
                }
                #expect(
                    Recurrence.once(anchor).next(after: after) == (after < anchor ? anchor : nil)
                )
            }
        }
    }

    @Test(arguments: [
        ("UTC", true), ("Europe/Berlin", true), ("Etc/GMT+5", true),
        ("America/Port-au-Prince", true),
        ("America/Argentina/Buenos_Aires", true), ("GMT0", true), ("", false), ("/UTC", false),
        ("UTC/", false), ("Europe//Berlin", false), ("../UTC", false), ("Europe/../UTC", false),
        (".", false), ("Europe/.hidden", false), ("Europe Berlin", false), ("Ε", false),
        ("5/UTC", false), ("UTC\0", false), ("-UTC", false),
    ])
    func `the name of a zone leads nowhere but to a zone`(text: String, isName: Bool) {
        #expect((ZoneName(text) != nil) == isName)
        #expect(ZoneName(text)?.description == (isName ? text : nil))
    }

    @Test func `the name of a zone has a limit`() {
        let longest = String(repeating: "a", count: ZoneName.bytesMax)
        #expect(ZoneName(longest) != nil)
        #expect(ZoneName(longest + "a") == nil)
        #expect(ZoneName.utc == ZoneName("UTC"))
    }
}
