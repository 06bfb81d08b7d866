import API
import Model

/// Data sets as they are shown.
enum ReplicationWords {
    /// A data set at a site.
    struct Row: Encodable {
        var dataSet: DataSetStatus
        var site: DataSetAtSite
    }

    static func rows(_ dataSets: [DataSetStatus]) -> [Row] {
        dataSets.flatMap { dataSet in dataSet.sites.map { Row(dataSet: dataSet, site: $0) } }
    }

    static func tone(_ state: String) -> Tone {
        switch state {
        case "diverged": .bad
        case "late", "unknown": .warning
        case "fine": .good
        default: .plain
        }
    }

    static func listing(style: Style) -> Listing<Row> {
        typealias Column = Listing<Row>.Column
        return Listing(columns: [
            Column("NAME") { Cell($0.dataSet.name, .strong) },
            Column("SITE") { Cell($0.site.site) },
            Column("STATE") { row in
                let tone = tone(row.site.state)
                return Cell("\(style.symbol(tone)) \(row.site.state)", tone)
            },
            Column("LAG", right: true, number: { Int64($0.site.lagMilliseconds ?? .max / 2) }) {
                lag($0.site)
            },
            Column("RPO", right: true) { row in
                row.dataSet.objectiveMilliseconds.map { Cell(time($0)) } ?? Cell("none", .faint)
            },
            Column("CANARY") {
                Cell($0.site.canary ?? "-", $0.site.canary == nil ? .faint : .plain)
            },
            Column("SEEN", right: true) { row in
                row.site.sampleAgeMilliseconds.map { Cell("\(time($0)) ago") } ?? Cell("-", .faint)
            },
            Column("REPLICATOR SAYS", wide: true) { Cell(replicator($0.site)) },
            Column("NODES", wide: true) { Cell($0.site.nodes.joined(separator: ",")) },
            Column("WHY", flexible: true) { row in
                let required = row.dataSet.required ? "" : "watched only; "
                let text = row.site.state == "source" ? row.dataSet.problem : row.site.text
                return Cell(required + text)
            },
        ])
    }

    static func time(_ milliseconds: UInt64) -> String {
        DurationText.text(milliseconds: Int64(clamping: milliseconds))
    }

    static func lag(_ site: DataSetAtSite) -> Cell {
        guard site.state != "source" else { return Cell("-", .faint) }
        guard let lag = site.lagMilliseconds else { return Cell("unknown", .warning) }
        return Cell(time(lag), tone(site.state))
    }

    static func replicator(_ site: DataSetAtSite) -> String {
        let parts = [
            site.replicatorLagMilliseconds.map { time($0) },
            site.replicatorLagBytes.map { "\($0) bytes" },
        ].compactMap { $0 }
        return parts.isEmpty ? "-" : parts.joined(separator: ", ")
    }

    /// Of the status screen: how far standby sites are behind with each data set, as many a line as
    /// fit; nothing is cut off.
    static func statusLines(
        _ dataSets: [DataSetStatus],
        style: Style,
        width: Int?
    ) -> [String] {
        var parts: [(text: String, tone: Tone)] = dataSets.flatMap { dataSet in
            dataSet.sites.filter { $0.state != "source" }.map { site in
                let tone = tone(site.state)
                let shown =
                    site.state == "diverged"
                    ? "diverged by \(site.divergedBy ?? 0)"
                    : site.lagMilliseconds.map { "\(time($0)) behind" } ?? "UNKNOWN"
                let objective = dataSet.objectiveMilliseconds.map { " of \(time($0))" } ?? ""
                let text = "\(dataSet.name) at \(site.site) \(shown)\(objective)"
                return ("\(style.symbol(tone)) \(text)", tone)
            }
        }
        guard !parts.isEmpty else { return [] }
        let more = parts.count - statusPartsMax
        if more > 0 { parts = parts.prefix(statusPartsMax) + [("+\(more) more", .faint)] }
        return PackedLines(style: style, width: width).lines(parts, head: "  data  ")
    }

    private static let statusPartsMax = 3
}

/// `muster replication show`.
struct ReplicationPage {
    var detail: DataSetDetail
    var style: Style
    var width: Int?

    /// Points of the drawn line, each some minutes wide.
    static let points = 60

    func lines() -> [String] {
        let dataSet = detail.dataSet
        let objective =
            dataSet.objectiveMilliseconds.map { "RPO \(ReplicationWords.time($0))" }
            ?? "no RPO is set (muster config set data.\(dataSet.name).rpo 60s)"
        let required = dataSet.required ? "required" : "watched only"
        var lines = [
            "\(style.paint(dataSet.name, .strong))  \(objective), \(required)",
            "written by \(dataSet.writer ?? "nobody"), last canary \(dataSet.canary ?? "none")"
                + (dataSet.problem.isEmpty ? "" : ": \(dataSet.problem)"),
            "",
        ]
        lines += table()
        for series in detail.series where !series.minutes.isEmpty {
            lines += [""] + drawn(series)
        }
        if !detail.forks.isEmpty { lines += [""] + forks() }
        return lines
    }

    private func table() -> [String] {
        var table = Table([
            .init("SITE"), .init("STATE"), .init("LAG", right: true), .init("BEHIND", right: true),
            .init("CANARY"), .init("SEEN", right: true), .init("REPLICATOR SAYS"),
            .init("WHY", flexible: true),
        ])
        for site in detail.dataSet.sites {
            let tone = ReplicationWords.tone(site.state)
            table.add([
                Cell(site.site, .strong), Cell("\(style.symbol(tone)) \(site.state)", tone),
                ReplicationWords.lag(site), Cell(site.canariesBehind.map(String.init) ?? "-"),
                Cell(site.canary ?? "-"),
                Cell(site.sampleAgeMilliseconds.map { ReplicationWords.time($0) + " ago" } ?? "-"),
                Cell(ReplicationWords.replicator(site)), Cell(site.text),
            ])
        }
        return table.lines(style: style, width: width)
    }

    private func drawn(_ series: LagSeries) -> [String] {
        let minutes = series.minutes
        let each = max(1, (minutes.count + Self.points - 1) / Self.points)
        let groups = stride(from: 0, to: minutes.count, by: each).map {
            Array(minutes[$0..<min($0 + each, minutes.count)])
        }
        let worst = minutes.compactMap(\.worstMilliseconds).max() ?? 0
        let limit = max(worst, detail.dataSet.objectiveMilliseconds ?? 0, 1)
        let marks: [Character] =
            style.isUnicode
            ? ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] : ["_", ".", "-", "=", "+", "*", "%", "#"]
        let line = groups.map { group -> Character in
            guard let most = group.compactMap(\.worstMilliseconds).max() else { return "?" }
            if group.contains(where: { $0.unknownSeconds > 5 }) { return "?" }
            return marks[min(7, Int(min(most, limit) * 8 / (limit + 1)))]
        }
        let unknown = minutes.reduce(0) { $0 + $1.unknownSeconds }
        let first = minutes.first.map { TimeText.long($0.at) } ?? ""
        return [
            "\(style.paint("LAG AT \(series.site.uppercased())", .faint))  \(String(line))",
            "  since \(first), \(each) min a mark, ? not known; worst \(ReplicationWords.time(worst)), "
                + "not known for \(ReplicationWords.time(unknown * 1_000))",
        ]
    }

    private func forks() -> [String] {
        var table = Table([
            .init("RUN", right: true), .init("FROM"), .init("TO"), .init("EPOCH"), .init("HAS"),
            .init("WRITTEN"), .init("LOST", right: true), .init("RPO", right: true),
        ])
        for fork in detail.forks.prefix(10) {
            let lost = fork.lost.map(String.init) ?? "unknown"
            table.add([
                Cell(fork.run == 0 ? "restore" : "\(fork.run)"), Cell(fork.from), Cell(fork.to),
                Cell(fork.epoch),
                Cell(fork.canary ?? "none"), Cell(fork.acknowledged ?? "-"),
                Cell(lost, lost == "0" ? .good : .warning),
                Cell(fork.rpoMilliseconds.map { ReplicationWords.time($0) } ?? "unknown"),
            ])
        }
        return [style.paint("CHANGES OF THE ACTIVE SITE", .faint)]
            + table.lines(style: style, width: width)
    }
}
