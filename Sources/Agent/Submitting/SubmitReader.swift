import AgentCore
import Model
import Protocol

/// Bytes of payloads that are on their way, over all connections of the submission socket.
final class PayloadBudget {
    static let bytesMax = 32 << 20

    private(set) var used = 0

    func take(_ bytes: Int) -> Bool {
        guard used + bytes <= Self.bytesMax else { return false }
        used += bytes
        return true
    }

    func give(_ bytes: Int) {
        used -= bytes
        precondition(used >= 0, "more bytes were given back than taken")
    }
}

/// Cuts what a program sends into requests: a line, and as many raw bytes as the line announces.
struct SubmitReader {
    static let lineBytesMax = LineLimits.member.lineBytesMax
    /// After which one who was turned away for want of room may ask again.
    static let busyRetry: Duration = .seconds(1)

    enum Item: Hashable, Sendable {
        /// Its payload's bytes are taken from the budget: whoever has it gives them back.
        case task(LocalTask)
        /// Turned down, and read over.
        case answer(SubmitAnswer)
        /// From here on nothing can be understood.
        case broken(RefusalCode, String)
    }

    /// What is waited for, and so how long.
    enum Phase: Hashable, Sendable {
        case nothing
        case line
        case payload
    }

    private enum State {
        case line
        case payload(LocalTask, count: Int)
        /// Of a request that was turned down.
        case skipping(Int)
    }

    private let budget: PayloadBudget
    private var state = State.line
    private var bytes: [UInt8] = []
    private var at = 0

    init(budget: PayloadBudget) {
        self.budget = budget
    }

    var phase: Phase {
        switch state {
        case .line: at == bytes.count ? .nothing : .line
        case .payload, .skipping: .payload
        }
    }

    /// Gives back what the budget is still owed.
    mutating func close() {
        if case .payload(_, let count) = state { budget.give(count) }
        state = .line
        bytes = []
        at = 0
    }

    mutating func append(_ more: ArraySlice<UInt8>) {
        if at == bytes.count {
            bytes = []
            at = 0
        } else if at > 65_536 {
            bytes.removeFirst(at)
            at = 0
        }
        bytes += more
    }

    /// The next whole thing; nil when more bytes must come first.
    mutating func next() -> Item? {
        while true {
            switch state {
            case .line:
                guard let end = bytes[at...].firstIndex(of: 10) else {
                    guard bytes.count - at > Self.lineBytesMax else { return nil }
                    return .broken(.badLine, "the line is longer than \(Self.lineBytesMax) bytes")
                }
                let line = bytes[at..<end]
                at = end + 1
                if let item = begin(line) { return item }
            case .payload(var task, let count):
                guard bytes.count - at >= count else { return nil }
                task.payload = Array(bytes[at..<(at + count)])
                at += count
                state = .line
                return .task(task)
            case .skipping(let count):
                let here = min(count, bytes.count - at)
                at += here
                guard here == count else {
                    state = .skipping(count - here)
                    return nil
                }
                state = .line
            }
        }
    }

    private mutating func begin(_ line: ArraySlice<UInt8>) -> Item? {
        do throws(SubmitRequest.Refusal) {
            let request = try SubmitRequest(line)
            guard budget.take(request.payloadBytes) else {
                throw SubmitRequest.Refusal(
                    code: .busy,
                    text: "\(PayloadBudget.bytesMax) bytes of payloads are under way already",
                    payloadBytes: request.payloadBytes
                )
            }
            state = .payload(request.task, count: request.payloadBytes)
            return nil
        } catch {
            guard let count = error.payloadBytes else { return .broken(error.code, error.text) }
            state = .skipping(count)
            return .answer(
                .declined(
                    error.code,
                    text: error.text,
                    retry: error.code == .busy ? Self.busyRetry : nil
                )
            )
        }
    }
}
