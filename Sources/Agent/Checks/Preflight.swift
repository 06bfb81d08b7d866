import AgentCore
import CHost
import Glibc
import Host
import Model
import Protocol

/// What must hold on this node before it may work, looked at from the node itself.
///
/// Checks run side by side. One that hangs in the kernel (a dead file server) has failed when
/// ``patience`` is over; its thread is asked again next time instead of being joined by another.
final class Preflight: Sendable {
    static let patience = Duration.seconds(5)
    /// Checks that run at the same time.
    static let togetherMax = 32
    /// Threads that may hang at the same time; while so many do, further checks have failed.
    static let hangingMax = 128

    typealias Question = @Sendable () -> PreflightFinding

    struct Check: Sendable {
        /// `clock`, `free-space:/var`.
        var name: String
        /// Tells several checks of one name apart.
        var part: String
        var question: Question

        var identity: String { "\(name) \(part)" }

        init(name: String, part: String = "", question: @escaping Question) {
            self.name = name
            self.part = part
            self.question = question
        }
    }

    let settings: PreflightSettings
    let services: [ServiceDefinition]
    let handlers: [HandlerDefinition]
    let files: SystemFiles
    private let resolver = NameResolver()
    private let hanging = Monitor<[String: PatientQuestion<PreflightFinding>]>([:])

    init(
        _ settings: PreflightSettings,
        services: [ServiceDefinition],
        handlers: [HandlerDefinition] = [],
        files: SystemFiles = SystemFiles()
    ) {
        self.settings = settings
        self.services = services
        self.handlers = handlers
        self.files = files
    }

    convenience init(_ configuration: NodeConfiguration) {
        self.init(
            configuration.preflight,
            services: configuration.services,
            handlers: configuration.handlers
        )
    }

    /// Everything that is configured, in the order of the configuration.
    ///
    /// - Parameter ownProcesses: leashes and services of this agent; what they and their
    ///   descendants hold is ours.
    func everything(ownProcesses: Set<Int32> = []) -> [PreflightFinding] {
        var checks = [Check(name: "clock", question: clockFinding)]
        checks += settings.sharedPaths.map { path in
            Check(name: "shared-path:\(path)") { [files] in
                SharedPath(path, files: files).finding()
            }
        }
        checks += settings.endpoints.map { endpoint in
            Check(name: "endpoint:\(endpoint.name)") { [self] in finding(endpoint) }
        }
        checks += settings.names.map { name in
            Check(name: "name:\(name)") { [self] in finding(name: name) }
        }
        checks += settings.freeSpace.map { space in
            Check(name: "free-space:\(space.path)", part: "\(space.bytes)") { Self.finding(space) }
        }
        checks += settings.ports.map { port in
            Check(name: "port:\(port)") { [files, services] in
                PortHolders(port, files: files)
                    .finding(ownProcesses: ownProcesses, services: services)
            }
        }
        let programs = services.flatMap(\.programs) + handlers.map(\.installedProgram)
        checks += programs.map { program in
            Check(name: program.check, part: program.key) { program.finding() }
        }
        return run(checks)
    }

    /// One half of the proof that a shared path is the same on every node. The path is one of the
    /// node's own; that has been checked.
    func probe(_ probe: Probe) -> PreflightFinding {
        run([
            Check(
                name: "shared-path:\(probe.path)",
                part: "\(probe.action) \(probe.marker)"
            ) { [files] in
                SharedPath(probe.path, files: files).probe(probe.action, marker: probe.marker)
            }
        ])[0]
    }

    /// As many findings as checks, in their order.
    func run(_ checks: [Check]) -> [PreflightFinding] {
        var findings: [PreflightFinding] = []
        for start in stride(from: 0, to: checks.count, by: Self.togetherMax) {
            let wave = checks[start..<min(start + Self.togetherMax, checks.count)]
            let deadline = MonotonicDeadline(after: Self.patience)
            let asked = wave.map { check in (check, question(check)) }
            for (check, question) in asked {
                findings.append(question?.answer(until: deadline) ?? Self.silence(check.name))
                if question?.isRunning == false { hanging.change { $0[check.identity] = nil } }
            }
        }
        return findings
    }

    private func question(_ check: Check) -> PatientQuestion<PreflightFinding>? {
        let question = hanging.change { hanging -> PatientQuestion<PreflightFinding>? in
            if let question = hanging[check.identity] { return question }
            guard hanging.count < Self.hangingMax else { return nil }
            let question = PatientQuestion(check.question)
            hanging[check.identity] = question
            return question
        }
        question?.begin()
        return question
    }

    private static func silence(_ name: String) -> PreflightFinding {
        PreflightFinding(
            check: name,
            outcome: .failed,
            text: "no answer within \(patience.seconds) s",
            mend: "look whether a file server or name server is away, or the machine is overloaded"
        )
    }

    private func finding(_ endpoint: PreflightSettings.Endpoint) -> PreflightFinding {
        let check = "endpoint:\(endpoint.name)"
        // A little less than our own patience, so that the reason is told and not the silence.
        let deadline = MonotonicDeadline(after: Self.patience * 4 / 5)
        do throws(ConnectionError) {
            let peer = try Connection(to: endpoint.address, until: deadline, resolver: resolver)
                .peer
            return PreflightFinding(check: check, outcome: .passed, text: "\(peer) answers")
        } catch {
            return PreflightFinding(
                check: check,
                outcome: .failed,
                text: error.description,
                mend: "start \(endpoint.name), open the way to \(endpoint.address), or correct "
                    + "endpoint in [preflight]"
            )
        }
    }

    private func finding(name: String) -> PreflightFinding {
        let deadline = MonotonicDeadline(after: Self.patience * 4 / 5)
        do throws(ConnectionError) {
            let address = NetworkAddress(host: name, port: 1)
            let found = try resolver.addresses(of: address, until: deadline)
                .map { String($0.description.dropLast(2)) }
            let text = "\(name) is \(found.joined(separator: ", "))"
            return PreflightFinding(check: "name:\(name)", outcome: .passed, text: text)
        } catch {
            return PreflightFinding(
                check: "name:\(name)",
                outcome: .failed,
                text: error.description,
                mend: "add \(name) to DNS or /etc/hosts, or mend /etc/resolv.conf"
            )
        }
    }

    private static func finding(_ space: PreflightSettings.FreeSpace) -> PreflightFinding {
        let check = "free-space:\(space.path)"
        guard let disk = fileSystemFigures(space.path) else {
            return PreflightFinding(
                check: check,
                outcome: .failed,
                text: "\(space.path) cannot be asked: \(HostError.text(of: errno))",
                mend: "mount or make \(space.path), or correct free-space in [preflight]"
            )
        }
        let text = "\(sizeForPeople(disk.available)) free, \(sizeForPeople(space.bytes)) wanted"
        if disk.available >= space.bytes {
            return PreflightFinding(check: check, outcome: .passed, text: text)
        }
        let missing = sizeForPeople(space.bytes - disk.available)
        return PreflightFinding(
            check: check,
            outcome: .failed,
            text: text,
            mend: "free \(missing) on \(space.path), or lower free-space in [preflight]"
        )
    }
}

/// A hint only: the controller measures the clock itself, over the connection.
@Sendable private func clockFinding() -> PreflightFinding {
    if muster_clock_synchronised() == 1 {
        return PreflightFinding(
            check: "clock",
            outcome: .passed,
            text: "kept by a time service"
        )
    }
    return PreflightFinding(
        check: "clock",
        outcome: .warning,
        text: "the kernel knows of no time service that keeps the clock",
        mend: "install and start chrony or systemd-timesyncd"
    )
}

/// `1.5 GiB`, for people.
func sizeForPeople(_ bytes: UInt64) -> String {
    let units = [("TiB", UInt64(1) << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
    guard let (name, size) = units.first(where: { bytes >= $0.1 }) else { return "\(bytes) B" }
    let tenths = bytes.scaled(by: 10, over: size)
    return tenths % 10 == 0 ? "\(tenths / 10) \(name)" : "\(tenths / 10).\(tenths % 10) \(name)"
}

extension Duration {
    fileprivate var seconds: Int64 { components.seconds }
}
