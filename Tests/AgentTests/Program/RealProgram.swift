import Glibc
import Host
import Model

@testable import Agent

/// The real `muster-agent`, built beside the tests.
enum RealProgram {
    static func path(_ name: String) -> String { "\(ProgramFolder.path)/\(name)" }

    /// Runs it to its end.
    ///
    /// - Parameter input: what comes by its standard input.
    static func run(
        _ arguments: [String],
        input: String? = nil,
        within limit: Duration = .seconds(20)
    ) throws -> (status: Int32?, text: String) {
        let feeding = input.map { ["/bin/sh", "-c", "printf %s \"$0\" | \"$@\"", $0] } ?? []
        let run = try ProgramRun(
            feeding + [path("muster-agent")] + arguments,
            until: MonotonicDeadline(after: limit)
        )
        guard case .exited(let status)? = run.end else { return (nil, run.text) }
        return (status, String(decoding: run.output, as: UTF8.self))
    }
}

/// A `muster-agent run` in the background, whose log is read.
final class RunningAgent {
    let folder: TemporaryFolder
    private let process: SpawnedProcess
    private let output: Descriptor
    private(set) var log = ""
    private(set) var end: ProcessEnd?

    init(_ folder: TemporaryFolder) throws {
        self.folder = folder
        let (output, input) = try Descriptor.pipe()
        try output.setNonblocking()
        var plan = SpawnPlan(
            .path(RealProgram.path("muster-agent")),
            arguments: ["muster-agent", "run", "--config", "\(folder.path)/agent.conf"],
            environment: ["PATH=/usr/bin:/bin"]
        )
        plan.output = input
        plan.error = input
        self.output = output
        process = try Spawn.start(plan)
    }

    deinit {
        guard end == nil else { return }
        kill(process.processID, SIGKILL)
        _ = process.wait()
    }

    func signal(_ number: Int32) { kill(process.processID, number) }

    /// Reads the log until it holds a text.
    func says(_ text: String, within limit: Duration = .seconds(20)) -> Bool {
        let deadline = MonotonicDeadline(after: limit)
        while !log.contains(text), !deadline.hasPassed { read(until: deadline) }
        return log.contains(text)
    }

    /// Waits for its end.
    ///
    /// - Returns: how long that took, or nil when it did not end.
    func ends(within limit: Duration) -> Duration? {
        let start = MonotonicDeadline(after: .zero)
        let deadline = MonotonicDeadline(after: limit)
        while !deadline.hasPassed {
            var status: Int32 = 0
            if waitpid(process.processID, &status, WNOHANG) == process.processID {
                end = ProcessEnd(status: status)
                return start.elapsed
            }
            read(until: MonotonicDeadline(after: .milliseconds(20)))
        }
        return nil
    }

    private func read(until deadline: MonotonicDeadline) {
        var wanted = [pollfd(fd: output.number, events: Int16(POLLIN), revents: 0)]
        guard poll(&wanted, 1, deadline.pollMilliseconds) > 0 else { return }
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = Glibc.read(output.number, &buffer, buffer.count)
        if count > 0 { log += String(decoding: buffer[..<count], as: UTF8.self) }
        if count == 0 { poll(nil, 0, 5) }
    }
}

extension TemporaryFolder {
    /// A configuration whose folders are all in here.
    static func node(services: [String: String] = [:], further: String = "") throws
        -> TemporaryFolder
    {
        let folder = try TemporaryFolder()
        try folder.write(
            "agent.conf",
            """
            [agent]
            state-directory = \(folder.path)/state
            run-directory = \(folder.path)/run
            services-directory = \(folder.path)/services.d
            cgroup = off
            \(further)

            """
        )
        mkdir("\(folder.path)/services.d", 0o755)
        for (name, text) in services { try folder.write("services.d/\(name).conf", text) }
        return folder
    }
}
