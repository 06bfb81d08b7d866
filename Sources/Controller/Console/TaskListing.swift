import API
import ControllerCore
import Model
import Protocol
import Store

/// What of the tasks is asked for.
struct TaskQuery: Sendable {
    var state: TaskState?
    var type: TaskType?
    var account: String?
    var node: NodeName?
    /// Accepted at this time or later.
    var since: WallTime?
    /// Those that can still change, or those that cannot; nil for both.
    var isLive: Bool?

    func matches(_ view: TaskView) -> Bool {
        (state == nil || view.state == state)
            && (node == nil || (view.node ?? view.traces.last?.node) == node)
            && matches(view.submission, view.acceptedAt)
    }

    func matches(_ record: TaskEndRecord) -> Bool {
        (state == nil || record.state == state) && (node == nil || record.node == node)
            && matches(record.submission, record.acceptedAt)
    }

    private func matches(_ submission: TaskSubmission, _ acceptedAt: WallTime) -> Bool {
        (type == nil || submission.type == type)
            && (account == nil || submission.account == account)
            && (since == nil || acceptedAt >= since!)
    }

    /// Tasks in this state can be live, or can have ended for good.
    var asksForLive: Bool {
        isLive != false && state.map { $0 != .done && $0 != .cancelled } ?? true
    }
    var asksForEnded: Bool {
        // What was resolved as failed is looked for only by who asks for what has ended.
        isLive != true && (isLive == false || state?.isEnded ?? true)
    }
}

/// A page of tasks, newest first: the live ones of the machine and the ended ones of the store, in
/// one order.
///
/// The live ones of a stretch of numbers are read before the ended ones of it: a task that ends in
/// between is seen twice, and shown as ended, but never missed.
struct TaskListing {
    /// Live tasks that are looked at in one visit to the thread that decides, and visits of one
    /// request; rows of the history that are read at once, and of one request.
    struct Limits: Sendable {
        var liveAtOnce = 2_000
        var liveVisits = 25
        var endedAtOnce = 500
        var endedReads = 40
    }

    /// A stretch of live tasks: those that matched, newest first, and the lowest number that was
    /// looked at; nil when there is nothing below.
    struct Stretch: Sendable {
        var tasks: [TaskView] = []
        var down: TaskID?
    }

    let query: TaskQuery
    let limit: Int
    var limits = Limits()
    var readLive: @Sendable (TaskID?, TaskQuery, _ looks: Int, _ count: Int) async -> Stretch
    var readEnded: (_ after: TaskID?, _ before: TaskID?, Int) throws -> [TaskEndRecord]

    /// - Parameter before: the tasks below this number.
    /// - Returns: the tasks, and where the next page begins; nil when nothing follows.
    func page(before: TaskID?) async throws -> (tasks: [TaskSummary], next: TaskID?) {
        var found: [TaskSummary] = []
        var before = before
        var visits = query.asksForLive ? limits.liveVisits : 1
        var reads = limits.endedReads
        while true {
            guard visits > 0 else { return (found, before) }
            visits -= 1
            let live =
                query.asksForLive
                ? await readLive(before, query, limits.liveAtOnce, limit + 1) : Stretch()
            // The ended ones of the same stretch, from its upper end down to its lower.
            var ended: [TaskSummary] = []
            var upper = before
            var isWhole = !query.asksForEnded
            while !isWhole, reads > 0, ended.count <= limit {
                reads -= 1
                let floor = live.down.map { TaskID($0.number == 0 ? 0 : $0.number - 1) }
                let rows = try readEnded(floor, upper, limits.endedAtOnce)
                ended += rows.lazy.filter(query.matches).map { TaskSummary($0) }
                if let last = rows.last { upper = last.id }
                isWhole = rows.count < limits.endedAtOnce
            }
            // Below this nothing is known yet.
            let known = isWhole ? live.down : upper
            found += Self.merged(live.tasks.map { TaskSummary($0) }, ended, downTo: known)
            if found.count > limit {
                found.removeLast(found.count - limit)
                return (found, found.last.map { TaskID($0.id) })
            }
            guard let known else { return (found, nil) }
            before = known
            if found.count == limit || reads == 0 { return (found, before) }
        }
    }

    private static func merged(
        _ live: [TaskSummary],
        _ ended: [TaskSummary],
        downTo known: TaskID?
    ) -> [TaskSummary] {
        var merged: [TaskSummary] = []
        var live = live[...]
        for task in ended {
            while let next = live.first, next.id > task.id { merged.append(live.removeFirst()) }
            if live.first?.id == task.id { live.removeFirst() }
            merged.append(task)
        }
        merged += live
        guard let known else { return merged }
        return merged.filter { $0.id >= known.number }
    }
}

extension WorkMachine {
    /// The live tasks below a number: so many are looked at, and so many taken at most.
    func stretch(
        before: TaskID?,
        _ query: TaskQuery,
        looks: Int,
        count: Int
    ) -> TaskListing.Stretch {
        var stretch = TaskListing.Stretch()
        var looked = 0
        forEachTaskBackwards(before: before) { view in
            looked += 1
            if query.matches(view) { stretch.tasks.append(view) }
            guard looked < looks, stretch.tasks.count < count else {
                stretch.down = view.id
                return false
            }
            return true
        }
        return stretch
    }
}
