public import Model
import Protocol

/// Why a node got a task: the rule that won, and the number of the view of the cluster it was
/// decided on.
public struct Decision: Hashable, Sendable {
    /// The rules by which a node is found, in the order in which they are asked.
    public enum Rule: String, Hashable, Sendable, CaseIterable {
        /// A hook: its run names the node.
        case pinned
        /// A task of the same exclusive key is on this node.
        case exclusiveKey = "exclusive-key"
        /// The node is the account's own: the first by rendezvous hashing.
        case home
        /// One of the account's set of nodes, next in sequence.
        case affinitySet = "affinity-set"
        /// The node prefers the task's type or one of its attributes.
        case attributeMatch = "attribute-match"
        case roundRobin = "round-robin"
        case leastLoaded = "least-loaded"
        /// No node is preferred: the whole site, next in sequence.
        case wholeSite = "whole-site"
        /// The preferred nodes had no room for longer than the patience.
        case spilled
        /// Every node that could is overloaded: one of them all the same.
        case allOverloaded = "all-overloaded"
    }

    public var rule: Rule
    public var view: UInt64

    public init(rule: Rule, view: UInt64) {
        self.rule = rule
        self.view = view
    }
}

/// What the nodes of the cluster were for one type of task, at a moment: the evidence of decisions.
public struct DispatchView: Hashable, Sendable {
    /// Views kept; the oldest is forgotten.
    public static let keptMax = 2_000
    /// A view is taken anew when it is older than this and something has changed.
    static let ageMax: Duration = .seconds(1)
    /// So often it is taken before that, of one type, when who may take tasks has changed: a decision
    /// made behind a cordon is not explained by what was before it.
    static let earlyMax = 10

    public struct Entry: Hashable, Sendable {
        public var node: NodeName
        /// Why it gets no task of the type; nil when it may.
        public var obstacle: String?
        /// 1 minute load average for each processor, in thousandths; nil when not known.
        public var loadPerProcessor: UInt32?
        /// Used share of the memory, per mille.
        public var memoryPerMille: UInt32?
        /// Attempts it has, and how many it runs at once.
        public var assigned: UInt32
        public var slots: UInt32

        public init(
            node: NodeName,
            obstacle: String?,
            loadPerProcessor: UInt32?,
            memoryPerMille: UInt32?,
            assigned: UInt32,
            slots: UInt32
        ) {
            self.node = node
            self.obstacle = obstacle
            self.loadPerProcessor = loadPerProcessor
            self.memoryPerMille = memoryPerMille
            self.assigned = assigned
            self.slots = slots
        }
    }

    public var number: UInt64
    public var at: WallTime
    public var type: TaskType
    public var policy: DispatchPolicy
    public var entries: [Entry]

    init(
        number: UInt64,
        at: WallTime,
        type: TaskType,
        policy: DispatchPolicy,
        entries: [Entry]
    ) {
        self.number = number
        self.at = at
        self.type = type
        self.policy = policy
        self.entries = entries
    }

    init(_ fields: FieldReader) throws(MessageError) {
        guard let type = TaskType(try fields.text("type")) else {
            throw .bad(key: "type", expected: "a type")
        }
        number = try fields.number("number")
        at = try fields.time("at")
        self.type = type
        policy = try fields.word("policy")
        entries = []
        for (index, field) in fields.line.fields.enumerated() where field.key.hasPrefix("node.") {
            guard let entry = Entry(field.value) else {
                throw .bad(key: "node.\(index)", expected: "a node of a view")
            }
            entries.append(entry)
        }
    }

    var line: Line {
        var writer = LineWriter("VIEW")
        writer.put("number", number)
        writer.put("at", at)
        writer.put("type", type.text)
        writer.put("policy", policy)
        for (index, entry) in entries.enumerated() { writer.put("node.\(index)", entry.text) }
        return writer.line
    }
}

extension DispatchView.Entry {
    fileprivate var text: String {
        let load = loadPerProcessor.map { "\($0)" } ?? "-"
        let memory = memoryPerMille.map { "\($0)" } ?? "-"
        return "\(node) \(load) \(memory) \(assigned) \(slots) \(obstacle ?? "")"
    }

    fileprivate init?(_ text: String) {
        let parts = text.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, let node = NodeName(String(parts[0])),
            let assigned = UInt32(parts[3]), let slots = UInt32(parts[4])
        else { return nil }
        self.init(
            node: node,
            obstacle: parts[5].isEmpty ? nil : String(parts[5]),
            loadPerProcessor: UInt32(parts[1]),
            memoryPerMille: UInt32(parts[2]),
            assigned: assigned,
            slots: slots
        )
    }
}
