public import Model
import Protocol

/// How a set of nodes is found for a task.
public enum DispatchPolicy: String, Hashable, Sendable, CaseIterable {
    /// All tasks of one account go to the same nodes, so that what they keep of it stays warm.
    case accountAffinity = "account-affinity"
    /// Tasks go to nodes that prefer their type or one of their attributes.
    case attributeMatch = "attribute-match"
    case roundRobin = "round-robin"
    case leastLoaded = "least-loaded"
}

/// What the settings below `task.` say for the whole cluster.
public struct WorkRules: Hashable, Sendable {
    public var policy = DispatchPolicy.accountAffinity
    /// `attribute-match` is suspended while any node is overloaded.
    public var isStrict = false
    /// Nodes of one account's set, 1 to 16.
    public var affinityWidth: UInt16 = 1
    /// How long a task waits for its preferred nodes while they have no room.
    public var patience: Duration = .seconds(5)
    /// Attempts that may fail before a task is given up, where it does not say so itself.
    public var attemptsMax: UInt16 = 5
    /// Time from a failed attempt to the next; doubled with each, up to `retryDelayMax`.
    public var retryDelay: Duration = .seconds(120)
    public var retryDelayMax: Duration = .seconds(120)
    /// Tasks that may wait, and bytes of their payloads.
    public var queueCountMax: UInt64 = 1_000_000
    public var queueBytesMax: UInt64 = 1 << 30
    /// Only the known types and those declared are accepted.
    public var isTypesStrict = false
    public var declaredTypes: [TaskType] = []
    /// Names of the attributes that nodes may prefer.
    public var declaredAttributes: [String] = []
    /// How long a lost node may take to come back before what may run twice is given elsewhere.
    public var lossGrace: Duration = .seconds(1)
    /// How long the record of an ended task is kept.
    public var history: Duration = .seconds(7 * 86_400)

    public init() {}

    /// What tasks of a key are kept apart for at least, so that it is answered with the same task.
    public static let keyLifeMin: Duration = .seconds(7 * 86_400)
}

/// What the settings below `task.` say for one node.
public struct NodePreferences: Hashable, Sendable {
    public var types: [TaskType] = []
    public var attributes: [TaskAttribute] = []
    /// Tasks the node may have at once, whatever its handlers allow; nil for no such limit.
    public var slotsMax: UInt32?
    /// 1 minute load average for each processor from which the node is overloaded, in thousandths.
    public var loadMax: UInt32? = 2_000
    /// Used share of the memory from which it is, per mille.
    public var memoryMax: UInt32? = 950
    /// Tasks at once from which it is.
    public var runningMax: UInt32?
    /// It is relieved below this share of each, per mille.
    public var clearPerMille: UInt32 = 800

    public init() {}

    func prefers(_ submission: TaskClass) -> Bool {
        types.contains(submission.type)
            || attributes.contains { submission.attributes.contains($0) }
    }
}

/// The settings that direct work. A key below `task.` that is none of these is refused.
enum WorkSetting {
    struct Problem: Error {
        var text: String
        var mend: String
    }

    static let prefix = "task."
    static let clusterKeys = [
        "task.policy", "task.strict", "task.affinity.width", "task.affinity.patience",
        "task.attempts", "task.retry-delay", "task.retry-delay-max", "task.queue.count",
        "task.queue.bytes", "task.types.strict", "task.history",
    ]
    static let nodeKeys = [
        "task.prefer", "task.slots", "task.overload.load", "task.overload.memory",
        "task.overload.running", "task.overload.clear",
    ]
    static let typePrefix = "task.type."
    static let attributePrefix = "task.attribute."

    /// Applies one setting that holds for the cluster.
    ///
    /// - Throws: what is wrong with the key or the value.
    static func apply(
        _ key: String,
        _ value: String,
        to rules: inout WorkRules
    ) throws(Problem) {
        switch key {
        case "task.policy":
            guard let policy = DispatchPolicy(rawValue: value) else {
                let all = DispatchPolicy.allCases.map(\.rawValue)
                let near = NearestName.to(value, among: all).map { "did you mean \($0)?" }
                throw Problem(
                    text: "\(value) is not a dispatch policy",
                    mend: near ?? "one of \(all.joined(separator: ", "))"
                )
            }
            rules.policy = policy
        case "task.strict": rules.isStrict = try flag(value)
        case "task.affinity.width": rules.affinityWidth = UInt16(try number(value, 1...16))
        case "task.affinity.patience": rules.patience = try duration(value, .zero)
        case "task.attempts": rules.attemptsMax = UInt16(try number(value, 1...1_000))
        case "task.retry-delay": rules.retryDelay = try duration(value, .milliseconds(1))
        case "task.retry-delay-max": rules.retryDelayMax = try duration(value, .milliseconds(1))
        case "task.queue.count": rules.queueCountMax = try number(value, 1...100_000_000)
        case "task.queue.bytes": rules.queueBytesMax = try size(value)
        case "task.types.strict": rules.isTypesStrict = try flag(value)
        case "task.history": rules.history = try duration(value, .seconds(60))
        default:
            if key.hasPrefix(typePrefix), let type = TaskType(text(key, after: typePrefix)) {
                rules.declaredTypes.append(type)
            } else if key.hasPrefix(attributePrefix),
                TaskType.isValid(text(key, after: attributePrefix))
            {
                rules.declaredAttributes.append(text(key, after: attributePrefix))
            } else {
                throw unknown(key)
            }
        }
    }

    /// Applies one setting that holds for a node; the more special one is applied last.
    static func apply(
        _ key: String,
        _ value: String,
        to preferences: inout NodePreferences,
        declared: [String]
    ) throws(Problem) {
        switch key {
        case "task.prefer":
            (preferences.types, preferences.attributes) = try preferred(value, declared)
        case "task.slots": preferences.slotsMax = UInt32(try number(value, 0...4_096))
        case "task.overload.load": preferences.loadMax = try thousandths(value)
        case "task.overload.memory": preferences.memoryMax = try percent(value)
        case "task.overload.running":
            preferences.runningMax = UInt32(try number(value, 1...100_000))
        case "task.overload.clear":
            guard let share = try percent(value) else {
                throw Problem(text: "a share cannot be off", mend: "such as 80%")
            }
            preferences.clearPerMille = share
        default: throw unknown(key)
        }
    }

    static func unknown(_ key: String) -> Problem {
        let all = clusterKeys + nodeKeys
        return Problem(
            text: "\(key) is not a setting that directs work",
            mend: NearestName.to(key, among: all).map { "did you mean \($0)?" }
                ?? "one of \(all.joined(separator: ", ")), task.type.NAME, task.attribute.NAME"
        )
    }

    private static func text(_ key: String, after prefix: String) -> String {
        String(key.dropFirst(prefix.count))
    }

    private static func preferred(
        _ value: String,
        _ declared: [String]
    ) throws(Problem) -> ([TaskType], [TaskAttribute]) {
        var types: [TaskType] = []
        var attributes: [TaskAttribute] = []
        for part in value.split(separator: ",") {
            let word = String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
            if word.isEmpty { continue }
            if let attribute = TaskAttribute(parsing: word) {
                guard declared.contains(attribute.name) else {
                    throw Problem(
                        text: "the attribute \(attribute.name) was never declared",
                        mend: "muster policy attribute declare \(attribute.name)"
                    )
                }
                attributes.append(attribute)
            } else if let type = TaskType(word) {
                types.append(type)
            } else {
                throw Problem(
                    text: "\(kept(word, bytesMax: 100)) is neither a type nor NAME=value",
                    mend: "such as: PGP, PULL, region=eu"
                )
            }
        }
        return (types, attributes)
    }

    private static func flag(_ value: String) throws(Problem) -> Bool {
        switch value {
        case "yes": return true
        case "no": return false
        default: throw Problem(text: "it is yes or no", mend: "yes")
        }
    }

    private static func number(
        _ value: String,
        _ range: ClosedRange<UInt64>
    ) throws(Problem) -> UInt64 {
        guard let number = UInt64(value), range.contains(number) else {
            throw Problem(
                text: "it is a number from \(range.lowerBound) to \(range.upperBound)",
                mend: "such as \(range.lowerBound)"
            )
        }
        return number
    }

    private static func duration(_ value: String, _ least: Duration) throws(Problem) -> Duration {
        guard let duration = value == "0" ? .zero : Duration(parsing: value), duration >= least
        else {
            throw Problem(
                text: "it is a duration of at least \(least.forPeople)",
                mend: "such as 30s, 2m, 7d"
            )
        }
        return duration
    }

    private static func size(_ value: String) throws(Problem) -> UInt64 {
        let units: [(String, UInt64)] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
        for (unit, factor) in units where value.hasSuffix(unit) {
            if let number = UInt64(value.dropLast(unit.count)), number > 0, number <= 1 << 20 {
                return number * factor
            }
        }
        throw Problem(text: "it is a size with its unit", mend: "such as 512MiB, 4GiB")
    }

    /// `2.5`, or `off`.
    private static func thousandths(_ value: String) throws(Problem) -> UInt32? {
        if value == "off" { return nil }
        let parts = value.split(separator: ".", omittingEmptySubsequences: false)
        if (1...2).contains(parts.count), let whole = UInt32(parts[0]), whole <= 1_000 {
            let digits = parts.count == 2 ? parts[1] : "0"
            if (1...3).contains(digits.count), let fraction = UInt32(digits) {
                let scale: [UInt32] = [100, 10, 1]
                let total = whole * 1_000 + fraction * scale[digits.count - 1]
                if total > 0 { return total }
            }
        }
        throw Problem(
            text: "it is a load for each processor, or off",
            mend: "such as 2.0 (two processes wait or run on each processor)"
        )
    }

    /// `95%`, or `off`.
    private static func percent(_ value: String) throws(Problem) -> UInt32? {
        if value == "off" { return nil }
        guard value.hasSuffix("%"), let percent = UInt32(value.dropLast()),
            (1...100).contains(percent)
        else { throw Problem(text: "it is a share of 1% to 100%, or off", mend: "such as 90%") }
        return percent * 10
    }
}
