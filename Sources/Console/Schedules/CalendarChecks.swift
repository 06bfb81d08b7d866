import Calendar

/// Expressions and dates are read here before they are sent: the place of a mistake is that in what was
/// typed, or in the file, and not in what is made of it.
enum CalendarChecks {
    /// - Throws: `usage`, with the column in what was typed after the option.
    static func expression(_ text: String) throws(ConsoleError) {
        do throws(CalendarProblem) {
            _ = try CalendarExpression(parsing: text)
        } catch {
            throw ConsoleError(
                .usage,
                "--calendar \(quoted(text)): \(plain(error))",
                hint: error.mend ?? ""
            )
        }
    }

    static func zone(_ text: String) throws(ConsoleError) {
        guard ZoneName(text) == nil else { return }
        throw ConsoleError(
            .usage,
            "--zone \(quoted(text)) is no time zone",
            hint: "write a name of the tz database: Europe/Berlin"
        )
    }

    static func exclusions(_ dates: [String]) throws(ConsoleError) {
        for date in dates {
            do throws(CalendarProblem) {
                _ = try DateSet(parsing: date)
            } catch {
                throw ConsoleError(
                    .usage,
                    "--exclude \(quoted(date)): \(plain(error))",
                    hint: error.mend ?? ""
                )
            }
        }
    }

    /// - Parameter file: as it was typed; `-` is standard input.
    /// - Throws: `usage`: `holidays.txt:3:7: "2026-13-01" is no date`.
    static func dates(_ text: String, of file: String) throws(ConsoleError) {
        do throws(CalendarProblem) {
            _ = try DateSet(parsing: text)
        } catch {
            let name = file == "-" ? "standard input" : file
            throw ConsoleError(
                .usage,
                "\(name):\(error.line):\(error.column): \(error.found)",
                hint: error.mend ?? ""
            )
        }
    }

    /// Without the mend, which is shown apart.
    private static func plain(_ problem: CalendarProblem) -> String {
        var problem = problem
        problem.mend = nil
        return "\(problem)"
    }

    private static func quoted(_ text: String) -> String {
        "\"" + DisplayWidth.cut(text, to: 60, mark: "...") + "\""
    }
}
