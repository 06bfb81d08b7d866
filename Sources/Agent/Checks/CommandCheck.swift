import AgentCore
import Glibc
import Host
import Model

/// Runs a program in a session of its own; passed if it exits with status 0 in time. Whatever it
/// leaves behind in its process group is killed.
struct CommandCheck {
    /// What a check's program finds in its environment besides the service's variables.
    static let searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    var id: CheckID
    var arguments: [String]
    var surroundings: CheckSurroundings

    func run(until deadline: MonotonicDeadline) -> CheckOutcome {
        let output: (read: Descriptor, write: Descriptor)
        let process: SpawnedProcess
        do {
            output = try Descriptor.pipe()
            try output.read.setNonblocking()
            process = try start(output.write)
        } catch {
            return .failed("\(error)")
        }
        return Attempt(process: process, output: output.read).outcome(until: deadline)
    }

    private func start(_ output: Descriptor) throws -> SpawnedProcess {
        let program = try TrustedProgram(
            arguments[0],
            rules: [.followsTrustedLinks, .passesStickyFolders]
        )
        var plan = SpawnPlan(.trusted(program), arguments: arguments, environment: environment)
        plan.folder = surroundings.directory ?? "/"
        plan.output = output
        plan.error = output
        if let name = surroundings.user {
            guard let user = Account.user(named: name) else {
                throw HostError("run the check as \(name)", reason: "no such account")
            }
            if user.user != geteuid() { plan.user = user }
        }
        return try Spawn.start(plan)
    }

    private var environment: [String] {
        let own = [
            EnvironmentVariable(name: "PATH", value: Self.searchPath),
            EnvironmentVariable(name: "LANG", value: "C.UTF-8"),
            EnvironmentVariable(name: "MUSTER_SERVICE", value: id.service.text),
            EnvironmentVariable(name: "MUSTER_CHECK", value: id.check.text),
        ]
        let names = Set(surroundings.environment.map(\.name))
        return (own.filter { !names.contains($0.name) } + surroundings.environment)
            .map(\.description)
    }
}

/// A program that runs, and what it has said.
private struct Attempt {
    /// How long to sleep between two looks at a process, on kernels that cannot tell of its end.
    private static let lookInterval = Duration.milliseconds(20)

    let process: SpawnedProcess
    let output: Descriptor
    private var said: [UInt8] = []
    private var isOutputOpen = true

    init(process: SpawnedProcess, output: Descriptor) {
        self.process = process
        self.output = output
    }

    consuming func outcome(until deadline: MonotonicDeadline) -> CheckOutcome {
        while !hasEnded, !deadline.hasPassed {
            waitForNews(until: deadline)
            readOutput()
        }
        let isInTime = hasEnded
        // The process is not reaped yet, so its group cannot be another's by now.
        kill(-process.processID, SIGKILL)
        let end = process.wait()
        readOutput()
        guard isInTime else {
            return .failed(saying: "did not end in time".utf8 + comment)
        }
        switch end {
        case .exited(0): return .passed(saying: said)
        case .exited(let status):
            return .failed(
                saying: "exited with status \(status)".utf8 + comment
            )
        case .signaled(let signal):
            return .failed(saying: "ended by signal \(signal)".utf8 + comment)
        }
    }

    private var comment: [UInt8] {
        said.isEmpty ? [] : Array(": ".utf8) + said
    }

    /// Looks whether the process has ended, without reaping it.
    private var hasEnded: Bool {
        var information = siginfo_t()
        let flags = WEXITED | WNOHANG | WNOWAIT
        guard waitid(P_PID, id_t(process.processID), &information, flags) == 0 else {
            return errno != EINTR
        }
        return information.si_signo != 0
    }

    private mutating func waitForNews(until deadline: MonotonicDeadline) {
        var wanted: [pollfd] = []
        if isOutputOpen {
            wanted.append(pollfd(fd: output.number, events: Int16(POLLIN), revents: 0))
        }
        var patience = deadline.pollMilliseconds
        if let descriptor = process.descriptor {
            wanted.append(pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0))
        } else {
            let look = MonotonicDeadline(after: Self.lookInterval)
            patience = min(patience, look.pollMilliseconds)
        }
        poll(&wanted, nfds_t(wanted.count), patience)
    }

    /// Takes what is there. What is beyond the limit is read and dropped, so that the program
    /// does not block on a full pipe; only so much in one go, so that the deadline is seen.
    private mutating func readOutput() {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        for _ in 0..<16 where isOutputOpen {
            let count = read(output.number, &buffer, buffer.count)
            if count == 0 { isOutputOpen = false }
            if count < 0, errno != EINTR { return }
            if count > 0 {
                let room = CheckOutcome.outputMax - said.count
                said.append(contentsOf: buffer[..<min(count, max(0, room))])
            }
        }
    }
}
