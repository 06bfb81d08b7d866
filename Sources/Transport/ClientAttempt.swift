import Model
import NIOCore
import NIOPosix
import NIOSSL
import Protocol
import Synchronization

/// One connection of a ``LineClient``, from the first packet to its end. Whatever happens, the
/// sink hears of exactly one end.
final class ClientAttempt: Sendable {
    private enum State {
        /// The channel is there once the system has made the connection.
        case connecting((any Channel)?)
        case open(Session)
        case ended
    }

    let endpoint: Endpoint
    let context: ClientContext
    let settings: LineClientSettings
    private let eventLoop: any EventLoop
    private let sink: ClientSink
    private let state = Mutex(State.connecting(nil))

    init(
        endpoint: Endpoint,
        context: ClientContext,
        settings: LineClientSettings,
        eventLoop: any EventLoop,
        sink: @escaping ClientSink
    ) {
        self.endpoint = endpoint
        self.context = context
        self.settings = settings
        self.eventLoop = eventLoop
        self.sink = sink
    }

    var session: Session? {
        state.withLock { state in
            if case .open(let session) = state { session } else { nil }
        }
    }

    func begin() {
        let timeout = TimeAmount(settings.connectTimeout)
        // It bounds the whole of name, connection and handshake; the parts have none of their own.
        let deadline = eventLoop.scheduleTask(in: timeout) {
            self.fail(
                TransportError(
                    .timeout,
                    "No handshake with \(self.endpoint) within"
                        + " \(self.settings.connectTimeout.forPeople)."
                )
            )
        }
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(timeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.build(channel) }
            }
        SocketOptions.apply(to: bootstrap)
            .connect(host: endpoint.host, port: Int(endpoint.port))
            .whenComplete { result in
                switch result {
                case .success(let channel):
                    channel.closeFuture.whenComplete { _ in deadline.cancel() }
                    self.connected(channel)
                case .failure(let error):
                    deadline.cancel()
                    self.fail(TransportError(connecting: self.endpoint, error))
                }
            }
    }

    private func build(_ channel: any Channel) throws {
        let handshake = ClientHandshakeHandler(attempt: self)
        let tls: NIOSSLClientHandler
        switch context.mode {
        case .member, .stranger:
            tls = try NIOSSLClientHandler(context: context.context, serverHostname: nil)
        case .pinOnly:
            tls = try NIOSSLClientHandler(
                context: context.context,
                serverHostname: nil,
                customVerificationCallback: handshake.acceptingCallback
            )
        }
        try channel.pipeline.syncOperations.addHandlers([AbortHandler(), tls, handshake])
    }

    private func connected(_ channel: any Channel) {
        let isWanted = state.withLock { state in
            switch state {
            case .connecting:
                state = .connecting(channel)
                return true
            case .open: return true
            case .ended: return false
            }
        }
        if !isWanted { Self.abort(channel) }
    }

    func opened(_ session: Session, chain: [[UInt8]]) -> Bool {
        let isWanted = state.withLock { state in
            guard case .connecting = state else { return false }
            state = .open(session)
            return true
        }
        if isWanted { sink(.connected(chain: chain)) }
        return isWanted
    }

    func received(_ line: Line) {
        sink(.line(line))
    }

    func closed(_ reason: CloseReason) {
        let wasOpen = state.withLock { state in
            guard case .open = state else { return false }
            state = .ended
            return true
        }
        if wasOpen { sink(.closed(reason)) }
    }

    func fail(_ error: TransportError) {
        let (isFirst, channel): (Bool, (any Channel)?) = state.withLock { state in
            guard case .connecting(let channel) = state else { return (false, nil) }
            state = .ended
            return (true, channel)
        }
        guard isFirst else { return }
        if let channel { Self.abort(channel) }
        sink(.failed(error))
    }

    func close(after line: Line?) {
        if let session {
            session.close(.owner, after: line)
        } else {
            eventLoop.execute {
                self.fail(TransportError(.cancelled, "The attempt to connect was given up."))
                // It may have come about while this was on its way.
                self.session?.close(.owner, after: line)
            }
        }
    }

    private static func abort(_ channel: any Channel) {
        channel.pipeline.triggerUserOutboundEvent(ConnectionCommand.abort, promise: nil)
    }
}
