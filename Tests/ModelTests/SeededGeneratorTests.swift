import Model
import Testing

struct SeededGeneratorTests {
    /// Values of the authors' own C program (`splitmix64.c`, public domain).
    @Test(
        arguments: [
            (
                1_234_567,
                [
                    6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
                    4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
                ]
            ),
            (
                0,
                [
                    0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f,
                    0xf88b_b8a8_724c_81ec,
                ]
            ),
        ] as [(UInt64, [UInt64])]
    )
    func `its numbers are those of SplitMix64`(seed: UInt64, expected: [UInt64]) {
        var generator = SeededGenerator(seed: seed)
        #expect(expected.map { _ in generator.next() } == expected)
    }

    @Test func `a bounded number is within its bounds and reaches all of them`() {
        var generator = SeededGenerator(seed: 7)
        var counts = [Int](repeating: 0, count: 6)
        for _ in 0..<6_000 { counts[Int(generator.below(6))] += 1 }
        #expect(counts.allSatisfy { (800...1_200).contains($0) })
        #expect(generator.below(1) == 0)
    }

    @Test func `a duration comes from its whole range`() {
        var generator = SeededGenerator(seed: 7)
        let range = Duration.nanoseconds(3)...Duration.nanoseconds(5)
        let drawn = Set((0..<200).map { _ in generator.duration(in: range).nanoseconds })
        #expect(drawn == [3, 4, 5])
        #expect(generator.duration(in: .zero ... .zero) == .zero)
    }

    @Test func `a chance of none never comes, and of all always`() {
        var generator = SeededGenerator(seed: 7)
        let never = (0..<1_000).filter { _ in generator.chance(perMille: 0) }
        let always = (0..<1_000).filter { _ in generator.chance(perMille: 1_000) }
        #expect(never.isEmpty)
        #expect(always.count == 1_000)
    }

    @Test func `a copy goes on as its original does`() {
        var generator = SeededGenerator(seed: 7)
        _ = generator.next()
        var copy = generator
        #expect((0..<9).map { _ in copy.next() } == (0..<9).map { _ in generator.next() })
    }
}
