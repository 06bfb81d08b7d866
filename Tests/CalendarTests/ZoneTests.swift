import Calendar
import Model
import Testing

struct ZoneTests {
    @Test func `offsets are those of the C library and of Python's zoneinfo`() throws {
        var count = 0
        var zones: [(name: Substring, rules: ZoneRules)] = []
        for line in Fixture.lines("offsets.txt") {
            if zones.last?.name != line[0] {
                zones.append((line[0], Fixture.zone(String(line[0]))))
            }
            let seconds = try #require(Int64(line[1]))
            let offset = zones[zones.count - 1].rules.offset(at: seconds)
            let expected = ZoneOffset(
                secondsEast: try #require(Int(line[2])),
                isDaylight: line[3] == "1",
                abbreviation: String(line[4])
            )
            #expect(offset == expected, "\(line.joined(separator: " "))")
            count += 1
        }
        #expect(count > 1_500)
        #expect(zones.count == Fixture.zoneNames.count)
    }

    @Test func `local times are the instants that Python's zoneinfo finds`() throws {
        var kinds: [Substring] = []
        var zones: [(name: Substring, rules: ZoneRules)] = []
        for line in Fixture.lines("locals.txt") {
            if zones.last?.name != line[0] {
                zones.append((line[0], Fixture.zone(String(line[0]))))
            }
            let zone = zones[zones.count - 1].rules
            let told =
                switch zone.instants(of: civil(String(line[1]))) {
                case .one(let instant): "one \(instant)"
                case .gap(let jump, let before, let after):
                    "gap \(jump) \(before.secondsEast) \(after.secondsEast)"
                case .twice(let first, let second): "twice \(first) \(second)"
                }
            #expect(told == line[2...].joined(separator: " "), "\(line[0]) \(line[1])")
            kinds.append(line[2])
        }
        #expect(kinds.count { $0 == "gap" } > 300)
        #expect(kinds.count { $0 == "twice" } > 300)
    }

    /// The fat file lists its changes up to 2037, the slim one leaves them to the rule: what the
    /// one says from its list the other must reckon.
    @Test func `a fat file and a slim file of a zone say the same`() throws {
        let fat = Fixture.zone("Europe/Berlin.fat")
        let slim = Fixture.zone("Europe/Berlin")
        let rule = try ZoneRules(posix: "CET-1CEST,M3.5.0,M10.5.0/3")
        var second: Int64 = 0
        while second < 4_102_444_800 {
            #expect(fat.offset(at: second) == slim.offset(at: second), "\(second)")
            if second > 900_000_000 {
                #expect(rule.offset(at: second) == slim.offset(at: second), "\(second)")
            }
            second += 86_399
        }
    }

    @Test(arguments: Fixture.zoneNames)
    func `every instant is among the instants of what the clock shows at it`(name: String) throws {
        let zone = Fixture.zone(name)
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<2_000 {
            let second = Int64(generator.below(9_000_000_000)) - 3_000_000_000
            switch zone.instants(of: try #require(zone.civilTime(at: second))) {
            case .one(let instant): #expect(instant == second)
            case .twice(let first, let again): #expect(first == second || again == second)
            case .gap: Issue.record("\(name) shows a time that it does not show at \(second)")
            }
        }
    }

    @Test func `UTC is UTC for ever, and the ends of time have an answer everywhere`() {
        let utc = ZoneOffset(secondsEast: 0, isDaylight: false, abbreviation: "UTC")
        for second in [Int64.min, -1 << 58, -1, 0, 1 << 58, .max] {
            #expect(ZoneRules.utc.offset(at: second) == utc)
            for name in Fixture.zoneNames {
                let east = Fixture.zone(name).offset(at: second).secondsEast
                #expect(ZoneOffset.secondsEastRange.contains(east))
            }
        }
        #expect(Fixture.zone("UTC").offset(at: 7) == utc)
    }

    @Test func `a zone without a clock change is one value, equal and hashable`() throws {
        #expect(try ZoneRules(posix: "UTC0") == ZoneRules.utc)
        #expect(Fixture.zone("Asia/Kathmandu") == Fixture.zone("Asia/Kathmandu"))
        #expect(Fixture.zone("Asia/Kathmandu") != Fixture.zone("Asia/Gaza"))
        #expect(Set([ZoneRules.utc, ZoneRules.utc, Fixture.zone("UTC")]).count == 1)
    }
}

struct PosixRuleTests {
    /// The moments at which the offset changes in a year, in UTC, and what it is then.
    private func changes(_ text: String, in year: Int) throws -> [String] {
        let zone = try ZoneRules(posix: text)
        var told: [String] = []
        let start = try #require(CivilDate(year: year, month: 1, day: 1)).dayNumber * 86_400
        var before = zone.offset(at: start - 1)
        for second in stride(from: start, to: start + 366 * 86_400, by: 1_800) {
            let after = zone.offset(at: second)
            defer { before = after }
            if before != after {
                let time = try #require(CivilTime(seconds: second))
                told.append("\(time) \(after.abbreviation) \(after.secondsEast)")
            }
        }
        return told
    }

    @Test func `the first, second and last weekday of a month`() throws {
        #expect(
            try changes("EST5EDT,M3.2.0,M11.1.0", in: 2026) == [
                "2026-03-08T07:00:00 EDT -14400", "2026-11-01T06:00:00 EST -18000",
            ]
        )
        #expect(
            try changes("CET-1CEST,M3.5.0,M10.5.0/3", in: 2027) == [
                "2027-03-28T01:00:00 CEST 7200", "2027-10-31T01:00:00 CET 3600",
            ]
        )
    }

    @Test func `days of the year, with 29 February and without`() throws {
        #expect(
            try changes("AAA0BBB,J60/0,J61/0", in: 2024) == [
                "2024-03-01T00:00:00 BBB 3600", "2024-03-01T23:00:00 AAA 0",
            ]
        )
        #expect(
            try changes("AAA0BBB,J59/0,J60/0", in: 2024) == [
                "2024-02-28T00:00:00 BBB 3600", "2024-02-29T23:00:00 AAA 0",
            ]
        )
        #expect(
            try changes("AAA0BBB,59/0,60/0", in: 2024) == [
                "2024-02-29T00:00:00 BBB 3600", "2024-02-29T23:00:00 AAA 0",
            ]
        )
        #expect(
            try changes("AAA0BBB,59/0,60/0", in: 2026) == [
                "2026-03-01T00:00:00 BBB 3600", "2026-03-01T23:00:00 AAA 0",
            ]
        )
    }

    @Test func `times of a change before midnight and days after it`() throws {
        #expect(
            try changes("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", in: 2026) == [
                "2026-03-29T01:00:00 -01 -3600", "2026-10-25T01:00:00 -02 -7200",
            ]
        )
        #expect(
            try changes("EET-2EEST,M3.4.4/50,M10.4.4/50", in: 2026) == [
                "2026-03-28T00:00:00 EEST 10800", "2026-10-23T23:00:00 EET 7200",
            ]
        )
        #expect(
            try changes("AAA0BBB,J1/-167,J1/167", in: 2026) == [
                "2026-01-07T22:00:00 AAA 0", "2026-12-25T01:00:00 BBB 3600",
            ]
        )
    }

    @Test func `winter time that is the exception, and half an hour of summer time`() throws {
        #expect(
            try changes("IST-1GMT0,M10.5.0,M3.5.0/1", in: 2026) == [
                "2026-03-29T01:00:00 IST 3600", "2026-10-25T01:00:00 GMT 0",
            ]
        )
        #expect(
            try changes("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", in: 2026) == [
                "2026-04-04T15:00:00 +1030 37800", "2026-10-03T15:30:00 +11 39600",
            ]
        )
    }

    /// RFC 8536, section 3.3.1.
    @Test func `summer time all the year has no winter of no length`() throws {
        #expect(try changes("XXX3EDT4,0/0,J365/23", in: 2026).isEmpty)
        let zone = try ZoneRules(posix: "XXX3EDT4,0/0,J365/23")
        for year in 1_970..<2_200 {
            let newYear = try #require(CivilDate(year: year, month: 1, day: 1)).dayNumber * 86_400
            for hour in -6...6 {
                #expect(zone.offset(at: newYear + Int64(hour) * 3_600).abbreviation == "EDT")
            }
        }
    }

    @Test func `names in brackets, minutes and seconds of an offset, and a sign`() throws {
        let zone = try ZoneRules(posix: "<+0545>-5:45:30")
        #expect(
            zone.offset(at: 0)
                == ZoneOffset(secondsEast: 20_730, isDaylight: false, abbreviation: "+0545")
        )
        #expect(try ZoneRules(posix: "ABC+24").offset(at: 0).secondsEast == -86_400)
    }

    @Test(
        arguments: [
            ("", 0), ("CE-1", 0), ("CET", 3), ("CET-", 4), ("CET-25", 4), ("CET-1:60", 6),
            ("CET-1CEST", 9), ("CET-1CEST,", 10), ("CET-1CEST,M3.5.0", 16),
            ("CET-1CEST,M13.5.0,M10.5.0", 11), ("CET-1CEST,M3.6.0,M10.5.0", 13),
            ("CET-1CEST,M3.5.7,M10.5.0", 15), ("CET-1CEST,M3.0.0,M10.5.0", 13),
            ("CET-1CEST,J0,J1", 11), ("CET-1CEST,J366,J1", 11), ("CET-1CEST,366,1", 10),
            ("CET-1CEST,M3.5.0/168,M10.5.0", 17), ("CET-1CEST,M3.5.0,M10.5.0 ", 24),
            ("<+03-3", 6), ("<+03>", 5), ("<>0", 1), ("CET-1CEST,M3.5.0,M10.5.0/", 25),
            ("ABCDEFGHIJKLMNOP0", 0), (":Europe/Berlin", 0), ("CET-1 CEST", 5),
        ]
    )
    func `a rule that is not well formed is refused where it is wrong`(
        text: String,
        position: Int
    ) {
        #expect {
            try ZoneRules(posix: text)
        } throws: { error in
            let problem = error as? ZoneProblem
            return problem?.code == .badRule && problem?.position == position
        }
    }

    @Test func `a rule that is too long is refused unread`() {
        let text = String(repeating: "A", count: 256)
        #expect { try ZoneRules(posix: text) } throws: { ($0 as? ZoneProblem)?.code == .tooLarge }
    }
}
