import AgentCore
import Glibc
import Host
import Model
import Protocol
import Testing

@testable import Agent

/// A node whose machine, journal, leashes and programs are real, and whose controller is the test.
final class TaskNode {
    static let identity = NodeIdentity(cluster: "c-1", node: "n-1", name: "node-1", site: "berlin")
    static let token = FencingToken(epoch: Epoch(generation: 1, counter: 1), session: 1)
    /// Of the present session.
    private var token = TaskNode.token

    let folder: TemporaryFolder
    /// What was told to the controller about tasks, in order.
    private(set) var told: [AgentWorkMessage] = []
    /// The same about data sets.
    private(set) var dataTold: [AgentDataMessage] = []
    private var machine: AgentMachine
    private let keeper: TaskKeeper
    private let journal: TaskJournalFile
    private var events: [AgentEvent] = []
    private var link: UInt64 = 0
    /// A task that the controller's answers ask for, as long as it is set.
    var followed: UInt64?
    private let version: UInt16
    private let leaseLength: Duration

    /// - Parameter folder: of an earlier agent of the same node.
    init(
        _ handlers: [HandlerDefinition],
        dataSets: [DataSetDefinition] = [],
        lease: Duration = .seconds(12),
        in folder: TemporaryFolder? = nil,
        memory: AgentMemory = AgentMemory()
    ) throws {
        version = dataSets.isEmpty ? WireLimits.workVersion : WireLimits.siteVersion
        leaseLength = lease
        let folder = try folder ?? TemporaryFolder()
        self.folder = folder
        keeper = try TaskKeeper(
            runFolder: folder.path,
            logFolder: "\(folder.path)/logs",
            program: RealProgram.path("muster-leash"),
            cgroups: CgroupPlace(.off, prefix: "test"),
            node: "test-\(RandomBytes.seed())"
        )
        journal = TaskJournalFile("\(folder.path)/journal")
        machine = AgentMachine(
            configuration: AgentConfiguration(
                identity: Self.identity,
                controllers: 1,
                services: [],
                handlers: handlers,
                dataSets: dataSets,
                facts: Facts(
                    operatingSystem: "debian",
                    operatingSystemVersion: "12",
                    kernel: "6.1",
                    architecture: "x86_64",
                    hostname: "node-1",
                    installPath: "/usr",
                    agentVersion: "1.0.0",
                    cgroups: false
                )
            ),
            memory: memory,
            journal: try journal.open(),
            seed: 1,
            at: BootClock.now()
        )
        let found = keeper.adopt(at: BootClock.now())
        let start = AgentEvent.started([], tasks: found.leftovers, hasWorkers: found.hasWorkers)
        events = [start, .sampled(Load(), disks: [])] + found.events
    }

    /// Tells the machine to take RUN, with its payload in parts where it is long.
    func order(
        _ task: UInt64,
        handler: HandlerName = "h",
        account: String = "",
        attributes: [TaskAttribute] = [],
        payload: [UInt8] = []
    ) {
        let attempt = TaskAttempt(task: TaskID(task), attempt: 1)
        let isInline = payload.count <= WorkLimits.inlineBytesMax
        receive(
            .run(
                RunOrder(
                    attempt: attempt,
                    token: token,
                    handler: handler,
                    type: .push,
                    account: account,
                    attributes: attributes,
                    submittedAt: WallTime(milliseconds: 0),
                    payloadBytes: UInt32(payload.count),
                    payload: isInline ? payload : []
                )
            )
        )
        guard !isInline else { return }
        for start in stride(from: 0, to: payload.count, by: WorkLimits.partBytesMax) {
            let end = min(payload.count, start + WorkLimits.partBytesMax)
            receive(.part(attempt, at: UInt32(start), data: Array(payload[start..<end])))
        }
    }

    /// The node's work is taken from it, as after it was lost: its session number rises.
    func raiseToken() {
        token.session += 1
        events.append(.received(link: link, .role(.active, token: token)))
    }

    /// What it says of tokens under which nothing runs.
    var stopStatement: FencingToken? { machine.stopStatement }

    func receive(_ message: ControllerWorkMessage) {
        events.append(.received(link: link, .work(message)))
    }

    func result(_ task: UInt64) -> AttemptResult? {
        for case .result(let attempt, let result) in told where attempt.task.number == task {
            return result
        }
        return nil
    }

    /// Everything that was told of the task's output, in one piece.
    func output(_ task: UInt64) -> [UInt8] {
        told.flatMap { message -> [UInt8] in
            guard case .output(let attempt, _, let data, false) = message,
                attempt.task.number == task
            else { return [] }
            return data
        }
    }

    /// Of what was told while the task ran: all of it, as far as nothing is missing.
    func liveOutput(_ task: UInt64) -> [UInt8] {
        told.reduce(into: []) { bytes, message in
            guard case .output(let attempt, let at, let data, true) = message,
                attempt.task.number == task, at == bytes.count
            else { return }
            bytes += data
        }
    }

    func hasTold(_ message: AgentWorkMessage) -> Bool { told.contains(message) }

    var journalText: String { SystemFiles().text("\(folder.path)/journal") ?? "" }

    /// Until it is in a session that speaks of tasks.
    func join() throws {
        guard `await`({ told.contains { if case .handler = $0 { true } else { false } } }) else {
            throw TestFault("no session: \(told)")
        }
    }

    /// The same, of a session that was told of the data set, and until there is a lease.
    func join(dataSet: DataSetName) throws {
        guard
            `await`({
                machine.leaseEnd != nil
                    && dataTold.contains {
                        if case .dataSet(let report) = $0 { report.name == dataSet } else { false }
                    }
            })
        else { throw TestFault("no data set is told: \(dataTold)") }
    }

    func order(_ canary: Canary, of dataSet: DataSetName) {
        let message = ControllerDataMessage.canary(dataSet, canary, token: Self.token)
        events.append(.received(link: link, .data(message)))
    }

    func hasTold(_ message: AgentDataMessage) -> Bool { dataTold.contains(message) }

    /// Folders of attempts that are still there.
    var folders: [TaskAttempt] { LeashFolder.attempts(in: "\(folder.path)/tasks").map(\.attempt) }

    /// Process numbers of leashes: each is older than what it holds.
    var leashes: [Int32] { keeper.processIDs.sorted() }

    /// Drives the node until the condition holds.
    func await(within limit: Duration = .seconds(30), _ condition: () -> Bool) -> Bool {
        let deadline = MonotonicDeadline(after: limit)
        while !condition() {
            if deadline.hasPassed { return false }
            turn()
        }
        return true
    }

    private func turn() {
        if keeper.hasQueued { events += keeper.launchSome(at: BootClock.now()) }
        if events.isEmpty {
            var wanted = [pollfd(fd: keeper.descriptor, events: Int16(POLLIN), revents: 0)]
            poll(&wanted, 1, 10)
            if wanted[0].revents != 0 { events += keeper.read(at: BootClock.now()) }
        }
        let now = BootClock.now()
        if let look = keeper.nextDeadline, look <= now { events += keeper.look(at: now) }
        if let deadline = machine.nextDeadline, deadline <= now {
            events.append(.deadlineReached(wall: WallClock.now()))
        }
        while !events.isEmpty {
            let event = events.removeFirst()
            perform(machine.step(event, at: BootClock.now()))
        }
    }

    private func perform(_ effects: AgentEffects) {
        if let request = effects.persist { events.append(.persisted(upTo: request.revision)) }
        do throws(HostError) {
            if let write = effects.taskJournal {
                try journal.append(write.entries)
                events.append(.taskJournaled(upTo: write.sequence))
            }
            if let write = effects.taskJournalRewrite {
                try journal.replace(write.entries)
                events.append(.taskJournaled(upTo: write.sequence))
            }
        } catch {
            events.append(.taskJournalFailed(reason: "\(error)"))
        }
        for command in effects.tasks { events += keeper.perform(command, at: BootClock.now()) }
        for command in effects.workers { events += keeper.perform(command, at: BootClock.now()) }
        for case .dial(let id, _) in effects.connection {
            link = id
            events += [.connected(link: id), .received(link: id, .welcome(welcome))]
        }
        for message in effects.sends {
            switch message {
            case .work(let work): told.append(work)
            case .data(let data): dataTold.append(data)
            case .beat(let beat): events.append(.received(link: link, .lease(lease(for: beat))))
            default: break
            }
        }
    }

    private var welcome: Welcome {
        Welcome(
            version: version,
            cluster: Self.identity.cluster,
            node: Self.identity.node,
            name: Self.identity.name,
            site: Self.identity.site,
            role: .active,
            token: token,
            nonce: "nonce-\(link)",
            heartbeatInterval: .milliseconds(200),
            loadInterval: .seconds(10),
            spread: .milliseconds(100),
            wall: WallClock.now()
        )
    }

    private func lease(for beat: Beat) -> Lease {
        Lease(
            sequence: beat.sequence,
            sent: beat.sent,
            incarnation: machine.incarnation,
            length: leaseLength,
            token: token,
            watched: followed.map { task in
                let attempt = TaskAttempt(task: TaskID(task), attempt: 1)
                return [WatchedAttempt(attempt, from: UInt64(liveOutput(task).count))]
            } ?? []
        )
    }
}
