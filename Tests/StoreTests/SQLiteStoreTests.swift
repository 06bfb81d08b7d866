import Model
@testable import Store
import Testing

@Suite struct SQLiteStoreTests {
    @Test func `what was committed is there after reopening, sorted, and what was deleted is not`()
        throws
    {
        let scratch = try Scratch()
        let store = try makeStore(scratch)
        #expect(try store.load().entries.isEmpty)
        #expect(
            try store.commit([[put(2), put(1)], [put(3), .delete(table: "node", key: "key-2")]])
                == 2
        )
        #expect(
            try store.commit([[.put(table: "a", key: "z", value: [0, 255])], [put(1, "new")]]) == 4
        )
        #expect(try store.commit([[.delete(table: "node", key: "never there")]]) == 5)
        let before = try store.load()
        store.close()

        let contents = try openStore(scratch.path).load()
        #expect(contents == before)
        #expect(
            contents.entries == [
                StoreEntry(table: "a", key: "z", value: [0, 255]),
                StoreEntry(table: "node", key: "key-1", value: Array("new 1".utf8)),
                StoreEntry(table: "node", key: "key-3", value: Array("value 3".utf8)),
            ]
        )
        #expect(contents.cluster == testCluster)
        #expect(contents.generation == 1)
        #expect(contents.revision == 5)
    }

    @Test func `a step that breaks a limit leaves nothing of its batch`() throws {
        let scratch = try Scratch()
        let store = try makeStore(scratch)
        let long = String(repeating: "k", count: StoreLimits.keyBytesMax + 1)
        try expectStoreError(.tooLarge) {
            try store.commit([[put(1)], [.delete(table: "node", key: long)]])
        }
        try expectStoreError(.tooLarge) {
            let value = [UInt8](repeating: 1, count: StoreLimits.valueBytesMax + 1)
            try store.commit([[put(1)], [.put(table: "t", key: "k", value: value)]])
        }
        try expectStoreError(.notApplied) {
            try store.commit([[put(1)], [.put(table: "t", key: "a\nb", value: [])]])
        }
        #expect(try store.load().entries.isEmpty)
        let longest = String(repeating: "k", count: StoreLimits.keyBytesMax)
        let largest = [UInt8](repeating: 1, count: StoreLimits.valueBytesMax)
        try store.commit([[.put(table: "t", key: longest, value: largest)]])
        #expect(try store.load().entries.first?.value == largest)
    }

    @Test func `events are found by sequence, kind, subject and time`() throws {
        let scratch = try Scratch()
        let store = try makeStore(scratch)
        try store.commit([(1...30).map { event($0, kind: $0 % 2 == 0 ? "even" : "odd") }])
        #expect(try store.events(after: 10, limit: 3).map(\.sequence) == [11, 12, 13])
        #expect(try store.latestEvents(limit: 2).map(\.sequence) == [29, 30])
        #expect(
            try store.latestEvents(limit: 2, matching: EventFilter(kind: "even")).map(\.sequence)
                == [28, 30]
        )
        #expect(
            try store.events(after: 0, limit: 9, matching: EventFilter(subject: "node-3"))
                .map(\.sequence) == [3, 13, 23]
        )
        let times = EventFilter(
            since: WallTime(milliseconds: 5_000),
            until: WallTime(milliseconds: 7_000)
        )
        #expect(try store.events(after: 0, limit: 9, matching: times).map(\.sequence) == [5, 6])
        let first = try #require(try store.events(after: 0, limit: 1).first)
        #expect(first.body == Array("event 1".utf8))
        #expect(first.kind == "odd" && first.subject == "node-1")
        #expect(try store.load().lastEvent == 30)
    }

    @Test func `events are pruned by count and by age, oldest first, a batch at a time`() throws {
        let scratch = try Scratch()
        let store = try makeStore(scratch)
        try store.commit([(1...100).map { event($0) }])
        #expect(try store.pruneEvents(keeping: 60, olderThan: nil, batch: 25) == 25)
        #expect(try store.pruneEvents(keeping: 60, olderThan: nil, batch: 25) == 15)
        #expect(try store.pruneEvents(keeping: 60, olderThan: nil, batch: 25) == 0)
        #expect(try store.events(after: 0, limit: 1).first?.sequence == 41)
        let cutoff = WallTime(milliseconds: 50_000)
        #expect(try store.pruneEvents(keeping: 1_000, olderThan: cutoff, batch: 25) == 9)
        #expect(try store.events(after: 0, limit: 1).first?.sequence == 50)
        #expect(try store.pruneEvents(keeping: 0, olderThan: nil, batch: 1_000) == 51)
        #expect(try store.latestEvents(limit: 10).isEmpty)
        // A sequence number is not used twice.
        try store.commit([[event(101)]])
        #expect(try store.latestEvents(limit: 10).map(\.sequence) == [101])
    }

    @Test func `the journal is synced at every commit`() throws {
        let scratch = try Scratch()
        let store = try makeStore(scratch)
        #expect(try store.durabilitySettings() == ["wal", "2", "1"])
    }

    @Test func `a closed store answers with an error`() throws {
        let scratch = try Scratch()
        let store = try makeStore(scratch)
        store.close()
        store.close()
        try expectStoreError(.notApplied) { try store.commit([[put(1)]]) }
        try expectStoreError(.unreadable) { _ = try store.load() }
    }
}
