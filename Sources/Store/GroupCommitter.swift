import Dispatch
import Foundation
import Synchronization

/// Commits steps on a thread of its own, all that wait in one transaction.
///
/// Steps become durable in the order they were submitted. After a failure no later step is
/// committed, since it was decided on top of those that failed: `onFailure` is called once,
/// ``submit(ticket:writes:)`` refuses, and what waits is kept. After a full disk, ``retry()`` goes
/// on where it stopped; after anything else the store must be reopened.
public final class GroupCommitter: Sendable {
    /// Steps that go into one transaction at most.
    public static let stepsPerCommitMax = 512

    private struct Step {
        let ticket: UInt64
        let writes: [StoreWrite]
    }

    private struct Waiting {
        var steps: [Step] = []
        var lastTicket: UInt64 = 0
        var failure: StoreError?
        var isStopping = false
    }

    private let store: any Store
    private let queueLimit: Int
    private let onDurable: @Sendable (UInt64) -> Void
    private let onFailure: @Sendable (StoreError) -> Void
    private let waiting = Mutex(Waiting())
    private let wake = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)

    /// - Parameters:
    ///   - queueLimit: steps that may wait or be under way; more are refused.
    ///   - onDurable: called on the committer's thread with the highest durable ticket.
    ///   - onFailure: called on the committer's thread, once until ``retry()``.
    public init(
        store: any Store,
        queueLimit: Int,
        onDurable: @escaping @Sendable (UInt64) -> Void,
        onFailure: @escaping @Sendable (StoreError) -> Void
    ) {
        precondition(queueLimit > 0, "queueLimit \(queueLimit)")
        self.store = store
        self.queueLimit = queueLimit
        self.onDurable = onDurable
        self.onFailure = onFailure
        let thread = Thread { [self] in run() }
        thread.name = "muster-commit"
        thread.start()
    }

    /// Takes a step. `ticket` is higher than that of every step before.
    ///
    /// - Throws: ``StoreError/Code/refused`` when the queue is full or the committer has stopped,
    ///   and the failure itself after one. The step was not taken.
    public func submit(ticket: UInt64, writes: [StoreWrite]) throws(StoreError) {
        let refusal = waiting.withLock { waiting -> StoreError? in
            if let failure = waiting.failure { return failure }
            if waiting.isStopping { return StoreError(.refused, "the committer has stopped") }
            if waiting.steps.count >= queueLimit {
                return StoreError(.refused, "\(queueLimit) steps wait to become durable")
            }
            precondition(
                ticket > waiting.lastTicket,
                "ticket \(ticket) after \(waiting.lastTicket)"
            )
            waiting.lastTicket = ticket
            waiting.steps.append(Step(ticket: ticket, writes: writes))
            return nil
        }
        if let refusal { throw refusal }
        wake.signal()
    }

    /// After ``StoreError/Code/full``: tries again what is kept.
    public func retry() {
        waiting.withLock { waiting in
            if waiting.failure?.code == .full { waiting.failure = nil }
        }
        wake.signal()
    }

    /// Commits what waits, unless a failure forbids it, and ends the thread. Call it once, and
    /// not from a callback.
    public func stop() {
        waiting.withLock { $0.isStopping = true }
        wake.signal()
        ended.wait()
    }

    private func run() {
        var isRunning = true
        while isRunning {
            wake.wait()
            while commitWaiting() {}
            isRunning = waiting.withLock { !$0.isStopping }
        }
        ended.signal()
    }

    /// - Returns: whether something was committed, and more may wait.
    private func commitWaiting() -> Bool {
        let batch = waiting.withLock { waiting in
            waiting.failure == nil ? Array(waiting.steps.prefix(Self.stepsPerCommitMax)) : []
        }
        guard let last = batch.last else { return false }
        do throws(StoreError) {
            try store.commit(batch.map(\.writes))
        } catch {
            waiting.withLock { $0.failure = error }
            onFailure(error)
            return false
        }
        waiting.withLock { $0.steps.removeFirst(batch.count) }
        onDurable(last.ticket)
        return true
    }
}
