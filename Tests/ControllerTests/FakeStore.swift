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
            if state.disk == .good { state.durable += batch }
            return state.disk
        }
        switch disk {
        case .good: return 1
        case .full: throw StoreError(.full, "a test")
        case .broken: throw StoreError(.outcomeUnknown, "a test")
        }
    }

    // MARK: What the driver does not ask for

    private func unused() -> Never { preconditionFailure("the driver does not read the store") }

    func load() -> StoreContents { unused() }
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
