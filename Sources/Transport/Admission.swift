public import Host
public import Model
public import NIOCore
import Synchronization

/// Who is inside, counted against the limits.
///
/// A connection is a handshake first, then a stranger or a member; each of the three is counted for
/// itself. Anybody can hold a handshake open without a word, so where there are too many the oldest
/// gives way, and not the one that comes: of the address that has most, so that who has few is not
/// driven out by who has many. A stranger has done something for his place, and keeps it.
public final class Admission: Sendable {
    /// Turns a connection away whose handshake gives way. Called on any thread.
    public typealias Displacement = @Sendable (CloseReason) -> Void

    /// A connection's place, for as long as the connection is open.
    public struct Place: Hashable, Sendable {
        let number: UInt64
        let key: AddressKey
    }

    public enum Entry: Sendable {
        case admitted(Place)
        case refused(CloseReason)
    }

    private enum Standing {
        case handshake(since: Instant, Displacement)
        case stranger
        case member(holder: String?)
    }

    private struct State {
        var next: UInt64 = 0
        var standings: [UInt64: Standing] = [:]
        var handshakes = Tally()
        var strangers = Tally()
        var members = 0
        var membersOfHolder: [String: Int] = [:]
        /// Open handshakes, oldest first.
        var queue: [Place] = []
    }

    /// How long a handshake has for itself where those that would give way are no worse than the one
    /// that comes: of its own address, or each of another one. A server under load makes as many as
    /// there are places in less; where many come at once none would end if each drove out another.
    static let patience: Duration = .milliseconds(500)

    private let strangersMax: Int
    private let strangersPerAddressMax: Int
    private let membersMax: Int
    private let membersPerHolderMax: Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - strangersMax: connections that have shown no certificate, and as many handshakes.
    ///   - strangersPerAddressMax: the same from one address.
    ///   - membersMax: the others.
    ///   - membersPerHolderMax: of these, those of one holder, where holders are told apart.
    public init(
        strangersMax: Int,
        strangersPerAddressMax: Int,
        membersMax: Int,
        membersPerHolderMax: Int = .max
    ) {
        self.strangersMax = strangersMax
        self.strangersPerAddressMax = strangersPerAddressMax
        self.membersMax = membersMax
        self.membersPerHolderMax = membersPerHolderMax
    }

    convenience init(_ settings: LineServerSettings) {
        self.init(
            strangersMax: settings.strangersMax,
            strangersPerAddressMax: settings.strangersPerAddressMax,
            membersMax: settings.membersMax
        )
    }

    /// Handshakes count as strangers here.
    var open: (strangers: Int, members: Int) {
        state.withLock { ($0.handshakes.count + $0.strangers.count, $0.members) }
    }

    /// Counts a new connection as a handshake.
    ///
    /// - Returns: its place, or why it is turned away, in which case it is not counted.
    public func enter(
        _ key: AddressKey,
        at now: Instant = BootClock.now(),
        displacement: @escaping Displacement
    ) -> Entry {
        let (entry, displaced) = state.withLock { state -> (Entry, (CloseReason, Displacement)?) in
            var displaced: (CloseReason, Displacement)?
            if let reason = excess(key, state.handshakes) {
                guard let oldest = yielding(to: key, reason, state, at: now),
                    case .handshake(_, let displacement) = state.standings[oldest.number]
                else { return (.refused(reason), nil) }
                Self.remove(oldest, from: &state)
                displaced = (reason, displacement)
            }
            state.next += 1
            let place = Place(number: state.next, key: key)
            state.standings[place.number] = .handshake(since: now, displacement)
            state.handshakes.add(key)
            state.queue.append(place)
            return (.admitted(place), displaced)
        }
        if let (reason, displacement) = displaced { displacement(reason) }
        return entry
    }

    /// Counts a handshake that has ended without a certificate as a stranger.
    ///
    /// - Returns: why it is turned away; it stays counted as it was.
    public func becomeStranger(_ place: Place) -> CloseReason? {
        state.withLock { state in
            guard case .handshake = state.standings[place.number] else { return .tooManyStrangers }
            if let reason = excess(place.key, state.strangers) { return reason }
            Self.remove(place, from: &state)
            state.standings[place.number] = .stranger
            state.strangers.add(place.key)
            return nil
        }
    }

    /// Counts a handshake that has ended with a certificate as a member.
    ///
    /// - Parameter holder: whose certificate it was, where each may have so many.
    /// - Returns: false when there are members enough; it stays counted as it was.
    public func becomeMember(_ place: Place, of holder: String? = nil) -> Bool {
        state.withLock { state in
            guard case .handshake = state.standings[place.number], state.members < membersMax
            else { return false }
            if let holder {
                let count = state.membersOfHolder[holder, default: 0]
                guard count < membersPerHolderMax else { return false }
                state.membersOfHolder[holder] = count + 1
            }
            Self.remove(place, from: &state)
            state.standings[place.number] = .member(holder: holder)
            state.members += 1
            return true
        }
    }

    /// Gives the place back, whatever it had become; once it is given back, nothing more is.
    public func leave(_ place: Place) {
        state.withLock { Self.remove(place, from: &$0) }
    }

    private func excess(_ key: AddressKey, _ tally: Tally) -> CloseReason? {
        if tally.ofAddress[key, default: 0] >= strangersPerAddressMax { return .tooManyOfAddress }
        return tally.count >= strangersMax ? .tooManyStrangers : nil
    }

    /// The handshake that gives way to one more of an address; nil when none does.
    private func yielding(
        to key: AddressKey,
        _ reason: CloseReason,
        _ state: State,
        at now: Instant
    ) -> Place? {
        let counts = state.handshakes.ofAddress
        let most = reason == .tooManyOfAddress ? counts[key, default: 0] : counts.values.max() ?? 0
        let oldest = state.queue.first { place in
            reason == .tooManyOfAddress ? place.key == key : counts[place.key] == most
        }
        guard let oldest, case .handshake(let since, _) = state.standings[oldest.number] else {
            return nil
        }
        // Who would have fewer than the other even then takes the place at once.
        let isFewer = reason != .tooManyOfAddress && counts[key, default: 0] + 1 < most
        return isFewer || now - since >= Self.patience ? oldest : nil
    }

    private static func remove(_ place: Place, from state: inout State) {
        switch state.standings.removeValue(forKey: place.number) {
        case .handshake:
            state.handshakes.remove(place.key)
            state.queue.removeAll { $0.number == place.number }
        case .stranger: state.strangers.remove(place.key)
        case .member(let holder):
            state.members -= 1
            guard let holder else { return }
            let left = state.membersOfHolder[holder, default: 1] - 1
            state.membersOfHolder[holder] = left > 0 ? left : nil
        case nil: break
        }
    }
}

/// So many, and how many of each address.
private struct Tally {
    private(set) var count = 0
    private(set) var ofAddress: [AddressKey: Int] = [:]

    mutating func add(_ key: AddressKey) {
        count += 1
        ofAddress[key, default: 0] += 1
    }

    mutating func remove(_ key: AddressKey) {
        count -= 1
        let left = ofAddress[key, default: 1] - 1
        ofAddress[key] = left > 0 ? left : nil
    }
}

/// Told in a connection whose handshake gives way to another one.
public struct Displaced: Sendable {
    public let reason: CloseReason

    /// Tells it to the handlers of a channel, on any thread.
    public static func telling(_ channel: any Channel) -> Admission.Displacement {
        { [pipeline = channel.pipeline] reason in
            pipeline.fireUserInboundEventTriggered(Displaced(reason: reason))
        }
    }
}
