import Model
import Testing

@testable import Identity

@Suite struct RenewalTimeTests {
    let begin = WallTime(iso8601: "2026-11-23T07:00:00Z")!

    @Test func `Renewal falls at two thirds of life, a tenth of life to either side`() {
        let end = begin + .seconds(300_000)
        func at(_ seed: UInt64) -> Duration {
            RenewalTime.at(notBefore: begin, notAfter: end, seed: seed) - begin
        }
        #expect(at(1_000) == .seconds(200_000))
        #expect(at(0) == .seconds(170_000))
        #expect(at(2_000) == .seconds(230_000))
        #expect(at(2_001) == at(0))
    }

    @Test(arguments: 0..<200)
    func `Every seed renews within its bounds, and the same one at the same time`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let life = random.duration(in: .seconds(3_600)...Duration.days(397))
        let end = begin + life
        let drawn = random.next()
        let time = RenewalTime.at(notBefore: begin, notAfter: end, seed: drawn)
        let exact = (end - begin).wholeMilliseconds
        let after = (time - begin).wholeMilliseconds
        #expect(after >= exact * 56 / 100)
        #expect(after <= exact * 77 / 100)
        #expect(time == RenewalTime.at(notBefore: begin, notAfter: end, seed: drawn))
    }

    @Test func `Certificates issued together spread out, and none lives backwards`() {
        let end = begin + .days(7)
        let times = Set(
            (0..<2_001).map { RenewalTime.at(notBefore: begin, notAfter: end, seed: $0) }
        )
        #expect(times.count == 2_001)
        #expect(RenewalTime.at(notBefore: end, notAfter: begin, seed: 5) == end)
    }
}
