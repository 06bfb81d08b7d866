import AgentCore
import Model
import Protocol
import Testing

/// Random orders, leashes, disks and crashes, with the promises of tasks looked at after every step
/// from outside the machine.
struct TaskStormTests {
    @Test(arguments: 0..<40 as Range<UInt64>)
    func `no storm makes a task run twice, or without its right, or end untold`(seed: UInt64) {
        var storm = TaskStorm(seed: seed)
        for _ in 0..<1_500 { storm.advance() }
        storm.calm()
        #expect(storm.problems.isEmpty, "seed \(seed): \(storm.problems)")
    }

    @Test func `storms reach what they are to test`() {
        var sum = TaskStorm.Counts()
        for seed in 0..<20 as Range<UInt64> {
            var storm = TaskStorm(seed: seed)
            for _ in 0..<1_500 { storm.advance() }
            sum.add(storm.counts)
        }
        #expect(sum.launches > 300)
        #expect(sum.results > 300)
        #expect(sum.returns > 300)
        #expect(sum.crashes > 80)
        #expect(sum.failures > 80)
        #expect(sum.leftovers > 30)
        #expect(sum.stops > 100)
        #expect(sum.readings > 100)
        #expect(sum.livePieces > 50)
        #expect(sum.burials > 50)
        #expect(sum.outcomes.sorted() == AttemptOutcome.allCases.map(\.rawValue).sorted())
    }
}

struct TaskStorm {
    struct Counts {
        var launches = 0
        var results = 0
        var returns = 0
        var crashes = 0
        var failures = 0
        var leftovers = 0
        var stops = 0
        var readings = 0
        var livePieces = 0
        var burials = 0
        var outcomes: [String] = []

        mutating func add(_ other: Counts) {
            launches += other.launches
            results += other.results
            returns += other.returns
            crashes += other.crashes
            failures += other.failures
            leftovers += other.leftovers
            stops += other.stops
            readings += other.readings
            livePieces += other.livePieces
            burials += other.burials
            for outcome in other.outcomes where !outcomes.contains(outcome) {
                outcomes.append(outcome)
            }
        }
    }

    struct Process {
        var token: FencingToken
        var needsLease: Bool
        var deadline: Instant?
        var hasEnded = false
        /// Told to stop, or left by an earlier agent: its end is under way.
        var isStopped = false
        var isReported = false
        var isOnWorker = false
    }

    static let handlers: [HandlerDefinition] = [
        .plain(slots: 3, prefetch: 3, timeLimit: .seconds(20), outputBytesMax: 100),
        {
            var definition = HandlerDefinition.plain(
                "pull",
                types: [.pull],
                slots: 2,
                delivery: .idempotent,
                timeLimit: .seconds(5)
            )
            definition.mode = .worker
            return definition
        }(),
        .plain("once", types: [.pgp], delivery: .atMostOnce, permanentStatuses: [1]),
    ]

    var random: SeededGenerator
    var scene: Scene
    var askedMemory: [PersistRequest] = []
    /// Writes of the journal that were asked for and are not answered.
    var askedJournal: [(sequence: UInt64, isWhole: Bool, entries: [TaskJournalEntry])] = []
    var isJournalBroken = false
    var isLinked = false
    var isSynced = false
    /// What may exist, as the world knows it.
    var processes: OrderedTable<TaskAttempt, Process> = OrderedTable()
    var launched: OrderedTable<TaskAttempt, FencingToken> = OrderedTable()
    /// What this session was told will not be started.
    var given: OrderedTable<TaskAttempt, Bool> = OrderedTable()
    var untaken: [TaskAttempt] = []
    /// Readings of output that the shell is to answer, and what this session has asked for.
    var reading: [TaskAttempt] = []
    var askedFor: OrderedTable<TaskAttempt, Bool> = OrderedTable()
    var attempts: OrderedTable<TaskID, UInt16> = OrderedTable()
    /// Under which the workers that may live were started, and whether they are to go.
    var workersToken: FencingToken?
    var areRetired = false
    var floor: FencingToken?
    var problems: [String] = []
    var counts = Counts()

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        scene = Scene(handlers: Self.handlers, seed: seed)
        scene.version = 2
        step(.started([]))
        step(.sampled(Load(), disks: []))
    }

    mutating func advance() {
        if let event = nextEvent() { step(event) }
        if random.chance(perMille: 700) { acknowledge() }
        if random.chance(perMille: 600) { answerJournal() }
        if !reading.isEmpty, random.chance(perMille: 300) {
            let attempt = reading.removeFirst()
            step(.taskOutput(attempt, at: 5, [UInt8](repeating: 1, count: Int(random.below(9)))))
        }
    }

    // MARK: What happens

    private mutating func nextEvent() -> AgentEvent? {
        if areRetired, random.chance(perMille: 100), let event = burial() { return event }
        if !isSynced, random.chance(perMille: 700) { return beginning() }
        switch random.below(100) {
        case 0..<14: return timePasses()
        case 14..<28: return lease()
        case 28..<29: return .disconnected(link: scene.link, reason: "reset")
        case 29..<30: return beginning()
        case 30..<66: return .received(link: scene.link, .work(someWork()))
        case 66..<96: return news()
        case 96..<97:
            let some = Array(Self.handlers.prefix(Int(random.below(4))))
            let handlers = random.chance(perMille: 800) ? Self.handlers : some
            return .reconfigured([], sharedPaths: [], handlers: handlers)
        case 97..<98: return .persistFailed(reason: "full")
        case 98..<99:
            if random.chance(perMille: 300) { scene.token.session += 1 }
            return .received(link: scene.link, .role(someRole, token: scene.token))
        default:
            if random.chance(perMille: 500) { crash() }
            return nil
        }
    }

    /// What leads to a session.
    private mutating func beginning() -> AgentEvent {
        switch random.below(4) {
        case 0: return .connected(link: scene.link)
        case 1:
            if random.chance(perMille: 100) { scene.token.session += 1 }
            return .received(link: scene.link, .welcome(scene.welcome(someRole)))
        default: return timePasses()
        }
    }

    private mutating func timePasses() -> AgentEvent {
        if random.chance(perMille: 20) {
            scene.now += random.duration(in: .zero ... .seconds(15))
        } else if let deadline = scene.machine.nextDeadline {
            scene.now = max(scene.now, deadline)
        }
        return .deadlineReached(wall: WallTime(milliseconds: 0))
    }

    private var someRole: SiteRole {
        mutating get { random.chance(perMille: 950) ? .active : .standby }
    }

    private mutating func lease() -> AgentEvent {
        var watched: [WatchedAttempt] = []
        if random.chance(perMille: 300) {
            let running = processes.keys.filter { _ in random.chance(perMille: 500) }
            watched = (running.prefix(3) + [.first(random.below(40) + 1)]).map {
                WatchedAttempt($0, from: 5)
            }
        }
        let lease = Lease(
            sequence: scene.lastBeat.sequence,
            sent: scene.lastBeat.sent,
            incarnation: scene.machine.incarnation,
            length: .seconds(12),
            token: scene.token,
            watched: watched
        )
        if isSynced { for watched in watched { askedFor[watched.attempt] = true } }
        return .received(link: scene.link, .lease(lease))
    }

    private mutating func someAttempt() -> TaskAttempt {
        let task = TaskID(random.below(40) + 1)
        let last = attempts[task] ?? 0
        // Mostly the next attempt; now and then a repeat, or one of long ago.
        let isNext = random.chance(perMille: 500)
        let before = max(1, Int(last) - Int(random.below(2)))
        let number = isNext ? last + 1 : UInt16(before)
        attempts[task] = max(last, number)
        return TaskAttempt(task: task, attempt: number)
    }

    private mutating func someWork() -> ControllerWorkMessage {
        var token = scene.token
        if random.chance(perMille: 40) { token.session = UInt32(random.below(6)) }
        switch random.below(12) {
        case 0..<7:
            let handler = Self.handlers[Int(random.below(3))]
            let isLong = random.chance(perMille: 200)
            return .run(
                scene.runOrder(
                    someAttempt(),
                    handler: handler.name,
                    type: handler.types[0],
                    priority: UInt8(random.below(10)),
                    token: token,
                    payloadBytes: isLong ? 2 : 0
                )
            )
        case 7:
            let waiting = scene.machine.heldAttempts.filter { $0.phase == .waiting }
            let attempt = waiting.last?.attempt ?? someAttempt()
            let isGood = random.chance(perMille: 900)
            return .part(attempt, at: isGood ? 0 : 1, data: [1, 2])
        case 8..<10:
            let reason = CancelReason.allCases[Int(random.below(3))]
            let running = random.chance(perMille: 300) ? processes.keys.last : nil
            return .cancel(running ?? someAttempt(), token: token, reason)
        default:
            guard !untaken.isEmpty, random.chance(perMille: 900) else {
                return .taken(someAttempt())
            }
            return .taken(untaken.remove(at: Int(random.below(UInt64(untaken.count)))))
        }
    }

    /// What the world does with what runs.
    private mutating func news() -> AgentEvent? {
        guard !processes.isEmpty else { return nil }
        let index = Int(random.below(UInt64(processes.count)))
        let attempt = processes.keys[index]
        var process = processes.values[index]
        defer { if processes[attempt] != nil { processes[attempt] = process } }
        switch random.below(12) {
        case 0..<3: return .task(attempt, .started(processID: 1))
        case 3..<5:
            process.hasEnded = true
            return .task(attempt, .exited(.exited(UInt8(random.below(2)))))
        case 5:
            if process.isReported { return nil }
            process.isReported = true
            let tail = [UInt8](repeating: 1, count: Int(random.below(200)))
            let report = TaskReport(exit: .exited(0), outputBytes: 300, outputTail: tail)
            return .taskReport(attempt, report)
        case 6..<9:
            guard process.hasEnded else { return nil }
            processes[attempt] = nil
            return .task(attempt, .emptied)
        case 9:
            process.hasEnded = true
            return .task(attempt, .lost)
        case 10:
            guard !process.hasEnded, random.chance(perMille: 300) else { return nil }
            processes[attempt] = nil
            return .task(attempt, .notStarted(reason: "no"))
        default:
            // Its leash kills at the deadline, whoever else lives.
            guard let deadline = process.deadline, deadline <= scene.now else { return nil }
            process.hasEnded = true
            return .task(attempt, .leaseEnded)
        }
    }

    /// Nothing is left of any worker, unless one has a task.
    private mutating func burial() -> AgentEvent? {
        guard !processes.values.contains(where: \.isOnWorker) else { return nil }
        workersToken = nil
        areRetired = false
        counts.burials += 1
        return .workersBuried
    }

    // MARK: The disk

    private mutating func acknowledge() {
        guard let last = askedMemory.last else { return }
        askedMemory = []
        scene.disk = last.memory
        step(.persisted(upTo: last.revision))
    }

    private mutating func answerJournal() {
        guard let first = askedJournal.first else { return }
        if isJournalBroken, !first.isWhole {
            askedJournal.removeFirst()
            return
        }
        if random.chance(perMille: 60) {
            counts.failures += 1
            isJournalBroken = true
            // Of unknown outcome: it may be there all the same.
            if !first.isWhole, random.chance(perMille: 300) { write(first) }
            askedJournal = []
            step(.taskJournalFailed(reason: "error"))
            return
        }
        askedJournal.removeFirst()
        isJournalBroken = false
        write(first)
        step(.taskJournaled(upTo: first.sequence))
    }

    private mutating func write(
        _ asked: (sequence: UInt64, isWhole: Bool, entries: [TaskJournalEntry])
    ) {
        if asked.isWhole { scene.journal = [] }
        scene.journal += asked.entries.map(\.line)
    }

    /// The process dies; its leashes kill what they hold, some a little later.
    private mutating func crash() {
        counts.crashes += 1
        if let memory = askedMemory.last?.memory, random.chance(perMille: 500) {
            scene.disk = memory
        }
        if let first = askedJournal.first, !isJournalBroken || first.isWhole,
            random.chance(perMille: 500)
        {
            write(first)
            if !first.isWhole, random.chance(perMille: 300), let last = scene.journal.popLast() {
                // The last line was torn.
                scene.journal.append(String(last.prefix(5)))
            }
        }
        askedMemory = []
        askedJournal = []
        isJournalBroken = false
        isLinked = false
        isSynced = false
        untaken = []
        given = OrderedTable()
        scene.restart()
        if Scene.read(scene.journal).tornLine != nil { scene.journal.removeLast() }
        scene.link = 0
        for attempt in processes.keys where random.chance(perMille: 600) {
            processes[attempt] = nil
        }
        for attempt in processes.keys {
            processes.update(attempt) { process in
                process.hasEnded = true
                process.isStopped = true
            }
        }
        counts.leftovers += processes.count
        let hasWorkers =
            processes.values.contains(where: \.isOnWorker)
            || (workersToken != nil && random.chance(perMille: 500))
        if !hasWorkers { workersToken = nil }
        areRetired = hasWorkers
        step(.started([], tasks: processes.keys, hasWorkers: hasWorkers))
        step(.sampled(Load(), disks: []))
    }

    /// The faults are over: everything comes to its end and is told.
    mutating func calm() {
        for _ in 0..<400 {
            acknowledge()
            if !askedJournal.isEmpty {
                let first = askedJournal.removeFirst()
                if !isJournalBroken || first.isWhole {
                    isJournalBroken = false
                    write(first)
                    step(.taskJournaled(upTo: first.sequence))
                }
            }
            for attempt in processes.keys {
                processes[attempt] = nil
                step(.task(attempt, .emptied))
            }
            if areRetired, let event = burial() { step(event) }
            for attempt in untaken { step(.received(link: scene.link, .work(.taken(attempt)))) }
            untaken = []
            step(.connected(link: scene.link))
            if !isSynced { step(.received(link: scene.link, .welcome(scene.welcome()))) }
            let alive = ControllerMessage.alive(
                sequence: scene.lastBeat.sequence,
                sent: scene.lastBeat.sent
            )
            step(.received(link: scene.link, alive))
            if let deadline = scene.machine.nextDeadline { scene.now = max(scene.now, deadline) }
            step(.deadlineReached(wall: WallTime(milliseconds: 0)))
        }
        let left = scene.machine.heldAttempts.filter { $0.phase != .waiting }
        if !left.isEmpty { complain("never told and taken: \(left)") }
    }

    mutating func complain(_ text: String) {
        if problems.count < 3 { problems.append(text) }
    }
}
