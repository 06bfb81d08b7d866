import Model

/// The clock that schedules go by: the one on the wall, but no faster than the boot clock.
///
/// How far a schedule has fired is durable. A wall clock that is far ahead for a moment would take it
/// along, and nothing would fire until the time is there. So one that is ahead by more than a firing may be
/// late is not followed before it has been so for a while; meanwhile time goes on from where it was.
public struct SteadyClock: Hashable, Sendable {
    /// Of more than this the wall clock is not believed at once.
    static let stepMax = ScheduleBook.tolerance
    /// What it has shown for so long is taken for right: it was wrong before, or this machine was frozen
    /// together with its clocks.
    static let trustAfter: Duration = .seconds(600)

    enum News: Hashable, Sendable {
        /// By so much.
        case ahead(Duration)
        case backInTime
        case trusted
    }

    /// When the wall clock was believed last.
    private var anchor: Moment
    /// Since when it is ahead, or behind, by more than it may be.
    private var offSince: Instant?
    /// It is ahead, and was told of.
    public private(set) var isHeld = false

    init(at now: Moment) { anchor = now }

    private func expected(_ now: Moment) -> WallTime {
        anchor.wall + (now.instant - anchor.instant)
    }

    /// Never ahead of the wall clock.
    func time(at now: Moment) -> WallTime {
        let expected = expected(now)
        return now.wall - expected > Self.stepMax ? expected : now.wall
    }

    mutating func settle(at now: Moment) -> News? {
        let ahead = now.wall - expected(now)
        if ahead >= .zero - Self.stepMax, ahead <= Self.stepMax {
            anchor = now
            offSince = nil
            defer { isHeld = false }
            return isHeld ? .backInTime : nil
        }
        let since = offSince ?? now.instant
        offSince = since
        if now.instant - since >= Self.trustAfter {
            anchor = now
            offSince = nil
            defer { isHeld = false }
            return isHeld ? .trusted : nil
        }
        guard ahead > Self.stepMax, !isHeld else { return nil }
        isHeld = true
        return .ahead(ahead)
    }
}
