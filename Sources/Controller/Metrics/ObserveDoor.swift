import Model
import NIOCore
import Synchronization
import Transport

/// Stands in every connection of those who observe without a certificate. Each asks once and is
/// answered; whatever it does, it has gone after a while. When all seats are taken, whoever has sat the
/// longest makes room: one who says nothing, or does not read, keeps nobody else out.
final class ObserveDoor: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Never

    struct Limits: Sendable {
        /// At all addresses together.
        var connectionsMax = 128
        /// From its beginning to its end.
        var connectionTimeout: Duration = .seconds(10)
    }

    /// Who sits there, the one that came first in front.
    final class Seats: Sendable {
        private struct State {
            var number: UInt64 = 0
            var taken: [(number: UInt64, channel: any Channel)] = []
        }

        private let state = Mutex(State())
        let limits: Limits

        init(_ limits: Limits) { self.limits = limits }

        /// - Returns: its seat, and whom it has taken it from.
        func enter(_ channel: any Channel) -> (number: UInt64, evicted: (any Channel)?) {
            state.withLock { state in
                state.number += 1
                let isFull = state.taken.count >= limits.connectionsMax
                let evicted = isFull ? state.taken.removeFirst().channel : nil
                state.taken.append((state.number, channel))
                return (state.number, evicted)
            }
        }

        func leave(_ number: UInt64) {
            state.withLock { $0.taken.removeAll { $0.number == number } }
        }
    }

    private let seats: Seats

    init(_ seats: Seats) { self.seats = seats }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        let (number, evicted) = seats.enter(channel)
        evicted?.close(promise: nil)
        let timeout = context.eventLoop.scheduleTask(in: TimeAmount(seats.limits.connectionTimeout))
        {
            channel.close(promise: nil)
        }
        channel.closeFuture.whenComplete { [seats] _ in
            timeout.cancel()
            seats.leave(number)
        }
    }
}
