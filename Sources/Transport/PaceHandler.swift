import Model
import NIOCore
import Protocol

/// Lets through as many lines as the peer may send, and ends it at the first that is too many.
final class PaceHandler: ChannelInboundHandler {
    typealias InboundIn = Line
    typealias InboundOut = Line

    private let pace: Pace
    private var bucket: TokenBucket
    private var isOver = false

    init(_ pace: Pace) {
        self.pace = pace
        self.bucket = TokenBucket(pace, at: Instant(.now()))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isOver { return }
        if bucket.take(at: Instant(.now())) {
            context.fireChannelRead(data)
            return
        }
        isOver = true
        let answer = Line.refusal(
            .tooFast,
            "more than \(pace.linesPerSecond) lines a second after \(pace.burst) at once"
        )
        context.fireUserInboundEventTriggered(Violation(reason: .tooFast, answer: answer))
    }
}

extension Instant {
    /// The event loops' clock. Both are monotonic, and only differences are taken.
    init(_ deadline: NIODeadline) {
        self.init(nanoseconds: Int64(clamping: deadline.uptimeNanoseconds))
    }
}

extension TokenBucket {
    /// How many lines a peer may still send.
    init(_ pace: Pace, at now: Instant) {
        self.init(
            every: .nanoseconds(1_000_000_000 / Int64(pace.linesPerSecond)),
            burst: pace.burst,
            at: now
        )
    }
}
