import API
import ArgumentParser
import Model

struct TaskLogs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "What a task's handler has written, standard output and error as they came.",
        discussion: """
            Of the last attempt that has ended, and of a long output the end. With --follow what the \
            attempt that runs has written so far, and then what it writes, about once a second; so with \
            each attempt until the task has ended. It ends 0 when the task is done and 1 when it ended \
            otherwise. On a terminal control characters are shown as ?, in a pipe every byte is as it \
            was; what is said of attempts goes to standard error.
            """
    )

    @OptionGroup var connection: ConnectionOptions

    @Argument(help: "The task's number.", completion: Completions.tasks)
    var id: UInt64

    @Flag(name: .shortAndLong, help: "Stay until the task has ended.")
    var follow = false

    private static let pauseMilliseconds: UInt64 = 200

    func run() async throws {
        try await Session.run(connection) { session in
            if follow { try await stay(session) } else { try await show(session) }
        }
    }

    private func show(_ session: Session) async throws {
        var follower = OutputFollower(attempt: nil, offset: 0)
        var printer = LogPrinter()
        while true {
            let answer: Answer<TaskOutput> = try await session.client.get(
                Route.showTaskOutput.path("\(id)"),
                query: [("offset", "\(follower.offset)")]
            )
            let step = follower.take(answer.value)
            if let note = step.note { printer.say(note) }
            printer.write(step.bytes)
            if answer.value.final { return }
            guard !step.bytes.isEmpty || step.isBegunAnew else { return }
            if step.isBegunAnew {
                try await Task.sleep(nanoseconds: Self.pauseMilliseconds * 1_000_000)
            }
        }
    }

    private func stay(_ session: Session) async throws {
        // What is told of the connection and what is shown of the task share the terminal.
        var printer = LogPrinter()
        let stream = TaskStream(context: session.context, id: id) {
            Terminal.writeErrorLine($0)
        }
        let task = try await stream.follow { printer.show($0) }
        let style = connection.colour.errorStyle
        let tone: Tone = task.state == "done" ? .good : .bad
        printer.say(
            "\(style.paint(style.symbol(tone), tone)) \(TaskWaiting.sentence(task))"
        )
        if task.state != "done" { throw QuietExit(status: .failed) }
    }
}

/// Writes what a task's handler has written, and beside it what is said of its attempts.
struct LogPrinter {
    /// Of the next byte, within the output of the attempt.
    private var offset: UInt64 = 0
    /// Of a scalar that is not whole yet.
    private var rest: [UInt8] = []
    private var isAtLineStart = true

    mutating func show(_ update: TaskStreamUpdate) {
        switch update {
        case .begun(let begun):
            (offset, rest) = (0, [])
            say("attempt \(begun.attempt)" + (begun.node.map { " on \($0)" } ?? ""))
        case .output(let output):
            if output.offset > offset {
                say("\(SizeText.bytes(output.offset - offset)) before this are not kept")
            }
            offset = output.next
            write(Base64.decode(output.dataBase64) ?? [])
        case .ended(let ended): say(Self.sentence(ended))
        case .end: break
        }
    }

    /// Of an attempt that has ended; what became of the task is said at the end.
    static func sentence(_ ended: TaskAttemptEnded) -> String {
        let text = "attempt \(ended.attempt) has ended"
        guard let outcome = ended.outcome, outcome != "done" else { return text }
        guard let result = ended.result else { return "\(text): \(outcome)" }
        return "\(text): \(TaskWords.sentence(result))"
    }

    mutating func write(_ bytes: [UInt8]) {
        guard let last = bytes.last else { return }
        isAtLineStart = last == 10
        if Terminal.isOutput {
            Terminal.write(OutputText.forTerminal(bytes, rest: &rest))
        } else {
            Terminal.write(bytes)
        }
    }

    /// To standard error, on a line of its own where both are on a terminal.
    mutating func say(_ text: String) {
        if Terminal.isOutput, !isAtLineStart {
            Terminal.write("\n")
            isAtLineStart = true
        }
        Terminal.writeErrorLine(text)
    }
}

/// Where the reading of an output stands.
struct OutputFollower {
    struct Step {
        var bytes: [UInt8] = []
        /// For standard error.
        var note: String?
        /// The next piece is that of another attempt, from its first byte on.
        var isBegunAnew = false
    }

    var attempt: UInt16?
    var offset: UInt64

    mutating func take(_ output: TaskOutput) -> Step {
        var step = Step()
        if let attempt, output.attempt > attempt {
            self.attempt = output.attempt
            step.note = "attempt \(output.attempt) begins"
            if output.offset > 0 || offset > 0 {
                // What came is from the middle: ask for its beginning.
                offset = 0
                step.isBegunAnew = true
                return step
            }
        }
        attempt = output.attempt
        if output.offset > offset {
            let left = SizeText.bytes(output.offset - offset)
            step.note = (step.note.map { "\($0); " } ?? "") + "\(left) before this are not kept"
        }
        step.bytes = Base64.decode(output.dataBase64) ?? []
        offset = output.next
        return step
    }
}
