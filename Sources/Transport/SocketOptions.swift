import NIOCore
import NIOPosix

/// What every socket of ours is set to.
enum SocketOptions {
    /// Milliseconds that sent bytes may go unacknowledged (TCP_USER_TIMEOUT).
    private static let userTimeout: Int = 10_000
    /// The system would hold megabytes for a slow peer, in front of which no limit of ours counts
    /// and behind which a heartbeat's answer waits. It doubles this figure.
    static let serverSendBufferBytes: Int = 65_536

    static let version6Only = ChannelOptions.Types.SocketOption(level: .ipv6, name: .ipv6_v6only)
    private static let tcpUserTimeout = ChannelOptions.Types.SocketOption(
        level: .tcp,
        name: NIOBSDSocket.Option(rawValue: 18)
    )
    /// Little for an idle connection; a busy one is read in pieces of a TLS record, so that
    /// thousands of peers take turns.
    private static let readBuffer = AdaptiveRecvByteBufferAllocator(
        minimum: 512,
        initial: 2_048,
        maximum: 16_384
    )

    static func apply(
        to bootstrap: ServerBootstrap,
        sendBufferBytes: Int
    ) -> ServerBootstrap {
        bootstrap
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(tcpUserTimeout, value: userTimeout)
            .childChannelOption(.socketOption(.so_sndbuf), value: sendBufferBytes)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.recvAllocator, value: readBuffer)
    }

    static func apply(to bootstrap: ClientBootstrap) -> ClientBootstrap {
        bootstrap
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(tcpUserTimeout, value: userTimeout)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(.recvAllocator, value: readBuffer)
    }
}
