/// One mistake in a configuration file, where it is and how to mend it.
struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    var file: String
    /// From 1; 0 when the file as a whole is meant.
    var line: Int
    /// From 1, in characters; 0 when the line or the file as a whole is meant.
    var column: Int
    var message: String

    init(file: String, line: Int = 0, column: Int = 0, message: String) {
        self.file = file
        self.line = line
        self.column = column
        self.message = message
    }

    var description: String {
        line == 0 ? "\(file): \(message)" : "\(file):\(line):\(column): \(message)"
    }
}

/// All mistakes of all files, in the order of files, lines and columns.
struct ConfigurationErrors: Error, Hashable, Sendable, CustomStringConvertible {
    var errors: [ConfigurationError]

    /// One line for each.
    var description: String {
        errors.map(\.description).joined(separator: "\n")
    }
}

/// Gathers the mistakes of one file, so that a person is told of all of them at once.
final class ConfigurationProblems {
    let file: String
    private(set) var errors: [ConfigurationError] = []

    init(file: String) {
        self.file = file
    }

    func add(_ message: String, line: Int = 0, column: Int = 0) {
        errors.append(
            ConfigurationError(file: file, line: line, column: column, message: message)
        )
    }

    var sorted: [ConfigurationError] {
        errors.sorted { ($0.line, $0.column, $0.message) < ($1.line, $1.column, $1.message) }
    }
}

/// Why one value cannot be what its key wants; the reader adds place, key and value.
struct ValueProblem: Error {
    var message: String
    init(_ message: String) { self.message = message }
}
