import NIOCore
import Protocol
import Synchronization

/// What anyone may do with an open connection, from any thread. It holds the outbox and the count
/// of lines the owner has not taken; the ``SessionHandler`` does the rest on the event loop.
///
/// However often it is called between two turns of the loop, the loop is asked to turn once and
/// writes once.
final class Session: Sendable {
    struct Limits {
        var outboxBytesMax: Int
        var untakenLinesMax: Int
        var closeTimeout: Duration
    }

    struct Batch {
        var bytes: ByteBuffer
        var lines: UInt64
    }

    private struct State {
        var waiting = ByteBuffer()
        var waitingLines: UInt64 = 0
        /// Given to the socket and not yet taken by the system.
        var sendingBytes = 0
        var isDrainAsked = false
        var closing: Closing?
        var untaken = 0
        var isPaused = false
    }

    struct Closing {
        var reason: CloseReason
        /// Whether what waits is sent, and TLS's farewell is said.
        var isOrderly: Bool
    }

    let limits: Limits
    private let channel: any Channel
    private let state = Mutex(State())

    init(channel: any Channel, limits: Limits) {
        self.channel = channel
        self.limits = limits
    }

    // MARK: From any thread

    func send(_ lines: [Line]) -> Bool {
        enum Outcome { case sent, drain, refused, overflow }
        let outcome: Outcome = state.withLock { state in
            guard state.closing == nil else { return .refused }
            for line in lines {
                state.waiting.writeString(line.description)
                state.waiting.writeInteger(UInt8(10))
            }
            state.waitingLines += UInt64(lines.count)
            if state.waiting.readableBytes + state.sendingBytes > limits.outboxBytesMax {
                state.closing = Closing(reason: .slow, isOrderly: false)
                state.waiting = ByteBuffer()
                return .overflow
            }
            if state.isDrainAsked { return .sent }
            state.isDrainAsked = true
            return .drain
        }
        if outcome == .drain || outcome == .overflow { ask(.drain) }
        return outcome == .sent || outcome == .drain
    }

    func close(_ reason: CloseReason, after line: Line?) {
        let isFirst = state.withLock { state in
            guard state.closing == nil else { return false }
            state.closing = Closing(reason: reason, isOrderly: true)
            if let line {
                state.waiting.writeBytes(line.bytes)
                state.waitingLines += 1
            }
            return true
        }
        if isFirst { ask(.drain) }
    }

    func taken(_ count: Int) {
        let mayResume = state.withLock { state in
            state.untaken = max(0, state.untaken - count)
            guard state.isPaused, state.untaken <= limits.untakenLinesMax / 2 else { return false }
            state.isPaused = false
            return true
        }
        if mayResume { ask(.resume) }
    }

    /// Always by way of the loop's queue, so that a call out of the sink is not a call within a
    /// read, and several calls make one write.
    private func ask(_ command: ConnectionCommand) {
        channel.eventLoop.execute { [channel] in
            channel.pipeline.triggerUserOutboundEvent(command, promise: nil)
        }
    }

    // MARK: On the event loop

    var closing: Closing? { state.withLock { $0.closing } }

    /// - Returns: whether this was the line that fills the owner's share.
    func delivered() -> Bool {
        state.withLock { state in
            state.untaken += 1
            guard !state.isPaused, state.untaken >= limits.untakenLinesMax else { return false }
            state.isPaused = true
            return true
        }
    }

    func takeWaiting() -> Batch? {
        state.withLock { state in
            state.isDrainAsked = false
            guard state.waiting.readableBytes > 0 else { return nil }
            let batch = Batch(bytes: state.waiting, lines: state.waitingLines)
            state.sendingBytes += batch.bytes.readableBytes
            state.waiting = ByteBuffer()
            state.waitingLines = 0
            return batch
        }
    }

    func sent(_ bytes: Int) {
        state.withLock { $0.sendingBytes -= bytes }
    }

    /// - Returns: false when it is being closed already.
    func beginClosing(_ closing: Closing) -> Bool {
        state.withLock { state in
            guard state.closing == nil else { return false }
            state.closing = closing
            return true
        }
    }
}
