import ControllerCore
import Model

/// One TCP connection from a machine to the controller, with its two directions.
final class Connection {
    enum Client {
        /// An agent's link, in this life of its process.
        case agent(link: UInt64, life: Int)
        /// The enrolment program's.
        case enroller(attempt: Int)
    }

    enum Packet {
        case open
        case accepted
        /// The client's certificate: the server may now be spoken to.
        case finished
        case line([UInt8])
        case end(isReset: Bool)
    }

    struct Direction {
        var packets: [(due: Int64, packet: Packet)] = []
        var lastDue: Int64 = 0
        var isPumping = false
    }

    let id: ConnectionID
    let host: Int
    let client: Client
    let peer: Peer
    let isStranger: Bool
    var toServer = Direction()
    var toClient = Direction()
    /// The controller's life that has accepted it.
    var serverLife: Int?
    var isOpenAtServer = false
    var isOpenAtClient = true
    /// Real times at which heartbeats were sent, by number.
    var beatsSent = OrderedTable<UInt64, Int64>()

    init(id: ConnectionID, host: Int, client: Client, peer: Peer) {
        self.id = id
        self.host = host
        self.client = client
        self.peer = peer
        isStranger = peer == .stranger
    }
}

/// What is wrong with the way between one machine and the controller.
struct HostLink {
    /// Until when nothing arrives; 0 when it does.
    var toServerCutUntil: Int64 = 0
    var toClientCutUntil: Int64 = 0
    /// Added to every delay until then.
    var clog: Int64 = 0
    var clogUntil: Int64 = 0
    /// Chance that a packet is lost and comes after a time-out of the sender.
    var lossPerMille: UInt64 = 0
}
