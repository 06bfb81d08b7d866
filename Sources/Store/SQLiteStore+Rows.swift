import Foundation
import GRDB

// Rows that nobody holds in memory: looked up by key, or read in portions. Each call sees one
// commit as a whole.

extension SQLiteStore {
    public func values(
        of table: String,
        keys: [String]
    ) throws(StoreError) -> [String: [UInt8]] {
        if keys.isEmpty { return [:] }
        return try reading { database in
            let statement = try database.cachedStatement(
                sql: "SELECT key, value, checksum FROM entry WHERE section = ? AND key = ?"
            )
            var found: [String: [UInt8]] = [:]
            for key in keys {
                guard let row = try Row.fetchOne(statement, arguments: [table, key]) else {
                    continue
                }
                if let entry = try Self.verified(row, table).0 { found[key] = entry.value }
            }
            return found
        }
    }

    public func entries(
        of table: String,
        in keys: KeyRange,
        limit: Int,
        newestFirst: Bool
    ) throws(StoreError) -> [StoreEntry] {
        var conditions = ["section = ?"]
        var arguments: StatementArguments = [table]
        if let after = keys.after {
            conditions.append("key > ?")
            arguments += [after]
        }
        if let before = keys.before {
            conditions.append("key < ?")
            arguments += [before]
        }
        arguments += [max(0, limit)]
        let sql =
            "SELECT key, value, checksum FROM entry WHERE "
            + conditions.joined(separator: " AND ")
            + " ORDER BY key \(newestFirst ? "DESC" : "ASC") LIMIT ?"
        return try reading { database in
            let rows = try Row.fetchCursor(
                database.cachedStatement(sql: sql),
                arguments: arguments
            )
            var found: [StoreEntry] = []
            while let row = try rows.next() {
                if let entry = try Self.verified(row, table).0 { found.append(entry) }
            }
            return found
        }
    }
}
