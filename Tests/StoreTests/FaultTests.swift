import CCrashVFS
import Foundation
import Glibc
import Model
import Synchronization
import Testing

@testable import Store

/// Disks that refuse, and processes that end.
@Suite struct FaultTests {
    @Test
    func `a commit whose sync fails has an unknown outcome, and nothing is committed after it`()
        throws
    {
        let world = try CrashWorld()
        let store = try makeStore(world.scratch)
        try store.commit([[put(1)]])
        world.fail(CRASH_FAULT_SYNC_ERROR)
        try expectStoreError(.outcomeUnknown) { try store.commit([[put(2)]]) }
        #expect(world.faultsHit == 1)
        // The disk is well again, but what the last commit left is not known.
        let error = try expectStoreError(.poisoned) { try store.commit([[put(3)]]) }
        #expect(error.mend == "check the disk, then restart the controller")
        #expect(store.poison?.code == .outcomeUnknown)
        try expectStoreError(.poisoned) {
            _ = try store.pruneEvents(keeping: 0, olderThan: nil, batch: 1)
        }
        // Reading goes on.
        #expect(try store.load().revision == 1)
        store.close()
        let reopened = try openStore(world.scratch.path)
        let entries = try reopened.load().entries.map(\.key)
        #expect(entries == ["key-1"] || entries == ["key-1", "key-2"])
        try reopened.commit([[put(3)]])
    }

    @Test func `a disk that syncs nothing is found out when the store is opened`() throws {
        let world = try CrashWorld()
        try makeStore(world.scratch).close()
        world.fail(CRASH_FAULT_SYNC_ERROR, sticky: true)
        try expectStoreError(.unreadable) { _ = try openStore(world.scratch.path) }
        world.heal()
        #expect(try openStore(world.scratch.path).load().revision == 0)
    }

    @Test
    func `wherever in a commit the disk is full, nothing of it was applied and the next one works`()
        throws
    {
        let world = try CrashWorld()
        let store = try makeStore(world.scratch)
        try store.commit([[put(0)]])
        let large = StoreWrite.put(
            table: "large",
            key: "k",
            value: [UInt8](repeating: 7, count: 40_000)
        )
        var refused = 0
        var revision: UInt64 = 1
        for skip in 0..<200 {
            let before = try store.load()
            world.fail(CRASH_FAULT_WRITE_FULL, after: skip)
            do throws(StoreError) {
                revision = try store.commit([[put(1, "try \(skip)"), large, event(skip)]])
            } catch {
                #expect(error.code == .full, "\(error)")
                #expect(error.mend == StoreError.fullMend)
                refused += 1
                #expect(try store.load() == before)
            }
            if world.faultsHit == 0 { break }
        }
        world.heal()
        #expect(refused > 10)
        #expect(try store.commit([[put(2)]]) == revision + 1)
        store.close()
        #expect(try openStore(world.scratch.path).load().revision == revision + 1)
    }

    @Test func `wherever in a commit a write fails, it is unknown or not applied, and never lost`()
        throws
    {
        var unknown = 0
        for skip in 0..<100 {
            let world = try CrashWorld()
            let store = try makeStore(world.scratch)
            try store.commit([[put(0)]])
            world.fail(CRASH_FAULT_WRITE_ERROR, after: skip)
            do throws(StoreError) {
                try store.commit([[put(1), .audit(auditEntry(1))]])
            } catch {
                #expect([.outcomeUnknown, .notApplied].contains(error.code), "\(error)")
                if error.code == .outcomeUnknown { unknown += 1 }
            }
            let isOver = world.faultsHit == 0
            world.heal()
            store.close()
            let reopened = try openStore(world.scratch.path)
            let contents = try reopened.load()
            #expect(contents.entries.count == Int(contents.revision))
            #expect(contents.revision >= (isOver ? 2 : 1))
            #expect(try reopened.verifyAudit() == .intact(contents.auditHead))
            if isOver { break }
        }
        #expect(unknown > 2)
    }

    @Test(arguments: 0..<8)
    func `a controller killed at any moment has lost nothing it acknowledged`(
        _ round: Int
    ) async throws {
        let scratch = try Scratch()
        try makeStore(scratch).close()
        let path = scratch.path
        let delay = Int32(5 + round * 9 + Int.random(in: 0..<9))
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [path = path as String, delay = delay as Int32] in
            let store = try openStore(path)
            let acknowledged = open(path + "/acknowledged", O_WRONLY | O_CREAT | O_APPEND, 0o600)
            Thread {
                // The moment is the point of it: nothing is awaited.
                poll(nil, 0, delay)
                kill(getpid(), SIGKILL)
            }.start()
            var number = 0
            while true {
                let revision = try store.commit([
                    [put(number), .audit(auditEntry(number)), event(number)]
                ])
                let line = Array("\(revision)\n".utf8)
                guard write(acknowledged, line, line.count) == line.count else { return }
                number += 1
            }
        }
        // It may have been killed before it could begin.
        let text =
            (try? String(contentsOfFile: scratch.file("acknowledged"), encoding: .utf8)) ?? ""
        let last = text.split(separator: "\n").last.flatMap { UInt64($0) } ?? 0
        let store = try openStore(path)
        let contents = try store.load()
        #expect(contents.revision == last || contents.revision == last + 1)
        #expect(contents.entries.count == Int(contents.revision))
        #expect(contents.lastEvent == contents.revision)
        #expect(try store.verifyAudit() == .intact(contents.auditHead))
    }
}
