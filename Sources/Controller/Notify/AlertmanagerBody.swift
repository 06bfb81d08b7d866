import ControllerCore
import Model

/// A notice for `POST /api/v2/alerts` of an Alertmanager: each of its items is an alert.
///
/// Alerts are the same when their labels are. The labels are the kind, severity, site and subject of
/// the item, which stay the same from its beginning to its end.
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
        let alerts = notice.items.isEmpty ? [placeholder] : notice.items.map(alert)
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

    private func alert(_ item: NoticeItem) -> CanonicalJSON {
        let end: WallTime
        switch item.state {
        case .firing: end = notice.at + Self.holdTime
        case .told, .test: end = notice.at + Self.tellTime
        case .resolved: end = item.endedAt ?? notice.at
        }
        var description = [item.text]
        if !item.cause.isEmpty { description.append("Cause: \(item.cause)") }
        if !item.consequence.isEmpty { description.append("Consequence: \(item.consequence)") }
        return .object([
            "labels": .object([
                "alertname": .text(item.kind.rawValue),
                "cluster": .text(cluster),
                "severity": .text(item.severity.rawValue),
                "site": item.site.isEmpty ? nil : .text(item.site),
                "subject": item.subject.isEmpty ? nil : .text(item.subject),
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
