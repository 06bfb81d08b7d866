/// Why a connection ended. Each has its own counter, so a flood or a broken peer can be seen in
/// the figures; the raw values are the labels there.
public enum CloseReason: String, Hashable, Sendable, CaseIterable, Comparable {
    // Ended by the peer or the network.

    /// The peer closed it.
    case eof
    /// The peer or a device between reset it.
    case reset
    /// Sent bytes were not acknowledged in time (TCP_USER_TIMEOUT).
    case lost

    // Before the peer was let in.

    case handshakeFailed = "handshake-failed"
    case handshakeTimeout = "handshake-timeout"
    /// The peer did not offer the protocol by ALPN.
    case wrongProtocol = "wrong-protocol"
    case tooManyStrangers = "too-many-strangers"
    case tooManyOfAddress = "too-many-of-address"
    case tooManyMembers = "too-many-members"
    /// The owner refused the certificate.
    case badCertificate = "bad-certificate"

    // Closed by us for what the peer did.

    case badLine = "bad-line"
    case tooFast = "too-fast"
    case firstLineTimeout = "first-line-timeout"
    case lineTimeout = "line-timeout"
    case idle
    /// More was waiting to be sent than the peer's outbox may hold.
    case slow

    // Closed by our own side.

    /// The owner closed it.
    case owner
    case shutdown

    public static func < (left: CloseReason, right: CloseReason) -> Bool {
        left.rawValue < right.rawValue
    }
}
