public import Model

/// The numbers of data sets on the wire.
public enum DataLimits {
    /// Data sets of one node.
    public static let dataSetsPerNodeMax = 32
    /// The longest lag that a replicator may claim, 10 000 days, and bytes: 2^60.
    public static let lagMillisecondsMax: UInt64 = 864_000_000_000
}

/// What an agent says about data sets; since version 3 of the protocol.
public enum AgentDataMessage: Hashable, Sendable {
    /// A data set of the node, or that its definition has changed: told of each after SYNCED. One
    /// that can neither be written nor read here is not defined any more.
    case dataSet(DataSetReport)
    /// What the node could read of a data set just now.
    case seen(DataSetName, CanaryReading)
    /// What the replicator says of itself. For people: nothing is decided by it.
    case lag(DataSetName, ReplicatorLag)
    /// The canary is in the data, durably.
    case written(DataSetName, Canary)
    /// It is not known to be there: not begun, or it has failed, or did not end in time.
    case unwritten(DataSetName, Canary, code: RefusalCode, text: String)
}

/// A data set as its definition on a node says.
public struct DataSetReport: Hashable, Sendable {
    public var name: DataSetName
    /// The node can write canaries into it while its site is active.
    public var isWritable: Bool
    /// It can say which canary it reads.
    public var isReadable: Bool
    /// Between two canaries, and between two readings.
    public var interval: Duration
    /// What a canary may take to be written.
    public var timeout: Duration

    public init(
        name: DataSetName,
        isWritable: Bool,
        isReadable: Bool,
        interval: Duration = .seconds(1),
        timeout: Duration = .seconds(3)
    ) {
        self.name = name
        self.isWritable = isWritable
        self.isReadable = isReadable
        self.interval = interval
        self.timeout = timeout
    }
}

/// One look at a data set.
public enum CanaryReading: Hashable, Sendable {
    case canary(Canary)
    /// It could be read, and no canary is there yet.
    case none
    /// It could not be read: nothing is known.
    case failed(String)
}

/// What a replicator claims of itself.
public struct ReplicatorLag: Hashable, Sendable {
    public var milliseconds: UInt64?
    public var bytes: UInt64?
    /// Why it could not be asked; empty when it could.
    public var problem: String

    public init(milliseconds: UInt64? = nil, bytes: UInt64? = nil, problem: String = "") {
        self.milliseconds = milliseconds
        self.bytes = bytes
        self.problem = problem
    }
}

/// What a controller says about data sets; since version 3 of the protocol.
public enum ControllerDataMessage: Hashable, Sendable {
    /// Write this canary. Answered by WRITTEN or UNWRITTEN.
    case canary(DataSetName, Canary, token: FencingToken)
}

extension AgentDataMessage {
    /// Nil when the verb is none of these.
    init?(_ line: Line) throws(MessageError) {
        let fields = FieldReader(line)
        switch line.verb {
        case "DATASET": self = .dataSet(try DataSetReport(fields))
        case "SEEN": self = .seen(try fields.name("name"), try CanaryReading(fields))
        case "LAG": self = .lag(try fields.name("name"), try ReplicatorLag(fields))
        case "WRITTEN": self = .written(try fields.name("name"), try fields.canary("canary"))
        case "UNWRITTEN":
            self = .unwritten(
                try fields.name("name"),
                try fields.canary("canary"),
                code: try fields.word("code"),
                text: fields.optionalText("text") ?? ""
            )
        default: return nil
        }
    }

    var line: Line {
        var writer: LineWriter
        switch self {
        case .dataSet(let report): return report.line
        case .seen(let name, let reading):
            writer = LineWriter("SEEN")
            writer.put("name", name)
            switch reading {
            case .canary(let canary): writer.put("canary", "\(canary)")
            case .none: break
            case .failed(let text):
                writer.put("problem", text, bytesMax: WireLimits.outputBytesMax)
            }
        case .lag(let name, let lag):
            writer = LineWriter("LAG")
            writer.put("name", name)
            writer.put("behind", lag.milliseconds)
            writer.put("bytes", lag.bytes)
            writer.put("problem", lag.problem, bytesMax: WireLimits.outputBytesMax)
        case .written(let name, let canary):
            writer = LineWriter("WRITTEN")
            writer.put("name", name)
            writer.put("canary", "\(canary)")
        case .unwritten(let name, let canary, let code, let text):
            writer = LineWriter("UNWRITTEN")
            writer.put("name", name)
            writer.put("canary", "\(canary)")
            writer.put("code", code)
            writer.put("text", text, bytesMax: WireLimits.outputBytesMax)
        }
        return writer.line
    }
}

extension ControllerDataMessage {
    /// Nil when the verb is none of these.
    init?(_ line: Line) throws(MessageError) {
        let fields = FieldReader(line)
        switch line.verb {
        case "CANARY":
            self = .canary(
                try fields.name("name"),
                try fields.canary("canary"),
                token: try fields.token("token")
            )
        default: return nil
        }
    }

    var line: Line {
        switch self {
        case .canary(let name, let canary, let token):
            var writer = LineWriter("CANARY")
            writer.put("name", name)
            writer.put("canary", "\(canary)")
            writer.put("token", token)
            return writer.line
        }
    }
}

extension FieldReader {
    public func optionalCanary(_ key: String) throws(MessageError) -> Canary? {
        guard let text = line[key] else { return nil }
        guard let canary = Canary(text) else {
            throw .bad(key: key, expected: "a canary such as 1.3.4711")
        }
        return canary
    }

    public func canary(_ key: String) throws(MessageError) -> Canary {
        guard let canary = try optionalCanary(key) else { throw .missing(key: key) }
        return canary
    }
}

extension DataSetReport {
    init(_ fields: FieldReader) throws(MessageError) {
        let standard = DataSetReport(name: "x", isWritable: false, isReadable: false)
        self.init(
            name: try fields.name("name"),
            isWritable: try fields.flag("write"),
            isReadable: try fields.flag("read"),
            interval: try fields.optionalMilliseconds("interval") ?? standard.interval,
            timeout: try fields.optionalMilliseconds("timeout") ?? standard.timeout
        )
    }

    fileprivate var line: Line {
        var writer = LineWriter("DATASET")
        writer.put("name", name)
        writer.put("write", isWritable)
        writer.put("read", isReadable)
        writer.put("interval", milliseconds: interval)
        writer.put("timeout", milliseconds: timeout)
        return writer.line
    }
}

extension CanaryReading {
    fileprivate init(_ fields: FieldReader) throws(MessageError) {
        if let problem = fields.optionalText("problem"), !problem.isEmpty {
            self = .failed(problem)
        } else {
            self = try fields.optionalCanary("canary").map { .canary($0) } ?? .none
        }
    }
}

extension ReplicatorLag {
    fileprivate init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            milliseconds: try fields.optionalNumber(
                "behind",
                in: 0...DataLimits.lagMillisecondsMax
            ),
            bytes: try fields.optionalNumber("bytes", in: 0...WireLimits.sizeMax),
            problem: fields.optionalText("problem") ?? ""
        )
    }
}
