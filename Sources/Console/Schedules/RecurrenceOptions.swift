import API
import ArgumentParser
import Model

/// When something is to happen, on the command line.
struct RecurrenceOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "By the calendar: \"0 3 * * MON-FRI\", with seconds \"30 0 3 * * *\", @daily.",
            valueName: "expression"
        )
    )
    var calendar: String?

    @Option(help: "With --calendar: the time zone whose clock it is (default: UTC).")
    var zone: String?

    @Option(help: ArgumentHelp("Again and again after so long: 15m.", valueName: "duration"))
    var every: String?

    @Option(help: ArgumentHelp("With --every: reckoned from then on.", valueName: "time"))
    var from: TimeArgument?

    @Option(help: ArgumentHelp("Once, at that time.", valueName: "time"))
    var at: TimeArgument?

    var isEmpty: Bool { calendar == nil && every == nil && at == nil }

    func check() throws {
        let count = [calendar != nil, every != nil, at != nil].count { $0 }
        guard count == 1 else {
            throw ValidationError(
                "Say when: --calendar EXPRESSION, --every DURATION or --at TIME."
            )
        }
        guard zone == nil || calendar != nil else {
            throw ValidationError("--zone is said of --calendar.")
        }
        guard from == nil || every != nil else {
            throw ValidationError("--from is said of --every.")
        }
        guard every.map({ DurationText.milliseconds($0) != nil }) ?? true else {
            throw ValidationError("--every is a duration such as 15m.")
        }
    }

    /// Reads what was typed as the controller will, so that a mistake is shown where it was typed.
    func checkCalendar() throws(ConsoleError) {
        if let calendar { try CalendarChecks.expression(calendar) }
        if let zone { try CalendarChecks.zone(zone) }
    }

    /// As the interface takes it.
    ///
    /// - Parameter now: what `--every` is reckoned from without `--from`.
    func text(now: WallTime) -> String {
        if let at { return "once \(at.time.iso8601)" }
        if let every { return "every \(every) from \((from?.time ?? now).iso8601)" }
        return "calendar \(calendar ?? "")" + (zone.map { " in \($0)" } ?? "")
    }
}

/// Dates on which it does not happen.
struct ExclusionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Not on this date: 2026-12-25, *-12-25, 2026-12-24..2027-01-02; may be given again.",
            valueName: "date"
        )
    )
    var exclude: [String] = []

    @Option(
        help: ArgumentHelp(
            "Not on the dates of this calendar; may be given again.",
            valueName: "name"
        ),
        completion: Completions.calendars
    )
    var excludeCalendar: [String] = []
}
