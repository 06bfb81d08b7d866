public import NIOCore
import NIOPosix
public import Protocol
import Synchronization

/// The controller's side of the wire: listens, lets peers in, frames their lines and sends ours.
///
/// All functions may be called from any thread and return at once, unless they are `async`. What
/// happens is told to the sink; see ``ServerEvent``.
public final class LineServer: Sendable {
    /// Where it listens, in the order asked for, with the ports the system gave.
    public let endpoints: [Endpoint]

    private let listeners: [any Channel]
    private let door: ServerDoor

    private init(listeners: [any Channel], endpoints: [Endpoint], door: ServerDoor) {
        self.listeners = listeners
        self.endpoints = endpoints
        self.door = door
    }

    /// Opens every listener or none.
    ///
    /// - Parameters:
    ///   - endpoints: addresses or names; a name's first address is used.
    ///   - credentials: the chain (leaf, issuing, root) and key of the controller.
    ///   - group: runs the connections; it stays the caller's.
    ///   - judge: says who a presented certificate speaks for.
    ///   - sink: is told what happens, even before this returns: peers may be quick.
    /// - Throws: `addressInUse`, `addressNotOurs`, `nameUnresolvable`, `credentialsUnusable`.
    public static func start(
        on endpoints: [Endpoint],
        credentials: TransportCredentials,
        settings: LineServerSettings = LineServerSettings(),
        group: any EventLoopGroup,
        judge: @escaping PeerJudge,
        sink: @escaping ServerSink
    ) async throws(TransportError) -> LineServer {
        let context = try TLSContexts.server(credentials, closeTimeout: settings.closeTimeout)
        let door = ServerDoor(settings: settings, context: context, judge: judge, sink: sink)
        let listeners = try await Listening.open(endpoints, door: door, group: group)
        return LineServer(
            listeners: listeners.map(\.channel),
            endpoints: listeners.map(\.endpoint),
            door: door
        )
    }

    /// What was counted until now.
    public var counters: TransportCounters { door.snapshot }

    /// New connections are served with these from now on; open ones keep what they have.
    ///
    /// - Throws: `credentialsUnusable`; the former ones stay in use then.
    public func use(_ credentials: TransportCredentials) throws(TransportError) {
        let context = try TLSContexts.server(credentials, closeTimeout: door.settings.closeTimeout)
        door.use(context)
    }

    /// Sends lines in order. Lines of several calls go out together.
    ///
    /// - Returns: false when the connection is gone or its outbox is over its limit, which closes
    ///   it with reason `slow`.
    @discardableResult
    public func send(_ lines: [Line], to connection: ConnectionID) -> Bool {
        door.session(connection)?.send(lines) ?? false
    }

    /// The owner has dealt with so many lines of the connection; it may be read on.
    public func taken(_ count: Int, from connection: ConnectionID) {
        door.session(connection)?.taken(count)
    }

    /// Closes a connection once everything sent before, and the last line, is on its way, or after
    /// `closeTimeout` at most. No line of the peer is delivered from now on (those already on
    /// their way to the sink excepted).
    public func close(_ connection: ConnectionID, after line: Line? = nil) {
        door.session(connection)?.close(.owner, after: line)
    }

    /// Closes every open connection in the manner of ``close(_:after:)``.
    public func closeAll(after line: Line? = nil) {
        for session in door.sessions { session.close(.owner, after: line) }
    }

    /// Stops listening, closes every connection with reason `shutdown` and waits until all are
    /// gone, `closeTimeout` and a little at most.
    public func shutdown(after line: Line? = nil) async {
        for listener in listeners { try? await listener.close().get() }
        await door.shutdown(after: line)
    }
}
