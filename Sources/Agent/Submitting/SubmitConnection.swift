import AgentCore
import Glibc
import Host
import Model
import Protocol

/// One program at the submission socket. Lives on the server's thread.
///
/// Its requests are answered in their order, however the answers come.
final class SubmitConnection {
    /// Requests that may wait for their answer; what is sent beyond is left in the socket.
    static let outstandingMax = 32

    /// Why it is closed; nil text: the program has closed it.
    struct End: Error {
        var code: RefusalCode
        var text: String?
    }

    private struct Slot {
        /// Nil when it was answered without the machine.
        var client: UInt64?
        var payloadBytes: Int
        var answer: SubmitAnswer?
    }

    let socket: Descriptor
    let peer: UnixSocket.Peer
    private let budget: PayloadBudget
    private var reader: SubmitReader
    private var slots: [Slot] = []
    /// Nothing more is read.
    private var hasEnded = false
    private var phase = SubmitReader.Phase.nothing
    private var phaseSince: Instant

    init(_ socket: Descriptor, peer: UnixSocket.Peer, budget: PayloadBudget, at now: Instant) {
        self.socket = socket
        self.peer = peer
        self.budget = budget
        reader = SubmitReader(budget: budget)
        phaseSince = now
    }

    /// Whether it may be read from.
    var wantsInput: Bool { !hasEnded && slots.count < Self.outstandingMax }

    /// When it has taken too long over what it is doing; nil while we are the slow ones.
    var deadline: Instant? {
        guard wantsInput else { return nil }
        switch phase {
        case .nothing: return slots.isEmpty ? phaseSince + SubmitServer.idleTimeout : nil
        case .line: return phaseSince + SubmitServer.lineTimeout
        case .payload: return phaseSince + SubmitServer.payloadTimeout
        }
    }

    /// What is said when the deadline has passed.
    var lateness: End {
        let text =
            switch phase {
            case .nothing: "nothing was asked for a long time"
            case .line: "the line was not whole in time"
            case .payload: "the payload was not whole in time"
            }
        return End(code: .tooSlow, text: text)
    }

    /// Reads what is there.
    ///
    /// - Parameter request: gives a task to the machine, and returns the number of its answer.
    func read(at now: Instant, request: (LocalTask) -> UInt64) throws(End) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = Glibc.read(socket.number, &buffer, buffer.count)
        if count < 0 {
            if errno == EAGAIN || errno == EINTR { return }
            throw End(code: .notNow, text: nil)
        }
        guard count > 0 else {
            // What was asked for is done all the same; half a request is none.
            hasEnded = true
            return try leaveIfDone()
        }
        reader.append(buffer[..<count])
        try take(at: now, request: request)
    }

    /// An answer of the machine.
    func answered(
        _ client: UInt64,
        _ answer: SubmitAnswer,
        at now: Instant,
        request: (LocalTask) -> UInt64
    ) throws(End) {
        guard let index = slots.firstIndex(where: { $0.client == client }) else { return }
        // What it is doing begins anew: we have not read, or it has waited for us.
        if !wantsInput || slots.count == 1 { phaseSince = now }
        slots[index].answer = answer
        budget.give(slots[index].payloadBytes)
        slots[index].payloadBytes = 0
        try flush()
        try take(at: now, request: request)
        try leaveIfDone()
    }

    private func take(at now: Instant, request: (LocalTask) -> UInt64) throws(End) {
        var hasTaken = false
        while wantsInput, let item = reader.next() {
            hasTaken = true
            switch item {
            case .task(let task):
                slots.append(
                    Slot(client: request(task), payloadBytes: task.payload.count, answer: nil)
                )
            case .answer(let answer):
                slots.append(Slot(client: nil, payloadBytes: 0, answer: answer))
                try flush()
            case .broken(let code, let text): throw End(code: code, text: text)
            }
        }
        if hasTaken || phase != reader.phase || !wantsInput { phaseSince = now }
        phase = reader.phase
    }

    private func flush() throws(End) {
        while let answer = slots.first?.answer {
            slots.removeFirst()
            // It has at most ``outstandingMax`` answers coming, which fit into the socket: a program
            // for which they do not has stopped reading.
            guard UnixSocket.send(answer.line, to: socket) else {
                throw End(code: .tooSlow, text: nil)
            }
        }
    }

    private func leaveIfDone() throws(End) {
        if hasEnded, slots.isEmpty { throw End(code: .notNow, text: nil) }
    }

    /// Says why, and gives up what it still had.
    func close(_ end: End) {
        if let text = end.text {
            _ = UnixSocket.send(SubmitAnswer.broken(end.code, text: text).line, to: socket)
        }
        reader.close()
        for slot in slots { budget.give(slot.payloadBytes) }
        slots = []
    }
}
