import AgentCore
import Model
import Protocol

/// One request of a program of this node, as it stands in its line. docs/submitting.md has the same
/// for people.
struct SubmitRequest: Hashable, Sendable {
    /// Its payload is still to come.
    var task: LocalTask
    var payloadBytes: Int

    static let verb = "SUBMIT"
    static let patienceMax: Duration = .seconds(3_600)
    /// Unlike on the wire a key that is not known is refused: it is a slip, and no newer version.
    static let keys = [
        "type", "account", "attributes", "priority", "exclusive", "ordered", "key", "attempts",
        "retry-delay", "not-before", "spool", "wait", "payload",
    ]

    struct Refusal: Error, Hashable, Sendable {
        var code: RefusalCode
        var text: String
        /// Bytes that follow its line all the same; nil when that is not known.
        var payloadBytes: Int?
    }

    /// The line that asks for it.
    var line: String {
        var writer = LineWriter(Self.verb)
        task.task.put(to: &writer)
        writer.put("spool", task.spool)
        writer.put("wait", milliseconds: task.patience)
        writer.put("payload", payloadBytes)
        return writer.line.description
    }

    init(task: LocalTask) {
        self.task = task
        payloadBytes = task.payload.count
    }

    init(_ bytes: ArraySlice<UInt8>) throws(Refusal) {
        let line: Line
        do throws(LineError) {
            line = try Line.parse(bytes, limits: .member)
        } catch {
            throw Refusal(code: .badLine, text: error.sentence)
        }
        guard line.verb == Self.verb else {
            throw Refusal(code: .badVerb, text: "the verb is \(Self.verb)")
        }
        let fields = FieldReader(line)
        do throws(MessageError) {
            let range = 0...WorkLimits.payloadBytesMax
            payloadBytes = try fields.optionalNumber("payload", in: range) ?? 0
        } catch {
            throw Refusal(code: .badLine, text: error.sentence)
        }
        if let stranger = line.fields.first(where: { !Self.keys.contains($0.key) }) {
            let hint =
                NearestName.to(stranger.key, among: Self.keys)
                .map { ": did you mean \($0)?" } ?? ""
            let text = "the field \(stranger.key) is not known here\(hint)"
            throw Refusal(code: .invalid, text: text, payloadBytes: payloadBytes)
        }
        do throws(MessageError) {
            task = LocalTask(
                task: try TaskSubmission(fields),
                spool: try fields.flag("spool"),
                patience: min(
                    try fields.optionalMilliseconds("wait") ?? LocalTask.patienceDefault,
                    Self.patienceMax
                )
            )
            if fields.optionalText("ordered") != nil, task.task.exclusiveKey == nil {
                throw .missing(key: "exclusive")
            }
        } catch {
            throw Refusal(code: .invalid, text: error.sentence, payloadBytes: payloadBytes)
        }
    }
}

/// The one line that answers a request.
enum SubmitAnswer: Hashable, Sendable {
    case accepted(TaskID, isKnown: Bool)
    case spooled
    case declined(RefusalCode, text: String, retry: Duration?)
    /// Nothing more is read: the connection is closed.
    case broken(RefusalCode, text: String)

    init(_ outcome: SubmissionAnswer.Outcome) {
        switch outcome {
        case .accepted(let task, let isKnown): self = .accepted(task, isKnown: isKnown)
        case .declined(let code, let text, let retry):
            self = .declined(code, text: text, retry: retry)
        case .spooled: self = .spooled
        }
    }

    var line: String {
        var writer: LineWriter
        switch self {
        case .accepted(let task, let isKnown):
            writer = LineWriter("ACCEPTED")
            writer.put("task", task.number)
            writer.put("known", isKnown)
        case .spooled: writer = LineWriter("SPOOLED")
        case .declined(let code, let text, let retry):
            writer = LineWriter("DECLINED")
            writer.put("code", code)
            writer.put("text", text, bytesMax: WireLimits.outputBytesMax)
            writer.put("retry", milliseconds: retry)
        case .broken(let code, let text):
            writer = LineWriter("ERR")
            writer.put("code", code)
            writer.put("text", text, bytesMax: WireLimits.outputBytesMax)
        }
        return writer.line.description
    }

    /// Reads what ``line`` writes.
    init?(line text: String) {
        guard let line = try? Line.parse(text, limits: .member) else { return nil }
        let fields = FieldReader(line)
        let code = line["code"].flatMap(RefusalCode.init(rawValue:))
        switch line.verb {
        case "ACCEPTED":
            guard let task = try? fields.number("task", as: UInt64.self) else { return nil }
            self = .accepted(TaskID(task), isKnown: line["known"] == "yes")
        case "SPOOLED": self = .spooled
        case "DECLINED":
            guard let code else { return nil }
            self = .declined(
                code,
                text: line["text"] ?? "",
                retry: (try? fields.optionalMilliseconds("retry")) ?? nil
            )
        case "ERR":
            guard let code else { return nil }
            self = .broken(code, text: line["text"] ?? "")
        default: return nil
        }
    }
}
