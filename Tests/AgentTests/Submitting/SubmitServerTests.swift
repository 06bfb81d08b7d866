import AgentCore
import Glibc
import Host
import Logging
import Model
import Protocol
import Testing

@testable import Agent

/// The submission socket, with programs that behave and programs that do not.
@Suite(.serialized) struct SubmitServerTests {
    private let folder: TemporaryFolder
    private let inbox: DriverInbox
    private let server: SubmitServer

    init() throws {
        folder = try TemporaryFolder()
        inbox = try DriverInbox()
        var settings = SubmitSettings()
        settings.group = getegid()
        server = try SubmitServer(
            settings,
            path: "\(folder.path)/run/submit.sock",
            inbox: inbox,
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        #expect(server.begin())
    }

    private func connect() throws -> Descriptor { try UnixSocket.connect(server.path) }

    private func send(_ text: String, to socket: Descriptor) {
        try? socket.writeAll(Array(text.utf8))
    }

    /// The next requests that reach the machine.
    private func requests(_ count: Int) -> [(client: UInt64, task: LocalTask)] {
        var found: [(client: UInt64, task: LocalTask)] = []
        let deadline = MonotonicDeadline(after: .seconds(20))
        while found.count < count, !deadline.hasPassed {
            var wanted = [pollfd(fd: inbox.descriptor, events: Int16(POLLIN), revents: 0)]
            poll(&wanted, 1, deadline.pollMilliseconds)
            for case .event(.submissionRequested(let client, let task)) in inbox.take() {
                found.append((client, task))
            }
        }
        return found
    }

    private func answer(_ client: UInt64, _ outcome: SubmissionAnswer.Outcome) {
        server.answer([SubmissionAnswer(client: client, outcome: outcome)])
    }

    /// Lines until there are so many, or the server hangs up.
    private func lines(_ count: Int, from socket: Descriptor) -> (lines: [String], isClosed: Bool) {
        var reader = LineReader()
        var found: [String] = []
        let deadline = MonotonicDeadline(after: .seconds(20))
        while found.count < count, !deadline.hasPassed {
            var wanted = [pollfd(fd: socket.number, events: Int16(POLLIN), revents: 0)]
            guard poll(&wanted, 1, deadline.pollMilliseconds) > 0 else { continue }
            switch reader.read(socket) {
            case .lines(let lines): found += lines
            case .ended(let lines): return (found + lines, true)
            case .broken: return (found, true)
            }
        }
        return (found, false)
    }

    /// A program that behaves is served, whatever others do.
    private func expectService() throws {
        let socket = try connect()
        send("SUBMIT type=PING payload=2\nab", to: socket)
        let request = try #require(requests(1).first { $0.task.task.type.text == "PING" })
        #expect(request.task.payload == Array("ab".utf8))
        answer(request.client, .accepted(TaskID(9), isKnown: false))
        #expect(lines(1, from: socket).lines == ["ACCEPTED task=9"])
    }

    @Test func `a task is asked for and answered, several on one connection`() throws {
        let socket = try connect()
        send("SUBMIT type=A payload=3\n\0\n1SUBMIT type=B\n", to: socket)
        let asked = requests(2)
        #expect(asked.map(\.task.task.type.text) == ["A", "B"])
        #expect(asked.first?.task.payload == [0, 10, 49])
        answer(asked[0].client, .accepted(TaskID(1), isKnown: true))
        answer(asked[1].client, .spooled)
        #expect(lines(2, from: socket).lines == ["ACCEPTED task=1 known=yes", "SPOOLED"])
        send("SUBMIT type=C\n", to: socket)
        let third = try #require(requests(1).first)
        answer(third.client, .declined(.busy, text: "full", retry: .seconds(2)))
        #expect(lines(1, from: socket).lines == ["DECLINED code=busy text=full retry=2000"])
    }

    @Test func `answers come in the order of their requests`() throws {
        let socket = try connect()
        send("SUBMIT type=A\nSUBMIT type=B typo=1\nSUBMIT type=C\n", to: socket)
        let asked = requests(2)
        answer(asked[1].client, .accepted(TaskID(3), isKnown: false))
        answer(asked[0].client, .accepted(TaskID(1), isKnown: false))
        let found = lines(3, from: socket).lines
        #expect(found.count == 3)
        #expect(found.first == "ACCEPTED task=1")
        #expect(found.dropFirst().first?.hasPrefix("DECLINED code=invalid ") == true)
        #expect(found.last == "ACCEPTED task=3")
    }

    @Test func `who sends without waiting is read no further than his answers come`() throws {
        let socket = try connect()
        let count = 5 * SubmitConnection.outstandingMax
        send(String(repeating: "SUBMIT type=A\n", count: count), to: socket)
        var answered = 0
        while answered < count {
            let asked = requests(1)
            guard !asked.isEmpty else { break }
            #expect(asked.count <= SubmitConnection.outstandingMax)
            answered += asked.count
            for (client, _) in asked { answer(client, .spooled) }
        }
        #expect(answered == count)
        #expect(lines(count, from: socket).lines.count == count)
    }

    @Test func `who hangs up after his request has asked for it all the same`() throws {
        let socket = try connect()
        send("SUBMIT type=A\nSUBMIT type=B payload=5\nab", to: socket)
        shutdown(socket.number, Int32(SHUT_WR))
        let asked = requests(1)
        #expect(asked.map(\.task.task.type.text) == ["A"])
        answer(asked[0].client, .accepted(TaskID(1), isKnown: false))
        #expect(lines(2, from: socket) == (["ACCEPTED task=1"], true))
    }

    @Test(
        arguments: [
            "rubbish\n", "\u{1}\u{2}\n", String(repeating: "x", count: 9_000),
            "GET / HTTP/1.0\r\n\r\n",
            "SUBMIT type=A payload=99999999\n",
        ]
    )
    func `who speaks otherwise is cut off with the reason, and nobody else is`(text: String) throws
    {
        let other = try connect()
        send("SUBMIT type=HALF acc", to: other)
        let socket = try connect()
        send(text, to: socket)
        let (found, isClosed) = lines(2, from: socket)
        #expect(isClosed)
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("ERR code=bad-") == true, "\(found)")
        send("ount=x\n", to: other)
        #expect(requests(1).first?.task.task.account == "x")
        try expectService()
    }

    @Test func `who goes away in the middle leaves nothing that harms`() throws {
        for _ in 0..<200 {
            let socket = try connect()
            send("SUBMIT type=A payload=1000000\nabc", to: socket)
        }
        for _ in 0..<50 {
            let socket = try connect()
            send("SUBMIT type=GONE\n", to: socket)
        }
        let gone = requests(50)
        #expect(gone.count == 50)
        for (client, _) in gone { answer(client, .accepted(TaskID(1), isKnown: false)) }
        try expectService()
    }

    @Test func `one account cannot take every place`() throws {
        var held: [Descriptor] = []
        var refusal: String?
        for _ in 0...SubmitServer.connectionsPerUserMax where refusal == nil {
            let socket = try connect()
            held.append(socket)
            var wanted = [pollfd(fd: socket.number, events: Int16(POLLIN), revents: 0)]
            let isLast = held.count > SubmitServer.connectionsPerUserMax
            if poll(&wanted, 1, isLast ? 20_000 : 0) > 0 {
                refusal = lines(1, from: socket).lines.first
            }
        }
        #expect(held.count == SubmitServer.connectionsPerUserMax + 1)
        #expect(refusal?.hasPrefix("ERR code=too-fast ") == true)
        held = []
        try #require(try eventuallyConnects())
        try expectService()
    }

    private func eventuallyConnects() throws -> Bool {
        let deadline = MonotonicDeadline(after: .seconds(20))
        while !deadline.hasPassed {
            let socket = try connect()
            send("SUBMIT\n", to: socket)
            if lines(1, from: socket).lines.first?.hasPrefix("DECLINED") == true { return true }
        }
        return false
    }

    @Test func `the socket is for those who may`() throws {
        var status = stat()
        #expect(stat(server.path, &status) == 0)
        #expect(status.st_mode & 0o7777 == 0o660)
        #expect(status.st_gid == getegid())
        #expect(stat("\(folder.path)/run", &status) == 0)
        #expect(status.st_mode & 0o7777 == 0o711)
    }
}

/// Deadlines, without waiting for them.
@Suite struct SubmitConnectionTests {
    private static let begin = Instant(nanoseconds: 1_000_000_000_000)

    private func pair() throws -> (ours: Descriptor, theirs: Descriptor) {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0 else {
            throw TestFault("socketpair: \(errno)")
        }
        let (ours, theirs) = (Descriptor(owning: ends[0]), Descriptor(owning: ends[1]))
        try ours.setNonblocking()
        return (ours, theirs)
    }

    @Test func `a line and a payload have their time, and dribbling gains none`() throws {
        let (ours, theirs) = try pair()
        let peer = UnixSocket.Peer(processID: 1, user: 1, group: 1)
        let budget = PayloadBudget()
        let connection = SubmitConnection(ours, peer: peer, budget: budget, at: Self.begin)
        #expect(connection.deadline == Self.begin + SubmitServer.idleTimeout)
        var now = Self.begin + .seconds(3)
        let lineSince = now
        for byte in "SUBMIT type=A payload=9".utf8 {
            try theirs.writeAll([byte])
            try connection.read(at: now) { _ in 0 }
            #expect(connection.deadline == lineSince + SubmitServer.lineTimeout)
            now = now + .milliseconds(100)
        }
        #expect(connection.lateness.text == "the line was not whole in time")
        let payloadSince = now
        for byte in "\n12345678".utf8 {
            try theirs.writeAll([byte])
            try connection.read(at: now) { _ in 0 }
            #expect(connection.deadline == payloadSince + SubmitServer.payloadTimeout)
            now = now + .seconds(1)
        }
        try theirs.writeAll([57])
        try connection.read(at: now) { _ in 42 }
        // Now it waits for us, as long as it takes.
        #expect(connection.deadline == nil)
        try connection.answered(42, .spooled, at: now + .seconds(9_000)) { _ in 0 }
        #expect(connection.deadline == now + .seconds(9_000) + SubmitServer.idleTimeout)
        #expect(budget.used == 0)
    }

    @Test func `who does not read his answers is cut off`() throws {
        let (ours, theirs) = try pair()
        var size: Int32 = 4_096
        setsockopt(ours.number, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        let peer = UnixSocket.Peer(processID: 1, user: 1, group: 1)
        let connection = SubmitConnection(ours, peer: peer, budget: PayloadBudget(), at: Self.begin)
        var isCutOff = false
        for _ in 0..<10_000 where !isCutOff {
            do throws(SubmitConnection.End) {
                guard (try? theirs.writeAll(Array("SUBMIT type=A x=1\n".utf8))) != nil else {
                    break
                }
                try connection.read(at: Self.begin) { _ in 0 }
            } catch {
                isCutOff = true
            }
        }
        #expect(isCutOff)
    }
}
