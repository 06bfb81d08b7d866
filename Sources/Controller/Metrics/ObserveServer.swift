import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import Model
import NIOCore
import NIOPosix
import Transport

/// The metrics and the health of the controller over plain HTTP, for who cannot show a certificate:
/// Prometheus, load balancers. Nothing listens where nothing is given, nothing secret is answered, and
/// nothing can be changed here.
final class ObserveServer: Sendable {
    static let portDefault: UInt16 = 7480

    private let endpoints: [Endpoint]
    private let health: HealthAnswers
    private let desk: MetricsDesk
    private let log: Logger
    static let limits = ConsoleDoor.Limits(
        membersMax: 0,
        strangersMax: 128,
        strangersPerAddressMax: 64,
        handshakeTimeout: .seconds(5),
        answersWithin: .seconds(75)
    )

    init(_ endpoints: [Endpoint], driver: Driver, desk: MetricsDesk, log: Logger) {
        self.endpoints = endpoints
        health = HealthAnswers(driver: driver)
        self.desk = desk
        self.log = log
    }

    /// Serves until the task is cancelled. An address that is in use ends the program, as any other
    /// that it was told to listen at.
    func run(group: any EventLoopGroup) async throws {
        let responder = router().buildResponder()
        let admission = Self.limits.admission
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for endpoint in endpoints {
                var quiet = log
                quiet.logLevel = max(quiet.logLevel, .error)
                let application = Application(
                    responder: responder,
                    server: .http1(
                        configuration: .init(
                            additionalChannelHandlers: [ConsoleDoor(Self.limits, admission)],
                            idleTimeout: .seconds(60)
                        )
                    ),
                    configuration: ApplicationConfiguration(
                        address: .hostname(endpoint.host, port: Int(endpoint.port)),
                        serverName: "muster",
                        availableConnectionsDelegate: MaximumAvailableConnections(
                            Self.limits.connectionsMax
                        )
                    ),
                    onServerRunning: { [log] _ in
                        log.notice("The controller is observed", metadata: ["at": "\(endpoint)"])
                    },
                    eventLoopGroupProvider: .shared(group),
                    logger: quiet
                )
                tasks.addTask {
                    do {
                        try await application.run()
                    } catch let error as IOError where error.errnoCode == EADDRINUSE {
                        throw Failure(
                            "\(endpoint) is in use",
                            hint: "change observe.listen in the configuration, or stop what "
                                + "listens there: ss -ltnp"
                        )
                    }
                }
            }
            try await tasks.waitForAll()
        }
    }

    private func router() -> Router<BasicRequestContext> {
        let router = Router()
        // HEAD, too, because some balancers ask so by default.
        for method in [HTTPRequest.Method.get, .head] {
            router.on("/metrics", method: method) { [desk] request, _ in
                await desk.answer(accepting: request.headers[.accept])
            }
            router.on("/health/live", method: method) { [health] _, _ in try health.live() }
            router.on("/health/ready", method: method) { [health] _, _ in
                try await health.ready()
            }
            router.on("/health/active-site", method: method) { [health] request, _ in
                try await health.activeSite(
                    request.uri.queryParameters["site"].map { String($0) }
                )
            }
        }
        return router
    }
}
