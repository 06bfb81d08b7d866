import AgentCore
import Glibc
import Host
import Model

/// What a leash is told to start.
struct LeashSpecBuilder {
    let launch: LaunchID
    let what: Launch
    let mark: String
    let cgroup: String?
    let logFolder: String

    /// - Throws: what makes the service impossible to start on this node, with the mend.
    func spec() throws(HostError) -> LeashSpec {
        let definition = what.definition
        guard case .command(let start, let stop) = definition.program, let program = start.first
        else {
            throw HostError("start \(definition.name)", reason: "it names no program")
        }
        var spec = LeashSpec(
            token: what.token.description,
            program: program,
            arguments: start,
            onDisconnect: .keep
        )
        spec.environment = environment
        spec.folder = definition.directory ?? "/"
        spec.stopArguments = stop ?? []
        spec.stopGrace = definition.stopTimeout
        spec.deadline = what.deadline
        spec.cgroup = cgroup
        spec.log = "\(logFolder)/\(definition.name).log"
        spec.passesStickyFolders = true
        if let name = definition.user {
            guard let user = Account.user(named: name) else {
                throw HostError(
                    "start \(definition.name) as \(name)",
                    reason: "there is no such account on this machine"
                )
            }
            if user.user != geteuid() {
                spec.user = LeashSpec.User(
                    user: user.user,
                    group: user.group,
                    supplementary: user.supplementary
                )
            }
        }
        return spec
    }

    /// Ours, then the cluster's settings, then the definition's own; the last of a name wins.
    private var environment: [String] {
        let own = [
            EnvironmentVariable(name: "PATH", value: CommandCheck.searchPath),
            EnvironmentVariable(name: "LANG", value: "C.UTF-8"),
        ]
        let marks = [EnvironmentVariable(name: Remnants.variable, value: mark)]
        var names: [String] = []
        var values: [String: String] = [:]
        for variable in own + what.environment + what.definition.environment + marks {
            if values[variable.name] == nil { names.append(variable.name) }
            values[variable.name] = variable.value
        }
        return names.map { "\($0)=\(values[$0] ?? "")" }
    }
}
