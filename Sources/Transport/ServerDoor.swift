import NIOCore
import NIOSSL
import Protocol
import Synchronization

/// Everything the connections of one server share: who is inside, how they are judged, and how
/// they are reached.
final class ServerDoor: Sendable {
    private struct State {
        var context: NIOSSLContext
        var nextNumber: UInt64 = 1
        var channels: [ConnectionID: any Channel] = [:]
        var sessions: [ConnectionID: Session] = [:]
        var isShut = false
    }

    let settings: LineServerSettings
    let judge: PeerJudge
    let sink: ServerSink
    let admission: Admission
    private let live = LiveCounters()
    private let state: Mutex<State>

    init(
        settings: LineServerSettings,
        context: NIOSSLContext,
        judge: @escaping PeerJudge,
        sink: @escaping ServerSink
    ) {
        self.settings = settings
        self.judge = judge
        self.sink = sink
        self.admission = Admission(settings)
        self.state = Mutex(State(context: context))
    }

    var counters: LiveCounters { live }

    var snapshot: TransportCounters {
        var counters = live.snapshot
        let open = admission.open
        counters.strangersOpen = open.strangers
        counters.membersOpen = open.members
        return counters
    }

    func use(_ context: NIOSSLContext) {
        state.withLock { $0.context = context }
    }

    func session(_ connection: ConnectionID) -> Session? {
        state.withLock { $0.sessions[connection] }
    }

    /// In the order of their numbers.
    var sessions: [Session] {
        state.withLock { state in
            state.sessions.sorted { $0.key < $1.key }.map(\.value)
        }
    }

    /// Lets a new connection in as far as the handshake, or closes it.
    func accept(_ channel: any Channel) throws {
        live.count { $0.accepted += 1 }
        let place: Admission.Place
        switch admission.enter(
            AddressKey(channel.remoteAddress),
            displacement: Displaced.telling(channel)
        ) {
        case .admitted(let given): place = given
        case .refused(let reason): return turnAway(channel, reason)
        }
        guard let (connection, context) = register(channel) else {
            admission.leave(place)
            turnAway(channel, .shutdown)
            return
        }
        let handshake = ServerHandshakeHandler(door: self, connection: connection, place: place)
        let tls = NIOSSLServerHandler(
            context: context,
            customVerificationCallback: handshake.verificationCallback
        )
        let handlers: [any ChannelHandler] = [AbortHandler(), tls, handshake]
        try channel.pipeline.syncOperations.addHandlers(handlers)
    }

    private func turnAway(_ channel: any Channel, _ reason: CloseReason) {
        live.count {
            $0.handshakesFailed += 1
            $0.closed(reason)
        }
        channel.close(promise: nil)
    }

    private func register(_ channel: any Channel) -> (ConnectionID, NIOSSLContext)? {
        state.withLock { state in
            if state.isShut { return nil }
            let connection = ConnectionID(number: state.nextNumber)
            state.nextNumber += 1
            state.channels[connection] = channel
            return (connection, state.context)
        }
    }

    func add(_ session: Session, as connection: ConnectionID) {
        state.withLock { $0.sessions[connection] = session }
    }

    func remove(_ connection: ConnectionID) {
        state.withLock { state in
            state.channels[connection] = nil
            state.sessions[connection] = nil
        }
    }

    func shutdown(after line: Line?) async {
        let channels = state.withLock { state in
            state.isShut = true
            return state.channels.sorted { $0.key < $1.key }
        }
        for (connection, channel) in channels {
            if let session = session(connection) {
                session.close(.shutdown, after: line)
            } else {
                channel.pipeline.triggerUserOutboundEvent(ConnectionCommand.abort, promise: nil)
            }
        }
        for (_, channel) in channels { try? await channel.closeFuture.get() }
    }
}
