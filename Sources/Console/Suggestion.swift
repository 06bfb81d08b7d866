import ArgumentParser
import Model

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
            let near = NearestName.to(word, among: children.map { names(of: $0)[0] })
            return ConsoleError(
                .usage,
                "\(place) has no command \(word)",
                hint: near.map { "did you mean `\(place) \($0)`?" }
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
}
