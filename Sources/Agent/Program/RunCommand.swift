import AgentCore
import Glibc
import Host
import Logging
import Logs
import Model
import Protocol
import Transport

/// `muster-agent run`
struct RunCommand {
    let configurationPath: String

    func run() throws(CommandFailure) -> Int32 {
        let configuration = try load()
        let log = logger(configuration)
        let state = StateFolder(path: configuration.stateDirectory)
        do {
            let lock = try state.take()
            defer { withExtendedLifetime(lock) {} }
            let driver = try driver(configuration, state, log)
            return driver.run()
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure(ExitCode.failed, "\(error)")
        }
    }

    private func load() throws(CommandFailure) -> NodeConfiguration {
        do throws(ConfigurationErrors) {
            return try ConfigurationLoader.load(configurationPath)
        } catch {
            throw CommandFailure(ExitCode.failed, "the configuration is refused:\n\(error)")
        }
    }

    private func logger(_ configuration: NodeConfiguration) -> Logger {
        let format: StandardErrorHandler.Format =
            configuration.logFormat == .json ? .json : StandardErrorHandler.textFormat
        let level = Logger.Level(rawValue: configuration.logLevel.rawValue) ?? .info
        return Logger(label: "muster-agent") { label in
            StandardErrorHandler(label: label, level: level, format: format)
        }
    }

    private func driver(
        _ configuration: NodeConfiguration,
        _ state: StateFolder,
        _ log: Logger
    ) throws -> Driver {
        let membership = try state.membership()
        let memory = try state.memory()
        let journalFile = TaskJournalFile(state.journalPath)
        let journal = try journalFile.open()
        let spool = SpoolFolder(path: state.spoolPath)
        let (spooled, damages) = try spool.open()
        for damage in damages {
            log.error(
                "a submission that was kept cannot be read, and is put aside",
                metadata: ["file": "\(damage.file)", "error": "\(damage.sentence)"]
            )
        }
        let machineIdentity = try MachineIdentity.current()
        let endpoints = endpoints(configuration, membership, log)
        let prefix = "muster-\(membership?.identity.node.text ?? "stranger")"
        let cgroups = try CgroupPlace(configuration.controlGroup, prefix: prefix)
        let leashes = try LeashKeeper(
            runFolder: configuration.runDirectory,
            logFolder: configuration.stateDirectory + "/logs",
            program: configuration.leash ?? ProgramFolder.leash,
            cgroups: cgroups,
            node: prefix
        )
        let tasks = try TaskKeeper(
            runFolder: configuration.runDirectory,
            logFolder: configuration.stateDirectory + "/logs",
            program: configuration.leash ?? ProgramFolder.leash,
            cgroups: cgroups,
            node: prefix
        )
        var timing = AgentTiming()
        timing.sampleInterval = configuration.load.interval
        let facts = Facts(
            operatingSystem: machineIdentity.systemFamily,
            operatingSystemVersion: machineIdentity.systemVersion,
            kernel: machineIdentity.kernel,
            architecture: machineIdentity.architecture,
            hostname: machineIdentity.hostname,
            installPath: ProgramFolder.path,
            agentVersion: AgentProgram.version,
            cgroups: cgroups.base != nil
        )
        let machine = AgentMachine(
            configuration: AgentConfiguration(
                identity: membership?.identity,
                controllers: endpoints.count,
                services: configuration.services,
                handlers: configuration.handlers,
                dataSets: configuration.dataSets,
                sharedPaths: configuration.preflight.sharedPaths,
                sets: configuration.sets,
                facts: facts,
                software: "muster-agent/\(AgentProgram.version)",
                bootID: machineIdentity.bootID,
                machineID: machineIdentity.machineID.map(evidence) ?? "",
                timing: timing
            ),
            memory: memory,
            journal: journal,
            spool: spooled,
            seed: RandomBytes.seed(),
            at: BootClock.now()
        )
        return try Driver(
            machine: machine,
            configuration: configuration,
            configurationPath: configurationPath,
            state: state,
            cluster: membership?.identity.cluster,
            values: NodeValues(
                name: membership?.identity.name.text ?? "",
                site: membership?.identity.site.text ?? "",
                hostname: machineIdentity.hostname,
                addresses: MachineIdentity.addresses
            ),
            endpoints: endpoints,
            leashes: leashes,
            tasks: tasks,
            journal: journalFile,
            spool: spool,
            log: log
        )
    }

    /// The configured controllers, or those that came with the join token.
    private func endpoints(
        _ configuration: NodeConfiguration,
        _ membership: MembershipRecord?,
        _ log: Logger
    ) -> [Endpoint] {
        if !configuration.controllers.isEmpty {
            return configuration.controllers.map { Endpoint(host: $0.host, port: $0.port) }
        }
        return (membership?.controllers ?? []).compactMap { text in
            do throws(TransportError) {
                return try Endpoint(parsing: text)
            } catch {
                log.warning(
                    "an address of a controller cannot be read",
                    metadata: [
                        "address": "\(text)", "error": "\(error.sentence)",
                    ]
                )
                return nil
            }
        }
    }

    /// The machine's number is confidential (`machine-id(5)`); 64 mixed bits of its 128 tell two
    /// machines apart and cannot be turned back.
    private func evidence(_ machineID: String) -> String {
        var state: UInt64 = 0x6d75_7374_6572
        for byte in machineID.utf8 {
            var generator = SeededGenerator(seed: state ^ UInt64(byte))
            state = generator.next()
        }
        return String(state, radix: 16)
    }
}
