import CHost
import Glibc
import Host
import Model

/// One who looks: asks once, is answered, and is gone.
final class ObserveConnection {
    /// Bytes that are read and thrown away in one turn after the answer.
    private static let readMax = 4_096

    let socket: Descriptor
    /// When it is closed, whatever it is doing.
    let deadline: Instant
    private let answer: (HTTPRequestHead) -> [UInt8]
    private var request: [UInt8] = []
    private var output: ArraySlice<UInt8> = []
    private var isAnswered = false

    init(
        _ socket: Descriptor,
        by deadline: Instant,
        answer: @escaping (HTTPRequestHead) -> [UInt8]
    ) {
        self.socket = socket
        self.deadline = deadline
        self.answer = answer
    }

    var wantsOutput: Bool { !output.isEmpty }
    /// What it is watched for: room to write, or input.
    var isWatchedForOutput = false

    /// Answers without having been asked.
    func say(_ bytes: [UInt8]) {
        isAnswered = true
        output = bytes[...]
    }

    /// Does what can be done now without waiting.
    ///
    /// - Returns: false when it is over.
    func proceed() -> Bool {
        if output.isEmpty, !read() { return false }
        return output.isEmpty || write()
    }

    private func read() -> Bool {
        var buffer = [UInt8](repeating: 0, count: Self.readMax)
        let count = Glibc.read(socket.number, &buffer, buffer.count)
        if count < 0 { return errno == EAGAIN || errno == EINTR }
        guard count > 0 else { return false }
        // What comes after the answer is taken off the socket, or closing it could take the answer
        // back before it was read.
        if isAnswered { return true }
        request += buffer[..<count]
        switch HTTPRequestHead.parse(request) {
        case .incomplete: break
        case .head(let head): say(answer(head))
        case .refused(let status): say(HTTPAnswer(status, "\(status.text)\n").bytes)
        }
        return true
    }

    private func write() -> Bool {
        while !output.isEmpty {
            let count = output.withUnsafeBytes { buffer in
                muster_send(socket.number, buffer.baseAddress, buffer.count)
            }
            if count < 0 {
                if errno == EINTR { continue }
                return errno == EAGAIN
            }
            output = output.dropFirst(count)
        }
        // Until the other one has closed, too, or its time is over.
        return shutdown(socket.number, Int32(SHUT_WR)) == 0
    }
}
