import ControllerCore
import Protocol
import Synchronization

/// Whether the disk is short of room: said by the thread that decides, seen by all.
final class Shortage: Sendable {
    private let flag = Atomic<Bool>(false)
    private let stalled = Atomic<Bool>(false)

    var isOn: Bool { flag.load(ordering: .relaxed) }

    /// The journal cannot be written now: what is read may be decided and not durable. Whoever was
    /// given such a thing sees this on until all of it is durable.
    var isStalled: Bool { stalled.load(ordering: .acquiring) }

    func set(isStalled: Bool, isShort: Bool) {
        stalled.store(isStalled, ordering: .releasing)
        flag.store(isStalled || isShort, ordering: .relaxed)
    }

    static let refusal = Refused(
        .storage,
        "the disk of the controller is full: nothing can be changed",
        mend: "free space in the controller's state directory; try again then"
    )
}
