import CCrashVFS
import Dispatch
import Model
import Synchronization
import Testing

@testable import Store

@Suite struct GroupCommitterTests {
    /// What a committer has said, for a test to wait on.
    final class Log: Sendable {
        private let state = Mutex<(durable: [UInt64], failures: [StoreError])>(([], []))
        private let changed = DispatchSemaphore(value: 0)

        var durable: [UInt64] { state.withLock { $0.durable } }
        var failures: [StoreError] { state.withLock { $0.failures } }

        func committer(_ store: any Store, queueLimit: Int = 10_000) -> GroupCommitter {
            GroupCommitter(
                store: store,
                queueLimit: queueLimit,
                onDurable: { [self] ticket in
                    state.withLock { $0.durable.append(ticket) }
                    changed.signal()
                },
                onFailure: { [self] error in
                    state.withLock { $0.failures.append(error) }
                    changed.signal()
                }
            )
        }

        func wait(until condition: () -> Bool) {
            while !condition() { changed.wait() }
        }
    }

    @Test func `all that is submitted becomes durable, in order, many steps to a commit`() throws {
        let scratch = try Scratch()
        let store = try makeStore(scratch)
        let log = Log()
        let committer = log.committer(store)
        for ticket: UInt64 in 1...3_000 {
            try committer.submit(ticket: ticket, writes: [put(Int(ticket)), put(0, "\(ticket)")])
        }
        committer.stop()
        #expect(log.durable.last == 3_000)
        #expect(log.durable == log.durable.sorted())
        let contents = try store.load()
        #expect(contents.entries.count == 3_001)
        #expect(contents.entries.first?.value == Array("3000 0".utf8))
        #expect(contents.revision == 3_000)
        #expect(log.durable.count >= 3_000 / GroupCommitter.stepsPerCommitMax)
        #expect(log.durable.count < 3_000)
        try expectStoreError(.refused) { try committer.submit(ticket: 3_001, writes: []) }
    }

    @Test func `a step with an unknown outcome is the last`() throws {
        let world = try CrashWorld()
        let store = try makeStore(world.scratch)
        let log = Log()
        let committer = log.committer(store)
        try committer.submit(ticket: 1, writes: [put(1)])
        log.wait { log.durable == [1] }
        world.fail(CRASH_FAULT_SYNC_ERROR)
        try committer.submit(ticket: 2, writes: [put(2)])
        log.wait { !log.failures.isEmpty }
        #expect(log.failures.map(\.code) == [.outcomeUnknown])
        try expectStoreError(.outcomeUnknown) { try committer.submit(ticket: 3, writes: [put(3)]) }
        committer.retry()
        committer.stop()
        #expect(log.durable == [1])
        #expect(log.failures.count == 1)
    }

    @Test func `after a full disk the same steps are tried again when told`() throws {
        let world = try CrashWorld()
        let store = try makeStore(world.scratch)
        let log = Log()
        let committer = log.committer(store)
        world.fail(CRASH_FAULT_WRITE_FULL, sticky: true)
        try committer.submit(ticket: 1, writes: [put(1)])
        log.wait { !log.failures.isEmpty }
        try expectStoreError(.full) { try committer.submit(ticket: 2, writes: [put(2)]) }
        world.heal()
        committer.retry()
        log.wait { log.durable == [1] }
        try committer.submit(ticket: 2, writes: [put(2)])
        committer.stop()
        #expect(log.durable == [1, 2])
        #expect(try store.load().entries.map(\.key) == ["key-1", "key-2"])
    }

    @Test func `a full queue refuses and loses nothing that it took`() throws {
        let world = try CrashWorld()
        let store = try makeStore(world.scratch)
        let log = Log()
        let committer = log.committer(store, queueLimit: 5)
        var taken: UInt64 = 0
        var refused = 0
        for _ in 0..<2_000 {
            do throws(StoreError) {
                try committer.submit(ticket: taken + 1, writes: [put(Int(taken) + 1)])
                taken += 1
            } catch {
                #expect(error.code == .refused)
                refused += 1
            }
        }
        committer.stop()
        #expect(refused > 0)
        #expect(log.durable.last == taken)
        #expect(try store.load().entries.count == Int(taken))
    }
}
