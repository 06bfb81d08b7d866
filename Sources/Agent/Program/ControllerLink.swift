import AgentCore
import Glibc
import Host
import Model
import NIOCore
import NIOPosix
import Protocol
import Transport

/// The one connection to a controller, by the machine's numbers.
final class ControllerLink {
    private let inbox: DriverInbox
    private let state: StateFolder
    private let cluster: ClusterID?
    private let endpoints: [Endpoint]
    private let group: MultiThreadedEventLoopGroup
    private var client: LineClient?
    private(set) var link: UInt64 = 0

    init(inbox: DriverInbox, state: StateFolder, cluster: ClusterID?, endpoints: [Endpoint]) {
        self.inbox = inbox
        self.state = state
        self.cluster = cluster
        self.endpoints = endpoints
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    }

    func endpoint(_ index: Int) -> Endpoint? {
        endpoints.indices.contains(index) ? endpoints[index] : nil
    }

    func dial(_ link: UInt64, controller index: Int) {
        self.link = link
        guard let cluster, let endpoint = endpoint(index) else { return }
        let context: ClientContext
        do {
            context = try ClientContext(state.clientMode(cluster: cluster))
        } catch {
            return inbox.put(.disconnected(link: link, reason: "\(error)"))
        }
        client = LineClient.connect(to: endpoint, with: context, group: group) { [inbox] event in
            Self.pass(event, of: link, at: endpoint, to: inbox)
        }
    }

    func send(_ messages: [AgentMessage]) {
        guard !messages.isEmpty else { return }
        client?.send(messages.map(\.line))
    }

    func taken(_ count: Int, on link: UInt64) {
        if link == self.link { client?.taken(count) }
    }

    func close(_ link: UInt64) {
        guard link == self.link else { return }
        client?.close()
        client = nil
    }

    private static func pass(
        _ event: ClientEvent,
        of link: UInt64,
        at endpoint: Endpoint,
        to inbox: DriverInbox
    ) {
        switch event {
        case .connected: inbox.put(.connected(link: link))
        case .line(let line):
            do throws(MessageError) {
                let message = try ControllerMessage(line)
                inbox.put(.line(.received(link: link, message), link: link))
            } catch {
                inbox.put(.line(.unreadable(link: link, reason: error.sentence), link: link))
            }
        case .closed(let reason):
            inbox.put(.disconnected(link: link, reason: "\(endpoint): \(reason.rawValue)"))
            inbox.put(.linkEnded(link))
        case .failed(let error):
            inbox.put(.disconnected(link: link, reason: error.sentence))
            inbox.put(.linkEnded(link))
        }
    }
}
