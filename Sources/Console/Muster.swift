import ArgumentParser

/// The `muster` command: what an operator says to a cluster, and nothing around the interface.
@main
struct Muster: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "muster",
        abstract: "Manage clusters of servers on one or more sites.",
        discussion: """
            Exit status: 0 fine, 1 failed, 2 degraded or different, 3 refused, 4 timed out, \
            5 unreachable, 64 usage. `muster status --check` exits as monitoring plugins do.
            """,
        version: "muster \(Version.text)",
        groupedSubcommands: [
            CommandGroup(
                name: "See",
                subcommands: [
                    StatusCommand.self, EventCommand.self, NotifyCommand.self, AuditCommand.self,
                ]
            ),
            CommandGroup(
                name: "Nodes and services",
                subcommands: [NodeCommand.self, ServiceCommand.self, PreflightCommand.self]
            ),
            CommandGroup(
                name: "Work",
                subcommands: [TaskCommand.self, PolicyCommand.self, ScheduleCommand.self]
            ),
            CommandGroup(
                name: "Sites and runs",
                subcommands: [
                    SiteCommand.self, ReplicationCommand.self, PlanCommand.self,
                    SwitchoverCommand.self, FailoverCommand.self, FailbackCommand.self,
                    DrillCommand.self, RunsCommand.self, AutomaticCommand.self,
                ]
            ),
            CommandGroup(
                name: "The cluster",
                subcommands: [
                    ConfigCommand.self, TokenCommand.self, OperatorCommand.self,
                    BackupCommand.self,
                ]
            ),
            CommandGroup(
                name: "This console",
                subcommands: [
                    ContextCommand.self, LoginCommand.self, CompletionCommand.self,
                    VersionCommand.self,
                ]
            ),
        ]
    )

    static func main() async {
        do {
            let words = LeadingOptions.moved(
                Array(CommandLine.arguments.dropFirst()),
                of: Self.self
            )
            var command = try await asyncParseAsRoot(words)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let error as ConsoleError {
            end(error, style: ColourOption.standard.errorStyle)
        } catch let error as QuietExit {
            exit(withError: ExitCode(error.status.rawValue))
        } catch  where exitCode(for: error) == .validationFailure {
            endUsage(error, style: ColourOption.standard.errorStyle)
        } catch {
            exit(withError: error)
        }
    }

    /// A mistake on the command line, in the manner of every other error.
    private static func endUsage(_ error: any Error, style: Style) -> Never {
        let words = LeadingOptions.moved(Array(CommandLine.arguments.dropFirst()), of: Self.self)
        if let unknown = Suggestion.forUnknownCommand(in: words, of: Muster.self) {
            end(unknown, style: style)
        }
        let text = fullMessage(for: error)
        let rest = text.hasPrefix("Error: ") ? String(text.dropFirst("Error: ".count)) : text
        Terminal.writeErrorLine("\(style.paint("error:", .bad)) \(rest)")
        exit(withError: ExitCode(CommandStatus.usage.rawValue))
    }

    private static func end(_ error: ConsoleError, style: Style) -> Never {
        for line in error.lines(style: style) { Terminal.writeErrorLine(line) }
        exit(withError: ExitCode(error.status.rawValue))
    }
}

extension ColourOption {
    /// What the command line says of colour, looked up by hand: an error may come before there is
    /// a command that was parsed.
    static var standard: ColourOption {
        var option = ColourOption()
        option.choice = .auto
        let arguments = CommandLine.arguments
        for (index, argument) in arguments.enumerated() {
            let value =
                argument.hasPrefix("--color=")
                ? String(argument.dropFirst("--color=".count))
                : argument == "--color" && index + 1 < arguments.count
                    ? arguments[index + 1] : nil
            if let choice = value.flatMap(ColourChoice.init(rawValue:)) { option.choice = choice }
        }
        return option
    }
}
