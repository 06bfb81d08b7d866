import AgentCore
import Glibc
import Host
import Model
import Protocol
import Transport

/// Where the agent's own programs are.
enum ProgramFolder {
    /// The folder of this very program.
    static var path: String {
        var buffer = [CChar](repeating: 0, count: 4_096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        guard count > 0 else { return "/usr/bin" }
        let text = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return text.lastIndex(of: "/").map { String(text[..<$0]) } ?? "."
    }

    static var enroll: String { path + "/muster-agent-enroll" }
    static var leash: String { path + "/muster-leash" }
}

/// `muster-agent join`: hands over to `muster-agent-enroll`, which alone can read and make
/// certificates. The token goes there by its standard input.
struct JoinCommand {
    let options: ProgramOptions

    init(_ options: ProgramOptions) {
        self.options = options
    }

    func run() throws(CommandFailure) -> Int32 {
        var token = options["token"]
        if token == nil, options["token-file"] == nil {
            token = SecretInput.readLine(prompt: "Token: ")
            guard token?.isEmpty == false else {
                throw CommandFailure(
                    ExitCode.usage,
                    "there is no token",
                    mend: "pipe it in, type it, or give --token-file; an operator makes one with: "
                        + "muster token create"
                )
            }
        }
        var controllers = options.controllers
        var name = options["name"]
        let state: String
        if let given = options["state"] {
            state = given
        } else {
            let configuration = try options.loadConfiguration()
            state = configuration.stateDirectory
            name = name ?? configuration.name?.text
            if controllers.isEmpty { controllers = configuration.controllers.map(\.description) }
        }
        var arguments = [ProgramFolder.enroll, "join", "--state", absolute(state)]
        if let file = options["token-file"] { arguments += ["--token-file", absolute(file)] }
        if let name { arguments += ["--name", name] }
        for controller in controllers { arguments += ["--controller", controller] }
        let process: SpawnedProcess
        let input: Descriptor?
        do throws(HostError) {
            // Everybody may read the list of processes; a token has no business there.
            input = try token.map { text throws(HostError) in
                try Descriptor.memory(Array(text.utf8) + [10])
            }
        } catch {
            throw CommandFailure(ExitCode.failed, "\(error)")
        }
        do throws(SpawnError) {
            var plan = SpawnPlan(
                .path(ProgramFolder.enroll),
                arguments: arguments,
                environment: ["PATH=\(CommandCheck.searchPath)", "LANG=C.UTF-8"]
            )
            plan.grouping = .ours
            plan.input = input
            plan.output = duplicate(STDOUT_FILENO)
            plan.error = duplicate(STDERR_FILENO)
            process = try Spawn.start(plan)
        } catch {
            throw CommandFailure(
                ExitCode.failed,
                "\(error)",
                mend: "muster-agent-enroll belongs beside muster-agent: install both"
            )
        }
        switch process.wait() {
        case .exited(let status): return status
        case .signaled: return ExitCode.failed
        }
    }

    private func absolute(_ path: String) -> String {
        if path.hasPrefix("/") { return path }
        var buffer = [CChar](repeating: 0, count: 4_096)
        guard getcwd(&buffer, buffer.count) != nil else { return path }
        let folder = String(
            decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) },
            as: UTF8.self
        )
        return "\(folder)/\(path)"
    }
}

/// A descriptor of its own for a child, that leaves ours open.
func duplicate(_ number: Int32) -> Descriptor? {
    let copy = fcntl(number, F_DUPFD_CLOEXEC, 3)
    return copy >= 0 ? Descriptor(owning: copy) : nil
}

/// `muster-agent preflight`
struct PreflightCommand {
    let options: ProgramOptions

    init(_ options: ProgramOptions) {
        self.options = options
    }

    func run() throws(CommandFailure) -> Int32 {
        let configuration = try options.loadConfiguration()
        let preflight = Preflight(configuration)
        let findings = preflight.everything() + (try controllers(configuration)).map(reach)
        var hasFailed = false
        for finding in findings {
            if finding.outcome == .failed { hasFailed = true }
            let word = finding.outcome.rawValue
            let padding = String(repeating: " ", count: max(0, 7 - word.utf8.count))
            say("\(word)\(padding)  \(finding.check): \(finding.text)\n")
            if !finding.mend.isEmpty { say("         \(finding.mend)\n") }
        }
        return hasFailed ? ExitCode.failed : ExitCode.done
    }

    /// Those given, else those configured.
    private func controllers(
        _ configuration: NodeConfiguration
    ) throws(CommandFailure) -> [NetworkAddress] {
        var addresses: [NetworkAddress] = []
        for text in options.controllers {
            do throws(TransportError) {
                let endpoint = try Endpoint(parsing: text)
                addresses.append(NetworkAddress(host: endpoint.host, port: endpoint.port))
            } catch {
                throw CommandFailure(ExitCode.usage, "--controller \(text): \(error.sentence)")
            }
        }
        return addresses.isEmpty ? configuration.controllers : addresses
    }

    /// Whether anybody listens there; who it is shows when the node joins.
    private func reach(_ address: NetworkAddress) -> PreflightFinding {
        let request = CheckRequest(
            id: CheckID(service: "muster", check: "controller", attempt: 1),
            action: .tcp(address),
            timeout: .seconds(5)
        )
        switch CheckRunner().attempt(request).outcome {
        case .passed(let text):
            return PreflightFinding(check: "controller:\(address)", outcome: .passed, text: text)
        case .failed(let text):
            return PreflightFinding(
                check: "controller:\(address)",
                outcome: .failed,
                text: text,
                mend: "check that muster-controller runs there, the address, and the firewall"
            )
        }
    }
}

/// `muster-agent check-config`
struct CheckConfigurationCommand {
    let options: ProgramOptions

    init(_ options: ProgramOptions) {
        self.options = options
    }

    func run() throws(CommandFailure) -> Int32 {
        let configuration = try options.loadConfiguration()
        say(
            "\(options.configuration): good, \(configuration.services.count) services, "
                + "\(configuration.handlers.count) handlers\n"
        )
        for service in configuration.services {
            let need = service.isRequired ? "required" : "optional"
            let checks = service.checks.count == 1 ? "1 check" : "\(service.checks.count) checks"
            say(
                "  \(service.order) \(service.name): \(service.kind.rawValue), \(need), "
                    + "group \(service.group), \(checks)\n"
            )
        }
        for handler in configuration.handlers {
            let types = handler.types.map(\.text).joined(separator: ", ")
            let limit = handler.timeLimit.map { "at most \($0.forPeople)" } ?? "no time limit"
            say(
                "  handler \(handler.name): \(types), \(handler.slots) at once, "
                    + "\(handler.delivery.rawValue), \(limit)\n"
            )
        }
        for dataSet in configuration.dataSets {
            let programs = [
                dataSet.write.map { _ in "write" }, dataSet.read.map { _ in "read" },
                dataSet.lag.map { _ in "lag" },
            ]
            let names = programs.compactMap { $0 }.joined(separator: ", ")
            say("  data set \(dataSet.name): \(names), every \(dataSet.interval.forPeople)\n")
        }
        return ExitCode.done
    }
}
