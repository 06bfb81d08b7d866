import Testing

@testable import Console

/// The place of a mistake is that in what was typed, or in the file.
@Suite struct `Checks of calendars` {
    private func failure(_ body: () throws(ConsoleError) -> Void) -> ConsoleError? {
        do throws(ConsoleError) {
            try body()
            return nil
        } catch {
            return error
        }
    }

    @Test func `a column counts what was typed after the option`() {
        let error = failure { () throws(ConsoleError) in
            try CalendarChecks.expression("0 3 * JNU *")
        }
        #expect(error?.status == .usage)
        #expect(error?.message.hasPrefix("--calendar \"0 3 * JNU *\": month, column 7: ") == true)
        #expect(error?.hint.contains("JUN") == true)
        #expect(
            failure { () throws(ConsoleError) in
                try CalendarChecks.expression("@daily")
            } == nil
        )
    }

    @Test func `a mistake in a file has its line and column`() {
        let text = "2026-12-25\n# Easter\n  2026-13-01\n"
        let error = failure { () throws(ConsoleError) in
            try CalendarChecks.dates(text, of: "holidays.txt")
        }
        #expect(error?.message.hasPrefix("holidays.txt:3:3: ") == true, "\(error?.message ?? "")")
        let piped = failure { () throws(ConsoleError) in
            try CalendarChecks.dates("x", of: "-")
        }
        #expect(piped?.message.hasPrefix("standard input:1:1: ") == true)
    }

    @Test func `an excluded date and a zone are named as they were typed`() {
        let date = failure { () throws(ConsoleError) in
            try CalendarChecks.exclusions(["2026-12-25", "2026-02-30"])
        }
        #expect(date?.message.hasPrefix("--exclude \"2026-02-30\": column 1: ") == true)
        let zone = failure { () throws(ConsoleError) in try CalendarChecks.zone("Europe Berlin") }
        #expect(zone?.message == "--zone \"Europe Berlin\" is no time zone")
        #expect(
            failure { () throws(ConsoleError) in
                try CalendarChecks.zone("Europe/Berlin")
            } == nil
        )
    }
}
