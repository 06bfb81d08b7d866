import ArgumentParser

/// Finds the first word that is no command where one must be, and what was probably meant.
enum Suggestion {
    /// - Returns: nil when every word that must name a command does.
    static func forUnknownCommand(
        in arguments: [String],
        of root: any ParsableCommand.Type
    ) -> ConsoleError? {
        var command = root
        var path = ["muster"]
        for word in arguments {
            let children = subcommands(of: command)
            guard !children.isEmpty, !word.hasPrefix("-"), word != "help" else { return nil }
            if let child = children.first(where: { names(of: $0).contains(word) }) {
                command = child
                path.append(names(of: child)[0])
                continue
            }
            let place = path.joined(separator: " ")
            let near = children.map { names(of: $0)[0] }
                .map { (name: $0, distance: distance($0, word)) }
                .filter { $0.distance <= 2 }
                .min { $0.distance < $1.distance }
            return ConsoleError(
                .usage,
                "\(place) has no command \(word)",
                hint: near.map { "did you mean `\(place) \($0.name)`?" }
                    ?? "see `\(place) --help`"
            )
        }
        return nil
    }

    static func subcommands(
        of command: any ParsableCommand.Type
    ) -> [any ParsableCommand.Type] {
        command.configuration.subcommands
            + command.configuration.groupedSubcommands.flatMap(\.subcommands)
    }

    static func names(of command: any ParsableCommand.Type) -> [String] {
        [command._commandName] + command.configuration.aliases
    }

    /// How many letters must be changed, added or taken away (Levenshtein).
    static func distance(_ left: String, _ right: String) -> Int {
        let right = Array(right)
        var row = Array(0...right.count)
        for (index, letter) in left.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in right.indices {
                let changed = diagonal + (letter == right[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(changed, row[column] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
}
