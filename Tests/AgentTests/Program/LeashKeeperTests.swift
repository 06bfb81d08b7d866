import AgentCore
import Glibc
import Host
import Model
import Protocol
import Testing

@testable import Agent

/// The agent's end of real leashes.
@Suite(.serialized) struct LeashKeeperTests {
    private let stage: Stage

    init() throws {
        stage = try Stage()
    }

    @Test func `a service is started, stopped and proven gone`() throws {
        let launch = try stage.launch(["/bin/sleep", "600"])
        let processID = try stage.started(launch)
        #expect(kill(processID, 0) == 0)
        stage.perform(.stop(launch, timeout: .seconds(5)))
        #expect(stage.await(launch) { $0 == .emptied })
        #expect(stage.news(launch).contains(.exited(.signalled(15))))
        #expect(kill(processID, 0) != 0)
        #expect(stage.await { LeashFolder.all(in: "\(stage.folder.path)/leashes").isEmpty })
    }

    @Test func `what ignores SIGTERM is killed after its time`() throws {
        let launch = try stage.launch(["/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done"])
        _ = try stage.started(launch)
        stage.perform(.stop(launch, timeout: .milliseconds(300)))
        #expect(stage.await(launch) { $0 == .emptied })
        #expect(stage.news(launch).contains(.exited(.signalled(9))))
    }

    @Test func `a program that is not there was not started, and why is said`() throws {
        let launch = try stage.launch(["/nowhere/program"])
        #expect(
            stage.await(launch) { news in
                if case .notStarted(let reason) = news {
                    reason.contains("/nowhere")
                } else {
                    false
                }
            }
        )
    }

    @Test func `a lease that has ended starts nothing`() throws {
        let launch = try stage.launch(["/bin/sleep", "600"], deadline: BootClock.now())
        #expect(
            stage.await(launch) { if case .notStarted = $0 { true } else { false } }
        )
    }

    @Test func `at the end of the lease the leash stops the service by itself`() throws {
        let deadline = BootClock.now() + .seconds(2)
        let launch = try stage.launch(["/bin/sleep", "600"], deadline: deadline)
        _ = try stage.started(launch)
        #expect(stage.await(launch) { $0 == .emptied })
        #expect(BootClock.now() >= deadline)
        #expect(stage.news(launch).contains(.leaseEnded))
    }

    @Test func `a new agent finds what the old one left running`() throws {
        let launch = try stage.launch(["/bin/sleep", "600"])
        let processID = try stage.started(launch)
        let adopted = try stage.replaceKeeper()
        #expect(
            adopted == [
                AdoptedLeash(
                    launch: launch,
                    token: Stage.token,
                    processID: UInt32(processID)
                )
            ]
        )
        stage.perform(.stop(launch, timeout: .seconds(5)))
        #expect(stage.await(launch) { $0 == .emptied })
    }

    @Test func `a new agent learns of what ended while there was none`() throws {
        let launch = try stage.launch(["/bin/sleep", "600"])
        let processID = try stage.started(launch)
        stage.dropKeeper()
        kill(processID, SIGKILL)
        let folder = LeashFolder(launch: launch, in: "\(stage.folder.path)/leashes")
        #expect(stage.await { if case .empty? = folder.result { true } else { false } })
        let adopted = try stage.makeKeeper()
        #expect(adopted.map(\.launch) == [launch])
        #expect(adopted.first?.processID == nil)
        #expect(stage.await(launch) { $0 == .emptied })
    }

    @Test func `when a leash is killed all that it held is killed and that is told`() throws {
        // The grandchild has left the session: only its mark or its cgroup give it away.
        let script = "setsid sleep 600 & exec sleep 600"
        let launch = try stage.launch(["/bin/sh", "-c", script])
        let processID = try stage.started(launch)
        let leash = try #require(stage.parent(of: processID))
        kill(leash, SIGKILL)
        #expect(stage.await(launch) { $0 == .emptied })
        #expect(stage.news(launch).contains(.lost))
        #expect(Remnants(cgroupPath: nil, mark: "test/\(launch)").kill() == 0)
        // Gone, or a zombie whose new parent has not looked yet.
        let status = SystemFiles().text("/proc/\(processID)/stat")
        #expect(status == nil || status?.contains(") Z ") == true)
    }

    @Test func `a leash that was never told to begin is not begun by a new agent`() throws {
        let launch = LaunchID(service: "db", number: 77)
        let folder = LeashFolder(launch: launch, in: "\(stage.folder.path)/leashes")
        var spec = LeashSpec(
            token: Stage.token.description,
            program: "/bin/sleep",
            arguments: ["/bin/sleep", "600"],
            onDisconnect: .keep
        )
        spec.connectTimeMax = .milliseconds(500)
        try folder.make(spec)
        let adopted = try stage.replaceKeeper()
        #expect(adopted.map(\.processID) == [nil])
        #expect(stage.await(launch) { $0 == .emptied })
    }

    @Test(arguments: ["db-1", "a-b-c-99", "x.y_z-18446744073709551615"])
    func `a launch is read from the name of its folder`(name: String) {
        #expect(LaunchID(name)?.description == name)
    }

    @Test(arguments: ["db", "db-", "-1", "db-01", "DB-1", "db-1x", "..-1"])
    func `what is no launch is not taken for one`(name: String) {
        #expect(LaunchID(name) == nil)
    }
}

/// A keeper with a folder of its own, driven by hand.
private final class Stage {
    static let token = FencingToken(epoch: Epoch(generation: 1, counter: 3), session: 41)

    let folder: TemporaryFolder
    private var keeper: LeashKeeper?
    private var told: [(launch: LaunchID, news: LeashNews)] = []
    private var launches: UInt64 = 0

    init() throws {
        folder = try TemporaryFolder()
        _ = try makeKeeper()
    }

    deinit {
        // Whatever a failed test left: leashes, and what they held.
        for (launch, leash) in LeashFolder.all(in: "\(folder.path)/leashes") {
            let holder = (try? DurableFile.readText("\(leash.path)/lock")) ?? ""
            let words = holder.split(whereSeparator: { $0 == " " || $0 == "\n" })
            if let process = words.last.flatMap({ Int32($0) }) { kill(process, SIGKILL) }
            let remnants = Remnants(cgroupPath: nil, mark: "test/\(launch)")
            _ = `await`(within: .seconds(5)) { remnants.kill() == 0 }
        }
    }

    @discardableResult
    func makeKeeper() throws -> [AdoptedLeash] {
        let made = try LeashKeeper(
            runFolder: folder.path,
            logFolder: "\(folder.path)/logs",
            program: RealProgram.path("muster-leash"),
            cgroups: CgroupPlace(.off, prefix: "test"),
            node: "test"
        )
        keeper = made
        let (adopted, news) = made.adopt(at: BootClock.now())
        told += news
        return adopted
    }

    func dropKeeper() { keeper = nil }

    func replaceKeeper() throws -> [AdoptedLeash] {
        dropKeeper()
        return try makeKeeper()
    }

    func launch(_ arguments: [String], deadline: Instant? = nil) throws -> LaunchID {
        launches += 1
        let launch = LaunchID(service: "db", number: launches)
        let definition = ServiceDefinition(
            name: "db",
            program: .command(start: arguments, stop: nil),
            isSelfFenced: deadline != nil
        )
        perform(
            .launch(
                launch,
                Launch(
                    definition: definition,
                    token: Self.token,
                    deadline: deadline,
                    environment: []
                )
            )
        )
        return launch
    }

    func perform(_ command: LeashCommand) {
        told += keeper?.perform(command, at: BootClock.now()) ?? []
    }

    func news(_ launch: LaunchID) -> [LeashNews] {
        told.filter { $0.launch == launch }.map(\.news)
    }

    func started(_ launch: LaunchID) throws -> Int32 {
        _ = `await`(launch) { if case .started = $0 { true } else { false } }
        for case .started(let processID) in news(launch) { return Int32(processID) }
        throw TestFault("not started: \(news(launch))")
    }

    func await(_ launch: LaunchID, _ condition: (LeashNews) -> Bool) -> Bool {
        `await` { news(launch).contains(where: condition) }
    }

    /// Attends to the leashes until the condition holds.
    func await(within limit: Duration = .seconds(20), _ condition: () -> Bool) -> Bool {
        let deadline = MonotonicDeadline(after: limit)
        while !condition() {
            if deadline.hasPassed { return false }
            attend()
        }
        return true
    }

    private func attend() {
        let watched = keeper?.watched ?? []
        var wanted = watched.map {
            pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0)
        }
        poll(&wanted, nfds_t(wanted.count), 20)
        let now = BootClock.now()
        for (index, (_, launch)) in watched.enumerated() where wanted[index].revents != 0 {
            told += keeper?.read(launch, at: now) ?? []
        }
        if let look = keeper?.nextDeadline, look <= now {
            told += keeper?.look(at: now) ?? []
        }
    }

    func parent(of process: Int32) -> Int32? {
        guard let text = SystemFiles().text("/proc/\(process)/stat") else { return nil }
        let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
        return fields.count > 1 ? Int32(fields[1]) : nil
    }
}
