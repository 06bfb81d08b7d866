import Calendar
import Model
import Testing

/// A file may be anything: the only answers are an error or rules that always answer.
struct HostileZoneTests {
    private func code(_ bytes: [UInt8]) -> ZoneProblem.Code? {
        do {
            _ = try ZoneRules(tzif: bytes)
            return nil
        } catch {
            return error.code
        }
    }

    private func big(_ value: Int64, _ width: Int) -> [UInt8] {
        (0..<width).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * Int64($0))) }
    }

    private func header(
        _ version: Unicode.Scalar?,
        _ counts: [Int64] = [0, 0, 0, 0, 1, 4]
    ) -> [UInt8] {
        Array("TZif".utf8) + [version.map { UInt8(ascii: $0) } ?? 0]
            + Array(repeating: 0, count: 15) + counts.flatMap { big($0, 4) }
    }

    private let utcKind: [UInt8] = [0, 0, 0, 0, 0, 0] + Array("UTC\0".utf8)

    private func file(
        counts: [Int64],
        data: [UInt8],
        footer: String = "\nUTC0\n"
    ) -> [UInt8] {
        header("2", [0, 0, 0, 0, 0, 0]) + header("2", counts) + data + Array(footer.utf8)
    }

    @Test func `a small file that is right is read`() throws {
        let first = try ZoneRules(tzif: header(nil) + utcKind)
        #expect(first.offset(at: 9).abbreviation == "UTC")
        let second = try ZoneRules(tzif: file(counts: [0, 0, 0, 0, 1, 4], data: utcKind))
        #expect(second == ZoneRules.utc)
        let bare = file(counts: [0, 0, 0, 0, 1, 4], data: utcKind, footer: "\n\n")
        #expect(try ZoneRules(tzif: bare).offset(at: 9).abbreviation == "UTC")
    }

    /// 32 bits a time, and no rule: what holds at the last transition holds on.
    @Test func `a file of version 1 is read by its 32 bits`() throws {
        let data =
            big(-100, 4) + big(500, 4) + [1, 0]
            + big(3_600, 4) + [0, 0] + big(-7_200, 4) + [1, 4] + Array("ONE\0TWO\0".utf8)
        let zone = try ZoneRules(tzif: header(nil, [0, 0, 0, 2, 2, 8]) + data)
        let told = [-101, -100, 499, 500, 1 << 40].map { zone.offset(at: $0).secondsEast }
        #expect(told == [3_600, -7_200, -7_200, 3_600, 3_600])
        #expect(zone.offset(at: 0).isDaylight)
    }

    @Test(arguments: Fixture.zoneNames)
    func `a file that was cut anywhere is refused`(name: String) {
        let bytes = Fixture.bytes(name)
        for length in 0..<bytes.count {
            let found = code(Array(bytes[..<length]))
            #expect(found == .truncated || found == .notTZif, "\(name) cut at \(length)")
        }
        #expect(code(bytes + [0]) == .trailingBytes)
    }

    @Test(arguments: 0..<24)
    func `a file with wrong bytes is refused or answers, and never traps`(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let name = Fixture.zoneNames[seed % Fixture.zoneNames.count]
        let whole = Fixture.bytes(name)
        let expression = try CalendarExpression(parsing: "30 2 * * *")
        var accepted = 0
        for _ in 0..<150 {
            var bytes = whole
            for _ in 0...generator.below(3) {
                let place = Int(generator.below(UInt64(bytes.count)))
                bytes[place] = UInt8(truncatingIfNeeded: generator.next())
            }
            guard let zone = try? ZoneRules(tzif: bytes) else { continue }
            accepted += 1
            for _ in 0..<5 {
                let second = Int64(generator.below(8_000_000_000)) - 4_000_000_000
                _ = zone.offset(at: Int64(bitPattern: generator.next()))
                _ = zone.instants(of: try #require(CivilTime(seconds: second)))
                let after = WallTime(milliseconds: second * 1_000)
                if let next = expression.next(after: after, in: zone) { #expect(next > after) }
            }
        }
        #expect(accepted > 0)
    }

    @Test func `counts that promise more than there is cost nothing`() {
        for index in 0..<6 {
            for count in [200, 0x7fff_ffff, 0xffff_ffff] as [Int64] {
                var counts: [Int64] = [0, 0, 0, 0, 1, 4]
                counts[index] = count
                #expect(code(header(nil, counts) + utcKind) != nil)
                #expect(code(file(counts: counts, data: utcKind)) != nil)
                #expect(code(header("3", counts) + utcKind) == .truncated)
            }
        }
    }

    @Test func `a file that is too large is refused unread`() {
        let large = header(nil) + utcKind + Array(repeating: 0, count: ZoneRules.bytesMax)
        #expect(code(large) == .tooLarge)
    }

    @Test func `what is wrong with a file is said`() {
        let offset: (Int64) -> [UInt8] = { big($0, 4) + [0, 0] + Array("UTC\0".utf8) }
        let one: [Int64] = [0, 0, 0, 0, 1, 4]
        #expect(code(Array("GIF89a".utf8) + Array(repeating: 0, count: 60)) == .notTZif)
        #expect(code([]) == .notTZif)
        #expect(code(header("5") + utcKind) == .unknownVersion)
        #expect(code(header("1") + utcKind) == .unknownVersion)
        #expect(code(file(counts: [0, 0, 0, 0, 0, 4], data: [0, 0, 0, 0])) == .badCounts)
        #expect(code(file(counts: [0, 2, 0, 0, 1, 4], data: utcKind + [0, 0])) == .badCounts)
        let leap = utcKind + big(78_796_800, 8) + big(1, 4)
        #expect(code(file(counts: [0, 0, 1, 0, 1, 4], data: leap)) == .leapSeconds)
        #expect(code(file(counts: one, data: offset(93_600))) == .badType)
        #expect(code(file(counts: one, data: offset(-90_000))) == .badType)
        #expect(code(file(counts: one, data: offset(93_599))) == nil)
        #expect(code(file(counts: one, data: [0, 0, 0, 0, 2, 0] + utcKind[6...])) == .badType)
        #expect(code(file(counts: one, data: [0, 0, 0, 0, 0, 4] + utcKind[6...])) == .badType)
        #expect(code(file(counts: one, data: [0, 0, 0, 0, 0, 0] + Array("UTCX".utf8))) == .badType)
        #expect(
            code(file(counts: one, data: [0, 0, 0, 0, 0, 0] + Array("U\n \0".utf8))) == .badType
        )
        let index = big(5, 8) + [1] + utcKind
        #expect(code(file(counts: [0, 0, 0, 1, 1, 4], data: index)) == .badType)
        let twice = big(5, 8) + big(5, 8) + [0, 0] + utcKind
        #expect(code(file(counts: [0, 0, 0, 2, 1, 4], data: twice)) == .notAscending)
        #expect(code(file(counts: one, data: utcKind, footer: "\nUTC\n")) == .badRule)
        #expect(code(file(counts: one, data: utcKind, footer: "\nUTC0")) == .truncated)
        #expect(code(file(counts: one, data: utcKind, footer: "UTC0\n")) == .truncated)
        #expect(code(header("2") + utcKind + header("3") + utcKind) == .badCounts)
    }

    @Test func `a clock that is changed every second is answered for, and only so often`() throws {
        let count = Int64(ZoneRules.transitionsMax)
        func zone(_ count: Int64) throws -> ZoneRules {
            let times = (0..<count).flatMap { big($0, 8) }
            let indices = (0..<count).map { UInt8($0 % 2) }
            let kinds = big(-89_999, 4) + [0, 0] + big(93_599, 4) + [1, 0] + Array("UTC\0".utf8)
            return try ZoneRules(
                tzif: file(counts: [0, 0, 0, count, 2, 4], data: times + indices + kinds)
            )
        }
        #expect(throws: ZoneProblem.self) { try zone(count + 1) }
        let rules = try zone(count)
        let never: (CivilDate) -> Bool = { _ in true }
        for text in ["30 2 * * *", "* * * * * *", "0 0 29 2 *"] {
            let expression = try CalendarExpression(parsing: text)
            #expect(expression.next(after: WallTime(milliseconds: -1), in: rules) != nil)
            let after = WallTime(milliseconds: -1)
            #expect(expression.next(after: after, in: rules, excluding: never) == nil)
        }
    }
}
