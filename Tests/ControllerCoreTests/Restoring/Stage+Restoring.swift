import ControllerCore
import Model
import Protocol

extension Stage {
    /// Says that nothing that was told to the node before its present token runs there.
    mutating func stateFloor(of name: NodeName, on connection: ConnectionID) {
        guard let record = machine.member(named: name)?.record else { return }
        let floor = FencingToken(epoch: machine.cluster.epoch, session: record.session - 1)
        beat(connection, floor: floor)
    }

    /// The same for so long, once a second; the other nodes beat as ever.
    mutating func live(
        _ connections: [ConnectionID],
        stating: [NodeName: ConnectionID],
        for seconds: Int
    ) {
        for _ in 0..<seconds {
            pass(.seconds(1))
            for connection in connections { beat(connection) }
            for name in stating.keys.sorted() {
                if let connection = stating[name] { stateFloor(of: name, on: connection) }
            }
        }
    }

    /// Services that a node was told to start.
    func starts(_ connection: ConnectionID) -> [ServiceName] {
        sent.filter { $0.connection == connection }.compactMap {
            if case .start(let order) = $0.message { order.service } else { nil }
        }
    }

    func part(_ connection: ConnectionID) -> SiteRole? {
        sent.filter { $0.connection == connection }.compactMap {
            if case .welcome(let welcome) = $0.message { welcome.role } else { nil }
        }.last
    }

    var isSettling: Bool { machine.settling != nil }
}
