import AgentCore
import Model
import Protocol
import Testing

@testable import Agent

/// Sections of `agent.conf` that say what is compared.
@Suite struct ComparedSetTests {
    /// What each section needs besides.
    private static let needed = [
        "files": "paths = /etc/app/**", "private": "paths = /etc/app/key",
        "version": "command = /usr/bin/uname -r",
    ]

    static let examples = [
        KeyExample("files", "root", good: "/opt/app", bad: "opt/app", "absolute path"),
        KeyExample("files", "paths", good: "/opt/**/*.sh", bad: "opt/*", "absolute path"),
        KeyExample("private", "paths", good: "/opt/key", bad: "/opt/[", "not a pattern"),
        KeyExample("files", "ignore", good: "*.log /tmp/**", bad: "[", "not a pattern"),
        KeyExample("files", "compare", good: "content mode", bad: "size", "content, mode or owner"),
        KeyExample("files", "replace", good: "${name} NODE", bad: "${node} NODE", "${hostname}"),
        KeyExample("files", "replace", good: "\"a b\" \"\"", bad: "a", "put in its place"),
        KeyExample("files", "ignore-lines", good: "\"# made *\"", bad: "[a", "not a pattern"),
        KeyExample("files", "show", good: "yes", bad: "perhaps", "not yes or no"),
        KeyExample("private", "required", good: "yes", bad: "1", "not yes or no"),
        KeyExample("version", "interval", good: "1h", bad: "100ms", "out of range"),
        KeyExample("version", "command", good: "/usr/bin/id", bad: "id", "absolute path"),
        KeyExample("version", "timeout", good: "5s", bad: "1d", "out of range"),
    ]

    private static func text(_ example: KeyExample, _ value: String) -> String {
        var lines = ["[\(example.section) app]"]
        let isRoot = example.key == "root"
        if isRoot {
            lines.append("paths = bin/*")
        } else if let needed = needed[example.section], !needed.hasPrefix(example.key) {
            lines.append(needed)
        }
        return (lines + ["\(example.key) = \(value)"]).joined(separator: "\n")
    }

    @Test(arguments: examples)
    func `every key takes its good example and refuses its bad one`(_ example: KeyExample) throws {
        let (configuration, errors) = readAgent(Self.text(example, example.good))
        #expect(errors == [])
        #expect(configuration.sets.map(\.name) == ["app"])
        let bad = readAgent(Self.text(example, example.bad)).errors
        let error = try #require(bad.first { $0.contains(example.key) })
        #expect(error.contains(example.refusal), "\(error)")
    }

    @Test func `every key of every kind has an example`() {
        let known = Set(ComparedKind.allCases.flatMap { ComparedSet.keys(of: $0).map(\.name) })
        #expect(known == Set(Self.examples.map(\.key)))
    }

    @Test func `what is missing or stands twice is said`() {
        let (_, errors) = readAgent(
            """
            [files]
            paths = /a
            [files App!]
            paths = /a
            [files app]
            show = yes
            [version app]
            command = /bin/true
            [private keys]
            paths = /a
            show = yes
            [file x]
            paths = /a
            """
        )
        #expect(errors.count == 6, "\(errors)")
        for (line, text) in [
            (1, "needs a name: [files NAME]"), (3, "not a name"), (5, "needs paths = "),
            (7, "app is the name of another section already"), (11, "not a key of [private]"),
            (12, "did you mean [files]?"),
        ] {
            #expect(errors.contains { $0.contains(":\(line):") && $0.contains(text) }, "\(text)")
        }
    }

    @Test func `defaults are careful`() throws {
        let sets = readAgent("[files app]\npaths = /a\n[version v]\ncommand = /bin/true")
            .configuration
            .sets
        let files = try #require(sets.first { $0.name == "app" })
        #expect(!files.isShown && !files.isRequired && files.aspects == .all)
        #expect(files.root == "/" && files.interval == .seconds(300))
        #expect(sets.first { $0.name == "v" }?.isShown == true)
    }

    @Test func `what must be alike is known by its definition, and what may differ is not in it`() {
        func definition(_ text: String) -> String? {
            readAgent(text).configuration.sets.first?.definition
        }
        let one = definition("[files app]\nroot = /a\npaths = x y\nreplace = a b\ninterval = 1s")
        #expect(one?.count == 16)
        #expect(one == definition("[files app]\nroot = /b\npaths = y\npaths = x\nshow = yes"))
        #expect(one != definition("[files app]\nroot = /a\npaths = x y\nignore = z"))
        #expect(one != definition("[files app]\nroot = /a\npaths = x y\ncompare = content"))
        #expect(one != definition("[private app]\nroot = /a\npaths = x y"))
    }

    @Test func `no more sets than a node may have`() {
        let text = (0...ComparedSet.countMax).map { "[files s-\($0)]\npaths = /a\n" }.joined()
        let (configuration, errors) = readAgent(text)
        #expect(configuration.sets.count == ComparedSet.countMax && errors.count == 1)
    }
}
