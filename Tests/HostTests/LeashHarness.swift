import AgentCore
import Glibc
import Host
import Model
import Testing

/// A real `muster-leash` in a folder of its own, and the agent's end of its socket.
final class LeashHarness {
    /// How a leash holds its processes here: always by the process tree, and by a cgroup as well
    /// where this machine lets us make one.
    enum Holding: String, CaseIterable, CustomStringConvertible {
        case tree, cgroup

        static let available = allCases.filter { $0 == .tree || cgroupTree != nil }

        var description: String { rawValue }
    }

    static let cgroupTree: String? = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].first { path in
        let probe = path + "/muster-probe-\(getpid())"
        guard (try? Cgroup(probe)) != nil else { return false }
        return rmdir(probe) == 0
    }

    /// Built beside the tests.
    static let program: String = {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { bytes in
            readlink("/proc/self/exe", bytes.baseAddress!, bytes.count)
        }
        let own = String(decoding: buffer[0..<max(0, count)], as: UTF8.self)
        return own[..<own.lastIndex(of: "/")!] + "/muster-leash"
    }()

    let folder: TemporaryFolder
    /// Part of every command line of the test's own programs, so that they can be found.
    let marker = "9" + "\(RandomBytes.seed() % 1_000_000_000)"
    var spec: LeashSpec
    /// Of the leash itself.
    var environment: [String] = []
    private(set) var leash: SpawnedProcess?
    /// Of the last `empty` that was read.
    private(set) var usage: LeashUsage?
    private var socket: Descriptor?
    private var reader = LineReader()
    private var pending: [String] = []

    /// - Parameter script: run by `/bin/sh`; `$0` is the marker.
    init(
        _ script: String,
        _ arguments: [String] = [],
        onDisconnect: LeashDisconnectPolicy = .kill,
        holding: Holding = .tree
    ) {
        folder = TemporaryFolder()
        spec = LeashSpec(
            token: "0001.00000003.00000029",
            program: "/bin/sh",
            arguments: ["sh", "-c", script, marker] + arguments,
            onDisconnect: onDisconnect
        )
        spec.environment = ["PATH=/usr/bin:/bin"]
        spec.folder = folder.path
        spec.log = folder["log"]
        spec.passesStickyFolders = true
        if holding == .cgroup {
            spec.cgroup = LeashHarness.cgroupTree! + "/muster-test-\(marker)"
        }
    }

    deinit {
        socket = nil
        if let leash {
            kill(leash.processID, SIGCONT)
            kill(leash.processID, SIGKILL)
            _ = leash.wait()
        }
        for process in processes(naming: marker) { kill(process, SIGKILL) }
        if let cgroup = spec.cgroup { _ = eventually { rmdir(cgroup) == 0 || errno == ENOENT } }
    }

    var leashID: Int32 { leash!.processID }

    var living: [Int32] { processes(naming: marker).filter { $0 != leash?.processID } }

    /// Starts the leash and waits until it listens.
    func start() throws {
        folder.write(LeashFiles.spec, spec.text)
        var plan = SpawnPlan(
            .path(LeashHarness.program),
            arguments: ["muster-leash", folder[LeashFiles.spec]],
            environment: environment
        )
        var pipe: (read: Descriptor, write: Descriptor)? = try Descriptor.pipe()
        let reading = pipe!.read
        plan.output = pipe!.write
        pipe = nil
        leash = try Spawn.start(plan)
        plan.output = nil
        let ready = try reading.readAll(limit: 100)
        try #require(String(decoding: ready, as: UTF8.self) == "ready\n")
    }

    func connect() throws {
        socket = try UnixSocket.connect(folder[LeashFiles.socket])
        reader = LineReader()
        pending = []
    }

    /// Starts all, and waits until the program runs and has said `up`.
    func startAndAwaitUp() throws {
        try start()
        try connect()
        try awaitUp()
    }

    func awaitUp() throws {
        try #require(eventually { folder.text("log").contains("up\n") })
    }

    func disconnect() { socket = nil }

    /// Gives our end of the connection to another process, which is then the agent.
    func handOver(to plan: inout SpawnPlan) {
        plan.input = socket
        socket = nil
    }

    func send(_ order: LeashOrder) { _ = UnixSocket.send(order.line, to: socket!) }

    /// The next line of the leash; nil when it closes or says nothing for ten seconds.
    func next() -> LeashReport? {
        guard let socket else { return nil }
        while pending.isEmpty {
            var watched = pollfd(fd: socket.number, events: Int16(POLLIN), revents: 0)
            guard poll(&watched, 1, 10_000) > 0 else { return nil }
            guard case .lines(let lines) = reader.read(socket) else { return nil }
            pending = lines
        }
        return LeashReport(line: pending.removeFirst())
    }

    /// Whether a report of this kind is among those that have come by now.
    func hasReport(where matches: (LeashReport) -> Bool) -> Bool {
        var watched = pollfd(fd: socket?.number ?? -1, events: Int16(POLLIN), revents: 0)
        while let socket, poll(&watched, 1, 0) > 0 {
            guard case .lines(let lines) = reader.read(socket) else { break }
            pending += lines
        }
        return pending.compactMap { LeashReport(line: $0) }.contains(where: matches)
    }

    /// Skips what comes before `empty`. What was used is told apart: it differs from run to run.
    func nextEmpty() -> LeashResult? {
        while let report = next() {
            if case .empty(let result) = report { return withoutUsage(result) }
        }
        return nil
    }

    private func withoutUsage(_ result: LeashResult) -> LeashResult {
        usage = result.usage
        return LeashResult(cause: result.cause, exit: result.exit, failure: result.failure)
    }

    /// The result on disk, once it says that all is empty.
    func recordedEmpty() -> LeashResult? {
        var result: LeashResult?
        _ = eventually {
            let line = folder.text(LeashFiles.exit).split(separator: "\n").first ?? ""
            guard case .empty(let found)? = LeashReport(line: String(line)) else { return false }
            result = found
            return true
        }
        return result.map(withoutUsage)
    }

    func waitForLeash() -> ProcessEnd {
        let end = leash!.wait()
        leash = nil
        return end
    }
}
