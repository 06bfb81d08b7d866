import ControllerCore
import Model
import Protocol

/// What the controller's disk holds: records as lines, events and audit records in their order.
struct DurableStore {
    struct Key: Hashable, Comparable, Sendable {
        var table: RecordTable
        var key: String

        static func < (left: Key, right: Key) -> Bool {
            (left.table, left.key) < (right.table, right.key)
        }
    }

    private(set) var lines = OrderedTable<Key, [UInt8]>()
    private(set) var events: [ClusterEvent] = []
    private(set) var audits: [AuditRecord] = []
    private(set) var payloads = OrderedTable<TaskID, [UInt8]>()
    private(set) var outputs = OrderedTable<TaskID, [UInt8]>()
    private(set) var taskKeys = OrderedTable<String, TaskKeyRecord>()
    /// Raised by each transaction.
    private(set) var version: UInt64 = 0

    var lastEventSequence: UInt64 { events.last?.sequence ?? 0 }

    /// - Returns: what is wrong with the entry.
    mutating func apply(_ entry: JournalEntry) -> String? {
        version += 1
        switch entry {
        case .put(let record):
            lines[Key(table: record.table, key: record.key)] = record.line.bytes
        case .delete(let table, let key):
            guard lines[Key(table: table, key: key)] != nil else {
                return "the record \(table.rawValue)/\(key) is deleted and was never there"
            }
            lines[Key(table: table, key: key)] = nil
        case .event(let event):
            guard event.sequence == lastEventSequence + 1 else {
                return "event \(event.sequence) follows event \(lastEventSequence)"
            }
            events.append(event)
        case .audit(let audit): audits.append(audit)
        case .payload(let id, let bytes): payloads[id] = bytes
        case .payloadGone(let id):
            guard payloads[id] != nil else { return "task \(id) has no payload to delete" }
            payloads[id] = nil
        case .output(let id, let bytes): outputs[id] = bytes.isEmpty ? nil : bytes
        case .taskKey(let key, let record):
            guard taskKeys[key] == nil else { return "the idempotency key \(key) has a task" }
            taskKeys[key] = record
        }
        return nil
    }

    /// An operator says which site is active, as `muster-controller restore` writes it.
    mutating func say(_ site: SiteName, isOld: Bool) {
        guard case .cluster(var cluster)? = record(.cluster, "cluster") else { return }
        cluster.say(site, reason: "it was looked at", isOld: isOld)
        _ = apply(.put(.cluster(cluster)))
    }

    /// - Throws: the first record that cannot be read back.
    func records() throws(StoreProblem) -> [Record] {
        var records: [Record] = []
        for (key, bytes) in lines where key.table.isLoaded {
            records.append(try Self.read(key, bytes))
        }
        return records
    }

    func record(_ table: RecordTable, _ key: String) -> Record? {
        let key = Key(table: table, key: key)
        return lines[key].flatMap { try? Self.read(key, $0) }
    }

    private static func read(_ key: Key, _ bytes: [UInt8]) throws(StoreProblem) -> Record {
        let line: Line
        do throws(LineError) {
            line = try Line.parse(bytes.dropLast(), limits: .record)
        } catch {
            throw StoreProblem(text: "\(key.table.rawValue)/\(key.key): \(error.sentence)")
        }
        do throws(MessageError) {
            return try Record(table: key.table, line: line)
        } catch {
            throw StoreProblem(text: "\(key.table.rawValue)/\(key.key): \(error.sentence)")
        }
    }
}

struct StoreProblem: Error {
    var text: String
}
