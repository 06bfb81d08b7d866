import API

/// Sites, their readiness and their pairs as they are shown.
enum SiteWords {
    static func role(_ site: SiteStatus) -> Cell {
        if site.fencing == true { return Cell("being fenced", .bad) }
        if site.drilling == true { return Cell("\(site.role), in drill", .warning) }
        if site.role == "active" { return Cell("active", .good) }
        return Cell(site.form.map { "\(site.role), \($0)" } ?? site.role)
    }

    /// For the status screen, where the other site's colour must not be taken for its health.
    static func plainRole(_ site: SiteStatus) -> Cell {
        let cell = role(site)
        return site.fencing == true ? cell : Cell(cell.text)
    }

    static func ready(_ site: SiteStatus) -> Cell {
        guard let ready = site.ready else { return Cell("-", .faint) }
        return ready ? Cell("yes", .good) : Cell("no", .warning)
    }

    static func listing(style: Style) -> Listing<SiteStatus> {
        typealias Column = Listing<SiteStatus>.Column
        return Listing(columns: [
            Column("NAME") { Cell($0.name, .strong) },
            Column("ROLE") { role($0) },
            Column("EPOCH") {
                Cell($0.epoch ?? "-", $0.epoch == nil ? .faint : .plain)
            },
            Column("READY") { ready($0) },
            Column("ONLINE", number: { Int64($0.online) }) { site in
                let tone = StatusScreen.tone(site)
                return Cell("\(style.symbol(tone)) \(site.online) of \(site.total)", tone)
            },
            Column("MINIMUM", right: true, number: { Int64($0.minimum) }) { Cell("\($0.minimum)") },
            Column("TOLD AT LOSS", right: true, number: { firesAt($0) ?? .max }) { site in
                guard let losses = firesAt(site) else { return Cell("-", .faint) }
                return losses == 0 ? Cell("now", .warning) : Cell("\(losses)")
            },
            Column("MAINTENANCE", right: true, wide: true) { Cell("\($0.inMaintenance)") },
            Column("INVITED", right: true, wide: true) { Cell("\($0.invited)") },
            Column("HEARD", right: true) { NodeWords.age($0.heartbeatAgeMilliseconds) },
        ])
    }

    /// At which loss from now somebody is told first, by its minimum or a threshold of the rules; 0 when
    /// it is below one already, nil when it has none.
    static func firesAt(_ site: SiteStatus) -> Int64? {
        if let thresholds = site.thresholds {
            return thresholds.map { Int64($0.firesAtLoss) }.min()
        }
        guard site.minimum > 0 else { return nil }
        return max(0, Int64(site.online) - Int64(site.minimum) + 1)
    }

    /// `told at the 2nd loss`; nil when it is told at none, or was.
    static func told(_ site: SiteStatus) -> String? {
        guard site.thresholds != nil, let losses = firesAt(site), losses > 0 else { return nil }
        return "told at the \(NotifyWords.ordinal(UInt32(clamping: losses))) loss"
    }

    /// Thresholds of the rules that it is below, told or not yet; its own minimum is not among them.
    static func thresholdsBelow(_ site: SiteStatus) -> [NotifyThresholdStatus] {
        (site.thresholds ?? []).filter {
            $0.rule.name != "minimum" && $0.firesAtLoss == 0 && $0.online < $0.rule.minimum
        }
    }

    /// `below restore-a-node (4)`, for each such threshold.
    static func below(_ site: SiteStatus) -> [String] {
        thresholdsBelow(site).map { "below \($0.rule.name) (\($0.rule.minimum))" }
    }

    // MARK: Readiness

    static func tone(_ level: String) -> Tone {
        switch level {
        case "blocking": .bad
        case "warning": .warning
        default: .good
        }
    }

    static func verdict(_ readiness: SiteReadiness, style: Style) -> String {
        if readiness.role == "active" { return "site \(readiness.site) is the active one" }
        let tone: Tone = readiness.ready ? .good : .bad
        let word = readiness.ready ? "may take over now" : "may NOT take over now"
        return style.paint("\(style.symbol(tone)) site \(readiness.site) \(word)", tone)
    }

    /// What blocks first, then what is to be known, then what is fine.
    static func findings(
        _ findings: [ReadinessFinding],
        style: Style,
        width: Int?
    ) -> [String] {
        let order = ["blocking", "warning", "fine"]
        let sorted = order.flatMap { level in findings.filter { $0.level == level } }
        var table = Table([.init("LEVEL"), .init("TOPIC"), .init("TEXT", flexible: true)])
        table.hasHeader = false
        table.indent = "  "
        table.isWrapped = width != nil
        for finding in sorted {
            let tone = tone(finding.level)
            let mend = finding.mend.isEmpty ? "" : " (\(finding.mend))"
            table.add([
                Cell("\(style.symbol(tone)) \(finding.level)", tone), Cell(finding.topic),
                Cell(finding.text + mend),
            ])
        }
        return table.lines(style: style, width: width)
    }
}
