public import NIOCore
import NIOPosix
import NIOSSL
public import Protocol
import Synchronization

/// Certificates, key and trusted roots of a client, read and checked once. A renewed certificate
/// is a new context for the next connection.
public final class ClientContext: Sendable {
    let mode: ClientMode
    let context: NIOSSLContext

    /// - Parameter closeTimeout: how long a peer may take to answer TLS's farewell.
    /// - Throws: `credentialsUnusable`, which says which part is unreadable or does not fit.
    public init(
        _ mode: ClientMode,
        closeTimeout: Duration = .milliseconds(500)
    ) throws(TransportError) {
        self.mode = mode
        self.context = try TLSContexts.client(mode, closeTimeout: closeTimeout)
    }
}

/// The agent's side of the wire: one connection to one address.
///
/// All functions may be called from any thread and return at once. What happens is told to the
/// sink; see ``ClientEvent``. Exactly one `failed` or `closed` comes in the end.
public final class LineClient: Sendable {
    private let attempt: ClientAttempt

    private init(attempt: ClientAttempt) {
        self.attempt = attempt
    }

    /// Begins to connect.
    ///
    /// - Parameters:
    ///   - endpoint: an address, or a name of which every address is tried.
    ///   - context: as whom to connect and whom to believe.
    ///   - group: runs the connection; it stays the caller's.
    ///   - sink: is told what happens.
    public static func connect(
        to endpoint: Endpoint,
        with context: ClientContext,
        settings: LineClientSettings = LineClientSettings(),
        group: any EventLoopGroup,
        sink: @escaping ClientSink
    ) -> LineClient {
        let attempt = ClientAttempt(
            endpoint: endpoint,
            context: context,
            settings: settings,
            eventLoop: group.next(),
            sink: sink
        )
        attempt.begin()
        return LineClient(attempt: attempt)
    }

    /// Sends lines in order. Lines of several calls go out together.
    ///
    /// - Returns: false when there is no connection (yet, or any more) or the outbox is over its
    ///   limit, which closes the connection with reason `slow`.
    @discardableResult
    public func send(_ lines: [Line]) -> Bool {
        attempt.session?.send(lines) ?? false
    }

    /// The owner has dealt with so many lines; more may be read.
    public func taken(_ count: Int) {
        attempt.session?.taken(count)
    }

    /// Closes the connection once everything sent before, and the last line, is on its way, or
    /// after `closeTimeout` at most. An attempt still being made ends with `failed(cancelled)`.
    public func close(after line: Line? = nil) {
        attempt.close(after: line)
    }
}
