import NIOCore
import Protocol

/// Turns bytes into lines, and stops at the first that is not one.
final class LineFrameHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = Line
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum State {
        case reading
        /// The owner has enough; bytes that were on their way already are held.
        case paused
        case discarding
    }

    private let limits: LineLimits
    private let counters: LiveCounters?
    private var framer: LineFramer
    private var state = State.reading
    /// At most what one read of the socket brought, because reading stops with the pause.
    private var held: ByteBuffer?

    init(limits: LineLimits, counters: LiveCounters?) {
        self.limits = limits
        self.counters = counters
        self.framer = LineFramer(lineBytesMax: limits.lineBytesMax)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var chunk = unwrapInboundIn(data)
        let count = UInt64(chunk.readableBytes)
        counters?.count { $0.bytesIn += count }
        switch state {
        case .discarding: break
        case .paused:
            if held == nil { held = chunk } else { held?.writeBuffer(&chunk) }
        case .reading: read(chunk, context)
        }
    }

    private func read(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        var chunk = bytes
        do {
            while case .reading = state, let bytes = try framer.next(from: &chunk) {
                counters?.count { $0.linesIn += 1 }
                let line = try Line.parse(bytes[...], limits: limits)
                context.fireChannelRead(wrapInboundOut(line))
            }
        } catch {
            state = .discarding
            let answer = Line.refusal(.badLine, error.sentence)
            context.fireUserInboundEventTriggered(
                Violation(reason: .badLine, answer: answer)
            )
            return
        }
        switch state {
        case .paused where chunk.readableBytes > 0: held = chunk
        case .reading where framer.isWithinLine:
            context.fireUserInboundEventTriggered(FramingEvent.lineBegan)
        case .reading, .paused, .discarding: break
        }
    }

    func triggerUserOutboundEvent(
        context: ChannelHandlerContext,
        event: Any,
        promise: EventLoopPromise<Void>?
    ) {
        switch event {
        case ConnectionCommand.pause:
            guard case .reading = state else { break }
            state = .paused
            setAutoRead(false, context)
        case ConnectionCommand.resume:
            guard case .paused = state else { break }
            state = .reading
            if let chunk = held {
                held = nil
                read(chunk, context)
            }
            // What was held may have been enough for another pause.
            if case .reading = state { setAutoRead(true, context) }
        case ConnectionCommand.discard:
            state = .discarding
            held = nil
            setAutoRead(true, context)
        default:
            context.triggerUserOutboundEvent(event, promise: promise)
            return
        }
        promise?.succeed()
    }

    private func setAutoRead(_ on: Bool, _ context: ChannelHandlerContext) {
        // It fails only on a channel that is closed, which reads nothing anyway.
        try? context.channel.syncOptions?.setOption(.autoRead, value: on)
    }
}
