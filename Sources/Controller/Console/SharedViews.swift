import API
import Host
import Model

/// What followers are shown, computed once for all who ask at about the same time: a change that
/// hundreds follow is looked at once, and not hundreds of times.
actor SharedViews {
    struct Views: Sendable {
        /// As of nobody in particular: whose it is, each follower fills in.
        var status: ClusterStatus
        var nodes: [NodeSummary]
    }

    private let look: @Sendable () async throws -> Views
    private var latest: (begunAt: Instant, task: Task<Views, any Error>)?

    init(_ look: @escaping @Sendable () async throws -> Views) {
        self.look = look
    }

    /// - Parameter moment: everything that was so by then is in what is returned.
    func views(notBefore moment: Instant) async throws -> Views {
        if let latest, latest.begunAt >= moment { return try await latest.task.value }
        let begunAt = BootClock.now()
        let task = Task { [look] in try await look() }
        latest = (begunAt, task)
        return try await task.value
    }
}
