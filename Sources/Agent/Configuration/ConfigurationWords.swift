/// One word of a value, without its quotes.
struct ConfigurationWord: Hashable, Sendable {
    var text: String
    /// From 1, where the word begins, its quote included.
    var column: Int
}

/// Splits a value into words as a shell would, and does nothing else that a shell does: no
/// variables, no patterns, no redirection, no command substitution.
///
/// Blanks part words. Between single quotes everything stands for itself. Between double quotes a
/// backslash escapes `"`, `\`, `$` and a backquote, and stands for itself before anything else.
/// Outside of quotes a backslash escapes any character.
struct WordSplitter {
    private let scalars: [Unicode.Scalar]
    private let firstColumn: Int
    private var at = 0

    /// - Parameter firstColumn: the column of the value's first character.
    init(_ value: ArraySlice<Unicode.Scalar>, firstColumn: Int) {
        self.scalars = Array(value)
        self.firstColumn = firstColumn
    }

    /// What a shell would have acted upon. Given to a program it would surprise everybody.
    private static let shellOperators: Set<String> = [
        "|", "||", "&", "&&", ";", "<", ">", ">>", "2>", "2>>", "&>", "2>&1", ">&2",
    ]

    struct Problem: Error {
        var message: String
        var column: Int
    }

    mutating func words() throws(Problem) -> [ConfigurationWord] {
        var words: [ConfigurationWord] = []
        while true {
            while at < scalars.count, isBlank(scalars[at]) { at += 1 }
            guard at < scalars.count else { return words }
            words.append(try word())
        }
    }

    private mutating func word() throws(Problem) -> ConfigurationWord {
        let start = at
        var text = String.UnicodeScalarView()
        var wasQuoted = false
        while at < scalars.count, !isBlank(scalars[at]) {
            switch scalars[at] {
            case "'", "\"":
                wasQuoted = true
                try quoted(by: scalars[at], into: &text)
            case "\\":
                wasQuoted = true
                guard at + 1 < scalars.count else {
                    throw Problem(
                        message: "a backslash at the end of the line escapes nothing "
                            + "(a value ends with its line)",
                        column: firstColumn + at
                    )
                }
                text.append(scalars[at + 1])
                at += 2
            default:
                text.append(scalars[at])
                at += 1
            }
        }
        let word = ConfigurationWord(text: String(text), column: firstColumn + start)
        if !wasQuoted { try refuseShell(word) }
        return word
    }

    private mutating func quoted(
        by quote: Unicode.Scalar,
        into text: inout String.UnicodeScalarView
    ) throws(Problem) {
        let start = at
        at += 1
        while at < scalars.count, scalars[at] != quote {
            if quote == "\"", scalars[at] == "\\", at + 1 < scalars.count,
                ["\"", "\\", "$", "`"].contains(scalars[at + 1])
            {
                at += 1
            }
            text.append(scalars[at])
            at += 1
        }
        guard at < scalars.count else {
            throw Problem(
                message: "the quote \(quote) opened here is never closed",
                column: firstColumn + start
            )
        }
        at += 1
    }

    private func refuseShell(_ word: ConfigurationWord) throws(Problem) {
        if word.text.hasPrefix("#") {
            throw Problem(
                message: "a comment stands on a line of its own (quote the word if it is not one)",
                column: word.column
            )
        }
        if Self.shellOperators.contains(word.text) {
            throw Problem(
                message: "no shell reads this line: \(word.text) would be an argument "
                    + "(quote it if it is to be one, or name a script)",
                column: word.column
            )
        }
    }
}

func isBlank(_ scalar: Unicode.Scalar) -> Bool {
    scalar == " " || scalar == "\t"
}
