import API
import Model

/// A service's state as it is shown.
enum ServiceWords {
    static func state(_ service: ServiceDetail, style: Style) -> Cell {
        let tone = tone(service)
        return Cell("\(style.symbol(tone)) \(service.state)", tone)
    }

    static func tone(_ service: ServiceDetail) -> Tone {
        switch ServiceState(rawValue: service.state) {
        case .running: service.wanted ? .good : .warning
        case .starting, .stopping: .warning
        case .backoff: service.required ? .bad : .warning
        case .failed: service.required ? .bad : .warning
        case .stopped: service.wanted ? (service.required ? .bad : .warning) : .faint
        case nil: .warning
        }
    }

    static func listing(style: Style) -> Listing<ServiceDetail> {
        typealias Column = Listing<ServiceDetail>.Column
        return Listing(columns: [
            Column("NODE") { Cell($0.node, .strong) },
            Column("SITE", wide: true) { Cell($0.site) },
            Column("SERVICE") { Cell($0.name) },
            Column("STATE") { state($0, style: style) },
            Column("FOR", right: true, number: { Int64(clamping: $0.inStateMilliseconds) }) {
                Cell(DurationText.text(milliseconds: $0.inStateMilliseconds))
            },
            Column("WANTED", wide: true) {
                Cell($0.wanted ? "yes" : "no", $0.wanted ? .plain : .faint)
            },
            Column("KIND") {
                Cell(($0.required ? "required" : "optional") + ($0.selfFenced ? "+fenced" : ""))
            },
            Column("CHECKS", right: true) { checks($0) },
            Column("HEARD", right: true, number: { Int64(clamping: $0.ageMilliseconds ?? 0) }) {
                NodeWords.age($0.ageMilliseconds)
            },
            Column("DETAIL", flexible: true) { Cell($0.detail.isEmpty ? "-" : $0.detail) },
            Column("GROUP", wide: true) { Cell($0.group) },
            Column("ORDER", right: true, wide: true, number: { Int64($0.order) }) {
                Cell("\($0.order)")
            },
            Column("PID", right: true, wide: true) { Cell($0.processID.map { "\($0)" } ?? "-") },
            Column("STARTS", right: true, wide: true, number: { Int64($0.restarts) }) {
                Cell("\($0.restarts)")
            },
        ])
    }

    private static func checks(_ service: ServiceDetail) -> Cell {
        guard !service.checks.isEmpty else { return Cell("-", .faint) }
        let passing = service.checks.count { $0.state == CheckState.passing.rawValue }
        return Cell(
            "\(passing)/\(service.checks.count)",
            passing == service.checks.count ? .plain : .warning
        )
    }
}
