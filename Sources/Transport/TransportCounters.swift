import Synchronization

/// What a ``LineServer`` has counted since it began.
public struct TransportCounters: Hashable, Sendable {
    public var accepted: UInt64 = 0
    public var handshakesDone: UInt64 = 0
    /// Connections that ended before their handshake did, whatever the reason.
    public var handshakesFailed: UInt64 = 0
    public var linesIn: UInt64 = 0
    public var linesOut: UInt64 = 0
    /// Bytes of lines, line feeds included, without what TLS adds.
    public var bytesIn: UInt64 = 0
    public var bytesOut: UInt64 = 0
    /// Times a connection was not read any further because its owner had lines to take.
    public var pauses: UInt64 = 0
    /// Times accepting stopped for a while because descriptors or memory had run out.
    public var acceptPauses: UInt64 = 0
    /// Every reason is present, so a figure of 0 can be shown.
    public private(set) var closes: [CloseReason: UInt64]
    /// Open now: without a certificate (handshakes included), and members.
    public var strangersOpen = 0
    public var membersOpen = 0

    public init() {
        closes = Dictionary(uniqueKeysWithValues: CloseReason.allCases.map { ($0, 0) })
    }

    public func closes(_ reason: CloseReason) -> UInt64 { closes[reason, default: 0] }

    mutating func closed(_ reason: CloseReason) { closes[reason, default: 0] += 1 }
}

/// The counters while they count. Event loops write, anyone reads.
final class LiveCounters: Sendable {
    private let counters = Mutex(TransportCounters())

    var snapshot: TransportCounters { counters.withLock { $0 } }

    func count(_ change: (inout sending TransportCounters) -> Void) {
        counters.withLock { change(&$0) }
    }
}
