import AgentCore
import CHost
import Glibc
import Host
import Model
import Protocol

/// What a worker says of its task: a line on its standard output.
enum WorkerLine: Hashable, Sendable {
    /// A line of the task's output, while it is under way.
    case output(text: String)
    case answer(WorkerAnswer)

    /// - Returns: nil for what is not known.
    init?(line text: String) {
        guard let line = try? Line.parse(text, limits: .member) else { return nil }
        if line.verb == "OUTPUT" {
            self = .output(text: line["text"] ?? "")
        } else if let answer = WorkerAnswer(line) {
            self = .answer(answer)
        } else {
            return nil
        }
    }
}

/// How a task has ended: the last line that a worker says of it.
enum WorkerAnswer: Hashable, Sendable {
    case done(text: String)
    case failed(status: UInt8, text: String)

    /// - Returns: nil for what is not known.
    init?(_ line: Line) {
        let told = line["text"] ?? ""
        switch line.verb {
        case "DONE": self = .done(text: told)
        case "FAILED":
            let fields = FieldReader(line)
            guard let status = try? fields.optionalNumber("status", in: UInt8(1)...255) ?? 1 else {
                return nil
            }
            self = .failed(status: status, text: told)
        default: return nil
        }
    }

    var exit: ProgramExit {
        switch self {
        case .done: .exited(0)
        case .failed(let status, _): .exited(status)
        }
    }

    var text: String {
        switch self {
        case .done(let text), .failed(_, let text): text
        }
    }
}

/// A task as a worker is told of it: a line, then the bytes of its payload.
enum WorkerTask {
    /// The variables that a process of its own would have, without `MUSTER_`, in lower case and with
    /// `-` for `_`: `MUSTER_ATTRIBUTE_REGION` is `attribute-region`.
    static func bytes(_ launch: TaskLaunch) -> [UInt8] {
        var writer = LineWriter("TASK")
        for variable in launch.environment where variable.name.hasPrefix(prefix) {
            let key = variable.name.dropFirst(prefix.count).lowercased()
            writer.put(String(key.map { $0 == "_" ? "-" : $0 }), variable.value)
        }
        writer.put("payload", launch.payload.count)
        return writer.line.bytes + launch.payload
    }

    /// What is the same for every task of the worker.
    static func environment(_ launch: TaskLaunch) -> [EnvironmentVariable] {
        launch.environment.filter { !$0.name.hasPrefix(prefix) }
    }

    private static let prefix = "MUSTER_"
}

extension TaskLaunch {
    /// Of all tasks that a worker may be given.
    var workerToken: FencingToken {
        FencingToken(epoch: token.epoch, session: token.session)
    }
}

/// One long-lived process that takes tasks one after the other. Lives on the driver's thread.
final class Worker {
    /// Names of the pipes in its folder, and of the file that says which task it has.
    static let inputName = "input"
    static let outputName = "answers"
    static let taskName = "task"

    let launch: LaunchID
    /// Place among the workers of its handler, from 0.
    let index: Int
    let definition: HandlerDefinition
    /// Epoch and session under which it was started: it is given tasks of no other. Nil for what an
    /// earlier agent has left.
    let token: FencingToken?
    let handle: LeashHandle
    /// Both ends of both pipes are open here, so neither we nor the leash ever wait for the other.
    let input: Descriptor
    let output: Descriptor
    let tag: UInt64
    var watched: Descriptor?
    var isOutputWatched = false
    /// What it is doing.
    var attempt: TaskAttempt?
    var hasStarted = false
    /// What it has said of the output of its task so far.
    private(set) var said: OutputTail
    /// Takes no further task.
    var isRetired = false
    /// It has answered at least once.
    var hasServed = false
    /// When its leash kills it, as far as it was told; nil for never.
    var deadline: Instant?
    private var outbox: ArraySlice<UInt8> = []
    private var reader = LineReader()

    init(
        launch: LaunchID,
        index: Int,
        definition: HandlerDefinition,
        token: FencingToken?,
        handle: LeashHandle,
        pipes: (input: Descriptor, output: Descriptor),
        tag: UInt64,
        deadline: Instant?
    ) {
        self.launch = launch
        self.index = index
        self.definition = definition
        self.token = token
        self.handle = handle
        input = pipes.input
        output = pipes.output
        self.tag = tag
        self.deadline = deadline
        said = OutputTail(bytesMax: definition.outputBytesMax)
    }

    /// Makes the pipes in a folder that is there.
    static func pipes(in folder: LeashFolder) throws(HostError) -> (
        input: Descriptor, output: Descriptor
    ) {
        for name in [inputName, outputName] {
            let path = "\(folder.path)/\(name)"
            guard mkfifo(path, 0o600) == 0 else {
                throw HostError("make pipe", path: path, code: errno)
            }
        }
        return try found(in: folder)
    }

    var isIdle: Bool { attempt == nil && !isRetired && !handle.isOver }

    /// It has begun a line.
    var isInLine: Bool { reader.isInLine }

    /// Whether something is still to be written to it.
    var hasUnsent: Bool { hasStarted && !outbox.isEmpty }

    func give(_ attempt: TaskAttempt, _ bytes: [UInt8]) {
        self.attempt = attempt
        said = OutputTail(bytesMax: definition.outputBytesMax)
        outbox = bytes[...]
        flush()
    }

    /// Writes as much as it takes now.
    func flush() {
        while hasUnsent {
            let count = outbox.withUnsafeBytes { write(input.number, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                return
            }
            outbox = outbox.dropFirst(count)
        }
    }

    func note(output text: String) {
        said.append(text.utf8)
        said.append([10])
    }

    /// The text of its answer is the end of the output.
    func report(_ answer: WorkerAnswer) -> TaskReport {
        said.append(answer.text.utf8)
        return report(answer.exit)
    }

    func report(_ exit: ProgramExit?) -> TaskReport {
        TaskReport(exit: exit, outputBytes: said.total, outputTail: Array(said.kept))
    }

    func forgetTask() {
        attempt = nil
        outbox = []
        unlink("\(handle.folder.path)/\(Self.taskName)")
    }

    /// Says durably enough for the next agent which task it has.
    func note(_ attempt: TaskAttempt) throws(HostError) {
        let path = "\(handle.folder.path)/\(Self.taskName)"
        let file = try Descriptor.open(
            path + ".new",
            flags: O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW,
            mode: 0o600
        )
        try file.writeAll(Array("\(attempt)".utf8), path: path)
        guard rename(path + ".new", path) == 0 else {
            throw HostError("rename to", path: path, code: errno)
        }
    }

    /// Lines that it has written; nil when it writes what is no line.
    func readLines() -> [String]? {
        switch reader.read(output) {
        case .lines(let lines), .ended(let lines): lines
        case .broken: nil
        }
    }

    // MARK: After a restart

    static func found(in folder: LeashFolder) throws(HostError) -> (
        input: Descriptor, output: Descriptor
    ) {
        func pipe(_ name: String) throws(HostError) -> Descriptor {
            let path = "\(folder.path)/\(name)"
            return try Descriptor.open(path, flags: O_RDWR | O_NONBLOCK | O_NOFOLLOW)
        }
        return (try pipe(inputName), try pipe(outputName))
    }

    /// Which task the worker of an earlier agent has; nil when it has none.
    static func task(in folder: LeashFolder) -> TaskAttempt? {
        let text = try? DurableFile.readText("\(folder.path)/\(taskName)", limit: 64)
        return text.flatMap { TaskAttempt($0) }
    }
}
