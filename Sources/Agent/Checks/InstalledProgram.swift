import AgentCore
import Glibc
import Host
import Model
import Protocol

/// A program that the configuration names: whether it is where the configuration says.
struct InstalledProgram: Hashable, Sendable {
    var service: ServiceName
    var path: String
    /// The key that names it: `start`, `stop`, `check http`.
    var key: String

    func finding() -> PreflightFinding {
        let check = "program:\(service)"
        do throws(HostError) {
            let program = try TrustedProgram(
                path,
                rules: [.followsTrustedLinks, .passesStickyFolders]
            )
            guard access(program.path, X_OK) == 0 else {
                throw HostError("run", path: path, code: errno)
            }
            return PreflightFinding(check: check, outcome: .passed, text: "\(key): \(path)")
        } catch {
            return PreflightFinding(
                check: check,
                outcome: .failed,
                text: "\(key): \(error)",
                mend: "install the program, or correct \(key) in services.d/\(service).conf"
            )
        }
    }
}

extension ServiceDefinition {
    /// Every program that the definition names.
    var programs: [InstalledProgram] {
        var programs: [InstalledProgram] = []
        func add(_ arguments: [String]?, _ key: String) {
            guard let path = arguments?.first else { return }
            programs.append(InstalledProgram(service: name, path: path, key: key))
        }
        switch program {
        case .command(let start, let stop):
            add(start, "start")
            add(stop, "stop")
        case .unit: add(SystemdUnit.arguments(.start, ""), "unit")
        }
        for check in checks {
            if case .command(let arguments) = check.action { add(arguments, "check \(check.name)") }
        }
        return programs
    }
}
