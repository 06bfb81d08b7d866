/// `POST /nodes`: a node is invited and a join token made for it.
public struct AddNodeRequest: ChangeRequest {
    public var name: String
    /// The active site when left out.
    public var site: String?
    /// Where it will be reached; unique among members.
    public var address: String?
    /// Of the token; 15 minutes when left out, at most 24 hours.
    public var lifetimeMilliseconds: UInt64?
    public var reason: String?
    public var force: Bool?

    public init(
        name: String,
        site: String? = nil,
        address: String? = nil,
        lifetimeMilliseconds: UInt64? = nil,
        reason: String? = nil,
        force: Bool? = nil
    ) {
        self.name = name
        self.site = site
        self.address = address
        self.lifetimeMilliseconds = lifetimeMilliseconds
        self.reason = reason
        self.force = force
    }
}

public struct AddedNode: Codable, Hashable, Sendable {
    public var asOf: String
    public var node: NodeSummary
    /// For `muster-agent join`.
    public var token: CreatedToken

    public init(asOf: String, node: NodeSummary, token: CreatedToken) {
        self.asOf = asOf
        self.node = node
        self.token = token
    }
}

/// `DELETE /nodes`: all of them or none. Answered by ``ChangeDone``; a node that is reachable is
/// drained first, and is gone when `GET /nodes/{name}` answers `unknown-name` or membership
/// `removed`.
public struct RemoveNodesRequest: ChangeRequest {
    public var names: [String]
    public var reason: String?
    /// Though a node cannot be reached, so that its services may still run, or its site falls below
    /// the minimum.
    public var force: Bool?

    public init(names: [String], reason: String? = nil, force: Bool? = nil) {
        self.names = names
        self.reason = reason
        self.force = force
    }
}

/// `POST /nodes/{name}/drain`.
public struct DrainRequest: ChangeRequest {
    /// 10 minutes when left out.
    public var withinMilliseconds: UInt64?
    /// Only no new work; its services go on.
    public var keepServices: Bool?
    public var reason: String?
    /// Even when it takes its site below the minimum.
    public var force: Bool?

    public static let withinMillisecondsDefault: UInt64 = 600_000

    public init(
        withinMilliseconds: UInt64? = nil,
        keepServices: Bool? = nil,
        reason: String? = nil,
        force: Bool? = nil
    ) {
        self.withinMilliseconds = withinMilliseconds
        self.keepServices = keepServices
        self.reason = reason
        self.force = force
    }
}

/// `POST /nodes/{name}/maintenance`.
public struct MaintenanceRequest: ChangeRequest {
    /// Who is at work; the one who asks when left out.
    public var owner: String?
    public var forMilliseconds: UInt64
    public var keepServices: Bool?
    /// Demanded.
    public var reason: String?
    public var force: Bool?

    public init(
        owner: String? = nil,
        forMilliseconds: UInt64,
        keepServices: Bool? = nil,
        reason: String? = nil,
        force: Bool? = nil
    ) {
        self.owner = owner
        self.forMilliseconds = forMilliseconds
        self.keepServices = keepServices
        self.reason = reason
        self.force = force
    }
}
