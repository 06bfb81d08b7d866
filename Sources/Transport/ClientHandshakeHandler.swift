import Model
import NIOCore
import NIOSSL
import NIOTLS
import Protocol

/// Sees our own connection through its handshake: the other side must speak the protocol and be a
/// controller. Then it puts the session in its own place.
final class ClientHandshakeHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let attempt: ClientAttempt
    private let shown = ShownChain()
    private var isDone = false

    init(attempt: ClientAttempt) {
        self.attempt = attempt
    }

    /// Takes whatever the server shows and keeps it for the one who compares it with a pin.
    var acceptingCallback: NIOSSLCustomVerificationCallback {
        { [shown] certificates, promise in
            shown.chain = certificates.compactMap { try? $0.toDERBytes() }
            promise.succeed(.certificateVerified)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case TLSUserEvent.handshakeCompleted(let agreed) = event else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        isDone = true
        if let error = objection(agreed, context) {
            attempt.fail(error)
            context.triggerUserOutboundEvent(ConnectionCommand.abort, promise: nil)
            return
        }
        do {
            try open(context)
            context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
        } catch {
            context.triggerUserOutboundEvent(ConnectionCommand.abort, promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        attempt.fail(TransportError(connecting: attempt.endpoint, error))
        context.triggerUserOutboundEvent(ConnectionCommand.abort, promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !isDone {
            attempt.fail(
                TransportError(
                    .tls,
                    "\(attempt.endpoint) closed the connection during the TLS handshake."
                )
            )
        }
        context.fireChannelInactive()
    }

    /// What is wrong with the other side, if anything.
    private func objection(
        _ agreed: String?,
        _ context: ChannelHandlerContext
    ) -> TransportError? {
        guard agreed == WireLimits.applicationProtocol else {
            return TransportError(
                .notMuster,
                "\(attempt.endpoint) does not speak \(WireLimits.applicationProtocol): is it the"
                    + " agents' port of the controller?"
            )
        }
        let leaf = try? context.pipeline.syncOperations.nioSSL_peerCertificate()
        if shown.chain.isEmpty, let bytes = try? leaf?.toDERBytes() { shown.chain = [bytes] }
        let cluster: ClusterID?
        switch attempt.context.mode {
        case .pinOnly: return nil
        case .stranger: cluster = nil
        case .member(_, _, let wanted): cluster = wanted
        }
        if let leaf, ControllerCheck.isController(leaf, of: cluster) { return nil }
        return TransportError(
            .notController,
            "\(attempt.endpoint) shows a certificate that is not a controller's of this cluster:"
                + " check the address."
        )
    }

    private func open(_ context: ChannelHandlerContext) throws {
        let settings = attempt.settings
        let limits = Session.Limits(
            outboxBytesMax: settings.outboxBytesMax,
            untakenLinesMax: settings.untakenLinesMax,
            closeTimeout: settings.closeTimeout
        )
        let session = Session(channel: context.channel, limits: limits)
        let observer = SessionHandler.Observer(
            line: { [attempt] line in attempt.received(line) },
            closed: { [attempt] reason in attempt.closed(reason) }
        )
        let deadlines = DeadlineHandler.Timeouts(
            firstLine: nil,
            line: settings.lineTimeout,
            idle: settings.idleTimeout
        )
        try context.pipeline.syncOperations.addHandlers([
            LineFrameHandler(limits: settings.lines, counters: nil),
            DeadlineHandler(deadlines),
            SessionHandler(session: session, observer: observer, counters: nil),
        ])
        if !attempt.opened(session, chain: shown.chain) {
            context.triggerUserOutboundEvent(ConnectionCommand.abort, promise: nil)
        }
    }
}

/// The chain on its way from TLS's callback to the end of the handshake.
private final class ShownChain {
    var chain: [[UInt8]] = []
}
