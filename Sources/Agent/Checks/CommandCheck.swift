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
        return ProgramAttempt(process: process, output: output.read).outcome(until: deadline)
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
