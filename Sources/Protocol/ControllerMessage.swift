public import Model

/// What a controller says to an agent, or to one who wants to become one.
public enum ControllerMessage: Hashable, Sendable {
    /// The authority's certificate (DER in base64), for a pin to be checked against, and the
    /// controller's clock.
    case authority(certificate: String, cluster: ClusterID, wall: WallTime)
    case enrolled(Enrolled)
    case welcome(Welcome)
    case lease(Lease)
    /// The heartbeat was heard and is not answered with a lease, because the controller itself is
    /// not sure that it may grant one (tilt, a store that is late).
    case alive(sequence: UInt64, sent: Int64, standing: NodeStanding? = nil)
    /// The site's part has changed, the authority's epoch, or a drill of the standby site has begun or
    /// ended: `drill` is its number.
    case role(
        SiteRole,
        token: FencingToken,
        drill: UInt64? = nil,
        drains: FencingToken? = nil
    )
    case start(ServiceOrder)
    case stop(ServiceOrder)
    case restart(ServiceOrder)
    /// Run every preflight check of the node and tell each finding.
    case preflight(order: UInt64, token: FencingToken)
    case probe(Probe)
    /// The settings that hold for this node follow, `count` of them.
    case config(version: UInt64, count: UInt32)
    case set(Setting)
    case renewed(certificate: String, issuer: String)
    /// A request was turned down; the session goes on.
    case refused(verb: String, code: RefusalCode, text: String)
    /// The connection is closed after this line.
    case error(code: RefusalCode, text: String)
    /// The controller stops; another may be tried at once, this one after `retry`.
    case bye(reason: ByeReason, retry: Duration)
    case work(ControllerWorkMessage)
    case comparing(ControllerComparingMessage)
    case data(ControllerDataMessage)
}

public struct Enrolled: Hashable, Sendable {
    public var node: NodeID
    public var name: NodeName
    public var site: SiteName
    public var cluster: ClusterID
    /// The node's certificate and the issuing one, DER in base64.
    public var certificate: String
    public var issuer: String

    public init(
        node: NodeID,
        name: NodeName,
        site: SiteName,
        cluster: ClusterID,
        certificate: String,
        issuer: String
    ) {
        self.node = node
        self.name = name
        self.site = site
        self.cluster = cluster
        self.certificate = certificate
        self.issuer = issuer
    }
}

/// The start of a session: who the node is, under which token it acts, and the times it keeps.
public struct Welcome: Hashable, Sendable {
    public var version: UInt16
    public var cluster: ClusterID
    public var node: NodeID
    public var name: NodeName
    public var site: SiteName
    public var role: SiteRole
    /// The drill in which a standby site is; nil outside of any.
    public var drill: UInt64?
    /// Attempts of drainable handlers under this token or a later one may go on; nil when only those
    /// under `token` may.
    public var drains: FencingToken?
    /// Epoch and node session under which orders will come.
    public var token: FencingToken
    /// To be made durable before READY is sent; shown in the next HELLO.
    public var nonce: String
    public var heartbeatInterval: Duration
    public var loadInterval: Duration
    /// When to try again after a loss: uniformly within this time.
    public var spread: Duration
    public var wall: WallTime
    /// Of the controller's store: it holds all of that; nil from a controller that does not say.
    public var revision: UInt64?

    public init(
        version: UInt16,
        cluster: ClusterID,
        node: NodeID,
        name: NodeName,
        site: SiteName,
        role: SiteRole,
        drill: UInt64? = nil,
        drains: FencingToken? = nil,
        token: FencingToken,
        nonce: String,
        heartbeatInterval: Duration,
        loadInterval: Duration,
        spread: Duration,
        wall: WallTime,
        revision: UInt64? = nil
    ) {
        self.version = version
        self.cluster = cluster
        self.node = node
        self.name = name
        self.site = site
        self.role = role
        self.drill = drill
        self.drains = drains
        self.token = token
        self.nonce = nonce
        self.heartbeatInterval = heartbeatInterval
        self.loadInterval = loadInterval
        self.spread = spread
        self.wall = wall
        self.revision = revision
    }
}

/// The answer to a heartbeat: the right to act until `sent + length` on the agent's own clock.
public struct Lease: Hashable, Sendable {
    public var sequence: UInt64
    /// The heartbeat's own `sent`, given back unchanged.
    public var sent: Int64
    /// A lease for another incarnation is ignored.
    public var incarnation: UInt64
    public var length: Duration
    public var token: FencingToken
    /// Attempts whose output so far is wanted, at most ``WorkLimits/watchedMax``; only in a session
    /// with tasks.
    public var watched: [WatchedAttempt]
    /// What keeps new work from the node; nil when nothing does.
    public var standing: NodeStanding?
    /// As in ``Welcome/revision``.
    public var revision: UInt64?

    public init(
        sequence: UInt64,
        sent: Int64,
        incarnation: UInt64,
        length: Duration,
        token: FencingToken,
        watched: [WatchedAttempt] = [],
        standing: NodeStanding? = nil,
        revision: UInt64? = nil
    ) {
        self.sequence = sequence
        self.sent = sent
        self.incarnation = incarnation
        self.length = length
        self.token = token
        self.watched = watched
        self.standing = standing
        self.revision = revision
    }
}

public struct ServiceOrder: Hashable, Sendable {
    /// Counts over the life of the cluster; an order may be repeated freely.
    public var order: UInt64
    public var token: FencingToken
    public var service: ServiceName

    public init(order: UInt64, token: FencingToken, service: ServiceName) {
        self.order = order
        self.token = token
        self.service = service
    }
}

/// Half of the proof that a shared path is the same on every node: one writes a marker, the others
/// read it.
public struct Probe: Hashable, Sendable {
    public enum Action: String, Hashable, Sendable, CaseIterable {
        case write
        case read
        case remove
    }

    public var order: UInt64
    public var token: FencingToken
    public var action: Action
    /// One of the paths that the node itself lists as shared; any other is refused.
    public var path: String
    public var marker: String

    public init(order: UInt64, token: FencingToken, action: Action, path: String, marker: String) {
        self.order = order
        self.token = token
        self.action = action
        self.path = path
        self.marker = marker
    }
}

/// A value of the cluster's configuration as it holds for one node.
public struct Setting: Hashable, Sendable {
    public enum Scope: String, Hashable, Sendable, CaseIterable {
        case cluster
        case site
        case node
    }

    public var key: String
    public var value: String
    public var scope: Scope

    public init(key: String, value: String, scope: Scope) {
        self.key = key
        self.value = value
        self.scope = scope
    }
}

extension Setting {
    /// Under which name a setting `env.NAME` stands in the environment of programs:
    /// `MUSTER_SET_NAME`. The prefix is ours, because there are too many names by which a variable
    /// changes what a program *is* to forbid them one by one; what it means is the program's to
    /// say. Nil for every other setting.
    public var environmentName: String? {
        guard key.hasPrefix("env.") else { return nil }
        let name = String(key.dropFirst(4))
        let bytes = name.utf8
        guard let first = bytes.first, bytes.count <= 128, !(48...57).contains(first),
            bytes.allSatisfy({
                (65...90).contains($0) || (97...122).contains($0) || (48...57).contains($0)
                    || $0 == 95
            })
        else { return nil }
        return "MUSTER_SET_" + name
    }
}

extension ControllerMessage {
    public init(_ line: Line) throws(MessageError) {
        let fields = FieldReader(line)
        switch line.verb {
        case "AUTHORITY":
            self = .authority(
                certificate: try fields.text("certificate"),
                cluster: try fields.name("cluster"),
                wall: try fields.time("wall")
            )
        case "ENROLLED": self = .enrolled(try Enrolled(fields))
        case "WELCOME": self = .welcome(try Welcome(fields))
        case "LEASE": self = .lease(try Lease(fields))
        case "ALIVE":
            self = .alive(
                sequence: try fields.number("seq"),
                sent: try fields.number("sent", in: 0...Int64.max),
                standing: try fields.optionalWord("standing")
            )
        case "ROLE":
            self = .role(
                try fields.word("role"),
                token: try fields.token("token"),
                drill: try fields.optionalNumber("drill"),
                drains: try fields.optionalToken("drains")
            )
        case "START": self = .start(try ServiceOrder(fields))
        case "STOP": self = .stop(try ServiceOrder(fields))
        case "RESTART": self = .restart(try ServiceOrder(fields))
        case "PREFLIGHT":
            self = .preflight(order: try fields.number("order"), token: try fields.token("token"))
        case "PROBE": self = .probe(try Probe(fields))
        case "CONFIG":
            self = .config(
                version: try fields.number("version"),
                count: try fields.number("count")
            )
        case "SET":
            self = .set(
                Setting(
                    key: try fields.text("key"),
                    value: fields.optionalText("value") ?? "",
                    scope: try fields.word("scope")
                )
            )
        case "RENEWED":
            self = .renewed(
                certificate: try fields.text("certificate"),
                issuer: try fields.text("issuer")
            )
        case "REFUSED":
            self = .refused(
                verb: fields.optionalText("verb") ?? "",
                code: try fields.word("code"),
                text: fields.optionalText("text") ?? ""
            )
        case "ERR":
            self = .error(code: try fields.word("code"), text: fields.optionalText("text") ?? "")
        case "BYE":
            self = .bye(
                reason: try fields.word("reason"),
                retry: try fields.optionalMilliseconds("retry") ?? .zero
            )
        case let verb where ControllerComparingMessage.verbs.contains(verb):
            self = .comparing(try ControllerComparingMessage(line))
        default:
            if let message = try ControllerDataMessage(line) {
                self = .data(message)
            } else {
                self = .work(try ControllerWorkMessage(line))
            }
        }
    }

    public var line: Line {
        var writer: LineWriter
        switch self {
        case .authority(let certificate, let cluster, let wall):
            writer = LineWriter("AUTHORITY")
            writer.put("cluster", cluster)
            writer.put("wall", wall)
            writer.put("certificate", certificate)
        case .enrolled(let enrolled): return enrolled.line
        case .welcome(let welcome): return welcome.line
        case .lease(let lease): return lease.line
        case .alive(let sequence, let sent, let standing):
            writer = LineWriter("ALIVE")
            writer.put("seq", sequence)
            writer.put("sent", sent)
            writer.put("standing", standing)
        case .role(let role, let token, let drill, let drains):
            writer = LineWriter("ROLE")
            writer.put("role", role)
            writer.put("token", token)
            writer.put("drill", drill)
            writer.put("drains", drains)
        case .start(let order): return order.line(verb: "START")
        case .stop(let order): return order.line(verb: "STOP")
        case .restart(let order): return order.line(verb: "RESTART")
        case .preflight(let order, let token):
            writer = LineWriter("PREFLIGHT")
            writer.put("order", order)
            writer.put("token", token)
        case .probe(let probe): return probe.line
        case .config(let version, let count):
            writer = LineWriter("CONFIG")
            writer.put("version", version)
            writer.put("count", count)
        case .set(let setting):
            writer = LineWriter("SET")
            writer.put("key", setting.key)
            writer.put("value", setting.value)
            writer.put("scope", setting.scope)
        case .renewed(let certificate, let issuer):
            writer = LineWriter("RENEWED")
            writer.put("certificate", certificate)
            writer.put("issuer", issuer)
        case .refused(let verb, let code, let text):
            writer = LineWriter("REFUSED")
            writer.put("verb", verb)
            writer.put("code", code)
            writer.put("text", text, bytesMax: WireLimits.outputBytesMax)
        case .error(let code, let text):
            writer = LineWriter("ERR")
            writer.put("code", code)
            writer.put("text", text, bytesMax: WireLimits.outputBytesMax)
        case .bye(let reason, let retry):
            writer = LineWriter("BYE")
            writer.put("reason", reason)
            writer.put("retry", milliseconds: retry)
        case .work(let message): return message.line
        case .comparing(let message): return message.line
        case .data(let message): return message.line
        }
        return writer.line
    }
}
