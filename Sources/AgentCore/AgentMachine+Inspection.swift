public import Model
public import Protocol

/// What may be looked at from outside: by the shell for its own commands, by tests and checkers.
extension AgentMachine {
    /// Nothing at or below it runs here; see the heartbeat's `floor`.
    public var stopStatement: FencingToken? { floor }

    /// The highest token that is remembered, and the highest that is durable.
    public var highestToken: FencingToken { memory.highest }
    public var durableToken: FencingToken { authority }

    public var incarnation: UInt64 { memory.incarnation }
    public var siteRole: SiteRole? { memory.role }
    public var nodeHealth: Health { health }
    /// End of the lease, if there is one.
    public var leaseEnd: Instant? { lease.end }
    /// A session stands and everything was told in it.
    public var isInSession: Bool { session?.nextBeatAt != nil }

    /// Every service as it would be reported now, in the order of starting.
    public func serviceReports(at now: Instant) -> [ServiceReport] {
        servicesInOrder.map { report(of: $0, at: now) } + strayReports(at: now)
    }

    /// All that the journal of tasks must hold now.
    public var taskJournalSnapshot: [TaskJournalEntry] { bench.journalSnapshot }

    /// Every attempt that the node has, in the order of their numbers.
    public var heldAttempts: [(attempt: TaskAttempt, phase: HoldingPhase)] {
        bench.live.map { ($0.0, $0.1.holdingPhase) } + bench.ended.keys.map { ($0, .ended) }
    }

    /// Submissions that wait for a controller's answer, and those that are kept on the node.
    public var submissionCounts: (pending: Int, spooled: Int) {
        (desk.pending.count, desk.spool.count)
    }

    /// Every launch of which something may exist, with its token.
    public var heldLaunches: [(launch: LaunchID, token: FencingToken)] {
        services.values.compactMap { service in
            service.held.map { ($0.launch, $0.token) }
        } + strays.map { ($0.0, $0.1.token) }
    }
}
