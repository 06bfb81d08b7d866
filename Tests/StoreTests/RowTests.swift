import Foundation
import Glibc
import Model
import Testing

@testable import Store

/// Rows that nobody holds in memory: looked up, read in portions, and verified all the same.
@Suite struct RowTests {
    private func row(_ number: Int, _ table: String = "task-end") -> StoreWrite {
        .put(table: table, key: key(number), value: Array("row \(number)".utf8))
    }

    private func key(_ number: Int) -> String { String(format: "%016x", number) }

    @Test func `single rows are found by their key, and none that is not there`() throws {
        let scratch = try Scratch()
        let store = try makeStore(scratch)
        try store.commit([[row(1), row(2), row(1, "payload")]])
        #expect(try store.value(of: "task-end", key: key(2)) == Array("row 2".utf8))
        #expect(try store.value(of: "task-end", key: key(3)) == nil)
        #expect(try store.value(of: "output", key: key(1)) == nil)
        let found = try store.values(of: "task-end", keys: [key(3), key(1), key(2), key(1)])
        #expect(found.count == 2 && found[key(1)] == Array("row 1".utf8))
        #expect(try store.values(of: "task-end", keys: []).isEmpty)
        try store.commit([[.delete(table: "task-end", key: key(2))]])
        #expect(try store.value(of: "task-end", key: key(2)) == nil)
    }

    @Test func `a stretch of a table is read from either end, and no other table`() throws {
        let scratch = try Scratch()
        let store = try makeStore(scratch)
        try store.commit([(1...40).map { row($0) } + [row(5, "task"), row(5, "task-enx")]])
        func numbers(_ range: KeyRange, _ limit: Int, newestFirst: Bool) throws -> [Int] {
            try store.entries(of: "task-end", in: range, limit: limit, newestFirst: newestFirst)
                .map { entry in
                    #expect(entry.table == "task-end")
                    return Int(entry.key, radix: 16) ?? -1
                }
        }
        #expect(try numbers(KeyRange(), 3, newestFirst: false) == [1, 2, 3])
        #expect(try numbers(KeyRange(), 3, newestFirst: true) == [40, 39, 38])
        #expect(try numbers(KeyRange(after: key(10)), 2, newestFirst: false) == [11, 12])
        #expect(try numbers(KeyRange(before: key(10)), 2, newestFirst: true) == [9, 8])
        let between = KeyRange(after: key(10), before: key(13))
        #expect(try numbers(between, 9, newestFirst: true) == [12, 11])
        #expect(try numbers(between, 0, newestFirst: true) == [])
    }

    @Test func `a row that was changed on the disk is damage wherever it is read`() throws {
        let scratch = try Scratch()
        let store = try makeStore(scratch)
        try store.commit([[row(1), row(2), row(3)]])
        store.close()
        try tamper(
            scratch.file("muster.db"),
            "UPDATE entry SET value = x'00' WHERE key = '\(key(2))'"
        )
        let damaged = try openStore(scratch.path)
        try expectStoreError(.damaged) { _ = try damaged.value(of: "task-end", key: key(2)) }
        try expectStoreError(.damaged) {
            _ = try damaged.entries(of: "task-end", in: KeyRange(), limit: 9, newestFirst: true)
        }
        #expect(try damaged.value(of: "task-end", key: key(1)) != nil)
        // Left out is not overlooked.
        try expectStoreError(.damaged) { _ = try damaged.load(leavingOut: ["task-end"]) }
    }

    @Test func `a row that has vanished is noticed although its table is left out`() throws {
        let scratch = try Scratch()
        let store = try makeStore(scratch)
        try store.commit([[row(1), row(2), put(1)]])
        #expect(try store.load(leavingOut: ["task-end"]).entries.map(\.key) == ["key-1"])
        store.close()
        try tamper(scratch.file("muster.db"), "DELETE FROM entry WHERE key = '\(key(2))'")
        let damaged = try openStore(scratch.path)
        try expectStoreError(.damaged) { _ = try damaged.load(leavingOut: ["task-end"]) }
    }

    @Test func `two hundred thousand rows of history are verified without being held`() throws {
        let scratch = try Scratch(in: Scratch.memory)
        let store = try makeStore(scratch)
        let value = [UInt8](repeating: 7, count: 400)
        for batch in 0..<20 {
            try store.commit([
                (0..<10_000).map {
                    .put(table: "task-end", key: key(batch * 10_000 + $0), value: value)
                }
            ])
        }
        try store.commit([[put(1), put(2)]])
        let before = Self.residentBytes()
        let contents = try store.load(leavingOut: ["task-end"])
        let grown = Self.residentBytes() - before
        #expect(contents.entries.map(\.key) == ["key-1", "key-2"])
        #expect(contents.revision == 21)
        #expect(grown < 32 << 20, "\(grown >> 20) MiB of some 100 were kept")
    }

    private static func residentBytes() -> Int {
        let fields = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?
            .split(separator: " ")
        return (fields.map { Int($0[1]) ?? 0 } ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    @Test func `a stretch is read of one commit as a whole`() async throws {
        let scratch = try Scratch(in: Scratch.memory)
        let store = try makeStore(scratch)
        try store.commit([[row(1), row(2)]])
        // Both rows are there or neither is, in every commit.
        let writer = Task.detached {
            for _ in 0..<300 {
                try store.commit([
                    [
                        .delete(table: "task-end", key: "1"), .delete(table: "task-end", key: "2"),
                    ]
                ])
                try store.commit([
                    [
                        .put(table: "task-end", key: "1", value: [1]),
                        .put(table: "task-end", key: "2", value: [2]),
                    ]
                ])
            }
        }
        var seen: Set<Int> = []
        for _ in 0..<300 {
            let range = KeyRange(after: "0", before: "3")
            let rows = try store.entries(of: "task-end", in: range, limit: 9, newestFirst: false)
                .filter { $0.key.count == 1 }
            seen.insert(rows.count)
        }
        try await writer.value
        #expect(seen.isSubset(of: [0, 2]), "\(seen)")
    }
}
