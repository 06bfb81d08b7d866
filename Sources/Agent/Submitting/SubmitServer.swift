import AgentCore
import Glibc
import Host
import Logging
import Model
import Protocol
import Synchronization

/// The socket at which the programs of this node submit tasks, on a thread of its own.
final class SubmitServer: Sendable {
    static let connectionsMax = 128
    /// Of one account, so that one cannot keep out the others.
    static let connectionsPerUserMax = 64
    /// From the first byte of a line to its end.
    static let lineTimeout: Duration = .seconds(5)
    /// From the end of the line to the end of the payload.
    static let payloadTimeout: Duration = .seconds(30)
    /// Of a connection on which nothing is asked and nothing is to be answered.
    static let idleTimeout: Duration = .seconds(600)

    let path: String
    private let listener: Descriptor
    private let inbox: DriverInbox
    private let log: Logger
    private let poller: Poller
    private let bell: (read: Descriptor, write: Descriptor)
    private let answers = Mutex<[SubmissionAnswer]>([])

    /// Makes the socket.
    init(_ settings: SubmitSettings, path: String, inbox: DriverInbox, log: Logger)
        throws(HostError)
    {
        self.path = path
        self.inbox = inbox
        self.log = log
        let folder = NodeConfiguration.directory(of: path)
        // Others must be able to go through the folder; what else is in it has its own mode.
        try DurableFile.makeFolder(folder.isEmpty ? "/" : folder, mode: 0o711)
        listener = try UnixSocket.listen(path, mode: 0o600, backlog: 128)
        if let group = settings.group, chown(path, uid_t.max, group) != 0 {
            throw HostError("give to group \(group)", path: path, code: errno)
        }
        guard chmod(path, settings.mode) == 0 else {
            throw HostError("set the mode of", path: path, code: errno)
        }
        poller = try Poller()
        bell = try Descriptor.pipe()
        try bell.read.setNonblocking()
        try bell.write.setNonblocking()
        try poller.add(listener, tag: SubmitLoop.listenerTag)
        try poller.add(bell.read, tag: SubmitLoop.bellTag)
    }

    /// - Returns: false when there is no room for the thread.
    func begin() -> Bool {
        startThread { [self] in
            let loop = SubmitLoop(
                listener: listener,
                poller: poller,
                inbox: inbox,
                log: log,
                answers: takeAnswers
            )
            while true { loop.turn() }
        }
    }

    /// From the driver's thread.
    func answer(_ new: [SubmissionAnswer]) {
        guard !new.isEmpty else { return }
        let isFirst = answers.withLock { answers in
            defer { answers += new }
            return answers.isEmpty
        }
        if isFirst { _ = write(bell.write.number, [1], 1) }
    }

    private func takeAnswers() -> [SubmissionAnswer] {
        var buffer = [UInt8](repeating: 0, count: 64)
        while read(bell.read.number, &buffer, buffer.count) > 0 {}
        return answers.withLock { answers in
            defer { answers = [] }
            return answers
        }
    }
}

/// What the server's thread does.
private final class SubmitLoop {
    static let listenerTag: UInt64 = 0
    static let bellTag: UInt64 = 1
    /// Between two tries to take a connection for which there was no descriptor.
    private static let acceptRetry: Duration = .seconds(1)
    /// Complaints about programs that are written to the log: whoever misbehaves on purpose does so
    /// often.
    private static let complaintInterval: Duration = .seconds(1)

    private let listener: Descriptor
    private let poller: Poller
    private let inbox: DriverInbox
    private let log: Logger
    private let takeAnswers: () -> [SubmissionAnswer]
    private let budget = PayloadBudget()
    private var connections: [UInt64: SubmitConnection] = [:]
    /// Those that are watched for input.
    private var watched: Set<UInt64> = []
    /// Which connection waits for an answer of this number.
    private var clients: [UInt64: UInt64] = [:]
    private var tags = bellTag
    private var lastClient: UInt64 = 0
    private var acceptAgainAt: Instant?
    private var complaintAt: Instant?
    private var unsaidComplaints = 0

    init(
        listener: Descriptor,
        poller: Poller,
        inbox: DriverInbox,
        log: Logger,
        answers: @escaping () -> [SubmissionAnswer]
    ) {
        self.listener = listener
        self.poller = poller
        self.inbox = inbox
        self.log = log
        takeAnswers = answers
    }

    func turn() {
        let ready = poller.ready(within: patience(at: BootClock.now()))
        let now = BootClock.now()
        for tag in ready {
            switch tag {
            case Self.listenerTag: accept(at: now)
            case Self.bellTag: passAnswers(at: now)
            default:
                attend(tag) { connection throws(SubmitConnection.End) in
                    try connection.read(at: now) { request($0, of: tag) }
                }
            }
        }
        if let again = acceptAgainAt, again <= now {
            acceptAgainAt = (try? poller.add(listener, tag: Self.listenerTag)) == nil ? now : nil
        }
        for (tag, connection) in connections {
            guard let deadline = connection.deadline, deadline <= now else { continue }
            close(tag, connection.lateness)
        }
    }

    private func patience(at now: Instant) -> Int32 {
        let deadlines =
            connections.values.compactMap(\.deadline) + [acceptAgainAt].compactMap(\.self)
        guard let next = deadlines.min() else { return -1 }
        return Int32(clamping: max(0, (next - now).wholeMilliseconds + 1))
    }

    // MARK: Connections

    private func accept(at now: Instant) {
        do throws(HostError) {
            while let socket = try UnixSocket.accept(listener) {
                admit(socket, peer: try UnixSocket.peer(of: socket), at: now)
            }
        } catch {
            // Out of descriptors: the connection stays in the queue, and we do not spin on it.
            log.warning("no connection can be taken", metadata: ["error": "\(error)"])
            poller.remove(listener)
            acceptAgainAt = now + Self.acceptRetry
        }
    }

    private func admit(_ socket: Descriptor, peer: UnixSocket.Peer, at now: Instant) {
        let ofUser = connections.values.lazy.filter { $0.peer.user == peer.user }.count
        let limit: String? =
            connections.count >= SubmitServer.connectionsMax
            ? "\(SubmitServer.connectionsMax) connections"
            : ofUser >= SubmitServer.connectionsPerUserMax
                ? "\(SubmitServer.connectionsPerUserMax) connections of your account" : nil
        let connection = SubmitConnection(socket, peer: peer, budget: budget, at: now)
        if let limit {
            let end = SubmitConnection.End(code: .tooFast, text: "there are \(limit) already")
            complain(connection, end, at: now)
            return connection.close(end)
        }
        tags += 1
        guard (try? poller.add(socket, tag: tags)) != nil else {
            return connection.close(SubmitConnection.End(code: .busy, text: "no room to watch it"))
        }
        connections[tags] = connection
        watched.insert(tags)
        log.debug("a program has connected to submit tasks", metadata: metadata(of: peer))
    }

    private func attend(
        _ tag: UInt64,
        _ body: (SubmitConnection) throws(SubmitConnection.End) -> Void
    ) {
        guard let connection = connections[tag] else { return }
        do throws(SubmitConnection.End) {
            try body(connection)
            watch(tag, connection)
        } catch {
            close(tag, error)
        }
    }

    /// What may not be read is not watched either: a program that hangs up would wake us for ever.
    private func watch(_ tag: UInt64, _ connection: SubmitConnection) {
        guard connection.wantsInput != watched.contains(tag) else { return }
        if watched.remove(tag) != nil {
            poller.remove(connection.socket)
        } else if (try? poller.add(connection.socket, tag: tag)) != nil {
            watched.insert(tag)
        } else {
            close(tag, SubmitConnection.End(code: .busy, text: "no room to watch it"))
        }
    }

    private func close(_ tag: UInt64, _ end: SubmitConnection.End) {
        guard let connection = connections.removeValue(forKey: tag) else { return }
        if watched.remove(tag) != nil { poller.remove(connection.socket) }
        connection.close(end)
        complain(connection, end, at: BootClock.now())
    }

    private func complain(
        _ connection: SubmitConnection,
        _ end: SubmitConnection.End,
        at now: Instant
    ) {
        guard let text = end.text else { return }
        if let last = complaintAt, now - last < Self.complaintInterval {
            unsaidComplaints += 1
            return
        }
        complaintAt = now
        var metadata = metadata(of: connection.peer)
        metadata["code"] = "\(end.code.rawValue)"
        metadata["reason"] = "\(text)"
        if unsaidComplaints > 0 { metadata["others"] = "\(unsaidComplaints)" }
        unsaidComplaints = 0
        log.warning("a program that submits tasks was cut off", metadata: metadata)
    }

    private func metadata(of peer: UnixSocket.Peer) -> Logger.Metadata {
        ["uid": "\(peer.user)", "gid": "\(peer.group)", "pid": "\(peer.processID)"]
    }

    // MARK: Requests and answers

    private func request(_ task: LocalTask, of tag: UInt64) -> UInt64 {
        lastClient += 1
        clients[lastClient] = tag
        inbox.put(.submissionRequested(client: lastClient, task))
        return lastClient
    }

    private func passAnswers(at now: Instant) {
        for answer in takeAnswers() {
            guard let tag = clients.removeValue(forKey: answer.client) else { continue }
            attend(tag) { connection throws(SubmitConnection.End) in
                try connection.answered(
                    answer.client,
                    SubmitAnswer(answer.outcome),
                    at: now
                ) { request($0, of: tag) }
            }
        }
    }
}
