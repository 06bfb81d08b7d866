import GRDB

/// One step from a version of the file's format to the next. Forward only.
struct Migration: Sendable {
    /// The `user_version` it leaves behind; counts from 1.
    let version: Int
    let name: String
    let sql: String
}

enum Schema {
    /// `Must` in ASCII: what `file` and we tell a Muster store by.
    static let applicationID = 0x4D75_7374

    static let migrations = [
        Migration(
            version: 1,
            name: "rows, events and audit",
            sql: """
                CREATE TABLE migration (
                    version INTEGER PRIMARY KEY,
                    name TEXT NOT NULL
                ) STRICT;
                CREATE TABLE head (
                    id INTEGER PRIMARY KEY CHECK (id = 1),
                    cluster TEXT NOT NULL,
                    generation INTEGER NOT NULL,
                    machine BLOB NOT NULL,
                    instance BLOB NOT NULL,
                    revision INTEGER NOT NULL,
                    entry_count INTEGER NOT NULL,
                    entry_sum BLOB NOT NULL,
                    last_event INTEGER NOT NULL,
                    last_audit INTEGER NOT NULL,
                    audit_hash BLOB NOT NULL,
                    checksum BLOB NOT NULL
                ) STRICT;
                CREATE TABLE entry (
                    section TEXT NOT NULL,
                    key TEXT NOT NULL,
                    value BLOB NOT NULL,
                    checksum BLOB NOT NULL,
                    PRIMARY KEY (section, key)
                ) STRICT, WITHOUT ROWID;
                CREATE TABLE event (
                    sequence INTEGER PRIMARY KEY,
                    wall INTEGER NOT NULL,
                    kind TEXT NOT NULL,
                    subject TEXT NOT NULL,
                    body BLOB NOT NULL,
                    checksum BLOB NOT NULL
                ) STRICT;
                CREATE INDEX event_by_kind ON event (kind, sequence);
                CREATE INDEX event_by_subject ON event (subject, sequence);
                CREATE TABLE audit (
                    sequence INTEGER PRIMARY KEY,
                    boot INTEGER NOT NULL,
                    wall INTEGER NOT NULL,
                    actor TEXT NOT NULL,
                    source TEXT NOT NULL,
                    verb TEXT NOT NULL,
                    object TEXT NOT NULL,
                    reason TEXT NOT NULL,
                    parameters TEXT NOT NULL,
                    outcome TEXT NOT NULL,
                    hash BLOB NOT NULL
                ) STRICT;
                """
        )
    ]

    /// Brings a file up to the last of `migrations`, each in a transaction of its own: a crash
    /// leaves the file before or after one, never between.
    static func migrate(_ database: Database, with migrations: [Migration]) throws {
        let version = try userVersion(database)
        for migration in migrations where migration.version > version {
            try database.inTransaction(.immediate) {
                try database.execute(sql: migration.sql)
                try database.execute(
                    sql: "INSERT INTO migration (version, name) VALUES (?, ?)",
                    arguments: [migration.version, migration.name]
                )
                try database.execute(sql: "PRAGMA user_version = \(migration.version)")
                return .commit
            }
        }
    }

    static func userVersion(_ database: Database) throws -> Int {
        try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
    }

    /// Refuses what was written by a newer version, or by something else than Muster.
    static func check(_ database: Database, path: String, migrations: [Migration]) throws {
        let version = try userVersion(database)
        try checkMarks(
            application: try Int.fetchOne(database, sql: "PRAGMA application_id") ?? 0,
            version: version,
            path: path,
            migrations: migrations
        )
        guard try shape(database) == expectedShape(of: version, migrations) else {
            throw StoreError.damaged("\(path): its tables are not those of its schema version")
        }
        let known = Set(migrations.map(\.version))
        let applied = try Int.fetchSet(database, sql: "SELECT version FROM migration")
        guard applied.isSubset(of: known) else {
            throw fromTheFuture(applied.max() ?? 0, path: path, migrations: migrations)
        }
    }

    /// The tables as the file describes them. A backup has one more.
    private static func shape(_ database: Database) throws -> [[DatabaseValue]] {
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name <> 'manifest'
                ORDER BY type, name
                """
        )
        return rows.map { Array($0.databaseValues) }
    }

    /// The tables as the migrations make them.
    private static func expectedShape(
        of version: Int,
        _ migrations: [Migration]
    ) throws -> [[DatabaseValue]] {
        let queue = try DatabaseQueue()
        return try queue.writeWithoutTransaction { database in
            try migrate(database, with: migrations.filter { $0.version <= version })
            return try shape(database)
        }
    }

    static func checkMarks(
        application: Int,
        version: Int,
        path: String,
        migrations: [Migration]
    ) throws(StoreError) {
        guard application == applicationID else {
            throw StoreError(
                .notAStore,
                "\(path) has application id \(application), a Muster store has \(applicationID)",
                mend: "give the directory of the controller's state"
            )
        }
        guard version <= migrations.last?.version ?? 0 else {
            throw fromTheFuture(version, path: path, migrations: migrations)
        }
        guard version >= 1 else { throw .damaged("\(path) has no schema version") }
    }

    private static func fromTheFuture(
        _ version: Int,
        path: String,
        migrations: [Migration]
    ) -> StoreError {
        StoreError(
            .fromTheFuture,
            "\(path) has schema version \(version), this program knows up to "
                + "\(migrations.last?.version ?? 0)",
            mend: "install the version of Muster that wrote it"
        )
    }
}
