import Host
import Model
import NIOCore
import NIOSSL
import NIOTLS
import Protocol

/// Sees a connection through its handshake: the time it may take, the protocol it must offer, and
/// whom the owner takes it for. Then it puts the session in its own place.
///
/// A refused certificate does not fail the handshake: with TLS 1.3 the client would hear of it as
/// a bare alert after believing itself connected. It is let through to hear a sentence instead,
/// and nothing it says is read.
final class ServerHandshakeHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let door: ServerDoor
    private let connection: ConnectionID
    private let place: Admission.Place
    private let judged = JudgedPeer()
    private let begunAt = BootClock.now()
    private var timeout: Scheduled<Void>?
    private var isMember = false
    private var isDone = false
    private var isGone = false
    /// Why the handshake is given up. Closing makes further errors, which say nothing.
    private var end: CloseReason?

    init(door: ServerDoor, connection: ConnectionID, place: Admission.Place) {
        self.door = door
        self.connection = connection
        self.place = place
    }

    var verificationCallback: NIOSSLCustomVerificationCallback {
        { [judged, judge = door.judge] certificates, promise in
            judged.verdict = judge(certificates.compactMap { try? $0.toDERBytes() })
            promise.succeed(.certificateVerified)
        }
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let loop = context.eventLoop.assumeIsolated()
        timeout = loop.scheduleTask(in: TimeAmount(door.settings.handshakeTimeout)) {
            self.giveUp(.handshakeTimeout, context)
        }
        // Whatever it had become, it leaves in the end, even if it was cut before it was active.
        let isolated = context.channel.closeFuture.assumeIsolated()
        isolated.whenComplete { _ in
            if !self.isDone { self.countFailure() }
            self.leave()
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let displaced = event as? Displaced { return giveUp(displaced.reason, context) }
        guard case TLSUserEvent.handshakeCompleted(let offered) = event else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        timeout?.cancel()
        isDone = true
        door.counters.count { $0.handshakesDone += 1 }
        door.settings.onHandshake?(BootClock.now() - begunAt)
        do {
            try complete(offered, context)
            context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
        } catch {
            // A pipeline that cannot be built is a channel that was closed meanwhile.
            context.triggerUserOutboundEvent(ConnectionCommand.abort, promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        giveUp(.handshakeFailed, context)
    }

    private func giveUp(_ reason: CloseReason, _ context: ChannelHandlerContext) {
        if isDone || end != nil { return }
        end = reason
        context.triggerUserOutboundEvent(ConnectionCommand.abort, promise: nil)
    }

    private func countFailure() {
        let reason = end ?? .handshakeFailed
        door.counters.count {
            $0.handshakesFailed += 1
            $0.closed(reason)
        }
    }

    /// Gives its place free. The owner hears of a close after that, so that what it counts and
    /// what we count agree.
    private func leave() {
        if isGone { return }
        isGone = true
        timeout?.cancel()
        door.remove(connection)
        door.admission.leave(place)
    }

    // MARK: After the handshake

    private enum Outcome {
        case admitted(PeerInfo)
        case refused(CloseReason, Line)
    }

    private func complete(_ offered: String?, _ context: ChannelHandlerContext) throws {
        switch outcome(offered, context) {
        case .admitted(let peer): try admit(peer, context)
        case .refused(let reason, let answer): try refuse(reason, answer, context)
        }
    }

    private func outcome(_ offered: String?, _ context: ChannelHandlerContext) -> Outcome {
        guard offered == WireLimits.applicationProtocol else {
            let text = "offer \(WireLimits.applicationProtocol) by ALPN to speak here"
            return .refused(.wrongProtocol, .refusal(.version, text))
        }
        switch judged.verdict {
        case .accept(let credential):
            isMember = door.admission.becomeMember(place)
            if isMember { return .admitted(.node(credential)) }
            let text = "there are \(door.settings.membersMax) connections of members"
            return .refused(.tooManyMembers, .refusal(.tooFast, text))
        case .refuse(let code, let text):
            return .refused(.badCertificate, .refusal(code, text))
        case nil:
            // A resumed TLS session brings a certificate that nobody has judged this time.
            let shown = try? context.pipeline.syncOperations.nioSSL_peerCertificate()
            if shown == nil { return stranger() }
            let text = "TLS sessions are not resumed here: connect anew"
            return .refused(.badCertificate, .refusal(.badCertificate, text))
        }
    }

    private func stranger() -> Outcome {
        guard let reason = door.admission.becomeStranger(place) else { return .admitted(.stranger) }
        let text = "too many are here without a certificate; try again in a few seconds"
        return .refused(reason, .refusal(.tooFast, text))
    }

    private func admit(_ peer: PeerInfo, _ context: ChannelHandlerContext) throws {
        let settings = door.settings
        let session = makeSession(context)
        let counters = door.counters
        let observer = SessionHandler.Observer(
            line: { [door, connection] line in door.sink(.line(connection, line)) },
            closed: { [self, door, connection] reason in
                leave()
                counters.count { $0.closed(reason) }
                door.sink(.closed(connection, reason))
            }
        )
        let deadlines = DeadlineHandler.Timeouts(
            firstLine: settings.firstLineTimeout,
            line: settings.lineTimeout,
            idle: isMember ? settings.memberIdleTimeout : settings.strangerIdleTimeout
        )
        let limits = isMember ? settings.memberLines : settings.strangerLines
        try context.pipeline.syncOperations.addHandlers([
            LineFrameHandler(limits: limits, counters: counters),
            PaceHandler(isMember ? settings.memberPace : settings.strangerPace),
            DeadlineHandler(deadlines),
            SessionHandler(session: session, observer: observer, counters: counters),
        ])
        let address = context.channel.remoteAddress?.text ?? "unknown"
        door.add(session, as: connection)
        door.sink(.opened(connection, peer, address: address))
    }

    private func refuse(
        _ reason: CloseReason,
        _ answer: Line,
        _ context: ChannelHandlerContext
    ) throws {
        let session = makeSession(context)
        let counters = door.counters
        let observer = SessionHandler.Observer(
            line: { _ in },
            closed: { reason in counters.count { $0.closed(reason) } }
        )
        session.close(reason, after: answer)
        try context.pipeline.syncOperations.addHandlers([
            DiscardHandler(),
            SessionHandler(session: session, observer: observer, counters: counters),
        ])
    }

    private func makeSession(_ context: ChannelHandlerContext) -> Session {
        let settings = door.settings
        let limits = Session.Limits(
            outboxBytesMax: isMember
                ? settings.memberOutboxBytesMax : settings.strangerOutboxBytesMax,
            untakenLinesMax: settings.untakenLinesMax,
            closeTimeout: settings.closeTimeout
        )
        return Session(channel: context.channel, limits: limits)
    }
}

/// The owner's verdict on its way from TLS's callback to the end of the handshake; both are on the
/// connection's event loop.
private final class JudgedPeer {
    var verdict: PeerVerdict?
}

/// Reads nothing of a peer that was refused.
private final class DiscardHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}
}
