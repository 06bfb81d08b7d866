import NIOCore
import Synchronization

/// Events as they came, and a way to wait for one. A wait that is never answered ends with the
/// suite's time limit.
final class Inbox<Event: Sendable>: Sendable {
    private struct Waiter {
        var id: Int
        var matches: @Sendable ([Event]) -> Bool
        var continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var events: [Event] = []
        var waiters: [Waiter] = []
        var nextID = 0
    }

    private let state = Mutex(State())

    var events: [Event] { state.withLock { $0.events } }

    func put(_ event: Event) {
        let ready = state.withLock { state in
            state.events.append(event)
            let events = state.events
            let ready = state.waiters.filter { $0.matches(events) }
            state.waiters.removeAll { waiter in ready.contains { $0.id == waiter.id } }
            return ready.map(\.continuation)
        }
        for continuation in ready { continuation.resume() }
    }

    /// Waits until the events so far satisfy the condition.
    func wait(until matches: @escaping @Sendable ([Event]) -> Bool) async {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    if Task.isCancelled || matches(state.events) { return true }
                    state.waiters.append(
                        Waiter(id: id, matches: matches, continuation: continuation)
                    )
                    return false
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                let found = state.waiters.first { $0.id == id }
                state.waiters.removeAll { $0.id == id }
                return found
            }
            waiter?.continuation.resume()
        }
    }

    /// Waits for the first event of which the function makes something.
    func first<Value>(_ value: @escaping @Sendable (Event) -> Value?) async throws -> Value {
        await wait { events in events.contains { value($0) != nil } }
        guard let found = events.lazy.compactMap(value).first else { throw CancellationError() }
        return found
    }
}

/// Waits for a condition that nobody tells of, such as a counter. The event loop's timer is used
/// because it needs no further descriptor: there is a test that has none left.
func eventually(_ condition: () -> Bool) async throws {
    while !condition() {
        try Task.checkCancellation()
        try await group.any().scheduleTask(in: .milliseconds(2)) {}.futureResult.get()
    }
}
