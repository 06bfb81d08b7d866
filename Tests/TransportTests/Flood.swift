import NIOCore
import NIOPosix
import Synchronization
import Transport

/// Connections that say nothing, and come again as soon as they are closed.
final class Flood: Sendable {
    private struct State {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var isOver = false
    }

    private let endpoint: Endpoint
    private let state = Mutex(State())

    private init(against endpoint: Endpoint) {
        self.endpoint = endpoint
    }

    static func start(
        against endpoint: Endpoint,
        from addresses: [String],
        each count: Int
    ) async throws -> Flood {
        let flood = Flood(against: endpoint)
        for address in addresses {
            for _ in 0..<count { try await flood.open(from: address) }
        }
        return flood
    }

    private func open(from address: String) async throws {
        let channel = try await ClientBootstrap(group: group)
            .bind(to: SocketAddress(ipAddress: address, port: 0))
            .connect(host: endpoint.host, port: Int(endpoint.port)).get()
        let isOver = state.withLock { state in
            if !state.isOver { state.channels[ObjectIdentifier(channel)] = channel }
            return state.isOver
        }
        if isOver { return channel.close(promise: nil) }
        channel.closeFuture.whenComplete { [self] _ in
            let isOver = state.withLock { state in
                state.channels[ObjectIdentifier(channel)] = nil
                return state.isOver
            }
            if !isOver { Task { try? await self.open(from: address) } }
        }
    }

    func stop() async {
        let channels = state.withLock { state in
            state.isOver = true
            return Array(state.channels.values)
        }
        for channel in channels { try? await channel.close().get() }
    }
}
