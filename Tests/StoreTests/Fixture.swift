import Digests
import Foundation
import GRDB
import Glibc
import Model
@testable import Store
import Testing

/// A directory of its own, removed with the test.
final class Scratch {
    let path: String

    /// In memory, where syncing thousands of small stores costs nothing.
    static let memory = "/dev/shm"

    init(in parent: String = "/tmp") throws {
        var template = Array((parent + "/muster-store-XXXXXX").utf8CString)
        try #require(mkdtemp(&template) != nil)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }
}

let testCluster: ClusterID = "6f1c2a52-0000-4000-8000-000000000001"
let testMachine = StoreMachine("the machine of the tests")

extension StoreOptions {
    /// Without a reserve, so that small disks and many stores are cheap.
    static let small = StoreOptions(freeSpaceMin: 1 << 20, reserveBytes: 0)
}

/// A new store with nothing in it.
func makeStore(_ scratch: Scratch) throws -> SQLiteStore {
    try SQLiteStore.create(
        directory: scratch.path,
        cluster: testCluster,
        machine: testMachine,
        options: .small
    )
    return try openStore(scratch.path)
}

func openStore(_ path: String) throws(StoreError) -> SQLiteStore {
    try SQLiteStore.open(directory: path, machine: testMachine, options: .small)
}

func auditEntry(_ number: Int, reason: String = "because") -> AuditEntry {
    AuditEntry(
        wall: WallTime(milliseconds: 1_700_000_000_000 + Int64(number)),
        bootMilliseconds: Int64(number) * 10,
        actor: "anna (sha256:12ab)",
        source: "[::1]:4711",
        verb: "drain",
        object: "node-\(number)",
        reason: reason,
        parameters: Digest(of: [UInt8(truncatingIfNeeded: number)]).hex,
        outcome: "accepted"
    )
}

func event(_ number: Int, kind: String = "node.offline") -> StoreWrite {
    .event(
        Array("event \(number)".utf8),
        at: WallTime(milliseconds: Int64(number) * 1_000),
        kind: kind,
        subject: "node-\(number % 10)"
    )
}

func put(_ number: Int, _ value: String = "value") -> StoreWrite {
    .put(table: "node", key: "key-\(number)", value: Array("\(value) \(number)".utf8))
}

/// Expects `body` to fail with `code`, and gives the error back for a closer look.
@discardableResult
func expectStoreError(
    _ code: StoreError.Code,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws -> Void
) throws -> StoreError {
    let error = #expect(throws: StoreError.self, sourceLocation: sourceLocation) { try body() }
    let found = try #require(error, sourceLocation: sourceLocation)
    #expect(found.code == code, "\(found)", sourceLocation: sourceLocation)
    return found
}

/// Copies a closed store to another directory, as an operator with `cp -a` would.
func copyStore(from: String, to: String) throws {
    for name in try FileManager.default.contentsOfDirectory(atPath: from) {
        try FileManager.default.copyItem(atPath: from + "/" + name, toPath: to + "/" + name)
    }
}

/// Runs SQL behind the store's back, as somebody with `sqlite3` would.
func tamper(_ path: String, _ sql: String) throws {
    let queue = try DatabaseQueue(path: path)
    try queue.writeWithoutTransaction { try $0.execute(sql: sql) }
    try queue.close()
}
