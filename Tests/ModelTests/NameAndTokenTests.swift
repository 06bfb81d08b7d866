import Model
import Testing

struct IdentifierTests {
    @Test(arguments: [
        "a", "0", "node-1", "a.b_c-d", "0af2c1d4-6c1b-4e0a-9f5e-1b7d1a6c2e33",
        String(repeating: "x", count: 63),
    ])
    func `a name within the grammar is taken as it is`(text: String) {
        #expect(NodeName(text)?.text == text)
    }

    @Test(arguments: [
        "", "A", "-a", ".a", "_a", "a b", "a/b", "a\n", "é", "ａ", "a\u{301}", "a\0",
        "..", "a:b", "a=b", "a\"", String(repeating: "x", count: 64),
    ])
    func `any other name is refused`(text: String) {
        #expect(NodeName(text) == nil)
    }

    @Test func `every single byte is taken or refused as the grammar says`() {
        for byte in UInt8.min...127 {
            let letter = String(Unicode.Scalar(byte))
            let first = "abcdefghijklmnopqrstuvwxyz0123456789".contains(letter)
            #expect(NodeName.isValid(letter) == first)
            #expect(NodeName.isValid("a" + letter) == (first || "._-".contains(letter)))
        }
    }

    @Test func `names are ordered by their bytes`() {
        let names: [NodeName] = ["-", ".", "0", "_", "a"].compactMap { NodeName("a" + $0) }
        #expect(names.sorted() == names)
    }
}

struct TokenTests {
    @Test func `a token is written as fixed-width hexadecimal`() {
        let token = FencingToken(epoch: Epoch(generation: 1, counter: 3), session: 41)
        #expect(token.description == "0001.00000003.00000029")
        var task = token
        task.work = FencingToken.Work(task: 1_234, attempt: 2)
        #expect(task.description == "0001.00000003.00000029.00000000000004d2.0002")
        #expect(FencingToken.zero.description == "0000.00000000.00000000")
        let greatest = FencingToken(
            epoch: Epoch(generation: .max, counter: .max),
            session: .max,
            work: FencingToken.Work(task: .max, attempt: .max)
        )
        #expect(greatest.description == "ffff.ffffffff.ffffffff.ffffffffffffffff.ffff")
        #expect(FencingToken(greatest.description) == greatest)
    }

    @Test func `the order of two tokens is the order of their texts`() {
        for seed in 0..<20 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let tokens = (0..<60).map { _ in token(from: &generator) }
            for left in tokens {
                #expect(FencingToken(left.description) == left)
                for right in tokens {
                    let precedes = left.description.utf8
                        .lexicographicallyPrecedes(right.description.utf8)
                    #expect((left < right) == precedes)
                    #expect((left == right) == (left.description == right.description))
                }
            }
        }
    }

    /// Small numbers, so that equal parts are common, and now and then the greatest.
    private func token(from generator: inout SeededGenerator) -> FencingToken {
        func part(_ generator: inout SeededGenerator, _ greatest: UInt64) -> UInt64 {
            switch generator.below(8) {
            case 0: greatest
            case 1: generator.next() & greatest
            case 2: 15 + generator.below(2)
            default: generator.below(2)
            }
        }
        let epoch = Epoch(
            generation: UInt16(part(&generator, 0xffff)),
            counter: UInt32(part(&generator, 0xffff_ffff))
        )
        var token = FencingToken(epoch: epoch, session: UInt32(part(&generator, 0xffff_ffff)))
        if generator.chance(perMille: 500) {
            token.work = FencingToken.Work(
                task: part(&generator, .max),
                attempt: UInt16(part(&generator, 0xffff))
            )
        }
        return token
    }

    @Test(arguments: [
        "", "0001", "0001.00000003", "1.3.29", "0001.00000003.0000002", "0001.00000003.000000029",
        "0001.00000003.0000002A", "0001.00000003.+0000029", "0001.00000003.00000029.",
        "0001.00000003.00000029.00000000000004d2", "0001.00000003.00000029.4d2.0002",
        "0001.00000003.00000029.00000000000004d2.0002.0", ".0001.00000003.00000029",
        "0001 00000003 00000029", "0001.00000003.0000002٩", "0x01.00000003.00000029",
    ])
    func `a text of any other width or letters is no token`(text: String) {
        #expect(FencingToken(text) == nil)
    }

    @Test func `epochs are ordered by generation, then by counter`() {
        let epochs = [
            Epoch.zero, Epoch(generation: 0, counter: 9), Epoch(generation: 1, counter: 0),
            Epoch(generation: 1, counter: 10), Epoch(generation: 2, counter: 1),
        ]
        #expect(epochs.shuffled().sorted() == epochs)
        for epoch in epochs { #expect(Epoch(epoch.description) == epoch) }
        #expect(Epoch(generation: 1, counter: 3).description == "1.3")
    }

    @Test(arguments: [
        "", "1", "1.", ".3", "1.3.", "01.3", "1.03", "+1.3", "1.-3", "65536.0", "1.4294967296",
    ])
    func `an epoch has one way to be written`(text: String) {
        #expect(Epoch(text) == nil)
    }
}
