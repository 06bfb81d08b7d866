import API
import ArgumentParser
import Model

struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Written plans: the steps of a switchover, a failover, a failback.",
        subcommands: [
            PlanList_.self, PlanShow.self, PlanCheckCommand.self, PlanSet.self, PlanRemove.self,
        ],
        aliases: ["plans"]
    )
}

struct PlanList_: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "All written plans, and which runs each is for.",
        aliases: ["ls"]
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var list: ListOptions

    func run() async throws {
        try await Session.run(connection) { session in
            try await session.list(
                .listPlans,
                list,
                isLive: false,
                items: { (answer: PlanList) in answer.plans },
                listing: { _, now in Self.listing(at: now) },
                ifEmpty: "no plan is written: runs are derived from the services;"
                    + " see `muster plan show --for switchover`"
            )
        }
    }

    private static func listing(at now: WallTime) -> Listing<PlanSummary> {
        typealias Column = Listing<PlanSummary>.Column
        return Listing(columns: [
            Column("NAME") { Cell($0.name, .strong) },
            Column("FOR") { Cell($0.kinds.joined(separator: ", ")) },
            Column("STEPS", right: true, number: { Int64($0.steps) }) { Cell("\($0.steps)") },
            Column("VERSION", right: true, number: { Int64($0.version) }) {
                Cell("\($0.version)")
            },
            Column("BY") { Cell($0.by) },
            Column("SET", number: { TimeText.age(of: $0.at, at: now) ?? 0 }) {
                Cell("\(NodeWords.duration(since: $0.at, at: now)) ago")
            },
            Column("AT", wide: true) { Cell(TimeText.long($0.at)) },
        ])
    }
}

/// A kind of run.
enum RunKindArgument: String, ExpressibleByArgument, CaseIterable {
    case switchover
    case failover
    case failback
    case drill
}

struct PlanShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "The steps of a plan, or of what a kind of run would carry out.",
        discussion: """
            With --file it is written as a file that `muster plan set` takes: the derived plan is a \
            good beginning for a plan of your own.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: FormatOption

    @Argument(
        help: ArgumentHelp("The plan's name.", valueName: "plan"),
        completion: Completions.plans
    )
    var name: String?

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("What this kind of run would carry out.", valueName: "kind")
    )
    var kind: RunKindArgument?

    @Flag(help: "As a file.")
    var file = false

    func validate() throws {
        guard (name == nil) != (kind == nil) else {
            throw ValidationError("Either a plan or --for is given.")
        }
    }

    func run() async throws {
        try await Session.run(connection) { session in
            let path =
                kind.map { Route.showPlanFor.path($0.rawValue) }
                ?? Route.showPlan.path(name ?? "")
            let answer: Answer<PlanDetail> = try await session.client.get(path)
            if file {
                for line in answer.value.lines { Terminal.writeLine(line) }
                return
            }
            if output.format.isForPrograms {
                return Terminal.write(try Emit.text(answer.json, as: output.format))
            }
            let width = session.width
            for line in PlanWords.page(answer.value, style: session.style, width: width) {
                Terminal.writeLine(line)
            }
        }
    }
}

struct PlanFileArgument: ParsableArguments {
    static let bytesMax = 64 << 10

    @Argument(help: "A file; - is standard input.", completion: .file(extensions: ["yaml", "yml"]))
    var file: String

    func request(reason: String? = nil, force: Bool? = nil) throws -> SetDocumentRequest {
        let bytes = try InputFile.read(file, bytesMax: Self.bytesMax)
        return SetDocumentRequest(
            text: String(decoding: bytes, as: UTF8.self),
            file: file == "-" ? "standard input" : file,
            reason: reason,
            force: force
        )
    }
}

struct PlanCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Say every mistake of a plan, with its line; nothing is changed.",
        discussion: "Exits 0 when there is none, and 2 when there is one."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: FormatOption
    @OptionGroup var plan: PlanFileArgument

    func run() async throws {
        let request = try plan.request()
        try await Session.run(connection) { session in
            let answer: Answer<PlanCheck> = try await session.client.send(.checkPlan, nil, request)
            if output.format.isForPrograms {
                Terminal.write(try Emit.text(answer.json, as: output.format))
            } else if let found = answer.value.plan {
                let width = session.width
                for line in PlanWords.page(found, style: session.style, width: width) {
                    Terminal.writeLine(line)
                }
            } else {
                for line in PlanWords.mistakes(answer.value.mistakes, in: request.file) {
                    Terminal.writeLine(line)
                }
            }
            if !answer.value.valid { throw QuietExit(status: .degraded) }
        }
    }
}

struct PlanSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Make a file the plan of its name, in place of the one there was."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var plan: PlanFileArgument

    func run() async throws {
        let request = try plan.request(reason: change.reason, force: change.forced)
        try await Session.run(connection) { session in
            let check: Answer<PlanCheck> = try await session.client.send(.checkPlan, nil, request)
            guard check.value.valid else {
                let lines = PlanWords.mistakes(check.value.mistakes, in: request.file)
                throw ConsoleError(
                    .refused,
                    "the plan was not set, it has \(lines.count) mistake"
                        + (lines.count == 1 ? "\n" : "s\n") + lines.joined(separator: "\n")
                )
            }
            let answer: Answer<ChangeDone> = try await session.client.send(.setPlan, nil, request)
            Terminal.writeLine(answer.value.text)
        }
    }
}

struct PlanRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove a plan; its runs are derived from the services then.",
        aliases: ["rm"]
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var confirmation: ConfirmationOptions

    @Argument(
        help: ArgumentHelp("The plan's name.", valueName: "plan"),
        completion: Completions.plans
    )
    var name: String

    func run() async throws {
        try await Confirmation.ask(
            "This removes plan \(name).",
            .yes,
            isGiven: confirmation.yes,
            needing: Route.removePlan.access,
            over: connection,
            style: connection.colour.errorStyle
        )
        try await Session.run(connection) { session in
            let answer: Answer<ChangeDone> = try await session.client.send(
                .removePlan,
                Route.removePlan.path(name),
                PlainChange(reason: change.reason, force: change.forced)
            )
            Terminal.writeLine(answer.value.text)
        }
    }
}
