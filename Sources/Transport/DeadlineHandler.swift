import Model
import NIOCore
import Protocol

/// Ends a connection whose peer is silent for too long, or does not finish what it began.
///
/// While reading is paused for our own sake, the peer's silence is not its fault and no deadline
/// runs. The same holds when this process was frozen or its loop was busy: what the peer said in
/// that time still waits in the socket, so a timer that fires late lets one full interval pass
/// before silence counts. Without that, a controller that was frozen would cut every agent.
///
/// One timer serves all three deadlines; it looks at them when it fires, so a line costs no timer.
final class DeadlineHandler: ChannelDuplexHandler {
    typealias InboundIn = Line
    typealias InboundOut = Line
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// From this handler's first moment to the first line, within a line, and between two lines.
    struct Timeouts {
        var firstLine: Duration?
        var line: Duration
        var idle: Duration?
    }

    /// A timer later than this says that we were not listening.
    private static let latenessMax = TimeAmount.milliseconds(50)

    private let timeouts: Timeouts
    private var firstLineDeadline: NIODeadline?
    private var lineDeadline: NIODeadline?
    private var idleDeadline: NIODeadline?
    private var isPaused = false
    private var timer: (at: NIODeadline, scheduled: Scheduled<Void>)?

    init(_ timeouts: Timeouts) {
        self.timeouts = timeouts
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let now = NIODeadline.now()
        firstLineDeadline = timeouts.firstLine.map { now + TimeAmount($0) }
        if firstLineDeadline == nil { idleDeadline = timeouts.idle.map { now + TimeAmount($0) } }
        arm(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.scheduled.cancel()
        timer = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.scheduled.cancel()
        timer = nil
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        firstLineDeadline = nil
        lineDeadline = nil
        idleDeadline = timeouts.idle.map { .now() + TimeAmount($0) }
        arm(context)
        context.fireChannelRead(data)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case FramingEvent.lineBegan = event {
            // Further bytes of the same line give it no more time.
            if lineDeadline == nil {
                lineDeadline = .now() + TimeAmount(timeouts.line)
                arm(context)
            }
            return
        }
        context.fireUserInboundEventTriggered(event)
    }

    func triggerUserOutboundEvent(
        context: ChannelHandlerContext,
        event: Any,
        promise: EventLoopPromise<Void>?
    ) {
        switch event {
        case ConnectionCommand.pause: isPaused = true
        case ConnectionCommand.resume:
            isPaused = false
            beginAnew(at: .now())
            arm(context)
        case ConnectionCommand.discard:
            firstLineDeadline = nil
            lineDeadline = nil
            idleDeadline = nil
            isPaused = true
        default: break
        }
        context.triggerUserOutboundEvent(event, promise: promise)
    }

    /// Gives every deadline that runs its full length again.
    private func beginAnew(at now: NIODeadline) {
        if firstLineDeadline != nil {
            firstLineDeadline = timeouts.firstLine.map { now + TimeAmount($0) }
        }
        if lineDeadline != nil { lineDeadline = now + TimeAmount(timeouts.line) }
        if idleDeadline != nil { idleDeadline = timeouts.idle.map { now + TimeAmount($0) } }
    }

    private var earliest: NIODeadline? {
        var found = firstLineDeadline
        for deadline in [lineDeadline, idleDeadline] {
            guard let deadline else { continue }
            found = min(found ?? deadline, deadline)
        }
        return found
    }

    private func arm(_ context: ChannelHandlerContext) {
        guard !isPaused, let earliest else { return }
        if let timer, timer.at <= earliest { return }
        timer?.scheduled.cancel()
        let loop = context.eventLoop.assumeIsolated()
        let scheduled = loop.scheduleTask(deadline: earliest) { self.fire(context) }
        timer = (earliest, scheduled)
    }

    private func fire(_ context: ChannelHandlerContext) {
        let due = timer?.at
        timer = nil
        if isPaused { return }
        let now = NIODeadline.now()
        if let due, now - due > Self.latenessMax {
            beginAnew(at: now)
            arm(context)
            return
        }
        if let firstLineDeadline, firstLineDeadline <= now {
            violate(.firstLineTimeout, "no line came within", timeouts.firstLine, context)
        } else if let lineDeadline, lineDeadline <= now {
            violate(.lineTimeout, "the line was not finished within", timeouts.line, context)
        } else if let idleDeadline, idleDeadline <= now {
            violate(.idle, "no line came for", timeouts.idle, context)
        } else {
            arm(context)
        }
    }

    private func violate(
        _ reason: CloseReason,
        _ text: String,
        _ timeout: Duration?,
        _ context: ChannelHandlerContext
    ) {
        isPaused = true
        let answer = Line.refusal(.tooSlow, "\(text) \((timeout ?? .zero).forPeople)")
        context.fireUserInboundEventTriggered(Violation(reason: reason, answer: answer))
    }
}
