import AgentCore
import Glibc
import Host
import Model

/// Runs a program of a data set, as a check's command is run: trusted, in a session of its own, and with
/// nothing left of it afterwards. It dies with the agent.
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
        guard let canary = request.canary else { return try Spawn.start(plan) }
        // It fits into the pipe: nobody waits for the program to read it.
        let input = try Descriptor.pipe()
        let line = Array("\(canary)\n".utf8)
        guard write(input.write.number, line, line.count) == line.count else {
            throw HostError("hand over the canary", code: errno)
        }
        plan.input = input.read
        return try Spawn.start(plan)
    }

    private var environment: [String] {
        var own = [
            EnvironmentVariable(name: "PATH", value: CommandCheck.searchPath),
            EnvironmentVariable(name: "LANG", value: "C.UTF-8"),
            EnvironmentVariable(name: "MUSTER_DATA_SET", value: request.id.dataSet.text),
        ]
        if let canary = request.canary {
            own.append(EnvironmentVariable(name: "MUSTER_CANARY", value: "\(canary)"))
        }
        if let token = request.token {
            own.append(EnvironmentVariable(name: "MUSTER_TOKEN", value: "\(token)"))
        }
        let names = Set(request.definition.environment.map(\.name))
        return (own.filter { !names.contains($0.name) } + request.definition.environment)
            .map(\.description)
    }
}
