import NIOCore
import Synchronization

/// Who is inside, counted against the limits.
public final class Admission: Sendable {
    private struct State {
        var strangers = 0
        var members = 0
        var strangersOfAddress: [AddressKey: Int] = [:]
    }

    private let strangersMax: Int
    private let strangersPerAddressMax: Int
    private let membersMax: Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - strangersMax: connections that have not shown a certificate (yet).
    ///   - strangersPerAddressMax: the same from one address.
    ///   - membersMax: the others.
    public init(strangersMax: Int, strangersPerAddressMax: Int, membersMax: Int) {
        self.strangersMax = strangersMax
        self.strangersPerAddressMax = strangersPerAddressMax
        self.membersMax = membersMax
    }

    convenience init(_ settings: LineServerSettings) {
        self.init(
            strangersMax: settings.strangersMax,
            strangersPerAddressMax: settings.strangersPerAddressMax,
            membersMax: settings.membersMax
        )
    }

    var open: (strangers: Int, members: Int) {
        state.withLock { ($0.strangers, $0.members) }
    }

    /// Counts a new connection as a stranger's.
    ///
    /// - Returns: why it is turned away, in which case it is not counted.
    public func enter(_ key: AddressKey) -> CloseReason? {
        state.withLock { state in
            if state.strangers >= strangersMax { return .tooManyStrangers }
            let ofAddress = state.strangersOfAddress[key, default: 0]
            if ofAddress >= strangersPerAddressMax { return .tooManyOfAddress }
            state.strangers += 1
            state.strangersOfAddress[key] = ofAddress + 1
            return nil
        }
    }

    /// Counts a stranger as a member from now on.
    ///
    /// - Returns: false when there are members enough; it stays counted as a stranger.
    public func becomeMember(_ key: AddressKey) -> Bool {
        state.withLock { state in
            guard state.members < membersMax else { return false }
            state.members += 1
            Self.removeStranger(key, &state)
            return true
        }
    }

    public func leave(_ key: AddressKey, asMember: Bool) {
        state.withLock { state in
            if asMember { state.members -= 1 } else { Self.removeStranger(key, &state) }
        }
    }

    private static func removeStranger(_ key: AddressKey, _ state: inout State) {
        state.strangers -= 1
        let left = state.strangersOfAddress[key, default: 1] - 1
        state.strangersOfAddress[key] = left > 0 ? left : nil
    }
}
