import AgentCore
import Model
import Testing

struct PatternTests {
    @Test(arguments: [
        ("*.conf", "app.conf", true), ("*.conf", ".conf", true), ("*.conf", "app.conf~", false),
        ("app?", "app1", true), ("app?", "app", false), ("app?", "appö", true),
        ("[a-c]x", "bx", true), ("[a-c]x", "dx", false), ("[!a-c]x", "dx", true),
        ("[!a]", "ö", true), ("[a]]", "a]", true), ("\\*", "*", true), ("\\*", "x", false),
        ("a*b*c", "a-b-b-c", true), ("a*b*c", "a-c-b", false), ("**", "anything", true),
        ("", "", true), ("*", "", true),
    ])
    func `a name matches or does not`(pattern: String, name: String, matches: Bool) throws {
        #expect(try #require(NamePattern(pattern)).matches(name.utf8) == matches)
    }

    @Test(arguments: ["[", "[a", "[]", "a\\", "[b-a]", "[ö]"])
    func `what is no pattern is refused`(pattern: String) {
        #expect(NamePattern(pattern) == nil)
    }

    @Test func `a pattern of many stars takes no time that grows without bound`() throws {
        let pattern = try #require(NamePattern(String(repeating: "*a", count: 50) + "b"))
        #expect(!pattern.matches(Array(repeating: UInt8(ascii: "a"), count: 250)))
    }

    @Test(arguments: [
        ("/etc/app/*.conf", "etc/app/a.conf", true), ("/etc/app/*.conf", "etc/app/x/a.conf", false),
        ("/etc/**/*.conf", "etc/a.conf", true), ("/etc/**/*.conf", "etc/a/b/c.conf", true),
        ("/etc/**", "etc/a", true), ("/etc/**", "etc/a/b", true), ("/etc/**", "etc", false),
        ("**/bin/*", "bin/x", true), ("**/bin/*", "opt/app/bin/x", true),
        ("**/bin/*", "opt/bin/app/x", false), ("a/**/b/**/c", "a/b/c", true),
        ("a/**/b/**/c", "a/x/b/y/z/c", true), ("a/**/b/**/c", "a/x/c", false),
        ("/opt/./x", "opt/x", false),
    ])
    func `a path matches or does not`(pattern: String, path: String, matches: Bool) {
        let found = PathPattern(pattern)?.matches(path.split(separator: "/").map { Array($0.utf8) })
        #expect((found ?? false) == matches)
    }

    @Test func `a walk knows where nothing can match, and which names alone can`() throws {
        let pattern = try #require(PathPattern("/opt/app/*/conf"))
        let root = pattern.start
        #expect(root.onlyNames == [Array("opt".utf8)])
        let app = root.entering(Array("opt".utf8)).entering(Array("app".utf8))
        #expect(app.onlyNames == nil)
        #expect(root.entering(Array("etc".utf8)).isDead)
        let end = app.entering(Array("v1".utf8)).entering(Array("conf".utf8))
        #expect(end.isComplete && !end.maySucceedBelow)
    }

    @Test func `what is ignored is a name anywhere, or a path`() throws {
        func names(_ path: String) -> [[UInt8]] {
            path.split(separator: "/").map { Array($0.utf8) }
        }
        let name = try #require(IgnorePattern("*.log"))
        #expect(name.ignores(names("var/log/a.log")) && !name.ignores(names("var/a.logs")))
        let path = try #require(IgnorePattern("/var/cache/**"))
        #expect(path.ignores(names("var/cache/x/y")) && !path.ignores(names("x/var/cache/y")))
    }
}

struct NormaliserTests {
    let values = NodeValues(
        name: "l-1",
        site: "lyon",
        hostname: "l-1.example.org",
        addresses: ["10.0.0.1", "10.0.0.12"]
    )

    func normalised(
        _ text: String,
        _ replacements: [Replacement] = [],
        ignoring lines: [String] = []
    ) -> String {
        let normaliser = Normaliser(
            replacements,
            ignoredLines: lines.compactMap { NamePattern($0) },
            values: values
        )
        return String(decoding: normaliser.normalised(Array(text.utf8)), as: UTF8.self)
    }

    @Test func `values of the node are replaced where they are words of their own`() {
        let replacements: [Replacement] = [
            Replacement(.value(.hostname), with: "HOST"), Replacement(.value(.name), with: "NODE"),
            Replacement(.value(.address), with: "ADDRESS"),
        ]
        #expect(
            normalised("l-1 l-1.example.org l-12 xl-1 (l-1) l-1_x\n", replacements)
                == "NODE HOST l-12 xl-1 (NODE) l-1_x\n"
        )
        #expect(
            normalised("10.0.0.1:80 10.0.0.12 10.0.0.123 110.0.0.1", replacements)
                == "ADDRESS:80 ADDRESS 10.0.0.123 110.0.0.1"
        )
    }

    @Test
    func `a text is replaced wherever it is, once, and what was put in is not looked at again`() {
        let replacements: [Replacement] = [
            Replacement(.text("a"), with: "b"), Replacement(.text("b"), with: "c"),
        ]
        #expect(normalised("abba", replacements) == "bccb")
        #expect(normalised("aa", [Replacement(.text("aa"), with: "")]) == "")
    }

    @Test func `declared lines are left out, the last one without its line feed too`() {
        #expect(
            normalised("# made at 10:00\r\nkey = 1\n# made at 11:00", ignoring: ["# made at *"])
                == "key = 1\n"
        )
        #expect(normalised("a\n\nb\n", ignoring: ["c"]) == "a\n\nb\n")
    }
}
