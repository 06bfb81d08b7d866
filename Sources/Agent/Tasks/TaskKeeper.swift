import AgentCore
import Glibc
import Host
import Model
import Protocol

/// The leashes of every attempt, and of every program that writes a canary. Lives on the driver's thread.
///
/// Whatever is told comes out as events for the machine: a report of what was measured, right before
/// the word that nothing of the attempt is left.
final class TaskKeeper {
    /// Leashes that are spawned in one turn; between two turns the driver attends to its other work.
    static let launchesPerTurn = 8
    private static let lookInterval: Duration = .milliseconds(100)
    private static let workersTag: UInt64 = 0

    /// One attempt whose leash may hold something.
    private final class Held {
        let attempt: TaskAttempt
        let tag: UInt64
        let handle: LeashHandle
        /// Bytes of output that are reported; nil for what an earlier agent has left.
        let outputBytesMax: Int?
        var watched: Descriptor?
        /// Its output is being read for somebody who follows it.
        var reading: Reading?

        init(_ attempt: TaskAttempt, tag: UInt64, handle: LeashHandle, outputBytesMax: Int?) {
            self.attempt = attempt
            self.tag = tag
            self.handle = handle
            self.outputBytesMax = outputBytesMax
        }
    }

    /// The leash was asked how it stands, so that its output can be read.
    private struct Reading {
        let from: UInt64
        var reader: OutputReader
        /// How often it may still be asked because it has begun another file meanwhile.
        var triesLeft = 2
    }

    private let parent: String
    private let program: LeashProgram
    private let cgroups: CgroupPlace
    private let node: String
    private let poller: Poller
    /// Those that are not a process a task.
    private let workers: WorkerKeeper
    private var held: [TaskAttempt: Held] = [:]
    private var tagged: [UInt64: Held] = [:]
    private var tags = workersTag
    /// Those that are not over and have nothing to be watched.
    private var looked: Set<TaskAttempt> = []
    /// Commanded and not spawned yet, in this order.
    private var queue: [TaskAttempt] = []
    private var queued: [TaskAttempt: TaskLaunch] = [:]
    private var unreaped: [Int32] = []
    private var nextLook: Instant?

    /// - Parameter node: marks what is this node's among all agents of the machine.
    init(
        runFolder: String,
        logFolder: String,
        program: String,
        cgroups: CgroupPlace,
        node: String
    ) throws(HostError) {
        parent = runFolder + "/tasks"
        self.program = LeashProgram(path: program)
        self.cgroups = cgroups
        self.node = node
        poller = try Poller()
        workers = try WorkerKeeper(
            runFolder: runFolder,
            logFolder: logFolder,
            program: self.program,
            cgroups: cgroups,
            node: node
        )
        try poller.add(workers.poller, tag: Self.workersTag)
        try DurableFile.makeFolder(parent, mode: 0o700)
    }

    /// Readable when ``read(at:)`` has something to read.
    var descriptor: Int32 { poller.descriptor }

    /// When ``look(at:)`` is due.
    var nextDeadline: Instant? {
        [nextLook, workers.nextDeadline].compactMap(\.self).min()
    }

    /// Whether ``launchSome(at:)`` has something to do.
    var hasQueued: Bool { !queue.isEmpty }

    /// Leashes and their programs, whose ports are ours.
    var processIDs: Set<Int32> {
        workers.processIDs.union(
            held.values.flatMap { [$0.handle.leashID, $0.handle.processID].compactMap(\.self) }
        )
    }

    // MARK: Commands

    func perform(_ command: WorkerCommand, at now: Instant) -> [AgentEvent] {
        workers.perform(command, at: now) + burial()
    }

    /// The answer to a command to all workers, once. A task that waits to be given to one has one soon.
    private func burial() -> [AgentEvent] {
        guard workers.areBuried,
            !queued.values.contains(where: { $0.definition.mode == .worker })
        else { return [] }
        workers.endRetirement()
        return [.workersBuried]
    }

    func perform(_ command: TaskCommand, at now: Instant) -> [AgentEvent] {
        obey(command, at: now) + burial()
    }

    private func obey(_ command: TaskCommand, at now: Instant) -> [AgentEvent] {
        switch command {
        case .launch(let attempt, let launch):
            queue.append(attempt)
            queued[attempt] = launch
            return []
        case .extend(let attempt, let deadline):
            queued[attempt]?.deadline = deadline
            workers.extend(attempt, deadline: deadline)
            held[attempt]?.handle.send(.extend(deadline: deadline))
            return []
        case .stop(let attempt, let grace):
            if queued[attempt] != nil { return dropQueued(attempt) }
            workers.stop(attempt, grace: grace)
            held[attempt]?.handle.send(.stop(grace: grace))
            return []
        case .destroy(let attempt):
            if queued[attempt] != nil { return dropQueued(attempt) }
            guard let task = held[attempt] else { return workers.destroy(attempt, at: now) }
            return settle(task, task.handle.destroy(at: now), at: now)
        case .readOutput(let attempt, let from): return readOutput(of: attempt, from: from)
        }
    }

    // MARK: Output

    private func readOutput(of attempt: TaskAttempt, from: UInt64) -> [AgentEvent] {
        guard let task = held[attempt] else { return [workers.output(of: attempt, from: from)] }
        guard task.handle.isTalking, task.outputBytesMax != nil else {
            return [.taskOutput(attempt, at: from, [])]
        }
        var reading = Reading(
            from: from,
            reader: OutputReader(task.handle.folder.outputPath)
        )
        reading.reader.begin()
        task.reading = reading
        task.handle.send(.status)
        return []
    }

    /// The leash may have answered.
    private func continueReading(_ task: Held) -> [AgentEvent] {
        guard var reading = task.reading else { return [] }
        var piece: OutputPiece?
        if let state = task.handle.takeState() {
            piece =
                state.written.map {
                    reading.reader.read(
                        from: reading.from,
                        limit: min(WorkLimits.liveBytesMax, task.outputBytesMax ?? 0),
                        $0
                    )
                } ?? OutputPiece(place: reading.from, bytes: [])
            if piece == nil, reading.triesLeft > 0, task.handle.isTalking {
                reading.triesLeft -= 1
                reading.reader.begin()
                task.reading = reading
                task.handle.send(.status)
                return []
            }
        } else if task.handle.isTalking {
            return []
        }
        task.reading = nil
        return [.taskOutput(task.attempt, at: piece?.place ?? reading.from, piece?.bytes ?? [])]
    }

    private func dropQueued(_ attempt: TaskAttempt) -> [AgentEvent] {
        queued[attempt] = nil
        queue.removeAll { $0 == attempt }
        return [.task(attempt, .notStarted(reason: "stopped before it could start"))]
    }

    /// Spawns a few of the leashes that were commanded.
    func launchSome(at now: Instant) -> [AgentEvent] {
        var events: [AgentEvent] = []
        let turn = queue.prefix(Self.launchesPerTurn)
        queue.removeFirst(turn.count)
        for attempt in turn {
            guard let launch = queued.removeValue(forKey: attempt) else { continue }
            if launch.definition.mode == .worker {
                events += workers.launch(attempt, launch, at: now)
                continue
            }
            do {
                try spawn(attempt, launch, at: now)
            } catch {
                events.append(.task(attempt, .notStarted(reason: "\(error)")))
            }
        }
        return events + burial()
    }

    private func spawn(_ attempt: TaskAttempt, _ launch: TaskLaunch, at now: Instant) throws {
        let folder = LeashFolder(attempt: attempt, in: parent)
        let spec = try TaskSpecBuilder(
            launch: launch,
            folder: folder,
            mark: mark(attempt),
            cgroup: cgroups.path(for: "task-\(attempt)")
        ).spec()
        do {
            try folder.make(spec, payload: launch.payload)
            let (pipe, leashID) = try program.start(folder)
            let handle = LeashHandle(
                folder: folder,
                remnants: Remnants(cgroupPath: spec.cgroup, mark: mark(attempt)),
                phase: .spawning(pipe),
                leashID: leashID,
                keepsFolder: true
            )
            let task = hold(attempt, handle, outputBytesMax: launch.definition.outputBytesMax)
            _ = settle(task, [], at: now)
        } catch {
            folder.remove()
            throw error
        }
    }

    private func mark(_ attempt: TaskAttempt) -> String { "\(node)/task-\(attempt)" }

    private func hold(
        _ attempt: TaskAttempt,
        _ handle: LeashHandle,
        outputBytesMax: Int?
    ) -> Held {
        tags += 1
        let task = Held(attempt, tag: tags, handle: handle, outputBytesMax: outputBytesMax)
        held[attempt] = task
        tagged[tags] = task
        return task
    }

    /// The configuration was read anew.
    func define(_ handlers: [HandlerDefinition]) {
        workers.define(handlers)
    }

    // MARK: News

    /// Reads from those leashes that have something to say.
    func read(at now: Instant) -> [AgentEvent] {
        let events = poller.ready().flatMap { tag -> [AgentEvent] in
            if tag == Self.workersTag { return workers.read(at: now) }
            guard let task = tagged[tag] else { return [] }
            return settle(task, task.handle.read(at: now), at: now)
        }
        return events + burial()
    }

    func look(at now: Instant) -> [AgentEvent] {
        lookAtTasks(at: now) + workers.look(at: now) + burial()
    }

    private func lookAtTasks(at now: Instant) -> [AgentEvent] {
        unreaped.removeAll(where: LeashProgram.reap)
        nextLook = unreaped.isEmpty ? nil : now + Self.lookInterval
        return looked.sorted().flatMap { attempt -> [AgentEvent] in
            guard let task = held[attempt] else { return [] }
            return settle(task, task.handle.look(at: now), at: now)
        }
    }

    /// What follows whatever a handle has done.
    private func settle(_ task: Held, _ news: [LeashNews], at now: Instant) -> [AgentEvent] {
        var news = news
        if !watch(task) {
            // Without room to watch it nothing would ever be heard of it.
            news += task.handle.destroy(at: now)
            _ = watch(task)
        }
        if task.handle.needsLooks {
            looked.insert(task.attempt)
        } else {
            looked.remove(task.attempt)
        }
        var events = continueReading(task) + news.map { AgentEvent.task(task.attempt, $0) }
        if task.handle.isOver {
            if news.last == .emptied, let report = report(of: task) {
                events.insert(.taskReport(task.attempt, report), at: events.count - 1)
            }
            task.handle.folder.remove()
            held[task.attempt] = nil
            tagged[task.tag] = nil
            if let leash = task.handle.leashID { unreaped.append(leash) }
        }
        if task.handle.needsLooks || !unreaped.isEmpty {
            nextLook = nextLook ?? now + Self.lookInterval
        }
        return events
    }

    /// Watches what the handle listens to now. Ours is the last reference to what it listened to
    /// before, so its number is not another's yet.
    ///
    /// - Returns: false when there is no room for it.
    private func watch(_ task: Held) -> Bool {
        let wanted = task.handle.descriptor
        guard wanted !== task.watched else { return true }
        if let before = task.watched { poller.remove(before) }
        task.watched = nil
        guard let wanted else { return true }
        guard (try? poller.add(wanted, tag: task.tag)) != nil else { return false }
        task.watched = wanted
        return true
    }

    private func report(of task: Held) -> TaskReport? {
        guard let outputBytesMax = task.outputBytesMax else { return nil }
        let tail = task.handle.folder.outputTail(outputBytesMax)
        let usage = task.handle.result?.usage
        return TaskReport(
            exit: task.handle.result?.exit.map(ProgramExit.init),
            processorMilliseconds: usage?.processorMilliseconds ?? 0,
            memoryBytesMax: usage?.memoryBytesMax ?? 0,
            outputBytes: usage?.outputBytes ?? UInt64(tail.count),
            outputTail: tail
        )
    }

    // MARK: After a restart

    /// Finds what an earlier agent left. Each leash kills what it holds because that agent is gone;
    /// the word that it has is told as an event.
    ///
    /// - Returns: the attempts that are not proven to be gone, whether there are workers that are not,
    ///   and what is told of them after the machine knows them.
    func adopt(
        at now: Instant
    ) -> (leftovers: [TaskAttempt], hasWorkers: Bool, events: [AgentEvent]) {
        var leftovers: [TaskAttempt] = []
        var events: [AgentEvent] = []
        for (attempt, folder) in LeashFolder.attempts(in: parent) {
            if case .empty? = folder.result {
                folder.remove()
                continue
            }
            leftovers.append(attempt)
            let spec = folder.spec
            let handle = LeashHandle(
                folder: folder,
                remnants: Remnants(cgroupPath: spec?.cgroup, mark: mark(attempt)),
                phase: .leaving,
                leashID: nil,
                keepsFolder: true
            )
            let news = handle.takeOver(at: now)
            let task = hold(attempt, handle, outputBytesMax: nil)
            events += settle(task, news, at: now)
        }
        let ofWorkers = workers.adopt(at: now)
        return (
            leftovers + ofWorkers.leftovers, ofWorkers.hasWorkers,
            events + ofWorkers.events + burial()
        )
    }
}

extension ProgramExit {
    init(_ exit: LeashExit) {
        switch exit {
        case .exited(let status): self = .exited(UInt8(clamping: status))
        case .signaled(let number): self = .signalled(UInt8(clamping: number))
        }
    }
}
