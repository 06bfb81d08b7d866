import API
import ArgumentParser
import Model

struct ScheduleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schedule",
        abstract: "Tasks that are submitted by the clock.",
        subcommands: [
            ScheduleList_.self, ScheduleShow.self, ScheduleAdd.self, SchedulePause.self,
            ScheduleResume.self, ScheduleRemove.self, ScheduleNext.self, CalendarCommand.self,
        ],
        aliases: ["schedules"]
    )
}

struct ScheduleList_: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "All schedules: when each fires next, and what is wrong with it.",
        aliases: ["ls"]
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var list: ListOptions

    @Flag(name: .shortAndLong, help: "Stay and redraw.")
    var watch = false

    func run() async throws {
        try await Session.run(connection) { session in
            try await session.list(
                .listSchedules,
                list,
                isLive: watch,
                items: { (answer: ScheduleList) in answer.schedules },
                listing: { style, now in ScheduleWords.listing(style: style, at: now) },
                ifEmpty: "no schedules yet; add one with `muster schedule add NAME`"
            )
        }
    }
}

/// The name of a schedule that there is.
struct ScheduleNameArgument: ParsableArguments {
    @Argument(help: "The schedule's name.", completion: Completions.schedules)
    var name: String
}

struct ScheduleShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "One schedule: its next times, its tasks, its policies."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: FormatOption
    @OptionGroup var schedule: ScheduleNameArgument

    func run() async throws {
        try await Session.run(connection) { session in
            let answer: Answer<ScheduleDetail> = try await session.client.get(
                Route.showSchedule.path(schedule.name)
            )
            if output.format.isForPrograms {
                return Terminal.write(try Emit.text(answer.json, as: output.format))
            }
            let lines = ScheduleWords.page(
                answer.value,
                style: session.style,
                at: answer.asOf,
                width: session.width
            )
            for line in lines { Terminal.writeLine(line) }
        }
    }
}

enum OverlapArgument: String, ExpressibleByArgument, CaseIterable, Sendable {
    case skip
    case queue
    case allow
}

enum MissedArgument: String, ExpressibleByArgument, CaseIterable, Sendable {
    case skip
    case once
    case all
}

struct ScheduleAdd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Submit a task by the clock: by a calendar, every so often, or once.",
        discussion: """
            Each firing is one task, whatever is restarted meanwhile. `muster schedule next` shows \
            beforehand when an expression fires.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions

    @Argument(help: "The name it shall have.")
    var name: String

    @OptionGroup var recurrence: RecurrenceOptions
    @OptionGroup var task: TaskOptions

    @Option(help: "When the task of the firing before has not ended.")
    var overlap: OverlapArgument = .skip

    @Option(help: "What was due while no controller ran: leave out, one for all, or each.")
    var missed: MissedArgument = .once

    @Option(
        help: ArgumentHelp(
            "With --missed all: at most so many, 1 to 1000 (default: 10).",
            valueName: "number"
        )
    )
    var missedMax: UInt16?

    @OptionGroup var exclusions: ExclusionOptions

    func validate() throws {
        try recurrence.check()
        try task.check()
        guard missedMax == nil || missed == .all else {
            throw ValidationError("--missed-max is said of --missed all.")
        }
        guard missedMax.map({ (1...1_000).contains($0) }) ?? true else {
            throw ValidationError("--missed-max is from 1 to 1000.")
        }
    }

    func run() async throws {
        try recurrence.checkCalendar()
        try CalendarChecks.exclusions(exclusions.exclude)
        let taskRequest = try task.request()
        try await Session.run(connection) { session in
            var request = AddScheduleRequest(
                name: name,
                recurrence: recurrence.text(now: TimeText.now()),
                task: taskRequest,
                reason: change.reason,
                force: change.forced
            )
            request.overlap = overlap.rawValue
            request.missed = missed.rawValue
            request.missedMax = missedMax
            request.excluded = exclusions.exclude.isEmpty ? nil : exclusions.exclude
            request.calendars =
                exclusions.excludeCalendar.isEmpty ? nil : exclusions.excludeCalendar
            let answer: Answer<ChangeDone> = try await session.client.send(
                .addSchedule,
                nil,
                request
            )
            Terminal.writeLine(answer.value.text)
        }
    }
}

struct SchedulePause: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Let it fire no more until it is resumed; its tasks go on."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var schedule: ScheduleNameArgument

    func run() async throws {
        try await change.send(.pauseSchedule, schedule.name, over: connection)
    }
}

struct ScheduleResume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Let it fire again; what fell due meanwhile is left out."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var schedule: ScheduleNameArgument

    func run() async throws {
        try await change.send(.resumeSchedule, schedule.name, over: connection)
    }
}

struct ScheduleRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove a schedule; its tasks stay.",
        aliases: ["rm"]
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var schedule: ScheduleNameArgument

    func run() async throws {
        try await Confirmation.ask(
            "This removes schedule \(schedule.name); it will not fire again.",
            .yes,
            isGiven: confirmation.yes,
            needing: Route.removeSchedule.access,
            over: connection,
            style: connection.colour.errorStyle
        )
        try await change.send(.removeSchedule, schedule.name, over: connection)
    }
}

struct ScheduleNext: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "next",
        abstract: "When a schedule fires next, or an expression would.",
        discussion: """
            By name, or as for `muster schedule add`. The controller reckons, by its time zones and \
            calendars; nothing is changed. Exits 2 when it never fires again.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: FormatOption
    @OptionGroup var recurrence: RecurrenceOptions
    @OptionGroup var exclusions: ExclusionOptions

    @Argument(help: "The schedule's name.", completion: Completions.schedules)
    var name: String?

    @Option(name: [.short, .long], help: "How many times, 1 to 100.")
    var count = FiringTimes.countDefault

    func validate() throws {
        guard (name != nil) == recurrence.isEmpty else {
            throw ValidationError("Name a schedule, or say --calendar, --every or --at.")
        }
        if name == nil {
            try recurrence.check()
        } else {
            guard recurrence.zone == nil, recurrence.from == nil, exclusions.exclude.isEmpty,
                exclusions.excludeCalendar.isEmpty
            else { throw ValidationError("A schedule by name has what it was added with.") }
        }
        guard (1...FiringTimes.countMax).contains(count) else {
            throw ValidationError("--count is from 1 to \(FiringTimes.countMax).")
        }
    }

    func run() async throws {
        try recurrence.checkCalendar()
        try CalendarChecks.exclusions(exclusions.exclude)
        func list(_ values: [String]) -> String? {
            values.isEmpty ? nil : values.joined(separator: ",")
        }
        try await Session.run(connection) { session in
            let answer: Answer<FiringTimes> = try await session.client.get(
                Route.forecastSchedule.path,
                query: [
                    ("name", name),
                    ("recurrence", name == nil ? recurrence.text(now: TimeText.now()) : nil),
                    ("count", "\(count)"), ("exclude", list(exclusions.exclude)),
                    ("calendars", list(exclusions.excludeCalendar)),
                ]
            )
            if output.format.isForPrograms {
                Terminal.write(try Emit.text(answer.json, as: output.format))
            } else {
                Terminal.writeErrorLine(answer.value.recurrence)
                let times = answer.value.times
                let lines = ScheduleWords.times(times, style: session.style, at: answer.asOf)
                for line in lines { Terminal.writeLine(line) }
                if times.isEmpty { Terminal.writeErrorLine("it never fires again") }
            }
            if answer.value.times.isEmpty { throw QuietExit(status: .degraded) }
        }
    }
}
