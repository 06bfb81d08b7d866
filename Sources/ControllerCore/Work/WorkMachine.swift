public import Model
import Protocol

/// Every accepted task that has not ended, and which node has it: a machine within the
/// controller's, which it does not know.
///
/// Inputs only change its tables and mark what is to be looked at; ``settle()`` then gives out what
/// can be given. A task waits in a *lane* with those that go the same way, a lane's head waits in
/// the heap of a *group* of nodes, and a node with room looks through its groups alone: neither the
/// number of waiting tasks nor that of nodes slows a decision down.
public struct WorkMachine: Hashable, Sendable {
    public internal(set) var rules = WorkRules()
    public internal(set) var counts = WorkCounts()
    /// Live tasks of each type that has any: ``WorkCounts/bytes`` and what has ended are not counted.
    public internal(set) var countsByType: OrderedTable<TaskType, WorkCounts> = OrderedTable()
    /// The views that decisions were made on, by number.
    public internal(set) var views: OrderedTable<UInt64, DispatchView> = OrderedTable()

    var epoch: Epoch
    var now: Moment
    var out = WorkEffects()

    // Tasks
    var tasks: PagedTable<TaskEntry> = PagedTable()
    var assignments: PagedTable<Assignment> = PagedTable()
    var nextTask: UInt64
    /// After a restore: see ``setAside(below:of:)``.
    var attemptFloor: UInt16 = 0
    var restoredBelow: UInt64 = 0
    var classes: PagedTable<ClassEntry> = PagedTable()
    var nextClass: UInt64 = 1
    /// Only looked up.
    var classNumbers: [TaskClass: UInt64] = [:]
    /// Idempotency keys of what was accepted not long ago, before a look-up in the store must
    /// find them. Only looked up.
    var recentKeys: [ExactText: TaskKeyRecord] = [:]
    var recentKeyOrder: [RecentKey] = []
    var recentKeysFrom = 0
    var delayed = BinaryHeap<Due>()
    var ages = WorkAges()

    // Lanes and groups
    var lanes: PagedTable<Lane> = PagedTable()
    var nextLane: UInt64 = 1
    /// Only looked up.
    var laneNumbers: [Lane.Key: UInt64] = [:]
    var groups: [Group?] = []
    var freeGroups: [Int] = []
    /// Only looked up.
    var groupPlaces: [Group.Key: Int] = [:]
    /// Grows when a rule, a node's standing, its handlers, preferences or overload changed.
    var placementVersion: UInt64 = 1
    /// Whether any node takes tasks of a type, as far as that was asked since then.
    var takers = Takers()
    /// Lanes above this number have not been placed anew since then; nil when all have.
    var sweptTo: UInt64?
    /// Lanes whose head has waited for its preferred nodes as long as it has patience.
    var aging = BinaryHeap<Due>()

    // Workers
    var workers: [Worker] = []
    var places: OrderedTable<NodeID, Int> = OrderedTable()
    var lastViews: OrderedTable<TaskType, LastView> = OrderedTable()
    var nextView: UInt64 = 1
    var isQueueFullTold = false
    var isQueueFillingTold = false
    /// Since when the queue is at ``WorkMachine/queueHighPerMille`` or above.
    public internal(set) var queueHighSince: WallTime?

    /// Tasks that were taken from nodes that are lost.
    var losses: OrderedTable<NodeID, [LossRecord]> = OrderedTable()

    /// Tasks that somebody follows.
    var followed: OrderedTable<TaskID, FollowedTask> = OrderedTable()

    // To be looked at by `settle`
    var dirtyLanes: [UInt64] = []
    var openedWorkers: [Int] = []

    struct LastView: Hashable, Sendable {
        var number: UInt64
        /// When the first of its second was taken.
        var at: Instant
        var isOutdated = false
        /// The placement that it shows, and how many were taken in its second after the first.
        var version: UInt64
        var early = 0
    }

    struct Takers: Hashable, Sendable {
        /// The placement version that the answers are of.
        var version: UInt64 = 0
        var answers: OrderedTable<TaskType, Bool> = OrderedTable()
    }

    struct RecentKey: Hashable, Sendable {
        var key: ExactText
        var at: Instant
    }

    enum Limits {
        /// An attempt that ends without a result of its own so often is no accident.
        static let interruptionsMax: UInt16 = 20
        /// Payload bytes that may be on their way to one node.
        static let unstartedBytesMax: UInt64 = 2 << 20
        /// After a node has turned a task away.
        static let refusedPause: Duration = .seconds(1)
        /// The longest pause of one that cannot write what it is given.
        static let shortagePauseMax: Duration = .seconds(60)
        /// Tasks of one exclusive key that are passed over at most for one that can go.
        static let passedOverMax = 256
        /// Types of which it is remembered whether a node takes them.
        static let takersMax = 1_000
        /// Lanes that are placed anew in one step.
        static let sweepLanesMax = 1_000
        /// How long a key is remembered here: longer than a look-up in the store can be under way.
        static let recentKeysFor: Duration = .seconds(600)
        static let recentKeysMax = 1_000_000
        /// A node's wall clock and ours may be set: look again at least so often.
        static let delayedLook: Duration = .seconds(60)
        static let retryHint: Duration = .seconds(5)
        /// Tasks whose output is asked for at a time, with 64 KiB of each.
        static let followedMax = 64
        /// How long it goes on without a word of who follows.
        static let followedFor: Duration = .seconds(5)
    }

    init(epoch: Epoch, nextTask: UInt64, at now: Moment) {
        self.epoch = epoch
        self.nextTask = nextTask
        self.now = now
    }

    /// When there is something to do without an input.
    var nextDeadline: Instant? {
        if sweptTo != nil { return now.instant }
        var earliest = [delayed.first?.at, aging.first?.at].compactMap { $0 }.min()
        for task in followed.values { earliest = min(earliest ?? task.until, task.until) }
        for worker in workers {
            for at in [worker.refusedUntil, idempotentDue(worker)] {
                if let at { earliest = min(earliest ?? at, at) }
            }
        }
        return earliest
    }

    /// Nothing was put in since it was settled, and nothing that was decided waits to be taken.
    var isSettled: Bool {
        dirtyLanes.isEmpty && openedWorkers.isEmpty && out == WorkEffects()
    }

    /// Takes what was decided since the last time.
    mutating func takeEffects() -> WorkEffects {
        let taken = out
        out = WorkEffects()
        return taken
    }
}

/// What a step of the work wants done. The journal entries come before the sends, as ever.
struct WorkEffects: Hashable, Sendable {
    var journal: [JournalEntry] = []
    var sends: [WorkSend] = []
    var notices: [WorkNotice] = []
    /// Nodes that have a task less.
    var released: [NodeID] = []
    /// Hooks that have ended.
    var hookEnds: [HookEnd] = []
}

/// How a task that belongs to a step of a run has ended.
struct HookEnd: Hashable, Sendable {
    var task: TaskID
    var isDone: Bool
    var text: String
}

struct WorkSend: Hashable, Sendable {
    var node: NodeID
    var message: ControllerWorkMessage
}

/// An event of the cluster that the work has seen.
struct WorkNotice: Hashable, Sendable {
    var kind: EventKind
    var severity: Severity
    var subject: String
    var text: String
    var cause: String
    var consequence: String
}

extension WorkMachine {
    mutating func tell(
        _ kind: EventKind,
        _ severity: Severity,
        _ subject: String,
        _ text: String,
        cause: String = "",
        consequence: String = ""
    ) {
        out.notices.append(
            WorkNotice(
                kind: kind,
                severity: severity,
                subject: subject,
                text: text,
                cause: cause,
                consequence: consequence
            )
        )
    }

    mutating func put(_ record: Record) {
        out.journal.append(.put(record))
    }

    mutating func delete(_ table: RecordTable, _ id: TaskID) {
        out.journal.append(.delete(table: table, key: id.storeKey))
    }

    /// Writes where a live task stands.
    mutating func save(_ id: TaskID) {
        guard let entry = tasks[id.number] else { return }
        var record = TaskStateRecord(
            id: id,
            state: entry.state,
            since: entry.since,
            attempt: entry.attempt,
            failures: entry.failures,
            interruptions: entry.interruptions,
            notBefore: entry.notBefore,
            result: entry.result,
            resultAttempt: entry.resultAttempt,
            traces: entry.traces
        )
        if let assignment = assignments[id.number] {
            record.assignment = AssignmentRecord(
                node: workers[assignment.worker].id,
                token: assignment.token,
                handler: assignment.handler,
                delivery: assignment.delivery,
                decision: assignment.decision,
                cancel: assignment.cancel,
                isDrainable: assignment.isDrainable
            )
        }
        put(.taskState(record))
        tasks.update(id.number) { $0.isSaved = true }
    }

    mutating func move(_ id: TaskID, to state: TaskState) {
        guard let before = tasks[id.number] else { return }
        tally(-1, before.state, of: before)
        tasks.update(id.number) { [now] entry in
            entry.state = state
            entry.since = now.wall
        }
        tally(1, state, of: before)
        noteAge(id)
    }

    /// A task comes into a state, or leaves it.
    mutating func tally(_ change: Int, _ state: TaskState, of entry: TaskEntry) {
        counts.add(change, to: state)
        guard let type = classes[entry.taskClass]?.value.type else { return }
        if countsByType[type] == nil { countsByType[type] = WorkCounts() }
        countsByType.update(type) { $0.add(change, to: state) }
    }
}
