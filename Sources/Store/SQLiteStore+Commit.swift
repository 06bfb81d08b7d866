import Digests
import Foundation
import GRDB
public import Model
import Synchronization

extension SQLiteStore {
    @discardableResult
    public func commit(_ batch: [[StoreWrite]]) throws(StoreError) -> UInt64 {
        for step in batch {
            for write in step { try Self.check(write) }
        }
        return try writing { database, head in
            for step in batch {
                for write in step { try Self.apply(write, to: database, &head) }
            }
            head.revision += Int64(batch.count)
            try head.update(database)
        }
    }

    public func pruneEvents(
        keeping: Int,
        olderThan cutoff: WallTime?,
        batch: Int
    ) throws(StoreError) -> Int {
        precondition(keeping >= 0 && batch > 0, "keeping \(keeping), batch \(batch)")
        var removed = 0
        try writing { database, head in
            let first = try Int64.fetchOne(database, sql: "SELECT min(sequence) FROM event")
            guard let first, first <= head.lastEvent else { return }
            // Only ever a prefix goes, so that a gap is known to be damage. The wall clock may
            // have jumped: the first event that is young enough ends the prefix.
            let youngEnough = try Int64.fetchOne(
                database,
                sql: """
                    SELECT sequence FROM event WHERE sequence < ? AND wall >= ?
                    ORDER BY sequence LIMIT 1
                    """,
                arguments: [first + Int64(batch), cutoff?.milliseconds ?? .min]
            )
            let end = max(
                youngEnough ?? first + Int64(batch),
                head.lastEvent - Int64(min(keeping, 1 << 40)) + 1
            )
            try database.execute(
                sql: "DELETE FROM event WHERE sequence < ?",
                arguments: [min(end, first + Int64(batch))]
            )
            removed = database.changesCount
        }
        return removed
    }

    /// One transaction: begins, lets `body` change the database and the head, commits, syncs.
    ///
    /// - Returns: the revision.
    @discardableResult
    func writing(
        _ body: (Database, inout Head) throws -> Void
    ) throws(StoreError) -> UInt64 {
        let place = "writing \(directory.database)"
        let outcome = working.withLock { working -> Result<Head, StoreError> in
            guard !working.isClosed else {
                return .failure(StoreError(.notApplied, "\(place): the store is closed"))
            }
            if let poison = working.poison {
                return .failure(
                    StoreError(.poisoned, "\(place): earlier: \(poison.place)", mend: poison.mend)
                )
            }
            let before = working.head
            let outcome = pool.writeWithoutTransaction { database in
                Self.transaction(database, from: before, place, body)
            }
            switch outcome {
            case .success(let head): working.head = head
            case .failure(let error):
                if error.code == .outcomeUnknown { working.poison = error }
            }
            return outcome
        }
        return UInt64(try outcome.get().revision)
    }

    private static func transaction(
        _ database: Database,
        from before: Head,
        _ place: String,
        _ body: (Database, inout Head) throws -> Void
    ) -> Result<Head, StoreError> {
        var head = before
        do {
            try database.beginTransaction(.immediate)
            try body(database, &head)
        } catch {
            try? database.rollback()
            return .failure(notApplied(error, place))
        }
        do {
            try database.commit()
            return .success(head)
        } catch {
            try? database.rollback()
            // SQLite says "full" when a write of the log was refused, and the frame that makes a
            // transaction count is written last: what is read back decides. Any other error may
            // come after that frame has reached the disk.
            if (error as? DatabaseError)?.resultCode == .SQLITE_FULL,
                !database.isInsideTransaction, (try? Head.read(database)) == before
            {
                return .failure(
                    StoreError(.full, "\(place): \(error)", mend: StoreError.fullMend)
                )
            }
            return .failure(
                StoreError(
                    .outcomeUnknown,
                    "\(place): \(error)",
                    mend: "check the disk, then restart the controller"
                )
            )
        }
    }

    /// An error before COMMIT: the log holds no commit frame, so nothing was applied.
    private static func notApplied(_ error: any Error, _ place: String) -> StoreError {
        let translated = StoreError(translating: error, place)
        return switch translated.code {
        case .unreadable: StoreError(.notApplied, translated.place)
        default: translated
        }
    }

    static func apply(
        _ write: StoreWrite,
        to database: Database,
        _ head: inout Head
    ) throws {
        switch write {
        case .put(let table, let key, let value):
            try removeFromSum(table, key, database, &head)
            let value = Data(value)
            let checksum = checksum(table: table, key: key, value: value)
            try database.cachedStatement(
                sql: "REPLACE INTO entry (section, key, value, checksum) VALUES (?, ?, ?, ?)"
            ).execute(arguments: [table, key, value, checksum.data])
            head.entrySum &+= checksum
            head.entryCount += 1
        case .delete(let table, let key):
            guard try removeFromSum(table, key, database, &head) else { return }
            try database.cachedStatement(sql: "DELETE FROM entry WHERE section = ? AND key = ?")
                .execute(arguments: [table, key])
        case .event(let body, let wall, let kind, let subject):
            try append(body, wall, withoutNUL(kind), withoutNUL(subject), to: database, &head)
        case .audit(let entry):
            try append(entry, to: database, &head)
        }
    }

    /// Takes what is there under a key out of the sum.
    @discardableResult
    private static func removeFromSum(
        _ table: String,
        _ key: String,
        _ database: Database,
        _ head: inout Head
    ) throws -> Bool {
        let old = try Data.fetchOne(
            database.cachedStatement(
                sql: "SELECT checksum FROM entry WHERE section = ? AND key = ?"
            ),
            arguments: [table, key]
        )
        guard let old else { return false }
        guard let checksum = Checksum(data: old) else {
            throw StoreError.damaged("the row \(table)/\(key)")
        }
        head.entrySum &-= checksum
        head.entryCount -= 1
        return true
    }

    private static func append(
        _ body: [UInt8],
        _ wall: WallTime,
        _ kind: String,
        _ subject: String,
        to database: Database,
        _ head: inout Head
    ) throws {
        head.lastEvent += 1
        let event = EventRecord(
            sequence: UInt64(head.lastEvent),
            wall: wall,
            kind: kind,
            subject: subject,
            body: body
        )
        try database.cachedStatement(sql: "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)")
            .execute(arguments: [
                head.lastEvent, wall.milliseconds, kind, subject, Data(body), event.checksum.data,
            ])
    }

    private static func append(
        _ entry: AuditEntry,
        to database: Database,
        _ head: inout Head
    ) throws {
        head.lastAudit += 1
        let record = AuditRecord(
            sequence: UInt64(head.lastAudit),
            entry: entry,
            previous: head.auditHash
        )
        head.auditHash = record.hash
        try database.cachedStatement(
            sql: "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        ).execute(arguments: [
            head.lastAudit, entry.bootMilliseconds, entry.wall.milliseconds, entry.actor,
            entry.source, entry.verb, entry.object, entry.reason, entry.parameters, entry.outcome,
            Data(record.hash.bytes),
        ])
    }

    /// Refuses what breaks a limit before anything is begun.
    static func check(_ write: StoreWrite) throws(StoreError) {
        func limit(_ count: Int, _ max: Int, _ what: String) throws(StoreError) {
            guard count <= max else {
                throw StoreError(.tooLarge, "\(what) of \(count) bytes, at most \(max)")
            }
        }
        func name(_ text: String, _ max: Int, _ what: String) throws(StoreError) {
            try limit(text.utf8.count, max, what)
            guard !text.isEmpty, text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
                throw StoreError(.notApplied, "\(what) is not printable ASCII: \(quoted(text))")
            }
        }
        switch write {
        case .put(let table, let key, let value):
            try name(table, StoreLimits.tableBytesMax, "a table's name")
            try name(key, StoreLimits.keyBytesMax, "a key")
            try limit(value.count, StoreLimits.valueBytesMax, "the value of \(table)/\(key)")
        case .delete(let table, let key):
            try name(table, StoreLimits.tableBytesMax, "a table's name")
            try name(key, StoreLimits.keyBytesMax, "a key")
        case .event(let body, _, let kind, let subject):
            try limit(body.count, StoreLimits.eventBytesMax, "an event")
            try limit(kind.utf8.count, StoreLimits.labelBytesMax, "an event's kind")
            try limit(subject.utf8.count, StoreLimits.labelBytesMax, "an event's subject")
        case .audit(let entry):
            for text in entry.texts {
                try limit(text.utf8.count, StoreLimits.auditFieldBytesMax, "an audit field")
            }
        }
    }
}
