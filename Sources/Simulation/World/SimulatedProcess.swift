/// A process that can be stopped, resumed and killed. What happens to it while it is stopped waits.
final class SimulatedProcess {
    /// Raised at each start and end: what was meant for an earlier life is dropped.
    private(set) var life = 0
    private(set) var isAlive = false
    private(set) var isPaused = false
    private var backlog: [(World) -> Void] = []

    func start() {
        life += 1
        isAlive = true
        isPaused = false
        backlog = []
    }

    func end() {
        life += 1
        isAlive = false
        isPaused = false
        backlog = []
    }

    func pause() {
        if isAlive { isPaused = true }
    }

    func resume(in world: World) {
        guard isPaused else { return }
        isPaused = false
        let waiting = backlog
        backlog = []
        let life = life
        for action in waiting where self.life == life { run(in: world, life: life, action) }
    }

    /// Does it now, or when the process is resumed; never in another life than `life`.
    func run(in world: World, life: Int, _ action: @escaping (World) -> Void) {
        guard isAlive, self.life == life else { return }
        if isPaused {
            backlog.append(action)
        } else {
            action(world)
        }
    }
}
