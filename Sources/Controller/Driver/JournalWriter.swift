import ControllerCore
import Digests
import Host
import Identity
import Model
import Protocol
import Store

/// How the machine's decisions stand in the store, both ways.
enum JournalWriter {
    /// Below the store's own limit, which must never be what turns a decision away.
    private static let auditTextBytesMax = 4_096

    static func write(_ entry: JournalEntry) -> StoreWrite {
        switch entry {
        case .put(let record):
            .put(
                table: record.table.rawValue,
                key: record.key,
                value: Array(record.line.description.utf8)
            )
        case .delete(let table, let key): .delete(table: table.rawValue, key: key)
        case .event(let event):
            .event(
                Array(line(of: event).description.utf8),
                at: event.at,
                kind: event.kind.rawValue,
                subject: event.subject
            )
        case .audit(let record):
            .audit(
                AuditEntry(
                    wall: record.at,
                    bootMilliseconds: BootClock.now().nanoseconds / 1_000_000,
                    actor: record.key.isEmpty ? record.actor : "\(record.actor)#\(record.key)",
                    source: kept(record.source, bytesMax: 256),
                    verb: record.verb,
                    object: kept(record.object, bytesMax: auditTextBytesMax),
                    reason: kept(record.reason, bytesMax: auditTextBytesMax),
                    parameters: record.parameters.isEmpty
                        ? "" : Digest(of: record.parameters.utf8).hex,
                    outcome: record.outcome
                )
            )
        case .payload(let task, let bytes):
            .put(table: Section.payload, key: task.storeKey, value: bytes)
        case .payloadGone(let task): .delete(table: Section.payload, key: task.storeKey)
        case .output(let task, []): .delete(table: Section.output, key: task.storeKey)
        case .output(let task, let bytes):
            .put(table: Section.output, key: task.storeKey, value: bytes)
        case .taskKey(let key, let record):
            .put(
                table: Section.taskKey,
                key: TaskKeyRecord.storeKey(key),
                value: Array(record.line.description.utf8)
            )
        }
    }

    /// Tables of the store that no machine is started with.
    enum Section {
        static let payload = "payload"
        static let output = "output"
        static let taskKey = "task-key"

        /// There may be more of their rows than there is memory.
        static let unloaded = Set(
            [payload, output, taskKey]
                + RecordTable.allCases.filter { !$0.isLoaded }.map(\.rawValue)
        )
    }

    /// What a machine is started with; all the rest is verified too.
    static func load(_ store: any Store) throws(StoreError) -> StoreContents {
        try store.load(leavingOut: Section.unloaded)
    }

    /// Everything that was loaded of a store, as the machine's records.
    static func records(of contents: StoreContents) throws(StoreError) -> [Record] {
        var records: [Record] = []
        for entry in contents.entries {
            guard let table = RecordTable(rawValue: entry.table) else {
                throw StoreError(
                    .fromTheFuture,
                    "table \(entry.table)",
                    mend: "use the version of muster-controller that wrote it"
                )
            }
            records.append(try record(of: entry, in: table))
        }
        return records
    }

    private static func record(
        of entry: StoreEntry,
        in table: RecordTable
    ) throws(StoreError) -> Record {
        do {
            return try Record(table: table, line: try line(entry.value))
        } catch {
            throw damaged(entry.table, entry.key, error)
        }
    }

    private static func line(_ value: [UInt8]) throws -> Line {
        try Line.parse(value[...], limits: .record)
    }

    private static func damaged(_ table: String, _ key: String, _ error: any Error) -> StoreError {
        let sentence = (error as? LineError)?.sentence ?? (error as? MessageError)?.sentence
        return .damaged("\(table)/\(key)" + (sentence.map { ": \($0)" } ?? ""))
    }

    // MARK: Rows that are not loaded

    static func task(_ value: [UInt8], _ id: TaskID) throws(StoreError) -> TaskRecord {
        let entry = StoreEntry(
            table: RecordTable.task.rawValue,
            key: id.storeKey,
            value: value
        )
        guard case .task(let record) = try record(of: entry, in: .task), record.id == id else {
            throw .damaged("task/\(id.storeKey): it is the record of another task")
        }
        return record
    }

    static func taskEnd(_ entry: StoreEntry) throws(StoreError) -> TaskEndRecord {
        guard case .taskEnd(let record) = try record(of: entry, in: .taskEnd),
            record.id.storeKey == entry.key
        else { throw .damaged("task-end/\(entry.key): it is the record of another task") }
        return record
    }

    static func late(_ value: [UInt8], _ task: TaskID) throws(StoreError) -> LateRecord {
        let entry = StoreEntry(
            table: RecordTable.late.rawValue,
            key: task.storeKey,
            value: value
        )
        guard case .late(let record) = try record(of: entry, in: .late), record.task == task else {
            throw .damaged("late/\(task.storeKey): it is of another task")
        }
        return record
    }

    static func ledger(_ entry: StoreEntry) throws(StoreError) -> LedgerRecord {
        guard case .ledger(let record) = try record(of: entry, in: .ledger) else {
            throw .damaged("ledger/\(entry.key)")
        }
        return record
    }

    static func taskKey(_ value: [UInt8], _ key: String) throws(StoreError) -> TaskKeyRecord {
        do {
            return try TaskKeyRecord(FieldReader(try line(value)))
        } catch {
            throw damaged(Section.taskKey, key, error)
        }
    }

    private static func line(of event: ClusterEvent) -> Line {
        var writer = LineWriter("EVENT")
        writer.put("kind", event.kind)
        writer.put("severity", event.severity)
        writer.put("subject", event.subject)
        writer.put("text", event.text)
        writer.put("cause", event.cause)
        writer.put("consequence", event.consequence)
        writer.put("site", event.site)
        writer.put("planned", event.isPlanned)
        return writer.line
    }

    /// - Returns: nil for an event of a kind this version does not know.
    static func event(_ record: EventRecord) -> ClusterEvent? {
        guard let line = try? Line.parse(record.body[...], limits: .record),
            let kind = line["kind"].flatMap({ EventKind(rawValue: $0) }),
            let severity = line["severity"].flatMap({ Severity(rawValue: $0) })
        else { return nil }
        return ClusterEvent(
            sequence: record.sequence,
            at: record.wall,
            kind: kind,
            severity: severity,
            subject: line["subject"] ?? "",
            text: line["text"] ?? "",
            cause: line["cause"] ?? "",
            consequence: line["consequence"] ?? "",
            site: line["site"] ?? "",
            isPlanned: line["planned"] == "yes"
        )
    }
}
