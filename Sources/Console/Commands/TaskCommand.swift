import API
import ArgumentParser
import Model

struct TaskCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "task",
        abstract: "Work: what was submitted, where it runs, how it ended.",
        groupedSubcommands: [
            CommandGroup(
                name: "See",
                subcommands: [
                    TaskList_.self, TaskShow.self, TaskWhy.self, TaskWhyNot.self, TaskLogs.self,
                ]
            ),
            CommandGroup(name: "Submit", subcommands: [TaskSubmit.self, TaskWait.self]),
            CommandGroup(
                name: "Change",
                subcommands: [TaskCancel.self, TaskRetry.self, TaskResolve.self]
            ),
        ],
        aliases: ["tasks"]
    )
}

/// What tasks are chosen by, in a list or to be changed.
struct TaskFilterOptions: ParsableArguments {
    @Option(help: "Only of this type.", completion: Completions.types)
    var type: String?

    @Option(help: "Only of this account.")
    var account: String?

    @Option(help: "Only those that this node has, or had last.", completion: Completions.nodes)
    var node: String?

    var isEmpty: Bool { type == nil && account == nil && node == nil }
}

struct TaskList_: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Tasks that wait, run, or await an operator, newest first.",
        discussion:
            "With --ended those that are done or cancelled, or were resolved, as long as they are kept.",
        aliases: ["ls"]
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var list: ListOptions
    @OptionGroup var filter: TaskFilterOptions

    @Option(help: "Only in this state; may be given again.")
    var state: [TaskStateArgument] = []

    @Option(
        help: ArgumentHelp(
            "Only those accepted since then: 2h, or 2026-11-25T18:00:00Z.",
            valueName: "duration|time"
        )
    )
    var since: SinceArgument?

    @Option(name: [.short, .long], help: "How many at most, 1 to 100000.")
    var limit = TaskPage.limitDefault

    @Flag(help: "Those that have ended and cannot change any more.")
    var ended = false

    @Flag(name: .shortAndLong, help: "Stay and redraw.")
    var watch = false

    func validate() throws {
        guard (1...100_000).contains(limit) else {
            throw ValidationError("--limit is from 1 to 100000.")
        }
        guard !ended || state.isEmpty else {
            throw ValidationError("--ended means the states done and cancelled: leave --state out.")
        }
    }

    func run() async throws {
        let chosen = TaskFilter(
            states: state,
            isLive: state.isEmpty ? !ended : nil,
            type: filter.type,
            account: filter.account,
            node: filter.node,
            since: since
        )
        try await Session.run(connection) { session in
            if watch {
                var view = LiveView(
                    session: session,
                    model: LiveTasks(
                        filter: chosen,
                        limit: limit,
                        options: list,
                        tellsChanges: !Terminal.isOutput || list.output.format.isForPrograms
                    )
                )
                view.format = list.output.format
                return try await view.run()
            }
            let answer = try await chosen.newest(limit, session)
            try session.show(
                answer,
                answer.value.tasks,
                TaskWords.listing(style: session.style, at: answer.asOf),
                list,
                ifEmpty: "no such tasks"
            )
            guard !list.output.format.isForPrograms, answer.value.next != nil,
                answer.value.tasks.count >= limit
            else { return }
            Terminal.writeErrorLine("the newest \(limit); more with --limit")
        }
    }
}

struct TaskShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "One task: where it is, how its attempts ended, what it asked for."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: FormatOption

    @Argument(help: "The task's number.", completion: Completions.tasks)
    var id: UInt64

    func run() async throws {
        try await Session.run(connection) { session in
            let answer: Answer<TaskDetail> = try await session.client.get(
                Route.showTask.path("\(id)")
            )
            if output.format.isForPrograms {
                return Terminal.write(try Emit.text(answer.json, as: output.format))
            }
            let page = TaskPageView(
                detail: answer.value,
                style: session.style,
                now: answer.asOf,
                width: session.width ?? 100,
                isWide: output.format == .wide || !Terminal.isOutput,
                wideWidth: session.width
            )
            for line in page.lines() { Terminal.writeLine(line) }
        }
    }
}

struct TaskWhy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract: "Why a task is where it is, or why it waits: rule, nodes, loads."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: FormatOption

    @Argument(help: "The task's number.", completion: Completions.tasks)
    var id: UInt64

    func run() async throws {
        try await Session.run(connection) { session in
            let answer: Answer<TaskExplanation> = try await session.client.get(
                Route.explainTask.path("\(id)")
            )
            if output.format.isForPrograms {
                return Terminal.write(try Emit.text(answer.json, as: output.format))
            }
            let view = WhyView(
                why: answer.value,
                style: session.style,
                now: answer.asOf,
                width: session.width
            )
            for line in view.lines() { Terminal.writeLine(line) }
        }
    }
}

struct TaskWhyNot: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why-not",
        abstract: "Why a task is not on that node, in one sentence."
    )

    @OptionGroup var connection: ConnectionOptions

    @Argument(help: "The task's number.", completion: Completions.tasks)
    var id: UInt64

    @Argument(help: "The node.", completion: Completions.nodes)
    var node: String

    func run() async throws {
        try await Session.run(connection) { session in
            // Asked first: a name that is no node's is refused with the nearest one.
            let detail: Answer<NodeDetail> = try await session.client.get(
                Route.showNode.path(node)
            )
            let answer: Answer<TaskExplanation> = try await session.client.get(
                Route.explainTask.path("\(id)")
            )
            Terminal.writeLine(
                WhyView.whyNot(node, answer.value, site: detail.value.node.site)
            )
        }
    }
}
