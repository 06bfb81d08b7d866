import API
import Model

/// Failovers that nobody orders, as they are shown.
enum AutomaticWords {
    /// One line for the status screen.
    static func line(
        _ status: AutomaticStatus,
        ageMilliseconds: Int64 = 0
    ) -> (text: String, tone: Tone) {
        let (state, tone) = state(status)
        if let proposed = proposed(status, ageMilliseconds: ageMilliseconds) {
            let text = "failover \(state); site \(status.activeSite) seems lost, \(proposed)"
            return (text, .bad)
        }
        guard let below = status.belowMilliseconds, let remaining = status.remainingMilliseconds
        else { return ("failover \(state)", tone) }
        let shown = DurationText.text(milliseconds: Int64(clamping: below) + ageMilliseconds)
        let left = max(0, Int64(clamping: remaining) - ageMilliseconds)
        let next: String
        if left == 0 {
            next = status.obstacles.isEmpty ? "due now" : "NOT by itself"
        } else {
            let what = status.mode == "automatic" ? "failover" : "a proposal"
            next = "\(what) in \(DurationText.text(milliseconds: left))"
        }
        return (
            "failover \(state); site \(status.activeSite) below its minimum for \(shown), \(next)",
            .bad
        )
    }

    /// `a failover was proposed 8m ago: you decide`. How long is still to be waited says nothing then: a
    /// controller that was started again begins to count anew.
    private static func proposed(_ status: AutomaticStatus, ageMilliseconds: Int64 = 0) -> String? {
        guard status.mode != "automatic", let at = status.proposedAt,
            let now = WallTime(iso8601: status.asOf), let age = TimeText.age(of: at, at: now)
        else { return nil }
        let shown = DurationText.text(milliseconds: max(0, age + ageMilliseconds))
        return "a failover was proposed \(shown) ago: you decide"
    }

    private static func state(_ status: AutomaticStatus) -> (String, Tone) {
        guard status.mode == "automatic" else { return ("manual", .faint) }
        if let pause = status.pause { return ("automatic, PAUSED by \(pause.by)", .warning) }
        if status.brake.latched { return ("automatic, BRAKE ON until lifted", .warning) }
        if status.brake.on { return ("automatic, brake on", .warning) }
        if !status.sticky.isEmpty {
            let count = status.sticky.count
            return (
                "automatic, and not for \(count) nodes that do not stop by themselves", .warning
            )
        }
        return ("automatic, brake free", .faint)
    }

    static func page(_ status: AutomaticStatus, style: Style) -> [String] {
        var table = Table([.init("WHAT"), .init("VALUE", flexible: true)])
        table.hasHeader = false
        func add(_ what: String, _ value: String, _ tone: Tone = .plain) {
            table.add([Cell(what, .faint), Cell(value, tone)])
        }
        add("mode", status.mode, .strong)
        add("controller stands", status.authority)
        add("active site", status.activeSite)
        add("hold", DurationText.text(milliseconds: Int64(clamping: status.holdMilliseconds)))
        if let proposed = proposed(status) { add("asked", proposed, .bad) }
        if let below = status.belowMilliseconds {
            let left = Int64(clamping: status.remainingMilliseconds ?? 0)
            add(
                "below its minimum",
                "for \(DurationText.text(milliseconds: Int64(clamping: below))), "
                    + (left > 0 ? "\(DurationText.text(milliseconds: left)) to go" : "long enough"),
                .bad
            )
        } else {
            add("below its minimum", "no")
        }
        if let pause = status.pause {
            add("paused", "by \(pause.by) at \(pause.at): \(pause.reason)", .warning)
        } else {
            add("paused", "no")
        }
        let length = DurationText.text(
            milliseconds: Int64(clamping: status.brake.lengthMilliseconds)
        )
        let rule = "\(length) after each, and \(status.brake.perDay) a day"
        add(
            "brake",
            status.brake.latched
                ? "ON until somebody lifts it (\(rule))"
                : status.brake.on ? "ON (\(rule))" : "free (\(rule))",
            status.brake.on ? .warning : .plain
        )
        for at in status.brake.taken { add("taken", at) }
        if !status.sticky.isEmpty {
            add("do not stop by themselves", status.sticky.joined(separator: ", "), .warning)
        }
        var lines = table.lines(style: style, width: nil)
        if status.obstacles.isEmpty {
            return lines + ["", "Nothing stands in the way of an automatic failover."]
        }
        lines += ["", style.paint("NOT BY ITSELF, BECAUSE", .faint)]
        for obstacle in status.obstacles {
            lines.append("  \(obstacle.text)")
            if !obstacle.mend.isEmpty { lines.append("    \(style.paint(obstacle.mend, .accent))") }
        }
        return lines
    }
}
