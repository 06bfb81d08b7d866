import AgentCore
import ControllerCore
import Model
import Protocol

/// What must hold of tasks, seen from outside the machines: from what becomes durable, from the
/// processes that run, and from the lines that are said.
final class TaskChecks {
    /// What is followed of one task.
    struct View {
        var record: TaskRecord
        var payload: [UInt8]
        /// As the store has it; nil while there is no record of it: it waits.
        var state: TaskStateRecord?
        var end: TaskEndRecord?
        /// The highest attempt that was ever executed.
        var highestStart: UInt16 = 0
        /// The machine that has executed it, where it may be executed once: no operator has given it
        /// again since.
        var spentOn: Int?
        /// It was accepted after the backup that took the store's place was made.
        var isLost = false

        var attempt: UInt16 { state?.attempt ?? 0 }
        var stands: TaskState { end?.state ?? state?.state ?? .waiting }
    }

    /// How one attempt was executed.
    struct Execution {
        var host: Int
        var exit: LeashExit?
        var output: [UInt8]
    }

    unowned let world: World
    var tasks = OrderedTable<TaskID, View>()
    /// Live tasks of each exclusive key. Only looked up.
    var keyed: [String: [TaskID]] = [:]
    /// As each attempt was given. Only looked up.
    var deliveries: [TaskAttempt: DeliveryPolicy] = [:]
    /// Those that the controller knew as drainable when it gave them. Only looked up.
    var drainables: Set<TaskAttempt> = []
    var executions = OrderedTable<TaskAttempt, Execution>()
    /// Attempts whose journal says that they are done. Only looked up.
    var journaledDone: Set<TaskAttempt> = []
    /// Those whose output was asked for while they ran. Only looked up.
    var askedFor: Set<TaskAttempt> = []
    /// Those whose start a journal has. Only looked up.
    var journaledStarts: Set<TaskAttempt> = []
    /// Which task each job became.
    var tasksOfJobs = OrderedTable<Int, TaskID>()
    /// Which task each idempotency key has. Only looked up.
    var keyOwners: [String: TaskID] = [:]
    /// Tasks that each node has, with their handlers.
    var held = OrderedTable<NodeID, OrderedTable<TaskID, HandlerName>>()
    /// Session numbers under which nothing runs on a node any more.
    var fenced = OrderedTable<NodeID, UInt32>()
    /// The same of nothing exclusive.
    var exclusivelyFenced = OrderedTable<NodeID, UInt32>()
    /// Attempts that were told as held since the last HELLO, by machine. Only looked up.
    var told: [Int: Set<TaskAttempt>] = [:]
    /// The most that each handler of each machine ever took. Only looked up.
    var places: [Int: [HandlerName: Int]] = [:]
    private var lastSweep: Int64 = 0

    init(world: World) {
        self.world = world
    }

    func node(of host: AgentHost) -> NodeID? { host.identity?.node }

    /// It was copied or set back: what its journal said may be gone.
    func isDoubtful(_ node: NodeID?) -> Bool {
        node.map { world.checks.nodes[$0]?.isDoubtful ?? false } ?? false
    }

    func isDoubtful(_ host: AgentHost) -> Bool { host.isClone || isDoubtful(node(of: host)) }

    /// Its machine's state was set back to an older one.
    func isSetBack(_ host: AgentHost) -> Bool {
        node(of: host).map { world.checks.nodes[$0]?.isSetBack ?? false } ?? false
    }

    /// May another attempt run beside this one? As the controller knew its handler when it gave it.
    func mayOverlap(_ attempt: TaskAttempt) -> Bool {
        deliveries[attempt] == .idempotent
            && tasks[attempt.task]?.record.submission.exclusiveKey == nil
    }

    /// May it end at a site that a planned run has left? As both the controller and the node knew its
    /// handler when it was given, and launched.
    func isDrainable(_ leash: TaskLeash) -> Bool {
        drainables.contains(leash.attempt) && leash.launch.definition.kind == .drainable
    }

    /// What drains runs under an old token where, and as long as, its node is let; all else ends, within S
    /// and P of the second it is given to end by itself after its agent was told.
    func checkDrains() {
        let grace = Duration.seconds(1)
        let patience = (grace + world.terms.stopTime + world.terms.pauseTime).nanoseconds
        for host in world.hosts where host.process.isAlive && !host.process.isPaused {
            guard world.now > host.toldTokenAt + patience, !isDoubtful(host) else { continue }
            for leash in host.taskLeashes
            where leash.isRunningSomething && isDrainable(leash) && leash.agentLife != nil {
                var token = leash.launchToken
                token.work = nil
                guard token < host.toldToken else { continue }
                if host.toldDrains.map({ token >= $0 }) != true {
                    world.fail(
                        "\(leash.name) drains under \(token), and \(host.toldToken) was told"
                    )
                }
            }
        }
    }

    func follow(_ host: AgentHost) {
        for handler in host.handlers {
            let most = Int(handler.slots) + Int(handler.prefetch)
            places[host.index, default: [:]][handler.name] = max(
                most,
                places[host.index]?[handler.name] ?? 0
            )
        }
    }

    /// Some that were accepted, for an operator to do something with.
    func someTasks() -> [TaskID] {
        let ids = tasks.keys.filter { tasks[$0]?.isLost == false }
        guard !ids.isEmpty else { return [] }
        let wanted = ids.filter { tasks[$0]?.end == nil }
        let from = wanted.isEmpty || world.happens(perMille: 100) ? ids : wanted
        let dead = wanted.filter {
            tasks[$0]?.stands == .failed || tasks[$0]?.stands == .unknown
        }
        let pool = dead.isEmpty || world.happens(perMille: 500) ? from : dead
        return (0..<world.between(1, 3)).map { _ in
            pool[Int(world.chance.below(UInt64(pool.count)))]
        }
    }

    // MARK: Looked at all the time

    func inspect() {
        checkDrains()
        guard world.now - lastSweep >= second, let machine = world.controller.machine else {
            return
        }
        lastSweep = world.now
        var counts = WorkCounts.Recount()
        machine.work.forEachTask(after: nil) { view in
            counts.add(view)
            check(view, machine)
            return world.failure == nil
        }
        if let problem = counts.difference(from: machine.work.counts) {
            world.fail("the counts are not what there is: \(problem)")
        }
    }

    /// Every waiting task says why; every assigned one why there.
    private func check(_ view: TaskView, _ machine: ControllerMachine) {
        switch view.state {
        case .waiting, .delayed, .assigned:
            guard let why = machine.work.explain(view.id), !why.text.isEmpty else {
                return world.fail("task \(view.id) is \(view.state.rawValue), and nothing says why")
            }
            if view.state == .waiting, why.text.hasPrefix("it waits for room on") {
                checkRoom(view, why, machine)
            }
        case .failed, .unknown, .done, .cancelled: break
        }
        if view.state == .assigned, let assignment = view.assignment,
            machine.work.views[assignment.decision.view] == nil
        {
            world.fail("task \(view.id) was decided on a view that is gone")
        }
    }

    /// A task that waits for room must not stand beside a node that has some.
    private func checkRoom(_ view: TaskView, _ why: Explanation, _ machine: ControllerMachine) {
        for candidate in why.candidates
        where candidate.isPreferred && candidate.room.hasPrefix("room:") {
            world.fail("task \(view.id) waits, and \(candidate.entry.node) has \(candidate.room)")
        }
    }
}

extension WorkCounts {
    /// What there is, counted one by one.
    struct Recount {
        var counts = OrderedTable<String, UInt64>()
        var bytes: UInt64 = 0

        mutating func add(_ view: TaskView) {
            counts[view.state.rawValue] = (counts[view.state.rawValue] ?? 0) + 1
            bytes += UInt64(view.payloadBytes)
        }

        func difference(from told: WorkCounts) -> String? {
            let all: [(TaskState, UInt64)] = [
                (.waiting, told.waiting), (.delayed, told.delayed), (.assigned, told.assigned),
                (.failed, told.failed), (.unknown, told.unknown),
            ]
            for (state, count) in all where counts[state.rawValue] ?? 0 != count {
                return "\(counts[state.rawValue] ?? 0) are \(state.rawValue), told are \(count)"
            }
            return bytes == told.bytes ? nil : "\(bytes) bytes, told are \(told.bytes)"
        }
    }
}
