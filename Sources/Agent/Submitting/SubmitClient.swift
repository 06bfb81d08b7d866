import CHost
import Glibc
import Host
import Model

/// The other end of the submission socket.
struct SubmitClient {
    private let socket: Descriptor

    enum Problem: Error, Hashable, Sendable {
        /// There is no socket, or nobody listens at it.
        case nobody(HostError)
        case forbidden(HostError)
        case late
        case broken(String)
    }

    /// - Parameter deadline: until when a full queue of connections is waited for.
    init(_ path: String, until deadline: MonotonicDeadline) throws(Problem) {
        while true {
            do throws(HostError) {
                socket = try UnixSocket.connect(path)
                return
            } catch {
                switch error.code {
                case EAGAIN:
                    if deadline.hasPassed { throw .late }
                    poll(nil, 0, 20)
                case EACCES, EPERM: throw .forbidden(error)
                default: throw .nobody(error)
                }
            }
        }
    }

    /// - Returns: the line that answers.
    func ask(
        _ line: String,
        payload: [UInt8],
        until deadline: MonotonicDeadline
    ) throws(Problem) -> String {
        // Who is cut off in the middle is told why: the answer is read in any case.
        let isSent = try send(Array((line + "\n").utf8) + payload, until: deadline)
        var reader = LineReader()
        while true {
            guard try wait(for: POLLIN, until: deadline) else { throw .late }
            switch reader.read(socket) {
            case .lines(let lines):
                if let first = lines.first { return first }
            case .ended(let lines):
                if let first = lines.first { return first }
                throw .broken(
                    isSent ? "it has hung up without an answer" : "it has hung up"
                )
            case .broken(let reason): throw .broken(reason)
            }
        }
    }

    /// - Returns: false when the agent has hung up.
    private func send(
        _ bytes: [UInt8],
        until deadline: MonotonicDeadline
    ) throws(Problem) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                muster_send(socket.number, buffer.baseAddress! + sent, buffer.count - sent)
            }
            if count >= 0 {
                sent += count
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                guard try wait(for: POLLOUT, until: deadline) else { throw .late }
            default: return false
            }
        }
        return true
    }

    private func wait(for events: Int32, until deadline: MonotonicDeadline) throws(Problem) -> Bool
    {
        while !deadline.hasPassed {
            var wanted = [pollfd(fd: socket.number, events: Int16(events), revents: 0)]
            let count = poll(&wanted, 1, deadline.pollMilliseconds)
            if count > 0 { return true }
            if count < 0, errno != EINTR { throw .broken(HostError.text(of: errno)) }
        }
        return false
    }
}
