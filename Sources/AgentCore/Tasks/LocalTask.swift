public import Model
public import Protocol

/// A task that a program of this node submits through its agent.
public struct LocalTask: Hashable, Sendable {
    public static let patienceDefault: Duration = .seconds(30)

    /// Its idempotency key, where the program gives none, is made by the machine. A program that must
    /// be able to ask again after an answer of unknown outcome gives its own.
    public var task: TaskSubmission
    public var payload: [UInt8]
    /// Keep it durably while no controller takes it, and submit it later.
    public var spool: Bool
    /// How long the answer may be waited for.
    public var patience: Duration

    public init(
        task: TaskSubmission,
        payload: [UInt8] = [],
        spool: Bool = false,
        patience: Duration = LocalTask.patienceDefault
    ) {
        self.task = task
        self.payload = payload
        self.spool = spool
        self.patience = patience
    }
}

/// An answer to ``AgentEvent/submissionRequested(client:_:)``: one for each.
public struct SubmissionAnswer: Hashable, Sendable {
    public enum Outcome: Hashable, Sendable {
        /// It is durable at the controller; `isKnown` when its key had been used before.
        case accepted(TaskID, isKnown: Bool)
        /// It was not taken, or (the text says so) it is not known whether it was.
        case declined(RefusalCode, text: String, retry: Duration?)
        /// It is durable on this node, and will be submitted.
        case spooled
    }

    public var client: UInt64
    public var outcome: Outcome

    public init(client: UInt64, outcome: Outcome) {
        self.client = client
        self.outcome = outcome
    }
}

/// A submission that waits durably for a controller.
public struct SpooledTask: Hashable, Sendable {
    /// Grows with each; the order in which they are submitted.
    public var number: UInt64
    /// Always with an idempotency key.
    public var task: TaskSubmission
    public var payload: [UInt8]

    public init(number: UInt64, task: TaskSubmission, payload: [UInt8]) {
        self.number = number
        self.task = task
        self.payload = payload
    }
}

extension SpooledTask {
    /// As it is stored, a file each: text lines of the protocol's own grammar, the last of which is
    /// `END`, so that a cut file is noticed.
    public var lines: [String] {
        var head = LineWriter("SPOOLED")
        head.put("format", 1 as UInt16)
        head.put("number", number)
        task.put(to: &head)
        head.put("payload", UInt32(payload.count))
        var lines = [head.line.description]
        var at = 0
        while at < payload.count {
            let end = min(at + WorkLimits.partBytesMax, payload.count)
            var piece = LineWriter("PIECE")
            piece.put("at", at)
            piece.put("data", data: Array(payload[at..<end]))
            lines.append(piece.line.description)
            at = end
        }
        return lines + ["END"]
    }

    /// - Throws: the first line that cannot be read.
    public init(lines: [String]) throws(AgentMemoryError) {
        var found: SpooledTask?
        var size: UInt32 = 0
        for (index, text) in lines.enumerated() {
            do {
                let line = try Line.parse(text, limits: .record)
                let fields = FieldReader(line)
                switch line.verb {
                case "SPOOLED" where index == 0 && fields.optionalText("format") == "1":
                    size = try fields.number("payload", in: 0...UInt32(WorkLimits.payloadBytesMax))
                    found = SpooledTask(
                        number: try fields.number("number"),
                        task: try TaskSubmission(fields),
                        payload: []
                    )
                case "PIECE" where try fields.number("at") == found?.payload.count:
                    found?.payload += try fields.data("data", bytesMax: WorkLimits.partBytesMax)
                case "END" where index + 1 == lines.count && found?.payload.count == Int(size):
                    guard let found else { break }
                    self = found
                    return
                default:
                    throw AgentMemoryError(
                        line: index + 1,
                        sentence: "\(line.verb) is out of place"
                    )
                }
            } catch let error as LineError {
                throw AgentMemoryError(line: index + 1, sentence: error.sentence)
            } catch let error as MessageError {
                throw AgentMemoryError(line: index + 1, sentence: error.sentence)
            } catch let error as AgentMemoryError {
                throw error
            } catch {
                throw AgentMemoryError(line: index + 1, sentence: "unreadable")
            }
        }
        throw AgentMemoryError(line: lines.count + 1, sentence: "the file is cut: no END")
    }
}
