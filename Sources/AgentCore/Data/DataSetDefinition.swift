public import Model
import Protocol

/// What the node's own configuration says of one data set: the programs that mark it, and that look
/// at it.
///
/// Plain data, as ``HandlerDefinition``: the wire names a data set and gives it a canary, and nothing
/// of the wire becomes a program, an argument or a path.
public struct DataSetDefinition: Hashable, Sendable {
    public static let programWordsMax = 256
    public static let intervals: ClosedRange<Duration> = .milliseconds(200) ... .seconds(600)
    public static let timeouts: ClosedRange<Duration> = .milliseconds(100) ... .seconds(60)

    public var name: DataSetName
    /// Puts the canary into the data and ends with status 0 when it is durable there; nil where the
    /// data is never written.
    public var write: [String]?
    /// Prints the last canary that can be read here.
    public var read: [String]?
    /// Prints what the replicator says of itself.
    public var lag: [String]?
    /// Between two canaries, and between two readings.
    public var interval: Duration
    /// Between two looks at the replicator.
    public var lagInterval: Duration
    /// The longest that a program may run.
    public var timeout: Duration
    /// The account they run as; nil for the agent's own.
    public var user: String?
    /// Their working folder, an absolute path; nil for `/`.
    public var folder: String?
    public var environment: [EnvironmentVariable]

    public init(
        name: DataSetName,
        write: [String]? = nil,
        read: [String]? = nil,
        lag: [String]? = nil,
        interval: Duration = .seconds(1),
        lagInterval: Duration = .seconds(5),
        timeout: Duration = .seconds(3),
        user: String? = nil,
        folder: String? = nil,
        environment: [EnvironmentVariable] = []
    ) {
        self.name = name
        self.write = write
        self.read = read
        self.lag = lag
        self.interval = interval
        self.lagInterval = lagInterval
        self.timeout = timeout
        self.user = user
        self.folder = folder
        self.environment = environment
    }

    /// Every broken rule, as a sentence; empty when it can be used. The configuration is refused
    /// with them, and the machine leaves out a data set that has any.
    public var problems: [String] {
        var found: [String] = []
        if write == nil, read == nil {
            found.append("a data set has a program that writes it, or one that reads it")
        }
        for program in [write, read, lag] {
            guard let program else { continue }
            if program.isEmpty || program.count > Self.programWordsMax || !isAbsolute(program[0]) {
                found.append("a program begins with an absolute path")
            }
        }
        if !Self.intervals.contains(interval) || !Self.intervals.contains(lagInterval) {
            found.append("an interval is 200 ms to 10 minutes")
        }
        if !Self.timeouts.contains(timeout) { found.append("the timeout is 100 ms to a minute") }
        if let folder, !isAbsolute(folder) { found.append("the folder is an absolute path") }
        return found
    }

    private func isAbsolute(_ path: String) -> Bool { path.utf8.first == UInt8(ascii: "/") }

    /// As it is told to a controller.
    var report: DataSetReport {
        DataSetReport(
            name: name,
            isWritable: write != nil,
            isReadable: read != nil,
            interval: interval,
            timeout: timeout
        )
    }
}

/// One execution of a program that only looks at a data set. An answer to an older one is passed over.
public struct DataRunID: Hashable, Sendable {
    public enum Program: String, Hashable, Sendable, CaseIterable {
        case read
        case lag
    }

    public var dataSet: DataSetName
    public var program: Program
    public var attempt: UInt64

    public init(dataSet: DataSetName, program: Program, attempt: UInt64) {
        self.dataSet = dataSet
        self.program = program
        self.attempt = attempt
    }
}

/// Execute a program that only looks at a data set; answered by ``AgentEvent/dataFinished(_:_:)``.
public struct DataRun: Hashable, Sendable {
    public var id: DataRunID
    public var definition: DataSetDefinition
    /// The argument vector.
    public var program: [String]
    /// Nothing of it may run for longer.
    public var timeout: Duration

    public init(
        id: DataRunID,
        definition: DataSetDefinition,
        program: [String],
        timeout: Duration
    ) {
        self.id = id
        self.definition = definition
        self.program = program
        self.timeout = timeout
    }
}

/// How a program that looks at a data set ended: nothing of it runs any more.
public enum DataOutcome: Hashable, Sendable {
    /// With status 0, and what it has printed (the shell's limit is 4 096 bytes).
    case ended(output: String)
    /// It could not be executed, ended otherwise, or not in time; for people.
    case failed(String)
}
