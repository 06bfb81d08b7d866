import AgentCore
import Glibc
import Host
import Model
import Testing

/// The real program, against real processes.
@Suite(.serialized) struct LeashTests {
    /// Ignores SIGTERM, and so does what it starts.
    static let stubborn = "trap '' TERM; echo up; while :; do sleep 1; done"
    /// Leaves a grandchild in a session of its own, whose parent is gone; both ignore SIGTERM.
    static let forkingTwice = """
        trap '' TERM
        (setsid sh -c 'while :; do sleep 1; done' "$0" &)
        echo up
        while :; do sleep 1; done
        """

    @Test(arguments: LeashHarness.Holding.available)
    func `the end of the agent's connection kills a task and all it started`(
        holding: LeashHarness.Holding
    ) throws {
        let harness = LeashHarness(Self.forkingTwice, holding: holding)
        try harness.startAndAwaitUp()
        #expect(eventually { harness.living.count >= 2 })
        harness.disconnect()
        #expect(harness.recordedEmpty() == LeashResult(cause: .disconnected, exit: .signaled(9)))
        #expect(harness.living.isEmpty)
        #expect(harness.waitForLeash() == .exited(LeashMachine.statusUnacknowledged))
        if let cgroup = harness.spec.cgroup { #expect(access(cgroup, F_OK) != 0) }
    }

    @Test func `a service outlives its agent, and the next agent stops it`() throws {
        let harness = LeashHarness("echo up; exec sleep 1000", onDisconnect: .keep)
        try harness.startAndAwaitUp()
        guard case .state? = harness.next(), case .started(let processID)? = harness.next() else {
            Issue.record("no greeting")
            return
        }
        harness.disconnect()
        try harness.connect()
        guard case .state(var state)? = harness.next() else {
            Issue.record("no greeting")
            return
        }
        // What stands in the log may be told a moment later.
        state.written = nil
        #expect(
            state
                == LeashState(
                    phase: .running,
                    token: harness.spec.token,
                    processID: processID,
                    onDisconnect: .keep
                )
        )
        var written: LeashOutput?
        #expect(
            eventually {
                harness.send(.status)
                if case .state(let state)? = harness.next() { written = state.written }
                return written?.bytes == 3
            }
        )
        #expect(written == LeashOutput(bytes: 3, newestFileBytes: 3))
        harness.send(.stop(grace: .seconds(10)))
        #expect(harness.nextEmpty() == LeashResult(cause: .stopped, exit: .signaled(SIGTERM)))
        harness.send(.acknowledge)
        #expect(harness.waitForLeash() == .exited(LeashMachine.statusAcknowledged))
    }

    @Test func `an agent that was away learns from leash and file how a service ended`() throws {
        let harness = LeashHarness("echo up; read x; exit 7", onDisconnect: .keep)
        #expect(mkfifo(harness.folder["input"], 0o600) == 0)
        let input = try Descriptor.open(harness.folder["input"], flags: O_RDWR)
        harness.spec.input = harness.folder["input"]
        try harness.startAndAwaitUp()
        harness.disconnect()
        try input.writeAll([10])
        let expected = LeashResult(cause: .exited, exit: .exited(status: 7))
        #expect(harness.recordedEmpty() == expected)
        try harness.connect()
        #expect(harness.nextEmpty() == expected)
        harness.send(.acknowledge)
        #expect(harness.waitForLeash() == .exited(LeashMachine.statusAcknowledged))
    }

    @Test(arguments: LeashHarness.Holding.available)
    func `the deadline kills although the agent is stopped`(holding: LeashHarness.Holding) throws {
        let harness = LeashHarness(Self.forkingTwice, onDisconnect: .keep, holding: holding)
        let deadline = BootClock.now() + .milliseconds(700)
        harness.spec.deadline = deadline
        try harness.startAndAwaitUp()
        var agent = SpawnPlan(.path("/bin/sleep"), arguments: ["sleep", "1000"], environment: [])
        harness.handOver(to: &agent)
        let process = try Spawn.start(agent)
        agent.input = nil
        kill(process.processID, SIGSTOP)
        defer {
            kill(process.processID, SIGKILL)
            _ = process.wait()
        }
        #expect(harness.recordedEmpty() == LeashResult(cause: .deadlinePassed, exit: .signaled(9)))
        #expect(BootClock.now() >= deadline)
        #expect(BootClock.now() - deadline < .seconds(2))
        #expect(harness.living.isEmpty)
    }

    @Test func `extensions keep a task alive beyond its first deadline`() throws {
        let harness = LeashHarness("echo up; exec sleep 1000")
        let first = BootClock.now() + .milliseconds(500)
        harness.spec.deadline = first
        try harness.startAndAwaitUp()
        harness.send(.extend(deadline: first + .seconds(60)))
        #expect(eventually { BootClock.now() > first + .milliseconds(100) })
        harness.send(.status)
        var states: [LeashState] = []
        while states.count < 2, case let report? = harness.next() {
            if case .state(let state) = report { states.append(state) }
        }
        #expect(states.last?.phase == .running)
        #expect(states.last?.deadline == first + .seconds(60))
        harness.send(.fence(deadline: BootClock.now()))
        #expect(harness.nextEmpty()?.cause == .deadlinePassed)
    }

    @Test func `a leash that was frozen past its deadline kills before it hears anything`() throws {
        let harness = LeashHarness(Self.stubborn)
        let deadline = BootClock.now() + .milliseconds(500)
        harness.spec.deadline = deadline
        try harness.startAndAwaitUp()
        kill(harness.leashID, SIGSTOP)
        harness.send(.extend(deadline: deadline + .seconds(60)))
        #expect(eventually { BootClock.now() > deadline + .milliseconds(100) })
        #expect(!harness.living.isEmpty)
        kill(harness.leashID, SIGCONT)
        #expect(harness.nextEmpty() == LeashResult(cause: .deadlinePassed, exit: .signaled(9)))
        #expect(harness.living.isEmpty)
    }

    @Test func `nothing is started after the deadline`() throws {
        let harness = LeashHarness("echo up")
        harness.spec.deadline = BootClock.now()
        try harness.start()
        try harness.connect()
        #expect(harness.nextEmpty() == LeashResult(cause: .deadlinePassed))
        #expect(harness.folder.text("log").isEmpty)
    }

    @Test(arguments: LeashHarness.Holding.available)
    func `what ignores SIGTERM is killed when the grace is over, and not before`(
        holding: LeashHarness.Holding
    ) throws {
        let harness = LeashHarness(Self.forkingTwice, holding: holding)
        try harness.startAndAwaitUp()
        let start = BootClock.now()
        harness.send(.stop(grace: .milliseconds(400)))
        #expect(harness.nextEmpty() == LeashResult(cause: .stopped, exit: .signaled(9)))
        #expect(BootClock.now() - start >= .milliseconds(400))
        #expect(harness.living.isEmpty)
    }

    @Test(arguments: LeashHarness.Holding.available)
    func `a program that forks without end is killed whole`(holding: LeashHarness.Holding) throws {
        let script = """
            echo up
            while :; do setsid sh -c 'sleep 0.01; exec sh -c "sleep 1000; :" '$0 & sleep 0.01; done
            """
        let harness = LeashHarness(script, holding: holding)
        try harness.startAndAwaitUp()
        #expect(eventually { harness.living.count > 20 })
        harness.send(.kill)
        #expect(harness.nextEmpty() == LeashResult(cause: .killed, exit: .signaled(9)))
        #expect(harness.living.isEmpty)
    }

    @Test func `what a program leaves behind ends with it`() throws {
        let harness = LeashHarness("(setsid sh -c 'sleep 1000; :' \"$0\" &); echo up; exit 3")
        try harness.start()
        try harness.connect()
        #expect(harness.nextEmpty() == LeashResult(cause: .exited, exit: .exited(status: 3)))
        #expect(harness.living.isEmpty)
    }

    @Test func `the program dies with its leash`() throws {
        let harness = LeashHarness("echo up; exec sleep 1000 \"$0\"", onDisconnect: .keep)
        harness.spec.arguments[2] = "echo up; while :; do sleep 1; done"
        try harness.startAndAwaitUp()
        #expect(!harness.living.isEmpty)
        kill(harness.leashID, SIGKILL)
        #expect(eventually { harness.living.isEmpty })
    }

    @Test func `SIGTERM to the leash stops its program in order`() throws {
        let harness = LeashHarness("trap 'exit 5' TERM; echo up; while :; do sleep 0.1; done")
        try harness.startAndAwaitUp()
        kill(harness.leashID, SIGTERM)
        #expect(harness.nextEmpty() == LeashResult(cause: .terminated, exit: .exited(status: 5)))
    }

    @Test func `a stop command stops the service in its own way`() throws {
        let script = "trap '' TERM; echo up; until test -e stop; do sleep 0.02; done; exit 4"
        let harness = LeashHarness(script)
        harness.spec.stopArguments = ["/bin/sh", "-c", "touch stop"]
        try harness.startAndAwaitUp()
        harness.send(.stop(grace: .seconds(20)))
        #expect(harness.nextEmpty() == LeashResult(cause: .stopped, exit: .exited(status: 4)))
    }
}
