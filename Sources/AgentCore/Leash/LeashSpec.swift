public import Model

/// Names of the files in the folder that an agent makes for each leash.
public enum LeashFiles {
    /// Written by the agent with mode 0600 before the leash is started: ``LeashSpec/text``.
    public static let spec = "spec"
    /// Where the leash listens.
    public static let socket = "socket"
    /// The last `exited` or `empty` line (``LeashReport``).
    public static let exit = "exit"
    /// Held while the leash lives.
    public static let lock = "lock"
}

/// What a leash is to start, and when it must end it. Read once.
public struct LeashSpec: Hashable, Sendable {
    public struct User: Hashable, Sendable {
        public var user: UInt32
        public var group: UInt32
        /// All supplementary groups of the program.
        public var supplementary: [UInt32]

        public init(user: UInt32, group: UInt32, supplementary: [UInt32] = []) {
            self.user = user
            self.group = group
            self.supplementary = supplementary
        }
    }

    public struct Limit: Hashable, Sendable {
        /// A number of `RLIMIT_…`.
        public var resource: Int32
        public var soft: UInt64
        public var hard: UInt64

        public init(resource: Int32, soft: UInt64, hard: UInt64) {
            self.resource = resource
            self.soft = soft
            self.hard = hard
        }
    }

    /// The fencing token's text, repeated in every `state`.
    public var token: String
    /// Absolute path.
    public var program: String
    /// The whole argument vector, the program's own name first.
    public var arguments: [String]
    /// The whole environment, each `NAME=value`.
    public var environment: [String] = []
    public var folder = "/"
    /// The leash's own user when nil.
    public var user: User?
    public var nice: Int32?
    public var limits: [Limit] = []
    /// A file that becomes the program's standard input; `/dev/null` when nil.
    public var input: String?
    /// Where standard output and standard error go; nowhere when nil.
    public var log: String?
    /// At this size the log is renamed to `NAME.1`, and a new one begun: at most twice this much
    /// is kept.
    public var logByteCountMax: Int64 = 16 << 20
    /// A cgroup v2 folder, made when it is missing and removed at the end.
    public var cgroup: String?
    /// Bytes of memory of the whole cgroup, where its tree has the controller for that.
    public var cgroupMemoryMax: UInt64?
    /// A program that stops the service in order, absolute path first; SIGTERM when empty.
    public var stopArguments: [String] = []
    /// Time between the order to stop and SIGKILL, when the leash itself must decide.
    public var stopGrace: Duration = .seconds(10)
    public var onDisconnect: LeashDisconnectPolicy
    /// The end of the right to run; nil for what is not self-fenced.
    public var deadline: Instant?
    /// Time between the deadline and SIGKILL; zero kills at the deadline.
    public var deadlineGrace: Duration = .zero
    /// How long the leash waits for its first agent.
    public var connectTimeMax: Duration = .seconds(10)
    /// How long the leash waits with its result for an agent.
    public var lingerTimeMax: Duration = .seconds(600)
    /// Symbolic links in a program's path are followed when they can be trusted themselves.
    public var followsTrustedLinks = true
    /// Programs below a sticky folder such as `/tmp` are accepted.
    public var passesStickyFolders = false

    public init(
        token: String,
        program: String,
        arguments: [String],
        onDisconnect: LeashDisconnectPolicy
    ) {
        self.token = token
        self.program = program
        self.arguments = arguments
        self.onDisconnect = onDisconnect
    }
}
