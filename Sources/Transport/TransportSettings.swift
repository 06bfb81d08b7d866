public import Model
public import Protocol

/// How long and how much: everything that bounds a ``LineServer``.
public struct LineServerSettings: Sendable {
    /// From the accepted connection to the end of the TLS handshake.
    public var handshakeTimeout = WireLimits.handshakeTimeout
    /// From the end of the handshake to the first complete line.
    public var firstLineTimeout = WireLimits.firstLineTimeout
    /// From the first byte of a line to its line feed.
    public var lineTimeout = WireLimits.lineTimeout
    /// From one complete line of a member to the next: three heartbeats.
    public var memberIdleTimeout: Duration = .seconds(3)
    /// The same for a stranger.
    public var strangerIdleTimeout: Duration = .seconds(5)
    /// How long the last line and the farewell of TLS may take before the connection is cut.
    public var closeTimeout: Duration = .milliseconds(500)

    /// Connections without a certificate, and as many handshakes that have not ended; see
    /// ``Admission``.
    public var strangersMax = WireLimits.strangerConnectionsMax
    /// The same of both from one IPv4 address or one IPv6 network of 64 bits.
    public var strangersPerAddressMax = WireLimits.strangerConnectionsPerAddressMax
    public var membersMax = 4_096

    public var memberPace = Pace(
        linesPerSecond: WireLimits.memberLinesPerSecond,
        burst: WireLimits.memberLinesBurst
    )
    public var strangerPace = Pace(
        linesPerSecond: WireLimits.strangerLinesPerSecond,
        burst: WireLimits.strangerLinesBurst
    )

    public var memberLines = LineLimits.member
    public var strangerLines = LineLimits.stranger

    public var memberOutboxBytesMax = WireLimits.memberOutboxBytesMax
    public var strangerOutboxBytesMax = WireLimits.strangerOutboxBytesMax

    /// Lines of one connection that the owner has not taken yet; at the limit the connection is
    /// not read any further until half of them are taken.
    public var untakenLinesMax = 64

    /// Connections the system may hold for us before we accept them.
    public var backlog = 512

    /// Is told how long each handshake took that was done, on an event loop: it must not wait.
    public var onHandshake: (@Sendable (Duration) -> Void)?

    public init() {}
}

/// How many lines a peer may send.
public struct Pace: Hashable, Sendable {
    public var linesPerSecond: Int
    /// Lines that may come at once.
    public var burst: Int

    /// - Precondition: both are at least 1.
    public init(linesPerSecond: Int, burst: Int) {
        precondition(linesPerSecond >= 1 && burst >= 1, "a pace of nothing is no pace")
        self.linesPerSecond = linesPerSecond
        self.burst = burst
    }
}

/// Certificates and key of a server, or of a member that connects.
public struct TransportCredentials: Hashable, Sendable {
    /// PEM: the leaf first, then the issuing authority and, for a server, the root.
    public var chainPEM: String
    public var keyPEM: String

    public init(chainPEM: String, keyPEM: String) {
        self.chainPEM = chainPEM
        self.keyPEM = keyPEM
    }
}

/// As whom a ``LineClient`` connects, and whom it believes.
public enum ClientMode: Hashable, Sendable {
    /// With our certificate; the server's chain must lead to the root (PEM, one or more while the
    /// root is being replaced) and its leaf must name a controller of the cluster.
    case member(TransportCredentials, rootPEM: String, cluster: ClusterID)
    /// Without a certificate; the chain is verified as above. The cluster is whatever the root
    /// vouches for.
    case stranger(rootDER: [UInt8])
    /// Without a certificate, and the server is *not* verified. Only for asking for the authority,
    /// which is then compared with the pin of a token: nothing secret may be sent.
    case pinOnly
}

/// What bounds a ``LineClient``.
public struct LineClientSettings: Sendable {
    /// From the first packet to the end of the handshake, and for resolving the name before it.
    public var connectTimeout: Duration = .seconds(5)
    /// From the first byte of a line to its line feed.
    public var lineTimeout = WireLimits.lineTimeout
    /// From one complete line to the next; nil leaves it to the owner.
    public var idleTimeout: Duration?
    public var closeTimeout: Duration = .milliseconds(500)
    public var lines = LineLimits.member
    public var outboxBytesMax = WireLimits.memberOutboxBytesMax
    /// Lines that the owner has not taken yet; see ``LineServerSettings/untakenLinesMax``.
    public var untakenLinesMax = 1_024

    public init() {}
}
