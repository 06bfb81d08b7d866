import ArgumentParser
import Logging

/// Runs the controller until it is told to stop.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Runs the controller.",
        discussion: """
            Signals: TERM and INT stop it (agents go on by themselves), HUP checks the
            configuration and says whether a restart would take it.
            """
    )

    @OptionGroup var common: CommonOptions

    func run() async throws {
        try await Failing.runAsync {
            let configuration = try common.configuration()
            try await ControllerService(
                configuration: configuration,
                configurationPath: common.config
            ).run()
        }
    }
}
