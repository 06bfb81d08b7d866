import API
import ArgumentParser
import Model

struct NotifySilenceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "silence",
        abstract: "Tell nobody of some kinds, sites or subjects for a time.",
        discussion: """
            It ends by itself, has an owner and a reason, and is shown in `muster status`. What is still \
            wrong at its end is told then. Everything that was named has to match; a silence of \
            everything says --all.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions

    @Option(
        help: ArgumentHelp("node.offline, or 'node.*'; may be given again.", valueName: "kind"),
        completion: Completions.kinds
    )
    var kind: [String] = []

    @Option(
        help: ArgumentHelp("Of this site; may be given again.", valueName: "site"),
        completion: Completions.sites
    )
    var site: [String] = []

    @Option(help: ArgumentHelp("Only about this node, run, …", valueName: "name"))
    var subject: String?

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("How long: 30m, 2h, 1d; at most 30 days.", valueName: "duration")
    )
    var length: DurationArgument

    @Option(help: ArgumentHelp("Whose it is (default: you).", valueName: "name"))
    var owner: String?

    @Flag(help: "Everything, of every site.")
    var all = false

    func validate() throws {
        let isAll = kind.isEmpty && site.isEmpty && subject == nil
        guard isAll == all else {
            throw ValidationError(
                isAll
                    ? "Say --kind, --site or --subject, or --all." : "--all stands for itself."
            )
        }
        guard change.reason?.isEmpty == false else {
            throw ValidationError("Say why: --reason TEXT.")
        }
    }

    func run() async throws {
        try await Session.run(connection) { session in
            let answer: Answer<ChangeDone> = try await session.client.send(
                .addSilence,
                nil,
                AddSilenceRequest(
                    kinds: kind.isEmpty ? nil : kind,
                    sites: site.isEmpty ? nil : site,
                    subject: subject,
                    owner: owner,
                    forMilliseconds: length.milliseconds,
                    reason: change.reason,
                    force: change.forced
                )
            )
            Terminal.writeLine(answer.value.text)
            if let remark = answer.value.remark {
                let word = session.options.colour.errorStyle.paint("warning:", .warning)
                Terminal.writeErrorLine("\(word) \(remark)")
            }
        }
    }
}

struct NotifySilences: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "silences",
        abstract: "Silences that have not ended: whose, over what, until when."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var list: ListOptions

    func run() async throws {
        try await Session.run(connection) { session in
            try await session.list(
                .listSilences,
                list,
                isLive: false,
                items: { (answer: NotifySilenceList) in answer.silences },
                listing: { _, now in NotifyWords.silences(at: now) },
                ifEmpty: "nothing is silenced"
            )
        }
    }
}

struct NotifyUnsilence: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unsilence",
        abstract: "End a silence; what is still wrong is told now."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions

    @Argument(
        help: ArgumentHelp("As `muster notify silences` shows it.", valueName: "number"),
        completion: Completions.silences
    )
    var number: UInt64

    func run() async throws {
        try await change.send(.endSilence, "\(number)", over: connection)
    }
}
