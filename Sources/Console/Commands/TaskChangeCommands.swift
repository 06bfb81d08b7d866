import API
import ArgumentParser
import Model

/// Changes of many tasks, in requests of so many as the interface takes.
private enum TaskChanges {
    static let countMax = 1_000
    /// More than this at once is a slip of the hand, or asks for a narrower filter.
    static let chosenMax = 100_000

    static func send<Body: Encodable>(
        _ ids: [UInt64],
        _ route: Route,
        _ session: Session,
        _ body: ([UInt64]) -> Body
    ) async throws {
        var rest = ids[...]
        while !rest.isEmpty {
            let part = Array(rest.prefix(countMax))
            rest = rest.dropFirst(part.count)
            let answer: Answer<ChangeDone> = try await session.client.send(
                route,
                nil,
                body(part)
            )
            Terminal.writeLine(answer.value.text)
        }
    }
}

struct TaskCancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Cancel tasks: a waiting one at once, a running one by TERM, then KILL.",
        discussion: """
            By their numbers, or by what they are; with filters it shows how many there are and \
            asks. Ended ones are left alone.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var filter: TaskFilterOptions

    @Argument(help: "The tasks' numbers.", completion: Completions.tasks)
    var ids: [UInt64] = []

    @Option(help: "Only in this state; may be given again.")
    var state: [TaskStateArgument] = []

    func validate() throws {
        guard ids.isEmpty != (filter.isEmpty && state.isEmpty) else {
            throw ValidationError(
                "Say which: either numbers, or --state, --type, --account, --node."
            )
        }
        guard state.allSatisfy({ TaskStateArgument.live.contains($0) }) else {
            throw ValidationError("A task that is done or cancelled cannot be cancelled.")
        }
    }

    func run() async throws {
        try await Session.run(connection) { session in
            let chosen = ids.isEmpty ? try await choose(session) : ids
            try await TaskChanges.send(chosen, .cancelTasks, session) {
                TasksChange(ids: $0, reason: change.reason, force: change.forced)
            }
        }
    }

    private func choose(_ session: Session) async throws -> [UInt64] {
        let chosen = TaskFilter(
            states: state,
            isLive: true,
            type: filter.type,
            account: filter.account,
            node: filter.node
        )
        let tasks = try await chosen.newest(TaskChanges.chosenMax, session).value.tasks
        guard !tasks.isEmpty else {
            Terminal.writeErrorLine("no such tasks; nothing was done")
            return []
        }
        let plural = tasks.count == 1 ? "task" : "tasks"
        try await Confirmation.ask(
            "This cancels \(tasks.count) \(plural): \(TaskWords.counts(tasks)).",
            .yes,
            isGiven: confirmation.yes,
            needing: Route.cancelTasks.access,
            over: session.options,
            style: connection.colour.errorStyle
        )
        // The oldest first, as they would have run.
        return tasks.map(\.id).reversed()
    }
}

struct TaskRetry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Give tasks again that failed for good or whose end is not known.",
        discussion: """
            A delayed one is given now. A task whose end is not known may have run: this runs it \
            once more.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions

    @Argument(help: "The tasks' numbers.", completion: Completions.tasks)
    var ids: [UInt64] = []

    @Flag(help: "All that failed for good, of --type and --account if said.")
    var failed = false

    @Option(help: "With --failed: only of this type.", completion: Completions.types)
    var type: String?

    @Option(help: "With --failed: only of this account.")
    var account: String?

    func validate() throws {
        guard ids.isEmpty == failed else {
            throw ValidationError("Say which: either numbers, or --failed.")
        }
        guard failed || (type == nil && account == nil) else {
            throw ValidationError("--type and --account are said of --failed.")
        }
    }

    func run() async throws {
        try await Session.run(connection) { session in
            var chosen = ids
            if failed {
                let filter = TaskFilter(
                    states: [.failed],
                    isLive: true,
                    type: type,
                    account: account
                )
                let tasks = try await filter.newest(TaskChanges.chosenMax, session).value.tasks
                if tasks.isEmpty { Terminal.writeErrorLine("no such task has failed for good") }
                chosen = tasks.map(\.id).reversed()
            }
            try await TaskChanges.send(chosen, .retryTasks, session) {
                TasksChange(ids: $0, reason: change.reason, force: change.forced)
            }
        }
    }
}

struct TaskResolve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve",
        abstract: "Say how tasks ended that failed for good or whose end is not known.",
        discussion: """
            Look first whether their work was done: with --done they count as done, with --failed \
            they are taken off the list as failed. Neither runs them again.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions

    @Argument(help: "The tasks' numbers.", completion: Completions.tasks)
    var ids: [UInt64]

    @Flag(help: "Their work was done.")
    var done = false

    @Flag(help: "Their work was not done, and shall not be.")
    var failed = false

    func validate() throws {
        guard done != failed else { throw ValidationError("Say either --done or --failed.") }
        guard !(change.reason ?? "").isEmpty else {
            throw ValidationError("How do you know? It needs a --reason.")
        }
    }

    func run() async throws {
        try await Session.run(connection) { session in
            try await TaskChanges.send(ids, .resolveTasks, session) {
                ResolveTasksRequest(
                    ids: $0,
                    done: done,
                    reason: change.reason,
                    force: change.forced
                )
            }
        }
    }
}
