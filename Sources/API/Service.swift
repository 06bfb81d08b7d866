/// One service of one node.
public struct ServiceDetail: Codable, Hashable, Sendable {
    public var node: String
    public var site: String
    public var name: String
    public var group: String
    /// Place in the order of starting.
    public var order: UInt32
    /// The node is Online only while it runs.
    public var required: Bool
    /// Stopped by its leash when the node's lease ends.
    public var selfFenced: Bool
    /// `stopped`, `starting`, `running`, `stopping`, `backoff` or `failed`; `unknown` when the
    /// node cannot be reached.
    public var state: String
    /// What it should be: running or not.
    public var wanted: Bool
    public var processID: UInt32?
    /// Starts since it was last told to start.
    public var restarts: UInt32
    /// Why it is in this state; may be empty.
    public var detail: String
    /// How long it has been in this state.
    public var inStateMilliseconds: UInt64
    /// How old this report is: the age of the node's last heartbeat.
    public var ageMilliseconds: UInt64?
    public var checks: [CheckDetail]

    public init(
        node: String,
        site: String,
        name: String,
        group: String,
        order: UInt32,
        required: Bool,
        selfFenced: Bool,
        state: String,
        wanted: Bool,
        processID: UInt32? = nil,
        restarts: UInt32 = 0,
        detail: String = "",
        inStateMilliseconds: UInt64 = 0,
        ageMilliseconds: UInt64? = nil,
        checks: [CheckDetail] = []
    ) {
        self.node = node
        self.site = site
        self.name = name
        self.group = group
        self.order = order
        self.required = required
        self.selfFenced = selfFenced
        self.state = state
        self.wanted = wanted
        self.processID = processID
        self.restarts = restarts
        self.detail = detail
        self.inStateMilliseconds = inStateMilliseconds
        self.ageMilliseconds = ageMilliseconds
        self.checks = checks
    }
}

/// One health check of a service.
public struct CheckDetail: Codable, Hashable, Sendable {
    public var name: String
    /// `process`, `command`, `tcp` or `http`.
    public var kind: String
    /// `unknown`, `passing` or `failing`.
    public var state: String
    /// Of its last run, cut to 1 000 bytes.
    public var output: String
    public var tookMilliseconds: UInt64
    /// Of its last run.
    public var ageMilliseconds: UInt64

    public init(
        name: String,
        kind: String,
        state: String,
        output: String,
        tookMilliseconds: UInt64,
        ageMilliseconds: UInt64
    ) {
        self.name = name
        self.kind = kind
        self.state = state
        self.output = output
        self.tookMilliseconds = tookMilliseconds
        self.ageMilliseconds = ageMilliseconds
    }
}

/// The answer to `GET /services`, by node, then in the order of starting.
///
/// Query: `node`, `site`, `state`, `name`, each may be left out.
public struct ServiceList: Codable, Hashable, Sendable {
    public var asOf: String
    public var services: [ServiceDetail]

    public init(asOf: String, services: [ServiceDetail]) {
        self.asOf = asOf
        self.services = services
    }
}

/// `POST /services/action`. Answered by ``ChangeDone`` with one order for each node.
public struct ServiceActionRequest: ChangeRequest {
    /// `start`, `stop` or `restart`.
    public var action: String
    /// Exactly one of `service` and `all: true` is given.
    public var service: String?
    public var all: Bool?
    public var nodes: [String]
    public var reason: String?
    public var force: Bool?

    public init(
        action: String,
        service: String? = nil,
        all: Bool? = nil,
        nodes: [String],
        reason: String? = nil,
        force: Bool? = nil
    ) {
        self.action = action
        self.service = service
        self.all = all
        self.nodes = nodes
        self.reason = reason
        self.force = force
    }
}
