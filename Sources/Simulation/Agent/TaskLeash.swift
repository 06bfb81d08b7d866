import AgentCore
import Model

/// What a program that runs a task will do, as the seed has it.
struct ProgramPlan {
    /// Nil: it never ends by itself.
    var time: Int64?
    var exit: LeashExit
    /// What it writes.
    var output: [UInt8]
    /// Asked to end, it still says that all is well.
    var endsWellWhenAsked: Bool
}

/// The leash of one attempt.
final class TaskLeash: LeashHost {
    let attempt: TaskAttempt
    let launch: TaskLaunch
    private(set) var plan: ProgramPlan?
    /// How the program ended, and when by real time.
    private(set) var exit: LeashExit?
    /// When its program was executed, by real time.
    private var beganAt: Int64 = 0

    init(host: AgentHost, attempt: TaskAttempt, _ order: TaskLaunch) {
        self.attempt = attempt
        launch = order
        super.init(host: host, name: "task-\(attempt)", token: order.token, Self.spec(order))
    }

    /// As the shell builds it, as far as it matters here.
    static func spec(_ order: TaskLaunch) -> LeashSpec {
        var spec = LeashSpec(
            token: "\(order.token)",
            program: order.definition.program[0],
            arguments: order.definition.program,
            onDisconnect: .kill
        )
        spec.deadline = order.deadline
        spec.stopGrace = order.definition.stopGrace
        return spec
    }

    override var leftover: TaskAttempt? { attempt }

    override func event(_ news: LeashNews) -> AgentEvent { .task(attempt, news) }

    override func spawnFailure() -> LeashFailure? {
        guard world.plan.has(.taskSpawnFails), !world.isCalm, world.happens(perMille: 60) else {
            return nil
        }
        return LeashFailure(stage: "exec", path: "", code: 2, reason: "not found")
    }

    override func began(_ group: ChildGroup) {
        plan = world.work?.somePlan(of: attempt)
        beganAt = world.now
        world.work?.checks.begins(self)
    }

    override func follow(_ group: ChildGroup) {
        guard let plan else { return }
        let time = plan.time ?? Int64(100_000) * second
        world.after(time) { _ in self.mainEnds(by: plan.exit) }
    }

    /// When the world is calm nothing hangs any more.
    func comeToAnEnd() {
        guard let group, group.isMainAlive else { return }
        world.after(world.between(millisecond, 3 * second)) { _ in
            self.mainEnds(by: .exited(status: 0))
        }
    }

    override func mainEnds(by exit: LeashExit) {
        if let group, group.isMainAlive {
            self.exit = exit
            world.work?.checks.ends(self, exit)
        }
        super.mainEnds(by: exit)
    }

    override func exitWhenAsked() -> LeashExit {
        plan?.endsWellWhenAsked ?? false ? .exited(status: 0) : .signaled(15)
    }

    override func emptied() { world.checks.groupEnded(self) }

    /// What it has written by now: evenly over its time, or over a while if it never ends.
    var written: [UInt8] {
        guard let plan else { return [] }
        let time = max(1, plan.time ?? 20 * second)
        let passed = exit == nil ? min(world.now - beganAt, time) : time
        return Array(
            plan.output.prefix(
                Int(
                    Int64(plan.output.count) * (passed / 1_000)
                        / max(1, time / 1_000)
                )
            )
        )
    }

    /// What the shell has measured of it.
    var report: TaskReport {
        let output = plan?.output ?? []
        let exit: ProgramExit? =
            switch exit {
            case .exited(let status): .exited(UInt8(truncatingIfNeeded: status))
            case .signaled(let signal): .signalled(UInt8(truncatingIfNeeded: signal))
            case nil: nil
            }
        return TaskReport(
            exit: exit,
            processorMilliseconds: 1,
            memoryBytesMax: 4_096,
            outputBytes: UInt64(output.count),
            outputTail: Array(output.suffix(launch.definition.outputBytesMax))
        )
    }
}
