import Digests
import Foundation
import GRDB
import Model

extension SQLiteStore {
    public func events(
        after: UInt64,
        limit: Int,
        matching filter: EventFilter = .any
    ) throws(StoreError) -> [EventRecord] {
        try events("sequence > ?", Int64(clamping: after), "ASC", limit, filter)
    }

    public func latestEvents(
        limit: Int,
        matching filter: EventFilter = .any
    ) throws(StoreError) -> [EventRecord] {
        try events("sequence <= ?", .max, "DESC", limit, filter).reversed()
    }

    private func events(
        _ condition: String,
        _ sequence: Int64,
        _ order: String,
        _ limit: Int,
        _ filter: EventFilter
    ) throws(StoreError) -> [EventRecord] {
        var conditions = [condition]
        var arguments: StatementArguments = [sequence]
        if let kind = filter.kind {
            conditions.append("kind = ?")
            arguments += [kind]
        }
        if let subject = filter.subject {
            conditions.append("subject = ?")
            arguments += [subject]
        }
        if let since = filter.since {
            conditions.append("wall >= ?")
            arguments += [since.milliseconds]
        }
        if let until = filter.until {
            conditions.append("wall < ?")
            arguments += [until.milliseconds]
        }
        arguments += [max(0, limit)]
        let sql =
            "SELECT * FROM event WHERE \(conditions.joined(separator: " AND "))"
            + " ORDER BY sequence \(order) LIMIT ?"
        return try reading { database in
            try Row.fetchAll(database.cachedStatement(sql: sql), arguments: arguments)
                .map { try EventRecord(verifying: $0) }
        }
    }

    public func audit(from: UInt64, limit: Int) throws(StoreError) -> [AuditRecord] {
        try reading { database in
            let first = max(1, Int64(clamping: from))
            var previous = AuditRecord.genesis(of: try Head.read(database).cluster)
            if first > 1 {
                let hash = try Data.fetchOne(
                    database,
                    sql: "SELECT hash FROM audit WHERE sequence = ?",
                    arguments: [first - 1]
                )
                guard let hash else { return [] }
                guard let digest = Digest(bytes: Array(hash)) else {
                    throw StoreError.damaged("audit record \(first - 1)")
                }
                previous = digest
            }
            let rows = try Row.fetchAll(
                database,
                sql: "SELECT * FROM audit WHERE sequence >= ? ORDER BY sequence LIMIT ?",
                arguments: [first, max(0, limit)]
            )
            return try rows.map { row in
                let record = AuditRecord(row, previous: previous)
                guard let record else {
                    throw StoreError.damaged("audit record \(row.number("sequence"))")
                }
                previous = record.hash
                return record
            }
        }
    }

    public func verifyAudit(
        against checkpoint: AuditCheckpoint? = nil
    ) throws(StoreError) -> AuditVerdict {
        try reading { try Self.verifyAudit($0, against: checkpoint) }
    }

    static func verifyAudit(
        _ database: Database,
        against checkpoint: AuditCheckpoint?
    ) throws -> AuditVerdict {
        let head = try Head.read(database)
        var last = AuditCheckpoint(sequence: 0, hash: AuditRecord.genesis(of: head.cluster))
        let rows = try Row.fetchCursor(database, sql: "SELECT * FROM audit ORDER BY sequence")
        while let row = try rows.next() {
            let expected = last.sequence + 1
            guard row.number("sequence") == Int64(expected) else {
                return .broken(
                    sequence: expected,
                    problem: "is missing; the next is \(row.number("sequence"))"
                )
            }
            guard let record = AuditRecord(row, previous: last.hash),
                AuditRecord(sequence: expected, entry: record.entry, previous: last.hash).hash
                    == record.hash
            else {
                return .broken(
                    sequence: expected,
                    problem: "its hash does not fit it and the record before"
                )
            }
            last = AuditCheckpoint(sequence: expected, hash: record.hash)
            if let checkpoint, checkpoint.sequence == expected, checkpoint.hash != record.hash {
                return .broken(
                    sequence: expected,
                    problem: "is not the one the checkpoint was taken of"
                )
            }
        }
        guard last == head.auditHead else {
            return .broken(
                sequence: last.sequence + 1,
                problem: "the log ends here, its head says \(head.lastAudit)"
            )
        }
        if let checkpoint, checkpoint.sequence > last.sequence {
            return .broken(
                sequence: last.sequence + 1,
                problem: "the log ends here, the checkpoint says \(checkpoint.sequence)"
            )
        }
        return .intact(last)
    }

    /// Walks all events: each whole, none missing between the oldest kept and the last.
    static func verifyEvents(_ database: Database) throws {
        let head = try Head.read(database)
        var expected: Int64?
        let rows = try Row.fetchCursor(database, sql: "SELECT * FROM event ORDER BY sequence")
        while let row = try rows.next() {
            let event = try EventRecord(verifying: row)
            guard expected ?? Int64(event.sequence) == Int64(event.sequence) else {
                throw StoreError.damaged("the events before \(event.sequence) are missing")
            }
            expected = Int64(event.sequence) + 1
        }
        guard expected ?? head.lastEvent + 1 == head.lastEvent + 1 else {
            throw StoreError.damaged("the events after \((expected ?? 0) - 1) are missing")
        }
    }
}

extension EventRecord {
    var checksum: Checksum {
        Checksum(
            of: Data(number: Int64(sequence)),
            Data(number: wall.milliseconds),
            Data(text: kind),
            Data(text: subject),
            Data(body)
        )
    }

    /// - Throws: ``StoreError/Code/damaged`` when the row is not what was written.
    fileprivate init(verifying row: Row) throws {
        self.init(
            sequence: UInt64(clamping: row.number("sequence")),
            wall: WallTime(milliseconds: row.number("wall")),
            kind: row.text("kind"),
            subject: row.text("subject"),
            body: Array(row.blob("body"))
        )
        guard checksum.data == row.blob("checksum") else {
            throw StoreError.damaged("event \(sequence)")
        }
    }
}

extension AuditRecord {
    /// - Returns: nil when the stored hash is no hash.
    fileprivate init?(_ row: Row, previous: Digest) {
        guard let hash = Digest(bytes: Array(row.blob("hash"))) else { return nil }
        let entry = AuditEntry(
            wall: WallTime(milliseconds: row.number("wall")),
            bootMilliseconds: row.number("boot"),
            actor: row.text("actor"),
            source: row.text("source"),
            verb: row.text("verb"),
            object: row.text("object"),
            reason: row.text("reason"),
            parameters: row.text("parameters"),
            outcome: row.text("outcome")
        )
        self.init(
            sequence: UInt64(clamping: row.number("sequence")),
            entry: entry,
            previous: previous,
            hash: hash
        )
    }
}
