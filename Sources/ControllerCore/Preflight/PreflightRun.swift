public import Model
public import Protocol

/// One run of the prerequisite checks over some nodes.
///
///     asking nodes → for each shared path: one writes a marker, the others read it, one removes it
///     → finished
public struct PreflightRun: Hashable, Sendable {
    public var id: UInt64
    public var isAutomatic: Bool
    public var startedAt: WallTime
    public var endedAt: WallTime?
    /// When what has not answered counts as failed.
    public var deadline: Instant
    public var nodes: OrderedTable<NodeID, Part>
    var stage: Stage

    public var isFinished: Bool { stage == .finished }

    public struct Part: Hashable, Sendable {
        public var name: NodeName
        public var order: UInt64
        public var isAnswered: Bool
        public var findings: [Finding]

        public var failures: [String] {
            findings.filter { $0.outcome == .failed }.map { "\($0.check): \($0.text)" }
        }
    }

    enum Stage: Hashable, Sendable {
        case asking
        case writing(Marker)
        case reading(Marker)
        case removing(Marker)
        case finished
    }

    /// The shared path under test, who writes, and which probes are still unanswered.
    struct Marker: Hashable, Sendable {
        var path: String
        var text: String
        var writer: NodeID
        var readers: [NodeID]
        var open: OrderedTable<UInt64, NodeID>
        /// Paths still to be tested.
        var rest: [String]
    }
}
