import Digests
import Crypto
import Foundation
import GRDB
import Model
import Testing

@testable import Store

@Suite struct AuditTests {
    private func makeLog(_ scratch: Scratch, count: Int) throws -> AuditCheckpoint {
        let store = try makeStore(scratch)
        defer { store.close() }
        #expect(try store.checkpoint().sequence == 0)
        try store.commit((1...count).map { [.audit(auditEntry($0))] })
        return try store.checkpoint()
    }

    private func verdict(
        _ scratch: Scratch,
        against checkpoint: AuditCheckpoint? = nil
    ) throws -> AuditVerdict {
        let store = try openStore(scratch.path)
        defer { store.close() }
        return try store.verifyAudit(against: checkpoint)
    }

    @Test func `records come back as they went in, with a chain that anybody can verify`() throws {
        let scratch = try Scratch()
        let store = try makeStore(scratch)
        let entry = auditEntry(1, reason: "a \"quoted\" \\ line\nbreak\u{1}, ü and 🙂")
        try store.commit([[.audit(entry)], [.audit(auditEntry(2)), put(1)]])
        let records = try store.audit(from: 1, limit: 10)
        #expect(records.map(\.sequence) == [1, 2])
        #expect(records.map(\.entry) == [entry, auditEntry(2)])
        #expect(try store.audit(from: 2, limit: 10) == [records[1]])
        #expect(try store.audit(from: 3, limit: 10).isEmpty)
        let json = records[0].canonicalJSON
        #expect(json.contains(#""reason":"a \"quoted\" \\ line\u000abreak\u0001, ü and 🙂""#))
        let object = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
        #expect(object?["reason"] as? String == entry.reason)
        #expect(object?["seq"] as? Int == 1)
        // The chain, reckoned by other means.
        var hash = Array(SHA256.hash(data: Data("muster audit 1 \(testCluster)".utf8)))
        for record in records {
            #expect(record.previous.bytes == hash)
            hash = Array(SHA256.hash(data: hash + Array(record.canonicalJSON.utf8)))
            #expect(record.hash.bytes == hash)
        }
        #expect(try store.verifyAudit() == .intact(store.checkpoint()))
    }

    @Test func `an audit record and the change it tells of are there together or not at all`()
        throws
    {
        let scratch = try Scratch()
        let store = try makeStore(scratch)
        let tooLong = String(repeating: "x", count: StoreLimits.auditFieldBytesMax + 1)
        try expectStoreError(.tooLarge) {
            try store.commit([[put(1), .audit(auditEntry(1, reason: tooLong))]])
        }
        #expect(try store.load().entries.isEmpty)
        #expect(try store.checkpoint().sequence == 0)
    }

    @Test func `deleting, editing, doubling or swapping any record of 200 is found, at its place`()
        throws
    {
        let pristine = try Scratch(in: Scratch.memory)
        let head = try makeLog(pristine, count: 200)
        #expect(try verdict(pristine) == .intact(head))
        let original = try Data(contentsOf: URL(fileURLWithPath: pristine.file("muster.db")))
        let fields = [
            "boot", "wall", "actor", "source", "verb", "object", "reason", "parameters", "outcome",
            "hash",
        ]
        for number in 1...200 where number % 7 == 1 || number > 197 {
            let field = fields[number % fields.count]
            let other = number % 200 + 1
            let low = min(number, other)
            let edits: [(sql: String, at: Int)] = [
                ("DELETE FROM audit WHERE sequence = \(number)", number),
                (
                    "UPDATE audit SET \(field) = (SELECT \(field) FROM audit WHERE sequence = "
                        + "\(other)) \(["boot", "wall", "object", "parameters", "hash"].contains(field) ? "" : "|| 'x'") "
                        + "WHERE sequence = \(number)", number
                ),
                (
                    "UPDATE audit SET sequence = -1 WHERE sequence = \(number);"
                        + "UPDATE audit SET sequence = \(number) WHERE sequence = \(other);"
                        + "UPDATE audit SET sequence = \(other) WHERE sequence = -1", low
                ),
                (
                    "UPDATE audit SET sequence = -sequence - 1 WHERE sequence > \(number);"
                        + "UPDATE audit SET sequence = -sequence WHERE sequence < 0;"
                        + "INSERT INTO audit SELECT \(number + 1), boot, wall, actor, source, verb, "
                        + "object, reason, parameters, outcome, hash FROM audit "
                        + "WHERE sequence = \(number)", number + 1
                ),
            ]
            for edit in edits {
                try original.write(to: URL(fileURLWithPath: pristine.file("muster.db")))
                try tamper(pristine.file("muster.db"), edit.sql)
                guard case .broken(let sequence, _) = try verdict(pristine) else {
                    Issue.record("not found: \(edit.sql)")
                    continue
                }
                #expect(sequence == UInt64(edit.at), "\(edit.sql)")
            }
        }
    }

    @Test func `a log cut short by who can mend its head is found only against a checkpoint`()
        throws
    {
        let scratch = try Scratch()
        let early = try makeLog(scratch, count: 10)
        let store = try openStore(scratch.path)
        try store.commit((11...20).map { [.audit(auditEntry($0))] })
        let late = try store.checkpoint()
        let tenth = try #require(try store.audit(from: 10, limit: 1).first)
        // As who has this program would cut it.
        try store.writing { database, head in
            try database.execute(sql: "DELETE FROM audit WHERE sequence > 10")
            head.lastAudit = 10
            head.auditHash = tenth.hash
            try head.update(database)
        }
        store.close()
        #expect(try verdict(scratch) == .intact(early))
        #expect(try verdict(scratch, against: early) == .intact(early))
        guard case .broken(11, let problem) = try verdict(scratch, against: late) else {
            Issue.record("the cut was not found")
            return
        }
        #expect(problem.contains("checkpoint says 20"))
        let other = AuditCheckpoint(sequence: 5, hash: late.hash)
        guard case .broken(5, _) = try verdict(scratch, against: other) else {
            Issue.record("another history was not found")
            return
        }
    }
}
