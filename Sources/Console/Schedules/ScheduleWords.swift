import API
import Model

/// Schedules as they are shown.
enum ScheduleWords {
    static func state(_ schedule: ScheduleSummary, style: Style) -> Cell {
        let (word, tone) = state(schedule)
        return Cell("\(style.symbol(tone)) \(word)", tone)
    }

    static func state(_ schedule: ScheduleSummary) -> (word: String, tone: Tone) {
        if schedule.paused != nil { return ("paused", .faint) }
        if schedule.problem != nil { return ("problem", .bad) }
        if schedule.next == nil { return ("over", .faint) }
        return ("active", .good)
    }

    /// Why it is in that state, and what it has left out.
    static func note(_ schedule: ScheduleSummary) -> Cell {
        if let paused = schedule.paused { return Cell("paused \(paused)") }
        if let problem = schedule.problem { return Cell(problem, .bad) }
        return schedule.skipped > 0 ? Cell("\(schedule.skipped) left out") : Cell("-", .faint)
    }

    static func listing(style: Style, at now: WallTime) -> Listing<ScheduleSummary> {
        typealias Column = Listing<ScheduleSummary>.Column
        func age(_ text: String?) -> Cell {
            text.map { Cell("\(NodeWords.duration(since: $0, at: now)) ago") }
                ?? Cell("-", .faint)
        }
        return Listing(columns: [
            Column("NAME") { Cell($0.name, .strong) },
            Column("STATE") { state($0, style: style) },
            Column("WHEN", flexible: true) { Cell($0.recurrence) },
            Column("NEXT", number: { $0.next.flatMap { TimeText.age(of: $0, at: now) } ?? 0 }) {
                Cell($0.next == nil ? "-" : NodeWords.until($0.next, at: now))
            },
            Column("LAST", number: { $0.lastDue.flatMap { TimeText.age(of: $0, at: now) } ?? 0 }) {
                age($0.lastDue)
            },
            Column("TYPE") { Cell($0.type) },
            Column("NOTE", flexible: true) { note($0) },
            Column("NEXT AT", wide: true) { Cell($0.next.map { TimeText.long($0) } ?? "-") },
            Column("ACCOUNT", wide: true) { Cell($0.account.isEmpty ? "-" : $0.account) },
            Column("TASK", right: true, wide: true) {
                Cell($0.lastTask.map { "\($0)" } ?? "-")
            },
            Column("FIRINGS", right: true, wide: true, number: { Int64(clamping: $0.firings) }) {
                Cell("\($0.firings)")
            },
            Column("OVERLAP", wide: true) { Cell($0.overlap) },
            Column("MISSED", wide: true) { Cell(missed($0)) },
            Column("BY", wide: true) { Cell($0.createdBy) },
        ])
    }

    static func missed(_ schedule: ScheduleSummary) -> String {
        schedule.missed == "all" ? "all, at most \(schedule.missedMax)" : schedule.missed
    }

    /// `muster schedule show`.
    static func page(
        _ detail: ScheduleDetail,
        style: Style,
        at now: WallTime,
        width: Int?
    ) -> [String] {
        let schedule = detail.schedule
        let (word, tone) = state(schedule)
        var first = "\(style.paint("schedule \(schedule.name)", .strong))  "
        first += style.paint("\(style.symbol(tone)) \(word)", tone)
        var lines = [first, "  \(schedule.recurrence)"]
        if let paused = schedule.paused { lines.append("  paused \(paused)") }
        if let problem = schedule.problem { lines.append("  \(style.paint(problem, .bad))") }
        if !detail.times.isEmpty {
            lines +=
                ["", style.paint("FIRES", .faint)] + times(detail.times, style: style, at: now)
        }
        lines += ["", style.paint("ABOUT", .faint)]
        var table = Table([.init("WHAT"), .init("IS", flexible: true)])
        table.hasHeader = false
        table.indent = "  "
        func add(_ what: String, _ text: String?) {
            if let text, !text.isEmpty { table.add([Cell(what, .faint), Cell(text)]) }
        }
        add("type", schedule.type)
        add("account", schedule.account)
        add(
            "attributes",
            schedule.attributes.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
                .joined(separator: " ")
        )
        add("priority", "\(schedule.priority)")
        add(
            "exclusive",
            schedule.exclusiveKey.map {
                schedule.ordered == true ? "\($0), in order" : $0
            }
        )
        add("attempts", schedule.attempts.map { "\($0)" })
        add("payload", SizeText.bytes(UInt64(schedule.payloadBytes)))
        add("overlap", schedule.overlap)
        add("missed", missed(schedule))
        add("not on", (schedule.excluded + schedule.calendars).joined(separator: ", "))
        add("fired", "\(counted(schedule.firings, "time")), \(schedule.skipped) left out")
        if let last = schedule.lastDue {
            let task = schedule.lastTask.map { ", task \($0)" } ?? ""
            add("last", "\(NodeWords.duration(since: last, at: now)) ago\(task)")
        }
        add("not ended", schedule.openTasks.map { "\($0)" }.joined(separator: ", "))
        let age = NodeWords.duration(since: schedule.createdAt, at: now)
        add("added", "\(age) ago by \(schedule.createdBy)")
        return lines + table.lines(style: style, width: width)
    }

    /// A line for each time: on the zone's clock, in UTC, and how long until then.
    static func times(_ times: [FiringTime], style: Style, at now: WallTime) -> [String] {
        var table = Table([.init("LOCAL"), .init("UTC"), .init("IN")])
        table.hasHeader = false
        table.indent = "  "
        for time in times {
            table.add([
                Cell(time.local, .strong), Cell(time.at, .faint),
                Cell(NodeWords.until(time.at, at: now)),
            ])
        }
        return table.lines(style: style, width: nil)
    }
}
