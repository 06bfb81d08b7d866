public import Model
import Protocol

/// One line of the node's journal of tasks.
public enum TaskJournalEntry: Hashable, Sendable {
    /// Whose attempts follow; the first line. The same numbers mean other tasks in another cluster.
    case owner(cluster: ClusterID, node: NodeID)
    /// Durable before the handler is executed. Whether it may drain is as it is launched, whatever its
    /// handler's definition says later.
    case start(
        TaskAttempt,
        token: FencingToken,
        handler: HandlerName,
        isDrainable: Bool = false
    )
    /// Durable before the result is told. Nothing of the attempt exists any more.
    case end(TaskAttempt, AttemptResult)
    /// The controller has the result. That this attempt, and every lower one of its task, is over
    /// stays known for a while: no confused order starts it again.
    case forget(TaskAttempt)

    public static let format: UInt16 = 1

    /// As it is stored: one line of the protocol's grammar, without its line feed.
    public var line: String {
        var writer: LineWriter
        switch self {
        case .owner(let cluster, let node):
            writer = LineWriter("OWNER")
            writer.put("format", Self.format)
            writer.put("cluster", cluster)
            writer.put("node", node)
        case .start(let attempt, let token, let handler, let isDrainable):
            writer = LineWriter("START")
            writer.put(attempt)
            writer.put("token", token)
            writer.put("handler", handler)
            writer.put("drainable", isDrainable)
        case .end(let attempt, let result):
            writer = LineWriter("END")
            writer.put(attempt)
            result.put(to: &writer)
        case .forget(let attempt):
            writer = LineWriter("FORGET")
            writer.put(attempt)
        }
        return writer.line.description
    }

    init(_ line: Line) throws(MessageError) {
        let fields = FieldReader(line)
        switch line.verb {
        case "OWNER":
            guard try fields.number("format", as: UInt16.self) == Self.format else {
                throw .bad(key: "format", expected: "1: the journal is of a newer muster-agent")
            }
            self = .owner(cluster: try fields.name("cluster"), node: try fields.name("node"))
        case "START":
            self = .start(
                try TaskAttempt(fields),
                token: try fields.token("token"),
                handler: try fields.name("handler"),
                isDrainable: try fields.flag("drainable")
            )
        case "END": self = .end(try TaskAttempt(fields), try AttemptResult(record: fields))
        case "FORGET": self = .forget(try TaskAttempt(fields))
        default: throw .unknownVerb
        }
    }
}

/// What to do with the journal's file, in the order of the sequence: append and sync, or replace as
/// a whole (write, sync, rename, sync the folder).
///
/// The shell answers `.taskJournaled(upTo:)` with the sequence of the last write that is durable.
/// After a write that failed, every later one has failed too, until one that replaces the file.
public struct TaskJournalWrite: Hashable, Sendable {
    /// Grows by one with each write of one process.
    public var sequence: UInt64
    public var entries: [TaskJournalEntry]

    public init(sequence: UInt64, entries: [TaskJournalEntry]) {
        self.sequence = sequence
        self.entries = entries
    }
}

/// The journal as it was read at start.
public struct TaskJournal: Hashable, Sendable {
    public struct Start: Hashable, Sendable {
        public var token: FencingToken
        public var handler: HandlerName
        public var isDrainable = false
    }

    public private(set) var cluster: ClusterID?
    public private(set) var node: NodeID?
    /// Started and not ended.
    public private(set) var started: OrderedTable<TaskAttempt, Start> = OrderedTable()
    /// Ended and not forgotten.
    public private(set) var ended: OrderedTable<TaskAttempt, AttemptResult> = OrderedTable()
    /// The highest attempt of each task that was taken, as far as it is remembered.
    public private(set) var taken: OrderedTable<TaskID, UInt16> = OrderedTable()
    /// Whole lines that were read.
    public private(set) var lineCount = 0
    /// A last line that cannot be read is the trace of a write that was cut off, and nothing rests on
    /// it: its place, counted from 1. The shell cuts the file before it.
    public private(set) var tornLine: Int?

    /// Of a node that has none yet.
    public init() {}

    /// - Parameter lines: what ends with a line feed. What follows the last one was cut off: it can
    ///   pass for another line (`attempt=1` of `attempt=12`), and is not for the machine to see.
    /// - Throws: the first line that cannot be read, or contradicts those before it: the agent does
    ///   not start then, because a guess could run what has run.
    public init(lines: [String]) throws(AgentMemoryError) {
        for (index, text) in lines.enumerated() {
            do throws(TaskJournalProblem) {
                let entry = try Self.entry(text)
                guard let sentence = take(entry, isFirst: index == 0) else {
                    lineCount += 1
                    continue
                }
                throw .contradiction(sentence)
            } catch {
                guard case .unreadable = error, index + 1 == lines.count, index > 0 else {
                    throw AgentMemoryError(line: index + 1, sentence: error.sentence)
                }
                tornLine = index + 1
            }
        }
    }

    private static func entry(_ text: String) throws(TaskJournalProblem) -> TaskJournalEntry {
        let line: Line
        do throws(LineError) {
            line = try Line.parse(text, limits: .record)
        } catch {
            throw .unreadable(error.sentence)
        }
        do throws(MessageError) {
            return try TaskJournalEntry(line)
        } catch {
            throw .unreadable(error.sentence)
        }
    }

    /// - Returns: what it contradicts.
    private mutating func take(_ entry: TaskJournalEntry, isFirst: Bool) -> String? {
        switch entry {
        case .owner(let cluster, let node):
            guard isFirst else { return "OWNER must be the first line, and only that" }
            self.cluster = cluster
            self.node = node
            return nil
        case .start, .end, .forget:
            if isFirst { return "OWNER must be the first line, and only that" }
        }
        switch entry {
        case .owner: break
        case .start(let attempt, let token, let handler, let isDrainable):
            if started[attempt] != nil || ended[attempt] != nil
                || taken[attempt.task].map({ $0 >= attempt.attempt }) ?? false
            {
                return "attempt \(attempt) is started twice"
            }
            started[attempt] = Start(token: token, handler: handler, isDrainable: isDrainable)
        case .end(let attempt, let result):
            // A journal that was rewritten has only the end of what had ended.
            if ended[attempt] != nil { return "attempt \(attempt) ends twice" }
            started[attempt] = nil
            ended[attempt] = result
        case .forget(let attempt):
            // A journal that was rewritten has only this of what was taken.
            if started[attempt] != nil { return "attempt \(attempt) is forgotten before its end" }
            ended[attempt] = nil
            taken[attempt.task] = max(attempt.attempt, taken[attempt.task] ?? 0)
        }
        return nil
    }
}

private enum TaskJournalProblem: Error {
    case unreadable(String)
    case contradiction(String)

    var sentence: String {
        switch self {
        case .unreadable(let sentence), .contradiction(let sentence): sentence
        }
    }
}
