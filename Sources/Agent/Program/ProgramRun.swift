import Glibc
import Host

/// One run of a helper program, whose output is read.
struct ProgramRun {
    /// Bytes of output that are kept.
    static let outputMax = 16_384

    /// Nil: it did not end in time and was killed.
    var end: ProcessEnd?
    var output: [UInt8]

    var isSuccess: Bool { end == .exited(0) }

    /// What it said, fit for a log line.
    var text: String { printable(output, limit: Self.outputMax) }

    /// - Parameters:
    ///   - trusted: the program must be a file that nobody but root and the agent's account could have
    ///     put there; the agent's own programs are.
    ///   - outputMax: bytes of output that are kept.
    /// - Throws: why it could not be started.
    init(
        _ arguments: [String],
        until deadline: MonotonicDeadline,
        trusted: Bool = false,
        outputMax: Int = outputMax
    ) throws {
        let (reader, process) = try Self.start(arguments, trusted: trusted)
        output = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while !deadline.hasPassed {
            var wanted = [pollfd(fd: reader.number, events: Int16(POLLIN), revents: 0)]
            guard poll(&wanted, 1, deadline.pollMilliseconds) > 0 else { continue }
            let count = read(reader.number, &buffer, buffer.count)
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            guard count > 0 else {
                end = Self.end(of: process, by: deadline)
                return
            }
            output += buffer[..<min(count, outputMax - output.count)]
        }
        kill(-process.processID, SIGKILL)
        _ = process.wait()
    }

    /// One that closes its output and goes on is waited for, and killed at the deadline.
    private static func end(
        of process: SpawnedProcess,
        by deadline: MonotonicDeadline
    ) -> ProcessEnd? {
        var information = siginfo_t()
        var hasEnded = false
        while !hasEnded, !deadline.hasPassed {
            information.si_signo = 0
            let flags = WEXITED | WNOHANG | WNOWAIT
            let isThere = waitid(P_PID, id_t(process.processID), &information, flags) == 0
            hasEnded = !isThere || information.si_signo != 0
            guard !hasEnded else { break }
            if let descriptor = process.descriptor {
                var wanted = [pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)]
                poll(&wanted, 1, deadline.pollMilliseconds)
            } else {
                poll(nil, 0, min(20, deadline.pollMilliseconds))
            }
        }
        // It is not reaped yet, so its group cannot be another's by now.
        kill(-process.processID, SIGKILL)
        let end = process.wait()
        return hasEnded ? end : nil
    }

    // Our copy of the writing end is gone when this returns: the end of the child's output is then
    // the end of what we read.
    private static func start(
        _ arguments: [String],
        trusted: Bool
    ) throws -> (output: Descriptor, process: SpawnedProcess) {
        let (output, input) = try Descriptor.pipe()
        try output.setNonblocking()
        let rules: TrustedProgram.Rules = [.followsTrustedLinks, .passesStickyFolders]
        var plan = SpawnPlan(
            trusted
                ? .trusted(try TrustedProgram(arguments[0], rules: rules)) : .path(arguments[0]),
            arguments: arguments,
            environment: ["PATH=\(CommandCheck.searchPath)", "LANG=C.UTF-8"]
        )
        plan.output = input
        plan.error = input
        return (output, try Spawn.start(plan))
    }
}
