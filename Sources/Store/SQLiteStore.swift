import Digests
import Foundation
import GRDB
import Glibc
import Host
import Model
import Synchronization

/// The store in one SQLite file, `muster.db` in a directory of its own.
///
/// Every commit is synced before it returns (WAL with `synchronous=FULL`). Every row carries a
/// checksum, and one row says what all of them must add up to, so that damage is an error and
/// never a wrong answer. One process at a time may have it open, on the machine it was made on.
public final class SQLiteStore: Store {
    /// What changes while the store is open.
    struct Working {
        var head: Head
        /// Set by the first commit whose outcome is unknown, and never cleared.
        var poison: StoreError?
        var isClosed = false
        var lock: InstanceLock?
    }

    let directory: StoreDirectory
    let pool: DatabasePool
    let working: Mutex<Working>

    init(
        directory: StoreDirectory,
        pool: DatabasePool,
        head: Head,
        lock: InstanceLock
    ) {
        self.directory = directory
        self.pool = pool
        working = Mutex(Working(head: head, lock: lock))
    }

    public func load(leavingOut tables: Set<String>) throws(StoreError) -> StoreContents {
        try reading { database in
            try Self.contents(of: database) { !tables.contains($0) }
        }
    }

    public func checkpoint() throws(StoreError) -> AuditCheckpoint {
        try reading { try Head.read($0).auditHead }
    }

    /// Lets go of the reserve, so that what is under way can be finished on a full disk. It is
    /// taken again at the next opening with room for it.
    public func releaseReserve() {
        unlink(directory.reserve)
    }

    /// Bytes of the store's files, and those that are free on its file system; nil where the system
    /// does not say.
    public func space() -> (used: UInt64, free: UInt64?, total: UInt64?) {
        let files = ["", "-wal", "-shm"].map { directory.database + $0 } + [directory.reserve]
        let room = directory.room()
        return (files.reduce(0) { $0 + (fileSize($1) ?? 0) }, room?.free, room?.total)
    }

    /// Occupies the reserve again, where there is room for it.
    ///
    /// - Returns: whether so much is free again as a store needs to be opened.
    public func regainReserve(_ options: StoreOptions) -> Bool {
        guard let free = directory.freeBytes(), free >= options.freeSpaceMin else { return false }
        try? directory.holdReserve(options, free: free)
        return true
    }

    /// Whether the reserve is there to be released.
    public var holdsReserve: Bool { fileSize(directory.reserve) ?? 0 > 0 }

    /// Bytes free on the file system for this process, the reserve not counted; nil when the
    /// system does not say.
    public var freeBytes: UInt64? { directory.freeBytes() }

    /// Why the store takes no commits; nil while it does.
    public var poison: StoreError? { working.withLock { $0.poison } }

    /// Journal mode, synchronous and foreign keys of the connection that commits.
    func durabilitySettings() throws -> [String] {
        try pool.writeWithoutTransaction { database in
            try ["journal_mode", "synchronous", "foreign_keys"].map { name in
                try String.fetchOne(database, sql: "PRAGMA \(name)") ?? ""
            }
        }
    }

    public func close() {
        working.withLock { working in
            guard !working.isClosed else { return }
            working.isClosed = true
            // GRDB closes its readers last, and those cannot bring the log into the file.
            if working.poison == nil {
                try? pool.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
            }
            try? pool.close()
            working.lock = nil
        }
    }

    deinit { close() }

    /// Everything is verified, row by row and against the head; kept are the rows of some tables.
    static func contents(
        of database: Database,
        keeping isKept: (String) -> Bool
    ) throws -> StoreContents {
        let head = try Head.read(database)
        let rows = try Row.fetchCursor(
            database,
            sql: "SELECT section, key, value, checksum FROM entry ORDER BY section, key"
        )
        var entries: [StoreEntry] = []
        var count: Int64 = 0
        var sum = Checksum.zero
        while let row = try rows.next() {
            let table = row.text("section")
            let (entry, checksum) = try verified(row, table, isKept: isKept(table))
            sum &+= checksum
            count += 1
            if let entry { entries.append(entry) }
        }
        guard count == head.entryCount, sum == head.entrySum else {
            throw StoreError.damaged(
                "\(count) rows, which are not the \(head.entryCount) once written"
            )
        }
        return StoreContents(
            cluster: head.cluster,
            generation: UInt64(head.generation),
            instance: String(head.instance.hex.prefix(16)),
            revision: UInt64(head.revision),
            lastEvent: UInt64(head.lastEvent),
            auditHead: head.auditHead,
            entries: entries
        )
    }

    /// A row whose checksum fits it.
    static func verified(
        _ row: Row,
        _ table: String,
        isKept: Bool = true
    ) throws -> (StoreEntry?, Checksum) {
        let key = row.text("key")
        let value = row.blob("value")
        let checksum = Self.checksum(table: table, key: key, value: value)
        guard checksum.data == row.blob("checksum") else {
            throw StoreError.damaged("the row \(table)/\(key)")
        }
        guard isKept else { return (nil, checksum) }
        return (StoreEntry(table: table, key: key, value: Array(value)), checksum)
    }

    static func checksum(table: String, key: String, value: Data) -> Checksum {
        Checksum(of: Data(text: table), Data(text: key), value)
    }

    /// Runs `body` on a snapshot of the last commit, and gives every error a place and a mend.
    func reading<T>(_ body: (Database) throws -> T) throws(StoreError) -> T {
        try StoreError.translating("reading \(directory.database)") { try pool.read(body) }
    }

    /// As ``reading(_:)``, outside a transaction, for `VACUUM`, which begins its own.
    func readingOutsideTransaction<T>(_ body: (Database) throws -> T) throws(StoreError) -> T {
        try StoreError.translating("reading \(directory.database)") { try pool.unsafeRead(body) }
    }
}

extension StoreError {
    /// Runs `body` and turns whatever it throws into an error of the store.
    static func translating<T>(
        _ place: String,
        _ body: () throws -> T
    ) throws(StoreError) -> T {
        do {
            return try body()
        } catch {
            throw StoreError(translating: error, place)
        }
    }

    init(translating error: any Error, _ place: String) {
        switch error {
        case let error as StoreError:
            self = error
        case let error as DatabaseError:
            let context =
                "\(place): \(error.message ?? "SQLite error")"
                + " (\(error.extendedResultCode.rawValue))"
            switch error.resultCode {
            case .SQLITE_CORRUPT, .SQLITE_NOTADB: self = .damaged(context)
            case .SQLITE_FULL: self = StoreError(.full, context, mend: Self.fullMend)
            default: self = StoreError(.unreadable, context)
            }
        default:
            self = StoreError(.unreadable, "\(place): \(error)")
        }
    }

    static let fullMend = "free some space, or let go of the reserve file"
}
