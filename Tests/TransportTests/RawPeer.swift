import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import Protocol
import Transport

/// A peer that sends whatever it is told to, over TLS or without, and keeps what it gets.
final class RawPeer: Sendable {
    enum Event: Sendable {
        case bytes([UInt8])
        case error(String)
        case closed
    }

    private let channel: any Channel
    let inbox: Inbox<Event>

    private init(channel: any Channel, inbox: Inbox<Event>) {
        self.channel = channel
        self.inbox = inbox
    }

    /// Without TLS when there is no configuration.
    static func connect(
        to endpoint: Endpoint,
        tls: TLSConfiguration?
    ) async throws -> RawPeer {
        let inbox = Inbox<Event>()
        let context = try tls.map { try NIOSSLContext(configuration: $0) }
        let channel = try await ClientBootstrap(group: group)
            .channelOption(.socketOption(.so_rcvbuf), value: 8_192)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(CuttingHandler())
                    if let context {
                        let handler = try NIOSSLClientHandler(context: context, serverHostname: nil)
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    let keeper = KeepingHandler(inbox: inbox)
                    try channel.pipeline.syncOperations.addHandler(keeper)
                }
            }
            .connect(host: endpoint.host, port: Int(endpoint.port)).get()
        return RawPeer(channel: channel, inbox: inbox)
    }

    /// A well-behaved TLS configuration, to be spoilt.
    static func tls(_ credentials: TransportCredentials? = nil) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        configuration.minimumTLSVersion = .tlsv13
        configuration.applicationProtocols = [WireLimits.applicationProtocol]
        configuration.shutdownTimeout = .milliseconds(100)
        if let credentials {
            let chain = try! NIOSSLCertificate.fromPEMBytes(Array(credentials.chainPEM.utf8))
            configuration.certificateChain = chain.map { .certificate($0) }
            let key = try! NIOSSLPrivateKey(bytes: Array(credentials.keyPEM.utf8), format: .pem)
            configuration.privateKey = .privateKey(key)
        }
        return configuration
    }

    /// Returns when the system has the bytes, or will never have them.
    func send(_ bytes: [UInt8]) async {
        try? await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()
    }

    func send(_ text: String) async { await send(Array(text.utf8)) }

    /// Without waiting for the system to have them.
    func pour(_ bytes: [UInt8]) {
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    }

    func stopReading() async { try? await channel.setOption(.autoRead, value: false).get() }

    /// Ends the connection as a crashed machine's successor does.
    func reset() async throws {
        let provider = channel as? any SocketOptionProvider
        try await provider?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        try await channel.pipeline.eventLoop.submit { [channel] in
            channel.pipeline.triggerUserOutboundEvent(CutSocket(), promise: nil)
        }.get()
    }

    func close() async { try? await channel.close().get() }

    var isOpen: Bool { channel.isActive }

    var text: String { Self.text(of: inbox.events) }

    private static func text(of events: [Event]) -> String {
        let bytes = events.flatMap { event -> [UInt8] in
            if case .bytes(let bytes) = event { bytes } else { [] }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Everything that came until the other side closed.
    func textUntilClosed() async -> String {
        await inbox.wait { events in
            events.contains { if case .closed = $0 { true } else { false } }
        }
        return text
    }

    /// Returns after the handshake, whose end the write of nothing waits for.
    func secured() async { await send([]) }

    func waitForText(_ wanted: String) async {
        await inbox.wait { Self.text(of: $0).contains(wanted) }
    }
}

private struct CutSocket: Sendable {}

/// Closes the socket past TLS.
private final class CuttingHandler: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer

    func triggerUserOutboundEvent(
        context: ChannelHandlerContext,
        event: Any,
        promise: EventLoopPromise<Void>?
    ) {
        if event is CutSocket { context.close(promise: promise) }
    }
}

private final class KeepingHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let inbox: Inbox<RawPeer.Event>

    init(inbox: Inbox<RawPeer.Event>) { self.inbox = inbox }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        inbox.put(.bytes(Array(unwrapInboundIn(data).readableBytesView)))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        inbox.put(.error("\(error)"))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { inbox.put(.closed) }
}
