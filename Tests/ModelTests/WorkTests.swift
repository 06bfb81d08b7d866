import Model
import Testing

struct TaskNameTests {
    @Test(arguments: [
        "PUSH", "a", "Z", "FM_TRIGGERED", "thumb.small-1", "a_", String(repeating: "x", count: 62),
        String(repeating: "x", count: 63),
    ])
    func `a type within the grammar is taken as it is`(text: String) {
        #expect(TaskType(text)?.text == text)
        #expect(TaskType(text)?.description == text)
    }

    @Test(arguments: [
        "", "1a", "_a", "-a", ".a", "a b", "a/b", "a;b", "a=b", "a\\b", "a\n", "a\0", "é", "aé",
        "ａ", "a\u{301}", "a:b", "$(id)", String(repeating: "x", count: 64),
    ])
    func `any other type is refused`(text: String) {
        #expect(TaskType(text) == nil)
    }

    @Test func `the types that are known are types, in capitals, and capitals count`() {
        #expect(
            TaskType.known.map(\.text) == ["PUSH", "PULL", "PGP", "FM_TRIGGERED", "MAINTENANCE"]
        )
        #expect(TaskType.known.allSatisfy { TaskType($0.text) == $0 })
        #expect(TaskType("push") != .push)
        #expect([TaskType.push, .pull, .pgp].sorted() == [.pgp, .pull, .push])
    }

    @Test func `a task's key is ordered as its number is, and read again`() throws {
        let numbers: [UInt64] = [
            0, 1, 9, 10, 15, 16, 255, 256, 4_095, 1 << 32, UInt64(Int64.max), .max - 1, .max,
        ]
        let keys = numbers.map { TaskID($0).storeKey }
        #expect(keys == keys.sorted())
        #expect(keys.allSatisfy { $0.utf8.count == 16 })
        #expect(keys[7] == "0000000000000100")
        #expect(keys.map { TaskID(storeKey: $0) } == numbers.map { TaskID($0) })
        #expect(numbers.map { TaskID($0) }.sorted().map(\.number) == numbers)
        #expect(TaskID(1_234).description == "1234")
    }

    @Test(arguments: [
        "", "0", "100", "00000000000000100", "000000000000000g", "000000000000000A",
        "+000000000000100", "-000000000000000", " 000000000000100", "0x00000000000100",
        "000000000000010é",
    ])
    func `what is no key of a task is not read as one`(text: String) {
        #expect(TaskID(storeKey: text) == nil)
    }

    @Test func `attempts are in the order of their tasks, then of their numbers`() {
        let attempts = [(2, 1), (1, 2), (10, 1), (1, 10)].map {
            TaskAttempt(task: TaskID($0), attempt: $1)
        }
        #expect(attempts.sorted().map(\.description) == ["1.2", "1.10", "2.1", "10.1"])
    }
}

struct TaskAttributeTests {
    private func attribute(_ name: String, _ value: String) throws -> TaskAttribute {
        try #require(TaskAttribute(name: name, value: value))
    }

    @Test func `a value has at most 256 bytes, and a name 63`() {
        for (length, isGood) in [(255, true), (256, true), (257, false)] {
            let value = String(repeating: "v", count: length)
            #expect((TaskAttribute(name: "a", value: value) != nil) == isGood)
            let wide = String(repeating: "é", count: length / 2) + (length % 2 == 1 ? "x" : "")
            #expect((TaskAttribute(name: "a", value: wide) != nil) == isGood)
        }
        for (length, isGood) in [(62, true), (63, true), (64, false)] {
            let name = String(repeating: "n", count: length)
            #expect((TaskAttribute(name: name, value: "") != nil) == isGood)
        }
        #expect(TaskAttribute(name: "", value: "a") == nil)
        #expect(TaskAttribute(name: "1", value: "a") == nil)
    }

    /// What a line replaces by another character would come back as another value.
    @Test func `a value holds nothing that no line may hold`() {
        for value in 0...0x10ffff as ClosedRange<UInt32> {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let isTaken = TaskAttribute(name: "a", value: "x\(scalar)y") != nil
            if isTaken != scalar.isPlain { Issue.record("U+\(String(value, radix: 16))") }
        }
        for hostile in ["\n", "\t", "\r\n", "\0", "\u{85}", "\u{2028}", "\u{202e}", "\u{ffff}"] {
            #expect(TaskAttribute(name: "a", value: hostile) == nil)
        }
    }

    @Test func `the first equals sign ends the name`() throws {
        let parsed = TaskAttribute(parsing: "a=b=c")
        #expect(parsed == (try attribute("a", "b=c")))
        #expect(TaskAttribute(parsing: "a=") == (try attribute("a", "")))
        // An accent on the sign is the value's first scalar, not part of the sign.
        let accented = try #require(TaskAttribute(parsing: "a=\u{338}b=c"))
        #expect(Array(accented.value.unicodeScalars) == ["\u{338}", "b", "=", "c"])
        for text in ["", "a", "=", "=a", "a b=c", "é=a", "a\u{301}=b", "a＝b"] {
            #expect(TaskAttribute(parsing: text) == nil)
        }
    }

    @Test func `several are written sorted, and what parts them is escaped`() throws {
        let attributes = [
            try attribute("region", "eu"), try attribute("A", "x;y"), try attribute("b", "c\\d"),
            try attribute("empty", ""),
        ]
        let text = TaskAttribute.text(of: attributes)
        #expect(text == #"A=x\;y;b=c\\d;empty=;region=eu"#)
        #expect(TaskAttribute.attributes(parsing: text) == attributes.sorted())
        #expect(TaskAttribute.text(of: []).isEmpty)
        #expect(TaskAttribute.attributes(parsing: "") == [])
        #expect(TaskAttribute.attributes(parsing: "b=2;a=1")?.map(\.name) == ["a", "b"])
    }

    @Test(arguments: [
        "a", ";", "a=1;", ";a=1", "a=1;;b=2", "a=1;a=2", "a=1;a=1", "a=1;b", #"a=\"#, #"a=\b"#,
        #"a=\n"#, #"a\;=1"#, #"\a=1"#, #"a=1\;b"#, "a=1;1=2", "a=\n", "a=1; b=2", "a=\u{2028}",
    ])
    func `what is not attributes is not read as some`(text: String) {
        // The last but few of these are one attribute with a `;` in its value.
        if text == #"a=1\;b"# {
            #expect(TaskAttribute.attributes(parsing: text)?.map(\.value) == ["1;b"])
        } else {
            #expect(TaskAttribute.attributes(parsing: text) == nil)
        }
    }

    @Test func `a sign that only looks like the one that parts is a part of the value`() {
        // The Greek question mark is another scalar and the same character.
        let text = "a=1\u{37e}b=2"
        #expect(TaskAttribute.attributes(parsing: text)?.count == 1)
        let value = TaskAttribute.attributes(parsing: text)?.first?.value.unicodeScalars
        #expect(value.map(Array.init) == ["1", "\u{37e}", "b", "=", "2"])
    }

    @Test func `at most 16 are read, and 2048 bytes`() throws {
        for (count, isGood) in [(15, true), (16, true), (17, false)] {
            let text = (0..<count).map { "a\($0)=v" }.joined(separator: ";")
            #expect((TaskAttribute.attributes(parsing: text) != nil) == isGood, "\(count)")
        }
        let eight = (0..<8).map { "a\($0)=" + String(repeating: "v", count: 250) }
        for (length, isGood) in [(2_047, true), (2_048, true), (2_049, false)] {
            var text = eight.joined(separator: ";")
            text += ";b=" + String(repeating: "w", count: length - text.utf8.count - 3)
            #expect(text.utf8.count == length)
            #expect((TaskAttribute.attributes(parsing: text) != nil) == isGood, "\(length)")
        }
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func `whatever values are taken are read again, scalar by scalar`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let hostile: [Unicode.Scalar] = [
            ";", "\\", "=", "\"", " ", "\u{301}", "\u{338}", "\u{37e}", "\u{200d}", "é", "👩",
            "\u{1f1e9}", "\u{1f1ea}", "\u{feff}", "a",
        ]
        for _ in 0..<400 {
            var attributes: [TaskAttribute] = []
            for index in 0..<generator.below(9) {
                var value = ""
                for _ in 0..<generator.below(20) {
                    let scalar = hostile[Int(generator.below(UInt64(hostile.count)))]
                    value.unicodeScalars.append(scalar)
                }
                attributes.append(try attribute("n\(index)", value))
            }
            let text = TaskAttribute.text(of: attributes)
            let read = try #require(TaskAttribute.attributes(parsing: text), "\(text)")
            #expect(read.map(\.name) == attributes.map(\.name))
            #expect(read.map { Array($0.value.utf8) } == attributes.map { Array($0.value.utf8) })
        }
    }
}
