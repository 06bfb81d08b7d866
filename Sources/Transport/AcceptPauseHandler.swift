import NIOCore

/// Stops accepting for a while when descriptors or memory run out.
///
/// The system keeps the listener readable for as long as a connection waits, so trying again at
/// once would take a whole processor from the connections that are open. NIO itself goes on
/// watching the listener after such an error; turning reading off is what stops it.
final class AcceptPauseHandler: ChannelInboundHandler {
    typealias InboundIn = any Channel

    static let pause = TimeAmount.milliseconds(250)

    private let counters: LiveCounters
    private var resumption: Scheduled<Void>?

    init(counters: LiveCounters) {
        self.counters = counters
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? IOError, Errno.isExhaustion(error.errnoCode) else {
            context.fireErrorCaught(error)
            return
        }
        if resumption != nil { return }
        counters.count { $0.acceptPauses += 1 }
        setAutoRead(false, context)
        let loop = context.eventLoop.assumeIsolated()
        resumption = loop.scheduleTask(in: Self.pause) {
            self.resumption = nil
            self.setAutoRead(true, context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        resumption?.cancel()
        context.fireChannelInactive()
    }

    private func setAutoRead(_ on: Bool, _ context: ChannelHandlerContext) {
        // It fails only on a listener that is closed.
        try? context.channel.syncOptions?.setOption(.autoRead, value: on)
    }
}
