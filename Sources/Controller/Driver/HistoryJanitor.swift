import ControllerCore
import Model
import Protocol
import Store

/// Removes what is left of tasks that ended long ago: their records, their output and their
/// idempotency keys, a small portion at a time, so that no commit waits for long.
///
/// The records stand in the order in which the tasks were accepted, not in which they ended: it
/// walks through them again and again, and turns back where nothing can be old enough.
///
/// What is old is told by an ``AgeClock``, never by the wall clock alone.
struct HistoryJanitor {
    /// Records that are looked at in one portion, and removed in one transaction.
    static let looksMax = 1_000
    static let removalsMax = 200

    let store: any Store
    private let tasks: TaskStore
    /// The last task that was looked at.
    private var at: TaskID?
    /// The key of the last late result that was looked at.
    private var lateAt: String?

    init(store: any Store) {
        self.store = store
        tasks = TaskStore(store: store)
    }

    struct Portion: Equatable {
        var removed = 0
        /// The walk is over and begins anew.
        var isLast = false
    }

    /// - Parameter history: how long records are kept; those with an idempotency key as long as the
    ///   key must be honoured, if that is longer.
    mutating func portion(history: Duration, now: WallTime) throws(StoreError) -> Portion {
        let records = try tasks.ended(
            after: at,
            before: nil,
            limit: Self.looksMax,
            newestFirst: false
        )
        var portion = Portion(removed: 0, isLast: records.count < Self.looksMax)
        var writes: [StoreWrite] = []
        for record in records {
            if portion.removed == Self.removalsMax {
                portion.isLast = false
                break
            }
            // Whoever comes later was accepted later, and did not end before that.
            if record.acceptedAt + history > now {
                portion.isLast = true
                break
            }
            at = record.id
            let key = record.submission.idempotencyKey
            let life = key == nil ? history : max(history, WorkRules.keyLifeMin)
            guard record.endedAt + life <= now else { continue }
            portion.removed += 1
            writes += try removal(of: record.id, key: key)
        }
        if !writes.isEmpty { try store.commit([writes]) }
        if portion.isLast { at = nil }
        return portion
    }

    /// Removes ledgers of runs that are not remembered any more.
    ///
    /// - Parameter oldest: the first run that is.
    /// - Returns: whether nothing is left of them.
    func tidyLedgers(before oldest: RunID) throws(StoreError) -> Bool {
        let table = RecordTable.ledger.rawValue
        // A ledger's key is its run's key, a slash, and its task's.
        let rows = try store.entries(
            of: table,
            in: KeyRange(before: oldest.storeKey),
            limit: Self.removalsMax,
            newestFirst: false
        )
        if !rows.isEmpty { try store.commit([rows.map { .delete(table: table, key: $0.key) }]) }
        return rows.count < Self.removalsMax
    }

    /// Removes what nodes said too late of tasks, when it is as old as histories get. They stand in the
    /// order of their tasks, not of their times: it walks through all of them, a portion at a time.
    ///
    /// - Returns: whether the walk is over; it begins anew then.
    mutating func tidyLate(history: Duration, now: WallTime) throws(StoreError) -> Bool {
        let table = RecordTable.late.rawValue
        let life = max(history, WorkRules.keyLifeMin)
        let rows = try store.entries(
            of: table,
            in: KeyRange(after: lateAt),
            limit: Self.removalsMax,
            newestFirst: false
        )
        var writes: [StoreWrite] = []
        for row in rows {
            guard let task = TaskID(storeKey: row.key) else { continue }
            let late = try JournalWriter.late(row.value, task)
            guard late.at + life <= now else { continue }
            writes.append(.delete(table: table, key: row.key))
        }
        if !writes.isEmpty { try store.commit([writes]) }
        let isLast = rows.count < Self.removalsMax
        lateAt = isLast ? nil : rows.last?.key
        return isLast
    }

    private func removal(of id: TaskID, key: String?) throws(StoreError) -> [StoreWrite] {
        var writes: [StoreWrite] = [
            .delete(table: RecordTable.taskEnd.rawValue, key: id.storeKey),
            .delete(table: JournalWriter.Section.output, key: id.storeKey),
        ]
        // A key that has another task by now stays.
        if let key, try tasks.known([key])[key]?.task == id {
            writes.append(
                .delete(table: JournalWriter.Section.taskKey, key: TaskKeyRecord.storeKey(key))
            )
        }
        return writes
    }
}
