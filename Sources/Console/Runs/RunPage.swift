import API
import Model

/// One run: its head and a line for each step.
struct RunPage {
    var detail: RunDetail
    var style: Style
    var now: WallTime
    /// Columns; nil for as many as it takes.
    var width: Int?
    /// Long texts go on below themselves instead of being cut.
    var isWrapped = false

    var head: String {
        let run = detail.run
        let dot = " \(style.dot) "
        var parts = [
            RunWords.title(run, style: Style(isColoured: false, isUnicode: style.isUnicode))
        ]
        parts.append("by \(run.by)\(run.reason.isEmpty ? "" : ": \(run.reason)")")
        if let time = RunWords.took(run, at: now) {
            var text = DurationText.text(milliseconds: time)
            if let estimate = detail.estimateMilliseconds, !run.isEnded {
                let whole = RunWords.estimate(estimate, unmeasured: detail.unmeasuredSteps)
                text += " of \(whole)"
            }
            parts.append(text)
        }
        // Cut before it is painted: a line too long would be drawn as two.
        let text = parts.joined(separator: dot)
        let shown = width.map { DisplayWidth.cut(text, to: $0, mark: style.ellipsis) } ?? text
        let name = "run \(run.id)"
        guard shown.hasPrefix(name) else { return shown }
        return style.paint(name, .strong) + shown.dropFirst(name.count)
    }

    /// The head and the steps. When there are fewer rows than steps, those around the present one.
    func lines(rows: Int?) -> [String] {
        var steps = stepLines
        let present = Int(detail.run.step) - 1
        if let rows, steps.count > max(3, rows) {
            let room = max(3, rows)
            let first = min(max(0, present - room / 2), steps.count - room)
            steps = Array(steps[first..<(first + room)])
        }
        return [head] + steps
    }

    private var stepLines: [String] {
        var table = Table([
            .init("SIGN"), .init("#", right: true), .init("STEP"), .init("STATE"),
            .init("TOOK", right: true), .init("TEXT", flexible: true),
        ])
        table.hasHeader = false
        table.indent = "  "
        table.isWrapped = isWrapped
        for (index, step) in detail.steps.enumerated() {
            let isPresent = !detail.run.isEnded && index == Int(detail.run.step) - 1
            let tone = Self.tone(step.state)
            table.add([
                Cell(sign(step.state), tone), Cell("\(step.plan.number)", .faint),
                Cell(step.plan.name, isPresent ? .strong : .plain),
                Cell(Self.stateWord(step), tone), Cell(took(step), .faint),
                Cell(text(step, isPresent: isPresent), isPresent ? .plain : .faint),
            ])
        }
        return table.lines(style: style, width: width)
    }

    private func text(_ step: RunStep, isPresent: Bool) -> String {
        if isPresent, step.state != "done", !detail.run.text.isEmpty { return detail.run.text }
        if step.text.isEmpty, step.state == "pending" { return step.plan.what }
        return step.text
    }

    static func stateWord(_ step: RunStep) -> String {
        let attempt = step.attempt > 1 ? " (\(step.attempt))" : ""
        return step.state + attempt
    }

    private func took(_ step: RunStep) -> String {
        guard let begin = step.startedAt.flatMap({ WallTime(iso8601: $0) }) else { return "" }
        let end = step.endedAt.flatMap { WallTime(iso8601: $0) } ?? now
        return DurationText.text(milliseconds: max(0, (end - begin).wholeMilliseconds))
    }

    private func sign(_ state: String) -> String {
        switch state {
        case "running", "verifying", "undoing": style.isUnicode ? "▶" : ">"
        case "pending": style.symbol(.plain)
        default: style.symbol(Self.tone(state))
        }
    }

    static func tone(_ state: String) -> Tone {
        switch state {
        case "done": .good
        case "running", "verifying", "delayed", "undoing", "skipped", "undone": .warning
        case "failed": .bad
        default: .faint
        }
    }

    /// Nodes of the old site and their proofs.
    var fenceLines: [String] {
        guard !detail.fences.isEmpty else { return [] }
        var table = Table([.init("NODE"), .init("PROOF"), .init("TEXT", flexible: true)])
        table.hasHeader = false
        table.indent = "  "
        table.isWrapped = isWrapped
        for fence in detail.fences {
            table.add([
                Cell(fence.node, .strong),
                Cell(fence.proof ?? "not proven", fence.proof == nil ? .bad : .good),
                Cell(fence.text),
            ])
        }
        return ["", style.paint("FENCES", .faint)] + table.lines(style: style, width: width)
    }

    /// What loss somebody has accepted.
    var lossLines: [String] {
        detail.run.acceptedLossText.map { ["", style.paint("DATA", .faint), "  \($0)"] } ?? []
    }

    var hookLines: [String] {
        let hooks = detail.steps.flatMap { step in step.hooks.map { (step.plan.name, $0) } }
        guard !hooks.isEmpty else { return [] }
        var table = Table([
            .init("STEP"), .init("NODE"), .init("STATE"), .init("TASK", right: true),
            .init("TEXT", flexible: true),
        ])
        table.hasHeader = false
        table.indent = "  "
        table.isWrapped = isWrapped
        for (name, hook) in hooks {
            let tone = Self.tone(hook.state)
            table.add([
                Cell(name), Cell(hook.node, .strong), Cell(hook.state, tone),
                Cell("task \(hook.task)", .faint), Cell(hook.text),
            ])
        }
        return ["", style.paint("HOOKS ON NODES", .faint)]
            + table.lines(style: style, width: width)
    }

    static func ledgerLine(_ ledger: RunLedger, _ style: Style) -> [String] {
        let counts = ledger.counts
        guard counts.tasks > 0 else { return [] }
        let more = ledger.next == nil ? "" : " and more"
        let parts = [
            (counts.ended, "ended there"), (counts.givenAgain, "given again"),
            (counts.unknown, "unknown"), (counts.open, "open"), (counts.forgotten, "forgotten"),
        ]
        let text = parts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
        return [
            "", style.paint("TASKS THAT WERE IN FLIGHT", .faint),
            "  \(counts.tasks)\(more): \(text)",
        ]
    }
}
