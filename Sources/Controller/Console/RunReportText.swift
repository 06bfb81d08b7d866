import API
import Model

/// A report in Markdown.
struct RunReportText {
    let report: RunReport
    /// Tasks that are listed one by one; the rest is counted.
    private static let tasksShown = 200

    init(_ report: RunReport) {
        self.report = report
    }

    var markdown: String {
        let run = report.run
        var lines = [
            "# Run \(run.id): \(run.kind) from \(run.from) to \(run.to)", "",
            "**\(report.verdict.uppercased())**: \(plain(report.verdictText)).", "",
            "| | |", "| --- | --- |", row("Cluster", report.cluster), row("Ordered by", run.by),
            row("Reason", run.reason.isEmpty ? "none was given" : run.reason),
            row("Plan", "\(run.plan), version \(run.planVersion)"),
            row("Begun", run.startedAt), row("Ended", run.endedAt ?? "not yet"),
            row("Epoch", "\(run.epochBefore) → \(run.epochAfter ?? "not moved")"), "",
        ]
        lines +=
            timeLines + dataLines + stepLines + deedLines + outputLines + fenceLines + ledgerLines
        lines.append("As of \(report.asOf).")
        if let digest = report.digest {
            lines += [
                "",
                "SHA-256 of the sealed part (run, steps, attempts, fences), as it stands in the "
                    + "audit's entry `run.report`: `\(digest)`.",
            ]
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private var timeLines: [String] {
        let times = report.times
        return [
            "## Times", "", "| what | time |", "| --- | --- |",
            row("**RTO**, from the order until the new site served", time(times.rtoMilliseconds)),
            row("Of it, from the first stop on", time(times.outageMilliseconds)),
            row("Gate, drain and stops", time(times.stopMilliseconds)),
            row("Fencing", time(times.fenceMilliseconds)),
            row("Activation, starts, verification", time(times.startMilliseconds)),
            row("Hooks and checks", time(times.hooksMilliseconds)),
            row("Waiting for a person", time(times.personMilliseconds)),
            row("Sessions of the old site, afterwards", time(times.lingerMilliseconds)),
            row("In all", time(times.totalMilliseconds)), "",
        ]
    }

    private var dataLines: [String] {
        let accepted = report.run.acceptedLossText.map { [plain($0), ""] } ?? []
        guard !report.data.isEmpty else {
            let isMove = report.run.kind != "drill" && report.run.epochAfter != nil
            let unknown = isMove ? ["No data set is watched: the RPO is unknown.", ""] : []
            let lines = unknown + accepted
            return lines.isEmpty ? [] : ["## Data", ""] + lines
        }
        var lines = [
            "## Data", "",
            "| data set | **RPO**, at most | objective | canaries lost | last canary here "
                + "| last one written |", "| --- | --- | --- | --- | --- | --- |",
        ]
        for loss in report.data {
            let objective = loss.objectiveMilliseconds.map { time($0) } ?? "none is set"
            let lost = loss.lost.map { "\($0)" } ?? "unknown"
            let measured = loss.rpoMilliseconds.map { time($0) } ?? "unknown"
            lines.append(
                "| \(loss.dataSet) | \(measured) | \(objective) | \(lost) "
                    + "| \(loss.canary ?? "none") | \(loss.acknowledged ?? "unknown") |"
            )
        }
        return lines + [""] + accepted
    }

    private var stepLines: [String] {
        var lines = [
            "## Steps", "", "| # | step | state | begun | took | outcome |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        for step in report.steps {
            var outcome = step.text
            for hook in step.hooks {
                outcome += "; \(hook.node): \(hook.state) (task \(hook.task)) \(hook.text)"
            }
            let name = step.plan.pointOfNoReturn ? "**\(step.plan.name)**" : step.plan.name
            let attempt = step.attempt > 1 ? ", attempt \(step.attempt)" : ""
            lines.append(
                "| \(step.plan.number) | \(name): \(plain(step.plan.what)) | \(step.state)\(attempt) "
                    + "| \(step.startedAt ?? "-") | \(took(step)) | \(plain(outcome)) |"
            )
        }
        return lines + [""]
    }

    /// Steps with one attempt that went well are told by the table of steps.
    private var deedLines: [String] {
        var lines: [String] = []
        for step in report.steps {
            let deeds = step.deeds ?? []
            if deeds.count == 1, deeds[0].outcome == "done" { continue }
            if let left = step.deedsLeftOut {
                lines.append(
                    "| \(step.plan.number) | \(step.plan.name) | - | - | - | "
                        + "\(left) earlier are not kept |"
                )
            }
            for deed in deeds {
                let who = deed.by.map { " by \(plain($0))" } ?? ""
                let hooks = deed.hooks.map {
                    "\($0.node): \($0.state) (task \($0.task)) \($0.text)"
                }
                let texts = [deed.reason, deed.text].compactMap { $0 }.filter { !$0.isEmpty }
                lines.append(
                    "| \(step.plan.number) | \(step.plan.name) | \(deed.outcome)\(who) "
                        + "| \(deed.startedAt ?? deed.at) | \(took(deed.startedAt, deed.at)) "
                        + "| \(plain((texts + hooks).joined(separator: "; "))) |"
                )
            }
        }
        guard !lines.isEmpty else { return [] }
        return [
            "## Attempts and decisions", "",
            "Of steps that took more than one attempt, or a person.", "",
            "| # | step | what | begun | took | why, outcome |",
            "| --- | --- | --- | --- | --- | --- |",
        ] + lines + [""]
    }

    /// What hooks on nodes have written, the end of it.
    private var outputLines: [String] {
        var lines: [String] = []
        for step in report.steps {
            for hook in step.hooks {
                guard let output = hook.output, !output.isEmpty else { continue }
                lines += ["### \(step.plan.name) on \(hook.node), task \(hook.task)", ""]
                // Indented, it is shown as it is, whatever it contains.
                lines += output.split(separator: "\n", omittingEmptySubsequences: false).map {
                    "    \($0)"
                }
                lines.append("")
            }
        }
        return lines.isEmpty ? [] : ["## Output of hooks", ""] + lines
    }

    private func took(_ step: RunStep) -> String { took(step.startedAt, step.endedAt) }

    private func took(_ start: String?, _ end: String?) -> String {
        guard let begin = start.flatMap({ WallTime(iso8601: $0) }),
            let end = end.flatMap({ WallTime(iso8601: $0) })
        else { return "-" }
        return (end - begin).forPeople
    }

    private var fenceLines: [String] {
        guard !report.fences.isEmpty else { return [] }
        var lines = [
            "## Fences", "", "| node | proof | at | how it is known |", "| --- | --- | --- | --- |",
        ]
        for fence in report.fences {
            lines.append(
                "| \(fence.node) | \(fence.proof ?? "**none**") | \(fence.at ?? "-") "
                    + "| \(plain(fence.text)) |"
            )
        }
        return lines + [""]
    }

    private var ledgerLines: [String] {
        let counts = report.counts
        var lines = [
            "## Tasks that were in flight", "",
            "\(counts.tasks)\(report.ledgerCut ? " and more" : "") in all: \(counts.ended) ended where "
                + "they were, \(counts.givenAgain) given again, \(counts.unknown) unknown, "
                + "\(counts.open) open, \(counts.forgotten) ended and forgotten.", "",
        ]
        // What somebody has to look at comes first.
        let order = ["unknown", "open", "given-again", "ended", "forgotten"]
        let sorted = order.flatMap { fate in report.ledger.filter { $0.fate == fate } }
        guard !sorted.isEmpty else { return lines }
        lines += [
            "| task | type | account | was | fate | now |", "| --- | --- | --- | --- | --- | --- |",
        ]
        for entry in sorted.prefix(Self.tasksShown) {
            let was =
                "attempt \(entry.attempt) on \(entry.node)\(entry.started ? "" : ", not started")"
                + (entry.takenAt.map { ", taken from it at \($0)" } ?? "")
                + (entry.drains == true ? ", let drain there" : "")
                + (entry.cutAt.map { ", cut at \($0)" } ?? "")
            lines.append(
                "| \(entry.task) | \(plain(entry.type)) | \(plain(entry.account)) | \(was) "
                    + "| \(entry.fate) | \(plain(entry.text)) |"
            )
        }
        if sorted.count > Self.tasksShown {
            lines.append("\n\(sorted.count - Self.tasksShown) more are in the JSON.")
        }
        return lines + [""]
    }

    private func row(_ name: String, _ value: String) -> String { "| \(name) | \(plain(value)) |" }

    private func time(_ milliseconds: UInt64?) -> String {
        milliseconds.map { Duration.milliseconds(Int64(clamping: $0)).forPeople } ?? "not measured"
    }

    /// Outputs of programs must not break the table, nor become markup.
    private func plain(_ text: String) -> String {
        var shown = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "|", "<", ">", "`": shown += "\\\(scalar)"
            case "\n", "\r", "\t": shown += " "
            default: shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }
}
