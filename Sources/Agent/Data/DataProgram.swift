import AgentCore
import Glibc
import Host
import Model

/// Runs a program that looks at a data set, as a check's command is run: trusted, in a session of its own,
/// and with nothing left of its group afterwards. It dies with the agent. What writes is an effect of the
/// active site, and runs under a leash as an attempt of a task does: ``TaskKeeper``.
struct DataProgram {
    /// Bytes of output kept.
    static let outputMax = 4_096

    var request: DataRun

    /// Blocks the thread until nothing of it runs any more.
    func run() -> DataOutcome {
        let deadline = MonotonicDeadline(after: request.timeout)
        var attempt: ProgramAttempt
        do {
            let output = try Descriptor.pipe()
            try output.read.setNonblocking()
            attempt = ProgramAttempt(
                process: try start(output.write),
                output: output.read,
                outputMax: Self.outputMax
            )
        } catch {
            return .failed(printable("\(error)".utf8, limit: CheckOutcome.outputMax))
        }
        switch attempt.end(until: deadline) {
        case .exited(0): return .ended(output: String(decoding: attempt.said, as: UTF8.self))
        case .exited(let status): return failed("exited with status \(status)", attempt)
        case .signaled(let signal): return failed("ended by signal \(signal)", attempt)
        case nil: return failed("did not end within \(request.timeout.forPeople)", attempt)
        }
    }

    private func failed(_ text: String, _ attempt: borrowing ProgramAttempt) -> DataOutcome {
        .failed(printable(Array(text.utf8) + attempt.comment, limit: CheckOutcome.outputMax))
    }

    private func start(_ output: Descriptor) throws -> SpawnedProcess {
        let definition = request.definition
        let program = try TrustedProgram(
            request.program[0],
            rules: [.followsTrustedLinks, .passesStickyFolders]
        )
        var plan = SpawnPlan(
            .trusted(program),
            arguments: request.program,
            environment: environment
        )
        plan.folder = definition.folder ?? "/"
        plan.output = output
        plan.error = output
        plan.parentDeathSignal = SIGKILL
        if let name = definition.user {
            guard let user = Account.user(named: name) else {
                throw HostError("run the program as \(name)", reason: "no such account")
            }
            if user.user != geteuid() { plan.user = user }
        }
        return try Spawn.start(plan)
    }

    private var environment: [String] {
        let own = [
            EnvironmentVariable(name: "PATH", value: CommandCheck.searchPath),
            EnvironmentVariable(name: "LANG", value: "C.UTF-8"),
            EnvironmentVariable(name: "MUSTER_DATA_SET", value: request.id.dataSet.text),
        ]
        let names = Set(request.definition.environment.map(\.name))
        return (own.filter { !names.contains($0.name) } + request.definition.environment)
            .map(\.description)
    }
}
