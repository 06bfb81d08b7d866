import API
import ArgumentParser
import Model

struct TaskSubmit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit",
        abstract: "Submit a task, or a file of them.",
        discussion: """
            The task's number alone goes to standard output; it is durable then. With --wait it \
            ends 0 when the task is done, 1 when it ended otherwise, 4 when it was not done in time.

            With --file each line is a JSON object with the members of the interface: type, \
            account, attributes, priority, exclusiveKey, ordered, key, attempts, \
            retryDelayMilliseconds, notBefore, payload or payloadBase64. A line that is wrong is \
            named, and the others go on; it ends with 3 if there was one.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: FormatOption
    @OptionGroup var task: TaskOptions

    @Option(help: "The idempotency key: the same key gives the same task, for 7 days.")
    var key: String?

    @Option(help: ArgumentHelp("Not before then, in ISO 8601.", valueName: "time"))
    var notBefore: TimeArgument?

    @Option(
        name: .customLong("in"),
        help: ArgumentHelp("Not before so long from now.", valueName: "duration")
    )
    var delay: DurationArgument?

    @Flag(help: "Wait until it has ended.")
    var wait = false

    @Option(help: ArgumentHelp("How long to wait (default: 10m).", valueName: "duration"))
    var timeout: DurationArgument?

    @Option(
        help: ArgumentHelp("A file of tasks; - is standard input.", valueName: "file"),
        completion: .file()
    )
    var file: String?

    func validate() throws {
        guard file == nil else {
            guard task.isEmpty, key == nil, notBefore == nil, delay == nil, !wait else {
                throw ValidationError("--file stands alone: what a task is stands in its lines.")
            }
            return
        }
        try task.check()
        guard notBefore == nil || delay == nil else {
            throw ValidationError("Say --not-before or --in, not both.")
        }
        guard wait || timeout == nil else {
            throw ValidationError("--timeout is said of --wait.")
        }
    }

    func run() async throws {
        if let file { return try await submit(file) }
        var request = try task.request()
        request.key = key
        request.notBefore = notBefore?.time.iso8601
        try await Session.run(connection) { session in
            if let delay {
                // By the controller's clock: ours may be wrong.
                let status: Answer<ClusterStatus> = try await session.client.get(
                    Route.getStatus.path
                )
                let start = status.asOf + .milliseconds(Int64(delay.milliseconds))
                request.notBefore = start.iso8601
            }
            let answer: Answer<SubmittedTask> = try await session.client.send(
                .submitTask,
                nil,
                request
            )
            if output.format.isForPrograms {
                Terminal.write(try Emit.text(answer.json, as: output.format))
            } else {
                Terminal.writeLine("\(answer.value.id)")
                if answer.value.known {
                    Terminal.writeErrorLine("the key has this task already; nothing was added")
                }
            }
            guard wait else { return }
            try await TaskWaiting.wait(
                [answer.value.id],
                session,
                timeoutMilliseconds: timeout?.milliseconds ?? TaskWaiting.timeoutDefault,
                // Standard output is for the number.
                tell: { Terminal.writeErrorLine($0) }
            )
        }
    }

    private func submit(_ path: String) async throws {
        let descriptor = try InputFile.open(path)
        let counts = try await Session.run(connection) { session in
            var bulk = BulkSubmission(
                session: session,
                name: InputFile.name(path),
                format: output.format
            )
            do {
                try await bulk.submit(LineFile { try InputFile.piece(of: descriptor, path) })
            } catch {
                Terminal.writeErrorLine(BulkSubmission.sentence(bulk.counts))
                throw error
            }
            return bulk.counts
        }
        // What programs read are the lines.
        if output.format.isForPrograms {
            Terminal.writeErrorLine(BulkSubmission.sentence(counts))
        } else {
            Terminal.writeLine(BulkSubmission.sentence(counts))
        }
        if counts.refused > 0 { throw QuietExit(status: .refused) }
    }
}

struct TaskWait: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait",
        abstract: "Wait until tasks have ended.",
        discussion: """
            Ends 0 when all are done, 1 when one has ended otherwise (failed for good, cancelled, \
            or its end is not known), 4 when the time is over first.
            """
    )

    @OptionGroup var connection: ConnectionOptions

    @Argument(help: "The tasks' numbers.", completion: Completions.tasks)
    var ids: [UInt64]

    @Option(help: ArgumentHelp("How long to wait.", valueName: "duration"))
    var timeout: DurationArgument = DurationArgument(
        milliseconds: TaskWaiting.timeoutDefault
    )

    func run() async throws {
        try await Session.run(connection) { session in
            try await TaskWaiting.wait(
                ids,
                session,
                timeoutMilliseconds: timeout.milliseconds,
                tell: { Terminal.writeLine($0) }
            )
        }
    }
}

/// Follows tasks to their ends.
enum TaskWaiting {
    static let timeoutDefault: UInt64 = 600_000

    /// A task on the list of those that an operator may give again has ended, too.
    static func hasEnded(_ task: TaskSummary) -> Bool {
        switch TaskStateArgument(rawValue: task.state) {
        case .done, .cancelled, .failed, .unknown: true
        case .waiting, .delayed, .assigned, nil: false
        }
    }

    /// - Throws: a status of 1 when one ended otherwise than done, 4 when they did not end.
    static func wait(
        _ ids: [UInt64],
        _ session: Session,
        timeoutMilliseconds: UInt64,
        tell: (String) -> Void
    ) async throws {
        var open = ids
        var ended: [UInt64: TaskSummary] = [:]
        let waiting = Waiting(
            session: session,
            timeoutMilliseconds: timeoutMilliseconds,
            lookAgain: ids.count == 1 ? "muster task show \(ids[0])" : "muster task list"
        )
        try await waiting.until {
            var text: String?
            for id in open {
                let answer: Answer<TaskDetail> = try await session.client.get(
                    Route.showTask.path("\(id)")
                )
                let task = answer.value.task
                if hasEnded(task) {
                    ended[id] = task
                    open.removeAll { $0 == id }
                } else if text == nil {
                    text = "task \(id): \(state(task))\(try await reason(task, session))"
                }
            }
            guard let text else { return nil }
            return text + (open.count > 1 ? " (and \(open.count - 1) more)" : "")
        }
        let style = session.style
        for id in ids {
            guard let task = ended[id] else { continue }
            let tone: Tone = task.state == "done" ? .good : .bad
            tell("\(style.paint(style.symbol(tone), tone)) \(sentence(task))")
        }
        if ended.values.contains(where: { $0.state != "done" }) {
            throw QuietExit(status: .failed)
        }
    }

    private static func state(_ task: TaskSummary) -> String {
        TaskWords.stateWord(task) + (task.node.map { " on \($0)" } ?? "")
    }

    /// Why a task is not with a node, as `muster task why` says it.
    private static func reason(_ task: TaskSummary, _ session: Session) async throws -> String {
        guard task.state == "waiting" || task.state == "delayed" else { return "" }
        let answer: Answer<TaskExplanation> = try await session.client.get(
            Route.explainTask.path("\(task.id)")
        )
        return ": \(answer.value.text)"
    }

    /// `task 17: done on a-1`, `task 18: failed on a-2 (exited with status 3)`.
    static func sentence(_ task: TaskSummary) -> String {
        let node = task.node.map { " on \($0)" } ?? ""
        let why =
            task.state == "done"
            ? "" : task.result.map { " (\(TaskWords.sentence($0)))" } ?? ""
        return "task \(task.id): \(task.state)\(node)\(why)"
    }
}
