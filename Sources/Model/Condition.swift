/// What a node says of itself.
public enum Health: String, Hashable, Sendable, CaseIterable {
    case healthy
    /// Something is wrong that does not keep the node from working: an optional service, pressure.
    case degraded
    /// A required service does not run, or the agent cannot do its own work.
    case failing
}

/// What the controller can tell of the way to a node.
public enum Reachability: String, Hashable, Sendable, CaseIterable {
    case reachable
    /// Heartbeats are late, not late enough to say that the node is gone.
    case suspect
    case unreachable
}

/// What operators read. Online: reachable and every required service running.
public enum NodeStatus: String, Hashable, Sendable, CaseIterable {
    case online
    case offline
}

/// Where a node stands in its life as a member.
///
///     invited → joined → removing → removed
public enum Membership: String, Hashable, Sendable, CaseIterable {
    /// Added by an operator; its agent has not enrolled yet.
    case invited
    /// Has a certificate of the cluster.
    case joined
    /// Being drained and stopped before its credential is revoked.
    case removing
    /// Tombstone: the credential is revoked; its name is free; its local configuration is kept.
    case removed
}

public enum SiteRole: String, Hashable, Sendable, CaseIterable {
    /// Its services run and have the traffic. At most one site.
    case active
    case standby
}

/// State of one supervised program.
public enum ServiceState: String, Hashable, Sendable, CaseIterable {
    case stopped
    /// Its start command was run; its checks have not passed yet.
    case starting
    case running
    case stopping
    /// Ended by itself; waits for its restart back-off.
    case backoff
    /// Ended by itself and will not be restarted without an order.
    case failed
}

public enum CheckState: String, Hashable, Sendable, CaseIterable {
    /// Not run yet, or its result is too old.
    case unknown
    case passing
    case failing
}

/// What an operator may do. Each includes the one before.
public enum OperatorRole: String, Hashable, Sendable, CaseIterable, Comparable {
    case viewer
    case `operator`
    case admin

    public static func < (left: OperatorRole, right: OperatorRole) -> Bool {
        left.rank < right.rank
    }

    private var rank: Int {
        switch self {
        case .viewer: 0
        case .operator: 1
        case .admin: 2
        }
    }
}
