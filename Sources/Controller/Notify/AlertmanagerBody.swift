import ControllerCore
import Model

/// A notice for `POST /api/v2/alerts` of an Alertmanager: each of its items is an alert.
///
/// Alerts are the same when all of their labels are. Kind, site, subject and what tells an item from
/// others of these stay the same from its beginning to its end; the severity may change. So with what
/// has another severity now goes the end of the alert under the one it had. Losses of nodes that a site's
/// alert stands for are no alerts: nothing would end them.
struct AlertmanagerBody: Sendable {
    /// An alert that nobody repeats or ends is over after this; without an end of its own the
    /// Alertmanager would take it as over after five minutes.
    static let holdTime: Duration = .seconds(86_400)
    /// What has no end is shown for so long.
    static let tellTime: Duration = .seconds(300)

    var notice: NoticeMessage
    var cluster: String

    var text: String {
        // Who tries a receiver tells of nothing, and wants to see something.
        let items = (notice.items + notice.folded).filter { !$0.isCovered }
        let alerts = notice.items.isEmpty ? [placeholder] : items.flatMap(alerts)
        return CanonicalJSON.list(alerts).text
    }

    private var placeholder: CanonicalJSON {
        .object([
            "labels": .object([
                "alertname": .text("muster.\(notice.state.rawValue)"),
                "cluster": .text(cluster),
                "severity": .text(notice.severity.rawValue),
            ]),
            "annotations": .object([
                "summary": .text(notice.subject),
                "description": .text(notice.text),
                "notice": .text(notice.id),
            ]),
            "startsAt": .text(notice.at.iso8601),
            "endsAt": .text((notice.at + Self.tellTime).iso8601),
        ])
    }

    private func alerts(_ item: NoticeItem) -> [CanonicalJSON] {
        let end: WallTime
        switch item.state {
        case .firing: end = notice.at + Self.holdTime
        case .told, .test: end = notice.at + Self.tellTime
        case .resolved: end = item.endedAt ?? notice.at
        }
        let former = item.formerSeverities.map { severity in
            alert(item, severity, until: min(end, notice.at))
        }
        return former + [alert(item, item.severity, until: end)]
    }

    private func alert(
        _ item: NoticeItem,
        _ severity: Severity,
        until end: WallTime
    ) -> CanonicalJSON {
        var description = [item.text]
        if !item.cause.isEmpty { description.append("Cause: \(item.cause)") }
        if !item.consequence.isEmpty { description.append("Consequence: \(item.consequence)") }
        return .object([
            "labels": .object([
                "alertname": .text(item.kind.rawValue),
                "cluster": .text(cluster),
                "severity": .text(severity.rawValue),
                "site": item.site.isEmpty ? nil : .text(item.site),
                "subject": item.subject.isEmpty ? nil : .text(item.subject),
                "about": item.about.isEmpty ? nil : .text(item.about),
            ]),
            "annotations": .object([
                "summary": .text(item.text),
                "description": .text(description.joined(separator: "\n")),
                "notice": .text(notice.id),
            ]),
            "startsAt": .text(item.since.iso8601),
            "endsAt": .text(end.iso8601),
        ])
    }
}
