import API
import ArgumentParser
import Model

struct TaskLogs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "What a task's handler has written, standard output and error as they came.",
        discussion: """
            Of the last attempt that has ended, and of a long output the end. On a terminal control characters are \
            shown as ?, in a pipe every byte is as it was.
            """
    )

    @OptionGroup var connection: ConnectionOptions

    @Argument(help: "The task's number.", completion: Completions.tasks)
    var id: UInt64

    @Flag(name: .shortAndLong, help: "Stay until the task has ended.")
    var follow = false

    private static let pauseMilliseconds: ClosedRange<UInt64> = 200...1_000

    func run() async throws {
        try await Session.run(connection) { session in
            var follower = OutputFollower(attempt: nil, offset: 0)
            var pause = Self.pauseMilliseconds.lowerBound
            while true {
                guard let output = try await piece(follower.offset, session) else {
                    try await Task.sleep(nanoseconds: pause * 1_000_000)
                    continue
                }
                let step = follower.take(output)
                if let note = step.note { Terminal.writeErrorLine(note) }
                Self.write(step.bytes, &follower.rest)
                if output.final { return }
                guard step.bytes.isEmpty else {
                    pause = Self.pauseMilliseconds.lowerBound
                    continue
                }
                guard follow || step.isBegunAnew else { return }
                try await Task.sleep(nanoseconds: pause * 1_000_000)
                pause = min(Self.pauseMilliseconds.upperBound, pause * 3 / 2)
            }
        }
    }

    /// - Returns: nil when no controller answers and it is worth asking again.
    private func piece(_ offset: UInt64, _ session: Session) async throws -> TaskOutput? {
        do {
            let answer: Answer<TaskOutput> = try await session.client.get(
                Route.showTaskOutput.path("\(id)"),
                query: [("offset", "\(offset)")]
            )
            return answer.value
        } catch let error as ConsoleError where error.status == .unreachable && follow {
            return nil
        }
    }

    private static func write(_ bytes: [UInt8], _ rest: inout [UInt8]) {
        if Terminal.isOutput {
            Terminal.write(OutputText.forTerminal(bytes, rest: &rest))
        } else {
            Terminal.write(bytes)
        }
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
    /// Of a scalar that is not whole yet.
    var rest: [UInt8] = []

    mutating func take(_ output: TaskOutput) -> Step {
        var step = Step()
        if let attempt, output.attempt > attempt {
            self.attempt = output.attempt
            step.note = "attempt \(output.attempt) begins"
            rest = []
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
