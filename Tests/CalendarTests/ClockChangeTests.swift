import Calendar
import Model
import Testing

/// What happens when the clocks are changed, told by the clock.
struct ClockChangeTests {
    let berlin = Fixture.zone("Europe/Berlin")

    @Test func `a fixed time that is jumped over fires at the jump, once`() throws {
        #expect(
            try firings("30 2 * * *", after: "2026-03-27T12:00:00Z", in: berlin, count: 3) == [
                "2026-03-28 02:30:00 CET", "2026-03-29 03:00:00 CEST", "2026-03-30 02:30:00 CEST",
            ]
        )
        #expect(
            try firings("*/10 2 * * *", after: "2026-03-28T12:00:00Z", in: berlin, count: 2) == [
                "2026-03-29 03:00:00 CEST", "2026-03-30 02:00:00 CEST",
            ]
        )
        #expect(
            try firings("30 2,3 * * *", after: "2026-03-28T12:00:00Z", in: berlin, count: 2) == [
                "2026-03-29 03:00:00 CEST", "2026-03-29 03:30:00 CEST",
            ]
        )
        #expect(
            try firings("0 2,3 * * *", after: "2026-03-28T12:00:00Z", in: berlin, count: 2) == [
                "2026-03-29 03:00:00 CEST", "2026-03-30 02:00:00 CEST",
            ]
        )
    }

    @Test func `a fixed time that comes twice fires the first time`() throws {
        #expect(
            try firings("30 2 * * *", after: "2026-10-24T12:00:00Z", in: berlin, count: 2) == [
                "2026-10-25 02:30:00 CEST", "2026-10-26 02:30:00 CET",
            ]
        )
        #expect(
            try firings("*/30 2,3 * * *", after: "2026-10-24T12:00:00Z", in: berlin, count: 4) == [
                "2026-10-25 02:00:00 CEST", "2026-10-25 02:30:00 CEST", "2026-10-25 03:00:00 CET",
                "2026-10-25 03:30:00 CET",
            ]
        )
    }

    @Test func `who asks between the two times is not told of the second`() throws {
        for after in ["2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:29:00Z"] {
            #expect(
                try firings("30 2 * * *", after: after, in: berlin, count: 1) == [
                    "2026-10-26 02:30:00 CET"
                ]
            )
        }
    }

    @Test func `who asks at the jump or just before it is told right`() throws {
        #expect(
            try firings("30 2 * * *", after: "2026-03-29T00:59:59.999Z", in: berlin, count: 1) == [
                "2026-03-29 03:00:00 CEST"
            ]
        )
        #expect(
            try firings("30 2 * * *", after: "2026-03-29T01:00:00Z", in: berlin, count: 1) == [
                "2026-03-30 02:30:00 CEST"
            ]
        )
    }

    @Test func `an interval follows real time through both changes`() throws {
        #expect(
            try firings("0 * * * *", after: "2026-03-28T23:30:00Z", in: berlin, count: 3) == [
                "2026-03-29 01:00:00 CET", "2026-03-29 03:00:00 CEST", "2026-03-29 04:00:00 CEST",
            ]
        )
        #expect(
            try firings("30 * * * *", after: "2026-10-24T23:00:00Z", in: berlin, count: 4) == [
                "2026-10-25 01:30:00 CEST", "2026-10-25 02:30:00 CEST", "2026-10-25 02:30:00 CET",
                "2026-10-25 03:30:00 CET",
            ]
        )
        let expression = try CalendarExpression(parsing: "*/10 * * * *")
        for start in ["2026-03-28T23:00:00Z", "2026-10-24T23:00:00Z"] {
            var time = wall(start)
            for _ in 0..<30 {
                let next = try #require(expression.next(after: time, in: berlin))
                #expect(next - time == .seconds(600))
                time = next
            }
        }
    }

    @Test func `a step of hours fires when the clock shows one of them`() throws {
        #expect(
            try firings("0 */2 * * *", after: "2026-03-28T22:30:00Z", in: berlin, count: 2) == [
                "2026-03-29 00:00:00 CET", "2026-03-29 04:00:00 CEST",
            ]
        )
        #expect(
            try firings("0 */2 * * *", after: "2026-10-24T21:30:00Z", in: berlin, count: 4) == [
                "2026-10-25 00:00:00 CEST", "2026-10-25 02:00:00 CEST", "2026-10-25 02:00:00 CET",
                "2026-10-25 04:00:00 CET",
            ]
        )
        #expect(
            try firings("0 0-22/2 * * *", after: "2026-03-28T22:30:00Z", in: berlin, count: 3) == [
                "2026-03-29 00:00:00 CET", "2026-03-29 03:00:00 CEST", "2026-03-29 04:00:00 CEST",
            ]
        )
    }

    @Test func `half an hour is jumped over and repeated on Lord Howe`() throws {
        let zone = Fixture.zone("Australia/Lord_Howe")
        #expect(
            try firings("15 2 * * *", after: "2026-10-03T00:00:00Z", in: zone, count: 2) == [
                "2026-10-04 02:30:00 +11", "2026-10-05 02:15:00 +11",
            ]
        )
        #expect(
            try firings("45 1 * * *", after: "2026-04-04T00:00:00Z", in: zone, count: 2) == [
                "2026-04-05 01:45:00 +11", "2026-04-06 01:45:00 +1030",
            ]
        )
        #expect(
            try firings("*/15 * * * *", after: "2026-04-04T14:20:00Z", in: zone, count: 6) == [
                "2026-04-05 01:30:00 +11", "2026-04-05 01:45:00 +11", "2026-04-05 01:30:00 +1030",
                "2026-04-05 01:45:00 +1030", "2026-04-05 02:00:00 +1030",
                "2026-04-05 02:15:00 +1030",
            ]
        )
    }

    /// Samoa left out 30 December 2011.
    @Test func `a day that was left out fires once when the next begins`() throws {
        let apia = Fixture.zone("Pacific/Apia")
        #expect(
            try firings("0 9 * * *", after: "2011-12-29T12:00:00Z", in: apia, count: 3) == [
                "2011-12-29 09:00:00 -10", "2011-12-31 00:00:00 +14", "2011-12-31 09:00:00 +14",
            ]
        )
        #expect(
            try firings(
                "0 9 * * *",
                after: "2011-12-29T20:00:00Z",
                in: apia,
                count: 1,
                excluding: { $0 == date("2011-12-30") }
            ) == ["2011-12-31 09:00:00 +14"]
        )
        #expect(
            try firings("0 9 30 * *", after: "2011-12-01T00:00:00Z", in: apia, count: 1) == [
                "2011-12-31 00:00:00 +14"
            ]
        )
        #expect(
            try firings("0 */12 * * *", after: "2011-12-29T12:00:00Z", in: apia, count: 2) == [
                "2011-12-29 12:00:00 -10", "2011-12-31 00:00:00 +14",
            ]
        )
    }

    @Test func `midnight that is left out fires at one`() throws {
        let zone = Fixture.zone("America/Sao_Paulo")
        #expect(
            try firings("@daily", after: "2018-11-03T12:00:00Z", in: zone, count: 2) == [
                "2018-11-04 01:00:00 -02", "2018-11-05 00:00:00 -02",
            ]
        )
        #expect(
            try firings("30 23 * * *", after: "2018-02-17T12:00:00Z", in: zone, count: 2) == [
                "2018-02-17 23:30:00 -02", "2018-02-18 23:30:00 -03",
            ]
        )
    }

    @Test func `Morocco's clock goes back for Ramadan and forward after it`() throws {
        let zone = Fixture.zone("Africa/Casablanca")
        #expect(
            try firings("30 2 * * *", after: "2026-02-14T12:00:00Z", in: zone, count: 2) == [
                "2026-02-15 02:30:00 +01", "2026-02-16 02:30:00 +00",
            ]
        )
        #expect(
            try firings("30 2 * * *", after: "2026-03-21T12:00:00Z", in: zone, count: 2) == [
                "2026-03-22 03:00:00 +01", "2026-03-23 02:30:00 +01",
            ]
        )
    }

    /// The stretch of time after the change is cut short by the year's end, where the rule is
    /// asked anew: what was shown before the change must not be forgotten.
    @Test func `a fixed time fires once when the clock goes back in the night of New Year`() throws
    {
        let zone = try ZoneRules(posix: "AAA0BBB,J100/0,J365/24:30")
        #expect(
            try firings("15 0 * * *", after: "2025-12-30T12:00:00Z", in: zone, count: 3) == [
                "2025-12-31 00:15:00 BBB", "2026-01-01 00:15:00 BBB", "2026-01-02 00:15:00 AAA",
            ]
        )
    }

    @Test func `the rule holds far beyond the list of changes`() throws {
        let zone = Fixture.zone("America/New_York")
        #expect(
            try firings("30 2 8-14 3 *", after: "2400-03-11T12:00:00Z", in: zone, count: 2) == [
                "2400-03-12 03:00:00 EDT", "2400-03-13 02:30:00 EDT",
            ]
        )
    }
}
