import Calendar
import Model
import Testing

/// Firings as an operator would write them down.
struct NextTests {
    @Test func `a firing is after the moment, never at it`() throws {
        #expect(
            try firings("0 3 * * *", after: "2026-11-23T03:00:00Z", count: 1) == [
                "2026-11-24 03:00:00 UTC"
            ]
        )
        #expect(
            try firings("0 3 * * *", after: "2026-11-23T02:59:59.999Z", count: 1) == [
                "2026-11-23 03:00:00 UTC"
            ]
        )
        #expect(
            try firings("0 3 * * *", after: "2026-11-23T03:00:00.001Z", count: 1) == [
                "2026-11-24 03:00:00 UTC"
            ]
        )
        #expect(
            try firings("*/20 * * * * *", after: "1969-12-31T23:59:39.500Z", count: 2) == [
                "1969-12-31 23:59:40 UTC", "1970-01-01 00:00:00 UTC",
            ]
        )
    }

    @Test func `each field carries into the next`() throws {
        #expect(
            try firings("30 59 23 31 12 *", after: "2026-12-31T23:59:30Z", count: 1) == [
                "2027-12-31 23:59:30 UTC"
            ]
        )
        #expect(
            try firings("5 10 15 * *", after: "2026-12-15T10:05:00Z", count: 1) == [
                "2027-01-15 10:05:00 UTC"
            ]
        )
        #expect(
            try firings("15-20/5 8 4 * * *", after: "2026-05-05T04:08:15Z", count: 2) == [
                "2026-05-05 04:08:20 UTC", "2026-05-06 04:08:15 UTC",
            ]
        )
    }

    @Test func `the last day, days before it, and the last weekday of a month`() throws {
        #expect(
            try firings("0 0 L * *", after: "2024-01-15T00:00:00Z", count: 3) == [
                "2024-01-31 00:00:00 UTC", "2024-02-29 00:00:00 UTC", "2024-03-31 00:00:00 UTC",
            ]
        )
        #expect(
            try firings("0 0 L-3 2 *", after: "2023-01-01T00:00:00Z", count: 2) == [
                "2023-02-25 00:00:00 UTC", "2024-02-26 00:00:00 UTC",
            ]
        )
        #expect(
            try firings("0 0 L-30 * *", after: "2026-01-01T00:00:00Z", count: 2) == [
                "2026-03-01 00:00:00 UTC", "2026-05-01 00:00:00 UTC",
            ]
        )
        #expect(
            try firings("0 0 LW * *", after: "2026-01-15T00:00:00Z", count: 3) == [
                "2026-01-30 00:00:00 UTC", "2026-02-27 00:00:00 UTC", "2026-03-31 00:00:00 UTC",
            ]
        )
    }

    /// 15 August 2026 is a Saturday, 1 August 2026 too; 31 May 2026 is a Sunday.
    @Test func `the weekday nearest to a day stays in its month`() throws {
        func first(_ text: String, _ after: String) throws -> String? {
            try firings(text, after: after, count: 1).first
        }
        #expect(try first("0 0 15W 8 *", "2026-08-01T00:00:00Z") == "2026-08-14 00:00:00 UTC")
        #expect(try first("0 0 1W 8 *", "2026-07-01T00:00:00Z") == "2026-08-03 00:00:00 UTC")
        #expect(try first("0 0 31W 5 *", "2026-05-01T00:00:00Z") == "2026-05-29 00:00:00 UTC")
        #expect(try first("0 0 16W 8 *", "2026-08-01T00:00:00Z") == "2026-08-17 00:00:00 UTC")
        #expect(try first("0 0 31W * *", "2026-06-01T00:00:00Z") == "2026-07-31 00:00:00 UTC")
    }

    @Test func `the second, the fifth and the last such weekday of a month`() throws {
        #expect(
            try firings("0 0 * * MON#2", after: "2026-05-31T00:00:00Z", count: 2) == [
                "2026-06-08 00:00:00 UTC", "2026-07-13 00:00:00 UTC",
            ]
        )
        #expect(
            try firings("0 0 * * MON#5", after: "2026-04-01T00:00:00Z", count: 2) == [
                "2026-06-29 00:00:00 UTC", "2026-08-31 00:00:00 UTC",
            ]
        )
        #expect(
            try firings("0 0 * * 5L", after: "2026-01-01T00:00:00Z", count: 2) == [
                "2026-01-30 00:00:00 UTC", "2026-02-27 00:00:00 UTC",
            ]
        )
    }

    @Test func `of a day of the month and a weekday either is enough`() throws {
        #expect(
            try firings("0 0 13 * FRI", after: "2026-11-06T00:00:00Z", count: 4) == [
                "2026-11-13 00:00:00 UTC", "2026-11-20 00:00:00 UTC", "2026-11-27 00:00:00 UTC",
                "2026-12-04 00:00:00 UTC",
            ]
        )
        #expect(
            try firings("0 0 1-31 * FRI", after: "2026-11-06T00:00:00Z", count: 1) == [
                "2026-11-07 00:00:00 UTC"
            ]
        )
        #expect(
            try firings("0 0 *,5 * FRI", after: "2026-11-06T00:00:00Z", count: 1) == [
                "2026-11-13 00:00:00 UTC"
            ]
        )
    }

    @Test func `the rarest of all is found forty years ahead`() throws {
        #expect(
            try firings("0 0 29 2 *", after: "2096-02-29T00:00:00Z", count: 1) == [
                "2104-02-29 00:00:00 UTC"
            ]
        )
        #expect(
            try firings("0 0 * 2 MON#5", after: "2072-02-29T00:00:00Z", count: 1) == [
                "2112-02-29 00:00:00 UTC"
            ]
        )
    }

    @Test func `excluded dates are passed over, to the horizon and not beyond`() throws {
        let holidays: (CivilDate) -> Bool = { $0.month == 12 && (24...26).contains($0.day) }
        #expect(
            try firings(
                "0 12 * * *",
                after: "2026-12-23T00:00:00Z",
                count: 2,
                excluding: holidays
            ) == ["2026-12-23 12:00:00 UTC", "2026-12-27 12:00:00 UTC"]
        )
        var asked = 0
        let none = try firings("* * * * * *", after: "2026-12-23T00:00:00Z", count: 1) { _ in
            asked += 1
            return true
        }
        #expect(none.isEmpty)
        #expect(asked == Int(CalendarExpression.horizonDays) + 1)
        #expect(
            try firings(
                "0 12 25 12 *",
                after: "2026-01-01T00:00:00Z",
                count: 1,
                excluding: { $0.year < 2_060 }
            ) == ["2060-12-25 12:00:00 UTC"]
        )
        #expect(
            try firings(
                "0 12 25 12 *",
                after: "2026-01-01T00:00:00Z",
                count: 1,
                excluding: { $0.year < 2_068 }
            ).isEmpty
        )
    }

    @Test func `excluded dates are those of the zone's clock`() throws {
        let berlin = Fixture.zone("Europe/Berlin")
        #expect(
            try firings(
                "30 0 * * *",
                after: "2026-12-23T12:00:00Z",
                in: berlin,
                count: 2,
                excluding: { $0 == date("2026-12-25") }
            ) == ["2026-12-24 00:30:00 CET", "2026-12-26 00:30:00 CET"]
        )
    }

    @Test func `nothing fires outside the years of four digits, and no moment traps`() throws {
        let expression = try CalendarExpression(parsing: "0 0 1 1 *")
        func next(_ milliseconds: Int64, _ zone: ZoneRules) -> String? {
            expression.next(after: WallTime(milliseconds: milliseconds), in: zone)?.iso8601
        }
        for name in Fixture.zoneNames {
            let zone = Fixture.zone(name)
            #expect(next(.max, zone) == nil)
            #expect(next(.min, zone)?.hasPrefix("000") == true)
            #expect(next(253_402_300_799_000, zone) == nil)
        }
        #expect(next(.min, .utc) == "0000-01-01T00:00:00.000Z")
        #expect(next(253_370_764_800_000, .utc) == nil)
        #expect(next(253_370_764_799_999, .utc) == "9999-01-01T00:00:00.000Z")
    }

    @Test func `firings are those that croniter finds`() throws {
        var count = 0
        for line in Fixture.lines("cron.txt") {
            let expression = try CalendarExpression(parsing: String(line[0]))
            var time = WallTime(milliseconds: try #require(Int64(line[1])) * 1_000)
            for expected in line[2].split(separator: " ") {
                time = try #require(expression.next(after: time, in: .utc))
                #expect("\(time.milliseconds / 1_000)" == expected, "\(line[0]) \(line[1])")
                count += 1
            }
        }
        #expect(count == 1_200)
    }
}
