import AgentCore
import Glibc
import Host
import Model
import Protocol

/// `muster-agent submit`
struct SubmitCommand {
    /// How much longer than the agent we wait: it says why it has no answer.
    private static let margin: Duration = .seconds(5)

    let options: ProgramOptions

    init(_ options: ProgramOptions) {
        self.options = options
    }

    static func options(_ words: ArraySlice<String>) throws(CommandFailure) -> ProgramOptions {
        try ProgramOptions(
            words,
            known: [
                "type", "account", "attribute", "priority", "exclusive", "key", "payload",
                "timeout", "socket", "config",
            ],
            flags: ["ordered", "spool"]
        )
    }

    func run() throws(CommandFailure) -> Int32 {
        let patience = try patience()
        let request = SubmitRequest(
            task: LocalTask(
                task: try submission(),
                payload: try payload(),
                spool: options.has("spool"),
                patience: patience
            )
        )
        let answer: SubmitAnswer
        let start = BootClock.now()
        do throws(SubmitClient.Problem) {
            answer = try ask(request, until: MonotonicDeadline(after: patience + Self.margin))
        } catch {
            throw failure(error)
        }
        return try tell(answer, isLate: BootClock.now() - start >= patience)
    }

    private func ask(
        _ request: SubmitRequest,
        until deadline: MonotonicDeadline
    ) throws(SubmitClient.Problem) -> SubmitAnswer {
        let client = try SubmitClient(socketPath, until: deadline)
        let line = try client.ask(request.line, payload: request.task.payload, until: deadline)
        guard let answer = SubmitAnswer(line: line) else {
            throw .broken("it answers what is not known here: is it of another version?")
        }
        return answer
    }

    // MARK: What is asked for

    private func submission() throws(CommandFailure) -> TaskSubmission {
        guard let word = options["type"] else { throw wrong("--type is missing") }
        guard let type = TaskType(word) else {
            throw wrong("--type \(word): a type begins with a letter, such as PUSH")
        }
        var task = TaskSubmission(type: type, account: options["account"] ?? "")
        for word in options.all("attribute") {
            guard let attribute = TaskAttribute(parsing: word) else {
                throw wrong("--attribute \(word): not NAME=VALUE")
            }
            guard !task.attributes.contains(where: { $0.name == attribute.name }) else {
                throw wrong("--attribute \(word): \(attribute.name) is given twice")
            }
            task.attributes.append(attribute)
        }
        task.attributes.sort()
        if let word = options["priority"] {
            guard let priority = decimal(word, UInt8.self), priority <= TaskSubmission.priorityMax
            else {
                throw wrong("--priority \(word): not a number from 0 to 9")
            }
            task.priority = priority
        }
        task.exclusiveKey = options["exclusive"].map {
            ExclusiveKey($0, isOrdered: options.has("ordered"))
        }
        if options.has("ordered"), task.exclusiveKey == nil {
            throw wrong("--ordered belongs to --exclusive KEY")
        }
        task.idempotencyKey = options["key"]
        return try checked(task)
    }

    /// What a line cannot carry would arrive as something else.
    private func checked(_ task: TaskSubmission) throws(CommandFailure) -> TaskSubmission {
        let line = SubmitRequest(task: LocalTask(task: task)).line
        do throws(SubmitRequest.Refusal) {
            guard try SubmitRequest(ArraySlice(line.utf8)).task.task == task else {
                throw wrongText
            }
            return task
        } catch {
            throw wrong(error.text)
        }
    }

    private var wrongText: SubmitRequest.Refusal {
        SubmitRequest.Refusal(code: .invalid, text: "a text holds a character that is not allowed")
    }

    private func payload() throws(CommandFailure) -> [UInt8] {
        guard let path = options["payload"] else { return [] }
        do throws(HostError) {
            let file =
                path == "-"
                ? duplicate(STDIN_FILENO) : try Descriptor.open(path, flags: O_RDONLY | O_NOCTTY)
            guard let file else { throw HostError("read", path: path, code: errno) }
            return try file.readAll(limit: WorkLimits.payloadBytesMax, path: path)
        } catch {
            throw CommandFailure(
                error.code == 0 ? ExitCode.refused : ExitCode.failed,
                "--payload: \(error)",
                mend: error.code == 0
                    ? "put what is larger where the handler can read it, and submit its name" : ""
            )
        }
    }

    private func patience() throws(CommandFailure) -> Duration {
        guard let word = options["timeout"] else { return LocalTask.patienceDefault }
        do throws(ValueProblem) {
            return try ConfigurationValue.duration(.milliseconds(1)...SubmitRequest.patienceMax)(
                word
            )
        } catch {
            throw wrong("--timeout \(word): \(error.message)")
        }
    }

    private func wrong(_ sentence: String) -> CommandFailure {
        CommandFailure(ExitCode.usage, sentence, mend: "see muster-agent --help")
    }

    /// As given, else as configured. The services of the node are not ours to read.
    private var socketPath: String {
        if let path = options["socket"] { return path }
        let problems = ConfigurationProblems(file: options.configuration)
        let bytes = TrustedFile(options.configuration).read(problems) ?? []
        let configuration = NodeConfiguration(bytes, problems: problems)
        return configuration.submitSocket ?? NodeConfiguration().runDirectory + "/submit.sock"
    }

    // MARK: What came of it

    private func tell(_ answer: SubmitAnswer, isLate: Bool) throws(CommandFailure) -> Int32 {
        switch answer {
        case .accepted(let task, _):
            say("\(task)\n")
            return ExitCode.done
        case .spooled:
            say("spooled\n")
            return ExitCode.done
        case .declined(.notActive, let text, _):
            throw CommandFailure(isLate ? ExitCode.timedOut : ExitCode.unreachable, text)
        case .declined(.storage, let text, _): throw CommandFailure(ExitCode.failed, text)
        case .declined(let code, let text, let retry):
            throw CommandFailure(
                ExitCode.refused,
                "refused: \(text.isEmpty ? code.rawValue : text)",
                mend: retry.map { "try again in \($0.forPeople)" } ?? ""
            )
        case .broken(let code, let text):
            throw CommandFailure(ExitCode.refused, "refused (\(code.rawValue)): \(text)")
        }
    }

    private func failure(_ problem: SubmitClient.Problem) -> CommandFailure {
        switch problem {
        case .nobody(let error):
            CommandFailure(
                ExitCode.failed,
                "\(error)",
                mend: "muster-agent does not run here, or listens at another socket: see [submit] "
                    + "in agent.conf, and name it with --socket"
            )
        case .forbidden(let error):
            CommandFailure(
                ExitCode.refused,
                "\(error)",
                mend: "who may write the socket may submit: see group and mode of [submit] in "
                    + "agent.conf"
            )
        case .late:
            CommandFailure(
                ExitCode.timedOut,
                "the agent has not answered in time: whether the task was taken is not known",
                mend: "the same --key asks again without giving it twice"
            )
        case .broken(let reason):
            CommandFailure(
                ExitCode.failed,
                "the agent: \(reason): whether the task was taken is not known",
                mend: "the same --key asks again without giving it twice"
            )
        }
    }
}
