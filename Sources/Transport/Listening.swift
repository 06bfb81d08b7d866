import NIOCore
import NIOPosix

/// Opens listeners.
enum Listening {
    struct Listener {
        var channel: any Channel
        var endpoint: Endpoint
    }

    static func open(
        _ endpoints: [Endpoint],
        door: ServerDoor,
        group: any EventLoopGroup
    ) async throws(TransportError) -> [Listener] {
        var addresses: [(Endpoint, SocketAddress)] = []
        for endpoint in endpoints { addresses.append((endpoint, try await resolve(endpoint))) }
        let hasVersion4 = addresses.contains { $0.1.protocol == .inet }
        var listeners: [Listener] = []
        for (endpoint, address) in addresses {
            // An IPv6 socket takes IPv4 connections too unless told otherwise, and then "every
            // address" of both could not be asked for.
            let version6Only = hasVersion4 && address.protocol == .inet6
            let bootstrap = bootstrap(door, group, version6Only: version6Only)
            do {
                let channel = try await bootstrap.bind(to: address).get()
                let port = UInt16(clamping: channel.localAddress?.port ?? Int(endpoint.port))
                let bound = Endpoint(host: endpoint.host, port: port)
                listeners.append(Listener(channel: channel, endpoint: bound))
            } catch {
                for listener in listeners { try? await listener.channel.close().get() }
                throw TransportError(listening: endpoint, error)
            }
        }
        return listeners
    }

    /// Resolving may wait for a name server, so it is done on a thread that may wait.
    private static func resolve(
        _ endpoint: Endpoint
    ) async throws(TransportError) -> SocketAddress {
        do {
            return try await NIOSingletons.posixBlockingThreadPool.runIfActive {
                try SocketAddress.makeAddressResolvingHost(
                    endpoint.host,
                    port: Int(endpoint.port)
                )
            }
        } catch {
            throw TransportError(
                .nameUnresolvable,
                "No address was found for \(endpoint.host): correct the name, or write an address."
            )
        }
    }

    private static func bootstrap(
        _ door: ServerDoor,
        _ group: any EventLoopGroup,
        version6Only: Bool
    ) -> ServerBootstrap {
        var bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: Int32(door.settings.backlog))
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = AcceptPauseHandler(counters: door.counters)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try door.accept(channel) }
            }
        if version6Only {
            bootstrap = bootstrap.serverChannelOption(SocketOptions.version6Only, value: 1)
        }
        return SocketOptions.apply(
            to: bootstrap,
            sendBufferBytes: SocketOptions.serverSendBufferBytes
        )
    }
}

extension TransportError {
    init(listening endpoint: Endpoint, _ error: any Error) {
        switch (error as? IOError)?.errnoCode {
        case Errno.addressInUse:
            self.init(
                .addressInUse,
                "The address \(endpoint) is in use: stop the program that listens there"
                    + " (ss -ltnp shows it) or choose another port."
            )
        case Errno.addressNotAvailable:
            self.init(
                .addressNotOurs,
                "The address \(endpoint) is not one of this machine: ip address shows those it has."
            )
        case Errno.accessDenied:
            self.init(
                .addressNotOurs,
                "Port \(endpoint.port) of \(endpoint) needs a privilege: choose one above 1023."
            )
        default:
            self.init(.addressNotOurs, "The address \(endpoint) cannot be listened at: \(error)")
        }
    }
}
