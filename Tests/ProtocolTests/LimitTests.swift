import Model
import Protocol
import Testing

/// Every limit one below, at, and one above, for each class of peer.
struct LimitTests {
    struct Class: Sendable, CustomTestStringConvertible {
        var name: String
        var limits: LineLimits
        var testDescription: String { name }
    }

    static let classes = [
        Class(name: "stranger", limits: .stranger),
        Class(name: "member", limits: .member),
        Class(name: "record", limits: .record),
    ]

    private func error(_ text: String, _ limits: LineLimits) -> LineError? {
        do throws(LineError) {
            _ = try Line.parse(text, limits: limits)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: classes)
    func `a line may have so many bytes`(peer: Class) {
        let limit = peer.limits.lineBytesMax
        for (bytes, expected) in [
            (limit - 1, nil), (limit, nil), (limit + 1, LineError.tooLong(limit: limit)),
        ] {
            // As few fields as the length of a value allows, so that no other limit is met.
            var text = "V"
            var number = 0
            while text.utf8.count < bytes {
                let head = " a\(number)="
                let room = bytes - text.utf8.count - head.utf8.count
                // What is left must never be too little for another field.
                let size = min(room, peer.limits.valueBytesMax - 20)
                let isShort = room > size && room - size < 20
                text += head + String(repeating: "x", count: isShort ? size - 20 : size)
                number += 1
            }
            #expect(text.utf8.count == bytes)
            #expect(error(text, peer.limits) == expected)
        }
    }

    @Test(arguments: classes)
    func `a line may have so many fields`(peer: Class) {
        let limit = peer.limits.fieldsMax
        for (count, expected) in [
            (limit - 1, nil), (limit, nil), (limit + 1, LineError.tooManyFields(limit: limit)),
        ] {
            let fields = (0..<count).map { " a\(String($0, radix: 36))=1" }.joined()
            #expect(error("V" + fields, peer.limits) == expected)
        }
    }

    @Test(arguments: classes)
    func `a key may have so many bytes`(peer: Class) {
        let limit = peer.limits.keyBytesMax
        for (bytes, expected) in [
            (limit - 1, nil), (limit, nil), (limit + 1, LineError.keyTooLong(limit: limit)),
        ] {
            #expect(error("V \(String(repeating: "k", count: bytes))=1", peer.limits) == expected)
        }
    }

    @Test(arguments: [LimitTests.classes[0], LimitTests.classes[1]])
    func `a value may have so many bytes, counted without its quoting`(peer: Class) {
        let limit = peer.limits.valueBytesMax
        for (bytes, expected) in [
            (limit - 1, nil), (limit, nil), (limit + 1, LineError.valueTooLong(limit: limit)),
        ] {
            let value = String(repeating: "v", count: bytes)
            #expect(error("V k=\(value)", peer.limits) == expected)
            #expect(error("V k=\"\(value)\"", peer.limits) == expected)
            let quoted = String(repeating: "\\\"", count: bytes / 2 + bytes % 2)
            let mixed = quoted + String(repeating: "v", count: bytes / 2)
            #expect(error("V k=\"\(mixed)\"", peer.limits) == expected)
        }
    }

    /// A record's value may be as long as its line, so the line's own limit comes first; the limit
    /// of the value is shown with limits that differ.
    @Test func `a record's value may have so many bytes`() {
        var limits = LineLimits.record
        limits.lineBytesMax += 100
        for (bytes, expected) in [
            (limits.valueBytesMax - 1, nil), (limits.valueBytesMax, nil),
            (limits.valueBytesMax + 1, LineError.valueTooLong(limit: limits.valueBytesMax)),
        ] {
            #expect(error("V k=" + String(repeating: "v", count: bytes), limits) == expected)
        }
    }

    @Test func `a verb may have 32 letters`() {
        for (letters, expected) in [(31, nil), (32, nil), (33, LineError.badVerb)] {
            #expect(error(String(repeating: "V", count: letters), .member) == expected)
        }
    }

    @Test func `the sets of limits are those of the page`() {
        #expect(
            LineLimits.stranger
                == LineLimits(
                    lineBytesMax: 2_048,
                    fieldsMax: 8,
                    keyBytesMax: 32,
                    valueBytesMax: 1_024
                )
        )
        #expect(
            LineLimits.member
                == LineLimits(
                    lineBytesMax: 8_192,
                    fieldsMax: 32,
                    keyBytesMax: 32,
                    valueBytesMax: 4_096
                )
        )
    }

    @Test(.timeLimit(.minutes(1)))
    func `a record with all its fields is read in a moment`() throws {
        let fields = (0..<LineLimits.record.fieldsMax).map { " k\(String($0, radix: 36))=" + "1" }
        let line = try Line.parse("PUT" + fields.joined(), limits: .record)
        #expect(line.fields.count == LineLimits.record.fieldsMax)
        let again = fields.dropLast().joined() + " k0=2"
        #expect(throws: LineError.duplicateKey) { try Line.parse("PUT" + again, limits: .record) }
    }
}
