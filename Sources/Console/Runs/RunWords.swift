import API
import Model

/// Runs as they are shown.
enum RunWords {
    static func tone(_ run: RunSummary) -> Tone {
        switch run.state {
        case "done": .good
        case "aborted", "asking": .bad
        default: run.needs.isEmpty ? .warning : .bad
        }
    }

    static func listing(style: Style, at now: WallTime) -> Listing<RunSummary> {
        typealias Column = Listing<RunSummary>.Column
        return Listing(columns: [
            Column("RUN", right: true, number: { Int64(clamping: $0.id) }) {
                Cell("\($0.id)", .strong)
            },
            Column("KIND") { Cell($0.kind) },
            Column("FROM") { Cell($0.from) },
            Column("TO") { Cell($0.to) },
            Column("STATE") { Cell(stateWord($0), tone($0)) },
            Column("STEP") { Cell($0.isEnded ? "-" : "\($0.step)/\($0.stepCount) \($0.stepName)") },
            Column("BY") { Cell($0.by) },
            Column("BEGUN", number: { TimeText.age(of: $0.startedAt, at: now) ?? 0 }) {
                Cell(TimeText.short($0.startedAt, at: now))
            },
            Column("TOOK", right: true, number: { took($0, at: now) ?? 0 }) { run in
                Cell(took(run, at: now).map { DurationText.text(milliseconds: $0) } ?? "-")
            },
            Column("EPOCH", wide: true) {
                Cell("\($0.epochBefore) \(style.isUnicode ? "→" : "->") \($0.epochAfter ?? "-")")
            },
            Column("PLAN", wide: true) { Cell("\($0.plan) \($0.planVersion)") },
            Column("REASON", flexible: true) { Cell($0.reason.isEmpty ? "-" : $0.reason) },
        ])
    }

    static func stateWord(_ run: RunSummary) -> String {
        run.needs.isEmpty || run.isEnded ? run.state : "waits for you"
    }

    static func took(_ run: RunSummary, at now: WallTime) -> Int64? {
        guard let begin = WallTime(iso8601: run.startedAt) else { return nil }
        let end = run.endedAt.flatMap { WallTime(iso8601: $0) } ?? now
        return max(0, (end - begin).wholeMilliseconds)
    }

    /// `about 12s`, or `at least 12s, 2 steps never measured`.
    static func estimate(_ milliseconds: UInt64, unmeasured: UInt32?) -> String {
        let time = DurationText.text(milliseconds: milliseconds)
        guard let unmeasured, unmeasured > 0 else { return "about \(time)" }
        return "at least \(time), \(counted(unmeasured, "step")) never measured"
    }

    /// `run 3  switchover north → south`.
    static func title(_ run: RunSummary, style: Style) -> String {
        let arrow = style.isUnicode ? "→" : "->"
        return
            "\(style.paint("run \(run.id)", .strong))  \(run.kind) \(run.from) \(arrow) \(run.to)"
    }

    /// What a person must do, with what may be typed.
    static func needs(_ run: RunSummary, style: Style) -> [String] {
        run.needs.flatMap { need in
            [style.paint("\(style.symbol(.bad)) \(need.text)", .bad)]
                + need.commands.map { "    \(style.paint($0, .accent))" }
        }
    }

    /// How an ended run has ended, in one line.
    static func end(_ run: RunSummary, style: Style, at now: WallTime) -> String {
        let time = took(run, at: now).map { DurationText.text(milliseconds: $0) } ?? "?"
        let tone = tone(run)
        if run.kind == "drill" {
            let text =
                run.state == "done"
                ? "drill \(run.id) has passed after \(time): site \(run.to) is an idle standby again"
                : "drill \(run.id) was ended after \(time): site \(run.from) was not touched"
                    + (run.text.isEmpty ? "" : " (\(run.text))")
            return style.paint("\(style.symbol(tone)) \(text)", tone)
        }
        let text =
            run.state == "done"
            ? "run \(run.id) is done after \(time): site \(run.to) is active"
                + (run.epochAfter.map { " under epoch \($0)" } ?? "")
            : "run \(run.id) was rolled back after \(time): site \(run.from) is active as before"
                + (run.text.isEmpty ? "" : " (\(run.text))")
        return style.paint("\(style.symbol(tone)) \(text)", tone)
    }

    /// At the top of the status screen; each line is painted whole, after it has been broken.
    static func banner(
        _ run: RunSummary,
        style: Style,
        at now: WallTime
    ) -> [(text: String, tone: Tone)] {
        let arrow = style.isUnicode ? "→" : "->"
        let since = run.stepSince.map { ", for \(NodeWords.duration(since: $0, at: now))" } ?? ""
        var lines: [(text: String, tone: Tone)] = [
            (
                "\(style.symbol(tone(run))) run \(run.id): \(run.kind) \(run.from) \(arrow) "
                    + "\(run.to), step \(run.step) of \(run.stepCount): \(run.stepName)\(since)",
                tone(run)
            )
        ]
        guard run.needs.isEmpty else {
            for need in run.needs {
                lines.append(("  \(need.text)", .bad))
                lines += need.commands.map { ("    \($0)", .accent) }
            }
            return lines
        }
        if !run.text.isEmpty {
            let word = run.state == "rolling-back" ? "it is rolled back" : "it waits"
            lines.append(("  \(word): \(run.text)", .plain))
        }
        return lines + [("  muster run follow \(run.id)", .accent)]
    }
}
