import Yams

// Mistakes that were found in what a document means, pointed at in the document.

/// A place in a text; both count from 1, in characters.
public struct TextPlace: Hashable, Sendable {
    public var line: Int
    public var column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }
}

extension YAMLReader {
    /// Notes what is wrong with what a path leads to, or with the last part of the path that is there.
    ///
    /// - Parameters:
    ///   - path: keys, and places in lists from 0.
    ///   - place: where in the text that the path leads to.
    public func note(_ text: String, path: [String], place: TextPlace? = nil) {
        problems.append(problem(text, path: path, place: place))
    }

    /// The same of what is no mistake, and is told nevertheless.
    public func problem(
        _ text: String,
        path: [String],
        place: TextPlace? = nil
    ) -> ConfigurationProblem {
        let name = Self.shown(path)
        // What begins with a verb goes on from the name.
        let isPredicate = ["is ", "has ", "holds "].contains { text.hasPrefix($0) }
        let sentence = name.isEmpty ? text : name + (isPredicate ? " " : ": ") + text
        guard let node = node(path) else {
            return ConfigurationProblem(path: self.path, text: sentence)
        }
        guard let place, let scalar = node.scalar else { return problem(node, sentence) }
        guard let found = sourcePlace(of: place, in: scalar) else {
            return problem(node, sentence + " (line \(place.line), column \(place.column) of it)")
        }
        return ConfigurationProblem(
            path: self.path,
            line: found.line,
            column: found.column,
            text: sentence
        )
    }

    /// `routes[2].receivers[1]`
    private static func shown(_ path: [String]) -> String {
        path.reduce(into: "") { name, key in
            if let place = Int(key) {
                name += "[\(place + 1)]"
            } else {
                name += (name.isEmpty ? "" : ".") + key
            }
        }
    }

    private func node(_ path: [String]) -> Node? {
        guard var node = root else { return nil }
        for key in path {
            if let next = node.mapping?[Node(key)] {
                node = next
            } else if let place = Int(key), let list = node.sequence,
                list.indices.contains(place)
            {
                node = list[place]
            } else {
                break
            }
        }
        return node
    }

    /// Where a place of a text stands in the document: of a literal block (`|`) and of what stands in
    /// one line as it is. Nil for what was folded or escaped.
    private func sourcePlace(of place: TextPlace, in scalar: Node.Scalar) -> TextPlace? {
        guard let mark = scalar.mark else { return nil }
        let texts = scalar.string.split(omittingEmptySubsequences: false) { $0.isNewline }
        guard texts.indices.contains(place.line - 1) else { return nil }
        let text = texts[place.line - 1]
        switch scalar.style {
        case .literal:
            let line = mark.line + place.line
            guard lines.indices.contains(line - 1), lines[line - 1].hasSuffix(text) else {
                return nil
            }
            return TextPlace(
                line: line,
                column: lines[line - 1].count - text.count + place.column
            )
        case .plain, .singleQuoted, .doubleQuoted, .any:
            let quote = scalar.style == .plain || scalar.style == .any ? 0 : 1
            guard place.line == 1, lines.indices.contains(mark.line - 1),
                lines[mark.line - 1].dropFirst(mark.column - 1 + quote).hasPrefix(text)
            else { return nil }
            return TextPlace(line: mark.line, column: mark.column + quote + place.column - 1)
        case .folded: return nil
        }
    }
}
