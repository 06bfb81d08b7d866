import ControllerCore
import Model
import Protocol

/// Those who follow tasks at the console: each looks at one for a while, twice a second, as the
/// controller's shell does for them.
final class Followers {
    unowned let world: World
    private static let interval = 500 * millisecond

    init(world: World) {
        self.world = world
    }

    func begin() {
        world.after(15 * second) { _ in self.work() }
    }

    private func work() {
        world.after(world.between(0, 4 * second)) { world in
            guard !world.isCalm else { return }
            if let checks = world.work?.checks, let id = checks.someTasks().first {
                self.follow(id, until: world.now + world.between(0, 20 * second))
            }
            self.work()
        }
    }

    private func follow(_ id: TaskID, until end: Int64) {
        world.controller.run { world in
            world.controller.step(.followed(id))
            self.look(at: id)
        }
        guard world.now < end, !world.isCalm else { return }
        world.after(Self.interval) { _ in self.follow(id, until: end) }
    }

    /// What is shown of a running attempt is what it has written, in its place.
    private func look(at id: TaskID) {
        guard let machine = world.controller.machine, let view = machine.work.following(id),
            view.live.attempt > 0
        else { return }
        let live = view.live
        let attempt = TaskAttempt(task: id, attempt: live.attempt)
        if live.bytes.count > LiveOutput.bytesMax {
            world.fail("\(live.bytes.count) bytes of \(attempt) are kept while it runs")
        }
        if world.work?.checks.hasWritten(live.bytes, at: live.offset, attempt) != true {
            world.fail("what is shown of \(attempt) is not what it has written")
        }
    }
}
