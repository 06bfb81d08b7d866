/// One `key = value` line.
struct ConfigurationEntry: Hashable, Sendable {
    var key: String
    var line: Int
    var keyColumn: Int
    /// Empty when the value could not be split, which has then been said.
    var words: [ConfigurationWord]
    /// The value as written.
    var raw: String
    var valueColumn: Int
}

/// One `[name]` or `[name argument]` and the entries below it.
struct ConfigurationSection: Hashable, Sendable {
    var name: String
    /// `http` in `[check http]`.
    var argument: String?
    var line: Int
    var entries: [ConfigurationEntry] = []

    var title: String {
        argument.map { "[\(name) \($0)]" } ?? "[\(name)]"
    }
}

/// The syntax of a configuration file, before anything is known of its keys: sections of
/// `key = value`, in the manner of systemd units.
struct ConfigurationDocument: Hashable, Sendable {
    /// Bytes of one file.
    static let sizeMax = 262_144
    /// Characters of one line.
    static let lineMax = 8_192
    /// Mistakes told of one file; whoever has made more mends the first ones first.
    static let problemsMax = 100

    private(set) var sections: [ConfigurationSection] = []

    /// Mistakes of syntax go to `problems`; what could be read is read all the same.
    init(_ bytes: [UInt8], problems: ConfigurationProblems) {
        guard bytes.count <= Self.sizeMax else {
            problems.add("is larger than \(Self.sizeMax) bytes: not a configuration file of ours")
            return
        }
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            if problems.errors.count >= Self.problemsMax {
                problems.add(
                    "more mistakes follow; mend those above first",
                    line: index + 1,
                    column: 1
                )
                return
            }
            let body = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            guard let text = String(validating: body, as: UTF8.self) else {
                problems.add("not UTF-8 text", line: index + 1, column: 1)
                continue
            }
            read(Array(text.unicodeScalars), line: index + 1, problems)
        }
    }

    private mutating func read(
        _ scalars: [Unicode.Scalar],
        line: Int,
        _ problems: ConfigurationProblems
    ) {
        guard scalars.count <= Self.lineMax else {
            problems.add(
                "the line is longer than \(Self.lineMax) characters",
                line: line,
                column: Self.lineMax + 1
            )
            return
        }
        if let control = scalars.firstIndex(where: isControl) {
            problems.add("a control character", line: line, column: control + 1)
            return
        }
        guard let start = scalars.firstIndex(where: { !isBlank($0) }) else { return }
        switch scalars[start] {
        case "#", ";": return
        case "[": readSection(scalars[start...], line: line, problems)
        default: readEntry(scalars[start...], line: line, problems)
        }
    }

    private mutating func readSection(
        _ scalars: ArraySlice<Unicode.Scalar>,
        line: Int,
        _ problems: ConfigurationProblems
    ) {
        let body = trimmed(scalars)
        let column = body.startIndex + 1
        guard body.last == "]", !body.dropLast().contains("]") else {
            problems.add(
                "a section is written [name], alone on its line",
                line: line,
                column: column
            )
            return
        }
        let parts = body.dropFirst().dropLast().split(whereSeparator: isBlank).map(string)
        guard let name = parts.first, parts.count <= 2 else {
            problems.add(
                "a section is written [name] or [check name]",
                line: line,
                column: column
            )
            return
        }
        let section = ConfigurationSection(
            name: name,
            argument: parts.count == 2 ? parts[1] : nil,
            line: line
        )
        if let first = sections.first(where: { $0.title == section.title }) {
            problems.add(
                "\(section.title): given twice (first on line \(first.line))",
                line: line,
                column: column
            )
        }
        sections.append(section)
    }

    private mutating func readEntry(
        _ scalars: ArraySlice<Unicode.Scalar>,
        line: Int,
        _ problems: ConfigurationProblems
    ) {
        let column = scalars.startIndex + 1
        guard let equals = scalars.firstIndex(of: "=") else {
            problems.add(
                "expected [section], key = value, or # comment",
                line: line,
                column: column
            )
            return
        }
        let key = string(trimmed(scalars[..<equals]))
        guard !key.isEmpty else {
            problems.add("a key is missing before =", line: line, column: column)
            return
        }
        let value = trimmed(scalars[(equals + 1)...])
        let valueColumn = value.isEmpty ? equals + 2 : value.startIndex + 1
        guard !sections.isEmpty else {
            problems.add(
                "\(key): stands before the first [section]",
                line: line,
                column: column
            )
            return
        }
        guard !value.isEmpty else {
            problems.add(
                "\(key): has no value (leave the line out for the default)",
                line: line,
                column: valueColumn
            )
            return
        }
        var entry = ConfigurationEntry(
            key: key,
            line: line,
            keyColumn: column,
            words: [],
            raw: string(value),
            valueColumn: valueColumn
        )
        var splitter = WordSplitter(value, firstColumn: valueColumn)
        do {
            entry.words = try splitter.words()
        } catch {
            problems.add("\(key): \(error.message)", line: line, column: error.column)
        }
        sections[sections.count - 1].entries.append(entry)
    }
}

private func isControl(_ scalar: Unicode.Scalar) -> Bool {
    if scalar == "\t" { return false }
    return scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
        || scalar.value == 0x2028 || scalar.value == 0x2029
        || (0x202A...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
}

private func trimmed(_ scalars: ArraySlice<Unicode.Scalar>) -> ArraySlice<Unicode.Scalar> {
    var slice = scalars.drop(while: isBlank)
    while let last = slice.last, isBlank(last) { slice.removeLast() }
    return slice
}

private func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
}
