import ControllerCore
import Protocol
import Synchronization

/// Whether the disk is short of room: said by the thread that decides, seen by all.
final class Shortage: Sendable {
    private let flag = Atomic<Bool>(false)

    var isOn: Bool { flag.load(ordering: .relaxed) }

    func set(_ isOn: Bool) { flag.store(isOn, ordering: .relaxed) }

    static let refusal = Refused(
        .storage,
        "the disk of the controller is full: nothing can be changed",
        mend: "free space in the controller's state directory; try again then"
    )
}
