import Digests
import Foundation
import GRDB
import Glibc
public import Model
import Synchronization

extension SQLiteStore {
    /// Makes an empty store for a new cluster, of generation 1. It appears whole or not at all.
    ///
    /// - Throws: ``StoreError/Code/exists`` when there is a store in the directory already.
    public static func create(
        directory path: String,
        cluster: ClusterID,
        machine: StoreMachine,
        options: StoreOptions = StoreOptions()
    ) throws(StoreError) {
        try create(
            directory: path,
            cluster: cluster,
            machine: machine,
            options: options,
            migrations: Schema.migrations
        )
    }

    static func create(
        directory path: String,
        cluster: ClusterID,
        machine: StoreMachine,
        options: StoreOptions,
        migrations: [Migration]
    ) throws(StoreError) {
        let directory = StoreDirectory(path: path)
        try directory.make()
        try StoreDirectory.checkPrivate(path)
        try directory.checkFileSystem(options)
        let lock = try directory.takeLock()
        defer { withExtendedLifetime(lock) {} }
        guard fileSize(directory.database) == nil else {
            throw StoreError(.exists, directory.database, mend: "give an empty directory")
        }
        let secret = try directory.drawSecret()
        directory.removeUnfinished()
        try makeFile(directory.unfinished)
        try StoreError.translating("making \(directory.unfinished)") {
            let queue = try DatabaseQueue(
                path: directory.unfinished,
                configuration: configuration()
            )
            try queue.writeWithoutTransaction { database in
                try database.execute(sql: "PRAGMA application_id = \(Schema.applicationID)")
                try Schema.migrate(database, with: migrations)
                try Head(cluster: cluster, machine: machine, instance: secret).insert(database)
            }
            try queue.close()
        }
        try synchronize(directory.unfinished)
        try directory.acceptSecret()
        directory.removeLog()
        try directory.move(directory.unfinished, to: directory.database)
    }

    /// Opens the store of this machine and proves that it is whole and can be written.
    ///
    /// The file is read through first (`integrity_check`), and stays as it is to the byte when it
    /// is refused. A store of an older version is brought up to this one, after a copy was made
    /// beside it.
    public static func open(
        directory path: String,
        machine: StoreMachine,
        options: StoreOptions = StoreOptions()
    ) throws(StoreError) -> SQLiteStore {
        try open(
            directory: path,
            machine: machine,
            options: options,
            migrations: Schema.migrations,
            adopting: false
        )
    }

    /// Makes the store in the directory this machine's own, and raises its generation, so that
    /// agents refuse whatever an earlier copy still says.
    ///
    /// Only for an operator who knows that no other controller works with a copy of the store.
    ///
    /// - Parameter generationMin: the new generation is at least this; for when agents have seen
    ///   a higher one than the store knows of.
    /// - Parameter writes: are written in the same transaction.
    /// - Returns: the new generation.
    @discardableResult
    public static func adopt(
        directory path: String,
        machine: StoreMachine,
        options: StoreOptions = StoreOptions(),
        generationMin: UInt64 = 0,
        writing writes: [StoreWrite] = []
    ) throws(StoreError) -> UInt64 {
        for write in writes { try check(write) }
        let store = try open(
            directory: path,
            machine: machine,
            options: options,
            migrations: Schema.migrations,
            adopting: true
        )
        defer { store.close() }
        let secret = try store.directory.drawSecret()
        try store.writing { database, head in
            head.generation = max(head.generation + 1, Int64(clamping: generationMin))
            head.machine = machine.digest
            head.instance = secret
            for write in writes { try apply(write, to: database, &head) }
            if !writes.isEmpty { head.revision += 1 }
            try head.update(database)
        }
        // A crash before this leaves a store that must be adopted again, which does no harm.
        try store.directory.acceptSecret()
        return UInt64(store.working.withLock { $0.head.generation })
    }

    static func open(
        directory path: String,
        machine: StoreMachine,
        options: StoreOptions,
        migrations: [Migration],
        adopting: Bool
    ) throws(StoreError) -> SQLiteStore {
        let directory = StoreDirectory(path: path)
        try StoreDirectory.checkPrivate(path)
        try StoreDirectory.checkPrivate(directory.database)
        let free = try directory.checkFileSystem(options)
        let lock = try directory.takeLock()
        let head = try inspect(directory.database, migrations: migrations) { database in
            let head = try Head.read(database)
            if !adopting { try directory.checkOwner(head, machine) }
            try keepCopy(of: database, directory, migrations)
            return head
        }
        try directory.holdReserve(options, free: free)
        let pool = try openPool(directory.database, head: head, migrations: migrations)
        return SQLiteStore(directory: directory, pool: pool, head: head, lock: lock)
    }

    /// Reads a file through without changing it: is it ours, of a version we know, and whole?
    /// Then runs `body` on it.
    static func inspect<T>(
        _ path: String,
        migrations: [Migration],
        _ body: (Database) throws -> T
    ) throws(StoreError) -> T {
        let header = try readFile(path, limit: 100)
        guard header.count == 100, header.starts(with: Array("SQLite format 3\0".utf8)) else {
            throw .damaged("\(path) does not begin as a database does")
        }
        func field(_ at: Int) -> Int { header[at..<at + 4].reduce(0) { $0 << 8 | Int($1) } }
        try Schema.checkMarks(
            application: field(68),
            version: field(60),
            path: path,
            migrations: migrations
        )
        let log = path + "-wal"
        if let size = fileSize(log),
            let damage = LogDamage.find(in: try readFile(log, limit: Int(size)))
        {
            throw .damaged("\(log) \(damage)")
        }
        return try StoreError.translating("reading \(path)") {
            var configuration = configuration()
            configuration.readonly = true
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            defer { try? queue.close() }
            return try queue.unsafeRead { database in
                try Schema.check(database, path: path, migrations: migrations)
                let problems = try String.fetchAll(database, sql: "PRAGMA integrity_check(3)")
                guard problems == ["ok"] else {
                    throw StoreError.damaged("\(path): \(problems.joined(separator: ", "))")
                }
                return try body(database)
            }
        }
    }

    private static func openPool(
        _ path: String,
        head: Head,
        migrations: [Migration]
    ) throws(StoreError) -> DatabasePool {
        try StoreError.translating("opening \(path)") {
            let pool = try DatabasePool(path: path, configuration: configuration())
            try pool.writeWithoutTransaction { database in
                // GRDB has set NORMAL by itself, which would lose commits with the power.
                try database.execute(sql: "PRAGMA synchronous = FULL")
                let synchronous = try Int.fetchOne(database, sql: "PRAGMA synchronous")
                guard synchronous == 2 else {
                    throw StoreError(.unreadable, "\(path): synchronous stays \(synchronous ?? 0)")
                }
                // The log begins anew with each opening, so that what one power cut left in it
                // is never mistaken for what another did (see LogDamage).
                _ = try database.checkpoint(.truncate)
                try Schema.migrate(database, with: migrations)
                // A disk that takes no writes is found out now rather than by the first order.
                try database.inTransaction(.immediate) {
                    try head.update(database)
                    return .commit
                }
            }
            return pool
        }
    }

    static func configuration() -> Configuration {
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        configuration.maximumReaderCount = 3
        configuration.foreignKeysEnabled = true
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF")
        }
        return configuration
    }

    /// Before a migration: what was there is kept as `muster.db.before-N`, N being the version
    /// that is to come.
    private static func keepCopy(
        of database: Database,
        _ directory: StoreDirectory,
        _ migrations: [Migration]
    ) throws {
        let target = migrations.last?.version ?? 0
        guard try Schema.userVersion(database) < target else { return }
        let copy = "\(directory.database).before-\(target)"
        guard fileSize(copy) == nil else { return }
        let unfinished = copy + ".new"
        unlink(unfinished)
        try makeFile(unfinished)
        try copyWhole(database, to: unfinished)
        try directory.move(unfinished, to: copy)
    }

    /// A compact copy of the snapshot that `database` reads, synced, into an empty file.
    static func copyWhole(_ database: Database, to path: String) throws {
        try database.execute(sql: "VACUUM INTO ?", arguments: [path])
        try synchronize(path)
    }
}

extension StoreDirectory {
    /// Draws a new instance secret and writes it beside its place.
    ///
    /// - Returns: its hash, for the head row.
    func drawSecret() throws(StoreError) -> Digest {
        var generator = SystemRandomNumberGenerator()
        let secret = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        try writeUnfinishedSecret(Array(Digest(of: secret).hex.utf8))
        return Digest(of: Array(Digest(of: secret).hex.utf8))
    }

    /// Refuses a store that was carried to another machine, or copied without its secret.
    func checkOwner(_ head: Head, _ machine: StoreMachine) throws(StoreError) {
        let mend =
            "if no other controller uses a copy of it: muster-controller adopt, "
            + "which raises the generation"
        guard head.machine == machine.digest else {
            throw StoreError(.foreign, "\(database) was last used on another machine", mend: mend)
        }
        guard let secret = try readSecret() else {
            throw StoreError(.foreign, "\(secret) is not beside \(database)", mend: mend)
        }
        guard Digest(of: secret) == head.instance else {
            throw StoreError(
                .foreign,
                "\(self.secret) does not belong to \(database)",
                mend: mend
            )
        }
    }

    func removeUnfinished() {
        for suffix in ["", "-wal", "-shm", "-journal"] { unlink(unfinished + suffix) }
    }

    /// SQLite would apply a log to whatever database has its name.
    func removeLog() {
        for suffix in ["-wal", "-shm", "-journal"] { unlink(database + suffix) }
    }
}
