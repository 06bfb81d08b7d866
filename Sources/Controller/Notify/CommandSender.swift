import ControllerCore
import Host
import Model

/// Gives a notice to a program of the controller's host.
struct CommandSender: Sendable {
    static let timeoutRange: ClosedRange<Duration> = .seconds(1)...(.seconds(600))
    static let timeoutDefault: Duration = .seconds(30)
    /// `EX_DATAERR`: not in this form, ever. `EX_NOUSER`: nobody there to tell.
    static let refusedStatuses: Set<Int32> = [65, 67]

    var name: String
    var definition: HookDefinition
    var cluster: String
    /// Readable when the controller stops.
    var bell: Descriptor

    func send(_ delivery: Delivery) -> DeliveryOutcome {
        let notice = delivery.message
        let end = HookProcess(
            definition,
            variables: Self.variables(delivery, cluster: cluster),
            input: Array((WebhookForm.muster.body(of: notice, cluster: cluster) + "\n").utf8),
            timeout: definition.timeout,
            bells: [bell]
        ).outcome()
        if end.isDone { return .delivered }
        let text = "command \(name) \(end.how)" + (end.output.isEmpty ? "" : ": \(end.output)")
        let shown = text.cut(toBytes: 400)
        if let status = end.status, Self.refusedStatuses.contains(status) {
            return .refused("\(shown); it says that it never will: see \(definition.command[0])")
        }
        return .failed("\(shown); see \(definition.command[0])")
    }

    /// Short facts, for a program that does not read JSON.
    static func variables(_ delivery: Delivery, cluster: String) -> [(name: String, value: String)]
    {
        let notice = delivery.message
        return [
            ("NOTICE", notice.id),
            ("THREAD", notice.thread ?? notice.id),
            ("ATTEMPT", "\(delivery.attempt)"),
            ("CLUSTER", cluster),
            ("STATE", notice.state.rawValue),
            ("SEVERITY", notice.severity.rawValue),
            ("KIND", notice.kinds(atMost: 5).joined(separator: ",")),
            ("SUBJECT", notice.subject),
        ].map { ($0, MailHeaders.oneLine($1)) }
    }
}
