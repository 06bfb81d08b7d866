import AgentCore
import Host
import Model
import Protocol

// `[files NAME]`, `[private NAME]` and `[version NAME]` of `agent.conf`.

extension ComparedSet {
    static let patternsMax = 256
    static let replacementsMax = 64
    static let replacementBytesMax = 1_000

    private static let commonKeys = [
        ConfigurationKey("required"), ConfigurationKey("interval"),
    ]
    private static let pathKeys = [
        ConfigurationKey("root"), ConfigurationKey("paths", repeatable: true),
        ConfigurationKey("ignore", repeatable: true),
    ]
    private static let textKeys = [
        ConfigurationKey("replace", repeatable: true),
        ConfigurationKey("ignore-lines", repeatable: true), ConfigurationKey("show"),
    ]

    /// The keys of each kind of section, in the order of the documentation.
    static func keys(of kind: ComparedKind) -> [ConfigurationKey] {
        switch kind {
        case .files: pathKeys + [ConfigurationKey("compare")] + textKeys + commonKeys
        case .private: pathKeys + commonKeys
        case .version:
            [ConfigurationKey("command"), ConfigurationKey("timeout")] + textKeys + commonKeys
        }
    }

    /// Reads a section; every mistake goes to its problems.
    fileprivate init(_ name: ComparedSetName, _ kind: ComparedKind, _ reader: SectionReader) {
        self.init(name: name, kind: kind)
        if kind == .version { readCommand(reader) } else { readPaths(reader) }
        if kind != .private { readTexts(reader) }
        isRequired = reader.value("required", ConfigurationValue.yesOrNo) ?? false
        let longest = Duration.seconds(86_400)
        interval =
            reader.value("interval", ConfigurationValue.duration(.seconds(1)...longest)) ?? interval
        definition = definition(reader)
    }

    private mutating func readPaths(_ reader: SectionReader) {
        let root = reader.value("root", ConfigurationValue.absolutePath)
        self.root = root ?? "/"
        paths = reader.values("paths") { text throws(ValueProblem) in
            guard text.hasPrefix("/") == (root == nil) else {
                throw ValueProblem(
                    root == nil
                        ? "not an absolute path (it must begin with /, or be below a root)"
                        : "begins with / although it is below root"
                )
            }
            guard let pattern = PathPattern(text) else {
                throw ValueProblem("not a pattern for paths (*, ?, [a-z], ** for any folders)")
            }
            return pattern
        }
        if !reader.has("paths") { reader.say("needs paths = /path/of/files/**") }
        ignored = reader.values("ignore") { text throws(ValueProblem) in
            guard let pattern = IgnorePattern(text) else {
                throw ValueProblem("not a pattern (*.log, or with a slash: a path)")
            }
            return pattern
        }
        if paths.count + ignored.count > Self.patternsMax {
            reader.say("more than \(Self.patternsMax) patterns")
        }
        guard kind == .files, reader.has("compare") else { return }
        aspects = []
        let words = reader.values("compare") { text throws(ValueProblem) -> Aspects in
            switch text {
            case "content": return .content
            case "mode": return .mode
            case "owner": return .owner
            default: throw ValueProblem("not content, mode or owner")
            }
        }
        for word in words { aspects.insert(word) }
    }

    private mutating func readCommand(_ reader: SectionReader) {
        command = reader.lines("command", ConfigurationValue.arguments).first ?? []
        if !reader.has("command") {
            reader.say("needs command = /path/of/program arguments")
        }
        timeout =
            reader.value(
                "timeout",
                ConfigurationValue.duration(.milliseconds(100) ... .seconds(600))
            ) ?? timeout
    }

    private mutating func readTexts(_ reader: SectionReader) {
        // The output of a program is written to be read; what is in files may be anything.
        isShown = reader.value("show", ConfigurationValue.yesOrNo) ?? (kind == .version)
        replacements = reader.lines("replace") { words throws(ValueProblem) in
            try Self.replacement(words)
        }
        ignoredLines = reader.values("ignore-lines") { text throws(ValueProblem) in
            guard !text.isEmpty, let pattern = NamePattern(text) else {
                throw ValueProblem("not a pattern for a line (*, ?, [a-z])")
            }
            return pattern
        }
        if replacements.count + ignoredLines.count > Self.replacementsMax {
            reader.say("more than \(Self.replacementsMax) declared differences")
        }
    }

    private static func replacement(_ words: [String]) throws(ValueProblem) -> Replacement {
        let source = words.first ?? ""
        guard words.allSatisfy({ $0.utf8.count <= replacementBytesMax }) else {
            throw ValueProblem("longer than \(replacementBytesMax) bytes")
        }
        if source.hasPrefix("${") {
            guard let value = Replacement.Value(rawValue: source) else {
                let known = Replacement.Value.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValueProblem("not a value of the node (\(known))")
            }
            guard words.count <= 2 else {
                throw ValueProblem("not a value of the node, and what is put in its place")
            }
            return Replacement(.value(value), with: words.count == 2 ? words[1] : source)
        }
        guard words.count == 2, !source.isEmpty else {
            throw ValueProblem("not a text and what is put in its place (quote blanks)")
        }
        return Replacement(.text(source), with: words[1])
    }

    /// As it is written, in an order that does not matter: what is to be replaced may well differ
    /// between the nodes, and so may the root.
    private func definition(_ reader: SectionReader) -> String {
        func words(_ key: String) -> [String] {
            let entries = reader.section.entries.filter { $0.key == key }
            return entries.flatMap { $0.words.map(\.text) }
        }
        var lines = [kind.rawValue, "compare \(aspects.rawValue)"]
        lines += words("paths").map { "path \($0)" }.sorted()
        lines += words("ignore").map { "ignore \($0)" }.sorted()
        lines += command.map { "word \($0)" }
        return String(SHA256Sum.hex(of: Array(lines.joined(separator: "\n").utf8)).prefix(16))
    }
}

extension NodeConfiguration {
    mutating func readSet(
        _ section: ConfigurationSection,
        _ kind: ComparedKind,
        _ problems: ConfigurationProblems
    ) {
        func say(_ message: String) {
            problems.add("\(section.title): \(message)", line: section.line, column: 1)
        }
        let reader = SectionReader(section, keys: ComparedSet.keys(of: kind), problems: problems)
        guard let argument = section.argument else {
            return say("needs a name: [\(kind.rawValue) NAME]")
        }
        guard let name = ComparedSetName(argument) else {
            return say(
                "not a name (1 to 63 of a-z, 0-9, dot, hyphen and underscore, beginning with a "
                    + "letter or digit)"
            )
        }
        guard !sets.contains(where: { $0.name == name && $0.kind != kind }) else {
            return say("\(name) is the name of another section already")
        }
        guard sets.count < ComparedSet.countMax else {
            return say("more than \(ComparedSet.countMax) sets are compared")
        }
        sets.append(ComparedSet(name, kind, reader))
        sets.sort { $0.name < $1.name }
    }
}
