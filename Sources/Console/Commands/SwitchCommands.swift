import API
import ArgumentParser
import Model

/// What the commands take that move the cluster to another site.
struct SwitchOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Carry out this plan (default: the one written for it, else one that is derived).",
            valueName: "plan"
        ),
        completion: Completions.plans
    )
    var plan: String?

    @Flag(help: "Show what it would do now, step by step, and do nothing.")
    var dryRun = false

    @Flag(
        help: ArgumentHelp(
            "Go on although data may be lost: the gate of replication is overruled.",
            discussion:
                "What the last canary there says is lost is in the refusal and in the report."
        )
    )
    var acceptDataLoss = false

    @Option(
        help: ArgumentHelp(
            "Give up so many canaries of a site that has diverged: the exact number.",
            valueName: "count"
        )
    )
    var acceptDivergence: UInt64?

    @OptionGroup var confirmation: ConfirmationOptions

    @Option(
        help: ArgumentHelp(
            "The name of the site: what a person would type.",
            valueName: "site"
        )
    )
    var confirm: String?

    @Flag(inversion: .prefixedNo, help: "Follow it to its end, or print its number and return.")
    var wait = true

    @OptionGroup var output: FormatOption
}

struct SwitchoverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "switchover",
        abstract: "Move the work to another site, planned and without loss.",
        discussion: Switch.discussion
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var options: SwitchOptions

    @Option(
        help: ArgumentHelp("The site that becomes active.", valueName: "site"),
        completion: Completions.sites
    )
    var to: String

    func run() async throws {
        try await Switch(kind: "switchover", to: to, change: change, options: options)
            .run(connection)
    }
}

struct FailoverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "failover",
        abstract: "Move the work to another site when the active one is lost.",
        discussion: """
            Nothing starts at the new site before every node of the old one is proven unable to act: \
            by its own word, by the end of its lease, by a hook, or by yours (`muster run certify`). \
            A reason is needed.

            \(Switch.discussion)
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var options: SwitchOptions

    @Option(
        help: ArgumentHelp("The site that becomes active.", valueName: "site"),
        completion: Completions.sites
    )
    var to: String

    func run() async throws {
        guard change.reason?.isEmpty == false || options.dryRun else {
            throw ConsoleError(
                .refused,
                "a failover needs a reason; nothing was done",
                hint: "--reason 'what has happened'"
            )
        }
        try await Switch(kind: "failover", to: to, change: change, options: options)
            .run(connection)
    }
}

struct FailbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "failback",
        abstract: "Move the work back to the site it came from.",
        discussion: Switch.discussion
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var options: SwitchOptions

    @Option(
        help: ArgumentHelp(
            "The site that becomes active (default: where the last run came from).",
            valueName: "site"
        ),
        completion: Completions.sites
    )
    var to: String?

    func run() async throws {
        try await Switch(kind: "failback", to: to, change: change, options: options)
            .run(connection)
    }
}

struct DrillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drill",
        abstract: "Carry the plan out against a standby site while production goes on.",
        discussion: """
            Its services start under a token that production refuses, are verified and stopped again; \
            nothing of the active site is touched. Of the plan's hooks only those take part that say \
            so (in-drill).

            \(Switch.discussion)
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var options: SwitchOptions

    @Argument(
        help: ArgumentHelp("The standby site.", valueName: "site"),
        completion: Completions.sites
    )
    var site: String

    func run() async throws {
        try await Switch(kind: "drill", to: site, change: change, options: options)
            .run(connection)
    }
}

/// What they have in common.
struct Switch {
    static let discussion = """
        It is confirmed by typing the name of the site that it is about; scripts say --yes, or \
        --confirm with the name. Exits 0 when it is done, 1 when it was rolled back, 2 when it waits \
        for a person (what to type is shown), 3 when it was refused. --force overrules what readiness \
        calls blocking.
        """

    var kind: String
    var to: String?
    var change: ChangeOptions
    var options: SwitchOptions

    func run(_ connection: ConnectionOptions) async throws {
        try await Session.run(connection) { session in
            let preview: Answer<RunPreview> = try await session.client.get(
                Route.previewRun.path,
                query: [("kind", kind), ("to", to), ("plan", options.plan)]
            )
            if options.dryRun { return try show(preview, session) }
            try await confirm(preview.value, session, connection.colour.errorStyle)
            let started: Answer<RunStarted> = try await session.client.send(
                .startRun,
                nil,
                StartRunRequest(
                    kind: kind,
                    to: preview.value.to,
                    plan: options.plan,
                    reason: change.reason,
                    force: change.forced,
                    acceptDataLoss: options.acceptDataLoss ? true : nil,
                    acceptDivergence: options.acceptDivergence
                )
            )
            let run = started.value.run
            guard options.wait else {
                if options.output.format.isForPrograms {
                    Terminal.write(try Emit.text(started.json, as: options.output.format))
                } else {
                    Terminal.writeLine("\(run)")
                    Terminal.writeErrorLine("run \(run) has begun: `muster run follow \(run)`")
                }
                return
            }
            var follower = RunFollower(session: session, id: run)
            try await follower.follow()
        }
    }

    private func show(_ preview: Answer<RunPreview>, _ session: Session) throws {
        if options.output.format.isForPrograms {
            Terminal.write(try Emit.text(preview.json, as: options.output.format))
        } else {
            let page = RunPreviewPage(
                preview: preview.value,
                style: session.style,
                width: session.width
            )
            for line in page.lines() { Terminal.writeLine(line) }
        }
        if !preview.value.readiness.ready { throw QuietExit(status: .degraded) }
    }

    private func confirm(
        _ preview: RunPreview,
        _ session: Session,
        _ style: Style
    ) async throws {
        let blocking = preview.readiness.findings.filter { $0.level == "blocking" }
        for finding in blocking {
            Terminal.writeErrorLine(
                style.paint("\(style.symbol(.bad)) not ready: \(finding.text)", .bad)
            )
        }
        let open = preview.fences.filter { $0.proof == nil }.map(\.node)
        if !open.isEmpty {
            Terminal.writeErrorLine(
                style.paint(
                    "\(style.symbol(.warning)) it will wait for your word on "
                        + open.joined(separator: ", "),
                    .warning
                )
            )
        }
        let what =
            kind == "drill"
            ? "site \(preview.to) is started and stopped again, site \(preview.from) goes on"
            : "site \(preview.from) stops, site \(preview.to) becomes active"
        try await Confirmation.ask(
            "This is a \(kind): \(what) (\(counted(preview.steps.count, "step")); --dry-run shows them).",
            .typed(preview.to),
            isGiven: options.confirmation.yes,
            confirmed: options.confirm ?? (options.confirmation.yes ? preview.to : nil),
            needing: kind == "drill" ? .operator : .admin,
            over: session.options,
            style: style
        )
    }
}
