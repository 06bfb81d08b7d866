public import Model
public import Protocol

/// One connection of a ``LineServer``, never used again.
public struct ConnectionID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let number: UInt64

    public init(number: UInt64) {
        self.number = number
    }

    public static func < (left: ConnectionID, right: ConnectionID) -> Bool {
        left.number < right.number
    }

    public var description: String { "c\(number)" }
}

/// Who is at the other end, as the owner judged its certificate.
public enum PeerInfo: Hashable, Sendable {
    /// It showed no certificate: it may ask for the authority and enrol.
    case stranger
    case node(NodeCredential)
}

/// The credential a node showed.
public struct NodeCredential: Hashable, Sendable {
    public var cluster: ClusterID
    public var node: NodeID
    /// SHA-256 of the SubjectPublicKeyInfo, lower-case hexadecimal.
    public var fingerprint: String
    /// The certificate's serial number, lower-case hexadecimal.
    public var serial: String
    public var notAfter: WallTime

    public init(
        cluster: ClusterID,
        node: NodeID,
        fingerprint: String,
        serial: String,
        notAfter: WallTime
    ) {
        self.cluster = cluster
        self.node = node
        self.fingerprint = fingerprint
        self.serial = serial
        self.notAfter = notAfter
    }
}

/// What the owner says to the certificates a peer showed.
public enum PeerVerdict: Hashable, Sendable {
    case accept(NodeCredential)
    /// The peer is told so in the first answer and the connection is closed.
    case refuse(code: RefusalCode, text: String)
}

/// Judges a chain of certificates (DER, leaf first). Called on an event loop during the handshake:
/// it must not wait. Its time is the server's time.
public typealias PeerJudge = @Sendable (_ chain: [[UInt8]]) -> PeerVerdict

/// What happened on a ``LineServer``. For one connection: `opened`, then lines, then `closed`, in
/// this order. A connection that is turned away at the door is only counted.
public enum ServerEvent: Hashable, Sendable {
    /// `address` is the peer's address and port as text.
    case opened(ConnectionID, PeerInfo, address: String)
    /// The owner owes a ``LineServer/taken(_:_:)`` for it.
    case line(ConnectionID, Line)
    case closed(ConnectionID, CloseReason)
}

/// Called on event loops, several at a time; it must only put the event away.
public typealias ServerSink = @Sendable (ServerEvent) -> Void

/// What happened on a ``LineClient``: `connected`, then lines, then `closed`; or `failed` alone.
public enum ClientEvent: Hashable, Sendable {
    /// The handshake is done. With TLS 1.3 this does not say that the server has accepted us: only
    /// its first line does. `chain` is what the server showed (DER, leaf first).
    case connected(chain: [[UInt8]])
    case line(Line)
    case closed(CloseReason)
    /// No connection came about.
    case failed(TransportError)
}

/// Called on the connection's event loop; it must only put the event away.
public typealias ClientSink = @Sendable (ClientEvent) -> Void
