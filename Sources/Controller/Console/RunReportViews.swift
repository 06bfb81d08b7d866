import API
import ControllerCore
import Model
import Protocol

// What a run leaves behind: its verdict, and where its time went.

extension NodeViews {
    func report(_ run: RunRecord, ledger: [LedgerEntry], isCut: Bool) -> RunReport {
        let records = machine.runs.steps(of: run.id)
        let (verdict, text) = Self.verdict(run, records)
        return RunReport(
            asOf: asOf,
            verdict: verdict,
            verdictText: text,
            cluster: machine.cluster.name,
            run: summary(run),
            times: times(run, records),
            steps: steps(run.id),
            fences: fences(run),
            data: losses(of: run.id),
            ledger: ledger,
            ledgerCut: isCut
        )
    }

    private static func verdict(
        _ run: RunRecord,
        _ records: [RunStepRecord]
    ) -> (word: String, text: String) {
        switch run.state {
        case .running, .asking, .rollingBack: return ("under-way", "it has not ended")
        case .aborted:
            let reason = run.text.isEmpty ? "it was aborted" : run.text
            return ("failed", "rolled back, site \(run.from) stays active: \(reason)")
        case .done:
            if run.kind == .drill {
                return ("passed", "site \(run.to) has passed its drill; site \(run.from) went on")
            }
            let epoch = run.epochAfter.map { " under epoch \($0)" } ?? ""
            let skipped = records.filter { $0.state == .skipped }.map(\.step.name.text)
            let left =
                skipped.isEmpty ? "" : "; left out: \(skipped.joined(separator: ", "))"
            let forced = run.isForced ? "; readiness was overruled" : ""
            return ("passed", "site \(run.to) is active\(epoch)\(left)\(forced)")
        }
    }

    func times(_ run: RunRecord, _ records: [RunStepRecord]) -> RunTimes {
        var times = RunTimes(
            totalMilliseconds: ((run.endedAt ?? now.wall) - run.startedAt).milliseconds,
            personMilliseconds: asked(run)
        )
        var isAfter = false
        var disturbed: WallTime?
        var served: WallTime?
        for record in records {
            let act = record.step.act
            if let begin = record.startedAt {
                let end = end(of: record) ?? now.wall
                add((end - begin).milliseconds, of: act, isAfter, to: &times)
                if Self.disturbs(act), !isAfter { disturbed = disturbed ?? begin }
            }
            if act == .activate { isAfter = true }
            if Self.serves(act), record.state == .done { served = record.endedAt ?? served }
        }
        // Every start and verification has to have ended, one that was left out not.
        let isServed = records.allSatisfy {
            !Self.serves($0.step.act) || $0.state == .done || $0.state == .skipped
        }
        // A drill shows how long it would take.
        if run.isActivated || run.kind == .drill, isServed, let served {
            times.rtoMilliseconds = (served - run.startedAt).milliseconds
            times.outageMilliseconds = disturbed.map { (served - $0).milliseconds }
        }
        return times
    }

    private func add(
        _ milliseconds: UInt64,
        of act: PlanAct,
        _ isAfter: Bool,
        to times: inout RunTimes
    ) {
        switch act {
        case .gate, .drainTasks: times.stopMilliseconds += milliseconds
        case .endDrill: times.lingerMilliseconds += milliseconds
        case .stop:
            if isAfter {
                times.lingerMilliseconds += milliseconds
            } else {
                times.stopMilliseconds += milliseconds
            }
        case .fence: times.fenceMilliseconds += milliseconds
        case .activate, .isolate, .start, .verify: times.startMilliseconds += milliseconds
        case .hook, .check, .notify: times.hooksMilliseconds += milliseconds
        // It is counted as time that was waited for a person.
        case .ask: break
        }
    }

    private static func disturbs(_ act: PlanAct) -> Bool {
        switch act {
        case .stop, .fence: true
        case .gate, .drainTasks, .start, .activate, .hook, .check, .ask, .verify, .notify, .isolate,
            .endDrill:
            false
        }
    }

    private static func serves(_ act: PlanAct) -> Bool {
        switch act {
        case .activate, .isolate, .start, .verify: true
        case .gate, .drainTasks, .stop, .fence, .hook, .check, .ask, .notify, .endDrill: false
        }
    }
}

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
        lines += timeLines + dataLines + stepLines + fenceLines + ledgerLines
        lines.append("As of \(report.asOf).")
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
        guard !report.data.isEmpty else {
            let isMove = report.run.kind != "drill" && report.run.epochAfter != nil
            return isMove ? ["## Data", "", "No data set is watched: the RPO is unknown.", ""] : []
        }
        let accepted = report.run.acceptsDataLoss ? "That data may be lost was accepted." : ""
        var lines = [
            "## Data", "",
            "| data set | **RPO**, at most | objective | canaries lost | last canary here | last one written |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        for loss in report.data {
            let objective =
                loss.objectiveMilliseconds.map { time($0) } ?? "none is set"
            let lost = loss.lost.map { "\($0)" } ?? "unknown"
            lines.append(
                "| \(loss.dataSet) | \(loss.rpoMilliseconds.map { time($0) } ?? "unknown") | \(objective) "
                    + "| \(lost) | \(loss.canary ?? "none") | \(loss.acknowledged ?? "unknown") |"
            )
        }
        return lines + [""] + (accepted.isEmpty ? [] : [accepted, ""])
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

    private func took(_ step: RunStep) -> String {
        guard let begin = step.startedAt.flatMap({ WallTime(iso8601: $0) }),
            let end = step.endedAt.flatMap({ WallTime(iso8601: $0) })
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
