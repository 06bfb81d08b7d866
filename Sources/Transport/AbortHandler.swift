import NIOCore

/// Stands next to the socket and closes it when asked, past TLS: its farewell would wait for a
/// peer that may be the reason for closing.
final class AbortHandler: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer

    func triggerUserOutboundEvent(
        context: ChannelHandlerContext,
        event: Any,
        promise: EventLoopPromise<Void>?
    ) {
        guard case ConnectionCommand.abort = event else {
            promise?.succeed()
            return
        }
        context.close(promise: promise)
    }
}
