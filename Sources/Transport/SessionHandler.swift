import NIOCore
import NIOSSL
import Protocol

/// The last handler: hands lines to the owner, writes what the owner sends, and is the one place
/// where a connection's end is decided.
final class SessionHandler: ChannelDuplexHandler {
    typealias InboundIn = Line
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Where lines and the end go.
    struct Observer {
        var line: (Line) -> Void
        var closed: (CloseReason) -> Void
    }

    private let session: Session
    private let observer: Observer
    private let counters: LiveCounters?
    /// Why the connection will have ended, once that is known.
    private var end: CloseReason?
    private var isClosing = false
    private var isPaused = false
    private var cut: Scheduled<Void>?

    init(
        session: Session,
        observer: Observer,
        counters: LiveCounters?
    ) {
        self.session = session
        self.observer = observer
        self.counters = counters
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard session.closing == nil else { return }
        observer.line(unwrapInboundIn(data))
        guard session.delivered() else { return }
        counters?.count { $0.pauses += 1 }
        context.triggerUserOutboundEvent(ConnectionCommand.pause, promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let violation = event as? Violation else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        session.close(violation.reason, after: violation.answer)
    }

    func triggerUserOutboundEvent(
        context: ChannelHandlerContext,
        event: Any,
        promise: EventLoopPromise<Void>?
    ) {
        guard case ConnectionCommand.drain = event else {
            context.triggerUserOutboundEvent(event, promise: promise)
            return
        }
        drain(context)
        promise?.succeed()
    }

    private func drain(_ context: ChannelHandlerContext) {
        if isClosing { return }
        let closing = session.closing
        if let closing, !closing.isOrderly {
            isClosing = true
            abort(closing.reason, context)
            return
        }
        if let batch = session.takeWaiting() { write(batch, context) }
        if let closing { closeOrderly(closing.reason, context) }
    }

    private func write(_ batch: Session.Batch, _ context: ChannelHandlerContext) {
        let count = batch.bytes.readableBytes
        counters?.count {
            $0.bytesOut += UInt64(count)
            $0.linesOut += batch.lines
        }
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.whenComplete { [session] _ in session.sent(count) }
        context.writeAndFlush(wrapOutboundOut(batch.bytes), promise: written)
    }

    /// What was written is ahead of TLS's farewell in the socket. A peer that does not answer the
    /// farewell is cut off when the time is over.
    private func closeOrderly(_ reason: CloseReason, _ context: ChannelHandlerContext) {
        isClosing = true
        end = end ?? reason
        context.triggerUserOutboundEvent(ConnectionCommand.discard, promise: nil)
        let loop = context.eventLoop.assumeIsolated()
        cut = loop.scheduleTask(in: TimeAmount(session.limits.closeTimeout)) {
            context.triggerUserOutboundEvent(ConnectionCommand.abort, promise: nil)
        }
        context.close(promise: nil)
    }

    private func abort(_ reason: CloseReason, _ context: ChannelHandlerContext) {
        end = end ?? reason
        context.triggerUserOutboundEvent(ConnectionCommand.abort, promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let reason = CloseReason(error)
        if session.beginClosing(Session.Closing(reason: reason, isOrderly: false)) {
            isClosing = true
            abort(reason, context)
        } else if error is NIOSSLCloseTimedOutError {
            context.triggerUserOutboundEvent(ConnectionCommand.abort, promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        cut?.cancel()
        let reason = end ?? session.closing?.reason ?? .eof
        _ = session.beginClosing(Session.Closing(reason: reason, isOrderly: false))
        observer.closed(reason)
        context.fireChannelInactive()
    }
}

extension CloseReason {
    /// What an error of the channel, after the handshake, says of the peer.
    init(_ error: any Error) {
        switch error {
        case let error as IOError where error.errnoCode == Errno.timedOut: self = .lost
        case NIOSSLError.uncleanShutdown: self = .eof
        default: self = .reset
        }
    }
}
