public import Model
import Protocol

/// The controller's machine: holds the state of the cluster and decides.
///
/// A value. `step` accepts every event in every state, never throws and never waits. The shell
/// carries out the effects in their stages (``ControllerEffects``).
public struct ControllerMachine: Hashable, Sendable {
    /// A controller that has just started on a store. It knows epochs and decisions, not instants:
    /// every node gets one fresh detection interval, every lease counts as granted just now.
    ///
    /// - Parameters:
    ///   - records: everything the store holds, in any order.
    ///   - lastEventSequence: of the store's event log; 0 when it is empty.
    ///   - seed: for jitter; any number.
    public static func started(
        settings: ControllerSettings,
        records: [Record],
        lastEventSequence: UInt64,
        seed: UInt64,
        at now: Moment
    ) -> (ControllerMachine, ControllerEffects) {
        (ControllerMachine(), ControllerEffects())
    }

    public mutating func step(_ event: ControllerEvent, at now: Moment) -> ControllerEffects {
        ControllerEffects()
    }

    /// When the machine wants `.deadlineReached` at the latest; nil when nothing is due.
    public var nextDeadline: Instant? { nil }
}
