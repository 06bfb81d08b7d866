import ControllerCore
import Model
import Testing

struct UnifiedDiffTests {
    func diff(_ old: String, _ new: String) -> [String] {
        UnifiedDiff(old: Array(old.utf8), new: Array(new.utf8), names: ("p/f", "l/f")).lines
    }

    @Test func `texts that are alike differ in nothing`() {
        #expect(diff("a\nb\n", "a\nb\n").isEmpty && diff("", "").isEmpty)
    }

    @Test func `a line that was changed stands between three others`() {
        let old = (1...9).map { "line \($0)\n" }.joined()
        #expect(
            diff(old, old.replacing("line 5", with: "line five")) == [
                "--- p/f", "+++ l/f", "@@ -2,7 +2,7 @@", " line 2", " line 3", " line 4",
                "-line 5", "+line five", " line 6", " line 7", " line 8",
            ]
        )
    }

    @Test func `changes far apart are hunks of their own, near ones are one`() {
        let lines = (1...30).map { "line \($0)\n" }
        var far = lines
        far[0] = "first\n"
        far[29] = "last\n"
        let apart = diff(lines.joined(), far.joined())
        #expect(apart.filter { $0.hasPrefix("@@") } == ["@@ -1,4 +1,4 @@", "@@ -27,4 +27,4 @@"])
        var near = lines
        near[9] = "ten\n"
        near[15] = "sixteen\n"
        let one = diff(lines.joined(), near.joined())
        #expect(one.filter { $0.hasPrefix("@@") } == ["@@ -7,13 +7,13 @@"])
    }

    @Test func `something against nothing, and an end without a line feed`() {
        #expect(diff("", "a\n") == ["--- p/f", "+++ l/f", "@@ -0,0 +1 @@", "+a"])
        #expect(
            diff("a\nb", "a\nb\n") == [
                "--- p/f", "+++ l/f", "@@ -1,2 +1,2 @@", " a", "-b",
                "\\ No newline at end of file", "+b",
            ]
        )
    }

    @Test func `control characters are made visible`() {
        #expect(diff("", "a\tb\u{1B}[31mc\r\\d\n").last == "+a\tb\\x1b[31mc\\x0d\\d")
    }

    /// Applies a diff to the old text, line by line, as `patch` would without any fuzz.
    private func patched(_ old: [String], _ diff: [String]) -> [String] {
        var result: [String] = []
        var at = 0
        for line in diff.dropFirst(2) {
            let body = String(line.dropFirst())
            switch line.first {
            case "@":
                let start = line.split(separator: " ")[1].dropFirst().split(separator: ",")
                var first = Int(start[0]) ?? 0
                if start.count > 1, start[1] == "0" { first += 1 }
                while at < first - 1 {
                    result.append(old[at])
                    at += 1
                }
            case " ":
                #expect(old[at] == body)
                result.append(body)
                at += 1
            case "-":
                #expect(old[at] == body)
                at += 1
            default: result.append(body)
            }
        }
        return result + old[at...]
    }

    @Test func `what a diff says makes the one text of the other, and it is short`() {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<400 {
            let old = (0..<generator.below(40)).map { _ in "\(generator.below(6))" }
            var new = old
            let edits = Int(generator.below(6))
            for _ in 0..<edits {
                let place = Int(generator.below(UInt64(new.count + 1)))
                if generator.below(2) == 0 || place == new.count {
                    new.insert("\(generator.below(9))", at: place)
                } else {
                    new.remove(at: place)
                }
            }
            let lines = diff(
                old.map { $0 + "\n" }.joined(),
                new.map { $0 + "\n" }.joined()
            )
            #expect(lines.isEmpty == (old == new))
            if !lines.isEmpty { #expect(patched(old, lines) == new) }
            let changed = lines.dropFirst(2).count { $0.hasPrefix("+") || $0.hasPrefix("-") }
            #expect(changed <= edits)
        }
    }

    @Test func `texts that have nothing in common are replaced as a whole`() {
        let old = (0..<3_000).map { "old \($0)\n" }.joined()
        let new = (0..<3_000).map { "new \($0)\n" }.joined()
        let lines = diff(old, new)
        #expect(lines.count == 6_003)
        #expect(lines[2] == "@@ -1,3000 +1,3000 @@" && lines[3] == "-old 0")
        #expect(lines[3_003] == "+new 0")
    }
}
