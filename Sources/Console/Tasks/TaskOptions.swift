import API
import ArgumentParser
import Glibc
import Model

/// What a task is, on the command line: of `muster task submit` and of a schedule's tasks.
struct TaskOptions: ParsableArguments {
    @Option(
        help: "What kind of work: PUSH, PULL, PGP, FM_TRIGGERED, MAINTENANCE or another name.",
        completion: Completions.types
    )
    var type: String?

    @Option(help: "Whose work it is.")
    var account: String?

    @Option(
        help: ArgumentHelp(
            "What nodes may prefer it by; may be given again.",
            valueName: "NAME=value"
        )
    )
    var attribute: [String] = []

    @Option(
        help: ArgumentHelp("0 to 9, the higher goes first (default: 5).", valueName: "number")
    )
    var priority: UInt8?

    @Option(help: "All tasks of one key run on one node at a time.")
    var exclusive: String?

    @Flag(help: "Those of the exclusive key run one at a time, in their order.")
    var ordered = false

    @Option(
        help: ArgumentHelp(
            "Attempts that may fail (default: the cluster's task.attempts).",
            valueName: "number"
        )
    )
    var attempts: UInt16?

    @Option(
        help: ArgumentHelp(
            "From a failed attempt to the next (default: task.retry-delay).",
            valueName: "duration"
        )
    )
    var retryDelay: DurationArgument?

    @Option(help: ArgumentHelp("What the handler reads.", valueName: "text"))
    var payload: String?

    @Option(
        help: ArgumentHelp("The same from a file; - is standard input.", valueName: "file"),
        completion: .file()
    )
    var payloadFile: String?

    /// A file that is longer goes as base64: a byte of text may take six in JSON.
    private static let textBytesMax = TaskRequest.bodyBytesMax / 8

    /// Whether nothing was said of a task.
    var isEmpty: Bool {
        type == nil && account == nil && attribute.isEmpty && priority == nil && exclusive == nil
            && !ordered && attempts == nil && retryDelay == nil && payload == nil
            && payloadFile == nil
    }

    /// Called by the command once it is known that a task is described.
    func check() throws {
        guard type != nil else {
            throw ValidationError("What kind of work is it? Say --type PUSH.")
        }
        guard priority ?? 0 <= 9 else { throw ValidationError("--priority is from 0 to 9.") }
        guard !ordered || exclusive != nil else {
            throw ValidationError("--ordered is said of --exclusive KEY.")
        }
        guard attempts.map({ (1...1_000).contains($0) }) ?? true else {
            throw ValidationError("--attempts is from 1 to 1000.")
        }
        guard payload == nil || payloadFile == nil else {
            throw ValidationError("Say --payload or --payload-file, not both.")
        }
        _ = try attributes()
    }

    func request() throws -> TaskRequest {
        var request = TaskRequest(type: type ?? "")
        request.account = account
        let attributes = try attributes()
        request.attributes = attributes.isEmpty ? nil : attributes
        request.priority = priority
        request.exclusiveKey = exclusive
        request.ordered = ordered ? true : nil
        request.attempts = attempts
        request.retryDelayMilliseconds = retryDelay?.milliseconds
        request.payload = payload
        if let payloadFile {
            let bytes = try InputFile.read(payloadFile, bytesMax: TaskRequest.payloadBytesMax)
            if bytes.count <= Self.textBytesMax, let text = String(validating: bytes, as: UTF8.self)
            {
                request.payload = text
            } else {
                request.payloadBase64 = Base64.encode(bytes)
            }
        }
        return request
    }

    private func attributes() throws -> [String: String] {
        var found: [String: String] = [:]
        for text in attribute {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else {
                throw ValidationError("--attribute is NAME=value, not \(text).")
            }
            guard found.updateValue(String(parts[1]), forKey: String(parts[0])) == nil else {
                throw ValidationError("--attribute \(parts[0]) is given twice.")
            }
        }
        return found
    }
}

/// A time as it is typed: ISO 8601.
struct TimeArgument: ExpressibleByArgument, Hashable, Sendable {
    var time: WallTime

    init(_ time: WallTime) {
        self.time = time
    }

    init?(argument: String) {
        guard let time = WallTime(iso8601: argument) else { return nil }
        self.time = time
    }
}

/// A time, or how long ago.
enum SinceArgument: ExpressibleByArgument, Hashable, Sendable {
    case age(DurationArgument)
    case time(TimeArgument)

    init?(argument: String) {
        if let age = DurationArgument(argument: argument) {
            self = .age(age)
        } else if let time = TimeArgument(argument: argument) {
            self = .time(time)
        } else {
            return nil
        }
    }

    var query: (String, String?) {
        switch self {
        case .age(let age): ("ageMilliseconds", "\(age.milliseconds)")
        case .time(let time): ("since", time.time.iso8601)
        }
    }
}

/// Files that are named on the command line; `-` is standard input.
enum InputFile {
    static func open(_ path: String) throws(ConsoleError) -> Int32 {
        if path == "-" { return STDIN_FILENO }
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw ConsoleError(.failed, "\(path): \(String(cString: strerror(errno)))")
        }
        return descriptor
    }

    /// How a file is called in messages.
    static func name(_ path: String) -> String { path == "-" ? "standard input" : path }

    /// The whole of a file that is not larger than so much.
    static func read(_ path: String, bytesMax: Int) throws(ConsoleError) -> [UInt8] {
        let descriptor = try open(path)
        defer { if descriptor != STDIN_FILENO { close(descriptor) } }
        var bytes: [UInt8] = []
        while let piece = try piece(of: descriptor, path) {
            bytes += piece
            guard bytes.count <= bytesMax else {
                throw ConsoleError(
                    .refused,
                    "\(name(path)) is larger than \(SizeText.bytes(UInt64(bytesMax))), which is the "
                        + "most that is taken",
                    hint: "name a file in the payload instead, where the nodes can read it"
                )
            }
        }
        return bytes
    }

    /// - Returns: nil at the end.
    static func piece(
        of descriptor: Int32,
        _ path: String
    ) throws(ConsoleError) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = buffer.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw ConsoleError(.failed, "\(name(path)): \(String(cString: strerror(errno)))")
            }
            return count == 0 ? nil : Array(buffer.prefix(count))
        }
    }
}
