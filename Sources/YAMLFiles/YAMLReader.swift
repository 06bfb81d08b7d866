import Model
import Yams

/// What is wrong in a file: where, what, and what would be right.
public struct ConfigurationProblem: Hashable, Sendable, CustomStringConvertible {
    public var path: String
    public var line: Int
    public var column: Int
    public var text: String

    public init(path: String, line: Int = 1, column: Int = 1, text: String) {
        self.path = path
        self.line = line
        self.column = column
        self.text = text
    }

    public var description: String { "\(path):\(line):\(column): \(text)" }
}

/// All the problems of one file, so that they can be mended in one go.
public struct ConfigurationError: Error, CustomStringConvertible {
    public var problems: [ConfigurationProblem]

    public init(problems: [ConfigurationProblem]) {
        self.problems = problems
    }

    public var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// Reads typed values from a YAML document by its nodes, whose positions make every error point at
/// its place. Collects problems instead of stopping at the first.
public final class YAMLReader {
    public let path: String
    public internal(set) var problems: [ConfigurationProblem] = []
    /// The document, for ``note(_:path:place:)``.
    private(set) var root: Node?
    private(set) var lines: [Substring] = []

    public init(path: String) {
        self.path = path
    }

    /// The document's top mapping; nil (with a problem noted) when it is not one.
    public func document(_ text: String) -> YAMLSection? {
        if let refusal = YAMLShape.refusal(of: text) {
            problems.append(
                ConfigurationProblem(
                    path: path,
                    line: refusal.line,
                    column: refusal.column,
                    text: refusal.text
                )
            )
            return nil
        }
        do {
            guard let node = try Yams.compose(yaml: text) else {
                return YAMLSection(reader: self, name: "", node: .mapping(Node.Mapping([])))
            }
            root = node
            lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
            return section(node, name: "")
        } catch let error as YamlError {
            note(error)
        } catch {
            problems.append(
                ConfigurationProblem(path: path, line: 1, column: 1, text: "\(error)")
            )
        }
        return nil
    }

    func section(_ node: Node, name: String) -> YAMLSection? {
        guard node.mapping != nil else {
            note(node, "\(name.isEmpty ? "the file" : name) is not a mapping of keys to values")
            return nil
        }
        return YAMLSection(reader: self, name: name, node: node)
    }

    func note(_ node: Node, _ text: String) {
        problems.append(problem(node, text))
    }

    func problem(_ node: Node, _ text: String) -> ConfigurationProblem {
        ConfigurationProblem(
            path: path,
            line: node.mark?.line ?? 1,
            column: node.mark?.column ?? 1,
            text: text
        )
    }

    private func note(_ error: YamlError) {
        switch error {
        case .duplicatedKeysInMapping(let duplicates, let context):
            problems.append(
                ConfigurationProblem(
                    path: path,
                    line: context.mark.line,
                    column: context.mark.column,
                    text: "a key stands twice here: "
                        + Set(duplicates).sorted().joined(separator: ", ")
                )
            )
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            problems.append(
                ConfigurationProblem(
                    path: path,
                    line: mark.line,
                    column: mark.column,
                    text: problem
                )
            )
        default:
            problems.append(
                ConfigurationProblem(path: path, line: 1, column: 1, text: "\(error)")
            )
        }
    }
}

/// One mapping of the document. Every key it is asked for is known; `finish` notes the others.
public final class YAMLSection {
    private let reader: YAMLReader
    private let name: String
    private let node: Node
    private var known: [String] = []

    init(reader: YAMLReader, name: String, node: Node) {
        self.reader = reader
        self.name = name
        self.node = node
    }

    /// For a mapping whose keys are names: each once, in the order of the file.
    public var keys: [String] {
        (node.mapping ?? [:]).compactMap { $0.key.string }
    }

    /// Notes what is wrong with the mapping as a whole.
    public func note(_ text: String) {
        reader.note(node, Self.sentence(name.isEmpty ? "the file" : name, text))
    }

    /// Notes what is wrong with the value of a key, at its place; with the mapping when there is none.
    public func note(_ text: String, at key: String) {
        reader.note(node.mapping?[Node(key)] ?? node, Self.sentence(full(key), text))
    }

    /// What begins with a colon says itself what it is about.
    private static func sentence(_ subject: String, _ text: String) -> String {
        subject + (text.hasPrefix(":") ? "" : " ") + text
    }

    /// Whether a key is there, with a value or without one.
    public func has(_ key: String) -> Bool {
        known.append(key)
        return node.mapping?[Node(key)] != nil
    }

    /// Whether a key has nothing behind it: `gate:`, or an empty mapping or list.
    public func isEmpty(_ key: String) -> Bool {
        guard let value = value(key) else { return true }
        return (value.mapping?.isEmpty ?? value.sequence?.isEmpty) ?? false
    }

    /// A list of mappings; nil when the key is not there. What is no mapping is noted.
    public func sections(_ key: String) -> [YAMLSection]? {
        guard let node = value(key) else { return nil }
        guard let sequence = node.sequence else {
            reader.note(node, "\(full(key)) is not a list")
            return []
        }
        return sequence.enumerated().compactMap { index, item in
            reader.section(item, name: "\(full(key))[\(index + 1)]")
        }
    }

    private func full(_ key: String) -> String { name.isEmpty ? key : "\(name).\(key)" }

    private func value(_ key: String) -> Node? {
        known.append(key)
        guard let value = node.mapping?[Node(key)] else { return nil }
        // `key:` with nothing behind it is the same as leaving the key out.
        if case .scalar(let scalar) = value, scalar.string.isEmpty, scalar.style == .plain {
            return nil
        }
        return value
    }

    public func subsection(_ key: String) -> YAMLSection? {
        value(key).flatMap { reader.section($0, name: full(key)) }
    }

    /// Reads a scalar by `parse`, which returns nil for what it does not take.
    public func scalar<Value>(
        _ key: String,
        expected: String,
        default standard: Value,
        _ parse: (String) -> Value?
    ) -> Value {
        optionalScalar(key, expected: expected, parse) ?? standard
    }

    /// Reads a scalar for which there is no standard.
    ///
    /// - Returns: nil when it is not there, or is wrong, which was noted.
    public func optionalScalar<Value>(
        _ key: String,
        expected: String,
        _ parse: (String) -> Value?
    ) -> Value? {
        guard let node = value(key) else { return nil }
        guard let text = node.scalar?.string, let value = parse(text) else {
            let shown = node.scalar.map { "\($0.string) " } ?? ""
            reader.note(node, "\(full(key)): \(shown)is not \(expected)")
            return nil
        }
        return value
    }

    public func list<Value>(
        _ key: String,
        expected: String,
        default standard: [Value],
        _ parse: (String) -> Value?
    ) -> [Value] {
        guard let node = value(key) else { return standard }
        guard let sequence = node.sequence else {
            reader.note(node, "\(full(key)) is not a list")
            return standard
        }
        return sequence.compactMap { item in
            guard let text = item.scalar?.string, let value = parse(text) else {
                let shown = item.scalar.map { "\($0.string) " } ?? ""
                reader.note(item, "\(full(key)): \(shown)is not \(expected)")
                return nil
            }
            return value
        }
    }

    /// Notes every key that was not asked for, with the nearest that exists.
    ///
    /// - Returns: whether there was none.
    @discardableResult
    public func finish() -> Bool {
        var isClean = true
        for (keyNode, _) in node.mapping ?? [:] {
            guard let key = keyNode.string, !known.contains(key) else { continue }
            let hint =
                NearestName.to(key, among: known).map { "; did you mean \(full($0))?" }
                ?? "; known here: \(Set(known).sorted().joined(separator: ", "))"
            isClean = false
            reader.note(keyNode, "\(full(key)) is not a setting\(hint)")
        }
        return isClean
    }
}
