import AgentCore
import Glibc
import Host
import Model
import Protocol
import Testing

@testable import Agent

/// A keeper of tasks with a folder of its own and real leashes, driven by hand.
final class TaskStage {
    static let token = FencingToken(epoch: Epoch(generation: 1, counter: 3), session: 41)

    let folder: TemporaryFolder
    /// Marks what is of this stage: others run at the same time, and count from 1 too.
    let node = "test-\(RandomBytes.seed())"
    private(set) var keeper: TaskKeeper?
    private(set) var told: [AgentEvent] = []
    private var tasks: UInt64 = 0
    private let program: String

    init(program: String = RealProgram.path("muster-leash")) throws {
        self.program = program
        folder = try TemporaryFolder()
        _ = try makeKeeper()
    }

    deinit {
        // A leash kills what it holds when the keeper is gone; a failed test may have left more.
        keeper = nil
        for (attempt, leash) in LeashFolder.attempts(in: "\(folder.path)/tasks") {
            _ = `await`(within: .seconds(10)) {
                if case .empty? = leash.result { true } else { false }
            }
            _ = Remnants(cgroupPath: nil, mark: mark(attempt)).kill()
        }
    }

    @discardableResult
    func makeKeeper() throws -> [TaskAttempt] {
        let made = try TaskKeeper(
            runFolder: folder.path,
            logFolder: "\(folder.path)/logs",
            program: program,
            cgroups: CgroupPlace(.off, prefix: "test"),
            node: node
        )
        keeper = made
        let (leftovers, _, events) = made.adopt(at: BootClock.now())
        told += events
        return leftovers
    }

    func mark(_ attempt: TaskAttempt) -> String { "\(node)/task-\(attempt)" }

    /// As when the agent is killed: its connections end.
    func dropKeeper() { keeper = nil }

    func launch(
        _ program: [String],
        payload: [UInt8] = [],
        environment: [EnvironmentVariable] = [],
        token: FencingToken = TaskStage.token,
        deadline: Instant? = nil,
        change: (inout HandlerDefinition) -> Void = { _ in }
    ) -> TaskAttempt {
        tasks += 1
        let attempt = TaskAttempt(task: TaskID(tasks), attempt: 1)
        var definition = HandlerDefinition(name: "h", types: [.push], program: program)
        change(&definition)
        perform(
            .launch(
                attempt,
                TaskLaunch(
                    definition: definition,
                    token: token,
                    payload: payload,
                    environment: environment,
                    deadline: deadline
                )
            )
        )
        return attempt
    }

    func perform(_ command: TaskCommand) {
        told += keeper?.perform(command, at: BootClock.now()) ?? []
    }

    func news(_ wanted: TaskAttempt) -> [LeashNews] {
        told.compactMap { event in
            guard case .task(let attempt, let news) = event, attempt == wanted else { return nil }
            return news
        }
    }

    func report(_ wanted: TaskAttempt) -> TaskReport? {
        for case .taskReport(let attempt, let report) in told where attempt == wanted {
            return report
        }
        return nil
    }

    /// Runs until nothing of it is left.
    func finish(_ attempt: TaskAttempt) throws -> TaskReport {
        guard `await`({ news(attempt).last?.isFinal ?? false }) else {
            throw TestFault("it has not ended: \(news(attempt))")
        }
        guard let report = report(attempt) else {
            throw TestFault("there is no report: \(news(attempt))")
        }
        return report
    }

    func started(_ attempt: TaskAttempt) throws -> Int32 {
        _ = `await` { !news(attempt).isEmpty }
        for case .started(let processID) in news(attempt) { return Int32(processID) }
        throw TestFault("not started: \(news(attempt))")
    }

    /// Attends to the leashes until the condition holds.
    func await(within limit: Duration = .seconds(30), _ condition: () -> Bool) -> Bool {
        let deadline = MonotonicDeadline(after: limit)
        while !condition() {
            if deadline.hasPassed { return false }
            attend()
        }
        return true
    }

    func attend() {
        guard let keeper else {
            poll(nil, 0, 5)
            return
        }
        if keeper.hasQueued { told += keeper.launchSome(at: BootClock.now()) }
        var wanted = [pollfd(fd: keeper.descriptor, events: Int16(POLLIN), revents: 0)]
        poll(&wanted, 1, keeper.hasQueued ? 0 : 20)
        let now = BootClock.now()
        if wanted[0].revents != 0 { told += keeper.read(at: now) }
        if let look = keeper.nextDeadline, look <= now { told += keeper.look(at: now) }
    }

    /// Folders of attempts that are still there.
    var folders: [TaskAttempt] { LeashFolder.attempts(in: "\(folder.path)/tasks").map(\.attempt) }
}

extension LeashNews {
    fileprivate var isFinal: Bool {
        switch self {
        case .emptied, .notStarted: true
        case .started, .exited, .leaseEnded, .lost, .unkillable: false
        }
    }
}
