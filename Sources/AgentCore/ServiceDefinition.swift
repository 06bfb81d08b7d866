public import Model

/// What the node's own configuration says of one service (`services.d/NAME.conf`).
///
/// Plain data: the agent's machine decides by it, the shell runs what it names. Programs are
/// argument vectors whose first element is an absolute path; nothing here is ever read by a shell.
public struct ServiceDefinition: Hashable, Sendable {
    /// How the service is started and stopped.
    public enum Program: Hashable, Sendable {
        /// Run under a leash. Without `stop` the process group gets SIGTERM.
        case command(start: [String], stop: [String]?)
        /// A systemd unit, by its full name: `postgresql.service`.
        case unit(String)
    }

    /// What two running copies of the service would mean.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// Must never act on two sites at once: stopped and proven stopped before another starts.
        case exclusive
        /// May finish what it began (sessions, transfers) while its successor already runs.
        case drainable
    }

    public var name: ServiceName
    public var program: Program
    public var kind: Kind
    public var group: GroupName
    /// Place in the order of starting, 0 to 9 999; stopping is the reverse.
    public var order: UInt16
    /// The node is Online only while every required service is running.
    public var isRequired: Bool
    /// Stopped by its leash when the node's lease ends.
    public var isSelfFenced: Bool
    /// The account it runs as; nil for the agent's own.
    public var user: String?
    /// Its working directory, an absolute path; nil for `/`.
    public var directory: String?
    /// Variables added to its environment, in the order written.
    public var environment: [EnvironmentVariable]
    public var restart: RestartPolicy
    /// From the start until every check has passed; after it the start has failed.
    public var startTimeout: Duration
    /// From the request to stop until everything of it is killed.
    public var stopTimeout: Duration
    /// In the order written. Without any, a service is running while its process is alive.
    public var checks: [CheckDefinition]

    public init(
        name: ServiceName,
        program: Program,
        kind: Kind = .exclusive,
        group: GroupName = "default",
        order: UInt16 = 0,
        isRequired: Bool = true,
        isSelfFenced: Bool = false,
        user: String? = nil,
        directory: String? = nil,
        environment: [EnvironmentVariable] = [],
        restart: RestartPolicy = RestartPolicy(),
        startTimeout: Duration = .seconds(60),
        stopTimeout: Duration = .seconds(30),
        checks: [CheckDefinition] = []
    ) {
        self.name = name
        self.program = program
        self.kind = kind
        self.group = group
        self.order = order
        self.isRequired = isRequired
        self.isSelfFenced = isSelfFenced
        self.user = user
        self.directory = directory
        self.environment = environment
        self.restart = restart
        self.startTimeout = startTimeout
        self.stopTimeout = stopTimeout
        self.checks = checks
    }
}

/// One `NAME=value` of a program's environment.
public struct EnvironmentVariable: Hashable, Sendable, CustomStringConvertible {
    public var name: String
    public var value: String

    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }

    public var description: String { "\(name)=\(value)" }
}

/// What follows when a service ends by itself.
public struct RestartPolicy: Hashable, Sendable {
    /// Which ends are answered with a new start.
    public enum Condition: String, Hashable, Sendable, CaseIterable {
        case never
        /// A status other than 0, a signal, a failing check, or a start that timed out.
        case onFailure = "on-failure"
        /// Every end that was not ordered.
        case always
    }

    public var condition: Condition
    /// Before the first restart; each further one waits twice as long, up to ``delayMax``.
    public var delay: Duration
    public var delayMax: Duration
    /// Starts allowed within ``window``, 1 to 1 000; one more and the service has failed.
    public var limit: UInt16
    public var window: Duration

    public init(
        condition: Condition = .onFailure,
        delay: Duration = .seconds(1),
        delayMax: Duration = .seconds(60),
        limit: UInt16 = 5,
        window: Duration = .seconds(600)
    ) {
        self.condition = condition
        self.delay = delay
        self.delayMax = delayMax
        self.limit = limit
        self.window = window
    }
}

/// One health check of a service (`[check NAME]`).
public struct CheckDefinition: Hashable, Sendable {
    public var name: CheckName
    public var action: CheckAction
    /// Between the starts of two attempts.
    public var interval: Duration
    /// After it an attempt has failed. Never longer than ``interval``.
    public var timeout: Duration
    /// Passed attempts in a row that make the check passing, 1 to 100.
    public var rise: UInt8
    /// Failed attempts in a row that make the check failing, 1 to 100.
    public var fall: UInt8

    public init(
        name: CheckName,
        action: CheckAction,
        interval: Duration = .seconds(5),
        timeout: Duration = .seconds(2),
        rise: UInt8 = 2,
        fall: UInt8 = 3
    ) {
        self.name = name
        self.action = action
        self.interval = interval
        self.timeout = timeout
        self.rise = rise
        self.fall = fall
    }
}

/// What one attempt of a check does.
public enum CheckAction: Hashable, Sendable {
    /// The service's main process is alive. Answered by the agent's machine, never run.
    case process
    /// The program exits with status 0.
    case command([String])
    /// A TCP connection is accepted.
    case tcp(NetworkAddress)
    /// A GET of `path` (which begins with `/`) answers with a status within `expected`.
    case http(address: NetworkAddress, path: String, expected: [ClosedRange<UInt16>])

    /// As reported and as written in the configuration: `process`, `command`, `tcp`, `http`.
    public var kind: String {
        switch self {
        case .process: "process"
        case .command: "command"
        case .tcp: "tcp"
        case .http: "http"
        }
    }
}

/// A host and a TCP port. The host is an IPv4 or IPv6 address, without brackets, or a name.
public struct NetworkAddress: Hashable, Sendable, CustomStringConvertible {
    public var host: String
    /// 1 to 65 535.
    public var port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// With brackets round an IPv6 address: `[::1]:7400`.
    public var description: String {
        host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
