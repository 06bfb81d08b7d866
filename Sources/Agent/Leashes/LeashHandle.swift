import AgentCore
import Glibc
import Host
import Model

/// The agent's end of one leash. Lives on the driver's thread.
final class LeashHandle {
    enum Phase {
        /// Spawned; it says `ready` on this pipe when it listens.
        case spawning(Descriptor)
        case talking(Descriptor, LineReader)
        /// Found by a new agent, never told to begin: it leaves by itself.
        case leaving
        /// It died without a result: what it held is being killed.
        case remnants(since: Instant, isTold: Bool)
        case over
    }

    let folder: LeashFolder
    let remnants: Remnants
    var phase: Phase
    /// Our child, if this very process spawned it: somebody must reap it.
    let leashID: Int32?
    /// Its owner reads what is in the folder, and removes it, when it is over.
    private let keepsFolder: Bool
    private var waiting: [LeashOrder] = []
    private var hasToldExit = false
    private(set) var processID: Int32?
    /// As it was told last; nil while the program runs, and when it never did.
    private(set) var result: LeashResult?
    /// As it was told last, until it is taken.
    private var state: LeashState?
    /// Why it does not do what it was told, until that is taken.
    private var refusal: String?

    init(
        folder: LeashFolder,
        remnants: Remnants,
        phase: Phase,
        leashID: Int32?,
        keepsFolder: Bool = false
    ) {
        self.folder = folder
        self.remnants = remnants
        self.phase = phase
        self.leashID = leashID
        self.keepsFolder = keepsFolder
    }

    /// What is to be watched; another one after ``read(at:)`` or ``connect(at:)``.
    var descriptor: Descriptor? {
        switch phase {
        case .spawning(let pipe): pipe
        case .talking(let socket, _): socket
        case .leaving, .remnants, .over: nil
        }
    }

    /// Whether ``look(at:)`` must be called from time to time.
    var needsLooks: Bool {
        switch phase {
        case .leaving, .remnants: true
        case .spawning, .talking, .over: false
        }
    }

    var isOver: Bool {
        if case .over = phase { true } else { false }
    }

    func send(_ order: LeashOrder) {
        switch phase {
        case .spawning: waiting.append(order)
        // A socket that cannot be written is seen to end when it is read.
        case .talking(let socket, _): _ = UnixSocket.send(order.line, to: socket)
        case .leaving, .remnants, .over: break
        }
    }

    /// How the leash said that it stands, once for each time that it has.
    func takeState() -> LeashState? {
        defer { state = nil }
        return state
    }

    /// Why it has not done what it was told, once for each time that it has said so.
    func takeRefusal() -> String? {
        defer { refusal = nil }
        return refusal
    }

    /// Whether what is sent has a leash that may answer.
    var isTalking: Bool {
        if case .talking = phase { true } else { false }
    }

    /// Something is to be read.
    func read(at now: Instant) -> [LeashNews] {
        switch phase {
        case .spawning(let pipe): return readReady(pipe, at: now)
        case .talking(let socket, var reader):
            let outcome = reader.read(socket)
            phase = .talking(socket, reader)
            switch outcome {
            case .lines(let lines): return lines.flatMap(take)
            case .ended(let lines): return lines.flatMap(take) + ended(at: now)
            case .broken: return ended(at: now)
            }
        case .leaving, .remnants, .over: return []
        }
    }

    // MARK: Beginning

    private func readReady(_ pipe: Descriptor, at now: Instant) -> [LeashNews] {
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = Glibc.read(pipe.number, &buffer, buffer.count)
        if count < 0, errno == EAGAIN || errno == EINTR { return [] }
        guard count > 0 else {
            phase = .over
            removeFolder()
            return [.notStarted(reason: "the leash did not start; its complaint is in the log")]
        }
        do throws(HostError) {
            try folder.begin()
            return try connect(at: now)
        } catch {
            return lose(at: now)
        }
    }

    func connect(at now: Instant) throws(HostError) -> [LeashNews] {
        let socket = try UnixSocket.connect(folder.socketPath)
        phase = .talking(socket, LineReader())
        for order in waiting { send(order) }
        waiting = []
        return []
    }

    // MARK: Reports

    private func take(_ line: String) -> [LeashNews] {
        guard let report = LeashReport(line: line) else { return [] }
        switch report {
        case .state(let state):
            self.state = state
            return []
        case .refused(let reason):
            refusal = reason
            complain("muster-agent: the leash in \(folder.path) refuses an order: \(reason)\n")
            return []
        case .started(let processID):
            self.processID = processID
            return [.started(processID: UInt32(clamping: processID))]
        case .exited(let result):
            processID = nil
            self.result = result
            return exited(result)
        case .empty(let result): return concluded(result)
        case .unkillable(let processes): return [.unkillable(processes: processes)]
        }
    }

    private func exited(_ result: LeashResult) -> [LeashNews] {
        guard !hasToldExit, let exit = result.exit else { return [] }
        hasToldExit = true
        return (result.cause == .deadlinePassed ? [.leaseEnded] : [])
            + [.exited(ProgramExit(exit))]
    }

    /// Nothing is left; the leash may go.
    private func concluded(_ result: LeashResult) -> [LeashNews] {
        send(.acknowledge)
        processID = nil
        self.result = result
        phase = .over
        removeFolder()
        if let failure = result.failure { return [.notStarted(reason: failure.reason)] }
        guard result.exit != nil else {
            let reason =
                switch result.cause {
                case .deadlinePassed: "the lease had ended before it could start"
                case .neverConnected: "its leash was not heard in time"
                case .stopped, .killed, .terminated, .disconnected: "stopped before it could start"
                case .exited, .spawnFailed: "it could not be started"
                }
            return [.notStarted(reason: reason)]
        }
        return exited(result) + [.emptied]
    }

    // MARK: Losing it

    /// The connection ended. The leash may live (it heard another agent, or cut us off), may have
    /// left a result, or be dead.
    private func ended(at now: Instant) -> [LeashNews] {
        if case .over = phase { return [] }
        if case .empty(let result)? = folder.result { return concluded(result) }
        if let news = try? connect(at: now) { return news }
        return lose(at: now)
    }

    /// Kills a leash that does not answer, and what it held. SIGKILL reaches a stopped process too,
    /// and the program dies with its leash.
    func destroy(at now: Instant) -> [LeashNews] {
        let leash: Int32?
        switch phase {
        case .spawning: leash = leashID
        case .talking(let socket, _): leash = (try? UnixSocket.peer(of: socket))?.processID
        case .leaving, .remnants, .over: return []
        }
        if let leash, leash > 1 { _ = Glibc.kill(leash, SIGKILL) }
        return lose(at: now)
    }

    func lose(at now: Instant) -> [LeashNews] {
        phase = .remnants(since: now, isTold: false)
        processID = nil
        return [.lost] + look(at: now)
    }

    /// Looks whether what a dead leash held is gone, and kills what is not.
    func look(at now: Instant) -> [LeashNews] {
        switch phase {
        case .leaving:
            if case .empty? = folder.result {
                phase = .over
                removeFolder()
                return [.emptied]
            }
            // Killed together with its agent, it will write no result.
            guard folder.isLeashGone else { return [] }
            phase = .remnants(since: now, isTold: false)
            return look(at: now)
        case .remnants(let since, let isTold):
            let count = remnants.kill()
            if count == 0 {
                phase = .over
                remnants.removeGroup()
                removeFolder()
                return [.emptied]
            }
            guard !isTold, now - since > .seconds(10) else { return [] }
            phase = .remnants(since: since, isTold: true)
            return [.unkillable(processes: UInt32(clamping: count))]
        case .spawning, .talking, .over: return []
        }
    }

    private func removeFolder() {
        if !keepsFolder { folder.remove() }
    }
}

extension LeashHandle {
    /// Of what an earlier agent has left and what must not outlive it. Its leash kills what it holds
    /// because that agent is gone; whether it has, is found out and told as news.
    func takeOver(at now: Instant) -> [LeashNews] {
        if folder.hasBegun {
            guard (try? connect(at: now)) != nil else { return lose(at: now) }
            send(.kill)
        } else if folder.spec == nil || access(folder.socketPath, F_OK) != 0 {
            // The agent died before the leash was there: nothing ever ran.
            phase = .remnants(since: now, isTold: false)
        }
        return []
    }
}
