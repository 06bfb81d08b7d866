import API
import ArgumentParser
import Model

struct CalendarCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "calendar",
        abstract: "Named dates on which schedules do not fire, such as holidays.",
        subcommands: [
            CalendarList_.self, CalendarShow.self, CalendarSet.self, CalendarRemove.self,
        ],
        aliases: ["calendars"]
    )
}

struct CalendarList_: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "All calendars, and the schedules that name them.",
        aliases: ["ls"]
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var list: ListOptions

    @Flag(name: .shortAndLong, help: "Stay and redraw.")
    var watch = false

    func run() async throws {
        try await Session.run(connection) { session in
            try await session.list(
                .listCalendars,
                list,
                isLive: watch,
                items: { (answer: CalendarList) in answer.calendars },
                listing: { _, now in Self.listing(at: now) },
                ifEmpty: "no calendars yet; `muster schedule calendar set NAME FILE`"
            )
        }
    }

    private static func listing(at now: WallTime) -> Listing<CalendarSummary> {
        typealias Column = Listing<CalendarSummary>.Column
        return Listing(columns: [
            Column("NAME") { Cell($0.name, .strong) },
            Column("ENTRIES", right: true, number: { Int64($0.entries) }) {
                Cell("\($0.entries)")
            },
            Column("SCHEDULES", flexible: true) {
                Cell($0.schedules.isEmpty ? "-" : $0.schedules.joined(separator: ", "))
            },
            Column("BY") { Cell($0.by) },
            Column("SET", number: { TimeText.age(of: $0.at, at: now) ?? 0 }) {
                Cell("\(NodeWords.duration(since: $0.at, at: now)) ago")
            },
            Column("AT", wide: true) { Cell(TimeText.long($0.at)) },
        ])
    }
}

struct CalendarNameArgument: ParsableArguments {
    @Argument(help: "The calendar's name.", completion: Completions.calendars)
    var name: String
}

struct CalendarShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "The dates of a calendar, as `set` takes them."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: FormatOption
    @OptionGroup var calendar: CalendarNameArgument

    func run() async throws {
        try await Session.run(connection) { session in
            let answer: Answer<CalendarDetail> = try await session.client.get(
                Route.showCalendar.path(calendar.name)
            )
            if output.format.isForPrograms {
                return Terminal.write(try Emit.text(answer.json, as: output.format))
            }
            for date in answer.value.dates { Terminal.writeLine(date) }
        }
    }
}

struct CalendarSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Give a calendar its dates, in place of those it had.",
        discussion: """
            One a line: 2026-12-25, *-12-25 for every year, 2026-12-24..2027-01-02; what follows a \
            # is a comment. It holds for every schedule that names the calendar, at once.
            """
    )

    static let bytesMax = 256 << 10

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var calendar: CalendarNameArgument

    @Argument(help: "A file of dates; - is standard input.", completion: .file())
    var file: String

    func run() async throws {
        let bytes = try InputFile.read(file, bytesMax: Self.bytesMax)
        let dates = String(decoding: bytes, as: UTF8.self)
        try CalendarChecks.dates(dates, of: file)
        try await Session.run(connection) { session in
            let answer: Answer<ChangeDone> = try await session.client.send(
                .setCalendar,
                Route.setCalendar.path(calendar.name),
                SetCalendarRequest(
                    dates: dates,
                    reason: change.reason,
                    force: change.forced
                )
            )
            Terminal.writeLine(answer.value.text)
        }
    }
}

struct CalendarRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove a calendar that no schedule names.",
        aliases: ["rm"]
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var calendar: CalendarNameArgument

    func run() async throws {
        try await Confirmation.ask(
            "This removes calendar \(calendar.name).",
            .yes,
            isGiven: confirmation.yes,
            needing: Route.removeCalendar.access,
            over: connection,
            style: connection.colour.errorStyle
        )
        try await change.send(.removeCalendar, calendar.name, over: connection)
    }
}
