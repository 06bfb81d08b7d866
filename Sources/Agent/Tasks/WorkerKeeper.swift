import AgentCore
import Glibc
import Host
import Model
import Protocol

/// Handlers in the worker form: a long-lived process a slot, under one leash, and a task a line.
/// Lives on the driver's thread.
///
/// To the machine each attempt looks as if it had a process of its own: what ends the attempt before
/// its answer ends the worker, and another takes its place.
final class WorkerKeeper {
    /// Between two starts of a handler's workers that end without having answered.
    static let delayMin: Duration = .seconds(1)
    static let delayMax: Duration = .seconds(60)
    /// A worker whose leash would kill it sooner is not given a task.
    static let deadlineMargin: Duration = .seconds(1)
    private static let lookInterval: Duration = .milliseconds(100)

    /// What is known of a handler's workers that do not stay.
    private struct Trouble {
        var failures = 0
        var until: Instant
    }

    private let parent: String
    private let logFolder: String
    private let program: LeashProgram
    private let cgroups: CgroupPlace
    private let node: String
    let poller: Poller
    private var workers: [LaunchID: Worker] = [:]
    private var tagged: [UInt64: Worker] = [:]
    private var busy: [TaskAttempt: Worker] = [:]
    private var troubles: [HandlerName: Trouble] = [:]
    /// What those get that are to go when they have no task; nil while there are none. The machine waits
    /// for the word that all are buried.
    private var retirement: Duration?
    private var numbers: UInt64 = 0
    private var unreaped: [Int32] = []
    private var nextLook: Instant?

    init(
        runFolder: String,
        logFolder: String,
        program: LeashProgram,
        cgroups: CgroupPlace,
        node: String
    ) throws(HostError) {
        parent = runFolder + "/workers"
        self.logFolder = logFolder
        self.program = program
        self.cgroups = cgroups
        self.node = node
        poller = try Poller()
        try DurableFile.makeFolder(parent, mode: 0o700)
        try DurableFile.makeFolder(logFolder, mode: 0o700)
    }

    /// When ``look(at:)`` is due.
    var nextDeadline: Instant? { nextLook }

    var processIDs: Set<Int32> {
        Set(workers.values.flatMap { [$0.handle.leashID, $0.handle.processID].compactMap(\.self) })
    }

    func holds(_ attempt: TaskAttempt) -> Bool { busy[attempt] != nil }

    // MARK: Commands

    func launch(
        _ attempt: TaskAttempt,
        _ launch: TaskLaunch,
        at now: Instant
    ) -> [AgentEvent] {
        retireOthers(than: launch.definition)
        do {
            let worker = try idle(for: launch, at: now) ?? spawn(for: launch, at: now)
            try worker.note(attempt)
            busy[attempt] = worker
            worker.handle.send(.authorise(token: launch.token.description))
            if let deadline = launch.deadline {
                worker.deadline = deadline
                worker.handle.send(.extend(deadline: deadline))
            }
            worker.give(attempt, WorkerTask.bytes(launch))
            watch(worker)
            guard worker.hasStarted, let processID = worker.handle.processID else { return [] }
            return [.task(attempt, .started(processID: UInt32(clamping: processID)))]
        } catch {
            return [.task(attempt, .notStarted(reason: "\(error)"))]
        }
    }

    func extend(_ attempt: TaskAttempt, deadline: Instant) {
        busy[attempt]?.deadline = deadline
        busy[attempt]?.handle.send(.extend(deadline: deadline))
    }

    func stop(_ attempt: TaskAttempt, grace: Duration) {
        guard let worker = busy[attempt] else { return }
        worker.isRetired = true
        worker.handle.send(.stop(grace: grace))
    }

    func destroy(_ attempt: TaskAttempt, at now: Instant) -> [AgentEvent] {
        guard let worker = busy[attempt] else { return [] }
        worker.isRetired = true
        return settle(worker, worker.handle.destroy(at: now), at: now)
    }

    /// What its worker has said so far, for somebody who follows it.
    func output(of attempt: TaskAttempt, from: UInt64) -> AgentEvent {
        guard let worker = busy[attempt] else { return .taskOutput(attempt, at: from, []) }
        let piece = worker.said.piece(from: from, limit: WorkLimits.liveBytesMax)
        return .taskOutput(attempt, at: piece.place, piece.bytes)
    }

    /// To all workers. ``areBuried`` is the answer.
    func perform(_ command: WorkerCommand, at now: Instant) -> [AgentEvent] {
        var events: [AgentEvent] = []
        if case .retire(let grace) = command { retirement = grace }
        retirement = retirement ?? .zero
        for launch in workers.keys.sorted() {
            guard let worker = workers[launch], worker.attempt == nil else { continue }
            switch command {
            case .retire: retire(worker)
            case .destroy:
                worker.isRetired = true
                events += settle(worker, worker.handle.destroy(at: now), at: now)
            }
        }
        return events
    }

    /// All were to go, and nothing of any is left.
    var areBuried: Bool { retirement != nil && workers.isEmpty }

    /// The machine was told.
    func endRetirement() { retirement = nil }

    /// The configuration was read anew: workers that have nothing to do and are not defined so any
    /// more, go.
    func define(_ handlers: [HandlerDefinition]) {
        for launch in workers.keys.sorted() {
            guard let worker = workers[launch], worker.isIdle,
                !handlers.contains(worker.definition)
            else { continue }
            retire(worker)
        }
    }

    private func retireOthers(than definition: HandlerDefinition) {
        for worker in workers.values
        where worker.isIdle && worker.definition.name == definition.name
            && worker.definition != definition
        {
            retire(worker)
        }
    }

    private func retire(_ worker: Worker) {
        worker.isRetired = true
        let grace = worker.definition.stopGrace
        worker.handle.send(.stop(grace: min(grace, retirement ?? grace)))
    }

    private func idle(for launch: TaskLaunch, at now: Instant) -> Worker? {
        let fit = workers.values.filter { $0.isIdle && $0.definition == launch.definition }
        for worker in fit.sorted(by: { $0.index < $1.index }) {
            // The machine retires all of them before it gives a task under another token.
            guard worker.token == launch.workerToken else {
                retire(worker)
                continue
            }
            guard isSilent(worker) else { continue }
            // A leash gets no deadline later, and loses none that it has.
            guard (worker.deadline == nil) == (launch.deadline == nil) else { continue }
            // Its leash may be about to kill it for a lease that has been prolonged since.
            if let deadline = worker.deadline, deadline < now + Self.deadlineMargin {
                retire(worker)
                continue
            }
            return worker
        }
        makeRoom(for: launch.definition)
        return nil
    }

    /// What it has written behind its last answer would be taken for the answer to its next task.
    private func isSilent(_ worker: Worker) -> Bool {
        _ = answers(of: worker)
        if worker.isInLine { misbehaved(worker) }
        return worker.isIdle
    }

    /// An idle one that does not serve goes before there are more processes than slots.
    private func makeRoom(for definition: HandlerDefinition) {
        let staying = workers.values.filter {
            $0.definition == definition && !$0.isRetired && !$0.handle.isOver
        }
        guard staying.count >= Int(definition.slots) else { return }
        if let first = staying.filter(\.isIdle).min(by: { $0.index < $1.index }) { retire(first) }
    }

    // MARK: Starting

    private func spawn(for launch: TaskLaunch, at now: Instant) throws -> Worker {
        let definition = launch.definition
        let name = definition.name
        if let trouble = troubles[name], trouble.until > now {
            throw HostError(
                "start a worker of \(name)",
                reason: "\(trouble.failures) in a row have ended without an answer; the next may "
                    + "start in \((trouble.until - now).forPeople)"
            )
        }
        guard let service = ServiceName(name.text) else {
            throw HostError("start a worker of \(name)", reason: "it has no name")
        }
        numbers += 1
        let id = LaunchID(service: service, number: numbers)
        let folder = LeashFolder(launch: id, in: parent)
        let index = freeIndex(of: name)
        var general = launch
        general.environment = WorkerTask.environment(launch)
        var spec = try TaskSpecBuilder(
            launch: general,
            folder: folder,
            mark: mark(id),
            cgroup: cgroups.path(for: "worker-\(id)")
        ).spec()
        spec.input = "\(folder.path)/\(Worker.inputName)"
        spec.output = "\(folder.path)/\(Worker.outputName)"
        spec.log = "\(logFolder)/handler-\(name)-\(index).log"
        spec.logByteCountMax = 16 << 20
        do {
            try folder.make(spec, payload: [])
            let pipes = try Worker.pipes(in: folder)
            let (ready, leashID) = try program.start(folder)
            let handle = LeashHandle(
                folder: folder,
                remnants: Remnants(cgroupPath: spec.cgroup, mark: mark(id)),
                phase: .spawning(ready),
                leashID: leashID,
                keepsFolder: true
            )
            let worker = Worker(
                launch: id,
                index: index,
                definition: definition,
                token: launch.workerToken,
                handle: handle,
                pipes: pipes,
                tag: 2 * numbers,
                deadline: launch.deadline
            )
            workers[id] = worker
            tagged[worker.tag] = worker
            tagged[worker.tag + 1] = worker
            try poller.add(pipes.output, tag: worker.tag + 1)
            watch(worker)
            return worker
        } catch {
            workers[id] = nil
            folder.remove()
            throw error
        }
    }

    private func freeIndex(of name: HandlerName) -> Int {
        let taken = Set(workers.values.filter { $0.definition.name == name }.map(\.index))
        return (0...taken.count).first { !taken.contains($0) } ?? 0
    }

    private func mark(_ launch: LaunchID) -> String { "\(node)/worker-\(launch)" }

    // MARK: News

    func read(at now: Instant) -> [AgentEvent] {
        poller.ready().flatMap { tag -> [AgentEvent] in
            guard let worker = tagged[tag] else { return [] }
            if tag == worker.tag {
                let news = worker.handle.read(at: now)
                return settle(worker, news, at: now)
            }
            worker.flush()
            let events = answers(of: worker)
            watch(worker)
            return events
        }
    }

    func look(at now: Instant) -> [AgentEvent] {
        unreaped.removeAll(where: LeashProgram.reap)
        nextLook = unreaped.isEmpty ? nil : now + Self.lookInterval
        var events: [AgentEvent] = []
        for launch in workers.keys.sorted() {
            guard let worker = workers[launch], worker.handle.needsLooks else { continue }
            events += settle(worker, worker.handle.look(at: now), at: now)
        }
        return events
    }

    private func answers(of worker: Worker) -> [AgentEvent] {
        var events: [AgentEvent] = []
        guard let lines = worker.readLines() else {
            misbehaved(worker)
            return []
        }
        for (place, line) in lines.enumerated() {
            guard let attempt = worker.attempt, let said = WorkerLine(line: line) else {
                misbehaved(worker)
                return events
            }
            let answer: WorkerAnswer
            switch said {
            case .output(let text):
                // What is being ended may still say what it does.
                worker.note(output: text)
                continue
            case .answer(let told): answer = told
            }
            guard !worker.isRetired else { return events }
            // Of two answers, one is not of this task, and nobody can say which.
            guard place == lines.count - 1, !worker.isInLine else {
                kill(worker, because: "it has written more behind its answer")
                return events
            }
            worker.hasServed = true
            troubles[worker.definition.name] = nil
            busy[attempt] = nil
            events += [
                .task(attempt, .exited(answer.exit)),
                .taskReport(attempt, worker.report(answer)), .task(attempt, .emptied),
            ]
            worker.forgetTask()
            if retirement != nil { retire(worker) }
        }
        return events
    }

    /// It says what is not known, or speaks without being asked: nothing it says can be believed.
    private func misbehaved(_ worker: Worker) {
        kill(worker, because: "it writes to its standard output what is no answer")
    }

    /// - Parameter reason: ends the output of the task that it has, too.
    private func kill(_ worker: Worker, because reason: String) {
        guard !worker.isRetired else { return }
        let name = worker.definition.name
        complain("muster-agent: a worker of handler \(name) is killed: \(reason)\n")
        worker.note(output: "muster: the worker is killed: \(reason)")
        worker.isRetired = true
        worker.handle.send(.kill)
    }

    private func settle(_ worker: Worker, _ news: [LeashNews], at now: Instant) -> [AgentEvent] {
        var events: [AgentEvent] = []
        // Without the deadline that it was told it may outlive the right of its task.
        if let refusal = worker.handle.takeRefusal() {
            kill(worker, because: "its leash refuses an order: \(refusal)")
        }
        if news.contains(where: \.isStart) {
            worker.hasStarted = true
            worker.flush()
        }
        // The last answer may have been written right before the end.
        if news.contains(where: \.isExit) { events += answers(of: worker) }
        if let attempt = worker.attempt { events += news.compactMap { told($0, of: attempt) } }
        watch(worker)
        if worker.handle.isOver { bury(worker, news, at: now, &events) }
        if worker.handle.needsLooks || !unreaped.isEmpty {
            nextLook = nextLook ?? now + Self.lookInterval
        }
        return events
    }

    private func told(_ news: LeashNews, of attempt: TaskAttempt) -> AgentEvent? {
        // Success without an answer is none.
        if case .exited(let exit) = news, exit.isSuccess { return nil }
        return .task(attempt, news)
    }

    private func bury(
        _ worker: Worker,
        _ news: [LeashNews],
        at now: Instant,
        _ events: inout [AgentEvent]
    ) {
        if let attempt = worker.attempt {
            busy[attempt] = nil
            if news.last == .emptied {
                let exit = worker.handle.result?.exit.map(ProgramExit.init)
                let report = worker.report(exit?.isSuccess == true ? nil : exit)
                events.insert(.taskReport(attempt, report), at: events.count - 1)
            }
        }
        if !worker.isRetired, !worker.hasServed {
            let failures = (troubles[worker.definition.name]?.failures ?? 0) + 1
            let delay = Self.delayMin * (1 << min(failures - 1, 6))
            troubles[worker.definition.name] = Trouble(
                failures: failures,
                until: now + min(delay, Self.delayMax)
            )
        }
        poller.remove(worker.output)
        if worker.isOutputWatched { poller.remove(worker.input) }
        worker.handle.folder.remove()
        workers[worker.launch] = nil
        tagged[worker.tag] = nil
        tagged[worker.tag + 1] = nil
        if let leash = worker.handle.leashID { unreaped.append(leash) }
    }

    private func watch(_ worker: Worker) {
        let wanted = worker.handle.descriptor
        if wanted !== worker.watched {
            if let before = worker.watched { poller.remove(before) }
            worker.watched = nil
            if let wanted, (try? poller.add(wanted, tag: worker.tag)) != nil {
                worker.watched = wanted
            }
        }
        guard worker.hasUnsent != worker.isOutputWatched else { return }
        if worker.isOutputWatched {
            poller.remove(worker.input)
            worker.isOutputWatched = false
        } else {
            worker.isOutputWatched =
                (try? poller.add(worker.input, tag: worker.tag + 1, forOutput: true)) != nil
        }
    }

    // MARK: After a restart

    /// As ``TaskKeeper/adopt(at:)``: the workers of an earlier agent are killed with it. The machine waits
    /// until all are buried, with or without a task.
    func adopt(
        at now: Instant
    ) -> (leftovers: [TaskAttempt], hasWorkers: Bool, events: [AgentEvent]) {
        var leftovers: [TaskAttempt] = []
        var events: [AgentEvent] = []
        for (launch, folder) in LeashFolder.all(in: parent) {
            numbers = max(numbers, launch.number)
            if case .empty? = folder.result {
                folder.remove()
                continue
            }
            let spec = folder.spec
            let handle = LeashHandle(
                folder: folder,
                remnants: Remnants(cgroupPath: spec?.cgroup, mark: mark(launch)),
                phase: .leaving,
                leashID: nil,
                keepsFolder: true
            )
            guard let pipes = try? Worker.found(in: folder) else {
                // It died before its pipes were made: nothing ever ran.
                folder.remove()
                continue
            }
            let worker = Worker(
                launch: launch,
                index: 0,
                definition: HandlerDefinition(name: "earlier", types: [], program: []),
                token: nil,
                handle: handle,
                pipes: pipes,
                tag: 2 * launch.number,
                deadline: nil
            )
            worker.isRetired = true
            retirement = .zero
            worker.attempt = Worker.task(in: folder)
            if let attempt = worker.attempt {
                leftovers.append(attempt)
                busy[attempt] = worker
            }
            let news = handle.takeOver(at: now)
            workers[launch] = worker
            tagged[worker.tag] = worker
            events += settle(worker, news, at: now)
        }
        return (leftovers, retirement != nil, events)
    }
}

extension LeashNews {
    fileprivate var isStart: Bool {
        if case .started = self { true } else { false }
    }

    fileprivate var isExit: Bool {
        if case .exited = self { true } else { false }
    }
}
