import ArgumentParser

/// Puts options that every command takes, and that were typed before the command, behind it: an operator who
/// writes `muster --context paris status` means what `muster status --context paris` says.
enum LeadingOptions {
    private static let names: Set = ["--context", "--server", "--color"]

    /// - Returns: the arguments as they were given when none of these options comes first, or no command follows.
    static func moved(_ arguments: [String], of root: any ParsableCommand.Type) -> [String] {
        var rest = arguments[...]
        var leading: [String] = []
        while let word = rest.first, let name = word.split(separator: "=").first.map(String.init),
            names.contains(name)
        {
            let count = name == word ? 2 : 1
            guard rest.count > count else { return arguments }
            leading += rest.prefix(count)
            rest = rest.dropFirst(count)
        }
        guard !leading.isEmpty else { return arguments }
        var path: [String] = []
        var command = root
        for word in rest {
            let child = Suggestion.subcommands(of: command).first {
                Suggestion.names(of: $0).contains(word)
            }
            guard let child else { break }
            command = child
            path.append(word)
        }
        guard !path.isEmpty else { return arguments }
        return path + leading + rest.dropFirst(path.count)
    }
}
