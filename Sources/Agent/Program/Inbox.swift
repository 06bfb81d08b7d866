import AgentCore
import CHost
import Glibc
import Host
import Synchronization

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

/// The driver's inbox, and the bell that wakes it.
///
/// It is bounded by what fills it: lines by the connection's own limit of lines not taken, answers
/// by the requests that are out, signals by the operator's fingers.
final class Inbox: Sendable {
    private let messages = Mutex<[DriverMessage]>([])
    private let bell: (read: Descriptor, write: Descriptor)

    init() throws(HostError) {
        bell = try Descriptor.pipe()
        try bell.read.setNonblocking()
        try bell.write.setNonblocking()
    }

    /// Readable when there is something to take.
    var descriptor: Int32 { bell.read.number }

    func put(_ message: DriverMessage) {
        let isFirst = messages.withLock { messages in
            messages.append(message)
            return messages.count == 1
        }
        if isFirst { _ = write(bell.write.number, [1], 1) }
    }

    func put(_ event: AgentEvent) {
        put(.event(event))
    }

    func take() -> [DriverMessage] {
        var buffer = [UInt8](repeating: 0, count: 64)
        while read(bell.read.number, &buffer, buffer.count) > 0 {}
        return messages.withLock { messages in
            defer { messages = [] }
            return messages
        }
    }
}
