import API
import ArgumentParser

struct AutomaticCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "automatic",
        abstract: "Failovers that nobody orders: how things stand, a pause, and the brake.",
        subcommands: [
            AutomaticShow.self, AutomaticPauseCommand.self, AutomaticResume.self,
            AutomaticLiftBrake.self,
        ]
    )
}

struct AutomaticShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "The mode, a pause, the brake, and what would stand in the way now."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: FormatOption

    func run() async throws {
        try await Session.run(connection) { session in
            let answer: Answer<AutomaticStatus> = try await session.client.get(
                Route.showAutomatic.path
            )
            if output.format.isForPrograms {
                return Terminal.write(try Emit.text(answer.json, as: output.format))
            }
            for line in AutomaticWords.page(answer.value, style: session.style) {
                Terminal.writeLine(line)
            }
        }
    }
}

struct AutomaticPauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Let the controller observe and never act by itself, until it is resumed.",
        discussion: "For work on the network or the power of a site. A reason is needed."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions

    func run() async throws { try await change.sendAlone(.pauseAutomatic, over: connection) }
}

struct AutomaticResume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "End the pause."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions

    func run() async throws { try await change.sendAlone(.resumeAutomatic, over: connection) }
}

struct AutomaticLiftBrake: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lift-brake",
        abstract: "Let there be another automatic failover, before the brake ends by itself.",
        discussion: """
            After an automatic failover there is no other for the time of the brake, and after two in \
            a day none until somebody has looked. A reason is needed.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions

    func run() async throws { try await change.sendAlone(.liftBrake, over: connection) }
}
