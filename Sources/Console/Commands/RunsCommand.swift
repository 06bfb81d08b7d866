import API
import ArgumentParser
import Model

struct RunsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Runs: switchovers, failovers, failbacks and drills, under way and ended.",
        discussion: """
            A new one is begun by `muster switchover`, `failover`, `failback` or `drill`. There \
            is one at a time, and configuration is locked while it goes on.
            """,
        subcommands: [
            RunList_.self, RunShow.self, RunFollow.self, RunReportCommand.self, RunRetry.self,
            RunSkip.self, RunAbort.self, RunCertify.self, RunAccept.self,
            RunAnswer.self,
        ],
        aliases: ["runs"]
    )
}

struct RunNumberArgument: ParsableArguments {
    @Argument(help: "The run's number.", completion: Completions.runs)
    var run: UInt64
}

struct RunList_: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "All runs that are remembered, the newest first.",
        aliases: ["ls"]
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var list: ListOptions

    @Option(help: ArgumentHelp("Only runs of this kind.", valueName: "kind"))
    var kind: RunKindArgument?

    @Flag(name: .shortAndLong, help: "Stay and redraw.")
    var watch = false

    func run() async throws {
        try await Session.run(connection) { session in
            try await session.list(
                .listRuns,
                query: [("kind", kind?.rawValue)],
                list,
                isLive: watch,
                items: { (answer: RunList) in answer.runs },
                listing: { style, now in RunWords.listing(style: style, at: now) },
                ifEmpty: "there was no run yet"
            )
        }
    }
}

struct RunShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "One run: its steps, hooks, fences, and what became of the tasks in flight."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: FormatOption
    @OptionGroup var number: RunNumberArgument

    func run() async throws {
        try await Session.run(connection) { session in
            let answer: Answer<RunDetail> = try await session.client.get(
                Route.showRun.path("\(number.run)")
            )
            if output.format.isForPrograms {
                return Terminal.write(try Emit.text(answer.json, as: output.format))
            }
            let ledger: Answer<RunLedger> = try await session.client.get(
                Route.showRunLedger.path("\(number.run)"),
                query: [("limit", "\(RunLedger.limitMax)")]
            )
            let page = RunPage(
                detail: answer.value,
                style: session.style,
                now: answer.asOf,
                width: session.width,
                isWrapped: output.format == .wide
            )
            var lines = page.lines(rows: nil) + page.hookLines + page.fenceLines
            lines += page.lossLines
            lines += RunPage.ledgerLine(ledger.value, session.style)
            let run = answer.value.run
            if run.isEnded {
                lines += ["", RunWords.end(run, style: session.style, at: answer.asOf)]
            } else if !run.needs.isEmpty {
                lines += [""] + RunWords.needs(run, style: session.style)
            }
            for line in lines { Terminal.writeLine(line) }
        }
    }
}

struct RunFollow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "follow",
        abstract: "Look on until a run has ended, or waits for a person.",
        discussion: """
            Exits 0 when it is done, 1 when it was rolled back, 2 when it waits for a person: what \
            would unblock it is shown. On a terminal the steps are redrawn; elsewhere there is a line \
            for each change.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var number: RunNumberArgument

    func run() async throws {
        try await Session.run(connection) { session in
            var follower = RunFollower(session: session, id: number.run)
            try await follower.follow()
        }
    }
}
