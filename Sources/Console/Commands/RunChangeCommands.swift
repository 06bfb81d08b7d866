import API
import ArgumentParser

// What an operator says to a run that is under way.

struct RunChangeOptions: ParsableArguments {
    @OptionGroup var change: ChangeOptions
    @OptionGroup var number: RunNumberArgument

    @Flag(name: .shortAndLong, help: "Then follow the run.")
    var follow = false
}

struct StepOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The step that is meant: when the run is at another one, nothing is done.",
            valueName: "step"
        )
    )
    var step: String?
}

extension Session {
    fileprivate func change(
        _ route: Route,
        _ options: RunChangeOptions,
        _ body: some Encodable
    ) async throws {
        let run = options.number.run
        let answer: Answer<ChangeDone> = try await client.send(route, route.path("\(run)"), body)
        Terminal.writeLine(answer.value.text)
        guard options.follow else { return }
        var follower = RunFollower(session: self, id: run)
        try await follower.follow()
    }
}

struct RunRetry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Try the step again that has failed."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var options: RunChangeOptions
    @OptionGroup var meant: StepOption

    func run() async throws {
        let body = DecideStepRequest(
            step: meant.step,
            reason: options.change.reason,
            force: options.change.forced
        )
        try await Session.run(connection) { try await $0.change(.retryRun, options, body) }
    }
}

struct RunSkip: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "skip",
        abstract: "Leave the present step out; the reason stands in the report.",
        discussion: """
            The fence and the activation cannot be left out: without them two sites could act at once.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var options: RunChangeOptions
    @OptionGroup var meant: StepOption

    func run() async throws {
        let body = DecideStepRequest(
            step: meant.step,
            reason: options.change.reason,
            force: options.change.forced
        )
        try await Session.run(connection) { try await $0.change(.skipStep, options, body) }
    }
}

struct RunAbort: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "abort",
        abstract: "Before the point of no return: roll the run back, the old site stays active."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var options: RunChangeOptions

    func run() async throws {
        let body = PlainChange(reason: options.change.reason, force: options.change.forced)
        try await Session.run(connection) { try await $0.change(.abortRun, options, body) }
    }
}

struct RunCertify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "certify",
        abstract: "Give your word that a node is off, where nothing else can prove it.",
        discussion: """
            If it is not off, two sites act at once. It stands in the report and in the audit log with \
            your name. It is confirmed by typing the node's name; scripts say --yes, or --confirm with \
            the name. A reason is needed: how you know it.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var options: RunChangeOptions
    @OptionGroup var confirmation: ConfirmationOptions

    @Argument(
        help: ArgumentHelp("The node that is off.", valueName: "node"),
        completion: Completions.nodes
    )
    var node: String

    @Option(help: ArgumentHelp("The node's name: what a person would type.", valueName: "node"))
    var confirm: String?

    func run() async throws {
        try await Confirmation.ask(
            "You give your word that node \(node) is off, or cannot reach anything. If it can, two "
                + "sites act at once.",
            .typed(node),
            isGiven: confirmation.yes,
            confirmed: confirm ?? (confirmation.yes ? node : nil),
            needing: Route.certifyNode.access,
            over: connection,
            style: connection.colour.errorStyle
        )
        let body = CertifyNodeRequest(
            node: node,
            reason: options.change.reason,
            force: options.change.forced
        )
        try await Session.run(connection) { try await $0.change(.certifyNode, options, body) }
    }
}

struct RunAccept: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accept",
        abstract: "Let a run that waits go on although data is lost.",
        discussion: """
            What is lost stands in the report and in the audit log with your name. A reason is needed. \
            Before the point of no return only; a step that has failed meanwhile is tried again with \
            `muster run retry`.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var options: RunChangeOptions

    @Flag(help: "Go on although data may be lost.")
    var acceptDataLoss = false

    @Option(
        help: ArgumentHelp(
            "Give up so many canaries of the new site, which has parted from the active data.",
            valueName: "number"
        )
    )
    var acceptDivergence: UInt64?

    func run() async throws {
        let body = AcceptLossRequest(
            acceptDataLoss: acceptDataLoss ? true : nil,
            acceptDivergence: acceptDivergence,
            reason: options.change.reason,
            force: options.change.forced
        )
        try await Session.run(connection) { try await $0.change(.acceptLoss, options, body) }
    }
}

struct RunAnswer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "answer",
        abstract: "Answer what a step of the plan asks."
    )

    enum Word: String, ExpressibleByArgument, CaseIterable {
        case yes
        case no
    }

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var options: RunChangeOptions
    @OptionGroup var meant: StepOption

    @Argument(help: "yes or no.")
    var answer: Word

    func run() async throws {
        let body = AnswerRunRequest(
            yes: answer == .yes,
            step: meant.step,
            reason: options.change.reason,
            force: options.change.forced
        )
        try await Session.run(connection) { try await $0.change(.answerRun, options, body) }
    }
}
