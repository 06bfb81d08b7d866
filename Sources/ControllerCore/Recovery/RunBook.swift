public import Model
import Protocol

/// Plans, and the runs there were and are.
public struct RunBook: Hashable, Sendable {
    /// Ended runs that are kept with their steps; the oldest is forgotten.
    static let runsKept = 100
    public static let plansMax = 100

    struct StepKey: Hashable, Comparable, Sendable {
        var run: RunID
        var index: UInt16

        static func < (left: Self, right: Self) -> Bool {
            (left.run, left.index) < (right.run, right.index)
        }
    }

    struct DeedKey: Hashable, Comparable, Sendable {
        var run: RunID
        var index: UInt16
        var number: UInt32

        static func < (left: Self, right: Self) -> Bool {
            (left.run, left.index, left.number) < (right.run, right.index, right.number)
        }
    }

    struct FenceKey: Hashable, Comparable, Sendable {
        var run: RunID
        var node: NodeID

        static func < (left: Self, right: Self) -> Bool {
            (left.run, left.node) < (right.run, right.node)
        }
    }

    public internal(set) var plans: OrderedTable<PlanName, PlanRecord> = OrderedTable()
    public internal(set) var runs: OrderedTable<RunID, RunRecord> = OrderedTable()
    var stepRecords: OrderedTable<StepKey, RunStepRecord> = OrderedTable()
    var fenceRecords: OrderedTable<FenceKey, FenceRecord> = OrderedTable()
    var deedRecords: OrderedTable<DeedKey, RunDeedRecord> = OrderedTable()
    /// The one that has not ended. There is one at a time.
    public internal(set) var live: RunID?

    // Not durable: of the present step.

    /// Something that a step may wait for has changed.
    var isDue = true
    /// This controller found the step under way when it started.
    var isResumed = true
    var deadline: Instant?
    var retryAt: Instant?
    /// What its time was over for has been told to end.
    var isCut = false
    /// Hooks of the controller's host that are under way.
    var calls: OrderedTable<UInt64, HookPurpose> = OrderedTable()
    var lastCall: UInt64 = 0

    public var liveRun: RunRecord? { live.flatMap { runs[$0] } }

    func isFencing(_ site: SiteName) -> Bool {
        liveRun.map { $0.isFenced && !$0.isActivated && $0.from == site } ?? false
    }

    /// The number of the drill in which a site is; nil outside of any.
    func drill(of site: SiteName) -> UInt64? {
        liveRun.flatMap { $0.isDrilling && $0.to == site ? $0.id.number : nil }
    }

    public func steps(of run: RunID) -> [RunStepRecord] {
        let count = runs[run]?.stepCount ?? 0
        return (0..<count).compactMap { stepRecords[StepKey(run: run, index: $0)] }
    }

    public func fences(of run: RunID) -> [FenceRecord] {
        // No name of a node is before this one.
        let first = fenceRecords.lowerBound(FenceKey(run: run, node: "0"))
        let keys = fenceRecords.keys
        var end = first
        while end < keys.count, keys[end].run == run { end += 1 }
        return Array(fenceRecords.values[first..<end])
    }

    /// What was done in a step, in its order: the newest ``RunDeedRecord/keptMax``.
    public func deeds(of step: RunStepRecord) -> [RunDeedRecord] {
        guard step.deeds > 0 else { return [] }
        let first = step.deeds - min(step.deeds, RunDeedRecord.keptMax) + 1
        return (first...step.deeds).compactMap {
            deedRecords[DeedKey(run: step.run, index: step.index, number: $0)]
        }
    }

    func fence(of node: NodeID, in run: RunID) -> FenceRecord? {
        fenceRecords[FenceKey(run: run, node: node)]
    }

    mutating func restore(_ record: RunRecord) {
        runs[record.id] = record
        if !record.state.isEnded { live = record.id }
    }

    mutating func restore(_ record: RunStepRecord) {
        stepRecords[StepKey(run: record.run, index: record.index)] = record
    }

    mutating func restore(_ record: RunDeedRecord) {
        let key = DeedKey(run: record.run, index: record.index, number: record.number)
        deedRecords[key] = record
    }

    mutating func restore(_ record: FenceRecord) {
        fenceRecords[FenceKey(run: record.run, node: record.node)] = record
    }

    /// The plan for a kind of run: the one named, or else the written one. A drill carries out the
    /// real plan: that of a switchover, or else of a failover, where it has none of its own.
    func plan(_ name: PlanName?, for kind: RunKind) -> PlanRecord? {
        if let name { return plans[name] }
        let kinds: [RunKind] = kind == .drill ? [.drill, .switchover, .failover] : [kind]
        for kind in kinds {
            if let plan = plans.values.first(where: { $0.draft.kinds.contains(kind) }) {
                return plan
            }
        }
        return nil
    }

    /// Milliseconds that a step of this name took in the last ended runs of the kind, the mean; nil
    /// when there was none.
    public func estimate(of step: StepName, in kind: RunKind) -> UInt64? {
        var sum: Int64 = 0
        var count: Int64 = 0
        for run in runs.values where run.kind == kind && run.state == .done {
            for record in steps(of: run.id) where record.step.name == step && record.state == .done
            {
                guard let start = record.startedAt, let end = record.endedAt else { continue }
                sum += max(0, (end - start).wholeMilliseconds)
                count += 1
            }
        }
        return count == 0 ? nil : UInt64(sum / count)
    }
}

/// What a hook of the controller's host is executed for.
enum HookPurpose: Hashable, Sendable {
    case act(RunID, UInt16)
    /// Whether the step has had its effect.
    case verify(RunID, UInt16)
    /// The same, before the step is taken up again after a restart.
    case probe(RunID, UInt16)
    case undo(RunID, UInt16)
    case fence(RunID, NodeID)
}

/// A hook that the shell executes on the controller's host: by its name in the configuration.
///
/// It may be given twice, by a controller that was started again: a hook is idempotent.
public struct HookCall: Hashable, Sendable {
    /// Of its environment. A value of the active site may be longer than an attribute's.
    public struct Variable: Hashable, Sendable, CustomStringConvertible {
        public var name: String
        public var value: String

        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }

        init(_ attribute: TaskAttribute) {
            self.init(name: attribute.name, value: attribute.value)
        }

        public var description: String { "\(name)=\(value)" }
    }

    /// Of this process; comes back with ``ControllerEvent/hookEnded(_:isDone:text:)``.
    public var id: UInt64
    public var name: HookName
    /// Without the prefix `MUSTER_`.
    public var variables: [Variable]
    public var timeout: Duration

    init(id: UInt64, name: HookName, variables: [Variable], timeout: Duration) {
        self.id = id
        self.name = name
        self.variables = variables
        self.timeout = timeout
    }
}
