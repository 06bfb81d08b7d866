import AgentCore
import Model

/// One leash process with its group, on the clock of its machine. What it holds, and who is told of
/// it, its kinds say: ``ServiceLeash``, ``TaskLeash`` and ``WriterLeash``.
class LeashHost {
    unowned let host: AgentHost
    let name: String
    /// The token under which it was launched.
    let launchToken: FencingToken
    /// It runs under a lease: what it holds ends with it.
    let isSelfFenced: Bool
    let onDisconnect: LeashDisconnectPolicy
    let process = SimulatedProcess()
    var machine: LeashMachine
    private(set) var startState: LeashMachine
    private(set) var log: [(event: LeashEvent, at: Instant)] = []
    private(set) var group: ChildGroup?
    /// The file `exit`.
    private(set) var record: LeashReport?
    /// The life of the agent that is connected.
    var agentLife: Int?
    /// Whether the agent in that life was told that the program runs.
    var hasToldStart = false
    var isForgotten = false
    private var events: [LeashEvent] = []
    private var isDriving = false
    private var wakeNumber: UInt64 = 0
    private var waiting: [LeashOrder] = []
    private var lastToAgent: Int64 = 0
    private var lastFromAgent: Int64 = 0
    /// How late this leash acts at worst; with the stall at the start it is at most P.
    private let stall: Int64

    init(host: AgentHost, name: String, token: FencingToken, _ spec: LeashSpec) {
        self.host = host
        self.name = "leash \(host.name) \(name)"
        launchToken = token
        isSelfFenced = spec.deadline != nil
        onDisconnect = spec.onDisconnect
        machine = LeashMachine(spec, at: host.localNow)
        startState = machine
        let world = host.world
        let most = world.terms.pauseTime.nanoseconds - 5 * millisecond
        // P is for all stalls together: where leashes are stopped, their timers are in time.
        stall =
            !world.plan.has(.slowTimers) || world.plan.has(.leashPause)
            ? 4 * millisecond : world.plan.isBoundary ? most : world.between(0, most)
    }

    // MARK: What its kinds say

    /// To the agent, of what the leash has told.
    func event(_ news: LeashNews) -> AgentEvent { preconditionFailure("\(name) holds nothing") }

    /// As what a new agent is told that an earlier one has left it; nil for what it adopts.
    var leftover: TaskAttempt? { nil }

    /// Why the program cannot be executed; nil when it can.
    func spawnFailure() -> LeashFailure? { nil }

    /// The program runs, and every check may look at it.
    func began(_ group: ChildGroup) {}

    /// Nothing of it is left.
    func emptied() {}

    /// How it ends when it is asked to.
    func exitWhenAsked() -> LeashExit { .exited(status: 0) }

    // MARK: Life

    var world: World { host.world }
    var isRunningSomething: Bool { group.map { !$0.isEmpty } ?? false }

    func start() {
        process.start()
        push(.configured)
    }

    func push(_ event: LeashEvent) {
        let life = process.life
        process.run(in: world, life: life) { _ in
            self.events.append(event)
            self.drive()
        }
    }

    private func drive() {
        guard !isDriving else { return }
        isDriving = true
        while process.isAlive, !events.isEmpty {
            let event = events.removeFirst()
            let now = host.localNow
            log.append((event, now))
            perform(machine.step(event, at: now))
        }
        isDriving = false
        arm()
    }

    private func arm() {
        wakeNumber += 1
        guard process.isAlive, let deadline = machine.nextDeadline else { return }
        let number = wakeNumber
        let life = process.life
        let late = world.plan.isBoundary ? stall : world.between(0, stall)
        world.at(max(host.clock.real(of: deadline), world.now) + late) { world in
            self.process.run(in: world, life: life) { _ in
                guard self.wakeNumber == number else { return }
                self.events.append(.deadlineReached)
                self.drive()
            }
        }
    }

    private func perform(_ effects: LeashEffects) {
        if let record = effects.record { self.record = record }
        if let spawn = effects.spawn { startChild(spawn) }
        if effects.runsStopCommand {
            let works = !world.happens(perMille: 200)
            if works { terminate() }
            world.after(20 * millisecond) { _ in self.push(.stopCommandEnded(succeeded: works)) }
        }
        for signal in effects.signals {
            switch signal {
            case .terminateGroup: terminate()
            case .killGroup: kill()
            }
        }
        if effects.looks { look() }
        for report in effects.sends { tell(report) }
        if effects.exit != nil {
            process.end()
            host.leashLeft(self)
        }
    }

    // MARK: Children

    private func startChild(_ spawn: LeashEffects.Spawn) {
        let life = process.life
        world.after(world.between(0, stall / 10)) { world in
            self.process.run(in: world, life: life) { _ in self.spawnNow(spawn) }
        }
    }

    private func spawnNow(_ spawn: LeashEffects.Spawn) {
        if let limit = spawn.notAfter, host.localNow >= limit {
            let failure = LeashFailure(stage: "deadline", path: "", code: 0, reason: "too late")
            return push(.spawnFailed(failure))
        }
        if let failure = spawnFailure() { return push(.spawnFailed(failure)) }
        host.processIDs += 1
        let canBeHard = world.plan.has(.childStubborn)
        let group = ChildGroup(
            processID: host.processIDs,
            hasHelper: canBeHard && world.happens(perMille: 300),
            isStubborn: canBeHard && world.happens(perMille: 400)
        )
        self.group = group
        world.say(name, "child \(group.processID) runs")
        began(group)
        push(.childStarted(processID: group.processID))
        if group.isMainAlive { follow(group) }
    }

    /// What the program does by itself.
    func follow(_ group: ChildGroup) {}

    private func terminate() {
        guard let group, !group.isBeingTerminated, !group.isStubborn else { return }
        group.isBeingTerminated = true
        world.after(world.between(millisecond, 300 * millisecond)) { _ in
            self.mainEnds(by: self.exitWhenAsked())
            if !self.world.happens(perMille: 300) { self.helperEnds() }
        }
    }

    private func kill() {
        guard let group, !group.isBeingKilled else { return }
        group.isBeingKilled = true
        let longest = world.terms.stopTime.nanoseconds - 5 * millisecond
        let time: Int64
        if !world.plan.has(.slowKill) {
            time = world.between(0, 5 * millisecond)
        } else {
            time = world.plan.isBoundary ? longest : world.between(0, longest)
        }
        world.after(time) { _ in
            self.mainEnds(by: .signaled(9))
            self.helperEnds()
        }
    }

    /// Without its leash: the agent's shell, or the service manager, kills the whole group.
    func killOrphans() {
        mainEnds(by: .signaled(9))
        helperEnds()
    }

    func killOrphansMain() { mainEnds(by: .signaled(9)) }

    /// It was started, if only to find that it must not run.
    var hasBegun: Bool { process.life > 0 }

    /// What it tells an agent that connects.
    var stateForAgent: LeashState {
        if !process.isAlive, hasBegun, isRunningSomething || record == nil {
            return LeashState(phase: .killing, token: "\(launchToken)", onDisconnect: onDisconnect)
        }
        return machine.state
    }

    func mainEnds(by exit: LeashExit) {
        guard let group, group.isMainAlive else { return }
        group.isMainAlive = false
        if group.isEmpty { emptied() }
        push(.childExited(exit))
        if machine.awaitsEmptiness { look() }
    }

    private func helperEnds() {
        guard let group, group.isHelperAlive else { return }
        group.isHelperAlive = false
        if group.isEmpty { emptied() }
        if machine.awaitsEmptiness, process.isAlive { look() }
    }

    private func look() {
        guard let group, !group.isEmpty else { return push(.groupEmpty) }
        push(.groupPopulated(processes: group.count))
    }

    // MARK: The agent

    private func tell(_ report: LeashReport) {
        guard let life = agentLife else { return }
        // As a line, as between the real ones.
        guard let heard = LeashReport(line: report.line), heard == report else {
            return world.fail("the leash's line is not read back: \(report.line)")
        }
        lastToAgent = max(lastToAgent + 1, world.now + world.between(50_000, millisecond))
        world.at(lastToAgent) { _ in self.host.heard(heard, from: self, life: life) }
    }

    func order(_ order: LeashOrder) {
        guard let heard = LeashOrder(line: order.line) else {
            return world.fail("the order's line is not read back: \(order.line)")
        }
        // What is ordered before the socket stands waits in the agent's shell.
        guard hasBegun, agentLife != nil else { return waiting.append(heard) }
        deliver(heard)
    }

    private func deliver(_ order: LeashOrder) {
        lastFromAgent = max(lastFromAgent + 1, world.now + world.between(50_000, millisecond))
        world.at(lastFromAgent) { _ in self.push(.command(order)) }
    }

    func connect(agentLife life: Int) {
        agentLife = life
        hasToldStart = false
        push(.agentConnected)
        for order in waiting { deliver(order) }
        waiting = []
    }

    func disconnect() {
        guard agentLife != nil else { return }
        agentLife = nil
        waiting = []
        push(.agentDisconnected)
    }

    func isReplayedEqual() -> Bool {
        var again = startState
        for entry in log { _ = again.step(entry.event, at: entry.at) }
        return again == machine
    }
}
