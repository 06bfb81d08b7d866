public import Digests
import Host
public import Model

/// One order, refused ones too: who, from where, what, why, with what outcome.
///
/// NUL characters in its texts become U+FFFD, because the database ends a text there.
public struct AuditEntry: Sendable, Hashable {
    public let wall: WallTime
    /// CLOCK_BOOTTIME of the machine, milliseconds: orders records when the wall clock jumped.
    public let bootMilliseconds: Int64
    /// Who: the certificate's name and key hash, or the controller itself.
    public let actor: String
    /// From where: an address, or `local`.
    public let source: String
    public let verb: String
    public let object: String
    public let reason: String
    /// A digest of the order's parameters, which may hold secrets and are not kept.
    public let parameters: String
    public let outcome: String

    public init(
        wall: WallTime,
        bootMilliseconds: Int64,
        actor: String,
        source: String,
        verb: String,
        object: String,
        reason: String,
        parameters: String,
        outcome: String
    ) {
        self.wall = wall
        self.bootMilliseconds = bootMilliseconds
        self.actor = withoutNUL(actor)
        self.source = withoutNUL(source)
        self.verb = withoutNUL(verb)
        self.object = withoutNUL(object)
        self.reason = withoutNUL(reason)
        self.parameters = withoutNUL(parameters)
        self.outcome = withoutNUL(outcome)
    }

    var texts: [String] { [actor, source, verb, object, reason, parameters, outcome] }
}

func withoutNUL(_ text: String) -> String {
    text.utf8.contains(0)
        ? String(String.UnicodeScalarView(text.unicodeScalars.map { $0 == "\0" ? "\u{FFFD}" : $0 }))
        : text
}

/// A record of the audit log, at its place in the chain.
public struct AuditRecord: Sendable, Hashable {
    /// Counts from 1 without a gap.
    public let sequence: UInt64
    public let entry: AuditEntry
    /// The hash of the record before, or of the cluster's name for the first.
    public let previous: Digest
    /// SHA-256 over ``previous`` and the bytes of ``canonicalJSON``.
    public let hash: Digest

    init(sequence: UInt64, entry: AuditEntry, previous: Digest) {
        self.init(sequence: sequence, entry: entry, previous: previous, hash: nil)
    }

    /// With the hash that was stored, which may be wrong.
    init(sequence: UInt64, entry: AuditEntry, previous: Digest, hash: Digest?) {
        self.sequence = sequence
        self.entry = entry
        self.previous = previous
        self.hash =
            hash
            ?? Digest(
                of: previous.bytes
                    + Self.canonicalJSON(sequence: sequence, entry: entry, previous: previous).utf8
            )
    }

    /// One line: keys sorted, no spaces, integers as numbers, everything else as strings. What
    /// the chain is hashed over, so that an exported log can be verified without this program.
    public var canonicalJSON: String {
        Self.canonicalJSON(sequence: sequence, entry: entry, previous: previous)
    }

    private static func canonicalJSON(
        sequence: UInt64,
        entry: AuditEntry,
        previous: Digest
    ) -> String {
        "{\"actor\":\(quoted(entry.actor))"
            + ",\"boot\":\(entry.bootMilliseconds)"
            + ",\"object\":\(quoted(entry.object))"
            + ",\"outcome\":\(quoted(entry.outcome))"
            + ",\"parameters\":\(quoted(entry.parameters))"
            + ",\"previous\":\"\(previous.hex)\""
            + ",\"reason\":\(quoted(entry.reason))"
            + ",\"seq\":\(sequence)"
            + ",\"source\":\(quoted(entry.source))"
            + ",\"verb\":\(quoted(entry.verb))"
            + ",\"wall\":\(entry.wall.milliseconds)}"
    }

    /// What comes before the first record: no two clusters share a chain.
    static func genesis(of cluster: ClusterID) -> Digest {
        Digest(of: Array("muster audit 1 \(cluster)".utf8))
    }
}

/// A JSON string. Only what JSON demands is escaped, so that there is one way to write each text.
func quoted(_ text: String) -> String {
    var result: [UInt8] = [0x22]
    for byte in text.utf8 {
        switch byte {
        case 0x22: result += [0x5C, 0x22]
        case 0x5C: result += [0x5C, 0x5C]
        case 0..<0x20:
            result += Array("\\u00\(Hex.encode([byte]))".utf8)
        default: result.append(byte)
        }
    }
    result.append(0x22)
    return String(decoding: result, as: UTF8.self)
}

/// A place in the audit chain that was seen: sequence number and hash.
///
/// Kept elsewhere (at the agents, in syslog, on paper) it proves later that nothing up to it was
/// cut off or rewritten.
public struct AuditCheckpoint: Sendable, Hashable {
    /// 0 before the first record.
    public let sequence: UInt64
    public let hash: Digest

    public init(sequence: UInt64, hash: Digest) {
        self.sequence = sequence
        self.hash = hash
    }
}

/// What a walk over the audit chain has found.
///
/// An edited, deleted, inserted or swapped record is always found. Who can write the file can also
/// cut off its end, or rewrite the whole chain from some record on, and mend the head: that is
/// found only against a checkpoint that was kept elsewhere.
public enum AuditVerdict: Sendable, Hashable {
    /// The chain is whole, up to this head.
    case intact(AuditCheckpoint)
    /// The first record that is wrong, and what is wrong with it.
    case broken(sequence: UInt64, problem: String)
}
