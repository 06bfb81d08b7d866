/// `POST /sites`. Answered by ``ChangeDone``.
public struct AddSiteRequest: ChangeRequest {
    public var name: String
    public var reason: String?
    public var force: Bool?

    public init(name: String, reason: String? = nil, force: Bool? = nil) {
        self.name = name
        self.reason = reason
        self.force = force
    }
}

/// `PUT /sites/{name}/minimum`. Answered by ``ChangeDone``.
public struct SetMinimumRequest: ChangeRequest {
    /// Fewer Online nodes than this is a problem; 0 for none.
    public var minimum: UInt32
    public var reason: String?
    public var force: Bool?

    public init(minimum: UInt32, reason: String? = nil, force: Bool? = nil) {
        self.minimum = minimum
        self.reason = reason
        self.force = force
    }
}

/// `PUT /sites/{name}/form`. Answered by ``ChangeDone``.
public struct SetFormRequest: ChangeRequest {
    /// `cold` or `warm`.
    public var form: String
    public var reason: String?
    public var force: Bool?

    public init(form: String, reason: String? = nil, force: Bool? = nil) {
        self.form = form
        self.reason = reason
        self.force = force
    }
}

/// The answer to `GET /sites/{name}/readiness`: may this site take over now?
public struct SiteReadiness: Codable, Hashable, Sendable {
    public var asOf: String
    public var site: String
    /// `active` or `standby`.
    public var role: String
    /// None of the findings is blocking.
    public var ready: Bool
    public var findings: [ReadinessFinding]

    public init(asOf: String, site: String, role: String, findings: [ReadinessFinding]) {
        self.asOf = asOf
        self.site = site
        self.role = role
        ready = !findings.contains { $0.level == "blocking" }
        self.findings = findings
    }
}

public struct ReadinessFinding: Codable, Hashable, Sendable {
    /// `nodes`, `pairs`, `services`, `handlers`, `drift`, `capacity`, `clocks`, `shared-paths`,
    /// `endpoints`, `configuration`, `drill`, `role`, `run`, `authority`, `automatic`,
    /// `restore`.
    public var topic: String
    /// `fine`, `warning` or `blocking`.
    public var level: String
    public var text: String
    /// What to do about it; may be empty.
    public var mend: String

    public init(topic: String, level: String, text: String, mend: String = "") {
        self.topic = topic
        self.level = level
        self.text = text
        self.mend = mend
    }
}

/// `POST /pairs`. Answered by ``ChangeDone``.
public struct PairNodesRequest: ChangeRequest {
    /// It takes over the local configuration of the production node.
    public var standby: String
    /// A node of another site.
    public var production: String
    public var reason: String?
    public var force: Bool?

    public init(
        standby: String,
        production: String,
        reason: String? = nil,
        force: Bool? = nil
    ) {
        self.standby = standby
        self.production = production
        self.reason = reason
        self.force = force
    }
}

public struct NodePair: Codable, Hashable, Sendable {
    public var standby: String
    public var standbySite: String
    public var standbyStatus: String
    public var production: String
    public var productionSite: String
    public var productionStatus: String

    public init(
        standby: String,
        standbySite: String,
        standbyStatus: String,
        production: String,
        productionSite: String,
        productionStatus: String
    ) {
        self.standby = standby
        self.standbySite = standbySite
        self.standbyStatus = standbyStatus
        self.production = production
        self.productionSite = productionSite
        self.productionStatus = productionStatus
    }
}

/// The answer to `GET /pairs`.
public struct PairList: Codable, Hashable, Sendable {
    public var asOf: String
    public var pairs: [NodePair]
    /// Joined nodes in no pair, when there is more than one site.
    public var unpaired: [UnpairedNode]

    public init(asOf: String, pairs: [NodePair], unpaired: [UnpairedNode]) {
        self.asOf = asOf
        self.pairs = pairs
        self.unpaired = unpaired
    }
}

public struct UnpairedNode: Codable, Hashable, Sendable {
    public var node: String
    public var site: String
    public var status: String

    public init(node: String, site: String, status: String) {
        self.node = node
        self.site = site
        self.status = status
    }
}
