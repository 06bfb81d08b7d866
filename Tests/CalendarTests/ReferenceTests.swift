import Calendar
import Model
import Testing

/// The slow way: look at every minute, or every second, and ask what the clock shows.
struct ReferenceTests {
    /// What a clock shows, at every step of a stretch of time.
    private struct Clock {
        var start: Int64
        var step: Int64
        var local: [Int64]

        init(_ zone: ZoneRules, from start: Int64, through end: Int64, step: Int64) {
            self.start = start
            self.step = step
            local = stride(from: start, through: end, by: Int(step)).map {
                $0 + Int64(zone.offset(at: $0).secondsEast)
            }
        }
    }

    /// The firings of `(after, until]`, in seconds. A fixed time fires when the clock shows for
    /// the first time a time as late as it; so the latest time that was shown is remembered, from
    /// the clock's start on.
    private func slow(
        _ written: WrittenExpression,
        on clock: Clock,
        after: Int64,
        until: Int64,
        excluding isExcluded: (CivilDate) -> Bool
    ) -> [Int64] {
        var found: [Int64] = []
        var latest = clock.local[0]
        for (index, local) in clock.local.enumerated() {
            let second = clock.start + Int64(index) * clock.step
            if second > until { break }
            let isNew = written.isInterval || local > latest
            if second > after, isNew {
                let due = written.isInterval ? local : latest + clock.step
                for shown in stride(from: due, through: local, by: Int(clock.step)) {
                    guard let civil = CivilTime(seconds: shown), written.matches(civil),
                        !isExcluded(civil.date)
                    else { continue }
                    found.append(second)
                    break
                }
            }
            latest = max(latest, local)
        }
        return found
    }

    private func fast(
        _ written: WrittenExpression,
        in zone: ZoneRules,
        after: Int64,
        until: Int64,
        excluding isExcluded: (CivilDate) -> Bool
    ) throws -> [Int64] {
        let expression = try CalendarExpression(parsing: written.text)
        var found: [Int64] = []
        var time = WallTime(milliseconds: after * 1_000)
        while let next = expression.next(after: time, in: zone, excluding: isExcluded),
            next.milliseconds <= until * 1_000
        {
            // A firing that is not after the last would be found for ever.
            try #require(next > time)
            found.append(next.milliseconds / 1_000)
            time = next
        }
        return found
    }

    /// Clock changes, all of whole minutes, and around each a time of day.
    private static let changes: [(zone: String, second: Int64, hours: ClosedRange<Int>)] = [
        ("Europe/Berlin", 1_774_746_000, 1...4), ("Europe/Berlin", 1_792_890_000, 1...4),
        ("America/New_York", 1_772_953_200, 1...4), ("America/New_York", 1_793_512_800, 0...3),
        ("Australia/Lord_Howe", 1_775_314_800, 0...3),
        ("Australia/Lord_Howe", 1_791_041_400, 1...4),
        ("America/Sao_Paulo", 1_541_300_400, 0...2), ("America/Sao_Paulo", 1_518_919_200, 22...23),
        ("Africa/Casablanca", 1_771_120_800, 1...4), ("Africa/Casablanca", 1_774_144_800, 1...4),
        ("Pacific/Apia", 1_325_239_200, 0...23), ("Asia/Kathmandu", 504_901_800, 0...1),
        ("Europe/Dublin", 1_774_746_000, 0...3), ("Antarctica/Troll", 1_774_746_000, 0...4),
        ("America/Nuuk", 1_774_746_000, 22...23), ("Asia/Gaza", 1_774_656_000, 0...3),
    ]

    @Test(arguments: 0..<16)
    func `around a change of clocks it fires as if every minute had been looked at`(
        index: Int
    ) throws {
        let change = Self.changes[index]
        let zone = Fixture.zone(change.zone)
        #expect(
            zone.offset(at: change.second - 1).secondsEast
                != zone.offset(at: change.second).secondsEast
        )
        var random = RandomExpression(seed: UInt64(100 + index))
        var chance = SeededBytes(seed: UInt64(200 + index))
        var firings = 0
        let clock = Clock(
            zone,
            from: change.second - 5 * 86_400,
            through: change.second + 60 * 3_600,
            step: 60
        )
        for _ in 0..<40 {
            let written = random.next(hours: change.hours)
            let after =
                change.second - Int64(chance.next(36)) * 3_600 - Int64(chance.next(2)) * 1_800
            let until = after + 54 * 3_600
            let day = chance.next(31) + 1
            let isExcluded: (CivilDate) -> Bool = { $0.day == day }
            let expected = slow(
                written,
                on: clock,
                after: after,
                until: until,
                excluding: isExcluded
            )
            guard (try? CalendarExpression(parsing: written.text)) != nil else {
                #expect(expected.isEmpty, "\(written.text) was refused")
                continue
            }
            let found = try fast(
                written,
                in: zone,
                after: after,
                until: until,
                excluding: isExcluded
            )
            #expect(found == expected, "\(written.text) in \(change.zone) after \(after)")
            firings += found.count
        }
        #expect(firings > 0)
    }

    @Test func `with seconds it fires as if every second had been looked at`() throws {
        let zone = Fixture.zone("Australia/Lord_Howe")
        var random = RandomExpression(seed: 6)
        for change in [1_775_314_800, 1_791_041_400] as [Int64] {
            let (after, until) = (change - 2_000, change + 4_000)
            let clock = Clock(zone, from: change - 9_000, through: until, step: 1)
            for _ in 0..<30 {
                let written = random.next(withSeconds: true, hours: 1...2)
                guard (try? CalendarExpression(parsing: written.text)) != nil else { continue }
                let expected = slow(
                    written,
                    on: clock,
                    after: after,
                    until: until,
                    excluding: { _ in false }
                )
                let found = try fast(
                    written,
                    in: zone,
                    after: after,
                    until: until,
                    excluding: { _ in false }
                )
                #expect(found == expected, "\(written.text) around \(change)")
            }
        }
    }

    /// The days that match, for years on end, against the days that the written meaning matches.
    @Test(arguments: 0..<8)
    func `over thirty years it fires on the days that were meant`(seed: Int) throws {
        var random = RandomExpression(seed: UInt64(300 + seed))
        let first = date("1999-12-30").dayNumber
        for _ in 0..<12 {
            let written = random.next()
            var expected: [Int64] = []
            for number in first..<first + 11_000 {
                let date = try #require(CivilDate(dayNumber: number))
                if written.day(date) { expected.append(number) }
            }
            guard let expression = try? CalendarExpression(parsing: written.text) else {
                #expect(expected.isEmpty, "\(written.text) was refused")
                continue
            }
            var found: [Int64] = []
            var time = WallTime(milliseconds: first * 86_400_000 - 1)
            while let next = expression.next(after: time, in: .utc) {
                try #require(next > time)
                let day = next.milliseconds / 86_400_000
                guard day < first + 11_000 else { break }
                found.append(day)
                time = WallTime(milliseconds: (day + 1) * 86_400_000 - 1)
            }
            #expect(found == expected, "\(written.text)")
        }
    }
}
