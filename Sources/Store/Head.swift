import Digests
import Foundation
import GRDB
import Model

/// The single row that says what everything else must add up to. Written by every commit.
struct Head: Sendable, Hashable {
    var cluster: ClusterID
    var generation: Int64
    var machine: Digest
    /// The hash of the instance secret.
    var instance: Digest
    var revision: Int64
    var entryCount: Int64
    var entrySum: Checksum
    var lastEvent: Int64
    var lastAudit: Int64
    var auditHash: Digest

    /// Of a store nothing was ever written to.
    init(cluster: ClusterID, machine: StoreMachine, instance: Digest) {
        self.cluster = cluster
        self.machine = machine.digest
        self.instance = instance
        generation = 1
        revision = 0
        entryCount = 0
        entrySum = .zero
        lastEvent = 0
        lastAudit = 0
        auditHash = AuditRecord.genesis(of: cluster)
    }

    var auditHead: AuditCheckpoint {
        AuditCheckpoint(sequence: UInt64(lastAudit), hash: auditHash)
    }

    private var checksum: Checksum {
        Checksum(
            of: Data(text: cluster.text),
            Data(number: generation),
            Data(machine.bytes),
            Data(instance.bytes),
            Data(number: revision),
            Data(number: entryCount),
            entrySum.data,
            Data(number: lastEvent),
            Data(number: lastAudit),
            Data(auditHash.bytes)
        )
    }

    func insert(_ database: Database) throws {
        try database.execute(
            sql: "INSERT INTO head VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            arguments: [cluster.text] + arguments
        )
    }

    /// Everything but the cluster, which never changes.
    func update(_ database: Database) throws {
        try database.cachedStatement(
            sql: """
                UPDATE head SET generation = ?, machine = ?, instance = ?, revision = ?,
                    entry_count = ?, entry_sum = ?, last_event = ?, last_audit = ?,
                    audit_hash = ?, checksum = ?
                """
        ).execute(arguments: arguments)
    }

    private var arguments: StatementArguments {
        [
            generation, Data(machine.bytes), Data(instance.bytes), revision, entryCount,
            entrySum.data, lastEvent, lastAudit, Data(auditHash.bytes), checksum.data,
        ]
    }

    /// - Throws: ``StoreError/Code/damaged`` unless there is exactly one, and whole.
    static func read(_ database: Database) throws -> Head {
        let rows = try Row.fetchAll(database, sql: "SELECT * FROM head")
        guard rows.count == 1, let row = rows.first,
            let cluster = ClusterID(row.text("cluster")),
            let machine = Digest(bytes: Array(row.blob("machine"))),
            let instance = Digest(bytes: Array(row.blob("instance"))),
            let entrySum = Checksum(data: row.blob("entry_sum")),
            let auditHash = Digest(bytes: Array(row.blob("audit_hash")))
        else { throw StoreError.damaged("the head row") }
        var head = Head(cluster: cluster, machine: StoreMachine(""), instance: instance)
        head.generation = row.number("generation")
        head.machine = machine
        head.revision = row.number("revision")
        head.entryCount = row.number("entry_count")
        head.entrySum = entrySum
        head.lastEvent = row.number("last_event")
        head.lastAudit = row.number("last_audit")
        head.auditHash = auditHash
        guard head.checksum.data == row.blob("checksum"), head.generation >= 1,
            head.revision >= 0, head.lastEvent >= 0, head.lastAudit >= 0
        else { throw StoreError.damaged("the head row's checksum") }
        return head
    }
}

/// Reading that never traps, whatever a damaged file says a column's name or type is: what is not
/// as it should be reads as nothing, and then the checksum does not fit.
extension Row {
    private func storage(_ column: String) -> DatabaseValue.Storage {
        guard hasColumn(column) else { return .null }
        let value: DatabaseValue = self[column]
        return value.storage
    }

    func number(_ column: String) -> Int64 {
        if case .int64(let number) = storage(column) { return number }
        return -1
    }

    func text(_ column: String) -> String {
        if case .string(let text) = storage(column) { return text }
        return ""
    }

    func blob(_ column: String) -> Data {
        if case .blob(let data) = storage(column) { return data }
        return Data()
    }
}
