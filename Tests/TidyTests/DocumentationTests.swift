import Foundation
import Testing

/// What the pages say of commands, settings and each other is so.
@Suite struct DocumentationTests {
    @Test func `every setting of the controller is on its page, and no other`() throws {
        let source = try SourceTree.swiftFiles(below: "Sources/Controller/Configuration")
            .flatMap(\.lines).joined(separator: "\n")
        let page = try Page.text("docs/reference/controller-configuration.md")
        let calls = source.matches(
            of: #/[.\s](?:\w*[sS]calar|list|subsection|duration|lifetime|count)\(\s*"([a-z-]+)"/#
        )
        let keys = Set(calls.map { String($0.1) })
        #expect(keys.count > 30, "the source of the settings is not read any more")
        for key in keys.sorted() {
            #expect(page.contains("| `\(key)` |") || page.contains("## `\(key)`"), "\(key)")
        }
        let tables = page.prefix(upTo: page.range(of: "\n## Example")?.lowerBound ?? page.endIndex)
        for row in tables.matches(of: #/\n\| `([a-z-]+)` \|/#) {
            #expect(keys.contains(String(row.1)), "\(row.1) is on the page and not a setting")
        }
    }

    @Test func `every link leads to a page, and to a heading of it`() throws {
        let pages = try Page.all()
        var count = 0
        for page in pages {
            for link in page.links where !link.contains("://") && !link.hasPrefix("mailto:") {
                count += 1
                let parts = link.split(separator: "#", omittingEmptySubsequences: false)
                let target = parts[0].isEmpty ? page.path : page.resolve(String(parts[0]))
                let url = SourceTree.root.appendingPathComponent(target)
                guard FileManager.default.fileExists(atPath: url.path) else {
                    Issue.record("\(page.path): \(link): there is no \(target)")
                    continue
                }
                guard parts.count == 2, target.hasSuffix(".md") else { continue }
                let anchors = try Page(path: target).anchors
                #expect(
                    anchors.contains(String(parts[1])),
                    "\(page.path): \(link): \(target) has no such heading"
                )
            }
        }
        #expect(count > 40, "the pages are not read any more")
    }

    @Test func `every command in the pages exists, and so do its options`() throws {
        let tree = try CommandTree()
        var count = 0
        for page in try Page.all() {
            for quoted in page.commands {
                count += 1
                if let problem = tree.problem(of: quoted) {
                    Issue.record("\(page.path): \(quoted): \(problem)")
                }
            }
        }
        #expect(count > 100, "the pages are not read any more")
    }

    @Test func `a page that names what is not there is noticed`() throws {
        let tree = try CommandTree()
        #expect(tree.problem(of: "muster node list --problems") == nil)
        #expect(tree.problem(of: "muster node explode") != nil)
        #expect(tree.problem(of: "muster frobnicate") != nil)
        #expect(tree.problem(of: "muster node list --sideways") != nil)
        #expect(tree.problem(of: "muster-controller stop") != nil)
        #expect(tree.problem(of: "muster-agent leave") != nil)
    }
}

/// One page of the documentation.
struct Page {
    var path: String
    var text: String

    init(path: String) throws {
        self.path = path
        text = try Page.text(path)
    }

    static func text(_ path: String) throws -> String {
        try String(contentsOf: SourceTree.root.appendingPathComponent(path), encoding: .utf8)
    }

    static func all() throws -> [Page] {
        let docs = SourceTree.root.appendingPathComponent("docs")
        let found = FileManager.default.enumerator(atPath: docs.path)?.compactMap { $0 as? String }
        let names = (found ?? []).filter { $0.hasSuffix(".md") }.sorted()
        guard !names.isEmpty else { throw SourceTree.NothingRead(folder: "docs") }
        let recipes = SourceTree.root.appendingPathComponent("deploy/recipes")
        let folders = FileManager.default.enumerator(atPath: recipes.path)
        let read = folders?.compactMap { $0 as? String }.filter { $0.hasSuffix("README.md") } ?? []
        guard read.count > 5 else { throw SourceTree.NothingRead(folder: "deploy/recipes") }
        let paths = names.map { "docs/\($0)" } + read.sorted().map { "deploy/recipes/\($0)" }
        return try (["README.md"] + paths).map { try Page(path: $0) }
    }

    /// Outside blocks of code.
    private var prose: String {
        var isCode = false
        return text.split(separator: "\n", omittingEmptySubsequences: false).filter { line in
            if line.hasPrefix("```") { isCode.toggle() }
            return !isCode
        }.joined(separator: "\n")
    }

    var links: [String] {
        prose.matches(of: #/\]\(([^)\s]+)\)/#).map { String($0.1) }
    }

    /// As GitHub makes them of headings.
    var anchors: Set<String> {
        Set(
            prose.split(separator: "\n").filter { $0.hasPrefix("#") }.map { line in
                let heading = line.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces)
                let kept = heading.lowercased().filter {
                    $0.isLetter || $0.isNumber || $0 == " " || $0 == "-" || $0 == "_"
                }
                return kept.replacingOccurrences(of: " ", with: "-")
            }
        )
    }

    func resolve(_ link: String) -> String {
        var parts = path.split(separator: "/").dropLast().map(String.init)
        for part in link.split(separator: "/") {
            if part == ".." {
                parts = parts.dropLast()
            } else if part != "." {
                parts.append(String(part))
            }
        }
        return parts.joined(separator: "/")
    }

    /// Command lines of ours, in blocks of code and in quotes of a line. In a block that shows a
    /// terminal they stand behind a prompt; the rest of it is what was answered.
    var commands: [String] {
        var block: Substring?
        var found: [String] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("```") {
                block = block == nil ? line.dropFirst(3) : nil
                continue
            }
            let pieces: [String]
            switch block {
            case nil: pieces = line.matches(of: #/`([^`]+)`/#).map { String($0.1) }
            case "sh": pieces = [String(line)]
            case "console": pieces = line.contains(#/^[$#] /#) ? [String(line)] : []
            default: pieces = []
            }
            found += pieces.flatMap(Self.commands)
        }
        return found
    }

    private static func commands(in code: String) -> [String] {
        let pattern = #/(?:^|[\s(`])((?:muster|muster-controller|muster-agent) [a-z-][^|;)#`]*)/#
        return code.matches(of: pattern).map { String($0.1) }
    }
}

/// The subcommands and options of our programs, as their sources declare them.
struct CommandTree {
    private struct Node {
        var names: [String]
        var children: [String]
    }

    private var nodes: [String: Node] = [:]
    private var options: Set<String> = ["help", "version"]
    private var agentCommands: Set<String> = []
    private var agentOptions: Set<String> = []

    init() throws {
        for file in try SourceTree.swiftFiles(below: "Sources/Console")
            + SourceTree.swiftFiles(below: "Sources/Controller")
        {
            read(file.lines.joined(separator: "\n"))
        }
        let agent = try SourceTree.swiftFiles(below: "Sources/Agent/Program")
            .map { $0.lines.joined(separator: "\n") }.joined()
        agentCommands = Set(agent.matches(of: #/case "([a-z-]+)"/#).map { String($0.1) })
        agentOptions = Set(agent.matches(of: #/--([a-z-]+)/#).map { String($0.1) })
    }

    private mutating func read(_ text: String) {
        // Of a generic command it is made anew each time.
        let beginning = #/static (?:let|var) configuration[^(]*?CommandConfiguration\(/#
        for call in text.matches(of: beginning) {
            let head = text[..<call.range.lowerBound]
            guard let type = head.matches(of: #/struct (\w+)/#).last?.1 else { continue }
            let line = text[..<call.range.upperBound].split(separator: "\n").last ?? ""
            let indent = line.prefix { $0 == " " }.count
            let end = "\n" + String(repeating: " ", count: indent) + ")"
            let rest = text[call.range.upperBound...]
            let body = rest[..<(rest.range(of: end)?.lowerBound ?? rest.endIndex)]
            let name = body.firstMatch(of: #/commandName: "([a-z-]+)"/#)?.1
            let aliases = body.firstMatch(of: #/aliases: \[([^\]]*)\]/#)?.1 ?? ""
            nodes[String(type)] = Node(
                names: [name.map(String.init) ?? type.lowercased()]
                    + aliases.matches(of: #/"([a-z-]+)"/#).map { String($0.1) },
                children: body.matches(of: #/(\w+)(?:<\w+>)?\.self/#).map { String($0.1) }
            )
        }
        for option in text.matches(of: #/@(?:Option|Flag)[\s\S]*?\bvar `?(\w+)/#) {
            options.insert(Self.kebab(String(option.1)))
        }
        for option in text.matches(of: #/@Flag\(inversion: \.prefixedNo[\s\S]*?\bvar (\w+)/#) {
            options.insert("no-" + Self.kebab(String(option.1)))
        }
        for option in text.matches(of: #/customLong\("([a-z-]+)"\)/#) {
            options.insert(String(option.1))
        }
    }

    private static func kebab(_ name: String) -> String {
        name.reduce(into: "") { result, character in
            if character.isUppercase { result += "-" }
            result += character.lowercased()
        }
    }

    /// What is wrong with a command line; nil when nothing is.
    func problem(of line: String) -> String? {
        let words = line.split(separator: " ").map(String.init)
        let given = words.filter { $0.hasPrefix("--") && $0.count > 2 }.map { word in
            String(word.dropFirst(2).prefix { $0.isLetter || $0 == "-" })
        }
        if words[0] == "muster-agent" {
            if let first = words.dropFirst().first, !first.hasPrefix("-"),
                !agentCommands.contains(first)
            {
                return "the agent has no command \(first)"
            }
            return given.first { !agentOptions.contains($0) }.map { "there is no --\($0)" }
        }
        var place = words[0] == "muster" ? "Muster" : "MusterController"
        for word in words.dropFirst() {
            guard let children = nodes[place]?.children, !children.isEmpty else { break }
            if word.hasPrefix("-") || word == "help" { break }
            guard word.allSatisfy({ $0.isLetter || $0 == "-" }) else { break }
            guard let next = children.first(where: { nodes[$0]?.names.contains(word) == true })
            else { return "there is no subcommand \(word)" }
            place = next
        }
        return given.first { !options.contains($0) }.map { "there is no --\($0)" }
    }
}
