import Model

/// A key that a section knows.
struct ConfigurationKey: Hashable, Sendable {
    var name: String
    /// May be given on several lines, which add up.
    var isRepeatable: Bool

    init(_ name: String, repeatable: Bool = false) {
        self.name = name
        self.isRepeatable = repeatable
    }
}

/// Reads the keys of one section as values of a type; every mistake goes to `problems`.
///
/// Unknown and duplicate keys are found at once, when the reader is made.
struct SectionReader {
    let section: ConfigurationSection
    let problems: ConfigurationProblems

    init(
        _ section: ConfigurationSection,
        keys: [ConfigurationKey],
        problems: ConfigurationProblems
    ) {
        self.section = section
        self.problems = problems
        var firstLines: [String: Int] = [:]
        for entry in section.entries {
            guard let key = keys.first(where: { $0.name == entry.key }) else {
                let names = keys.map(\.name)
                let hint =
                    NearestName.to(entry.key, among: names)
                    .map { "did you mean \($0)? " } ?? ""
                problems.add(
                    "\(entry.key): not a key of [\(section.name)] "
                        + "(\(hint)keys: \(names.joined(separator: ", ")))",
                    line: entry.line,
                    column: entry.keyColumn
                )
                continue
            }
            if let first = firstLines[entry.key], !key.isRepeatable {
                problems.add(
                    "\(entry.key): given twice (first on line \(first))",
                    line: entry.line,
                    column: entry.keyColumn
                )
            }
            firstLines[entry.key] = firstLines[entry.key] ?? entry.line
        }
    }

    func has(_ key: String) -> Bool {
        section.entries.contains { $0.key == key }
    }

    /// The first entry of a key; later ones of a key that may be given once are mistakes already.
    func entry(_ key: String) -> ConfigurationEntry? {
        section.entries.first { $0.key == key }
    }

    /// - Returns: nil when the key is not given, or is given wrongly and that has been said.
    func value<Value>(
        _ key: String,
        _ read: (String) throws(ValueProblem) -> Value
    ) -> Value? {
        guard let entry = entry(key), !entry.words.isEmpty else { return nil }
        guard entry.words.count == 1 else {
            say("one value is wanted (quote it if it contains blanks)", of: entry)
            return nil
        }
        return value(of: entry, at: entry.valueColumn, entry.words[0].text, read)
    }

    /// As ``value(_:_:)``, for keys that take several words in one line, on one or several lines.
    func values<Value>(
        _ key: String,
        _ read: (String) throws(ValueProblem) -> Value
    ) -> [Value] {
        var values: [Value] = []
        for entry in section.entries where entry.key == key {
            for word in entry.words {
                if let value = value(of: entry, at: word.column, word.text, read) {
                    values.append(value)
                }
            }
        }
        return values
    }

    /// As ``values(_:_:)``, for lists whose words may also be parted by commas.
    func commaValues<Value>(
        _ key: String,
        _ read: (String) throws(ValueProblem) -> Value
    ) -> [Value] {
        var values: [Value] = []
        for entry in section.entries where entry.key == key {
            for word in entry.words {
                var column = word.column
                for part in word.text.split(separator: ",", omittingEmptySubsequences: false) {
                    if !part.isEmpty,
                        let value = value(of: entry, at: column, String(part), read)
                    {
                        values.append(value)
                    }
                    column += part.unicodeScalars.count + 1
                }
            }
            if values.isEmpty, !entry.words.isEmpty,
                entry.words.allSatisfy({ $0.text.allSatisfy { $0 == "," } })
            {
                say("names nothing", of: entry)
            }
        }
        return values
    }

    /// Reads each line of a key as a whole: argument vectors and `name value` pairs.
    func lines<Value>(
        _ key: String,
        _ read: ([String]) throws(ValueProblem) -> Value
    ) -> [Value] {
        var values: [Value] = []
        for entry in section.entries where entry.key == key && !entry.words.isEmpty {
            do throws(ValueProblem) {
                values.append(try read(entry.words.map(\.text)))
            } catch {
                say(error.message, of: entry)
            }
        }
        return values
    }

    /// A mistake that lies in the value of a key.
    func say(_ message: String, of entry: ConfigurationEntry) {
        problems.add(
            "\(entry.key) = \(shortened(entry.raw)): \(message)",
            line: entry.line,
            column: entry.valueColumn
        )
    }

    /// A mistake of the section as a whole, such as a missing key.
    func say(_ message: String) {
        problems.add("\(section.title): \(message)", line: section.line, column: 1)
    }

    private func value<Value>(
        of entry: ConfigurationEntry,
        at column: Int,
        _ text: String,
        _ read: (String) throws(ValueProblem) -> Value
    ) -> Value? {
        do throws(ValueProblem) {
            return try read(text)
        } catch {
            problems.add(
                "\(entry.key) = \(shortened(text)): \(error.message)",
                line: entry.line,
                column: column
            )
            return nil
        }
    }
}

/// Enough of a value to know it again.
private func shortened(_ text: String) -> String {
    text.count <= 60 ? text : "\(text.prefix(57))..."
}
