import Dispatch
import Glibc
import Host
import Model

/// Everything here that takes time is awaited, and nothing is slept through: a condition is asked
/// again and again until it holds or its time is over. The limits are generous, because a machine
/// with two busy cores is slow; what holds is noticed at once.
func eventually(
    within limit: Duration = .seconds(60),
    _ condition: () async throws -> Bool
) async rethrows -> Bool {
    let end = BootClock.now() + limit
    while true {
        if try await condition() { return true }
        if BootClock.now() >= end { return false }
        await onThread { _ = poll(nil, 0, 50) }
    }
}

/// A value that is awaited: the first that is not nil.
func awaited<Value>(
    within limit: Duration = .seconds(60),
    _ what: String,
    _ find: () async throws -> Value?
) async throws -> Value {
    var found: Value?
    let isThere = try await eventually(within: limit) {
        found = try await find()
        return found != nil
    }
    guard isThere, let found else { throw Unmet(what: "\(what), within \(limit.forPeople)") }
    return found
}

/// What was awaited and did not come.
struct Unmet: Error, CustomStringConvertible {
    var what: String

    var description: String { "awaited in vain: \(what)" }
}

/// Runs what blocks on a thread of its own, so that the tests of other targets, which share the
/// process, go on.
func onThread<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result {
    await withCheckedContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(returning: body()) }
    }
}

/// How many clusters may live at the same time; each is half a dozen processes.
actor Places {
    static let clusters = Places(2)

    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(_ count: Int) { free = count }

    func enter() async {
        if free > 0 {
            free -= 1
        } else {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    func leave() {
        if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
    }
}
