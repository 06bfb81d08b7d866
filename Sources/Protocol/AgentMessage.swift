public import Model

/// What an agent (or one who wants to become one) says to a controller.
///
/// Which verb is allowed in which phase is in docs/PROTOCOL.md; the order of the cases is the order
/// in which a session uses them.
public enum AgentMessage: Hashable, Sendable {
    case hello(Hello)
    case enrol(Enrolment)
    /// The nonce of the WELCOME is durable: from now on it is this node's.
    case ready(nonce: String)
    case facts(Facts)
    case service(ServiceReport)
    /// A service is no longer defined on the node.
    case gone(ServiceName)
    case check(CheckReport)
    /// Everything the node has was told: so many services, handlers and attempts at tasks.
    case synced(services: UInt32, handlers: UInt32 = 0, attempts: UInt32 = 0)
    case load(Load, disks: UInt32)
    case disk(Disk)
    case beat(Beat)
    case configured(version: UInt64)
    case done(order: UInt64)
    case failed(order: UInt64, text: String)
    case refused(order: UInt64, code: RefusalCode, text: String)
    case finding(Finding)
    case note(AgentNote, text: String)
    /// A certificate signing request, DER in base64, for the node's own key or a new one.
    case renew(request: String)
    case bye(reason: ByeReason)
    case work(AgentWorkMessage)
    case comparing(AgentComparingMessage)
    case data(AgentDataMessage)
}

/// The first line of every connection: protocol versions and who speaks.
public struct Hello: Hashable, Sendable {
    public enum Speaker: String, Hashable, Sendable, CaseIterable {
        /// A node with a certificate.
        case agent
        /// One who has no certificate yet, or wants the authority's certificate to check a pin.
        case stranger
    }

    public var speaker: Speaker
    /// Lowest and highest protocol version the speaker knows.
    public var versionMin: UInt16
    public var versionMax: UInt16
    /// Program and version, for people.
    public var software: String
    /// Raised durably each time the agent starts.
    public var incarnation: UInt64
    /// The last nonce the node has durably; empty before the first session.
    public var nonce: String
    /// Evidence for people when an identity is seen twice; decides nothing.
    public var bootID: String
    public var machineID: String
    /// The highest token the agent has ever seen.
    public var highest: FencingToken
    /// The highest revision of the controller's store that this agent process was told, of the generation
    /// of `highest`; nil when it was told none.
    public var revision: UInt64?

    public init(
        speaker: Speaker,
        versionMin: UInt16 = WireLimits.versions.lowerBound,
        versionMax: UInt16 = WireLimits.versions.upperBound,
        software: String = "",
        incarnation: UInt64 = 0,
        nonce: String = "",
        bootID: String = "",
        machineID: String = "",
        highest: FencingToken = .zero,
        revision: UInt64? = nil
    ) {
        self.speaker = speaker
        self.versionMin = versionMin
        self.versionMax = versionMax
        self.software = software
        self.incarnation = incarnation
        self.nonce = nonce
        self.bootID = bootID
        self.machineID = machineID
        self.highest = highest
        self.revision = revision
    }
}

public struct Enrolment: Hashable, Sendable {
    /// The whole join token.
    public var token: String
    /// Certificate signing request, DER in base64. Only its public key is used.
    public var request: String
    /// The name the machine would like, where the token leaves it open.
    public var name: NodeName?

    public init(token: String, request: String, name: NodeName? = nil) {
        self.token = token
        self.request = request
        self.name = name
    }
}

/// What must be alike on the nodes of a cluster, and what people want to know of a machine.
public struct Facts: Hashable, Sendable {
    public var operatingSystem: String
    public var operatingSystemVersion: String
    public var kernel: String
    public var architecture: String
    public var hostname: String
    /// Where the agent is installed.
    public var installPath: String
    public var agentVersion: String
    /// Whether children run in a cgroup of their own (else a process group).
    public var cgroups: Bool

    public init(
        operatingSystem: String,
        operatingSystemVersion: String,
        kernel: String,
        architecture: String,
        hostname: String,
        installPath: String,
        agentVersion: String,
        cgroups: Bool
    ) {
        self.operatingSystem = operatingSystem
        self.operatingSystemVersion = operatingSystemVersion
        self.kernel = kernel
        self.architecture = architecture
        self.hostname = hostname
        self.installPath = installPath
        self.agentVersion = agentVersion
        self.cgroups = cgroups
    }
}

/// A sign of life.
public struct Beat: Hashable, Sendable {
    /// Counts within one session, from 1.
    public var sequence: UInt64
    /// The agent's own boot clock when it sent the line, nanoseconds; the answer gives it back.
    public var sent: Int64
    /// The agent's wall clock, for the clock check only.
    public var wall: WallTime
    public var health: Health
    /// "Nothing under a token at or below this one runs here", where the agent can prove it.
    public var floor: FencingToken?
    /// The same of all that must never act on two sites at once: drainable services and attempts
    /// are left out. Nil when it is the floor.
    public var exclusiveFloor: FencingToken?
    /// From sending the beat before to its answer, microseconds; nil before the first answer.
    public var roundTripMicroseconds: UInt64?

    public init(
        sequence: UInt64,
        sent: Int64,
        wall: WallTime,
        health: Health,
        floor: FencingToken? = nil,
        exclusiveFloor: FencingToken? = nil,
        roundTripMicroseconds: UInt64? = nil
    ) {
        self.sequence = sequence
        self.sent = sent
        self.wall = wall
        self.health = health
        self.floor = floor
        self.exclusiveFloor = exclusiveFloor
        self.roundTripMicroseconds = roundTripMicroseconds
    }
}

/// One outcome of a preflight check.
public struct Finding: Hashable, Sendable {
    public enum Outcome: String, Hashable, Sendable, CaseIterable {
        case passed
        case warning
        case failed
    }

    public var order: UInt64
    /// What was checked: `shared-path:/srv/data`, `free-space:/var`, `clock`.
    public var check: String
    public var outcome: Outcome
    public var text: String
    /// How to mend it; empty when it passed.
    public var mend: String

    public init(order: UInt64, check: String, outcome: Outcome, text: String, mend: String = "") {
        self.order = order
        self.check = check
        self.outcome = outcome
        self.text = text
        self.mend = mend
    }
}

/// Things an agent tells of itself that are no answer to anything.
public enum AgentNote: String, Hashable, Sendable, CaseIterable {
    /// Its clock jumped or its process was frozen.
    case tilt
    /// It cannot write its state; it takes no new work.
    case stateNotWritable = "state-not-writable"
    /// The lease ended and self-fenced services were stopped.
    case selfFenced = "self-fenced"
    /// A leash died; what it held was killed.
    case leashLost = "leash-lost"
    /// An order with a token lower than one already seen was refused.
    case staleOrder = "stale-order"
    /// A configuration file of the node was refused; the old one stays in force.
    case badConfiguration = "bad-configuration"
}

public enum ByeReason: String, Hashable, Sendable, CaseIterable {
    /// The program is stopping by order of its service manager.
    case stopping
    /// The program is restarting, for an upgrade say.
    case restarting
    /// Going to another controller.
    case moving
}

extension AgentMessage {
    public init(_ line: Line) throws(MessageError) {
        let fields = FieldReader(line)
        switch line.verb {
        case "HELLO": self = .hello(try Hello(fields))
        case "ENROL":
            self = .enrol(
                Enrolment(
                    token: try fields.text("token"),
                    request: try fields.text("csr"),
                    name: try fields.optionalName("name")
                )
            )
        case "READY": self = .ready(nonce: try fields.text("nonce"))
        case "FACTS": self = .facts(try Facts(fields))
        case "SERVICE": self = .service(try ServiceReport(fields))
        case "GONE": self = .gone(try fields.name("service"))
        case "CHECK": self = .check(try CheckReport(fields))
        case "SYNCED":
            self = .synced(
                services: try fields.number("services"),
                handlers: try fields.optionalNumber("handlers") ?? 0,
                attempts: try fields.optionalNumber("attempts") ?? 0
            )
        case "LOAD": self = .load(try Load(fields), disks: try fields.number("disks"))
        case "DISK": self = .disk(try Disk(fields))
        case "BEAT": self = .beat(try Beat(fields))
        case "CONFIGURED": self = .configured(version: try fields.number("version"))
        case "DONE": self = .done(order: try fields.number("order"))
        case "FAILED":
            self = .failed(
                order: try fields.number("order"),
                text: fields.optionalText("text") ?? ""
            )
        case "REFUSED":
            self = .refused(
                order: try fields.number("order"),
                code: try fields.word("code"),
                text: fields.optionalText("text") ?? ""
            )
        case "FINDING": self = .finding(try Finding(fields))
        case "NOTE":
            self = .note(try fields.word("code"), text: fields.optionalText("text") ?? "")
        case "RENEW": self = .renew(request: try fields.text("csr"))
        case "BYE": self = .bye(reason: try fields.word("reason"))
        case let verb where AgentComparingMessage.verbs.contains(verb):
            self = .comparing(try AgentComparingMessage(line))
        default:
            if let message = try AgentDataMessage(line) {
                self = .data(message)
            } else {
                self = .work(try AgentWorkMessage(line))
            }
        }
    }

    public var line: Line {
        var writer: LineWriter
        switch self {
        case .hello(let hello): return hello.line
        case .enrol(let enrolment):
            writer = LineWriter("ENROL")
            writer.put("token", enrolment.token)
            writer.put("csr", enrolment.request)
            writer.put("name", enrolment.name)
        case .ready(let nonce):
            writer = LineWriter("READY")
            writer.put("nonce", nonce)
        case .facts(let facts): return facts.line
        case .service(let report): return report.line
        case .gone(let service):
            writer = LineWriter("GONE")
            writer.put("service", service)
        case .check(let report): return report.line
        case .synced(let services, let handlers, let attempts):
            writer = LineWriter("SYNCED")
            writer.put("services", services)
            if handlers > 0 { writer.put("handlers", handlers) }
            if attempts > 0 { writer.put("attempts", attempts) }
        case .load(let load, let disks): return load.line(disks: disks)
        case .disk(let disk): return disk.line
        case .beat(let beat): return beat.line
        case .configured(let version):
            writer = LineWriter("CONFIGURED")
            writer.put("version", version)
        case .done(let order):
            writer = LineWriter("DONE")
            writer.put("order", order)
        case .failed(let order, let text):
            writer = LineWriter("FAILED")
            writer.put("order", order)
            writer.put("text", text, bytesMax: WireLimits.outputBytesMax)
        case .refused(let order, let code, let text):
            writer = LineWriter("REFUSED")
            writer.put("order", order)
            writer.put("code", code)
            writer.put("text", text, bytesMax: WireLimits.outputBytesMax)
        case .finding(let finding): return finding.line
        case .note(let note, let text):
            writer = LineWriter("NOTE")
            writer.put("code", note)
            writer.put("text", text, bytesMax: WireLimits.outputBytesMax)
        case .renew(let request):
            writer = LineWriter("RENEW")
            writer.put("csr", request)
        case .bye(let reason):
            writer = LineWriter("BYE")
            writer.put("reason", reason)
        case .work(let message): return message.line
        case .comparing(let message): return message.line
        case .data(let message): return message.line
        }
        return writer.line
    }
}
