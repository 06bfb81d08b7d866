import Foundation
import Testing
import YAMLFiles

/// What is not taken of YAML, because it costs more than its text is long: a viewer may have the
/// controller read one.
@Suite struct YAMLShapeTests {
    private func problems(_ text: String) -> [String] {
        let reader = YAMLReader(path: "f.yaml")
        let document = reader.document(text)
        #expect((document == nil) == !reader.problems.isEmpty)
        return reader.problems.map(\.description)
    }

    private static let anchor =
        "an anchor (&) is not taken here: write out what is meant at each place; a text that begins "
        + "with & stands in quotes"
    private static let alias =
        "an alias (*) is not taken here: write out what is meant; a text that begins with * stands in "
        + "quotes"

    @Test(arguments: [
        ("a: &x 1", "1:4"), ("a: &x [1]", "1:4"), ("a:\n  - &x {b: 1}", "2:5"), ("&x a: 1", "1:1"),
        ("&x\na: 1", "1:1"), ("a: !!str &x b", "1:4"),
    ])
    func `an anchor is refused at its place`(text: String, place: String) {
        #expect(problems(text) == ["f.yaml:\(place): \(Self.anchor)"])
    }

    @Test func `an alias is refused at its place`() {
        #expect(problems("a: 1\nb: *x") == ["f.yaml:2:4: \(Self.alias)"])
        #expect(problems("a: [*x]") == ["f.yaml:1:5: \(Self.alias)"])
    }

    @Test func `what only looks like one is a text`() {
        #expect(
            problems("a: 'x &y'\nb: x &y *z\nc: |\n  &x\n  *x\nd: \"*x\" # &y\ne: a&b\nf: node.*")
                .isEmpty
        )
    }

    /// Each level is ten of the one below, and the last is a key: it would be walked in full.
    @Test func `a bomb of aliases does not go off`() {
        var lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
        for level in 1...12 {
            let items = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ",")
            lines.append("a\(level): &a\(level) [\(items)]")
        }
        lines += ["? *a12", ": 1"]
        #expect(problems(lines.joined(separator: "\n")) == ["f.yaml:1:5: \(Self.anchor)"])
    }

    @Test func `a chain of aliases is not walked`() {
        var lines = ["x:", "- &a0 [x]"]
        for link in 1...9_000 { lines.append("- &a\(link) [*a\(link - 1)]") }
        lines += ["? *a9000", ": 1"]
        #expect(problems(lines.joined(separator: "\n")) == ["f.yaml:2:3: \(Self.anchor)"])
    }

    /// A key is hashed whole, and so is each key within it.
    @Test(arguments: [
        ("{{{a: 1}: 2}: 3}", "1:3"), ("{[{[a]: 1}]: 2}", "1:4"), ("? ? ? a\n", "1:5"),
        ("k: {{{label}}}", "1:6"),
    ])
    func `a collection is no key within a key`(text: String, place: String) {
        #expect(
            problems(text) == [
                "f.yaml:\(place): a list or a mapping is not taken as a key within a key; a text that "
                    + "begins with { or [ stands in quotes"
            ]
        )
    }

    /// What a template looks like where its quotes were forgotten: who reads it says what is wrong.
    @Test func `a key may be a collection`() {
        #expect(problems("subject: {{label}}").isEmpty)
        #expect(problems("? [a, [b, {c: d}]]\n: [{[x]: y}]").isEmpty)
    }

    @Test(arguments: ["[", "- ", "k: {"])
    func `how deep it may go is bounded`(opening: String) {
        func text(_ depth: Int) -> String {
            switch opening {
            case "[":
                "k: " + String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
            case "- ": "k:\n  " + String(repeating: "- ", count: depth) + "a"
            default:
                "k: " + String(repeating: "{k: ", count: depth)
                    + String(repeating: "}", count: depth)
            }
        }
        // The document's own mapping is the first of the 32.
        #expect(problems(text(31)).isEmpty)
        let refused = problems(text(32))
        #expect(refused.count == 1)
        #expect(
            refused.first?.hasSuffix(": lists and mappings stand more than 32 deep in each other")
                == true
        )
        #expect(problems(text(900)).count == 1)
    }

    /// As small as threads have them anywhere; composing the deepest that is taken fits.
    @Test func `the deepest that is taken fits a small stack`() async {
        let text = "k: " + String(repeating: "{k: ", count: 31) + String(repeating: "}", count: 31)
        let count = await withCheckedContinuation { continuation in
            let thread = Thread {
                let reader = YAMLReader(path: "f.yaml")
                _ = reader.document(text)
                continuation.resume(returning: reader.problems.count)
            }
            thread.stackSize = 128 * 1_024
            thread.start()
        }
        #expect(count == 0)
    }

    @Test func `what is no YAML is told as before`() {
        #expect(problems("a: [1") == ["f.yaml:2:1: did not find expected ',' or ']'"])
        #expect(problems("a: 1\n---\nb: &x 2").count == 1)
        #expect(problems("").isEmpty)
    }
}
