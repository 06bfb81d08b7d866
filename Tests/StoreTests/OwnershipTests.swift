import Digests
import Foundation
import Glibc
import Model
import Testing

@testable import Store

/// One authority: who may open a store, and who may not.
@Suite struct OwnershipTests {
    @Test func `a second controller on the same store is refused, and learns who has it`() throws {
        let scratch = try Scratch()
        let store = try makeStore(scratch)
        let error = try expectStoreError(.inUse) { _ = try openStore(scratch.path) }
        #expect(error.description.contains("process \(getpid())"))
        try expectStoreError(.inUse) {
            _ = try SQLiteStore.adopt(
                directory: scratch.path,
                machine: testMachine,
                options: .small
            )
        }
        store.close()
        #expect(try openStore(scratch.path).load().revision == 0)
    }

    @Test func `a store carried to another machine is refused until it is adopted`() throws {
        let scratch = try Scratch()
        let store = try makeStore(scratch)
        try store.commit([[put(1)]])
        let before = try store.load()
        store.close()
        let elsewhere = StoreMachine("another machine")
        let error = try expectStoreError(.foreign) {
            _ = try SQLiteStore.open(
                directory: scratch.path,
                machine: elsewhere,
                options: .small
            )
        }
        #expect(error.mend.contains("muster-controller adopt"))
        let generation = try SQLiteStore.adopt(
            directory: scratch.path,
            machine: elsewhere,
            options: .small
        )
        #expect(generation == 2)
        let adopted = try SQLiteStore.open(
            directory: scratch.path,
            machine: elsewhere,
            options: .small
        )
        let contents = try adopted.load()
        #expect(contents.generation == 2)
        #expect(contents.entries == before.entries)
        #expect(contents.instance != before.instance)
        adopted.close()
        // Now it is the first machine's turn to be refused.
        try expectStoreError(.foreign) { _ = try openStore(scratch.path) }
        #expect(
            try SQLiteStore.adopt(
                directory: scratch.path,
                machine: testMachine,
                options: .small,
                generationMin: 9
            )
                == 9
        )
    }

    @Test func `a copy without its secret, or with another's, is refused`() throws {
        let scratch = try Scratch()
        try makeStore(scratch).close()
        let copy = try Scratch()
        try copyStore(from: scratch.path, to: copy.path)
        unlink(copy.file("muster.instance"))
        try expectStoreError(.foreign) { _ = try openStore(copy.path) }

        // The original is adopted: an older copy of the file beside the new secret is refused.
        let older = try Scratch()
        try copyStore(from: scratch.path, to: older.path)
        try SQLiteStore.adopt(directory: scratch.path, machine: testMachine, options: .small)
        unlink(older.file("muster.instance"))
        try FileManager.default.copyItem(
            atPath: scratch.file("muster.instance"),
            toPath: older.file("muster.instance")
        )
        try expectStoreError(.foreign) { _ = try openStore(older.path) }
        #expect(try openStore(scratch.path).load().generation == 2)
    }

    @Test func `what others may read is refused, and all files are made for the owner alone`()
        throws
    {
        let scratch = try Scratch()
        let store = try makeStore(scratch)
        try store.commit([[put(1)]])
        for name in try FileManager.default.contentsOfDirectory(atPath: scratch.path) {
            try StoreDirectory.checkPrivate(scratch.file(name))
        }
        store.close()
        chmod(scratch.file("muster.db"), 0o644)
        let error = try expectStoreError(.permissions) { _ = try openStore(scratch.path) }
        #expect(error.mend == "chmod 600 \(scratch.file("muster.db"))")
        chmod(scratch.file("muster.db"), 0o600)
        chmod(scratch.path, 0o750)
        try expectStoreError(.permissions) { _ = try openStore(scratch.path) }
    }

    @Test func `nothing there, something else there, and a second creation are told apart`() throws
    {
        let scratch = try Scratch()
        try expectStoreError(.missing) { _ = try openStore(scratch.path) }
        try expectStoreError(.missing) { _ = try openStore(scratch.file("nowhere")) }
        let path = scratch.file("muster.db")
        try tamper(path, "CREATE TABLE other (a)")
        chmod(path, 0o600)
        try expectStoreError(.notAStore) { _ = try openStore(scratch.path) }
        try Data("no database at all, but long enough to be one".utf8).write(
            to: URL(fileURLWithPath: path)
        )
        try expectStoreError(.damaged) { _ = try openStore(scratch.path) }
        try expectStoreError(.exists) { _ = try makeStore(scratch) }
    }

    @Test func `a store from the future is refused with both versions, and not a byte is changed`()
        throws
    {
        let scratch = try Scratch()
        try makeStore(scratch).close()
        let path = scratch.file("muster.db")
        try tamper(path, "PRAGMA user_version = 7; INSERT INTO migration VALUES (7, 'later')")
        let before = try Data(contentsOf: URL(fileURLWithPath: path))
        let error = try expectStoreError(.fromTheFuture) { _ = try openStore(scratch.path) }
        #expect(error.description.contains("version 7") && error.description.contains("up to 1"))
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
        // A migration nobody knows of is enough.
        try tamper(path, "PRAGMA user_version = 1")
        try expectStoreError(.fromTheFuture) { _ = try openStore(scratch.path) }
        try tamper(path, "DELETE FROM migration WHERE version = 7")
        #expect(try openStore(scratch.path).load().revision == 0)
    }

    @Test func `before a migration a copy of the file is kept`() throws {
        let scratch = try Scratch()
        let store = try makeStore(scratch)
        try store.commit([[put(1)]])
        store.close()
        let migrations =
            Schema.migrations + [Migration(version: 2, name: "two", sql: "CREATE TABLE two (a)")]
        let newer = try SQLiteStore.open(
            directory: scratch.path,
            machine: testMachine,
            options: .small,
            migrations: migrations,
            adopting: false
        )
        #expect(try newer.load().revision == 1)
        newer.close()
        try expectStoreError(.fromTheFuture) { _ = try openStore(scratch.path) }
        rename(scratch.file("muster.db.before-2"), scratch.file("muster.db"))
        #expect(try openStore(scratch.path).load().entries.count == 1)
    }

    @Test(arguments: [
        (0x6969, "NFS"), (0xFF53_4D42, "CIFS"), (0xFE53_4D42, "CIFS"), (0x6573_5546, "FUSE"),
    ])
    func `network file systems are known by their magic numbers`(magic: Int, name: String) {
        #expect(networkFileSystemName(magic: UInt32(magic)) == name)
    }

    @Test func `local file systems pass, and a full one is refused with its figures`() throws {
        for magic: UInt32 in [0xEF53, 0x5846_5342, 0x0102_1994, 0x9123_683E, 0x794C_7630] {
            #expect(networkFileSystemName(magic: magic) == nil)
        }
        let scratch = try Scratch()
        try makeStore(scratch).close()
        let error = try expectStoreError(.full) {
            _ = try SQLiteStore.open(
                directory: scratch.path,
                machine: testMachine,
                options: StoreOptions(freeSpaceMin: 1 << 60, reserveBytes: 0)
            )
        }
        #expect(error.place.contains("MiB free"))
    }

    @Test func `the reserve is held, let go of, and taken again`() throws {
        let scratch = try Scratch()
        try makeStore(scratch).close()
        let options = StoreOptions(freeSpaceMin: 1 << 20, reserveBytes: 3 << 20)
        func open() throws(StoreError) -> SQLiteStore {
            try SQLiteStore.open(directory: scratch.path, machine: testMachine, options: options)
        }
        let store = try open()
        #expect(fileSize(scratch.file("reserve")) == 3 << 20)
        #expect(store.holdsReserve)
        store.releaseReserve()
        #expect(!store.holdsReserve)
        store.close()
        #expect(try open().holdsReserve)
    }
}
