import API
import Model

/// `muster task show`: one task, looked into.
struct TaskPageView {
    var detail: TaskDetail
    var style: Style
    var now: WallTime
    var width: Int
    var isWide: Bool
    /// Columns of the terminal when it is wide; nil for as many as it takes.
    var wideWidth: Int?

    var tableWidth: Int? { isWide ? wideWidth : width }

    private var task: TaskSummary { detail.task }

    func lines() -> [String] {
        var lines = head()
        lines += section("ATTEMPTS", attempts())
        lines += section("ABOUT", about())
        guard let tableWidth else { return lines }
        return lines.map { DisplayWidth.cutPainted($0, to: tableWidth, mark: style.ellipsis) }
    }

    private func head() -> [String] {
        let tone = TaskWords.tone(task)
        let word = "\(style.symbol(tone)) \(TaskWords.stateWord(task))"
        let since = NodeWords.duration(since: task.since, at: now)
        let account = task.account.isEmpty ? "" : "  account \(task.account)"
        var lines = [
            "\(style.paint("task \(task.id)", .strong))  \(task.type)\(account)  "
                + "\(style.paint(word, tone)) for \(since)"
        ]
        if let assignment = detail.assignment {
            let verb = assignment.started ? "runs on" : "was given to"
            var text = "  \(verb) \(assignment.node), attempt \(assignment.attempt), handler"
            text += " \(assignment.handler) (\(assignment.delivery))"
            if let cancel = assignment.cancel { text += " \(style.dot) asked to end: \(cancel)" }
            lines.append(text)
        }
        if let notBefore = task.notBefore, task.state == "delayed" {
            lines.append("  starts \(NodeWords.until(notBefore, at: now)) at the earliest")
        }
        if let result = task.result {
            lines.append(
                "  \(style.paint("last attempt: \(TaskWords.sentence(result))", resultTone))"
            )
        }
        if task.state == "failed" || task.state == "unknown" {
            let retry = style.paint("muster task retry \(task.id)", .accent)
            let resolve = style.paint(
                "muster task resolve \(task.id) --done --reason …",
                .accent
            )
            lines.append("  give it again: \(retry); or say how it ended: \(resolve)")
        }
        if task.state == "waiting" {
            lines.append("  why it waits: \(style.paint("muster task why \(task.id)", .accent))")
        }
        return lines
    }

    private var resultTone: Tone {
        task.result?.outcome == "done" ? .good : TaskWords.tone(task) == .bad ? .bad : .warning
    }

    private func section(_ title: String, _ lines: [String]) -> [String] {
        lines.isEmpty ? [] : ["", style.paint(title, .faint)] + lines
    }

    private func attempts() -> [String] {
        var table = Table([
            .init("ATTEMPT", right: true), .init("NODE"), .init("ENDED"),
            .init("OUTCOME", flexible: true),
        ])
        for attempt in detail.attempts {
            let time = isWide ? TimeText.long(attempt.endedAt) : ago(attempt.endedAt)
            table.add([
                Cell("\(attempt.attempt)"), Cell(attempt.node), Cell(time, .faint),
                Cell(attempt.outcome, attempt.outcome == "done" ? .good : .warning),
            ])
        }
        return detail.attempts.isEmpty ? [] : rows(table)
    }

    private func about() -> [String] {
        var table = Table([.init("WHAT"), .init("IS", flexible: true)])
        func add(_ what: String, _ text: String?) {
            if let text, !text.isEmpty { table.add([Cell(what, .faint), Cell(text)]) }
        }
        add("accepted", "\(time(task.acceptedAt)) from \(task.submittedBy)")
        add("priority", "\(task.priority)")
        add("attributes", TaskWords.attributes(task))
        add(
            "exclusive",
            task.exclusiveKey.map { task.ordered == true ? "\($0), in order" : $0 }
        )
        add("key", task.key)
        add("payload", SizeText.bytes(UInt64(task.payloadBytes)))
        add("node", task.node)
        if let decision = detail.decision {
            add("chosen by", "\(decision.rule), view \(decision.view)")
        }
        let most = detail.attemptsMax.map { " of \($0)" } ?? ""
        add("failures", "\(task.failures)\(most)")
        if detail.interruptions > 0 { add("interruptions", "\(detail.interruptions)") }
        add(
            "retry delay",
            detail.retryDelayMilliseconds.map { DurationText.text(milliseconds: $0) }
        )
        if let result = task.result {
            let ran = DurationText.text(milliseconds: result.ranMilliseconds)
            let processor = DurationText.text(milliseconds: result.processorMilliseconds)
            add("ran", "\(ran), \(processor) on a processor")
            if result.memoryBytesMax > 0 { add("memory", SizeText.bytes(result.memoryBytesMax)) }
            add("output", SizeText.bytes(result.outputBytes))
        }
        return rows(table)
    }

    private func rows(_ table: Table) -> [String] {
        var table = table
        table.hasHeader = false
        table.indent = "  "
        return table.lines(style: style, width: tableWidth)
    }

    private func ago(_ text: String) -> String {
        "\(NodeWords.duration(since: text, at: now)) ago"
    }

    private func time(_ text: String) -> String {
        isWide ? TimeText.long(text) : ago(text)
    }
}
