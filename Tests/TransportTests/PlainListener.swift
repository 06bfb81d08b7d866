import NIOCore
import NIOPosix
import NIOSSL
import Transport

/// Something that listens and is not a controller.
final class PlainListener: Sendable {
    private let channel: any Channel
    let endpoint: Endpoint

    private init(channel: any Channel) {
        self.channel = channel
        endpoint = Endpoint(host: "127.0.0.1", port: UInt16(channel.localAddress!.port!))
    }

    static func start(
        greeting: String? = nil,
        closes: Bool = false,
        tls: TransportCredentials? = nil,
        protocols: [String] = []
    ) async throws -> PlainListener {
        let context = try tls.map { try NIOSSLContext(configuration: server($0, protocols)) }
        let channel = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let context {
                        let handler = NIOSSLServerHandler(context: context)
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    let handler = GreetingHandler(greeting: greeting, closes: closes)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return PlainListener(channel: channel)
    }

    private static func server(
        _ credentials: TransportCredentials,
        _ protocols: [String]
    ) throws -> TLSConfiguration {
        let chain = try NIOSSLCertificate.fromPEMBytes(Array(credentials.chainPEM.utf8))
        let key = try NIOSSLPrivateKey(bytes: Array(credentials.keyPEM.utf8), format: .pem)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(key)
        )
        configuration.applicationProtocols = protocols
        return configuration
    }

    func stop() async { try? await channel.close().get() }
}

private final class GreetingHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let greeting: String?
    private let closes: Bool

    init(greeting: String?, closes: Bool) {
        self.greeting = greeting
        self.closes = closes
    }

    func channelActive(context: ChannelHandlerContext) {
        if let greeting {
            context.writeAndFlush(NIOAny(ByteBuffer(string: greeting)), promise: nil)
        }
        if closes { context.close(promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
