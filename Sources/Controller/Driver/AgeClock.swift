import ControllerCore
import Model

/// Tells how old a record has become. A wall clock that jumps forward would make everything old at
/// once: histories, and idempotency keys that must be honoured. So what is told here goes no faster
/// than the clock of this boot, from a time on that was seen before.
///
/// What it tells may be behind the wall clock: by as long as the controller was off before its present
/// start. Then things are kept that much longer.
struct AgeClock: Sendable {
    private let anchor: Moment

    /// - Parameters:
    ///   - seen: when the last thing that the store knows of happened; nil for an empty store. A clock
    ///     that was wrong when the machine booted is ahead of it.
    init(since start: Moment, lastSeen seen: WallTime?) {
        anchor = Moment(instant: start.instant, wall: min(seen ?? start.wall, start.wall))
    }

    func time(at now: Moment) -> WallTime {
        min(now.wall, anchor.wall + (now.instant - anchor.instant))
    }
}
