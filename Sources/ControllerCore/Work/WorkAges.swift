public import Model

/// Since when the longest-standing task of each state stands there.
///
/// A heap for each state, into which a task goes when it comes into the state; what has left it is
/// dropped when it comes to the top, or when there is more of it than of what is true.
struct WorkAges: Hashable, Sendable {
    struct Entry: Hashable, Comparable, Sendable {
        var since: WallTime
        var task: TaskID

        static func < (left: Entry, right: Entry) -> Bool {
            left.since == right.since ? left.task < right.task : left.since < right.since
        }
    }

    private var heaps: OrderedTable<String, BinaryHeap<Entry>> = OrderedTable()

    /// States in which a task can be live.
    static let states = TaskState.allCases.filter { $0 != .done && $0 != .cancelled }
    /// Out-of-date entries that are kept beside the true ones.
    private static let staleMax = 1_024

    func first(_ state: TaskState) -> Entry? { heaps[state.rawValue]?.first }

    /// Entries that are held, out-of-date ones too.
    func count(_ state: TaskState) -> Int { heaps[state.rawValue]?.count ?? 0 }

    mutating func insert(_ entry: Entry, _ state: TaskState) {
        guard heaps.update(state.rawValue, { $0.insert(entry) }) == nil else { return }
        var heap = BinaryHeap<Entry>()
        heap.insert(entry)
        heaps[state.rawValue] = heap
    }

    /// Afterwards the first of each state is true.
    ///
    /// - Parameter counts: how many tasks are in each state.
    mutating func settle(
        count: (TaskState) -> UInt64,
        isTrue: (Entry, TaskState) -> Bool
    ) {
        for state in Self.states {
            heaps.update(state.rawValue) { heap in
                while let first = heap.first, !isTrue(first, state) { _ = heap.removeFirst() }
                if heap.count > 2 * Int(count(state)) + Self.staleMax {
                    heap.removeAll { !isTrue($0, state) }
                }
            }
        }
    }

    /// With nothing but the first of each state.
    var firsts: WorkAges {
        var firsts = WorkAges()
        for state in Self.states {
            if let first = first(state) { firsts.insert(first, state) }
        }
        return firsts
    }
}

extension WorkMachine {
    /// Since when the longest-standing task of a state stands there; nil when there is none.
    public func oldest(_ state: TaskState) -> WallTime? { ages.first(state)?.since }

    mutating func settleAges() {
        ages.settle(
            count: { [counts] in counts.count(of: $0) },
            isTrue: { [tasks] entry, state in
                tasks[entry.task.number].map { $0.state == state && $0.since == entry.since }
                    ?? false
            }
        )
    }

    mutating func noteAge(_ id: TaskID) {
        guard let entry = tasks[id.number] else { return }
        ages.insert(WorkAges.Entry(since: entry.since, task: id), entry.state)
    }

    /// A copy to look at, without the tasks: of those there may be a million, and whoever holds a
    /// copy of them makes the next change of the original slow.
    var withoutTasks: WorkMachine {
        var copy = self
        copy.tasks = PagedTable()
        copy.classes = PagedTable()
        copy.classNumbers = [:]
        copy.recentKeys = [:]
        copy.recentKeyOrder = []
        copy.recentKeysFrom = 0
        copy.delayed = BinaryHeap()
        copy.lanes = PagedTable()
        copy.laneNumbers = [:]
        copy.groups = []
        copy.freeGroups = []
        copy.groupPlaces = [:]
        copy.aging = BinaryHeap()
        copy.ages = ages.firsts
        return copy
    }
}

extension WorkCounts {
    public func count(of state: TaskState) -> UInt64 {
        switch state {
        case .waiting: waiting
        case .delayed: delayed
        case .assigned: assigned
        case .failed: failed
        case .unknown: unknown
        case .done, .cancelled: 0
        }
    }
}

extension ControllerMachine {
    /// A copy to look at: everything but the tasks. It is not to be stepped.
    public var withoutTasks: ControllerMachine {
        var copy = self
        copy.work = work.withoutTasks
        return copy
    }
}
