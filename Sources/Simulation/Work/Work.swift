import AgentCore
import ControllerCore
import Model
import Protocol

/// The tasks of a world: who submits them, what runs them, and who looks on.
final class Work {
    unowned let world: World
    private(set) var clients: Clients!
    private(set) var checks: TaskChecks!
    private(set) var followers: Followers!
    /// What each handler is declared as, where the nodes agree.
    private let deliveries: [DeliveryPolicy]
    /// What of them is drainable, by a generator of its own: seeds without such handlers are what they
    /// were.
    private var kinds: SeededGenerator

    static let handlers: [(name: HandlerName, types: [TaskType])] = [
        ("mover", [.push, .pull]), ("crypt", [.pgp]), ("watch", [.folderMonitor, .maintenance]),
    ]

    init(world: World) {
        self.world = world
        deliveries = Self.handlers.map { _ in Self.someDelivery(world) }
        kinds = SeededGenerator(seed: world.seed ^ 0x6472_6169_6e73_5f5f)
        clients = Clients(world: world)
        checks = TaskChecks(world: world)
        followers = Followers(world: world)
    }

    private static func someDelivery(_ world: World) -> DeliveryPolicy {
        [.exclusive, .exclusive, .exclusive, .idempotent, .atMostOnce][
            Int(world.chance.below(5))
        ]
    }

    func begin() {
        world.operators.prepareTasks()
        clients.begin()
        if world.plan.has(.reload) { reloadForever() }
        if world.plan.has(.following) { followers.begin() }
    }

    /// Beside the other faults: a change matters only where it meets orders that are under way.
    private func reloadForever() {
        world.after(world.between(second, 15 * second)) { world in
            guard !world.isCalm else { return }
            world.reload(world.hosts[Int(world.chance.below(UInt64(world.hosts.count)))])
            self.reloadForever()
        }
    }

    func calmDown() {
        for host in world.hosts {
            for leash in host.taskLeashes { leash.comeToAnEnd() }
        }
        clients.calmDown()
    }

    // MARK: Handlers

    private func someKind() -> HandlerDefinition.Kind {
        world.plan.has(.drains) && kinds.chance(perMille: 600) ? .drainable : .exclusive
    }

    func someHandlers() -> [HandlerDefinition] {
        var handlers: [HandlerDefinition] = []
        for (index, handler) in Self.handlers.enumerated() where world.happens(perMille: 850) {
            let differs = world.plan.has(.taskDeliveries) && world.happens(perMille: 250)
            handlers.append(
                HandlerDefinition(
                    name: handler.name,
                    types: handler.types,
                    program: ["/bin/\(handler.name)"],
                    kind: someKind(),
                    slots: someSlots(),
                    prefetch: UInt16(world.between(0, 2)),
                    delivery: differs ? Self.someDelivery(world) : deliveries[index],
                    timeLimit: world.happens(perMille: 500)
                        ? .seconds(world.between(2, 10)) : nil,
                    stopGrace: .milliseconds(world.between(100, 3_000)),
                    permanentStatuses: [9],
                    outputBytesMax: Int(world.between(0, 6_000))
                )
            )
        }
        return handlers
    }

    /// Mostly few: where nothing waits there is nothing to direct.
    private func someSlots() -> UInt16 { [1, 1, 1, 2, 4][Int(world.chance.below(5))] }

    /// What an administrator has changed in the file of a node: how many, and which there are.
    func changed(_ handlers: [HandlerDefinition]) -> [HandlerDefinition] {
        var changed = handlers
        for index in changed.indices {
            changed[index].slots = someSlots()
            changed[index].prefetch = UInt16(world.between(0, 2))
            if world.plan.has(.drains), kinds.chance(perMille: 400) {
                changed[index].kind = someKind()
            }
            if world.plan.has(.taskDeliveries), world.happens(perMille: 600) {
                changed[index].delivery =
                    world.happens(perMille: 500) ? .idempotent : Self.someDelivery(world)
            }
        }
        if changed.count > 1, world.happens(perMille: 300) { changed.removeLast() }
        return changed
    }

    // MARK: Programs

    func somePlan(of attempt: TaskAttempt) -> ProgramPlan {
        let length = Int(world.happens(perMille: 100) ? world.between(0, 8_000) : 40)
        let word = Array("\(attempt);".utf8)
        var plan = ProgramPlan(
            time: someTime(),
            exit: .exited(status: 0),
            output: (0..<length).map { word[$0 % word.count] },
            endsWellWhenAsked: world.happens(perMille: 300)
        )
        guard !world.isCalm else { return plan }
        if world.plan.has(.taskFails) {
            switch world.chance.below(100) {
            case 0..<15: plan.exit = .exited(status: 1)
            case 15..<19: plan.exit = .exited(status: 9)
            case 19..<22: plan.exit = .signaled(11)
            default: break
            }
        }
        if world.plan.has(.taskHangs), world.happens(perMille: 60) { plan.time = nil }
        return plan
    }

    private func someTime() -> Int64 {
        guard !world.isCalm else { return world.between(millisecond, 300 * millisecond) }
        switch world.chance.below(10) {
        case 0..<6: return world.between(millisecond, 800 * millisecond)
        case 6..<9: return world.between(second, 6 * second)
        default: return world.between(6 * second, 25 * second)
        }
    }

    /// 1 minute load average, in thousandths; two processors.
    func someLoad() -> UInt32 {
        guard !world.isCalm, world.happens(perMille: 300) else { return 100 }
        return UInt32(world.between(0, 6_000))
    }
}

extension World {
    /// The configuration of a node is read anew.
    func reload(_ host: AgentHost) {
        guard let work, host.process.isAlive else { return }
        host.handlers = work.changed(host.handlers)
        work.checks.follow(host)
        host.run { _ in
            host.step(
                .reconfigured(
                    host.definitions,
                    sharedPaths: ["/shared"],
                    handlers: host.handlers,
                    dataSets: host.dataSets
                )
            )
        }
    }
}
