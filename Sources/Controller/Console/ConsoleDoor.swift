import Model
import NIOCore
import NIOSSL
import NIOTLS
import Protocol
import Transport

/// Stands in every connection to the console, behind the HTTP decoder: who shows no certificate is
/// one of few, of few from one address, and nobody is waited for without end.
final class ConsoleDoor: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = Never
    typealias OutboundIn = Never

    struct Limits: Sendable {
        /// Open connections at each address where the console listens; more wait to be accepted.
        var connectionsMax = 512
        /// Of these, such that have not shown a certificate (yet); more are closed.
        var strangersMax = 128
        var strangersPerAddressMax = 16
        var handshakeTimeout = WireLimits.handshakeTimeout
        /// From the end of the handshake to the end of the first request's head.
        var requestTimeout: Duration = .seconds(10)
        /// Where there is no handshake: the first bytes come within `handshakeTimeout` of the connection's
        /// beginning, the first answer is given within `requestTimeout` of them, and each further one within
        /// this time of the one before, whatever comes in meanwhile. Who sends a byte now and then holds no
        /// connection by that. Nil where an answer may take longer, because it is a stream.
        var answersWithin: Duration?

        var admission: Admission {
            Admission(
                strangersMax: strangersMax,
                strangersPerAddressMax: strangersPerAddressMax,
                membersMax: connectionsMax
            )
        }
    }

    private let limits: Limits
    private let admission: Admission
    private var isRefused = false
    private var isMember = false
    private var hasRead = false
    private var timeout: Scheduled<Void>?

    init(_ limits: Limits, _ admission: Admission) {
        self.limits = limits
        self.admission = admission
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let key = AddressKey(context.channel.remoteAddress)
        isRefused = admission.enter(key) != nil
        if isRefused {
            if context.channel.isActive { context.close(promise: nil) }
            return
        }
        wait(limits.handshakeTimeout, context)
        let isolated = context.channel.closeFuture.assumeIsolated()
        isolated.whenComplete { [self, admission] _ in
            timeout?.cancel()
            admission.leave(key, asMember: isMember)
        }
    }

    func channelActive(context: ChannelHandlerContext) {
        if isRefused { return context.close(promise: nil) }
        context.fireChannelActive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted = event, !isRefused {
            wait(limits.requestTimeout, context)
            let shown = try? context.pipeline.syncOperations.nioSSL_peerCertificate()
            if shown != nil {
                isMember = admission.becomeMember(AddressKey(context.channel.remoteAddress))
                if !isMember { return context.close(promise: nil) }
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if limits.answersWithin == nil {
            timeout?.cancel()
            timeout = nil
        } else if !hasRead, !isRefused {
            hasRead = true
            wait(limits.requestTimeout, context)
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if let limit = limits.answersWithin, !isRefused { wait(limit, context) }
        context.write(data, promise: promise)
    }

    private func wait(_ duration: Duration, _ context: ChannelHandlerContext) {
        timeout?.cancel()
        let loop = context.eventLoop.assumeIsolated()
        timeout = loop.scheduleTask(in: TimeAmount(duration)) {
            context.close(promise: nil)
        }
    }
}
