/// The tasks of the cluster in figures: part of `GET /status`.
public struct WorkStatus: Codable, Hashable, Sendable {
    /// The dispatch policy.
    public var policy: String
    /// Of every state in which a task can be live, those without a task too.
    public var states: [WorkStateCount]
    /// Bytes of the payloads of all live tasks.
    public var payloadBytes: UInt64
    /// What `queueBytesMax` bounds: their payloads and texts, 512 bytes for each live task, and 1 KiB
    /// for each set of tasks that have all texts in common. Left out by an older controller.
    public var keptBytes: UInt64?
    /// Over these, tasks are turned away; and when twice as many as the first are live, in whatever
    /// state.
    public var queueCountMax: UInt64
    public var queueBytesMax: UInt64
    /// Since this controller started.
    public var accepted: UInt64
    public var done: UInt64
    public var cancelled: UInt64
    /// Attempts that were given out again after one that did not end by itself.
    public var repeated: UInt64

    public init(
        policy: String,
        states: [WorkStateCount],
        payloadBytes: UInt64,
        keptBytes: UInt64? = nil,
        queueCountMax: UInt64,
        queueBytesMax: UInt64,
        accepted: UInt64,
        done: UInt64,
        cancelled: UInt64,
        repeated: UInt64
    ) {
        self.policy = policy
        self.states = states
        self.payloadBytes = payloadBytes
        self.keptBytes = keptBytes
        self.queueCountMax = queueCountMax
        self.queueBytesMax = queueBytesMax
        self.accepted = accepted
        self.done = done
        self.cancelled = cancelled
        self.repeated = repeated
    }

    public var live: UInt64 { states.reduce(0) { $0 + $1.count } }

    /// Tasks that `queueCountMax` bounds: those that wait for a node or for their time, not what runs
    /// or awaits an operator.
    public var queued: UInt64 {
        states.reduce(0) { total, state in
            state.state == "waiting" || state.state == "delayed" ? total + state.count : total
        }
    }
}

public struct WorkStateCount: Codable, Hashable, Sendable {
    /// `waiting`, `delayed`, `assigned`, `failed` or `unknown`.
    public var state: String
    public var count: UInt64
    /// How long the longest-standing of them is in this state; left out when there is none.
    public var oldestMilliseconds: UInt64?

    public init(state: String, count: UInt64, oldestMilliseconds: UInt64? = nil) {
        self.state = state
        self.count = count
        self.oldestMilliseconds = oldestMilliseconds
    }
}

/// A handler as its node defines it.
public struct HandlerDetail: Codable, Hashable, Sendable {
    public var name: String
    public var types: [String]
    /// Tasks it runs at once, and those that may wait on the node beside them.
    public var slots: UInt16
    public var prefetch: UInt16
    /// `exclusive`, `idempotent` or `at-most-once`.
    public var delivery: String
    public var timeLimitMilliseconds: UInt64?

    public init(
        name: String,
        types: [String],
        slots: UInt16,
        prefetch: UInt16,
        delivery: String,
        timeLimitMilliseconds: UInt64? = nil
    ) {
        self.name = name
        self.types = types
        self.slots = slots
        self.prefetch = prefetch
        self.delivery = delivery
        self.timeLimitMilliseconds = timeLimitMilliseconds
    }
}

/// What the settings say of one node's work, as it holds for the node.
public struct NodePolicy: Codable, Hashable, Sendable {
    public var node: String
    public var site: String
    /// Types, and attributes as `NAME=value`, that it prefers.
    public var preferredTypes: [String]
    public var preferredAttributes: [String]
    /// Tasks it may have at once, whatever its handlers allow; left out for no such limit.
    public var slotsMax: UInt32?
    /// From these on it is overloaded; left out where that is off.
    public var loadPerProcessorMaxThousandths: UInt32?
    public var memoryUsedMaxPerMille: UInt32?
    public var runningMax: UInt32?
    /// It is relieved below this share of each.
    public var clearPerMille: UInt32

    public init(
        node: String,
        site: String,
        preferredTypes: [String],
        preferredAttributes: [String],
        clearPerMille: UInt32
    ) {
        self.node = node
        self.site = site
        self.preferredTypes = preferredTypes
        self.preferredAttributes = preferredAttributes
        self.clearPerMille = clearPerMille
    }
}

/// The answer to `GET /policy`: how tasks are directed, as it holds now. It is changed by the
/// settings below `task.`
public struct ClusterPolicy: Codable, Hashable, Sendable {
    public var asOf: String
    /// `account-affinity`, `attribute-match`, `round-robin` or `least-loaded`.
    public var policy: String
    /// While any node is overloaded, `attribute-match` is suspended for the whole cluster.
    public var strict: Bool
    /// Nodes of one account's set.
    public var affinityWidth: UInt16
    /// How long a task waits for its preferred nodes while they have no room.
    public var patienceMilliseconds: UInt64
    public var attemptsMax: UInt16
    public var retryDelayMilliseconds: UInt64
    public var retryDelayMaxMilliseconds: UInt64
    public var queueCountMax: UInt64
    public var queueBytesMax: UInt64
    /// How long the record of an ended task is kept; one with an idempotency key at least 7 days.
    public var historyMilliseconds: UInt64
    /// Only the types below are accepted.
    public var typesStrict: Bool
    /// Those that exist from the start, then those that were declared.
    public var types: [String]
    /// Attributes that were declared, and that nodes may prefer.
    public var attributes: [String]
    /// By site (the active one first), then by name.
    public var nodes: [NodePolicy]

    public init(
        asOf: String,
        policy: String,
        strict: Bool,
        affinityWidth: UInt16,
        patienceMilliseconds: UInt64,
        attemptsMax: UInt16,
        retryDelayMilliseconds: UInt64,
        retryDelayMaxMilliseconds: UInt64,
        queueCountMax: UInt64,
        queueBytesMax: UInt64,
        historyMilliseconds: UInt64,
        typesStrict: Bool,
        types: [String],
        attributes: [String],
        nodes: [NodePolicy]
    ) {
        self.asOf = asOf
        self.policy = policy
        self.strict = strict
        self.affinityWidth = affinityWidth
        self.patienceMilliseconds = patienceMilliseconds
        self.attemptsMax = attemptsMax
        self.retryDelayMilliseconds = retryDelayMilliseconds
        self.retryDelayMaxMilliseconds = retryDelayMaxMilliseconds
        self.queueCountMax = queueCountMax
        self.queueBytesMax = queueBytesMax
        self.historyMilliseconds = historyMilliseconds
        self.typesStrict = typesStrict
        self.types = types
        self.attributes = attributes
        self.nodes = nodes
    }
}
