import AgentCore
import Glibc
import Host

/// Why nothing could be said to the other end.
struct ConnectionError: Error, Hashable, Sendable, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}

/// A TCP connection on which nothing waits longer than a deadline.
struct Connection {
    /// The address that answered.
    let peer: SocketAddress
    private let socket: Descriptor

    /// Tries each address of the host in turn; each has an equal share of the time that is left.
    init(
        to address: NetworkAddress,
        until deadline: MonotonicDeadline,
        resolver: NameResolver
    ) throws(ConnectionError) {
        let addresses = try resolver.addresses(of: address, until: deadline)
        var failures: [String] = []
        for (index, candidate) in addresses.enumerated() {
            let share = deadline.remaining / (addresses.count - index)
            do throws(ConnectionError) {
                self.socket = try connected(candidate, until: MonotonicDeadline(after: share))
                self.peer = candidate
                return
            } catch {
                failures.append(error.description)
            }
        }
        throw ConnectionError(failures.joined(separator: "; "))
    }

    /// Sends all of it.
    func send(_ bytes: [UInt8], until deadline: MonotonicDeadline) throws(ConnectionError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(socket.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                try wait(for: Int16(POLLOUT), until: deadline)
            } else if errno != EINTR {
                throw ConnectionError("send to \(peer): \(HostError.text(of: errno))")
            }
        }
    }

    /// - Returns: at least one byte, or none at the end of what the other end sends.
    func receive(
        atMost limit: Int,
        until deadline: MonotonicDeadline
    ) throws(ConnectionError) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: limit)
        while true {
            let count = recv(socket.number, &buffer, limit, 0)
            if count >= 0 { return Array(buffer[..<count]) }
            if errno == EAGAIN {
                try wait(for: Int16(POLLIN), until: deadline)
            } else if errno != EINTR {
                throw ConnectionError("read from \(peer): \(HostError.text(of: errno))")
            }
        }
    }

    private func wait(
        for events: Int16,
        until deadline: MonotonicDeadline
    ) throws(ConnectionError) {
        guard isReady(socket.number, for: events, until: deadline) else {
            throw ConnectionError("\(peer) did not answer in time")
        }
    }
}

/// Waits until something can be done with a descriptor without waiting.
///
/// - Returns: false at the deadline.
func isReady(_ descriptor: Int32, for events: Int16, until deadline: MonotonicDeadline) -> Bool {
    while true {
        var wanted = pollfd(fd: descriptor, events: events, revents: 0)
        let count = poll(&wanted, 1, deadline.pollMilliseconds)
        if count > 0 { return true }
        if deadline.hasPassed { return false }
    }
}

private func connected(
    _ address: SocketAddress,
    until deadline: MonotonicDeadline
) throws(ConnectionError) -> Descriptor {
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let number = socket(address.family, kind, 0)
    guard number >= 0 else {
        throw ConnectionError("connect to \(address): \(HostError.text(of: errno))")
    }
    let descriptor = Descriptor(owning: number)
    let result = address.bytes.withUnsafeBytes { bytes in
        connect(
            number,
            bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self),
            socklen_t(bytes.count)
        )
    }
    var code = result == 0 ? 0 : errno
    if code == EINPROGRESS || code == EINTR {
        guard isReady(number, for: Int16(POLLOUT), until: deadline) else {
            throw ConnectionError("\(address) did not answer in time")
        }
        var length = socklen_t(MemoryLayout<Int32>.size)
        if getsockopt(number, SOL_SOCKET, SO_ERROR, &code, &length) != 0 { code = errno }
    }
    guard code == 0 else {
        throw ConnectionError("connect to \(address): \(HostError.text(of: code))")
    }
    return descriptor
}
