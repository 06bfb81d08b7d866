import API
import Model

/// Which tasks are meant, by what they are.
struct TaskFilter: Sendable {
    /// Any when empty.
    var states: [TaskStateArgument] = []
    /// Only those that can still change, or only those that cannot; nil for both.
    var isLive: Bool?
    var type: String?
    var account: String?
    var node: String?
    var since: SinceArgument?

    /// Tasks of one answer.
    static let pageMax = 1_000

    private func query(_ state: TaskStateArgument?) -> [(String, String?)] {
        var query: [(String, String?)] = [
            ("state", state?.rawValue), ("live", isLive.map { "\($0)" }), ("type", type),
            ("account", account), ("node", node),
        ]
        if let since { query.append(since.query) }
        return query
    }

    /// The newest of them, as one answer.
    ///
    /// The interface knows one state at a time, and one request looks through so many tasks only:
    /// pages are asked for until there are enough.
    func newest(_ limit: Int, _ session: Session) async throws -> Answer<TaskPage> {
        var found: [TaskSummary] = []
        var asOf: String?
        var single: Answer<TaskPage>?
        var requests = 0
        var hasMore = false
        var isWhole = true
        for state in states.isEmpty ? [nil] : states.map(Optional.some) {
            var after: UInt64?
            var count = 0
            repeat {
                let size = min(Self.pageMax, limit - count)
                let answer: Answer<TaskPage> = try await session.client.get(
                    Route.listTasks.path,
                    query: query(state) + [
                        ("after", after.map { "\($0)" }), ("limit", "\(size)"),
                    ]
                )
                requests += 1
                single = answer
                // The oldest look tells how old what is shown may be.
                asOf = asOf ?? answer.value.asOf
                let fitting = answer.value.tasks.filter { isLive == nil || $0.live == isLive }
                isWhole = isWhole && fitting.count == answer.value.tasks.count
                found += fitting
                count += fitting.count
                after = answer.value.next
            } while count < limit && after != nil
            if after != nil { hasMore = true }
        }
        if requests == 1, isWhole, let single { return single }
        var page = Self.merged(found, limit: limit, asOf: asOf ?? TimeText.now().iso8601)
        if !hasMore && found.count <= limit { page.next = nil }
        return Answer(
            value: page,
            asOf: WallTime(iso8601: page.asOf) ?? TimeText.now(),
            json: try JSONLine.bytes(page)
        )
    }

    /// A task that changed its state between two requests is in both: the later one holds.
    static func merged(_ found: [TaskSummary], limit: Int, asOf: String) -> TaskPage {
        var tasks: [UInt64: TaskSummary] = [:]
        for task in found { tasks[task.id] = task }
        let newest = tasks.values.sorted { $0.id > $1.id }.prefix(limit)
        return TaskPage(asOf: asOf, tasks: Array(newest), next: newest.last?.id)
    }
}
