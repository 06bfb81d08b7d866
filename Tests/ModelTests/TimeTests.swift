import Model
import Testing

struct WallTimeTests {
    @Test func `people read a time without its milliseconds`() {
        #expect(WallTime(milliseconds: 1_700_000_000_789).forPeople == "2023-11-14 22:13:20 UTC")
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_164_800_007, "2024-02-29T00:00:00.007Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (-11_676_096_000_000, "1600-01-01T00:00:00.000Z"),
        ] as [(Int64, String)]
    )
    func `a time is written as ISO 8601 and read back`(milliseconds: Int64, text: String) {
        #expect(WallTime(milliseconds: milliseconds).iso8601 == text)
        #expect(WallTime(iso8601: text)?.milliseconds == milliseconds)
    }

    @Test func `any time of ten thousand years survives being written`() throws {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<20_000 {
            let reach: UInt64 = 253_402_300_799_999 + 62_167_219_200_000
            let time = WallTime(milliseconds: -62_167_219_200_000 + Int64(generator.below(reach)))
            #expect(WallTime(iso8601: time.iso8601) == time)
        }
    }

    @Test func `the days of 400 years follow one another`() throws {
        var previous = ""
        for day in 0..<Int64(146_097) {
            let text = WallTime(milliseconds: (day - 25_000) * 86_400_000).iso8601
            #expect(text > previous)
            #expect(WallTime(iso8601: text)?.milliseconds == (day - 25_000) * 86_400_000)
            previous = text
        }
    }

    @Test func `a clock that is out of every calendar is written as the nearest that is in it`() {
        #expect(WallTime(milliseconds: .max).iso8601 == "9999-12-31T23:59:59.999Z")
        #expect(WallTime(milliseconds: .min).iso8601 == "0000-01-01T00:00:00.000Z")
    }

    @Test(arguments: [
        ("2026-11-23T08:41:12.345+02:00", "2026-11-23T06:41:12.345Z"),
        ("2026-11-23T01:11:12-05:30", "2026-11-23T06:41:12.000Z"),
        ("2026-11-23T06:41:12Z", "2026-11-23T06:41:12.000Z"),
        ("2026-11-23T06:41:12.3Z", "2026-11-23T06:41:12.300Z"),
        ("2026-11-23T06:41:12.34567891234567890123Z", "2026-11-23T06:41:12.345Z"),
        ("2026-12-31T23:59:60Z", "2027-01-01T00:00:00.000Z"),
        ("2024-02-29T00:30:00+01:00", "2024-02-28T23:30:00.000Z"),
    ])
    func `other ways to write a time are understood`(written: String, expected: String) {
        #expect(WallTime(iso8601: written)?.iso8601 == expected)
    }

    @Test(arguments: [
        "", "Z", "2026-11-23", "2026-11-23T06:41:12", "2026-11-23 06:41:12Z",
        "2026-11-23T06:41:12.Z", "2026-11-23T06:41:12,5Z", "2026-11-23T06:41:12z",
        "2026-11-23t06:41:12Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
        "2026-01-32T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z", "2026-01-01T00:00:00ZZ",
        "2026-01-01T00:00:00+0100", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+01:60",
        "2026-01-01T00:00:00+1:000", "+026-01-01T00:00:00Z", "20 6-01-01T00:00:00Z",
        "12026-01-01T00:00:00Z", "٢٠٢٦-01-01T00:00:00Z", "2026-01-01T00:00:00.١Z",
        "0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01",
    ])
    func `what is no time is refused`(text: String) {
        #expect(WallTime(iso8601: text) == nil)
    }
}

struct DurationTests {
    @Test(
        arguments: [
            (0, "0ms"), (250, "250ms"), (999, "999ms"), (1_000, "1s"), (1_099, "1s"),
            (1_100, "1.1s"), (9_999, "9.9s"), (10_000, "10s"), (59_999, "59s"), (60_000, "1m00s"),
            (125_000, "2m05s"), (3_599_999, "59m59s"), (11_220_000, "3h07m"),
            (86_400_000, "1d00h"), (439_200_000, "5d02h"), (-1_500, "-1.5s"),
        ] as [(Int64, String)]
    )
    func `a duration is shown to people with a unit`(milliseconds: Int64, text: String) {
        #expect(Duration.milliseconds(milliseconds).forPeople == text)
    }

    @Test(
        arguments: [
            ("250ms", 250), ("4s", 4_000), ("2m", 120_000), ("1h30m", 5_400_000),
            ("2d", 172_800_000), ("1d2h3m4s5ms", 93_784_005), ("0s", 0), ("007s", 7_000),
            ("10000d", 864_000_000_000), ("864000000000ms", 864_000_000_000),
        ] as [(String, Int64)]
    )
    func `a written duration is read`(text: String, milliseconds: Int64) {
        #expect(Duration(parsing: text) == .milliseconds(milliseconds))
    }

    @Test(arguments: [
        "", "5", "s", "-5s", "+5s", "5 s", " 5s", "5s ", "1.5s", "5S", "5sec", "5s5s", "5s1m",
        "30m1h", "1m1m", "10001d", "10000d1ms", "864000000001ms", "200000000000d",
        "9223372036854775807d", "99999999999999999999s", "٥s", "5\u{301}s", "5\r\n",
    ])
    func `what is no duration, or none with one meaning, is refused`(text: String) {
        #expect(Duration(parsing: text) == nil)
    }

    @Test func `nanoseconds saturate instead of trapping`() {
        #expect(Duration.seconds(Int64.max).nanoseconds == .max)
        #expect(Duration.seconds(Int64.min).nanoseconds == .min)
        #expect(Duration.nanoseconds(Int64.max).nanoseconds == .max)
        #expect(Duration.nanoseconds(Int64.min).nanoseconds == .min)
        #expect((Duration.nanoseconds(Int64.max) + .nanoseconds(1)).nanoseconds == .max)
        #expect((Duration.nanoseconds(Int64.min) - .nanoseconds(1)).nanoseconds == .min)
        #expect(Duration.seconds(Int64.min).forPeople.hasPrefix("-"))
        #expect(Duration.milliseconds(-1_999).wholeSeconds == -1)
    }
}

struct InstantTests {
    @Test func `an instant moved beyond the end of time stays there`() {
        let late = Instant(nanoseconds: .max - 5)
        #expect(late + .seconds(Int64.max) == Instant(nanoseconds: .max))
        #expect(late + .nanoseconds(5) == Instant(nanoseconds: .max))
        #expect(late + .nanoseconds(6) == Instant(nanoseconds: .max))
        #expect(Instant(nanoseconds: .min + 5) - .seconds(9) == Instant(nanoseconds: .min))
        #expect(Instant.origin - .seconds(Int64.min) == Instant(nanoseconds: .max))
        #expect(Instant(nanoseconds: .max) - Instant(nanoseconds: -1) == .nanoseconds(Int64.max))
        #expect(Instant(nanoseconds: .min) - Instant(nanoseconds: 1) == .nanoseconds(Int64.min))
    }

    @Test func `instants are ordered and their difference is a duration`() {
        var instant = Instant.origin
        instant += .milliseconds(3)
        #expect(Instant.origin < instant)
        #expect(instant - Instant.origin == .milliseconds(3))
        #expect(instant - .milliseconds(4) == Instant(nanoseconds: -1_000_000))
    }
}
