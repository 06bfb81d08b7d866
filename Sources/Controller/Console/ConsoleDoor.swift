import Identity
import Model
import NIOCore
import NIOSSL
import NIOTLS
import Protocol
import Transport

/// Stands in every connection to the console, behind the HTTP decoder: who shows no operator's
/// certificate is one of few, of few from one address, who shows one has so many connections, and nobody
/// is waited for without end.
final class ConsoleDoor: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = Never
    typealias OutboundIn = Never

    struct Limits: Sendable {
        /// Connections of operators, and those of one of them; more are strangers'.
        var membersMax = 512
        var membersPerOperatorMax = 32
        /// Connections of everybody else, and as many that have not got so far; more are closed, or
        /// give way (``Admission``).
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

        /// Open connections at each address where the console listens; more wait to be accepted. All
        /// that are let in, and as many strangers that are just being closed, which takes TLS half a
        /// second: who is turned away keeps nobody from being accepted.
        var connectionsMax: Int { membersMax + 4 * strangersMax }

        var admission: Admission {
            Admission(
                strangersMax: strangersMax,
                strangersPerAddressMax: strangersPerAddressMax,
                membersMax: membersMax,
                membersPerHolderMax: membersPerOperatorMax
            )
        }
    }

    private let limits: Limits
    private let admission: Admission
    /// Nil while it is not here yet, and when it was turned away.
    private var place: Admission.Place?
    private var isRefused = false
    private var hasRead = false
    private var timeout: Scheduled<Void>?

    init(_ limits: Limits, _ admission: Admission) {
        self.limits = limits
        self.admission = admission
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let key = AddressKey(context.channel.remoteAddress)
        let entry = admission.enter(key, displacement: Displaced.telling(context.channel))
        guard case .admitted(let place) = entry else {
            isRefused = true
            if context.channel.isActive { context.close(promise: nil) }
            return
        }
        self.place = place
        wait(limits.handshakeTimeout, context)
        let isolated = context.channel.closeFuture.assumeIsolated()
        isolated.whenComplete { [self, admission] _ in
            timeout?.cancel()
            admission.leave(place)
        }
    }

    func channelActive(context: ChannelHandlerContext) {
        if isRefused { return context.close(promise: nil) }
        context.fireChannelActive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is Displaced { return turnAway(context) }
        if case TLSUserEvent.handshakeCompleted = event, !isRefused {
            wait(limits.requestTimeout, context)
            let shown = try? context.pipeline.syncOperations.nioSSL_peerCertificate()
            settle(Self.holder(of: shown), context)
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// An operator's certificate, which TLS has verified, makes a member; a node's makes none, and an
    /// operator's name is what is counted, since a renewed certificate is no other operator.
    private static func holder(of certificate: NIOSSLCertificate?) -> String? {
        guard let der = try? certificate?.toDERBytes(),
            let peer = try? PeerIdentity(certificateDER: der),
            case .operator(_, let name) = peer.holder
        else { return nil }
        return name.text
    }

    /// The handshake has ended, or where there is none, somebody has spoken.
    private func settle(_ holder: String?, _ context: ChannelHandlerContext) {
        guard let place else { return }
        if let holder, admission.becomeMember(place, of: holder) { return }
        if admission.becomeStranger(place) != nil { turnAway(context) }
    }

    private func turnAway(_ context: ChannelHandlerContext) {
        isRefused = true
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if limits.answersWithin == nil {
            timeout?.cancel()
            timeout = nil
        } else if !hasRead, !isRefused {
            hasRead = true
            wait(limits.requestTimeout, context)
            settle(nil, context)
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
