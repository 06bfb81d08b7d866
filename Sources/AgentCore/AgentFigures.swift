public import Model
public import Protocol

/// What an agent is like at one moment, in numbers: for who watches it from outside.
public struct AgentFigures: Hashable, Sendable {
    public struct Service: Hashable, Sendable {
        public var name: ServiceName
        public var state: ServiceState
        /// Starts by itself since it was last told to start.
        public var restarts: UInt32
    }

    public var isMember: Bool
    /// A session stands and everything was told in it.
    public var isInSession: Bool
    public var role: SiteRole?
    public var health: Health
    public var standing: NodeStanding?
    public var services: [Service]
    /// How many checks are in each state, in the order of ``CheckState``'s cases.
    public var checks: [Int]
    public var leaseEnd: Instant?
    /// Connections that were tried, from 1.
    public var dials: UInt64
    /// Services and tasks of which a process may exist, each under its leash.
    public var leashes: Int
    public var tasksWaiting: Int
    public var tasksRunning: Int
    /// Ended and not yet taken by a controller.
    public var tasksEnded: Int
    /// Tasks that may run at once, of all handlers.
    public var slots: Int
    /// Submissions that wait for a controller, and those kept on the node.
    public var submissionsPending: Int
    public var submissionsSpooled: Int
    /// The last sample.
    public var load: Load?
    /// Orders and sessions wait for the memory to be durable.
    public var isStateWritable: Bool
}

extension AgentMachine {
    public var figures: AgentFigures {
        var checks = [Int](repeating: 0, count: CheckState.allCases.count)
        var held = strays.count
        for service in services.values {
            if service.held != nil { held += 1 }
            for check in service.checks {
                if let place = CheckState.allCases.firstIndex(of: check.state) {
                    checks[place] += 1
                }
            }
        }
        let running = bench.live.count - bench.waitingCount
        return AgentFigures(
            isMember: configuration.identity != nil,
            isInSession: isInSession,
            role: memory.role,
            health: health,
            standing: memory.standing,
            services: servicesInOrder.map {
                AgentFigures.Service(
                    name: $0.definition.name,
                    state: $0.state,
                    restarts: $0.restarts
                )
            },
            checks: checks,
            leaseEnd: leaseEnd,
            dials: links,
            leashes: held + running,
            tasksWaiting: bench.waitingCount,
            tasksRunning: running,
            tasksEnded: bench.ended.count,
            slots: bench.handlers.values.reduce(0) { $0 + Int($1.slots) },
            submissionsPending: desk.pending.count,
            submissionsSpooled: desk.spool.count,
            load: sample?.load,
            isStateWritable: isStateWritable && bench.journal.isWritable
        )
    }
}
