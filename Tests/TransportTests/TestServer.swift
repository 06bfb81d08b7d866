import NIOCore
import NIOPosix
import Protocol
import Synchronization
import Transport

let group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton

/// A server on loopback that keeps its events. Lines are taken at once unless told otherwise, and
/// a line `ECHO` is sent back as `ALIVE`.
final class TestServer: Sendable {
    let server: LineServer
    let inbox: Inbox<ServerEvent>
    let settings: LineServerSettings

    private init(server: LineServer, inbox: Inbox<ServerEvent>, settings: LineServerSettings) {
        self.server = server
        self.inbox = inbox
        self.settings = settings
    }

    /// Limits that do not get in the way of tests running side by side.
    static var settings: LineServerSettings {
        var settings = LineServerSettings()
        settings.strangersPerAddressMax = 64
        settings.memberIdleTimeout = .seconds(60)
        settings.strangerIdleTimeout = .seconds(60)
        settings.firstLineTimeout = .seconds(60)
        settings.handshakeTimeout = .seconds(60)
        settings.lineTimeout = .seconds(60)
        return settings
    }

    static func start(
        on endpoints: [Endpoint] = [Endpoint(host: "127.0.0.1", port: 0)],
        credentials: TransportCredentials = Certificates.ours.controller,
        settings: LineServerSettings = TestServer.settings,
        judge: @escaping PeerJudge = Certificates.ours.judge,
        takesLines: Bool = true,
        closesAfterAnswer: Bool = false,
        onLine: @escaping @Sendable (Line) -> Void = { _ in },
        group: any EventLoopGroup = group
    ) async throws -> TestServer {
        let inbox = Inbox<ServerEvent>()
        let box = Box<LineServer?>(nil)
        let server = try await LineServer.start(
            on: endpoints,
            credentials: credentials,
            settings: settings,
            group: group,
            judge: judge,
            sink: { event in
                inbox.put(event)
                if case .line(_, let line) = event { onLine(line) }
                guard takesLines, case .line(let connection, let line) = event else { return }
                let server = box.value
                server?.taken(1, from: connection)
                guard line.verb == "ECHO" else { return }
                server?.send([Line(verb: "ALIVE", fields: line.fields)], to: connection)
                if closesAfterAnswer { server?.close(connection, after: Line(verb: "BYE")) }
            }
        )
        box.value = server
        return TestServer(server: server, inbox: inbox, settings: settings)
    }

    var endpoint: Endpoint { server.endpoints[0] }

    var counters: TransportCounters { server.counters }

    @discardableResult
    func send(_ lines: [Line], to connection: ConnectionID) -> Bool {
        server.send(lines, to: connection)
    }

    func stop() async { await server.shutdown() }

    func opened(_ number: Int = 0) async throws -> ConnectionID {
        let found: @Sendable (ServerEvent) -> ConnectionID? = { event in
            if case .opened(let connection, _, _) = event { connection } else { nil }
        }
        await inbox.wait { $0.compactMap(found).count > number }
        let all = inbox.events.compactMap(found)
        guard all.count > number else { throw CancellationError() }
        return all[number]
    }

    func closed(_ connection: ConnectionID) async throws -> CloseReason {
        try await inbox.first { event in
            if case .closed(connection, let reason) = event { reason } else { nil }
        }
    }

    func lines(of connection: ConnectionID) -> [Line] {
        inbox.events.compactMap { event in
            if case .line(connection, let line) = event { line } else { nil }
        }
    }

    func closes(_ reason: CloseReason) async throws -> UInt64 {
        try await eventually { counters.closes(reason) > 0 }
        return counters.closes(reason)
    }
}

/// A value that several threads share.
final class Box<Value: Sendable>: Sendable {
    fileprivate let mutex: Mutex<Value>

    init(_ value: Value) { mutex = Mutex(value) }

    var value: Value {
        get { mutex.withLock { $0 } }
        set { mutex.withLock { $0 = newValue } }
    }
}

extension Box<Int> {
    func add(_ count: Int) { mutex.withLock { $0 += count } }
}

/// A client of ours and what it was told.
final class TestClient: Sendable {
    let client: LineClient
    let inbox: Inbox<ClientEvent>

    private init(client: LineClient, inbox: Inbox<ClientEvent>) {
        self.client = client
        self.inbox = inbox
    }

    static func connect(
        to endpoint: Endpoint,
        as mode: ClientMode = Certificates.ours.member,
        settings: LineClientSettings = LineClientSettings()
    ) throws -> TestClient {
        let inbox = Inbox<ClientEvent>()
        let client = LineClient.connect(
            to: endpoint,
            with: try ClientContext(mode),
            settings: settings,
            group: group,
            sink: { inbox.put($0) }
        )
        return TestClient(client: client, inbox: inbox)
    }

    @discardableResult
    func send(_ lines: [Line]) -> Bool { client.send(lines) }

    func connected() async throws -> [[UInt8]] {
        try await inbox.first { event in
            if case .connected(let chain) = event { chain } else { nil }
        }
    }

    func line(_ verb: String) async throws -> Line {
        try await inbox.first { event in
            if case .line(let line) = event, line.verb == verb { line } else { nil }
        }
    }

    func failed() async throws -> TransportError {
        try await inbox.first { event in
            if case .failed(let error) = event { error } else { nil }
        }
    }

    func closed() async throws -> CloseReason {
        try await inbox.first { event in
            if case .closed(let reason) = event { reason } else { nil }
        }
    }
}

// A failed expectation shows what it compared, down to the last field of it; of a channel's that
// is more than reflection can bear.

extension TestServer: CustomReflectable {
    var customMirror: Mirror { Mirror(self, children: ["endpoint": "\(endpoint)"]) }
}

extension TestClient: CustomReflectable {
    var customMirror: Mirror { Mirror(self, children: ["events": inbox.events.count]) }
}

extension RawPeer: CustomReflectable {
    var customMirror: Mirror { Mirror(self, children: ["text": text]) }
}
