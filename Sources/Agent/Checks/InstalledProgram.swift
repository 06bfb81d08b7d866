import AgentCore
import Glibc
import Host
import Model
import Protocol

/// A program that the configuration names: whether it is where the configuration says.
struct InstalledProgram: Hashable, Sendable {
    /// As its finding is called: `program:SERVICE`, `handler:NAME`.
    var check: String
    var path: String
    /// The key that names it: `start`, `stop`, `check http`, `program`.
    var key: String
    /// Where that key stands.
    var file: String

    func finding() -> PreflightFinding {
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
                mend: "install the program, or correct \(key) in \(file)"
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
            let file = "services.d/\(name).conf"
            let check = "program:\(name)"
            programs.append(InstalledProgram(check: check, path: path, key: key, file: file))
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

extension HandlerDefinition {
    var installedProgram: InstalledProgram {
        InstalledProgram(
            check: "handler:\(name)",
            path: program.first ?? "",
            key: "program",
            file: "handlers.d/\(name).conf"
        )
    }
}
