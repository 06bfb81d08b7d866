import AgentCore
import Glibc
import Host
import Model

/// Every leash of this agent. Lives on the driver's thread.
final class LeashKeeper {
    typealias News = (launch: LaunchID, news: LeashNews)

    /// Between two looks at what a dead leash left.
    private static let lookInterval: Duration = .milliseconds(100)
    /// How long a found leash may take to say how it is.
    private static let greetingTimeout: Duration = .seconds(2)

    private let parent: String
    private let program: LeashProgram
    private let logFolder: String
    private let cgroups: CgroupPlace
    private let node: String
    private var handles: [LaunchID: LeashHandle] = [:]
    /// Leashes that have ended and are still our zombies.
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
        parent = runFolder + "/leashes"
        self.program = LeashProgram(path: program)
        self.logFolder = logFolder
        self.cgroups = cgroups
        self.node = node
        try DurableFile.makeFolder(parent, mode: 0o700)
        try DurableFile.makeFolder(logFolder, mode: 0o700)
    }

    /// Leashes and their programs, whose ports are ours.
    var processIDs: Set<Int32> {
        var found: Set<Int32> = []
        for handle in handles.values {
            if let leash = handle.leashID { found.insert(leash) }
            if let processID = handle.processID { found.insert(processID) }
        }
        return found
    }

    // MARK: Commands

    func perform(_ command: LeashCommand, at now: Instant) -> [News] {
        switch command {
        case .launch(let launch, let what):
            do {
                try spawn(launch, what)
                return []
            } catch {
                LeashFolder(launch: launch, in: parent).remove()
                return [(launch, .notStarted(reason: "\(error)"))]
            }
        case .extend(let launch, let deadline): handles[launch]?.send(.extend(deadline: deadline))
        case .authorise(let launch, let token):
            handles[launch]?.send(.authorise(token: token.description))
        case .stop(let launch, let timeout): handles[launch]?.send(.stop(grace: timeout))
        case .destroy(let launch):
            guard let handle = handles[launch] else { return [] }
            let news = handle.destroy(at: now)
            settle(launch, handle, at: now)
            return news.map { (launch, $0) }
        }
        return []
    }

    private func spawn(_ launch: LaunchID, _ what: Launch) throws {
        let folder = LeashFolder(launch: launch, in: parent)
        let builder = LeashSpecBuilder(
            launch: launch,
            what: what,
            mark: mark(launch),
            cgroup: cgroups.path(for: launch.description),
            logFolder: logFolder
        )
        let spec = try builder.spec()
        try folder.make(spec)
        let (pipe, leashID) = try program.start(folder)
        handles[launch] = LeashHandle(
            folder: folder,
            remnants: Remnants(cgroupPath: spec.cgroup, mark: mark(launch)),
            phase: .spawning(pipe),
            leashID: leashID
        )
    }

    private func mark(_ launch: LaunchID) -> String { "\(node)/\(launch)" }

    // MARK: News

    /// What `poll` is to watch, and whose it is.
    var watched: [(descriptor: Int32, launch: LaunchID)] {
        handles.keys.sorted().compactMap { launch in
            handles[launch]?.descriptor.map { ($0.number, launch) }
        }
    }

    /// When ``look(at:)`` is due.
    var nextDeadline: Instant? { nextLook }

    func read(_ launch: LaunchID, at now: Instant) -> [News] {
        guard let handle = handles[launch] else { return [] }
        let news = handle.read(at: now)
        settle(launch, handle, at: now)
        return news.map { (launch, $0) }
    }

    func look(at now: Instant) -> [News] {
        reap()
        var found: [News] = []
        nextLook = unreaped.isEmpty ? nil : now + Self.lookInterval
        for launch in handles.keys.sorted() {
            guard let handle = handles[launch], handle.needsLooks else { continue }
            found += handle.look(at: now).map { (launch, $0) }
            settle(launch, handle, at: now)
        }
        return found
    }

    private func settle(_ launch: LaunchID, _ handle: LeashHandle, at now: Instant) {
        if handle.isOver {
            if let leash = handle.leashID { unreaped.append(leash) }
            handles[launch] = nil
        }
        if handle.needsLooks || !unreaped.isEmpty { nextLook = now + Self.lookInterval }
    }

    private func reap() {
        unreaped.removeAll(where: LeashProgram.reap)
    }

    // MARK: After a restart

    /// Finds what an earlier agent left. What still must be waited for is told as news later.
    func adopt(at now: Instant) -> (adopted: [AdoptedLeash], news: [News]) {
        var adopted: [AdoptedLeash] = []
        var news: [News] = []
        for (launch, folder) in LeashFolder.all(in: parent) {
            let spec = folder.spec
            let handle = LeashHandle(
                folder: folder,
                remnants: Remnants(cgroupPath: spec?.cgroup, mark: mark(launch)),
                phase: .leaving,
                leashID: nil
            )
            handles[launch] = handle
            var token = spec.flatMap { FencingToken($0.token) } ?? .zero
            var processID: UInt32?
            var hasDeadline = spec?.deadline != nil
            if folder.hasBegun {
                if (try? handle.connect(at: now)) != nil {
                    let state = greeting(handle)
                    token = state.flatMap { FencingToken($0.token) } ?? token
                    if spec == nil { hasDeadline = state?.deadline != nil }
                    if let state, state.phase == .running {
                        processID = state.processID.map { UInt32(clamping: $0) }
                    }
                } else if case .empty? = folder.result {
                    handle.phase = .leaving
                } else {
                    news += handle.lose(at: now).map { (launch, $0) }
                }
            } else if folder.spec == nil || access(folder.socketPath, F_OK) != 0 {
                // The agent died before the leash was there: nothing ever ran.
                handle.phase = .remnants(since: now, isTold: false)
            }
            adopted.append(
                AdoptedLeash(
                    launch: launch,
                    token: token,
                    processID: processID,
                    hasDeadline: hasDeadline
                )
            )
            settle(launch, handle, at: now)
        }
        return (adopted, news)
    }

    /// The `state` line that a leash begins with. The rest stays in the socket.
    private func greeting(_ handle: LeashHandle) -> LeashState? {
        guard let descriptor = handle.descriptor?.number else { return nil }
        let deadline = MonotonicDeadline(after: Self.greetingTimeout)
        while !deadline.hasPassed {
            var wanted = [pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)]
            guard poll(&wanted, 1, deadline.pollMilliseconds) > 0 else { continue }
            var buffer = [UInt8](repeating: 0, count: 8_192)
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_PEEK))
            guard count > 0 else { return nil }
            guard let end = buffer[..<count].firstIndex(of: 10) else { continue }
            let line = String(decoding: buffer[..<end], as: UTF8.self)
            guard case .state(let state)? = LeashReport(line: line) else { return nil }
            return state
        }
        return nil
    }
}
