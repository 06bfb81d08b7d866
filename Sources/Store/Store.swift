public import Model

/// The durable memory of a controller: rows by table and key, a log of events, and a hash-chained
/// audit log. What it holds is opaque to it.
///
/// An implementation is safe to call from several threads. Commits are applied one after another;
/// reads see whole commits only.
public protocol Store: Sendable {
    /// Everything that was put and not deleted, verified row by row.
    ///
    /// - Parameter tables: whose rows are verified, one after the other, and not returned: there may
    ///   be more of them than there is memory.
    func load(leavingOut tables: Set<String>) throws(StoreError) -> StoreContents

    /// The values of several keys of a table, verified; a key that is not there has none.
    func values(of table: String, keys: [String]) throws(StoreError) -> [String: [UInt8]]

    /// Rows of a table in the order of their keys or against it, verified, `limit` at most.
    func entries(
        of table: String,
        in keys: KeyRange,
        limit: Int,
        newestFirst: Bool
    ) throws(StoreError) -> [StoreEntry]

    /// Applies the writes of several steps, in order, as one transaction. They are durable when
    /// this returns.
    ///
    /// - Returns: the new revision: by the number of steps more than before.
    /// - Throws: ``StoreError/Code/full``, ``StoreError/Code/tooLarge`` or
    ///   ``StoreError/Code/notApplied`` when provably nothing was applied;
    ///   ``StoreError/Code/outcomeUnknown`` when that is open, after which every later commit is
    ///   ``StoreError/Code/poisoned``.
    @discardableResult
    func commit(_ batch: [[StoreWrite]]) throws(StoreError) -> UInt64

    /// Events with a sequence number above `after`, oldest first, `limit` at most.
    func events(
        after: UInt64,
        limit: Int,
        matching filter: EventFilter
    ) throws(StoreError) -> [EventRecord]

    /// The latest events, oldest first, `limit` at most.
    func latestEvents(
        limit: Int,
        matching filter: EventFilter
    ) throws(StoreError) -> [EventRecord]

    /// Removes the oldest events beyond `keeping` and those older than `cutoff`, `batch` at most.
    ///
    /// - Returns: how many were removed; call again, between commits, while it equals `batch`.
    func pruneEvents(keeping: Int, olderThan cutoff: WallTime?, batch: Int) throws(StoreError)
        -> Int

    /// Audit records from sequence number `from`, oldest first, `limit` at most.
    func audit(from: UInt64, limit: Int) throws(StoreError) -> [AuditRecord]

    /// Walks the whole chain. See ``AuditVerdict`` for what can be detected and what cannot.
    func verifyAudit(against checkpoint: AuditCheckpoint?) throws(StoreError) -> AuditVerdict

    /// The head of the audit chain, to be kept elsewhere.
    func checkpoint() throws(StoreError) -> AuditCheckpoint

    /// Writes a verified copy to `path` while commits go on.
    ///
    /// - Throws: ``StoreError/Code/exists`` when there is a file at `path`.
    func backup(to path: String, at wall: WallTime) throws(StoreError) -> BackupManifest

    /// Later calls fail. Closing twice is fine.
    func close()
}

extension Store {
    public func load() throws(StoreError) -> StoreContents { try load(leavingOut: []) }

    /// The value of one key, verified; nil when it is not there.
    public func value(of table: String, key: String) throws(StoreError) -> [UInt8]? {
        try values(of: table, keys: [key])[key]
    }
}

/// Keys of one table between two that do not belong to it, by their bytes; nil for no end.
public struct KeyRange: Sendable, Hashable {
    public var after: String?
    public var before: String?

    public init(after: String? = nil, before: String? = nil) {
        self.after = after
        self.before = before
    }
}

/// One write of a step.
public enum StoreWrite: Sendable, Hashable {
    /// Sets the value of a key. `table` and `key` are printable ASCII, within ``StoreLimits``.
    case put(table: String, key: String, value: [UInt8])
    /// Removes a key; removing one that is not there is fine.
    case delete(table: String, key: String)
    /// Appends to the event log.
    case event([UInt8], at: WallTime, kind: String, subject: String)
    /// Appends to the audit chain.
    case audit(AuditEntry)
}

/// What the store refuses to take more of, all in bytes of UTF-8.
public enum StoreLimits {
    public static let tableBytesMax = 63
    public static let keyBytesMax = 511
    public static let valueBytesMax = 16 << 20
    public static let eventBytesMax = 1 << 20
    public static let labelBytesMax = 511
    public static let auditFieldBytesMax = 8 << 10
}

/// One row.
public struct StoreEntry: Sendable, Hashable {
    public let table: String
    public let key: String
    public let value: [UInt8]

    public init(table: String, key: String, value: [UInt8]) {
        self.table = table
        self.key = key
        self.value = value
    }
}

/// The store at one revision.
public struct StoreContents: Sendable, Hashable {
    public let cluster: ClusterID
    /// Raised by every adoption and restore; the upper half of the authority epoch.
    public let generation: UInt64
    /// The identity of this copy of the store; changes with the generation.
    public let instance: String
    /// How many steps were written. A store that was set back has fewer than were told of.
    public let revision: UInt64
    /// The sequence number of the last event ever appended; 0 when there was none.
    public let lastEvent: UInt64
    /// The head of the audit chain; sequence 0 when there was no record.
    public let auditHead: AuditCheckpoint
    /// Sorted by table, then key, by their bytes; those of the tables that were left out are not
    /// among them.
    public let entries: [StoreEntry]
}

/// Which events are wanted; nil means any.
public struct EventFilter: Sendable, Hashable {
    public var kind: String?
    public var subject: String?
    /// At this time or later.
    public var since: WallTime?
    /// Before this time.
    public var until: WallTime?

    public init(
        kind: String? = nil,
        subject: String? = nil,
        since: WallTime? = nil,
        until: WallTime? = nil
    ) {
        self.kind = kind
        self.subject = subject
        self.since = since
        self.until = until
    }

    public static let any = EventFilter()
}

/// One event as it was appended.
public struct EventRecord: Sendable, Hashable {
    /// Counts from 1 without a gap, and is never used again after pruning.
    public let sequence: UInt64
    public let wall: WallTime
    public let kind: String
    public let subject: String
    public let body: [UInt8]
}
