import ControllerCore
import Host
import Identity
import Logging
import Model
import Protocol
import Transport
import YAMLFiles

/// Everything of `controller.yaml`, checked whole. Nothing in the product reads its settings from
/// anywhere else.
struct ControllerConfiguration: Sendable {
    static let pathDefault = "/etc/muster/controller.yaml"
    private static let bytesMax = 1 << 20

    var stateDirectory = "/var/lib/muster"
    var allowNetworkFileSystem = false
    var agentsListen = [
        Endpoint(host: "0.0.0.0", port: WireLimits.portDefault),
        Endpoint(host: "::", port: WireLimits.portDefault),
    ]
    /// Addresses that are written into join tokens; the host's name where none is given.
    var agentsAdvertise: [Endpoint] = []
    static let consolePort: UInt16 = 7443
    /// `[::]` takes IPv4 as well; it is not the default because a machine may have no IPv6.
    var consoleListen = [Endpoint(host: "0.0.0.0", port: consolePort)]
    var consoleAdvertise: [Endpoint] = []
    /// Where metrics and health are answered over plain HTTP; nowhere unless it is said.
    var observeListen: [Endpoint] = []
    var certificates = CertificateOffice.Lifetimes()
    var machine = ControllerSettings()
    var transport = LineServerSettings()
    var eventsKept = 100_000
    var eventsAge: Duration = .seconds(90 * 86_400)
    var eventsExport = EventExportSettings()
    /// What steps of runs have executed on this host, by their names.
    var hooks: OrderedTable<HookName, HookDefinition> = OrderedTable()
    /// What stands behind the names of those that are told.
    var notify = NotifySettings()
    var logLevel: Logger.Level = .info
    var logFormat: LogFormat = .text

    enum LogFormat: String, CaseIterable, Sendable {
        case text
        case json
    }

    var authorityDirectory: String { stateDirectory + "/identity" }
    var storeDirectory: String { stateDirectory + "/store" }

    /// The file names programs that this host runs, so it is believed only of root and of ourselves.
    ///
    /// - Throws: ``ConfigurationError`` with every problem of the file.
    static func read(path: String) throws(ConfigurationError) -> ControllerConfiguration {
        let bytes: [UInt8]
        do throws(TrustedFile.Fault) {
            bytes = try TrustedFile(path).read(limit: bytesMax)
        } catch {
            throw ConfigurationError(
                problems: [ConfigurationProblem(path: path, text: error.text)]
            )
        }
        guard bytes.count <= bytesMax, let text = String(validating: bytes, as: UTF8.self) else {
            let what =
                bytes.count > bytesMax ? "is larger than \(bytesMax) bytes" : "is not UTF-8 text"
            throw ConfigurationError(problems: [ConfigurationProblem(path: path, text: what)])
        }
        return try parse(text, path: path)
    }

    static func parse(
        _ text: String,
        path: String
    ) throws(ConfigurationError) -> ControllerConfiguration {
        let reader = YAMLReader(path: path)
        var configuration = ControllerConfiguration()
        if let document = reader.document(text) { configuration.read(document) }
        // The machine judges silence, within 3.5 intervals; the transport only sweeps up after it.
        configuration.transport.memberIdleTimeout = .nanoseconds(
            configuration.machine.lease.heartbeatInterval.nanoseconds * 5
        )
        var problems = reader.problems
        for problem in configuration.machine.problems {
            problems.append(ConfigurationProblem(path: path, line: 1, column: 1, text: problem))
        }
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
        return configuration
    }

    private mutating func read(_ top: YAMLSection) {
        stateDirectory = top.scalar(
            "state-directory",
            expected: "an absolute path",
            default: stateDirectory
        ) { $0.hasPrefix("/") ? $0 : nil }
        allowNetworkFileSystem = top.scalar(
            "allow-network-file-system",
            expected: "yes or no",
            default: false,
            Self.flag
        )
        if let agents = top.subsection("agents") { readAgents(agents) }
        if let console = top.subsection("console") { readConsole(console) }
        if let observe = top.subsection("observe") { readObserve(observe) }
        if let lease = top.subsection("lease") { readLease(lease) }
        if let failover = top.subsection("failover") { readFailover(failover) }
        if let flap = top.subsection("flap") { readFlap(flap) }
        if let limits = top.subsection("limits") { readLimits(limits) }
        if let section = top.subsection("certificates") { readCertificates(section) }
        if let events = top.subsection("events") { readEvents(events) }
        if let hooks = top.subsection("hooks") { readHooks(hooks) }
        if let notify = top.subsection("notify") { readNotify(notify) }
        if let log = top.subsection("log") { readLog(log) }
        top.finish()
    }

    private mutating func readAgents(_ section: YAMLSection) {
        agentsListen = section.list(
            "listen",
            expected: "an address such as 0.0.0.0:7400 or [::]:7400",
            default: agentsListen,
            Self.endpoint
        )
        agentsAdvertise = section.list(
            "advertise",
            expected: "an address such as controller.example.org:7400",
            default: agentsAdvertise,
            Self.endpoint
        )
        section.finish()
    }

    private mutating func readConsole(_ section: YAMLSection) {
        consoleListen = section.list(
            "listen",
            expected: "an address such as 0.0.0.0:7443",
            default: consoleListen,
            Self.consoleEndpoint
        )
        consoleAdvertise = section.list(
            "advertise",
            expected: "an address such as controller.example.org:7443",
            default: consoleAdvertise,
            Self.consoleEndpoint
        )
        section.finish()
    }

    private mutating func readObserve(_ section: YAMLSection) {
        observeListen = section.list(
            "listen",
            expected: "an address such as 127.0.0.1:7480",
            default: observeListen
        ) { Self.endpoint($0, portDefault: ObserveServer.portDefault) }
        section.finish()
    }

    private mutating func readLease(_ section: YAMLSection) {
        machine.lease = LeaseTerms(
            length: section.duration("length", default: machine.lease.length),
            heartbeatInterval: section.duration(
                "heartbeat",
                default: machine.lease.heartbeatInterval
            ),
            stopTime: section.duration("stop", default: machine.lease.stopTime),
            pauseTime: section.duration("pause", default: machine.lease.pauseTime),
            driftPartsPerMillion: section.scalar(
                "drift-ppm",
                expected: "a number from 0 to 100000",
                default: machine.lease.driftPartsPerMillion
            ) { Int64($0).flatMap { (0...100_000).contains($0) ? $0 : nil } },
            wait: section.duration("wait", default: machine.lease.wait)
        )
        section.finish()
    }

    private mutating func readFlap(_ section: YAMLSection) {
        machine.holdDownBase = section.duration("hold", default: machine.holdDownBase)
        machine.holdDownMax = section.duration("hold-max", default: machine.holdDownMax)
        machine.flapWindow = section.duration("window", default: machine.flapWindow)
        section.finish()
    }

    private mutating func readLimits(_ section: YAMLSection) {
        // An optional that is parsed would take what is refused for "no limit".
        let nodes = section.count("nodes", 1...100_000, default: 0)
        machine.nodeLimit = nodes == 0 ? machine.nodeLimit : UInt32(nodes)
        machine.clockOffsetMax = section.duration("clock-offset", default: machine.clockOffsetMax)
        machine.removalDeadline = section.duration("removal", default: machine.removalDeadline)
        machine.loadInterval = section.duration("load-interval", default: machine.loadInterval)
        transport.membersMax = section.count(
            "connections",
            1...100_000,
            default: transport.membersMax
        )
        transport.strangersMax = section.count(
            "strangers",
            1...10_000,
            default: transport.strangersMax
        )
        transport.strangersPerAddressMax = section.count(
            "strangers-per-address",
            1...10_000,
            default: transport.strangersPerAddressMax
        )
        section.finish()
    }

    private mutating func readCertificates(_ section: YAMLSection) {
        certificates.node = section.lifetime("node", default: certificates.node)
        certificates.operatorAccount = section.lifetime(
            "operator",
            default: certificates.operatorAccount
        )
        certificates.controller = section.lifetime("controller", default: certificates.controller)
        section.finish()
    }

    private mutating func readEvents(_ section: YAMLSection) {
        eventsKept = section.count("keep", 1_000...10_000_000, default: eventsKept)
        eventsAge = section.duration("age", default: eventsAge)
        if let export = section.subsection("export") { eventsExport = EventExportSettings(export) }
        section.finish()
    }

    private mutating func readLog(_ section: YAMLSection) {
        let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
        logLevel = section.scalar("level", expected: "one of \(levels)", default: logLevel) {
            Logger.Level(rawValue: $0)
        }
        logFormat = section.scalar("format", expected: "text or json", default: logFormat) {
            LogFormat(rawValue: $0)
        }
        section.finish()
    }

    /// A bare number is a port whose host was forgotten, and no host.
    private static func endpoint(_ text: String) -> Endpoint? {
        guard !text.allSatisfy(\.isNumber) else { return nil }
        return try? Endpoint(parsing: text)
    }

    /// Without a port the console's own is meant, and not that of the agents.
    private static func consoleEndpoint(_ text: String) -> Endpoint? {
        endpoint(text, portDefault: consolePort)
    }

    static func endpoint(_ text: String, portDefault: UInt16) -> Endpoint? {
        guard var endpoint = endpoint(text) else { return nil }
        let hasPort = text.hasSuffix(":\(endpoint.port)")
        if !hasPort { endpoint.port = portDefault }
        return endpoint
    }

    static func flag(_ text: String) -> Bool? {
        switch text {
        case "yes", "true": true
        case "no", "false": false
        default: nil
        }
    }
}

extension YAMLSection {
    func duration(_ key: String, default standard: Duration) -> Duration {
        scalar(key, expected: "a duration such as 500ms, 12s or 1h30m", default: standard) {
            Duration(parsing: $0)
        }
    }

    fileprivate func lifetime(_ key: String, default standard: Duration) -> Duration {
        scalar(key, expected: "a duration from 20s to 397d", default: standard) {
            Duration(parsing: $0).flatMap {
                CertificateAuthority.leafLifetimeRange.contains($0) ? $0 : nil
            }
        }
    }

    fileprivate func count(
        _ key: String,
        _ range: ClosedRange<Int>,
        default standard: Int
    ) -> Int {
        scalar(
            key,
            expected: "a number from \(range.lowerBound) to \(range.upperBound)",
            default: standard
        ) { Int($0).flatMap { range.contains($0) ? $0 : nil } }
    }
}
