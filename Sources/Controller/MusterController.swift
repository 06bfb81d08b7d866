import YAMLFiles
import ArgumentParser
import Dispatch
import Host

/// The entry of the program.
///
/// An asynchronous `main` would end in `dispatchMain`, whose thread lets every signal through
/// whatever was blocked, and SIGTERM would kill the program instead of stopping it. So the signals
/// are blocked before there is a second thread, and the first one does nothing but wait.
@main
enum Entry {
    static func main() {
        Signals.block([Signals.terminate, Signals.interrupt, Signals.hangUp])
        Signals.ignoreBrokenPipes()
        let ended = DispatchSemaphore(value: 0)
        Task.detached {
            await MusterController.main()
            ended.signal()
        }
        ended.wait()
    }
}

/// The controller's program.
struct MusterController: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "muster-controller",
        abstract: "Holds the state of a Muster cluster and decides.",
        discussion: """
            A new cluster: muster-controller init --site NAME, then muster-controller run.
            Exit codes: 0 fine, 1 failed, 3 refused, 64 usage, 70 the outcome of a write is unknown
            (start again: what is durable is read anew), 78 the configuration is wrong.
            """,
        version: Build.version,
        subcommands: [
            RunCommand.self, InitCommand.self, CheckConfigurationCommand.self,
            RestoreCommand.self, AdoptCommand.self, CredentialCommand.self,
            RenewAuthorityCommand.self, VersionCommand.self,
        ]
    )
}

enum Build {
    static let version = "0.1.0"
}

/// What every subcommand that works on an existing cluster is told.
struct CommonOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "The configuration file.")
    var config = ControllerConfiguration.pathDefault

    /// Prints every problem with its place and ends with 78 when there is one.
    func configuration() throws -> ControllerConfiguration {
        do {
            return try ControllerConfiguration.read(path: config)
        } catch {
            throw Failure(error.description, code: 78)
        }
    }
}

/// Ends the program with a message for people and a documented code.
struct Failure: Error, CustomStringConvertible {
    var text: String
    var hint: String
    var code: Int32

    init(_ text: String, hint: String = "", code: Int32 = 1) {
        self.text = text
        self.hint = hint
        self.code = code
    }

    var description: String { hint.isEmpty ? text : "\(text)\nhint: \(hint)" }
}

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Prints the version."
    )

    func run() { print("muster-controller \(Build.version)") }
}

struct CheckConfigurationCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-config",
        abstract: "Reads the configuration and says what is wrong with it."
    )

    @OptionGroup var common: CommonOptions

    func run() throws {
        try Failing.run {
            _ = try common.configuration()
            print("\(common.config) is fine")
        }
    }
}
