import CHost
import Glibc

/// Sockets that listen for TCP.
public enum TCPListener {
    /// Connections that may wait to be accepted.
    public static let backlog: Int32 = 128

    /// Listens at a numeric address, without waiting for anything.
    ///
    /// - Parameter host: an IPv4 or IPv6 address, without brackets.
    public static func open(_ host: String, _ port: UInt16) throws(HostError) -> Descriptor {
        let number = muster_tcp_listen(host, port, backlog)
        guard number >= 0 else {
            throw HostError("listen at", path: "\(host), port \(port)", code: errno)
        }
        return Descriptor(owning: number)
    }
}
