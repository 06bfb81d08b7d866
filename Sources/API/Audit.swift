/// Who ordered what, and what came of it.
public struct AuditEntry: Codable, Hashable, Sendable {
    public var sequence: UInt64
    public var at: String
    /// An operator's name, `controller`, or a node's name.
    public var actor: String
    /// Fingerprint of the actor's key; may be empty.
    public var key: String
    public var source: String
    public var verb: String
    public var object: String
    public var reason: String
    /// Digest of what was asked.
    public var parametersDigest: String
    /// `done`, or the refusal's code.
    public var outcome: String
    /// SHA-256 of this entry and the one before, hexadecimal.
    public var hash: String

    public init(
        sequence: UInt64,
        at: String,
        actor: String,
        key: String,
        source: String,
        verb: String,
        object: String,
        reason: String,
        parametersDigest: String,
        outcome: String,
        hash: String
    ) {
        self.sequence = sequence
        self.at = at
        self.actor = actor
        self.key = key
        self.source = source
        self.verb = verb
        self.object = object
        self.reason = reason
        self.parametersDigest = parametersDigest
        self.outcome = outcome
        self.hash = hash
    }
}

/// The answer to `GET /audit` and to `GET /settings/history`.
///
/// Query: `from` (entries with this sequence or a higher one, the first `limit` of them; without it
/// the newest `limit`), `limit` (1 to 1 000, 100 when left out).
public struct AuditPage: Codable, Hashable, Sendable {
    public var asOf: String
    /// Oldest first.
    public var entries: [AuditEntry]
    /// Give it as `from` for what comes next.
    public var next: UInt64

    public static let limitDefault = 100
    public static let limitMax = 1_000

    public init(asOf: String, entries: [AuditEntry], next: UInt64) {
        self.asOf = asOf
        self.entries = entries
        self.next = next
    }
}

/// The answer to `GET /audit/verify`.
public struct AuditVerification: Codable, Hashable, Sendable {
    public var asOf: String
    public var intact: Bool
    /// Entries that were read.
    public var entries: UInt64
    /// Hash of the last entry, to be kept elsewhere.
    public var headHash: String
    /// The first entry that does not fit; nil when the chain is intact.
    public var brokenAt: UInt64?
    /// For people.
    public var text: String

    public init(
        asOf: String,
        intact: Bool,
        entries: UInt64,
        headHash: String,
        brokenAt: UInt64? = nil,
        text: String
    ) {
        self.asOf = asOf
        self.intact = intact
        self.entries = entries
        self.headHash = headHash
        self.brokenAt = brokenAt
        self.text = text
    }
}
