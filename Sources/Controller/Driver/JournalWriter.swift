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
        }
    }

    /// Everything a store holds, as the machine's records.
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
            do {
                let line = try Line.parse(entry.value[...], limits: .record)
                records.append(try Record(table: table, line: line))
            } catch let error as LineError {
                throw StoreError.damaged("\(entry.table)/\(entry.key): \(error.sentence)")
            } catch let error as MessageError {
                throw StoreError.damaged("\(entry.table)/\(entry.key): \(error.sentence)")
            } catch {
                throw StoreError.damaged("\(entry.table)/\(entry.key)")
            }
        }
        return records
    }

    private static func line(of event: ClusterEvent) -> Line {
        var writer = LineWriter("EVENT")
        writer.put("kind", event.kind)
        writer.put("severity", event.severity)
        writer.put("subject", event.subject)
        writer.put("text", event.text)
        writer.put("cause", event.cause)
        writer.put("consequence", event.consequence)
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
            consequence: line["consequence"] ?? ""
        )
    }
}
