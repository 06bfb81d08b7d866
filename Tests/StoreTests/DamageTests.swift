import Digests
import Foundation
import Glibc
import Model
import Testing

@testable import Store

/// What is not what was written is an error, never an answer.
@Suite struct DamageTests {
    @Test func `a flipped byte anywhere gives the right contents or an error`() throws {
        let scratch = try Scratch(in: Scratch.memory)
        let store = try makeStore(scratch)
        try store.commit([
            (0..<40).map { put($0) } + (0..<10).map { event($0) }
                + (0..<10).map { .audit(auditEntry($0)) }
        ])
        let right = try store.load()
        let events = try store.events(after: 0, limit: 100)
        store.close()
        let path = scratch.file("muster.db")
        let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
        let file = try #require(FileHandle(forUpdatingAtPath: path))
        var refused = 0
        var harmless = 0
        for at in stride(from: 0, to: bytes.count, by: 67) {
            try file.seek(toOffset: UInt64(at))
            try file.write(contentsOf: [bytes[at] ^ UInt8(1 << (at % 8))])
            do throws(StoreError) {
                let store = try openStore(scratch.path)
                defer { store.close() }
                #expect(try store.load() == right, "byte \(at)")
                #expect(try store.events(after: 0, limit: 100) == events, "byte \(at)")
                harmless += 1
            } catch {
                #expect(
                    [.damaged, .notAStore, .fromTheFuture, .foreign].contains(error.code),
                    "byte \(at): \(error)"
                )
                refused += 1
            }
            try Data(bytes).write(to: URL(fileURLWithPath: path), options: [])
            for suffix in ["-wal", "-shm"] { unlink(path + suffix) }
        }
        #expect(refused > 50)
        #expect(harmless > 50)
    }

    @Test func `a flipped byte in the log gives the right contents, one of the last, or an error`()
        throws
    {
        let scratch = try Scratch(in: Scratch.memory)
        let store = try makeStore(scratch)
        var book: [UInt64: StoreContents] = [0: try store.load()]
        for number in 0..<12 {
            let revision = try store.commit([[put(number), put(0, "\(number)"), event(number)]])
            book[revision] = try store.load()
        }
        // As a crash would leave it.
        let crashed = try Scratch(in: Scratch.memory)
        for name in ["muster.db", "muster.db-wal", "muster.instance"] {
            try FileManager.default.copyItem(
                atPath: scratch.file(name),
                toPath: crashed.file(name)
            )
        }
        store.close()
        let database = try Data(contentsOf: URL(fileURLWithPath: crashed.file("muster.db")))
        let log = try [UInt8](Data(contentsOf: URL(fileURLWithPath: crashed.file("muster.db-wal"))))
        #expect(LogDamage.find(in: log) == nil)
        var outcomes: [UInt64?: Int] = [:]
        for at in stride(from: 0, to: log.count, by: 331) {
            var flipped = log
            flipped[at] ^= UInt8(1 << (at % 8))
            try database.write(to: URL(fileURLWithPath: crashed.file("muster.db")))
            try Data(flipped).write(to: URL(fileURLWithPath: crashed.file("muster.db-wal")))
            unlink(crashed.file("muster.db-shm"))
            do throws(StoreError) {
                let store = try openStore(crashed.path)
                defer { store.close() }
                let found = try store.load()
                #expect(found == book[found.revision], "byte \(at)")
                #expect(found.revision >= 10, "byte \(at)")
                outcomes[found.revision, default: 0] += 1
            } catch {
                #expect(error.code == .damaged, "byte \(at): \(error)")
                outcomes[nil, default: 0] += 1
            }
        }
        #expect(outcomes[nil] ?? 0 > 100, "\(outcomes)")
        #expect(outcomes[10] ?? 0 > 0, "\(outcomes)")
    }

    @Test(arguments: [
        "UPDATE entry SET value = x'00' WHERE key = 'key-3'",
        "DELETE FROM entry WHERE key = 'key-3'",
        "INSERT INTO entry SELECT section, 'more', value, checksum FROM entry LIMIT 1",
        "UPDATE entry SET key = 'key-x' WHERE key = 'key-3'",
        "UPDATE head SET generation = generation + 1",
        "UPDATE head SET revision = 0",
        "DELETE FROM head",
    ])
    func `rows changed behind our back are noticed`(_ sql: String) throws {
        let scratch = try Scratch()
        let store = try makeStore(scratch)
        try store.commit([(0..<9).map { put($0) }])
        store.close()
        try tamper(scratch.file("muster.db"), sql)
        let error = try expectStoreError(.damaged) { _ = try openStore(scratch.path).load() }
        #expect(error.mend.contains("muster-controller restore FILE"))
        if sql.hasPrefix("UPDATE entry SET value") {
            #expect(error.place == "the row node/key-3")
        }
    }

    @Test func `no backup is made of a store with a gap in its events`() throws {
        let scratch = try Scratch()
        let store = try makeStore(scratch)
        try store.commit([(0..<9).map { event($0) }])
        store.close()
        try tamper(scratch.file("muster.db"), "DELETE FROM event WHERE sequence = 4")
        let damaged = try openStore(scratch.path)
        let error = try expectStoreError(.damaged) {
            _ = try damaged.backup(to: scratch.file("backup"), at: WallTime(milliseconds: 0))
        }
        #expect(error.place == "the events before 5 are missing")
        #expect(fileSize(scratch.file("backup")) == nil)
    }

    @Test(arguments: [
        "UPDATE event SET body = x'00' WHERE sequence = 3",
        "UPDATE event SET wall = wall + 1 WHERE sequence = 3",
        "UPDATE event SET subject = 'somebody else' WHERE sequence = 3",
    ])
    func `an event changed behind our back is noticed when it is read`(_ sql: String) throws {
        let scratch = try Scratch()
        let store = try makeStore(scratch)
        try store.commit([(0..<9).map { event($0) }])
        store.close()
        try tamper(scratch.file("muster.db"), sql)
        let damaged = try openStore(scratch.path)
        try expectStoreError(.damaged) { _ = try damaged.events(after: 0, limit: 100) }
        #expect(try damaged.events(after: 3, limit: 100).count == 6)
    }
}
