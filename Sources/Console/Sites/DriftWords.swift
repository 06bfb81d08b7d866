import API
import Model

/// Drift as it is shown.
enum DriftWords {
    /// Differences of one set that are shown where not everything is.
    static let shownMax = 10

    static func tone(_ state: String) -> Tone {
        switch state {
        case "drift": .bad
        case "unknown": .warning
        default: .good
        }
    }

    /// `✖ site lyon  drift in 1 of 3 compared sets, 1 unknown`
    static func verdict(_ drift: SiteDrift, style: Style) -> String {
        let sets = drift.pairs.flatMap(\.sets)
        func count(_ state: String) -> Int { sets.count { $0.state == state } }
        var parts: [String] = []
        if sets.isEmpty {
            parts.append(
                drift.pairs.isEmpty
                    ? "no node of it has a pair" : "nothing is compared between pairs"
            )
        } else if count("drift") > 0 {
            parts.append("drift in \(count("drift")) of \(sets.count) compared sets")
        } else {
            parts.append(
                count("unknown") > 0
                    ? "no drift is known" : "no drift in \(sets.count) compared sets"
            )
        }
        if count("unknown") > 0 { parts.append("\(count("unknown")) unknown") }
        let text = "site \(drift.site): \(parts.joined(separator: ", "))"
        return style.paint("\(style.symbol(tone(drift.state))) \(text)", tone(drift.state))
    }

    /// - Parameter showsAll: sets without drift, and every difference that is known.
    static func lines(
        _ drift: SiteDrift,
        style: Style,
        width: Int?,
        at now: WallTime,
        showsAll: Bool
    ) -> [String] {
        var lines = [verdict(drift, style: style)]
        for pair in drift.pairs {
            for set in pair.sets where showsAll || set.state != "fine" {
                lines.append("")
                lines.append(head(set, of: pair, style: style, at: now))
                if !set.reason.isEmpty {
                    let room = width.map { max(20, $0 - 2) } ?? .max
                    lines += DisplayWidth.wrapped(set.reason, to: room).map { "  " + $0 }
                }
                guard set.state == "drift" || showsAll else { continue }
                lines += differences(
                    set,
                    of: pair,
                    style: style,
                    width: showsAll ? nil : width,
                    showsAll: showsAll
                )
            }
        }
        return lines
    }

    /// `✖ drift  app  l-1 and its pair p-1  3 differences  required  since 2m 3s`
    static func head(
        _ set: DriftSet,
        of pair: DriftPair,
        style: Style,
        at now: WallTime
    ) -> String {
        let tone = tone(set.state)
        var parts = [
            style.paint("\(style.symbol(tone)) \(set.state)", tone),
            style.paint(set.name, .strong), "\(pair.standby) and its pair \(pair.production)",
        ]
        switch set.kind {
        case "private": parts.append("must not be alike")
        case "version": parts.append("output of a program")
        default: parts.append("\(set.entries) files")
        }
        if set.state != "fine", set.count > 0 {
            let noun = set.count == 1 ? "difference" : "differences"
            let last = set.state == "unknown" ? " when last compared" : ""
            parts.append("\(set.count) \(set.kind == "private" ? "alike" : noun)\(last)")
        }
        if set.required { parts.append("required") }
        if let since = set.since {
            parts.append("for \(NodeWords.duration(since: since, at: now))")
        }
        if let age = set.ageMilliseconds {
            parts.append("looked at \(DurationText.text(milliseconds: age)) ago")
        }
        return parts.joined(separator: "  ")
    }

    private static func differences(
        _ set: DriftSet,
        of pair: DriftPair,
        style: Style,
        width: Int?,
        showsAll: Bool
    ) -> [String] {
        let shown = showsAll ? set.differences : Array(set.differences.prefix(shownMax))
        guard !shown.isEmpty else { return [] }
        var table = Table([.init("HOW"), .init("PATH"), .init("DETAIL", flexible: true)])
        table.hasHeader = false
        table.indent = "    "
        for difference in shown {
            table.add([
                Cell(how(difference, of: pair)), Cell(difference.path, .strong),
                Cell(detail(difference, of: pair), .faint),
            ])
        }
        var lines = table.lines(style: style, width: width)
        let more = Int(set.count) - shown.count
        if more > 0 { lines.append("    and \(more) more") }
        return lines
    }

    static func how(_ difference: DriftDifference, of pair: DriftPair) -> String {
        difference.aspects.map { aspect in
            switch aspect {
            case "only-standby": "only at \(pair.standby)"
            case "only-production": "only at \(pair.production)"
            default: aspect
            }
        }.joined(separator: ", ")
    }

    /// What of both can be said in a few words: `mode 0644 here, 0755 at p-1`.
    static func detail(_ difference: DriftDifference, of pair: DriftPair) -> String {
        guard let standby = difference.standby, let production = difference.production else {
            let there = difference.standby ?? difference.production
            return there.map { $0.kind == "file" ? SizeText.bytes($0.size) : $0.kind } ?? ""
        }
        func both(_ left: String?, _ right: String?) -> String? {
            guard let left, let right else { return nil }
            return "\(left) at \(pair.standby), \(right) at \(pair.production)"
        }
        let parts = difference.aspects.compactMap { aspect -> String? in
            switch aspect {
            case "kind": both(standby.kind, production.kind)
            case "mode": both(standby.mode, production.mode)
            case "owner": both(standby.owner, production.owner)
            case "target": both(standby.target, production.target)
            case "content" where standby.size != production.size && standby.kind == "file":
                both(SizeText.bytes(standby.size), SizeText.bytes(production.size))
            default: nil
            }
        }
        return parts.joined(separator: "; ")
    }

    /// A line of a unified diff.
    static func diff(_ line: String, style: Style) -> String {
        switch line.first {
        case "+": style.paint(line, line.hasPrefix("+++ ") ? .strong : .good)
        case "-": style.paint(line, line.hasPrefix("--- ") ? .strong : .bad)
        case "@": style.paint(line, .accent)
        case "\\": style.paint(line, .faint)
        default: line
        }
    }
}
