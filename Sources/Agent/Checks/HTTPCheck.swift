import AgentCore

/// One GET over plain HTTP/1.1, judged by its status.
struct HTTPCheck {
    /// Bytes read of one answer, head and body together.
    static let answerMax = 4_096

    var address: NetworkAddress
    /// Begins with a slash.
    var path: String
    var expected: [ClosedRange<UInt16>]
    var resolver: NameResolver

    func run(until deadline: MonotonicDeadline) -> CheckOutcome {
        do throws(ConnectionError) {
            let connection = try Connection(to: address, until: deadline, resolver: resolver)
            try connection.send(request, until: deadline)
            return try outcome(connection, deadline)
        } catch {
            return .failed(error.description)
        }
    }

    private var request: [UInt8] {
        let host = address.port == 80 ? bracketedHost : address.description
        return Array(
            ("GET \(path) HTTP/1.1\r\nHost: \(host)\r\nUser-Agent: muster-agent\r\n"
                + "Accept: */*\r\nConnection: close\r\n\r\n").utf8
        )
    }

    private var bracketedHost: String {
        address.host.contains(":") ? "[\(address.host)]" : address.host
    }

    private func outcome(
        _ connection: Connection,
        _ deadline: MonotonicDeadline
    ) throws(ConnectionError) -> CheckOutcome {
        var answer: [UInt8] = []
        while true {
            switch HTTPHead.Reading(answer) {
            case .complete(let head):
                let passed = expected.contains { $0.contains(head.status) }
                let body = passed ? [] : rest(of: connection, after: answer, head, deadline)
                let gap = body.isEmpty ? "" : ": "
                let text = (head.line + gap).utf8 + body
                return passed ? .passed(saying: text) : .failed(saying: text)
            case .wrong(let reason): return .failed(reason)
            case .incomplete: break
            }
            guard answer.count < Self.answerMax else {
                return .failed("no end of the head in \(Self.answerMax) bytes")
            }
            let room = Self.answerMax - answer.count
            let more = try connection.receive(atMost: room, until: deadline)
            if more.isEmpty {
                let reason =
                    answer.isEmpty
                    ? "closed the connection without an answer" : "ended within the head"
                return .failed("\(connection.peer) \(reason)")
            }
            answer += more
        }
    }

    /// The body of an answer that failed tells people why; the status is known without it.
    private func rest(
        of connection: Connection,
        after answer: [UInt8],
        _ head: HTTPHead,
        _ deadline: MonotonicDeadline
    ) -> [UInt8] {
        var answer = answer
        while answer.count < Self.answerMax {
            let room = Self.answerMax - answer.count
            guard let more = try? connection.receive(atMost: room, until: deadline), !more.isEmpty
            else { break }
            answer += more
        }
        return Array(answer.dropFirst(head.length))
    }
}

/// The status line and headers of an answer.
struct HTTPHead: Hashable, Sendable {
    enum Reading: Hashable, Sendable {
        case incomplete
        case complete(HTTPHead)
        case wrong(String)
    }

    /// The status line as it came: `HTTP/1.1 503 Service Unavailable`.
    var line: String
    var status: UInt16
    /// Bytes up to and with the empty line, of interim answers too.
    var length: Int
}

extension HTTPHead.Reading {
    /// Reads an answer as far as it has come. Interim answers (1xx) are passed over.
    init(_ answer: [UInt8]) {
        self = .incomplete
        var start = 0
        while true {
            let rest = answer[start...]
            guard let lineEnd = rest.firstIndex(of: UInt8(ascii: "\n")) else {
                if !Self.mayBeStatusLine(rest) { self = .wrong("the answer is not HTTP/1") }
                return
            }
            guard let status = Self.status(of: rest[..<lineEnd]) else {
                self = .wrong("the answer is not HTTP/1")
                return
            }
            guard let headEnd = Self.endOfHead(answer, from: lineEnd) else { return }
            if (100...199).contains(status), status != 101 {
                start = headEnd
                continue
            }
            self = .complete(
                HTTPHead(
                    line: printable(rest[..<lineEnd], limit: 200),
                    status: status,
                    length: headEnd
                )
            )
            return
        }
    }

    private static let prefix = Array("HTTP/1.".utf8)

    private static func mayBeStatusLine(_ bytes: ArraySlice<UInt8>) -> Bool {
        zip(bytes, prefix).allSatisfy { $0 == $1 }
    }

    /// `HTTP/1.x NNN reason`, the reason left out by some servers.
    private static func status(of line: ArraySlice<UInt8>) -> UInt16? {
        let bytes = Array(line)
        guard bytes.count >= 12, bytes.starts(with: prefix), (48...57).contains(bytes[7]),
            bytes[8] == 32, bytes.count == 12 || [32, 13].contains(bytes[12]),
            let status = decimal(String(decoding: bytes[9..<12], as: UTF8.self), UInt16.self),
            (100...599).contains(status)
        else { return nil }
        return status
    }

    /// The place after the empty line that ends a head.
    private static func endOfHead(_ answer: [UInt8], from lineEnd: Int) -> Int? {
        var newline = lineEnd
        while let next = answer[(newline + 1)...].firstIndex(of: UInt8(ascii: "\n")) {
            let line = answer[(newline + 1)..<next]
            if line.isEmpty || line.elementsEqual([UInt8(ascii: "\r")]) { return next + 1 }
            newline = next
        }
        return nil
    }
}
