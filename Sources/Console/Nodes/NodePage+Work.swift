import API

// What a node has to do with tasks.

extension NodePage {
    func work() -> [String] {
        var lines: [String] = []
        if let assigned = detail.node.tasksAssigned,
            detail.handlers?.isEmpty == false || assigned > 0
        {
            let started = detail.node.tasksStarted ?? 0
            let most = detail.policy?.slotsMax.map { " of at most \($0)" } ?? ""
            lines.append("  \(assigned)\(most) assigned, \(started) running")
        }
        if let overload = detail.node.overload {
            lines.append("  \(style.paint("overloaded", .warning)) \(overload)")
        }
        guard let handlers = detail.handlers, !handlers.isEmpty else { return lines }
        if let policy = detail.policy {
            lines.append("  overloaded from \(PolicyView.thresholds(policy))")
            let preferences = PolicyView.preferences(policy)
            if preferences != "-" { lines.append("  prefers \(preferences)") }
        }
        var table = Table([
            .init("HANDLER"), .init("SLOTS", right: true), .init("DELIVERY"),
            .init("LIMIT", right: true), .init("TYPES", flexible: true),
        ])
        table.indent = "  "
        for handler in handlers {
            table.add([
                Cell(handler.name, .strong), Cell("\(handler.slots)+\(handler.prefetch)"),
                Cell(handler.delivery),
                Cell(
                    handler.timeLimitMilliseconds.map { DurationText.text(milliseconds: $0) }
                        ?? "-"
                ),
                Cell(handler.types.joined(separator: ", ")),
            ])
        }
        return lines + table.lines(style: style, width: tableWidth)
    }
}
