import CHost
import Glibc

/// Stream sockets of this machine. All are non-blocking and close-on-exec.
public enum UnixSocket {
    /// Who is at the other end, as the kernel says.
    public struct Peer: Hashable, Sendable {
        public var processID: Int32
        public var user: UInt32
        public var group: UInt32

        public init(processID: Int32, user: UInt32, group: UInt32) {
            self.processID = processID
            self.user = user
            self.group = group
        }
    }

    /// Makes a listening socket in place of what was at the path before, if that was a socket.
    ///
    /// - Parameter mode: of the socket file; who may write it may connect.
    public static func listen(
        _ path: String,
        mode: UInt32 = 0o600,
        backlog: Int32 = 16
    ) throws(HostError) -> Descriptor {
        var status = stat()
        if !path.hasPrefix("@"), lstat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFSOCK else {
                throw HostError("listen at", path: path, reason: "a file is there; remove it")
            }
            unlink(path)
        }
        let number = muster_unix_listen(path, mode, backlog)
        guard number >= 0 else { throw HostError("listen at", path: path, code: errno) }
        return Descriptor(owning: number)
    }

    /// Connects at once or says why not. `ENOENT` and `ECONNREFUSED`: nobody listens;
    /// `EAGAIN`: the queue of the listener is full.
    public static func connect(_ path: String) throws(HostError) -> Descriptor {
        let number = muster_unix_connect(path)
        guard number >= 0 else { throw HostError("connect to", path: path, code: errno) }
        return Descriptor(owning: number)
    }

    /// The next connection that waits, or nil.
    public static func accept(_ listener: Descriptor) throws(HostError) -> Descriptor? {
        while true {
            let number = muster_unix_accept(listener.number)
            if number >= 0 { return Descriptor(owning: number) }
            switch errno {
            case EINTR, ECONNABORTED: continue
            case EAGAIN: return nil
            default: throw HostError("accept", code: errno)
            }
        }
    }

    public static func peer(of socket: Descriptor) throws(HostError) -> Peer {
        var peer = Peer(processID: 0, user: 0, group: 0)
        guard muster_peer_credentials(socket.number, &peer.processID, &peer.user, &peer.group) == 0
        else { throw HostError("ask who is connected", code: errno) }
        return peer
    }

    /// Sends one line, whole or not at all as far as the reader can tell.
    ///
    /// - Returns: false when the peer is gone or does not read: the connection is of no more use.
    public static func send(_ line: String, to socket: Descriptor) -> Bool {
        let bytes = Array((line + "\n").utf8)
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                muster_send(socket.number, buffer.baseAddress! + sent, buffer.count - sent)
            }
            if count < 0 {
                if errno == EINTR { continue }
                return false
            }
            sent += count
        }
        return true
    }
}

/// Cuts what arrives on a non-blocking socket into lines.
public struct LineReader {
    public enum Outcome: Hashable, Sendable {
        /// Lines that are whole, without their ends; perhaps none yet.
        case lines([String])
        /// The peer has closed; what came before it, and the end.
        case ended(lines: [String])
        /// A line is longer than the limit, is not UTF-8, or the socket failed. Close it.
        case broken(String)
    }

    /// The longest line accepted, in bytes.
    public let lineLengthMax: Int
    private var pending: [UInt8] = []

    public init(lineLengthMax: Int = 8_192) {
        self.lineLengthMax = lineLengthMax
    }

    /// The beginning of a line has come, and not its end.
    public var isInLine: Bool { !pending.isEmpty }

    /// Reads what is there, at most 64 KiB at a time, and never waits.
    public mutating func read(_ socket: Descriptor) -> Outcome {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = Glibc.read(socket.number, &buffer, buffer.count)
        if count < 0 {
            let code = errno
            if code == EAGAIN || code == EINTR { return .lines([]) }
            return code == ECONNRESET ? .ended(lines: []) : .broken(HostError.text(of: code))
        }
        return count == 0 ? .ended(lines: []) : take(buffer[0..<count])
    }

    mutating func take(_ bytes: ArraySlice<UInt8>) -> Outcome {
        pending += bytes
        var lines: [String] = []
        var start = 0
        while let end = pending[start...].firstIndex(of: 10) {
            guard end - start <= lineLengthMax else { return .broken("a line is too long") }
            guard let line = String(validating: pending[start..<end], as: UTF8.self) else {
                return .broken("a line is not UTF-8")
            }
            lines.append(line)
            start = end + 1
        }
        pending.removeFirst(start)
        if pending.count > lineLengthMax { return .broken("a line is too long") }
        return .lines(lines)
    }
}
