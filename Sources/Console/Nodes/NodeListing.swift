import API
import Model

/// The columns of `muster node list`.
enum NodeListing {
    static func listing(
        style: Style,
        at now: WallTime,
        isWide: Bool
    ) -> Listing<NodeSummary> {
        typealias Column = Listing<NodeSummary>.Column
        return Listing(columns: [
            Column("NAME") { Cell($0.name, .strong) },
            Column("SITE") { Cell($0.site) },
            Column("STATUS") { NodeWords.status($0, style: style) },
            Column("FOR", right: true, number: { TimeText.age(of: $0.since, at: now) ?? 0 }) {
                Cell(NodeWords.duration(since: $0.since, at: now))
            },
            Column("SERVICES", right: true) { NodeWords.services($0) },
            Column("TASKS", right: true, wide: true, number: { Int64($0.tasksAssigned ?? 0) }) {
                Cell(
                    $0.tasksAssigned.map { "\($0)" } ?? "-",
                    $0.overload == nil ? .plain : .warning
                )
            },
            Column("CPU", right: true, number: { Int64($0.load?.processorBusyPerMille ?? 0) }) {
                NodeWords.busy($0.load?.processorBusyPerMille)
            },
            Column("MEM", right: true, number: { Int64($0.load?.memoryUsedPerMille ?? 0) }) {
                NodeWords.share($0.load?.memoryUsedPerMille)
            },
            Column("HEARD", right: true, number: { Int64($0.heartbeatAgeMilliseconds ?? 0) }) {
                NodeWords.age($0.heartbeatAgeMilliseconds)
            },
            Column(isWide ? "REASON" : "NOTE", flexible: true) { node in
                isWide ? Cell(node.reason.isEmpty ? "-" : node.reason) : NodeWords.note(node)
            },
            Column("MARKS", wide: true) { NodeWords.marks($0) },
            Column("DISK", right: true, wide: true) { NodeWords.share($0.load?.diskUsedPerMille) },
            Column("LOAD", right: true, wide: true) { node in
                node.load.map {
                    Cell(SizeText.loadAverage(thousandths: $0.loadAverage1Thousandths))
                } ?? Cell("-", .faint)
            },
            Column("LOAD AGE", right: true, wide: true) {
                Cell($0.load.map { DurationText.text(milliseconds: $0.ageMilliseconds) } ?? "-")
            },
            Column("RTT", right: true, wide: true) {
                Cell($0.roundTripMicroseconds.map { DurationText.text(microseconds: $0) } ?? "-")
            },
            Column("CLOCK", right: true, wide: true) {
                Cell($0.clockOffsetMilliseconds.map { "\($0 > 0 ? "+" : "")\($0)ms" } ?? "-")
            },
            Column("SINCE", wide: true) { Cell(TimeText.long($0.since)) },
            Column("ADDRESS", wide: true) { Cell($0.address ?? "-") },
            Column("AGENT", wide: true) { Cell($0.agentVersion ?? "-") },
            Column("CONFIG", right: true, wide: true) {
                Cell($0.configurationVersion.map { "\($0)" } ?? "-")
            },
            Column("CERTIFICATE", wide: true) {
                Cell(NodeWords.until($0.certificateNotAfter, at: now))
            },
            Column("MAY ACT", wide: true) { Cell(NodeWords.until($0.mayActUntil, at: now)) },
            Column("ID", wide: true) { Cell($0.id) },
        ])
    }
}
