public import Model
import Protocol

/// What is durable of automatic failovers; part of the cluster's record.
public struct AutomaticRecord: Hashable, Sendable {
    static let takenMax = 16

    /// Somebody has told the controller to observe and not to act by itself.
    public struct Pause: Hashable, Sendable {
        public var by: String
        public var reason: String
        public var at: WallTime
    }

    public var pause: Pause?
    /// When automatic failovers began since the brake was lifted last, the oldest first.
    public var taken: [WallTime] = []
    /// There were as many in a day as there may be: a person has to lift the brake.
    public var isLatched = false

    public init() {}

    init(_ fields: FieldReader) throws(MessageError) {
        if let at = try fields.optionalTime("pause-at") {
            pause = Pause(
                by: fields.optionalText("pause-by") ?? "",
                reason: fields.optionalText("pause-reason") ?? "",
                at: at
            )
        }
        for place in 0..<Self.takenMax {
            guard let at = try fields.optionalTime("automatic.\(place)") else { break }
            taken.append(at)
        }
        isLatched = try fields.flag("latched")
    }

    func put(to writer: inout LineWriter) {
        if let pause {
            writer.put("pause-at", pause.at)
            writer.put("pause-by", pause.by)
            writer.put("pause-reason", pause.reason)
        }
        for (place, at) in taken.enumerated() { writer.put("automatic.\(place)", at) }
        if isLatched { writer.put("latched", true) }
    }
}

/// What is followed of the active site to tell that it is lost; of this controller alone. After a
/// start it begins anew.
struct FailoverWatch: Hashable, Sendable {
    /// Since when the active site is below its minimum without a break, as this controller saw it.
    var belowSince: Instant?
    /// Something that could change it has changed.
    var isDue = true
    /// When to look again at what stands in the way.
    var lookAt: Instant?
    /// Why nothing was done, as it was told last in this loss.
    var told: [FailoverObstacle.Code]?
    var toldAt: Instant?
    /// The last automatic failover of this life.
    var takenAt: Instant?
}

/// Why there is no automatic failover.
public struct FailoverObstacle: Hashable, Sendable {
    public enum Code: String, Hashable, Sendable, CaseIterable {
        case mode
        case pause
        case brake
        case run
        /// Our own clock jumped, the journal is late, or a higher epoch was seen.
        case observing
        /// A node that cannot be reached does not stop by itself, or that is not known.
        case fencing
        /// No site may take over, or more than one.
        case target
    }

    public var code: Code
    public var text: String
    /// A command to type; may be empty.
    public var mend: String
}
