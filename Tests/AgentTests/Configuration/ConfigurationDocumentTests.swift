import AgentCore
import Model
import Testing

@testable import Agent

@Suite struct ConfigurationDocumentTests {
    private func read(_ bytes: [UInt8]) -> (document: ConfigurationDocument, errors: [String]) {
        let problems = ConfigurationProblems(file: "f")
        let document = ConfigurationDocument(bytes, problems: problems)
        return (document, problems.sorted.map(\.description))
    }

    private func words(_ value: String) throws -> [String] {
        var splitter = WordSplitter(Array(value.unicodeScalars)[...], firstColumn: 1)
        return try splitter.words().map(\.text)
    }

    @Test(arguments: [
        ("a b  c", ["a", "b", "c"]),
        ("'a b' c", ["a b", "c"]),
        ("\"a b\"'c d'e", ["a bc de"]),
        (#""a \"b\" \\ \n \$x""#, [#"a "b" \ \n $x"#]),
        (#"'a\b'"#, [#"a\b"#]),
        (#"a\ b \'c"#, ["a b", "'c"]),
        ("'' \"\"", ["", ""]),
        ("'|' \\> \"#x\" a#b a;b", ["|", ">", "#x", "a#b", "a;b"]),
        ("*.conf ~ $HOME `id` $(id)", ["*.conf", "~", "$HOME", "`id`", "$(id)"]),
        ("\ta\tb", ["a", "b"]),
    ])
    func `a value is split as a shell would, and nothing more`(
        _ value: String,
        _ expected: [String]
    ) throws {
        #expect(try words(value) == expected)
    }

    @Test(arguments: ["'a", "\"a", "\"a\\\"", "a\\", "a | b", "a && b", "a > b", "a 2>&1", "#b"])
    func `an open quote, a loose backslash and shell words are refused`(_ value: String) {
        #expect(throws: WordSplitter.Problem.self) { try words(value) }
    }

    @Test(arguments: [
        ("x", "f:1:1: expected [section], key = value, or # comment"),
        ("a = b", "f:1:1: a: stands before the first [section]"),
        ("[s]\n  = b", "f:2:3: a key is missing before ="),
        ("[s]\na =", "f:2:4: a: has no value (leave the line out for the default)"),
        ("[s", "f:1:1: a section is written [name], alone on its line"),
        ("[s] # x", "f:1:1: a section is written [name], alone on its line"),
        ("[]", "f:1:1: a section is written [name] or [check name]"),
        ("[a b c]", "f:1:1: a section is written [name] or [check name]"),
        ("[s]\n[s]", "f:2:1: [s]: given twice (first on line 1)"),
        ("[s]\na = 'x", "f:2:5: a: the quote ' opened here is never closed"),
        ("[s]\na = \u{1B}[31m", "f:2:5: a control character"),
        ("[s]\na = \u{202E}x", "f:2:5: a control character"),
    ])
    func `a mistake of syntax is told with its place`(_ text: String, _ error: String) {
        #expect(read(Array(text.utf8)).errors == [error])
    }

    @Test func `columns count characters, not bytes`() {
        #expect(
            read(Array("[s]\n\u{E4}\u{1F600} = 'x".utf8)).errors
                == ["f:2:6: \u{E4}\u{1F600}: the quote ' opened here is never closed"]
        )
    }

    @Test func `lines may end as on Windows, and the last without an end`() {
        let (document, errors) = read(Array("[s]\r\na = b\r\n\r\n# c\r\nd = e".utf8))
        #expect(errors == [])
        #expect(document.sections.first?.entries.map(\.key) == ["a", "d"])
        #expect(document.sections.first?.entries.map(\.raw) == ["b", "e"])
    }

    @Test func `what is not UTF-8 is refused on its line alone`() {
        let (document, errors) = read(Array("[s]\na = b\n".utf8) + [0xC3, 0x28, 10, 0x64, 61, 49])
        #expect(errors == ["f:3:1: not UTF-8 text"])
        #expect(document.sections.first?.entries.map(\.key) == ["a", "d"])
    }

    @Test func `limits hold at their edge`() {
        let line = "a = " + String(repeating: "x", count: ConfigurationDocument.lineMax - 4)
        #expect(read(Array("[s]\n\(line)".utf8)).errors == [])
        #expect(read(Array("[s]\n\(line)x".utf8)).errors.first?.contains("longer than") == true)
        let file = [UInt8](repeating: 10, count: ConfigurationDocument.sizeMax)
        #expect(read(file).errors == [])
        #expect(read(file + [10]).errors.first?.contains("larger than") == true)
        let many = String(repeating: "x\n", count: 1_000)
        #expect(read(Array(many.utf8)).errors.count == ConfigurationDocument.problemsMax + 1)
    }

    @Test(arguments: 0..<500)
    func `no bytes whatever take the reader down`(_ seed: UInt64) {
        var generator = Scramble(state: seed)
        let alphabet =
            Array("[]=#;'\"\\ \t\n\rab-_:/.0%service check start\u{E9}".utf8) + [0, 0xFF, 0xC3]
        let bytes = (0..<Int.random(in: 0...400, using: &generator)).map { _ in
            alphabet.randomElement(using: &generator)!
        }
        let problems = ConfigurationProblems(file: "f")
        let isService = Bool.random(using: &generator)
        if isService {
            _ = ServiceDefinition(bytes, name: "x", problems: problems)
        } else {
            _ = NodeConfiguration(bytes, problems: problems)
        }
        #expect(problems.errors.allSatisfy { !$0.message.contains("\n") })
    }

    @Test func `an unknown key is told with its neighbour and its siblings`() {
        #expect(
            readAgent("[load]\nintervall = 5s").errors == [
                "/etc/muster/agent.conf:2:1: intervall: not a key of [load] "
                    + "(did you mean interval? keys: interval, disks)"
            ]
        )
        #expect(
            readAgent("[lod]\n").errors == [
                "/etc/muster/agent.conf:1:1: [lod]: not a section of this file "
                    + "(did you mean [load]? sections: agent, load, preflight, "
                    + "submit, observe, files, private, version)"
            ]
        )
        #expect(
            readAgent("[load]\ninterval = 5s\ninterval = 6s").errors == [
                "/etc/muster/agent.conf:3:1: interval: given twice (first on line 2)"
            ]
        )
    }
}

/// A small generator for tests (SplitMix64).
struct Scramble: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
