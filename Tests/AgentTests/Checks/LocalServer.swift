import AgentCore
import Glibc
import Host

@testable import Agent

/// A TCP server on loopback for one test: it takes connections one after the other, reads a
/// request and sends what it was made with.
final class LocalServer: Sendable {
    enum Manner: Sendable {
        /// Sends these pieces, one `send` each, then closes.
        case answers([String])
        /// Takes the connection, reads, and never says a word.
        case silent
        /// Is bound, but accepts no connection.
        case deaf
    }

    let address: NetworkAddress
    private let listener: Int32
    private let received = Monitor<[String]>([])
    private let isClosed = Monitor(false)

    init(_ manner: Manner, host: String = "127.0.0.1") throws {
        let isSix = host.contains(":")
        listener = socket(isSix ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard listener >= 0 else { throw TestFault("socket: \(errno)") }
        var port: UInt16 = 0
        if isSix {
            var name = sockaddr_in6()
            name.sin6_family = sa_family_t(AF_INET6)
            name.sin6_addr = in6addr_loopback
            port = try bound(listener, &name) { UInt16(bigEndian: $0.sin6_port) }
        } else {
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            port = try bound(listener, &name) { UInt16(bigEndian: $0.sin_port) }
        }
        address = NetworkAddress(host: host, port: port)
        if case .deaf = manner { return }
        guard listen(listener, 16) == 0 else { throw TestFault("listen: \(errno)") }
        guard
            startThread({ [listener, received, isClosed] in
                while true {
                    let peer = accept(listener, nil, nil)
                    if isClosed.read({ $0 }) {
                        close(peer)
                        close(listener)
                        return
                    }
                    serve(peer, manner, received)
                }
            })
        else { throw TestFault("no thread") }
    }

    /// What came in the first reads of all connections so far.
    var requests: [String] { received.read { $0 } }

    /// Ends the listening thread and frees the port.
    deinit {
        isClosed.change { $0 = true }
        shutdown(listener, Int32(SHUT_RDWR))
    }
}

private func bound<Name>(
    _ listener: Int32,
    _ name: inout Name,
    _ port: (Name) -> UInt16
) throws -> UInt16 {
    var length = socklen_t(MemoryLayout<Name>.size)
    let code = withUnsafeMutablePointer(to: &name) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(listener, $0, length) == 0 ? getsockname(listener, $0, &length) : -1
        }
    }
    guard code == 0 else { throw TestFault("bind: \(errno)") }
    return port(name)
}

private func serve(_ peer: Int32, _ manner: LocalServer.Manner, _ received: Monitor<[String]>) {
    var buffer = [UInt8](repeating: 0, count: 8_192)
    let count = recv(peer, &buffer, buffer.count, 0)
    received.change { $0.append(String(decoding: buffer[..<max(0, count)], as: UTF8.self)) }
    switch manner {
    case .answers(let pieces):
        for piece in pieces {
            let bytes = Array(piece.utf8)
            send(peer, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        }
        close(peer)
    case .silent:
        // Until the other end gives up.
        while recv(peer, &buffer, buffer.count, 0) > 0 {}
        close(peer)
    case .deaf: close(peer)
    }
}

/// How many descriptors this process has open.
func openDescriptors() -> Int {
    (0..<4_096).count { fcntl(Int32($0), F_GETFD) >= 0 }
}
