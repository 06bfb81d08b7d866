public import Model
public import Protocol

// What the controller keeps in memory of tasks, lanes, groups and workers. A waiting task is a few
// dozen bytes: what it has in common with others stands once, in its class.

/// What tasks have in common that decides where they go.
struct TaskClass: Hashable, Sendable {
    var type: TaskType
    /// What people write is kept apart by its bytes: a handler gets just what was submitted.
    private var exactAccount: ExactText
    private var exactAttributes: ExactText
    private var exactKey: ExactText?
    var attributes: [TaskAttribute]
    var priority: UInt8
    private var isOrdered: Bool
    var attemptsMax: UInt16?
    var retryDelay: Duration?
    var submittedBy: String
    /// The one node that may run it: of a task that belongs to a step of a run.
    var pin: NodeID?

    /// A step of a run waits for its tasks, and says what is to be done about those that fail.
    var isOfRun: Bool { pin != nil }

    /// Of all that people have written.
    var textBytes: Int {
        type.text.utf8.count + account.utf8.count + exactAttributes.text.utf8.count
            + (exactKey?.text.utf8.count ?? 0) + submittedBy.utf8.count
    }

    var account: String { exactAccount.text }
    var exclusiveKey: ExclusiveKey? {
        exactKey.map { ExclusiveKey($0.text, isOrdered: isOrdered) }
    }

    init(_ submission: TaskSubmission, submittedBy: String, pin: NodeID?) {
        self.pin = pin
        type = submission.type
        exactAccount = ExactText(submission.account)
        attributes = submission.attributes
        exactAttributes = ExactText(TaskAttribute.text(of: submission.attributes))
        priority = submission.priority
        exactKey = submission.exclusiveKey.map { ExactText($0.text) }
        isOrdered = submission.exclusiveKey?.isOrdered ?? false
        attemptsMax = submission.attemptsMax
        retryDelay = submission.retryDelay
        self.submittedBy = submittedBy
    }
}

struct ClassEntry: Hashable, Sendable {
    var value: TaskClass
    /// Live tasks of the class.
    var tasks: UInt32 = 0
}

/// One live task.
struct TaskEntry: Hashable, Sendable {
    var taskClass: UInt64
    /// 0 while it is in none: failed and unknown tasks are.
    var lane: UInt64 = 0
    var state = TaskState.waiting
    var attempt: UInt16 = 0
    var failures: UInt16 = 0
    var interruptions: UInt16 = 0
    var payloadBytes: UInt32
    var acceptedAt: WallTime
    var since: WallTime
    /// Since when it waits; while it is delayed after a failure, when it will wait again.
    var queuedAt: Instant
    var notBefore: WallTime?
    var idempotencyKey: String?
    /// There is a record of where it stands.
    var isSaved = false
    var result: AttemptResult?
    /// The attempt that has ended with the result.
    var resultAttempt: UInt16 = 0
    var traces: [AttemptTrace] = []
}

/// Tasks that go the same way: those of one class, or those of one exclusive key.
struct Lane: Hashable, Sendable {
    enum Key: Hashable, Sendable {
        case plain(taskClass: UInt64)
        case exclusive(ExactText)
    }

    let key: Key
    var queue = TaskQueue()
    /// Tasks of it that nodes have.
    var outstanding: UInt32 = 0
    /// Tasks that wait, are delayed or are assigned through it.
    var references: UInt32 = 0
    /// Of an exclusive key: where its tasks are.
    var boundTo: Int?
    /// The task that stands in the heap of `group`: the head, or the one that goes in its place.
    var offered: TaskID?
    /// The head that `offered` goes in place of; nil when it is the head itself.
    var passed: TaskID?
    var group: Int?
    var rule = Decision.Rule.wholeSite
    /// For which class and state of the nodes it was placed, while no patience was over.
    var placed: Placed?
    /// The head whose patience is on the clock, and until when.
    var aging: Aging?

    struct Aging: Hashable, Sendable {
        var head: TaskID
        var until: Instant
    }

    struct Placed: Hashable, Sendable {
        var version: UInt64
        var taskClass: UInt64
        var isNarrow: Bool
    }

    /// What is needed of it to decide, without its queue: copying that would cost.
    struct Glance {
        var head: TaskID?
        var isExclusive: Bool
        var outstanding: UInt32
        var references: UInt32
        var boundTo: Int?
        var offered: TaskID?
        var group: Int?
        var placed: Placed?
    }

    var isExclusive: Bool {
        if case .exclusive = key { true } else { false }
    }

    /// The task is still the one to go, as it was when it was offered: nothing older has come back,
    /// and it is there.
    func isNext(_ task: TaskID) -> Bool {
        guard let passed else { return queue.first == task }
        return queue.first == passed && queue.contains(task)
    }

    var glance: Glance {
        Glance(
            head: queue.first,
            isExclusive: isExclusive,
            outstanding: outstanding,
            references: references,
            boundTo: boundTo,
            offered: offered,
            group: group,
            placed: placed
        )
    }
}

/// A set of nodes that tasks of one type may go to, and the lanes that wait for one of them.
struct Group: Hashable, Sendable {
    struct Key: Hashable, Sendable {
        var type: TaskType
        /// Places of the workers, sorted.
        var members: [Int]
        var acceptsOverloaded: Bool
    }

    /// A lane whose head waits here; out of date when the lane's `offered` or `group` differ.
    struct Waiting: Hashable, Comparable, Sendable {
        var priority: UInt8
        var task: TaskID
        var lane: UInt64

        /// The higher priority first, then the older task.
        static func < (left: Waiting, right: Waiting) -> Bool {
            if left.priority != right.priority { return left.priority > right.priority }
            return (left.task, left.lane) < (right.task, right.lane)
        }
    }

    let key: Key
    var waiting = BinaryHeap<Waiting>()
    /// Members with a free slot, and those that can only take one more to wait; sorted.
    var free: [Int] = []
    var spare: [Int] = []
    /// The member that got the last task: the next in sequence stands behind it.
    var last = -1
    /// Lanes whose `group` this is.
    var lanes: UInt32 = 0
}

enum Room: Hashable, Sendable {
    case none
    case spare
    case free
}

/// A node as work sees it.
struct Worker: Hashable, Sendable {
    let id: NodeID
    let seed: UInt64
    var view: WorkerView
    var overload: String?
    var overloadedSince: WallTime?
    /// People were told so, by this controller or the one before it.
    var isOverloadTold = false
    var loadPerProcessor: UInt32?
    var memoryPerMille: UInt32?
    var processors: UInt32 = 1
    /// Tasks it has, sorted.
    var tasks: [TaskID] = []
    var assigned: OrderedTable<HandlerName, UInt32> = OrderedTable()
    var rooms: OrderedTable<HandlerName, Room> = OrderedTable()
    /// Payload bytes on their way: those of tasks that were not told to have started.
    var unstartedBytes: UInt64 = 0
    /// It has turned tasks away: nothing is given to it until then.
    var refusedUntil: Instant?
    /// It could not write what it was given, and has shown no sign since that it can.
    var shortage: Shortage?
    /// It has told what it has since this controller started.
    var hasTold = false
    /// Since when it cannot be reached.
    var lostAt: Instant?
    /// What is declared idempotent was taken from it since it was lost.
    var isIdempotentTaken = false
    /// The one attempt whose output is on its way: what was heard of it is kept until it has ended.
    var outputOf: TaskAttempt?
    /// Its late results of the last hour.
    var late: LateNews?
    var groups: [Int] = []

    /// A node that has no room on its disk gives back all that it is given.
    struct Shortage: Hashable, Sendable {
        /// How long nothing is given to it: doubled when the next task comes back, too.
        var pause: Duration
        /// What the node said last, for people.
        var text: String
    }

    var assignedCount: UInt32 { UInt32(tasks.count) }

    func handler(for type: TaskType) -> HandlerReport? {
        view.handlers.values.first { $0.types.contains(type) }
    }
}

/// What the membership says of a node to those who direct work.
public struct WorkerView: Hashable, Sendable {
    public enum Standing: Hashable, Sendable {
        case working
        /// Nothing new is given to it; what it has stays. Why, for people.
        case resting(String)
        /// And what it has not started is taken back.
        case leaving(String)
        /// And what still runs is ended, to be given elsewhere.
        case ending(String)

        var obstacle: String? {
            switch self {
            case .working: nil
            case .resting(let reason), .leaving(let reason), .ending(let reason): reason
            }
        }
    }

    public var name: NodeName
    public var standing: Standing
    /// Why it runs no hooks; nil when it may. A run's steps act on standby sites, too, and on nodes
    /// that get no work.
    public var hookObstacle: String?
    /// Its site is in a drill.
    public var isInDrill: Bool
    public var token: FencingToken
    public var handlers: OrderedTable<HandlerName, HandlerReport>
    public var preferences: NodePreferences
    /// Counted for the site that is active.
    public var isOfActiveSite: Bool
    /// Its heartbeat is late: nothing is given to it, and nothing is taken from it either.
    public var isSuspect: Bool

    /// Why it runs no tasks of a drill; nil when it may.
    var sandboxObstacle: String? { isInDrill ? hookObstacle : "its site is in no drill" }
}

/// An attempt that a node has.
public struct Assignment: Hashable, Sendable {
    var worker: Int
    public internal(set) var attempt: UInt16
    public internal(set) var token: FencingToken
    public internal(set) var handler: HandlerName
    public internal(set) var delivery: DeliveryPolicy
    public internal(set) var decision: Decision
    /// The node has said that the handler was executed.
    public internal(set) var isStarted: Bool
    public internal(set) var cancel: CancelReason?
    /// Its handler was known as drainable when it was given: a node may leave it out of its exclusive
    /// floor, so that is no proof of it.
    public internal(set) var isDrainable: Bool
    /// Output that was heard, until the attempt has ended.
    var output = AttemptOutput()
}

/// What a node has told of an attempt's output: its last bytes.
struct AttemptOutput: Hashable, Sendable {
    /// Where the first byte that is here stands in the whole output.
    private var offset: UInt64 = 0
    private var bytes: [UInt8] = []

    /// Kept of one attempt.
    static let bytesMax = 1 << 20
    /// Beyond that, until it is cut: with each piece it would be moved as a whole.
    static let slack = 1 << 18

    mutating func append(_ data: [UInt8], at place: UInt64) {
        if bytes.isEmpty || place != offset + UInt64(bytes.count) {
            offset = place
            bytes = []
        }
        bytes += data
        if bytes.count > Self.bytesMax + Self.slack { self = cut }
    }

    private var cut: Self {
        let excess = bytes.count - Self.bytesMax
        guard excess > 0 else { return self }
        var cut = Self()
        cut.offset = offset + UInt64(excess)
        cut.bytes = Array(bytes.suffix(Self.bytesMax))
        return cut
    }

    /// The last bytes, and where the first of them stands in the whole output.
    var kept: (offset: UInt64, bytes: [UInt8]) {
        let cut = cut
        return (cut.offset, cut.bytes)
    }
}

/// A point in time at which a task or a lane is to be looked at.
struct Due: Hashable, Comparable, Sendable {
    var at: Instant
    var number: UInt64

    static func < (left: Due, right: Due) -> Bool {
        (left.at, left.number) < (right.at, right.number)
    }
}

/// How many tasks stand where.
public struct WorkCounts: Hashable, Sendable {
    public internal(set) var waiting: UInt64 = 0
    public internal(set) var delayed: UInt64 = 0
    public internal(set) var assigned: UInt64 = 0
    public internal(set) var failed: UInt64 = 0
    public internal(set) var unknown: UInt64 = 0
    /// Payload bytes of all of them.
    public internal(set) var bytes: UInt64 = 0
    /// What `task.queue.bytes` bounds: their payloads and texts, and something for each task and for
    /// each set of tasks that go the same way.
    public internal(set) var kept: UInt64 = 0
    /// Since this controller started.
    public internal(set) var accepted: UInt64 = 0
    public internal(set) var done: UInt64 = 0
    public internal(set) var cancelled: UInt64 = 0
    /// Attempts that were given out again after one that did not end by itself.
    public internal(set) var repeated: UInt64 = 0

    public init() {}

    /// Tasks that have not ended, in whatever state.
    public var live: UInt64 { waiting + delayed + assigned + failed + unknown }

    mutating func add(_ change: Int, to state: TaskState) {
        func changed(_ count: UInt64) -> UInt64 { UInt64(Int(count) + change) }
        switch state {
        case .waiting: waiting = changed(waiting)
        case .delayed: delayed = changed(delayed)
        case .assigned: assigned = changed(assigned)
        case .failed: failed = changed(failed)
        case .unknown: unknown = changed(unknown)
        case .done, .cancelled: break
        }
    }
}
