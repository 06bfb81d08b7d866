import AgentCore
import Host

extension TCPListener {
    static func open(_ address: NetworkAddress) throws(HostError) -> Descriptor {
        try open(address.host, address.port)
    }
}
