import ControllerCore
import Synchronization

/// Durable events, as they become durable, for everybody who follows them.
///
/// A follower that is slow loses the oldest it has not read; the numbers of the events tell it so,
/// and it can read the gap from the store.
final class EventFeed: Sendable {
    static let bufferMax = 256
    static let followersMax = 256

    private struct State {
        var next: UInt64 = 0
        var followers: [UInt64: AsyncStream<ClusterEvent>.Continuation] = [:]
        var bells: [@Sendable () -> Void] = []
        var isFinished = false
    }

    private let state = Mutex(State())

    /// - Returns: nil when there are too many followers, or the program stops.
    func follow() -> AsyncStream<ClusterEvent>? {
        let (stream, continuation) = AsyncStream.makeStream(
            of: ClusterEvent.self,
            bufferingPolicy: .bufferingNewest(Self.bufferMax)
        )
        let number = state.withLock { state -> UInt64? in
            guard !state.isFinished, state.followers.count < Self.followersMax else { return nil }
            state.next += 1
            state.followers[state.next] = continuation
            return state.next
        }
        guard let number else { return nil }
        continuation.onTermination = { [weak self] _ in
            _ = self?.state.withLock { $0.followers.removeValue(forKey: number) }
        }
        return stream
    }

    /// Has somebody rung for who reads the events from the store. It must return at once.
    func ring(_ bell: @escaping @Sendable () -> Void) {
        state.withLock { $0.bells.append(bell) }
    }

    func publish(_ event: ClusterEvent) {
        let (followers, bells) = state.withLock { (Array($0.followers.values), $0.bells) }
        for follower in followers { follower.yield(event) }
        for bell in bells { bell() }
    }

    func finish() {
        let followers = state.withLock { state in
            state.isFinished = true
            return Array(state.followers.values)
        }
        for follower in followers { follower.finish() }
    }
}
