import AgentCore
import Host

/// What other threads tell the driver.
enum DriverMessage: Sendable {
    case event(AgentEvent)
    /// A line that came over a link, which owes the connection a word that it was taken.
    case line(AgentEvent, link: UInt64)
    /// SIGHUP.
    case reload
    /// The new configuration is good.
    case reloaded(NodeConfiguration)
    /// The link of this number is closed for good.
    case linkEnded(UInt64)
}

/// The driver's inbox. It is bounded by what fills it: lines by the connection's own limit of lines
/// not taken, answers by the requests that are out, signals by the operator's fingers.
typealias DriverInbox = Inbox<DriverMessage>

extension DriverInbox {
    func put(_ event: AgentEvent) {
        put(.event(event))
    }
}
