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

    /// - Throws: why it could not be started.
    init(_ arguments: [String], until deadline: MonotonicDeadline) throws {
        let (reader, process) = try Self.start(arguments)
        output = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while !deadline.hasPassed {
            var wanted = [pollfd(fd: reader.number, events: Int16(POLLIN), revents: 0)]
            guard poll(&wanted, 1, deadline.pollMilliseconds) > 0 else { continue }
            let count = read(reader.number, &buffer, buffer.count)
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            guard count > 0 else {
                end = process.wait()
                return
            }
            output += buffer[..<min(count, Self.outputMax - output.count)]
        }
        kill(-process.processID, SIGKILL)
        _ = process.wait()
    }

    // Our copy of the writing end is gone when this returns: the end of the child's output is then
    // the end of what we read.
    private static func start(
        _ arguments: [String]
    ) throws -> (output: Descriptor, process: SpawnedProcess) {
        let (output, input) = try Descriptor.pipe()
        try output.setNonblocking()
        var plan = SpawnPlan(
            .path(arguments[0]),
            arguments: arguments,
            environment: ["PATH=\(CommandCheck.searchPath)", "LANG=C.UTF-8"]
        )
        plan.output = input
        plan.error = input
        return (output, try Spawn.start(plan))
    }
}
