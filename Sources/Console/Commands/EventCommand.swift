import API
import ArgumentParser
import Model

struct EventCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "event",
        abstract: "What happened, and what happens.",
        subcommands: [EventList.self, EventFollow.self, ExplainCommand.self],
        aliases: ["events"]
    )
}

struct EventList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "The last events, oldest first.",
        discussion: "With --follow it stays and shows each new event as it comes.",
        aliases: ["ls"]
    )

    @OptionGroup var events: EventOptions

    @Flag(name: .shortAndLong, help: "Stay and show new events.")
    var follow = false

    func run() async throws {
        try await events.run(isFollowing: follow)
    }
}

struct EventFollow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "follow",
        abstract: "The last events, and each new one as it comes.",
        discussion: "The same as `muster event list --follow`."
    )

    @OptionGroup var events: EventOptions

    func run() async throws {
        try await events.run(isFollowing: true)
    }
}

/// Which events, and how they are shown.
struct EventOptions: ParsableArguments {
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var list: ListOptions

    @Option(name: [.short, .long], help: "How many at most, 1 to 1000.")
    var limit = 20

    @Option(help: ArgumentHelp("Only those after this one.", valueName: "sequence"))
    var after: UInt64?

    @Option(
        help: ArgumentHelp("Only this kind, or all that begin so: node.", valueName: "kind"),
        completion: Completions.kinds
    )
    var kind: String?

    @Option(help: ArgumentHelp("Only about this node, site, …", valueName: "name"))
    var subject: String?

    @Option(
        help: ArgumentHelp(
            "Only what happened at this site, its nodes included.",
            valueName: "site"
        ),
        completion: Completions.sites
    )
    var site: String?

    @Option(help: "Only this severe or worse.")
    var severity: SeverityArgument?

    func validate() throws {
        guard (1...EventPage.limitMax).contains(limit) else {
            throw ValidationError("--limit is from 1 to \(EventPage.limitMax).")
        }
    }

    func run(isFollowing: Bool) async throws {
        try await Session.run(connection) { session in
            let answer = try await page(session)
            guard isFollowing else {
                let isWide = list.output.format == .wide
                let now = answer.asOf
                return try session.show(
                    answer,
                    answer.value.events,
                    EventWords.listing(style: session.style, at: now, isWide: isWide),
                    list,
                    ifEmpty: "no such events"
                )
            }
            try await follow(session, answer.value)
        }
    }

    /// A page may be short though more follows: the controller looks at so many for one. Further ones are
    /// asked for until there are enough.
    private func page(_ session: Session) async throws -> Answer<EventPage> {
        var answer = try await ask(session, after: after, limit: limit)
        guard answer.value.isCut == true, answer.value.events.count < limit else { return answer }
        var page = answer.value
        while page.isCut == true, page.events.count < limit {
            let rest = limit - page.events.count
            let next = try await ask(session, after: page.next, limit: rest).value
            page.events += next.events
            page.next = next.next
            page.isCut = next.isCut
        }
        answer.value = page
        answer.json = try JSONLine.bytes(page)
        return answer
    }

    private func ask(
        _ session: Session,
        after: UInt64?,
        limit: Int
    ) async throws -> Answer<EventPage> {
        try await session.client.get(
            Route.listEvents.path,
            query: filters + [("limit", "\(limit)"), ("after", after.map { "\($0)" })]
        )
    }

    private var filters: [(String, String?)] {
        [("kind", kind), ("subject", subject), ("site", site), ("severity", severity?.rawValue)]
    }

    private func follow(_ session: Session, _ page: EventPage) async throws {
        for event in page.events { try show(event, json: nil, session) }
        let stream = EventStream(context: session.context, filters: filters)
        var isLost = false
        for await update in stream.updates(after: page.next) {
            switch update {
            case .event(let event, let json): try show(event, json: json, session)
            case .lost(let reason):
                if !isLost {
                    Terminal.writeErrorLine("connection lost: \(reason); trying again")
                }
                isLost = true
            case .connected:
                if isLost { Terminal.writeErrorLine("connected again") }
                isLost = false
            case .refused(let error): throw error
            case .change, .pulse: break
            }
        }
    }

    private func show(_ event: Event, json: [UInt8]?, _ session: Session) throws {
        switch list.output.format {
        case .json: Terminal.writeLine(try JSONLine.text(event))
        case .yaml:
            Terminal.write("---\n" + (try Emit.text(try JSONLine.bytes(event), as: .yaml)))
        case .table, .wide:
            let line = EventWords.line(
                event,
                style: session.style,
                at: TimeText.now(),
                isWide: list.output.format == .wide
            )
            Terminal.writeLine(line)
        }
    }
}

enum SeverityArgument: String, ExpressibleByArgument, CaseIterable, Sendable {
    case info
    case warning
    case critical
}
