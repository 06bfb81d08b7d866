import Host
import Model
import Synchronization

/// Token buckets, one for each of those who ask: nobody's flood takes what is another's.
final class RateGates<Key: Hashable & Sendable>: Sendable {
    private struct State {
        var buckets: [Key: TokenBucket] = [:]
        /// Those over the rate since the last that was not.
        var missed: [Key: Int] = [:]
    }

    private let interval: Duration
    private let burst: Int
    private let keysMax: Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - interval: after which one more may come.
    ///   - burst: how many may come at once.
    ///   - keysMax: how many are told apart; where all of these are at it, nobody else passes.
    init(every interval: Duration, burst: Int, keysMax: Int = 1_024) {
        self.interval = interval
        self.burst = burst
        self.keysMax = keysMax
    }

    /// - Returns: nil when this one is over the rate; else how many of the same were since the last
    ///   that was not.
    func take(_ key: Key, at now: Instant = BootClock.now()) -> Int? {
        state.withLock { state in
            if state.buckets[key] == nil, state.buckets.count >= keysMax {
                forgetIdle(&state, at: now)
                guard state.buckets.count < keysMax else { return nil }
            }
            let fresh = TokenBucket(every: interval, burst: burst, at: now)
            guard state.buckets[key, default: fresh].take(at: now) else {
                state.missed[key, default: 0] += 1
                return nil
            }
            return state.missed.removeValue(forKey: key) ?? 0
        }
    }

    private func forgetIdle(_ state: inout State, at now: Instant) {
        for key in Array(state.buckets.keys) where state.buckets[key]!.isFull(at: now) {
            state.buckets[key] = nil
            state.missed[key] = nil
        }
    }
}
