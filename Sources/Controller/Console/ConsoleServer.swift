import API
import ControllerCore
import Foundation
import Host
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Identity
import Logging
import Model
import NIOCore
import NIOSSL
import Protocol
import Store
import Synchronization
import Transport

/// The console's HTTPS interface: what operators see, and how they give commands.
///
/// A client certificate is asked for and not demanded: three paths and the enrolment are for who
/// has none yet. Whom a certificate speaks for is looked up for every request, so that a removed
/// operator is out at once.
final class ConsoleServer: Sendable {
    let driver: Driver
    let store: SQLiteStore
    let office: CertificateOffice
    let configuration: ControllerConfiguration
    let agentEndpoints: [Endpoint]
    let zones: ZoneKeeper
    let metrics: MetricsDesk
    let log: Logger
    let requests = RequestGate(max: 256)
    /// Batches of tasks that are read or answered at once; each may hold much memory.
    let largeBodies = RequestGate(max: 32)
    /// Of these, one account's.
    let ownLargeBodies = AccountGate(max: 4)
    /// Those who follow the output of a task; each is sent so much at a time and then waited for.
    let followers = RequestGate(max: 64)
    /// Of those, one account's: nobody takes all of them.
    let ownFollowers = AccountGate(max: 8)
    /// The same of those who follow the events, of whom ``EventFeed`` takes so many.
    let ownStreams = AccountGate(max: 8)
    /// Looks of one account through the event log and the audit log.
    let ownLooks = AccountGate(max: 4)
    /// The whole audit log is reckoned through by one at a time.
    let verifications = RequestGate(max: 1)
    let enrolments: EnrolmentGate
    /// Each is signed, journalled and audited, as a node's.
    let renewals = RateGates<OperatorName>(every: .seconds(10), burst: 30)
    let refusals: RefusalRecorder
    let limits: ConsoleDoor.Limits
    /// A connection on which no request is under way is closed after this.
    private static let idleTimeout: TimeAmount = .seconds(60)
    private let credential = Mutex<NIOSSLContextConfigurationOverride?>(nil)

    init(
        driver: Driver,
        store: SQLiteStore,
        office: CertificateOffice,
        configuration: ControllerConfiguration,
        agentEndpoints: [Endpoint],
        zones: ZoneKeeper,
        metrics: MetricsDesk,
        limits: ConsoleDoor.Limits = ConsoleDoor.Limits(),
        log: Logger
    ) {
        self.driver = driver
        self.store = store
        self.office = office
        self.configuration = configuration
        self.agentEndpoints = agentEndpoints
        self.zones = zones
        self.metrics = metrics
        self.limits = limits
        self.log = log
        refusals = RefusalRecorder(driver: driver)
        enrolments = EnrolmentGate(driver: driver)
    }

    /// New connections are served with this credential from now on.
    func use(_ next: Credential) throws {
        let chain = try next.chain.map { der in
            NIOSSLCertificateSource.certificate(try NIOSSLCertificate(bytes: der, format: .der))
        }
        let key = try NIOSSLPrivateKey(bytes: Array(next.key.pem.utf8), format: .pem)
        var override = NIOSSLContextConfigurationOverride()
        override.certificateChain = chain
        override.privateKey = .privateKey(key)
        let ready = override
        credential.withLock { $0 = ready }
    }

    /// Serves until the task is cancelled.
    ///
    /// - Parameter onReady: is told where it listens, once, when every address is bound.
    func run(
        credential first: Credential,
        group: any EventLoopGroup,
        onReady: @escaping @Sendable ([Endpoint]) -> Void
    ) async throws {
        try use(first)
        let tls = try tlsConfiguration(first)
        let bound = Bound(expected: configuration.consoleListen.count, onReady: onReady)
        let router = ConsoleRoutes(server: self).router()
        let responder = router.buildResponder()
        let limits = limits
        let admission = limits.admission
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for endpoint in configuration.consoleListen {
                let application = Application(
                    responder: responder,
                    server: try .tls(
                        .http1(
                            configuration: .init(
                                additionalChannelHandlers: [ConsoleDoor(limits, admission)],
                                idleTimeout: Self.idleTimeout
                            )
                        ),
                        tlsConfiguration: tls
                    ),
                    configuration: ApplicationConfiguration(
                        address: .hostname(endpoint.host, port: Int(endpoint.port)),
                        serverName: "muster",
                        availableConnectionsDelegate: MaximumAvailableConnections(
                            limits.connectionsMax
                        )
                    ),
                    onServerRunning: { channel in
                        let port = channel.localAddress?.port ?? Int(endpoint.port)
                        bound.add(Endpoint(host: endpoint.host, port: UInt16(clamping: port)))
                    },
                    eventLoopGroupProvider: .shared(group),
                    logger: quiet(log)
                )
                tasks.addTask {
                    do {
                        try await application.run()
                    } catch let error as IOError where error.errnoCode == EADDRINUSE {
                        throw Failure(
                            "\(endpoint) is in use",
                            hint: "change console.listen in the configuration, or stop what "
                                + "listens there: ss -ltnp"
                        )
                    }
                }
            }
            try await tasks.waitForAll()
        }
    }

    private func tlsConfiguration(_ first: Credential) throws -> TLSConfiguration {
        let roots = try office.roots.map { try NIOSSLCertificate(bytes: $0, format: .der) }
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: try first.chain.map {
                .certificate(try NIOSSLCertificate(bytes: $0, format: .der))
            },
            privateKey: .privateKey(
                try NIOSSLPrivateKey(bytes: Array(first.key.pem.utf8), format: .pem)
            )
        )
        tls.minimumTLSVersion = .tlsv13
        tls.trustRoots = .certificates(roots)
        tls.certificateVerification = .optionalVerification
        tls.shutdownTimeout = .milliseconds(500)
        tls.applicationProtocols = ["http/1.1"]
        tls.sslContextCallback = { [self] _, promise in
            promise.succeed(credential.withLock { $0 } ?? NIOSSLContextConfigurationOverride())
        }
        return tls
    }

    /// The framework tells of every connection; only what is wrong belongs into our log.
    private func quiet(_ log: Logger) -> Logger {
        var log = log
        log.logLevel = max(log.logLevel, .error)
        return log
    }
}

/// Waits until every address is bound.
private final class Bound: Sendable {
    private let endpoints = Mutex<[Endpoint]>([])
    private let expected: Int
    private let onReady: @Sendable ([Endpoint]) -> Void

    init(expected: Int, onReady: @escaping @Sendable ([Endpoint]) -> Void) {
        self.expected = expected
        self.onReady = onReady
    }

    func add(_ endpoint: Endpoint) {
        let all = endpoints.withLock { endpoints in
            endpoints.append(endpoint)
            return endpoints
        }
        if all.count == expected { onReady(all) }
    }
}

/// How many requests are answered at once; over it they are turned away with a hint to retry.
final class RequestGate: Sendable {
    let max: Int
    private let open = Atomic<Int>(0)

    init(max: Int) {
        self.max = max
    }

    func enter() -> Bool {
        let (before, _) = open.wrappingAdd(1, ordering: .relaxed)
        if before < max { return true }
        open.wrappingSubtract(1, ordering: .relaxed)
        return false
    }

    func leave() { open.wrappingSubtract(1, ordering: .relaxed) }
}

/// A place among those that a gate lets in, for as long as somebody holds it: also an answer that is
/// never begun to be written gives it back.
final class GatePlace: Sendable {
    private let gate: RequestGate

    /// - Returns: nil when every place is taken.
    init?(in gate: RequestGate) {
        guard gate.enter() else { return nil }
        self.gate = gate
    }

    deinit { gate.leave() }
}
