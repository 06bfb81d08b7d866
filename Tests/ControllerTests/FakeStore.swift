import Dispatch
import Model
import Store
import Synchronization

/// A store whose disk does what the test says.
final class FakeStore: Store {
    enum Disk: Sendable {
        case good
        case full
        /// The next commit ends in the dark.
        case broken
    }

    private struct State {
        var disk = Disk.good
        var isHeld = false
        var durable: [[StoreWrite]] = []
        var attempts = 0
        /// What the durable writes add up to, by table and key.
        var rows: [String: [String: [UInt8]]] = [:]
        var reads = 0
        var readProblem: StoreError?

        mutating func apply(_ write: StoreWrite) {
            switch write {
            case .put(let table, let key, let value): rows[table, default: [:]][key] = value
            case .delete(let table, let key): rows[table]?[key] = nil
            case .event, .audit: break
            }
        }
    }

    private let state = Mutex(State())
    private let gate = DispatchSemaphore(value: 0)

    var attempts: Int { state.withLock { $0.attempts } }

    /// The writes of every step that is durable.
    var durable: [[StoreWrite]] { state.withLock { $0.durable } }

    func set(_ disk: Disk) { state.withLock { $0.disk = disk } }

    /// The next commit does not come back until it is let go.
    func hold() { state.withLock { $0.isHeld = true } }

    func letGo() {
        state.withLock { $0.isHeld = false }
        gate.signal()
    }

    func commit(_ batch: [[StoreWrite]]) throws(StoreError) -> UInt64 {
        let isHeld = state.withLock { state in
            state.attempts += 1
            return state.isHeld
        }
        if isHeld { gate.wait() }
        let disk = state.withLock { state in
            if state.disk == .good {
                state.durable += batch
                for write in batch.joined() { state.apply(write) }
            }
            return state.disk
        }
        switch disk {
        case .good: return 1
        case .full: throw StoreError(.full, "a test")
        case .broken: throw StoreError(.outcomeUnknown, "a test")
        }
    }

    // MARK: Rows

    /// Looks at rows, and looks in vain.
    var reads: Int { state.withLock { $0.reads } }

    func breakReads(_ problem: StoreError = .damaged("a test")) {
        state.withLock { $0.readProblem = problem }
    }

    /// Changes a row behind everybody's back.
    func tamper(_ table: String, _ key: String, _ value: [UInt8]?) {
        state.withLock { $0.rows[table, default: [:]][key] = value }
    }

    func rows(of table: String) -> [String: [UInt8]] { state.withLock { $0.rows[table] ?? [:] } }

    func values(of table: String, keys: [String]) throws(StoreError) -> [String: [UInt8]] {
        let (found, problem) = state.withLock { state in
            state.reads += 1
            return (state.rows[table]?.filter { keys.contains($0.key) } ?? [:], state.readProblem)
        }
        if let problem { throw problem }
        return found
    }

    func entries(
        of table: String,
        in keys: KeyRange,
        limit: Int,
        newestFirst: Bool
    ) throws(StoreError) -> [StoreEntry] {
        let found = rows(of: table)
            .filter { key, _ in
                (keys.after.map { key > $0 } ?? true) && (keys.before.map { key < $0 } ?? true)
            }
            .sorted { newestFirst ? $0.key > $1.key : $0.key < $1.key }
        return found.prefix(limit).map { StoreEntry(table: table, key: $0.key, value: $0.value) }
    }

    // MARK: What the driver does not ask for

    private func unused() -> Never { preconditionFailure("the driver does not read the store") }

    func load(leavingOut tables: Set<String>) -> StoreContents { unused() }
    func events(after: UInt64, limit: Int, matching filter: EventFilter) -> [EventRecord] {
        unused()
    }
    func latestEvents(limit: Int, matching filter: EventFilter) -> [EventRecord] { unused() }
    func pruneEvents(keeping: Int, olderThan cutoff: WallTime?, batch: Int) -> Int { unused() }
    func audit(from: UInt64, limit: Int) -> [AuditRecord] { unused() }
    func verifyAudit(against checkpoint: AuditCheckpoint?) -> AuditVerdict { unused() }
    func checkpoint() -> AuditCheckpoint { unused() }
    func backup(to path: String, at wall: WallTime) -> BackupManifest { unused() }
    func close() {}
}
