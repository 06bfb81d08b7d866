import Digests
import Foundation
import Glibc
import Model
import Testing

@testable import Store

@Suite struct BackupTests {
    private let wall = WallTime(milliseconds: 1_700_000_000_000)

    private func fill(_ store: SQLiteStore, from: Int = 0) throws {
        try store.commit(
            (from..<from + 30).map { [put($0), event($0), .audit(auditEntry($0))] }
        )
    }

    private func restore(
        _ backup: String,
        _ scratch: Scratch,
        replacing: Bool = false
    ) throws(StoreError) -> UInt64 {
        try SQLiteStore.restore(
            from: backup,
            to: scratch.path,
            machine: testMachine,
            replacing: replacing,
            options: .small
        )
    }

    @Test func `a backup taken between commits is restored as it was, under a higher generation`()
        throws
    {
        let scratch = try Scratch()
        let store = try makeStore(scratch)
        try fill(store)
        _ = try store.pruneEvents(keeping: 20, olderThan: nil, batch: 100)
        let before = try store.load()
        let backup = scratch.file("backup")
        let manifest = try store.backup(to: backup, at: wall)
        #expect(manifest.cluster == testCluster && manifest.generation == 1)
        #expect(manifest.revision == before.revision && manifest.schema == 1)
        #expect(manifest.entries == 30 && manifest.events == 20)
        #expect(manifest.auditHead == before.auditHead)
        try StoreDirectory.checkPrivate(backup)
        try fill(store, from: 30)
        store.close()

        let target = try Scratch()
        #expect(try restore(backup, target) == 2)
        let restored = try openStore(target.path)
        let contents = try restored.load()
        #expect(contents.entries == before.entries)
        #expect(contents.revision == before.revision)
        #expect(contents.generation == 2)
        #expect(contents.instance != before.instance)
        #expect(try restored.events(after: 0, limit: 100).count == 20)
        #expect(try restored.verifyAudit(against: before.auditHead) == .intact(before.auditHead))
        try fill(restored, from: 30)
    }

    @Test func `what is written with a restore or an adoption is there from its first moment on`()
        throws
    {
        let scratch = try Scratch()
        let store = try makeStore(scratch)
        try fill(store)
        let before = try store.load()
        let backup = scratch.file("backup")
        _ = try store.backup(to: backup, at: wall)
        store.close()
        #expect(try SQLiteStore.read(backup, leavingOut: []).entries == before.entries)
        #expect(
            try SQLiteStore.read(inDirectory: scratch.path, leavingOut: []).entries
                == before.entries
        )
        let target = try Scratch()
        try SQLiteStore.restore(
            from: backup,
            to: target.path,
            machine: testMachine,
            options: .small,
            writing: [put(99), .audit(auditEntry(99))]
        )
        let restored = try openStore(target.path)
        #expect(try restored.load().entries.count == 31)
        #expect(try restored.load().revision == before.revision + 1)
        let audited = try restored.load().auditHead
        #expect(audited.sequence == before.auditHead.sequence + 1)
        #expect(try restored.verifyAudit(against: before.auditHead) == .intact(audited))
        restored.close()
        try SQLiteStore.adopt(
            directory: target.path,
            machine: testMachine,
            options: .small,
            writing: [put(98)]
        )
        let adopted = try openStore(target.path).load()
        #expect(adopted.generation == 3)
        #expect(adopted.entries.count == 32)
    }

    @Test func `a restore overwrites a store only when told, keeps it, and rises above it`() throws
    {
        let scratch = try Scratch()
        let store = try makeStore(scratch)
        try fill(store)
        let backup = scratch.file("backup")
        _ = try store.backup(to: backup, at: wall)
        try fill(store, from: 30)
        store.close()
        try SQLiteStore.adopt(
            directory: scratch.path,
            machine: testMachine,
            options: .small,
            generationMin: 5
        )
        let error = try expectStoreError(.exists) { _ = try restore(backup, scratch) }
        #expect(error.mend.contains("--replace"))
        #expect(try openStore(scratch.path).load().entries.count == 60)
        #expect(try restore(backup, scratch, replacing: true) == 6)
        #expect(try openStore(scratch.path).load().entries.count == 30)
        #expect(fileSize(scratch.file("muster.db.replaced")) != nil)
        let open = try openStore(scratch.path)
        try expectStoreError(.inUse) { _ = try restore(backup, scratch, replacing: true) }
        open.close()
    }

    @Test func `a backup never overwrites, and needs a place to go`() throws {
        let scratch = try Scratch()
        let store = try makeStore(scratch)
        _ = try store.backup(to: scratch.file("backup"), at: wall)
        try expectStoreError(.exists) { _ = try store.backup(to: scratch.file("backup"), at: wall) }
        try expectStoreError(.unreadable) {
            _ = try store.backup(to: scratch.file("nowhere/backup"), at: wall)
        }
        #expect(fileSize(scratch.file("backup.new")) == nil)
        try expectStoreError(.missing) { _ = try restore(scratch.file("nothing"), scratch) }
        // A store is no backup.
        store.close()
        try expectStoreError(.damaged) {
            _ = try SQLiteStore.verifyBackup(at: scratch.file("muster.db"))
        }
    }

    @Test func `a backup with a byte flipped is refused, or is still right`() throws {
        let scratch = try Scratch(in: Scratch.memory)
        let store = try makeStore(scratch)
        try fill(store)
        let backup = scratch.file("backup")
        let manifest = try store.backup(to: backup, at: wall)
        store.close()
        let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: backup)))
        var refused = 0
        for at in stride(from: 0, to: bytes.count, by: 37) {
            var flipped = bytes
            flipped[at] ^= UInt8(1 << (at % 8))
            try Data(flipped).write(to: URL(fileURLWithPath: backup))
            do throws(StoreError) {
                #expect(try SQLiteStore.verifyBackup(at: backup) == manifest, "byte \(at)")
            } catch {
                refused += 1
            }
        }
        #expect(refused > 200)
    }

    @Test(arguments: [
        "DELETE FROM event WHERE sequence = 7", "DELETE FROM event WHERE sequence = 30",
        "DELETE FROM event WHERE sequence < 3", "UPDATE event SET kind = 'x' WHERE sequence = 7",
        "DELETE FROM audit WHERE sequence = 30", "DELETE FROM entry WHERE key = 'key-7'",
        "UPDATE manifest SET generation = 9", "DROP TABLE manifest",
    ])
    func `a backup changed by hand is refused`(_ sql: String) throws {
        let scratch = try Scratch()
        let store = try makeStore(scratch)
        try fill(store)
        _ = try store.backup(to: scratch.file("backup"), at: wall)
        try tamper(scratch.file("backup"), sql)
        try expectStoreError(.damaged) {
            _ = try SQLiteStore.verifyBackup(at: scratch.file("backup"))
        }
    }

    @Test func `a backup is one commit's state while others go on`() throws {
        let scratch = try Scratch()
        let store = try makeStore(scratch)
        let stop = DispatchSemaphore(value: 0)
        let stopped = DispatchSemaphore(value: 0)
        Thread {
            var number = 0
            while stop.wait(timeout: .now()) == .timedOut {
                // Two rows that always change together.
                _ = try? store.commit([[put(1, "\(number)"), put(2, "\(number)"), event(number)]])
                number += 1
            }
            stopped.signal()
        }.start()
        for round in 0..<5 {
            let path = scratch.file("backup-\(round)")
            let manifest = try store.backup(to: path, at: wall)
            #expect(UInt64(manifest.events) == manifest.revision)
            let target = try Scratch()
            _ = try restore(path, target)
            let entries = try openStore(target.path).load().entries
            let values = entries.map { String(decoding: $0.value, as: UTF8.self).dropLast(2) }
            #expect(Set(values).count <= 1)
        }
        stop.signal()
        stopped.wait()
    }
}
