import Model
import Protocol
import Testing

/// The parser against a slow one that is written from the page, on lines that are almost good.
struct DifferentialTests {
    private static let pieces: [[UInt8]] = [
        [32], [32, 32], [34], [92], [61], [10], [0], [9], [127], [45], [46], [0x80], [0xff],
        [0xc3], [0xc3, 0xa9], [0xe2, 0x80, 0xa8], [0xe2, 0x80, 0xae], [0xef, 0xbf, 0xbe],
        [0xf0, 0x9f, 0x98, 0x80], [0xcc, 0x81], [0xc2, 0x80], [0xef, 0xb7, 0x90],
        Array("\\n".utf8), Array("\\\"".utf8), Array(" k=v".utf8), Array(" k=\"\"".utf8),
        Array("\" ".utf8), Array("=\"".utf8), [65], [97], [48],
    ]

    /// Small limits, so that they are met as often as the rest of the grammar.
    private static let tight = LineLimits(
        lineBytesMax: 160,
        fieldsMax: 6,
        keyBytesMax: 9,
        valueBytesMax: 40
    )

    private func mutated(_ line: [UInt8], by generator: inout SeededGenerator) -> [UInt8] {
        var bytes = line
        for _ in 0..<generator.below(4) {
            let at = Int(generator.below(UInt64(bytes.count + 1)))
            let piece = Self.pieces[Int(generator.below(UInt64(Self.pieces.count)))]
            switch generator.below(6) {
            case 0 where at < bytes.count: bytes.remove(at: at)
            case 1 where at < bytes.count: bytes[at] = UInt8(generator.below(256))
            case 2: bytes.removeSubrange(at...)
            case 3:
                let length = min(bytes.count - at, Int(generator.below(40)))
                bytes.insert(contentsOf: bytes[at..<at + length], at: at)
            default: bytes.insert(contentsOf: piece, at: at)
            }
        }
        return bytes
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func `both parsers take and refuse the same lines and read the same in them`(seed: UInt64) {
        let golden = GoldenTests.entries.map { Array($0.text.utf8) }
        var generator = SeededGenerator(seed: seed)
        var taken = 0
        let rounds = 4_000
        for round in 0..<rounds {
            let line = golden[Int(generator.below(UInt64(golden.count)))]
            let bytes = mutated(line, by: &generator)
            let limits = generator.chance(perMille: 300) ? Self.tight : .member
            let expected = ReferenceParser.parse(bytes, limits)
            let actual = try? Line.parse(bytes[...], limits: limits)
            taken += actual == nil ? 0 : 1
            #expect(sameBytes(actual, expected), "seed \(seed) round \(round): \(bytes)")
        }
        // Neither side of the comparison may be all there is.
        #expect(taken > rounds / 10)
        #expect(taken < rounds * 9 / 10)
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `what is read and written is read again as the same message`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var messages = 0
        for _ in 0..<3_000 {
            let entry = GoldenTests.entries[
                Int(generator.below(UInt64(GoldenTests.entries.count)))
            ]
            let bytes = mutated(Array(entry.text.utf8), by: &generator)
            guard let line = try? Line.parse(bytes[...], limits: .member) else { continue }
            if entry.isAgent, let message = try? AgentMessage(line) {
                let again = try Line.parse(message.line.bytes.dropLast(), limits: .member)
                #expect(try AgentMessage(again) == message)
                messages += 1
            } else if !entry.isAgent, let message = try? ControllerMessage(line) {
                let again = try Line.parse(message.line.bytes.dropLast(), limits: .member)
                #expect(try ControllerMessage(again) == message)
                messages += 1
            }
        }
        #expect(messages > 500)
    }

    /// Strings are equal when they look the same; here they must be the same bytes.
    private func sameBytes(_ left: Line?, _ right: Line?) -> Bool {
        guard let left, let right else { return left == nil && right == nil }
        return left.verb == right.verb && left.fields.map(\.key) == right.fields.map(\.key)
            && left.fields.map { Array($0.value.utf8) } == right.fields.map { Array($0.value.utf8) }
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `any text survives being quoted, but for what no line may hold`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<1_500 {
            let value = text(from: &generator)
            let written = Line(verb: "NOTE", fields: [Line.Field(key: "text", value: value)])
            #expect(written.bytes.last == 10)
            #expect(!written.bytes.dropLast().contains(10))
            let read = try Line.parse(written.bytes.dropLast(), limits: .member)
            let scalars = value.unicodeScalars.map { scalar -> Unicode.Scalar in
                scalar == "\n" || scalar == "\t" || !ReferenceParser.isForbidden(scalar)
                    ? scalar : "\u{fffd}"
            }
            #expect(read["text"].map { Array($0.unicodeScalars) } == scalars)
        }
    }

    private func text(from generator: inout SeededGenerator) -> String {
        var text = ""
        for _ in 0..<generator.below(60) {
            let value =
                switch generator.below(6) {
                case 0: UInt32(generator.below(0x20))
                case 1: UInt32(generator.below(0x110000))
                case 2: UInt32(0x2000 + generator.below(0x80))
                case 3: [34, 92, 10, 9, 32, 61][Int(generator.below(6))] as UInt32
                default: UInt32(generator.below(0x100))
                }
            if let scalar = Unicode.Scalar(value) { text.unicodeScalars.append(scalar) }
        }
        return text
    }
}
