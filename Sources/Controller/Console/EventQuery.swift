import API
import ControllerCore
import Model
import Protocol
import Store

/// What of the event log is asked for.
struct EventQuery: Sendable {
    var kind: String?
    var subject: String?
    var site: String?
    var severity: ControllerCore.Severity?

    /// `node`, `node.` and `node.*` stand for every kind that begins so.
    private var isPrefix: Bool { prefix != nil }

    private var prefix: String? {
        guard let kind, kind != "*" else { return kind == nil ? nil : "" }
        if kind.hasSuffix(".*") { return String(kind.dropLast()) }
        if kind.hasSuffix(".") { return kind }
        return kind.contains(".") ? nil : kind + "."
    }

    /// Whether a kind can be asked for: one that nothing begins with is a slip of the finger.
    func check() throws(API.Failure) {
        let kinds = EventKind.allCases.map(\.rawValue)
        guard let kind, !kinds.contains(kind) else { return }
        guard let prefix, kinds.contains(where: { $0.hasPrefix(prefix) }) else {
            throw ConsoleRoutes.unknownKind(kind)
        }
    }

    /// The store's own filter says all there is to say.
    var isExact: Bool { !isPrefix && severity == nil && site == nil }

    var stored: EventFilter { EventFilter(kind: isPrefix ? nil : kind, subject: subject) }

    func matches(_ event: ClusterEvent) -> Bool {
        if let prefix {
            guard event.kind.rawValue.hasPrefix(prefix) else { return false }
        } else if let kind, event.kind.rawValue != kind {
            return false
        }
        if let subject, event.subject != subject { return false }
        if let site, event.site != site { return false }
        guard let severity else { return true }
        let order = ControllerCore.Severity.allCases
        return order.firstIndex(of: event.severity)! >= order.firstIndex(of: severity)!
    }
}

extension EventQuery {
    init(_ request: ConsoleRequest) throws(API.Failure) {
        self.init()
        kind = request.query("kind")
        subject = request.query("subject")
        site = request.query("site")
        try check()
        if let text = request.query("severity") {
            guard let severity = ControllerCore.Severity(rawValue: text) else {
                let allowed = ControllerCore.Severity.allCases.map(\.rawValue)
                throw API.Failure(
                    code: RefusalCode.invalid.rawValue,
                    detail: "severity is not one of \(allowed.joined(separator: ", "))"
                )
            }
            self.severity = severity
        }
    }
}
