import Glibc
import Host
import Model

/// Exit statuses, the same as those of the other programs.
enum ExitCode {
    static let done: Int32 = 0
    static let failed: Int32 = 1
    static let refused: Int32 = 3
    static let timedOut: Int32 = 4
    static let unreachable: Int32 = 5
    static let usage: Int32 = 64
}

/// Why a command ends without having done what was asked, and what to do about it.
struct CommandFailure: Error, Hashable, Sendable {
    var code: Int32
    var sentence: String
    var mend: String

    init(_ code: Int32, _ sentence: String, mend: String = "") {
        self.code = code
        self.sentence = sentence
        self.mend = mend
    }
}

/// `muster-agent COMMAND …`
struct AgentProgram {
    static let version = "0.1.0"
    static let configurationPathDefault = "/etc/muster/agent.conf"

    static let help = """
        usage: muster-agent run          [--config FILE]
               muster-agent join         [--token-file FILE]
                                         [--name NAME] [--controller ADDRESS]...
                                         [--config FILE | --state DIR]
               muster-agent preflight    [--config FILE] [--controller ADDRESS]...
               muster-agent submit       --type TYPE [--account NAME] [--attribute NAME=VALUE]...
                                         [--priority N] [--exclusive KEY [--ordered]] [--key KEY]
                                         [--payload FILE|-] [--spool] [--timeout DURATION]
                                         [--socket PATH | --config FILE]
               muster-agent check-config [--config FILE]
               muster-agent version

          run           supervises this node's services and reports to the controller
          join          makes this machine a node of the cluster that issued the token, which is
                        asked for, or read from the standard input
          preflight     looks whether this machine is fit for its services
          submit        hands a task to the cluster through the agent of this machine, and
                        prints its number
          check-config  reads agent.conf, services.d, handlers.d and data.d, and says every
                        mistake with its place
          version       prints the version

        Options:
          --config FILE       default: \(configurationPathDefault)
          --state DIR         the state folder, for a node without a configuration file
          --controller ADDR   host:port, 192.0.2.7:7400 or [2001:db8::7]:7400; may be repeated
          --token-file FILE   holds the token; only its owner may read it
          --token TOKEN       the token itself, which the list of processes then shows to everybody

        Options of submit:
          --attribute N=V     what the task needs of a node; may be repeated
          --priority N        0 to 9, the higher first; default: 5
          --exclusive KEY     all tasks of one key run on one node; --ordered: one at a time
          --key KEY           the same key gives the same task, so that asking again is safe
          --payload FILE      given to the handler as it is; - is the standard input
          --spool             where no controller takes it, keep it here and deliver it later:
                              the word spooled is printed instead of a number
          --timeout DURATION  how long to wait for the answer; default: 30s

        Signals while running: SIGHUP reads services.d, handlers.d and data.d again (a mistake
        leaves the old ones in force), SIGTERM says goodbye, leaves the services running under their leashes
        and ends the tasks.

        Exit status: 0 done, 1 failed, 3 refused, 4 not answered in time, 5 no controller could be
        reached, 64 wrong arguments.

        """

    private let words: [String]

    init(_ words: [String]) {
        self.words = words
    }

    func run() -> Int32 {
        if words.contains("--help") || words.contains("-h") || words.first == "help" {
            say(Self.help)
            return ExitCode.done
        }
        do throws(CommandFailure) {
            return try perform()
        } catch {
            complain("muster-agent: \(error.sentence)\n")
            if !error.mend.isEmpty { complain("  \(error.mend)\n") }
            return error.code
        }
    }

    private func perform() throws(CommandFailure) -> Int32 {
        guard let command = words.first else {
            throw CommandFailure(ExitCode.usage, "no command", mend: "see muster-agent --help")
        }
        let rest = words.dropFirst()
        switch command {
        case "run":
            let options = try ProgramOptions(rest, known: ["config"])
            return try RunCommand(configurationPath: options.configuration).run()
        case "join":
            let known: Set<String> = [
                "config", "state", "token", "token-file", "name", "controller",
            ]
            return try JoinCommand(ProgramOptions(rest, known: known)).run()
        case "preflight":
            let known: Set<String> = ["config", "controller"]
            return try PreflightCommand(ProgramOptions(rest, known: known)).run()
        case "submit": return try SubmitCommand(SubmitCommand.options(rest)).run()
        case "check-config":
            return try CheckConfigurationCommand(ProgramOptions(rest, known: ["config"])).run()
        case "version", "--version":
            say("muster-agent \(Self.version)\n")
            return ExitCode.done
        default:
            throw CommandFailure(
                ExitCode.usage,
                "unknown command \(command)",
                mend: "known are run, join, preflight, submit, check-config and version"
            )
        }
    }
}

/// `--key value` and `--key=value` words.
struct ProgramOptions {
    private var values: [String: [String]] = [:]
    private var given: Set<String> = []

    /// Every `--controller`, in the order given.
    var controllers: [String] { all("controller") }

    /// - Parameter flags: options without a value.
    init(
        _ words: ArraySlice<String>,
        known: Set<String>,
        flags: Set<String> = []
    ) throws(CommandFailure) {
        var words = words
        while let word = words.popFirst() {
            var key = word
            var value: String?
            if let equals = word.firstIndex(of: "=") {
                key = String(word[..<equals])
                value = String(word[word.index(after: equals)...])
            }
            let name = String(key.dropFirst(2))
            if key.hasPrefix("--"), flags.contains(name), value == nil {
                given.insert(name)
                continue
            }
            guard key.hasPrefix("--"), known.contains(name) else {
                let list = known.union(flags).sorted().map { "--\($0)" }.joined(separator: ", ")
                throw CommandFailure(
                    ExitCode.usage,
                    "\(key) is not an option of this command",
                    mend: "known are \(list)"
                )
            }
            guard let text = value ?? words.popFirst(), !text.isEmpty else {
                throw CommandFailure(ExitCode.usage, "\(key) needs a value")
            }
            values[name, default: []].append(text)
        }
    }

    /// The last that was given.
    subscript(key: String) -> String? { values[key]?.last }

    func all(_ key: String) -> [String] { values[key] ?? [] }

    func has(_ flag: String) -> Bool { given.contains(flag) }

    var configuration: String { self["config"] ?? AgentProgram.configurationPathDefault }

    func loadConfiguration() throws(CommandFailure) -> NodeConfiguration {
        do throws(ConfigurationErrors) {
            return try ConfigurationLoader.load(configuration)
        } catch {
            throw CommandFailure(ExitCode.failed, "the configuration is refused:\n\(error)")
        }
    }
}

func say(_ text: String) {
    _ = Array(text.utf8).withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
}

func complain(_ text: String) {
    _ = Array(text.utf8).withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
}
