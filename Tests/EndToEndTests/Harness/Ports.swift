import Glibc
import Host
import Synchronization

/// TCP ports of the loopback that nobody listens on, below those the kernel gives to connections.
enum Ports {
    private static let given = Mutex<Set<UInt16>>([])

    static func free() -> UInt16 {
        while true {
            let port = UInt16(20_000 + RandomBytes.seed() % 12_000)
            guard given.withLock({ $0.insert(port).inserted }) else { continue }
            if isFree(port) { return port }
        }
    }

    private static func isFree(_ port: UInt16) -> Bool {
        let number = socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(number) }
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = port.bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in6>.size)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(number, $0, size) == 0
            }
        }
    }
}
