import ControllerCore
import Model

// Delay, loss, silence, one-way partitions, reordering between connections but not within one.

extension World {
    func dial(_ host: Int, client: Connection.Client, peer: Peer) -> Connection {
        let connection = Connection(
            id: ConnectionID(UInt64(connections.count + 1)),
            host: host,
            client: client,
            peer: peer
        )
        connections.append(connection)
        send(.open, connection, toServer: true)
        return connection
    }

    func send(_ packet: Connection.Packet, _ connection: Connection, toServer: Bool) {
        let link = links[connection.host]
        var delay = between(plan.isBoundary ? 0 : 100_000, plan.delayMax)
        if link.clogUntil > now { delay += between(0, link.clog) }
        if link.lossPerMille > 0, happens(perMille: link.lossPerMille) {
            delay += between(200 * millisecond, 1_500 * millisecond)
        }
        update(connection, toServer) { direction in
            let due = max(direction.lastDue + 1, now + delay)
            direction.lastDue = due
            direction.packets.append((due, packet))
        }
        pump(connection, toServer)
    }

    /// Everything under way is lost, and both ends learn at once that the connection is gone.
    func reset(_ connection: Connection) {
        connection.toServer.packets = []
        connection.toClient.packets = []
        send(.end(isReset: true), connection, toServer: true)
        send(.end(isReset: true), connection, toServer: false)
    }

    /// The way is free again: what waited comes within a time-out of the sender.
    func heal(_ host: Int) {
        for connection in connections where connection.host == host {
            for toServer in [true, false] {
                let direction = toServer ? connection.toServer : connection.toClient
                guard !direction.packets.isEmpty else { continue }
                let wait = between(0, 1_500 * millisecond)
                update(connection, toServer) { direction in
                    for index in direction.packets.indices {
                        direction.packets[index].due = max(
                            direction.packets[index].due,
                            now + wait + Int64(index)
                        )
                    }
                    direction.lastDue = max(direction.lastDue, direction.packets.last?.due ?? 0)
                    direction.isPumping = false
                }
                pump(connection, toServer)
            }
        }
    }

    private func pump(_ connection: Connection, _ toServer: Bool) {
        let direction = toServer ? connection.toServer : connection.toClient
        guard !direction.isPumping, let first = direction.packets.first else { return }
        update(connection, toServer) { $0.isPumping = true }
        at(first.due) { $0.arrive(connection, toServer) }
    }

    private func arrive(_ connection: Connection, _ toServer: Bool) {
        let link = links[connection.host]
        let isCut = (toServer ? link.toServerCutUntil : link.toClientCutUntil) > now
        // When the way is cut, `heal` starts it again.
        update(connection, toServer) { $0.isPumping = false }
        guard !isCut else { return }
        let direction = toServer ? connection.toServer : connection.toClient
        if let first = direction.packets.first, first.due <= now {
            update(connection, toServer) { $0.packets.removeFirst() }
            if toServer {
                controller.take(first.packet, connection)
            } else {
                hosts[connection.host].take(first.packet, connection)
            }
        }
        pump(connection, toServer)
    }

    private func update(
        _ connection: Connection,
        _ toServer: Bool,
        _ body: (inout Connection.Direction) -> Void
    ) {
        if toServer { body(&connection.toServer) } else { body(&connection.toClient) }
    }
}
