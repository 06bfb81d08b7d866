public import Model
import Protocol

/// What the node's own configuration says of one handler: the program that runs tasks.
///
/// Plain data, as ``ServiceDefinition``: the wire names a handler and gives it data, and nothing of
/// the wire becomes a program, an argument or a path.
public struct HandlerDefinition: Hashable, Sendable {
    /// How tasks are given to the program.
    public enum Mode: String, Hashable, Sendable, CaseIterable {
        /// One process a task: the payload is its standard input, its status the outcome.
        case process
        /// One long-lived process, one task a line.
        case worker
    }

    /// Whether its attempts may end at a site that has given its part up in order.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// They end before the other site is the active one.
        case exclusive
        /// They may end while it works already.
        case drainable
    }

    public static let outputBytesDefault = 64 * 1_024
    public static let outputBytesLimit = 1 << 20
    public static let programWordsMax = 256

    public var name: HandlerName
    /// The types of tasks that it runs.
    public var types: [TaskType]
    /// The argument vector; its first element is an absolute path.
    public var program: [String]
    public var mode: Mode
    public var kind: Kind
    /// Tasks that run at once, 1 to ``HandlerReport/slotsMax``.
    public var slots: UInt16
    /// Tasks that may wait on the node beyond those that run.
    public var prefetch: UInt16
    public var delivery: DeliveryPolicy
    /// The longest an attempt may take; nil for no limit.
    public var timeLimit: Duration?
    /// From SIGTERM to SIGKILL.
    public var stopGrace: Duration
    /// The account it runs as; nil for the agent's own.
    public var user: String?
    /// Its working folder, an absolute path; nil for `/`.
    public var folder: String?
    public var environment: [EnvironmentVariable]
    public var nice: Int8?
    /// Bytes of memory of one attempt; nil for no limit.
    public var memoryLimit: UInt64?
    /// Exit statuses that no retry mends.
    public var permanentStatuses: [UInt8]
    /// Bytes of output kept of one attempt, and sent: the last ones.
    public var outputBytesMax: Int

    public init(
        name: HandlerName,
        types: [TaskType],
        program: [String],
        mode: Mode = .process,
        kind: Kind = .exclusive,
        slots: UInt16 = 1,
        prefetch: UInt16 = 1,
        delivery: DeliveryPolicy = .exclusive,
        timeLimit: Duration? = nil,
        stopGrace: Duration = .seconds(10),
        user: String? = nil,
        folder: String? = nil,
        environment: [EnvironmentVariable] = [],
        nice: Int8? = nil,
        memoryLimit: UInt64? = nil,
        permanentStatuses: [UInt8] = [],
        outputBytesMax: Int = HandlerDefinition.outputBytesDefault
    ) {
        self.name = name
        self.types = types
        self.program = program
        self.mode = mode
        self.kind = kind
        self.slots = slots
        self.prefetch = prefetch
        self.delivery = delivery
        self.timeLimit = timeLimit
        self.stopGrace = stopGrace
        self.user = user
        self.folder = folder
        self.environment = environment
        self.nice = nice
        self.memoryLimit = memoryLimit
        self.permanentStatuses = permanentStatuses
        self.outputBytesMax = outputBytesMax
    }

    /// Every broken rule, as a sentence; empty when it can be used. The configuration is refused
    /// with them, and the machine leaves out a handler that has any.
    public var problems: [String] {
        var found: [String] = []
        if types.isEmpty || types.count > HandlerReport.typesMax {
            found.append("a handler runs 1 to \(HandlerReport.typesMax) types of tasks")
        }
        if types.enumerated().contains(where: { types[..<$0].contains($1) }) {
            found.append("a type stands twice")
        }
        if types.contains(where: \.isHook), !types.allSatisfy(\.isHook) {
            found.append("a handler serves hooks (\(TaskType.hookPrefix)NAME) or work, not both")
        }
        if kind == .drainable, types.contains(where: \.isHook) {
            found.append("a handler of hooks is exclusive: a step of a run waits for its end")
        }
        if kind == .drainable, mode == .worker {
            found.append("a worker is exclusive: it stays when its task has ended")
        }
        if program.isEmpty || program.count > Self.programWordsMax || !isAbsolute(program[0]) {
            found.append("the program begins with an absolute path")
        }
        if !(1...HandlerReport.slotsMax).contains(slots) {
            found.append("slots are 1 to \(HandlerReport.slotsMax)")
        }
        if prefetch > HandlerReport.slotsMax {
            found.append("prefetch is at most \(HandlerReport.slotsMax)")
        }
        let longest = Duration.milliseconds(WireLimits.millisecondsMax)
        if let timeLimit, timeLimit < .milliseconds(1) || timeLimit > longest {
            found.append("the time limit is 1 ms to 10000 days")
        }
        if stopGrace < .zero || stopGrace > .seconds(86_400) {
            found.append("the time to stop is at most a day")
        }
        if !(0...Self.outputBytesLimit).contains(outputBytesMax) {
            found.append("at most \(Self.outputBytesLimit) bytes of output are kept")
        }
        if let folder, !isAbsolute(folder) { found.append("the folder is an absolute path") }
        return found
    }

    private func isAbsolute(_ path: String) -> Bool { path.utf8.first == UInt8(ascii: "/") }

    /// As it is told to a controller.
    var report: HandlerReport {
        HandlerReport(
            name: name,
            types: types.sorted(),
            slots: slots,
            prefetch: prefetch,
            delivery: delivery,
            timeLimit: timeLimit,
            isDrainable: kind == .drainable
        )
    }

    /// May only run under a lease, and no longer than it.
    var needsLease: Bool {
        switch delivery {
        case .exclusive, .atMostOnce: true
        case .idempotent: false
        }
    }
}
