import Digests
import Foundation
import GRDB
import Glibc
public import Model

/// What a backup says of itself; kept inside it.
public struct BackupManifest: Sendable, Hashable {
    public let cluster: ClusterID
    public let generation: UInt64
    public let schema: Int
    public let revision: UInt64
    public let entries: Int
    public let events: Int
    /// The head of the audit chain at the time.
    public let auditHead: AuditCheckpoint
    public let taken: WallTime
    /// A hash over all of the above and over all rows and events, in hexadecimal.
    public let checksum: String
}

extension SQLiteStore {
    public func backup(to path: String, at wall: WallTime) throws(StoreError) -> BackupManifest {
        guard fileSize(path) == nil else {
            throw StoreError(.exists, path, mend: "give the name of a new file")
        }
        let unfinished = path + ".new"
        unlink(unfinished)
        try makeFile(unfinished)
        defer { unlink(unfinished) }
        try readingOutsideTransaction { try Self.copyWhole($0, to: unfinished) }
        let manifest = try StoreError.translating("writing \(unfinished)") {
            let queue = try DatabaseQueue(path: unfinished, configuration: Self.configuration())
            let manifest = try queue.write { try Self.writeManifest($0, at: wall) }
            try queue.close()
            return manifest
        }
        try synchronize(unfinished)
        guard try Self.verifyBackup(at: unfinished) == manifest else {
            throw .damaged("\(unfinished) does not read back as it was written", mend: "")
        }
        guard link(unfinished, path) == 0 else {
            throw errno == EEXIST ? StoreError(.exists, path) : .system("link \(path)")
        }
        try synchronize(parent(of: path))
        return manifest
    }

    /// Reads a backup through: integrity, every row, every event, the audit chain, and that all
    /// of it is what the manifest says. Changes nothing.
    public static func verifyBackup(at path: String) throws(StoreError) -> BackupManifest {
        guard fileSize(path) != nil else {
            throw StoreError(.missing, "backup \(path)", mend: "give the name of a backup file")
        }
        let mend = "take another backup"
        do {
            return try inspect(path, migrations: Schema.migrations) { database in
                guard try database.tableExists("manifest"),
                    let row = try Row.fetchOne(database, sql: "SELECT * FROM manifest"),
                    let cluster = ClusterID(row.text("cluster")),
                    let auditHash = Digest(bytes: Array(row.blob("audit_hash")))
                else { throw StoreError.damaged("\(path) has no manifest", mend: mend) }
                let stated = BackupManifest(
                    cluster: cluster,
                    generation: UInt64(clamping: row.number("generation")),
                    schema: Int(clamping: row.number("schema")),
                    revision: UInt64(clamping: row.number("revision")),
                    entries: Int(clamping: row.number("entries")),
                    events: Int(clamping: row.number("events")),
                    auditHead: AuditCheckpoint(
                        sequence: UInt64(clamping: row.number("last_audit")),
                        hash: auditHash
                    ),
                    taken: WallTime(milliseconds: row.number("taken")),
                    checksum: row.text("checksum")
                )
                guard try manifest(of: database, at: stated.taken) == stated else {
                    throw StoreError.damaged("\(path) is not what its manifest says", mend: mend)
                }
                return stated
            }
        } catch  where error.code == .damaged {
            throw .damaged(error.place, mend: mend)
        }
    }

    /// Reads a store's file or a backup through, as ``open(directory:machine:options:)`` does, whoever
    /// owns it. Changes nothing.
    ///
    /// - Parameter tables: which rows are verified and not returned.
    public static func read(
        _ path: String,
        leavingOut tables: Set<String>
    ) throws(StoreError) -> StoreContents {
        guard fileSize(path) != nil else { throw StoreError(.missing, path) }
        return try inspect(path, migrations: Schema.migrations) { database in
            try contents(of: database) { !tables.contains($0) }
        }
    }

    /// The same of the store in a directory.
    public static func read(
        inDirectory path: String,
        leavingOut tables: Set<String>
    ) throws(StoreError) -> StoreContents {
        try read(StoreDirectory(path: path).database, leavingOut: tables)
    }

    /// Puts a backup into a directory as this machine's store, and raises the generation above
    /// both the backup's and that of the store it replaces, if that can still be read.
    ///
    /// The backup is verified first. A store that is replaced is kept as `muster.db.replaced`.
    ///
    /// - Parameters:
    ///   - generationMin: as for ``adopt(directory:machine:options:generationMin:writing:)``.
    ///   - writes: are in the store from its first moment in its place on.
    /// - Throws: ``StoreError/Code/exists`` when there is a store and `replacing` is not set.
    /// - Returns: the new generation.
    @discardableResult
    public static func restore(
        from backup: String,
        to path: String,
        machine: StoreMachine,
        replacing: Bool = false,
        options: StoreOptions = StoreOptions(),
        generationMin: UInt64 = 0,
        writing writes: [StoreWrite] = []
    ) throws(StoreError) -> UInt64 {
        for write in writes { try check(write) }
        let manifest = try verifyBackup(at: backup)
        let directory = StoreDirectory(path: path)
        try directory.make()
        try StoreDirectory.checkPrivate(path)
        try directory.checkFileSystem(options)
        let lock = try directory.takeLock()
        defer { withExtendedLifetime(lock) {} }
        var above = manifest.generation
        if fileSize(directory.database) != nil {
            guard replacing else {
                throw StoreError(
                    .exists,
                    directory.database,
                    mend: "say --replace to put the backup in its place"
                )
            }
            let replaced = try? inspect(directory.database, migrations: Schema.migrations) {
                try Head.read($0).generation
            }
            above = max(above, UInt64(replaced ?? 0))
        }
        let generation = max(above + 1, generationMin)
        let secret = try directory.drawSecret()
        directory.removeUnfinished()
        try makeFile(directory.unfinished)
        _ = try inspect(backup, migrations: Schema.migrations) { database in
            try copyWhole(database, to: directory.unfinished)
        }
        try claim(
            directory.unfinished,
            generation: generation,
            machine: machine,
            secret: secret,
            writing: writes
        )
        try directory.replaceDatabase()
        return generation
    }

    /// Turns the copy of a backup into a store of its own.
    private static func claim(
        _ path: String,
        generation: UInt64,
        machine: StoreMachine,
        secret: Digest,
        writing writes: [StoreWrite]
    ) throws(StoreError) {
        try StoreError.translating("writing \(path)") {
            let queue = try DatabaseQueue(path: path, configuration: configuration())
            try queue.write { database in
                try database.execute(sql: "DROP TABLE manifest")
                var head = try Head.read(database)
                head.generation = Int64(clamping: generation)
                head.machine = machine.digest
                head.instance = secret
                for write in writes { try apply(write, to: database, &head) }
                if !writes.isEmpty { head.revision += 1 }
                try head.update(database)
            }
            try queue.close()
        }
        try synchronize(path)
    }

    private static func writeManifest(
        _ database: Database,
        at wall: WallTime
    ) throws -> BackupManifest {
        let manifest = try manifest(of: database, at: wall)
        try database.execute(
            sql: """
                CREATE TABLE manifest (
                    cluster TEXT NOT NULL, generation INTEGER NOT NULL, schema INTEGER NOT NULL,
                    revision INTEGER NOT NULL, entries INTEGER NOT NULL, events INTEGER NOT NULL,
                    last_audit INTEGER NOT NULL, audit_hash BLOB NOT NULL, taken INTEGER NOT NULL,
                    checksum TEXT NOT NULL
                ) STRICT
                """
        )
        try database.execute(
            sql: "INSERT INTO manifest VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            arguments: [
                manifest.cluster.text, Int64(manifest.generation), manifest.schema,
                Int64(manifest.revision), manifest.entries, manifest.events,
                Int64(manifest.auditHead.sequence), Data(manifest.auditHead.hash.bytes),
                wall.milliseconds, manifest.checksum,
            ]
        )
        return manifest
    }

    /// Reckons the manifest from what is in the file, verifying all of it on the way.
    private static func manifest(
        of database: Database,
        at wall: WallTime
    ) throws -> BackupManifest {
        let contents = try contents(of: database) { _ in false }
        try verifyEvents(database)
        if case .broken(let sequence, let problem) = try verifyAudit(database, against: nil) {
            throw StoreError.damaged("audit record \(sequence) \(problem)")
        }
        var events = 0
        var eventSum = Checksum.zero
        let rows = try Row.fetchCursor(database, sql: "SELECT checksum FROM event")
        while let row = try rows.next() {
            events += 1
            eventSum &+= Checksum(data: row.blob("checksum")) ?? .zero
        }
        let head = try Head.read(database)
        let schema = try Schema.userVersion(database)
        let checksum = Digest(
            of: Array(
                """
                muster backup 1 \(head.cluster) \(head.generation) \(schema) \(head.revision) \
                \(head.entryCount) \(head.entrySum) \(events) \(eventSum) \(head.lastAudit) \
                \(head.auditHash) \(wall.milliseconds)
                """.utf8
            )
        )
        return BackupManifest(
            cluster: head.cluster,
            generation: contents.generation,
            schema: schema,
            revision: contents.revision,
            entries: Int(head.entryCount),
            events: events,
            auditHead: contents.auditHead,
            taken: wall,
            checksum: checksum.hex
        )
    }
}

extension StoreDirectory {
    /// Puts the finished database and its secret in place of the store that is there.
    fileprivate func replaceDatabase() throws(StoreError) {
        let kept = database + ".replaced"
        if fileSize(database) != nil {
            for suffix in ["-wal", "-shm"] { unlink(kept + suffix) }
            rename(database + "-wal", kept + "-wal")
            try move(database, to: kept)
        }
        removeLog()
        try acceptSecret()
        try move(unfinished, to: database)
    }
}

private func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}
