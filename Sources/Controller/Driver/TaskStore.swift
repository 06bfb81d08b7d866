import ControllerCore
import Model
import Protocol
import Store

/// Tasks as the store has them: what no machine keeps in memory. Safe to use from any thread; each
/// read sees whole commits.
struct TaskStore: Sendable {
    let store: any Store

    // MARK: Idempotency keys

    /// The tasks that keys have, as far as that is durable.
    ///
    /// What is decided and not durable yet is not found; the machine itself remembers that for
    /// longer than a look-up may be old (``lookUpAgeMax``).
    func known(_ keys: [String]) throws(StoreError) -> [String: TaskKeyRecord] {
        if keys.isEmpty { return [:] }
        let rows = try store.values(
            of: JournalWriter.Section.taskKey,
            keys: keys.map { TaskKeyRecord.storeKey($0) }
        )
        var found: [String: TaskKeyRecord] = [:]
        for key in keys {
            let stored = TaskKeyRecord.storeKey(key)
            guard let value = rows[stored] else { continue }
            found[key] = try JournalWriter.taskKey(value, stored)
        }
        return found
    }

    /// Half as long as the machine remembers the keys of what it has accepted.
    static let lookUpAgeMax: Duration = .seconds(300)

    // MARK: Payloads and output

    /// The payload of a live task.
    ///
    /// - Parameter count: its bytes, as the machine says.
    /// - Returns: nil when the task has ended and its payload is gone.
    /// - Throws: also when the task is live and the payload is not what it was.
    func payload(of task: TaskID, count: UInt32) throws(StoreError) -> [UInt8]? {
        if count == 0 { return [] }
        let bytes: [UInt8]?
        if count <= UInt32(WorkLimits.inlineBytesMax) {
            bytes = try record(of: task)?.inlinePayload
        } else {
            bytes = try store.value(of: JournalWriter.Section.payload, key: task.storeKey)
            if bytes == nil, try record(of: task) == nil { return nil }
        }
        guard let bytes else {
            if count <= UInt32(WorkLimits.inlineBytesMax) { return nil }
            throw .damaged("the payload of task \(task) is not there")
        }
        guard bytes.count == Int(count) else {
            throw .damaged("the payload of task \(task) has \(bytes.count) bytes, not \(count)")
        }
        return bytes
    }

    private func record(of task: TaskID) throws(StoreError) -> TaskRecord? {
        let value = try store.value(of: RecordTable.task.rawValue, key: task.storeKey)
        guard let value else { return nil }
        return try JournalWriter.task(value, task)
    }

    /// The kept output of the last attempt that has ended.
    func output(of task: TaskID) throws(StoreError) -> [UInt8]? {
        try store.value(of: JournalWriter.Section.output, key: task.storeKey)
    }

    // MARK: History

    func ended(_ task: TaskID) throws(StoreError) -> TaskEndRecord? {
        let table = RecordTable.taskEnd.rawValue
        guard let value = try store.value(of: table, key: task.storeKey) else { return nil }
        return try JournalWriter.taskEnd(
            StoreEntry(table: table, key: task.storeKey, value: value)
        )
    }

    /// Ended tasks between two numbers that do not belong to it.
    func ended(
        after: TaskID?,
        before: TaskID?,
        limit: Int,
        newestFirst: Bool
    ) throws(StoreError) -> [TaskEndRecord] {
        let rows = try store.entries(
            of: RecordTable.taskEnd.rawValue,
            in: KeyRange(after: after?.storeKey, before: before?.storeKey),
            limit: limit,
            newestFirst: newestFirst
        )
        var records: [TaskEndRecord] = []
        records.reserveCapacity(rows.count)
        for row in rows { records.append(try JournalWriter.taskEnd(row)) }
        return records
    }

    func ended(_ tasks: [TaskID]) throws(StoreError) -> [TaskID: TaskEndRecord] {
        if tasks.isEmpty { return [:] }
        let table = RecordTable.taskEnd.rawValue
        let rows = try store.values(of: table, keys: tasks.map(\.storeKey))
        var found: [TaskID: TaskEndRecord] = [:]
        for task in tasks {
            guard let value = rows[task.storeKey] else { continue }
            found[task] = try JournalWriter.taskEnd(
                StoreEntry(table: table, key: task.storeKey, value: value)
            )
        }
        return found
    }

    // MARK: Ledgers of runs

    /// What nodes said too late of tasks.
    func late(_ tasks: [TaskID]) throws(StoreError) -> [TaskID: LateRecord] {
        if tasks.isEmpty { return [:] }
        let rows = try store.values(of: RecordTable.late.rawValue, keys: tasks.map(\.storeKey))
        var found: [TaskID: LateRecord] = [:]
        for task in tasks {
            guard let value = rows[task.storeKey] else { continue }
            found[task] = try JournalWriter.late(value, task)
        }
        return found
    }

    /// Tasks that the old site had when a run fenced it, by their numbers.
    func ledger(
        of run: RunID,
        after: TaskID?,
        limit: Int
    ) throws(StoreError) -> [LedgerRecord] {
        let rows = try store.entries(
            of: RecordTable.ledger.rawValue,
            in: LedgerRecord.keys(of: run, after: after),
            limit: limit,
            newestFirst: false
        )
        var records: [LedgerRecord] = []
        for row in rows { records.append(try JournalWriter.ledger(row)) }
        return records
    }
}

extension LedgerRecord {
    /// `RUN/TASK`, both with as many digits as it takes for their order: what stands between `RUN/` and
    /// the next sign after the slash.
    fileprivate static func keys(of run: RunID, after: TaskID?) -> KeyRange {
        let prefix = TaskID(run.number).storeKey
        return KeyRange(after: "\(prefix)/" + (after?.storeKey ?? ""), before: "\(prefix)0")
    }
}
