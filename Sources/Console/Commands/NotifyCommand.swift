import API
import ArgumentParser
import Model

struct NotifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "notify",
        abstract: "Who is told of what: receivers, routes, thresholds, silences, messages.",
        subcommands: [
            NotifyShow.self, NotifyCheckCommand.self, NotifySet.self, NotifyTest.self,
            NotifyPreviewCommand.self, NotifyList_.self, NotifyPendingCommand.self,
            NotifySilenceCommand.self, NotifySilences.self, NotifyUnsilence.self,
            ExplainCommand.self,
        ]
    )
}

struct NotifyShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Who is told, at which loss, what is open, and what is on its way.",
        discussion: """
            With --file the rules are written as they were set, the way `muster notify set` takes them.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: FormatOption

    @Flag(help: "The rules as a file.")
    var file = false

    func run() async throws {
        try await Session.run(connection) { session in
            if file {
                let answer: Answer<NotifyRulesText> = try await session.client.get(
                    Route.getNotifyRules.path
                )
                guard answer.value.version > 0 else {
                    throw ConsoleError(
                        .failed,
                        "no rules were set yet",
                        hint: "begin with deploy/notify/notify.example.yaml"
                    )
                }
                return Terminal.write(answer.value.lines.joined(separator: "\n"))
            }
            let answer: Answer<NotifyStatus> = try await session.client.get(Route.showNotify.path)
            if output.format.isForPrograms {
                return Terminal.write(try Emit.text(answer.json, as: output.format))
            }
            let page = NotifyPage(
                status: answer.value,
                style: session.style,
                now: answer.asOf,
                width: session.width
            )
            for line in page.lines() { Terminal.writeLine(line) }
        }
    }
}

struct NotifyList_: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Messages and what became of them, the newest first.",
        aliases: ["ls"]
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var list: ListOptions

    @Option(name: [.short, .long], help: "How many at most, 1 to 1000.")
    var limit = 20

    @Option(help: "Only those to this receiver.", completion: Completions.receivers)
    var receiver: String?

    func validate() throws {
        guard (1...NotifyDeliveryList.limitMax).contains(limit) else {
            throw ValidationError("--limit is from 1 to \(NotifyDeliveryList.limitMax).")
        }
    }

    func run() async throws {
        try await Session.run(connection) { session in
            try await session.list(
                .listNotices,
                query: [("limit", "\(limit)"), ("receiver", receiver)],
                list,
                isLive: false,
                items: { (answer: NotifyDeliveryList) in answer.deliveries },
                listing: { style, now in NotifyWords.listing(style: style, at: now) },
                ifEmpty: "no message was sent yet; try one with `muster notify test RECEIVER`"
            )
        }
    }
}

/// The page of a kind; asks nobody.
struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "What a kind of event means, how sure it is, what to look at, what to type.",
        discussion: """
            The pages are those of /usr/share/doc/muster/notices, or of $MUSTER_DOC_DIR/notices. Without \
            a kind it lists them, each with a line. No controller is asked.
            """
    )

    @OptionGroup var colour: ColourOption

    @Argument(
        help: ArgumentHelp("Such as node.offline.", valueName: "kind"),
        completion: Completions.kinds
    )
    var kind: String?

    func run() throws {
        let pages = try NoticePages.find()
        let width = Terminal.isOutput ? Terminal.size.columns : nil
        guard let kind else {
            let lines = pages.overview(style: colour.outputStyle, width: width)
            for line in lines { Terminal.writeLine(line) }
            return
        }
        let lines = NoticePages.lines(
            try pages.text(of: kind),
            style: colour.outputStyle,
            width: width
        )
        for line in lines { Terminal.writeLine(line) }
    }
}
