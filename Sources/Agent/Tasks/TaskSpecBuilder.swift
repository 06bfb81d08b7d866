import AgentCore
import Glibc
import Host
import Model

/// What a leash is told to start for an attempt.
struct TaskSpecBuilder {
    let attempt: TaskAttempt
    let launch: TaskLaunch
    let folder: LeashFolder
    let mark: String
    let cgroup: String?

    /// - Throws: what makes the handler impossible to start on this node, with the mend.
    func spec() throws(HostError) -> LeashSpec {
        let definition = launch.definition
        guard let program = definition.program.first else {
            throw HostError("start \(definition.name)", reason: "it names no program")
        }
        var spec = LeashSpec(
            token: launch.token.description,
            program: program,
            arguments: definition.program,
            // Who is to tell the result is gone: the attempt ends with its agent.
            onDisconnect: .kill
        )
        let account = try account(definition)
        spec.environment = environment(account)
        spec.user = account.flatMap { account in
            account.user == geteuid()
                ? nil
                : LeashSpec.User(
                    user: account.user,
                    group: account.group,
                    supplementary: account.supplementary
                )
        }
        spec.folder = definition.folder ?? "/"
        spec.nice = definition.nice.map(Int32.init)
        spec.input = folder.payloadPath
        spec.log = folder.outputPath
        spec.logByteCountMax = Int64(max(TaskFiles.outputPartMin, definition.outputBytesMax))
        spec.stopGrace = definition.stopGrace
        spec.deadline = launch.deadline
        spec.cgroup = cgroup
        if let limit = definition.memoryLimit {
            spec.limits.append(
                LeashSpec.Limit(resource: Self.dataResource, soft: limit, hard: limit)
            )
            if cgroup != nil { spec.cgroupMemoryMax = limit }
        }
        spec.passesStickyFolders = true
        return spec
    }

    /// `RLIMIT_DATA`: what a process can write and shares with nobody. Unlike the address space,
    /// which is larger than the memory by any factor, it says what a process really uses.
    private static let dataResource: Int32 = 2

    private func account(_ definition: HandlerDefinition) throws(HostError) -> SpawnPlan.User? {
        guard let name = definition.user else { return nil }
        guard let account = Account.user(named: name) else {
            throw HostError(
                "start \(definition.name) as \(name)",
                reason: "there is no such account on this machine"
            )
        }
        return account
    }

    /// Ours, the account's, then what the machine says of task and handler; the last of a name wins.
    private func environment(_ account: SpawnPlan.User?) -> [String] {
        var names: [String] = []
        var values: [String: String] = [:]
        func put(_ name: String, _ value: String) {
            if values[name] == nil { names.append(name) }
            values[name] = value
        }
        put("PATH", CommandCheck.searchPath)
        put("LANG", "C.UTF-8")
        if account != nil, let name = launch.definition.user {
            put("USER", name)
            put("LOGNAME", name)
            if let home = Account.home(named: name) { put("HOME", home) }
        }
        for variable in launch.environment { put(variable.name, variable.value) }
        put(Remnants.variable, mark)
        return names.map { "\($0)=\(values[$0] ?? "")" }
    }
}
