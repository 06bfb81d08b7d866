import CCrashVFS
import Foundation
import GRDB
import Model
import Testing

@testable import Store

/// Every crash point of every workflow, each with several guesses at what had reached the disk.
@Suite struct CrashTests {
    /// What each revision holds, and after how many operations it was acknowledged.
    private struct Book {
        var contents: [UInt64: [StoreEntry]] = [:]
        var acknowledged: [(operations: Int, revision: UInt64)] = []

        mutating func note(_ store: SQLiteStore, _ world: CrashWorld) throws {
            let operations = world.count
            let now = try store.load()
            contents[now.revision] = now.entries
            acknowledged.append((operations, now.revision))
        }
    }

    @Test
    func
        `after a power cut at any point all that was acknowledged is there, and only whole commits`()
        throws
    {
        let world = try CrashWorld()
        try makeStore(world.scratch).close()
        try world.begin()
        var book = Book()
        for round in 0..<2 {
            let store = try openStore(world.scratch.path)
            try book.note(store, world)
            for number in 0..<3 {
                try store.commit([
                    [put(number, "round \(round)"), event(number)],
                    [.audit(auditEntry(number)), put(10 * round + number)],
                    [.delete(table: "node", key: "key-\(number + 1)")],
                    [
                        .put(
                            table: "large",
                            key: "\(number % 2)",
                            value: [UInt8](repeating: UInt8(round), count: 9_000)
                        )
                    ],
                ])
                try book.note(store, world)
            }
            _ = try store.pruneEvents(keeping: 3, olderThan: nil, batch: 10)
            try book.note(store, world)
            store.close()
        }
        var states = 0
        for point in world.crashPoints {
            let acknowledged = book.acknowledged.last { $0.operations <= point }?.revision ?? 0
            for survivors in CrashWorld.Survivors.allCases {
                let after = try world.crash(at: point, survivors, seed: UInt64(states))
                states += 1
                try check(after, book, acknowledged, "point \(point), \(survivors)")
            }
        }
        #expect(states > 400, "\(states)")
    }

    private func check(
        _ after: Scratch,
        _ book: Book,
        _ acknowledged: UInt64,
        _ place: String
    ) throws {
        let store = try #require(try? openStore(after.path), "\(place)")
        let found = try store.load()
        #expect(found.revision >= acknowledged, "\(place)")
        #expect(found.entries == book.contents[found.revision], "\(place)")
        #expect(try store.verifyAudit() == .intact(found.auditHead), "\(place)")
        let events = try store.events(after: 0, limit: 1_000)
        #expect(events.last?.sequence ?? 0 == found.lastEvent, "\(place)")
        // It can be written again, and that too stays.
        let next = try store.commit([[put(99, "after the crash"), .audit(auditEntry(99))]])
        store.close()
        let reopened = try openStore(after.path)
        #expect(try reopened.load().revision == next, "\(place)")
    }

    /// One task after the other is accepted, ended and forgotten; what is accepted and ended in one
    /// commit is there together or not at all.
    @Test func `after a power cut a task and all that belongs to it are of the same commit`()
        throws
    {
        let world = try CrashWorld()
        try makeStore(world.scratch).close()
        try world.begin()
        var book = Book()
        let store = try openStore(world.scratch.path)
        try book.note(store, world)
        for number in 0..<5 {
            let payload = [UInt8](repeating: UInt8(number), count: 7_000)
            try store.commit([Self.accepted(number, payload), Self.accepted(number + 100, [1])])
            try book.note(store, world)
            try store.commit([Self.ended(number)])
            try book.note(store, world)
            if number > 0 {
                try store.commit([Self.forgotten(number - 1)])
                try book.note(store, world)
            }
        }
        store.close()
        var states = 0
        for point in world.crashPoints {
            let acknowledged = book.acknowledged.last { $0.operations <= point }?.revision ?? 0
            for survivors in CrashWorld.Survivors.allCases {
                let after = try world.crash(at: point, survivors, seed: UInt64(states))
                states += 1
                try checkTasks(after, book, acknowledged, "point \(point), \(survivors)")
            }
        }
        #expect(states > 200, "\(states)")
    }

    private static func accepted(_ number: Int, _ payload: [UInt8]) -> [StoreWrite] {
        [
            .put(table: "task", key: "\(number)", value: Array("TASK".utf8)),
            .put(table: "payload", key: "\(number)", value: payload),
            .put(table: "task-key", key: "key-\(number)", value: Array("KEY".utf8)),
        ]
    }

    private static func ended(_ number: Int) -> [StoreWrite] {
        [
            .put(table: "task-end", key: "\(number)", value: Array("ENDED".utf8)),
            .delete(table: "task", key: "\(number)"),
            .delete(table: "payload", key: "\(number)"),
            .put(table: "output", key: "\(number)", value: [UInt8](repeating: 9, count: 5_000)),
        ]
    }

    private static func forgotten(_ number: Int) -> [StoreWrite] {
        [
            .delete(table: "task-end", key: "\(number)"),
            .delete(table: "output", key: "\(number)"),
            .delete(table: "task-key", key: "key-\(number)"),
        ]
    }

    private func checkTasks(
        _ after: Scratch,
        _ book: Book,
        _ acknowledged: UInt64,
        _ place: String
    ) throws {
        let store = try #require(try? openStore(after.path), "\(place)")
        defer { store.close() }
        let found = try store.load()
        #expect(found.revision >= acknowledged, "\(place)")
        #expect(found.entries == book.contents[found.revision], "\(place)")
        let left = try store.load(leavingOut: ["payload", "output", "task-key", "task-end"])
        #expect(left.entries == found.entries.filter { $0.table == "task" }, "\(place)")
        for table in ["payload", "output", "task-key", "task-end"] {
            let rows = try store.entries(of: table, in: KeyRange(), limit: 99, newestFirst: false)
            #expect(rows == found.entries.filter { $0.table == table }, "\(place)")
            for row in rows {
                #expect(try store.value(of: table, key: row.key) == row.value, "\(place)")
            }
        }
    }

    @Test func `after a power cut in a migration the file is of the old version or of the new`()
        throws
    {
        let world = try CrashWorld()
        try makeStore(world.scratch).close()
        let store = try openStore(world.scratch.path)
        try store.commit([(0..<50).map { put($0) }])
        let before = try store.load()
        store.close()
        try world.begin()
        let migrations =
            Schema.migrations + [
                Migration(
                    version: 2,
                    name: "a second",
                    sql: "ALTER TABLE event ADD COLUMN colour TEXT; CREATE TABLE two (a TEXT)"
                ),
                Migration(
                    version: 3,
                    name: "a third",
                    sql: "CREATE TABLE three AS SELECT * FROM entry; DROP TABLE two"
                ),
            ]
        try openMigrating(world.scratch.path, migrations).close()
        var versions: Set<Int> = []
        var states = 0
        for point in world.crashPoints {
            for survivors in CrashWorld.Survivors.allCases {
                let after = try world.crash(at: point, survivors, seed: UInt64(states))
                states += 1
                versions.insert(try version(after, migrations))
                let store = try openMigrating(after.path, migrations)
                #expect(try store.load() == before)
                store.close()
            }
        }
        #expect(versions == [1, 2, 3])
        #expect(states > 100)
    }

    /// Which version the file is of, having seen that its tables are that version's.
    private func version(_ scratch: Scratch, _ migrations: [Migration]) throws -> Int {
        let path = scratch.file("muster.db")
        return try SQLiteStore.inspect(path, migrations: migrations) { database in
            let version = try Schema.userVersion(database)
            #expect(try database.tableExists("two") == (version == 2))
            #expect(try database.tableExists("three") == (version == 3))
            #expect(
                try database.columns(in: "event").contains { $0.name == "colour" } == (version > 1)
            )
            return version
        }
    }

    private func openMigrating(
        _ path: String,
        _ migrations: [Migration]
    ) throws(StoreError) -> SQLiteStore {
        try SQLiteStore.open(
            directory: path,
            machine: testMachine,
            options: .small,
            migrations: migrations,
            adopting: false
        )
    }
}
