import Model
import Protocol
import Testing

/// Each limit of what is said about tasks, one below, at, and one above.
struct WorkLimitTests {
    private func error(_ text: String, isAgent: Bool = true) throws -> MessageError? {
        let line = try Line.parse(text, limits: .member)
        do throws(MessageError) {
            if isAgent { _ = try AgentMessage(line) } else { _ = try ControllerMessage(line) }
            return nil
        } catch {
            return error
        }
    }

    private func key(_ error: MessageError?) -> String? {
        switch error {
        case nil: nil
        case .unknownVerb: "verb"
        case .missing(let key), .bad(let key, _): key
        }
    }

    /// `text` with each number in place of `#`: taken within the range, refused beside it.
    private func expectRange(
        _ range: ClosedRange<UInt64>,
        of key: String,
        in text: String,
        isAgent: Bool = true
    ) throws {
        func refused(_ number: UInt64) throws -> String? {
            let parts = text.split(separator: "#", omittingEmptySubsequences: false)
            return self.key(try error(parts.joined(separator: "\(number)"), isAgent: isAgent))
        }
        for number in [range.lowerBound, range.upperBound - 1, range.upperBound] {
            #expect(try refused(number) == nil, "\(text) \(number)")
        }
        if range.lowerBound > 0 { #expect(try refused(range.lowerBound - 1) == key, "\(text)") }
        #expect(try refused(range.upperBound + 1) == key, "\(text)")
    }

    private static let run =
        "RUN task=1 attempt=1 token=0001.00000003.00000029 handler=h type=T"
        + " submitted=2026-11-23T06:41:12.345Z"

    @Test func `every number about tasks is held to its range`() throws {
        let handler = "HANDLER name=h types=T delivery=exclusive"
        try expectRange(1...4_096, of: "slots", in: handler + " slots=#")
        try expectRange(0...4_096, of: "prefetch", in: handler + " slots=1 prefetch=#")
        try expectRange(0...864_000_000_000, of: "limit", in: handler + " slots=1 limit=#")
        for verb in ["STARTED", "HOLDING phase=ended", "RESULT outcome=done", "RETURNED code=busy"]
        {
            try expectRange(1...65_535, of: "attempt", in: verb + " task=0 attempt=#")
        }
        let result = "RESULT task=1 attempt=1 outcome=failed"
        try expectRange(0...255, of: "status", in: result + " status=#")
        try expectRange(1...127, of: "signal", in: result + " signal=#")
        for key in ["ran", "cpu"] {
            try expectRange(0...864_000_000_000, of: key, in: result + " \(key)=#")
        }
        for key in ["memory", "output"] {
            try expectRange(0...1 << 60, of: key, in: result + " \(key)=#")
        }
        try expectRange(0...1 << 60, of: "at", in: "OUTPUT task=1 attempt=1 data=QQ== at=#")
        let submit = "SUBMIT ref=1 type=T"
        try expectRange(0...9, of: "priority", in: submit + " priority=#")
        try expectRange(1...1_000, of: "attempts", in: submit + " attempts=#")
        try expectRange(0...864_000_000_000, of: "retry-delay", in: submit + " retry-delay=#")
        try expectRange(1_537...1_048_576, of: "payload", in: submit + " payload=#", below: "data")
        try expectRange(0...9, of: "priority", in: Self.run + " priority=#", isAgent: false)
        try expectRange(
            1_537...1_048_576,
            of: "payload",
            in: Self.run + " payload=#",
            below: "data",
            isAgent: false
        )
        try expectRange(0...1_048_575, of: "at", in: "PIECE ref=1 data=QQ== at=#")
        let part = "PART task=1 attempt=1 data=QQ== at=#"
        try expectRange(0...1_048_575, of: "at", in: part, isAgent: false)
    }

    /// A payload without its bytes: below the range they are missing from the line.
    private func expectRange(
        _ range: ClosedRange<UInt64>,
        of key: String,
        in text: String,
        below: String,
        isAgent: Bool = true
    ) throws {
        func refused(_ number: UInt64) throws -> String? {
            let parts = text.split(separator: "#", omittingEmptySubsequences: false)
            return self.key(try error(parts.joined(separator: "\(number)"), isAgent: isAgent))
        }
        #expect(try refused(range.lowerBound) == nil)
        #expect(try refused(range.upperBound) == nil)
        #expect(try refused(range.upperBound + 1) == key)
        #expect(try refused(range.lowerBound - 1) == below)
    }

    @Test func `a short payload stands whole in its line, and a long one not at all`() throws {
        for (text, isAgent) in [("SUBMIT ref=1 type=T", true), (Self.run, false)] {
            for size in [1, 2, 3, 1_535, 1_536] {
                for count in [size - 1, size, size + 1] {
                    let data = Base64.encode([UInt8](repeating: 7, count: count))
                    let line = text + " payload=\(size)" + (data.isEmpty ? "" : " data=\(data)")
                    let isWhole = count == size
                    #expect(key(try error(line, isAgent: isAgent)) == (isWhole ? nil : "data"))
                }
            }
            for size in [1_537, 3_072, 1_048_576] {
                for count in [1, 1_536, 1_537] {
                    let data = Base64.encode([UInt8](repeating: 7, count: count))
                    let line = text + " payload=\(size) data=\(data)"
                    #expect(key(try error(line, isAgent: isAgent)) == "data")
                }
            }
            #expect(try error(text + " data=QQ==", isAgent: isAgent) != nil)
            #expect(try error(text + " data=\"\"", isAgent: isAgent) == nil)
        }
    }

    @Test func `a part has 1 to 3072 bytes, none beyond the longest payload`() throws {
        for (text, isAgent) in [("PIECE ref=1", true), ("PART task=1 attempt=1", false)] {
            for count in [1, 2, 3_071, 3_072] {
                let data = Base64.encode([UInt8](repeating: 7, count: count))
                let last = 1_048_576 - count
                for (at, expected) in [(0, nil), (last - 1, nil), (last, nil), (last + 1, "data")]
                where at < 1_048_576 {
                    let line = text + " at=\(at) data=\(data)"
                    #expect(key(try error(line, isAgent: isAgent)) == expected, "\(at) \(count)")
                }
            }
            #expect(key(try error(text + " at=0", isAgent: isAgent)) == "data")
            #expect(key(try error(text + " at=0 data=\"\"", isAgent: isAgent)) == "data")
        }
        // One byte more is longer than a value may be.
        let data = Base64.encode([UInt8](repeating: 7, count: 3_073))
        #expect(throws: LineError.valueTooLong(limit: 4_096)) {
            try Line.parse("PIECE ref=1 at=0 data=\(data)", limits: .member)
        }
    }

    @Test func `texts that are carried exactly have at most 128 bytes`() throws {
        for bytes in [127, 128, 129] {
            for value in [
                String(repeating: "x", count: bytes),
                String(repeating: "é", count: bytes / 2) + (bytes % 2 == 1 ? "x" : ""),
            ] {
                for key in ["account", "exclusive", "key"] {
                    let found = try error("SUBMIT ref=1 type=T \(key)=\"\(value)\"")
                    #expect(self.key(found) == (bytes > 128 ? key : nil))
                }
                for key in ["account", "exclusive"] {
                    let found = try error("\(Self.run) \(key)=\"\(value)\"", isAgent: false)
                    #expect(self.key(found) == (bytes > 128 ? key : nil))
                }
            }
        }
    }

    @Test func `a handler has at most 32 types, each once, in any order`() throws {
        for (count, expected) in [(31, nil), (32, nil), (33, "types")] {
            let types = (0..<count).map { "T\($0)" }.joined(separator: ",")
            let text = "HANDLER name=h slots=1 delivery=exclusive types=\(types)"
            #expect(key(try error(text)) == expected)
        }
        let line = try Line.parse(
            "HANDLER name=h slots=1 delivery=exclusive types=b,A,a",
            limits: .member
        )
        guard case .work(.handler(let report)) = try AgentMessage(line) else {
            throw MessageError.unknownVerb
        }
        #expect(report.types.map(\.text) == ["A", "a", "b"])
    }
}
