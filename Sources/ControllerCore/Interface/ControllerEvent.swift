public import Calendar
public import Model
public import Protocol

/// Now, on both clocks. Decisions about silence and leases use `instant` alone; `wall` is for
/// people, for certificates and for the end of a maintenance.
public struct Moment: Hashable, Sendable {
    public var instant: Instant
    public var wall: WallTime

    public init(instant: Instant, wall: WallTime) {
        self.instant = instant
        self.wall = wall
    }
}

/// One connection to this controller, numbered by the shell and never reused in a process.
public struct ConnectionID: Hashable, Comparable, Sendable {
    public var number: UInt64

    public init(_ number: UInt64) {
        self.number = number
    }

    public static func < (left: ConnectionID, right: ConnectionID) -> Bool {
        left.number < right.number
    }
}

/// One command of an operator that waits for its reply, numbered by the shell.
public struct RequestID: Hashable, Comparable, Sendable {
    public var number: UInt64

    public init(_ number: UInt64) {
        self.number = number
    }

    public static func < (left: RequestID, right: RequestID) -> Bool {
        left.number < right.number
    }
}

/// Who is at the other end of a connection, as its verified certificate says.
public enum Peer: Hashable, Sendable {
    /// Showed no certificate: may only ask for the authority's certificate and enrol.
    case stranger
    case node(NodeID, key: KeyFingerprint)
}

/// SHA-256 of a public key (SubjectPublicKeyInfo), 64 lower-case hexadecimal digits.
public struct KeyFingerprint: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var text: String

    public init(_ text: String) {
        self.text = text
    }

    public static func < (left: KeyFingerprint, right: KeyFingerprint) -> Bool {
        left.text < right.text
    }

    public var description: String { text }
}

public enum DisconnectReason: Hashable, Sendable {
    /// The peer closed, or the connection was reset: its process is gone or goes away.
    case closedByPeer
    /// We closed it, for this reason.
    case closedByUs(RefusalCode)
    /// The path is gone: no answer to what was sent.
    case timedOut
}

/// A signing request whose self-signature the shell has checked, reduced to what is used of it.
public struct SigningRequest: Hashable, Sendable {
    public enum Purpose: Hashable, Sendable {
        /// A node enrols with a join token: its public half and the SHA-256 of its secret half.
        case enrolNode(token: JoinTokenID, secretHash: String, name: NodeName?, fresh: NodeID)
        /// An operator enrols; asked through the console's interface.
        case enrolOperator(RequestID, token: JoinTokenID, secretHash: String)
        /// A node, by its session, asks for its next certificate.
        case renewNode
        /// An operator, by a valid certificate, asks for the next one.
        case renewOperator(RequestID, Caller)
    }

    public var purpose: Purpose
    public var key: KeyFingerprint

    public init(purpose: Purpose, key: KeyFingerprint) {
        self.purpose = purpose
        self.key = key
    }
}

/// A certificate that the shell has signed at the machine's order, not handed out yet.
public struct IssuedCertificate: Hashable, Sendable {
    public var serial: String
    public var notAfter: WallTime
    /// DER in base64.
    public var certificate: String
    public var issuer: String

    public init(serial: String, notAfter: WallTime, certificate: String, issuer: String) {
        self.serial = serial
        self.notAfter = notAfter
        self.certificate = certificate
        self.issuer = issuer
    }
}

/// A request that got no further than the door.
public struct TurnedAway: Hashable, Sendable {
    /// As the certificate says, believed or not; `stranger` without one.
    public var actor: String
    public var key: KeyFingerprint
    public var source: String
    public var verb: String
    public var object: String
    public var refused: Refused

    public init(
        actor: String,
        key: KeyFingerprint,
        source: String,
        verb: String,
        object: String,
        refused: Refused
    ) {
        self.actor = actor
        self.key = key
        self.source = source
        self.verb = verb
        self.object = object
        self.refused = refused
    }
}

/// Why an attempt could not be given its payload.
public enum PayloadProblem: Hashable, Sendable {
    /// What the store holds is not what was once written there: where, and what was found.
    case damaged(String)
    /// The store could not be read now; that may pass.
    case unreadable(String)
}

/// Everything that can happen to a controller.
public enum ControllerEvent: Hashable, Sendable {
    case connected(ConnectionID, Peer, address: String)
    /// A message of a connection that was told before. ENROL and RENEW come as
    /// ``signingRequested(_:_:)`` instead, after the shell has checked the request.
    ///
    /// `fresh` is a nonce the machine may use to welcome the node (32 hexadecimal digits of
    /// randomness); only HELLO needs one.
    case received(ConnectionID, AgentMessage, fresh: String)
    case disconnected(ConnectionID, DisconnectReason)
    /// For an operator's request the connection is nil.
    case signingRequested(ConnectionID?, SigningRequest)
    /// The answer to ``CertificateOrder``, in the order of the orders.
    case certificateIssued(CertificateOrderID, IssuedCertificate)
    /// The order could not be carried out.
    case certificateFailed(CertificateOrderID)
    case command(RequestID, Caller, Command)
    /// Tasks of an operator, each with what the store says of its idempotency key.
    case submitted(RequestID, Caller, [TaskOffer])
    /// SUBMIT of a node, with what the store says of its idempotency key.
    case offered(ConnectionID, LocalSubmission, known: TaskKeyRecord?)
    /// Somebody follows the output of this task. It holds for some seconds; who follows longer says it
    /// again.
    case followed(TaskID)
    /// The RUN of an attempt was not sent, because the store did not give its payload. Told once for
    /// each such RUN, after the assignment is durable.
    case payloadLost(TaskAttempt, PayloadProblem)
    /// The rules of a time zone, as the host has them; nil when it has none of that name. Those of
    /// every schedule are told when the controller starts, and when the host's have changed.
    case zoneLoaded(ZoneName, ZoneRules?)
    /// The shell has refused a request itself: it was no command yet.
    case turnedAway(TurnedAway)
    /// A hook of the controller's host has ended; `text` says how, in one line.
    case hookEnded(UInt64, isDone: Bool, text: String)
    /// An attempt to deliver a notice has come to its end; told once for each ``Delivery``.
    case delivered(UInt64, attempt: UInt32, DeliveryOutcome)
    /// Bytes that are free for the store, and of its file system in all; told when it starts, and again
    /// from time to time.
    case storeSpace(free: UInt64, total: UInt64)
    /// When the certificate ends that the controller issues others with, and how long it lives in all,
    /// nil where that is not known; told when it starts and when it has a new one.
    case certificateKnown(end: WallTime, life: Duration? = nil)
    case deadlineReached
    /// The journal is late: writes wait longer than half of X. Leases are withheld until it is not.
    case journalLate(Bool)
    /// The program stops: every session is told BYE.
    case stopping
}

public struct CertificateOrderID: Hashable, Comparable, Sendable {
    public var number: UInt64

    public init(_ number: UInt64) {
        self.number = number
    }

    public static func < (left: CertificateOrderID, right: CertificateOrderID) -> Bool {
        left.number < right.number
    }
}
