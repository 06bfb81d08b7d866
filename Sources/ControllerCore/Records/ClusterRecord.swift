public import Model
import Protocol

/// The cluster itself: its identity, and the one fact of which site is active under which epoch.
public struct ClusterRecord: Hashable, Sendable {
    public var id: ClusterID
    public var name: String
    public var createdAt: WallTime
    public var epoch: Epoch
    public var activeSite: SiteName
    /// No order with this number or above was given yet. Raised durably in blocks.
    public var orderCeiling: UInt64
    /// The same for tasks.
    public var taskCeiling: UInt64
    /// Version of the configuration; raised with each change of a setting.
    public var configurationVersion: UInt64
    /// Runs there were.
    public var lastRun: UInt64
    /// Pause and brake of failovers that nobody orders.
    public var automatic = AutomaticRecord()
    /// Data sets that are new begin with this number of their canaries: data sets that were forgotten
    /// have used lower ones.
    public var canaryFloor: UInt64 = 1
    /// Numbers that silences, notices and deliveries have used.
    public var lastNotice: UInt64 = 0
    /// A controller runs on this store, and has not said that it stopped.
    public var isRunning = false
    /// X of the leases that may still be out. A store of before it was kept has granted by the default.
    public internal(set) var leaseWait = LeaseTerms().wait
    /// What an operator has said at a restore, and what is waited for since.
    public internal(set) var restoring = RestoringRecord()

    public init(
        id: ClusterID,
        name: String,
        createdAt: WallTime,
        epoch: Epoch,
        activeSite: SiteName,
        orderCeiling: UInt64 = 1,
        taskCeiling: UInt64 = 1,
        configurationVersion: UInt64 = 1,
        lastRun: UInt64 = 0
    ) {
        self.lastRun = lastRun
        self.id = id
        self.name = name
        self.createdAt = createdAt
        self.epoch = epoch
        self.activeSite = activeSite
        self.orderCeiling = orderCeiling
        self.taskCeiling = taskCeiling
        self.configurationVersion = configurationVersion
    }

    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            id: try fields.name("id"),
            name: fields.optionalText("name") ?? "",
            createdAt: try fields.time("created"),
            epoch: try fields.epoch("epoch"),
            activeSite: try fields.name("active"),
            orderCeiling: try fields.number("orders"),
            taskCeiling: try fields.optionalNumber("tasks") ?? 1,
            configurationVersion: try fields.number("config"),
            lastRun: try fields.optionalNumber("runs") ?? 0
        )
        automatic = try AutomaticRecord(fields)
        canaryFloor = try fields.optionalNumber("canaries") ?? 1
        lastNotice = try fields.optionalNumber("notices") ?? 0
        isRunning = try fields.flag("running")
        leaseWait = try fields.optionalMilliseconds("lease-wait") ?? leaseWait
        restoring = try RestoringRecord(fields)
    }

    var line: Line {
        var writer = LineWriter("CLUSTER")
        writer.put("id", id)
        writer.put("name", name)
        writer.put("created", createdAt)
        writer.put("epoch", epoch)
        writer.put("active", activeSite)
        writer.put("orders", orderCeiling)
        writer.put("tasks", taskCeiling)
        writer.put("config", configurationVersion)
        if lastRun > 0 { writer.put("runs", lastRun) }
        automatic.put(to: &writer)
        if canaryFloor > 1 { writer.put("canaries", canaryFloor) }
        if lastNotice > 0 { writer.put("notices", lastNotice) }
        writer.put("running", isRunning)
        if leaseWait != LeaseTerms().wait { writer.put("lease-wait", milliseconds: leaseWait) }
        restoring.put(to: &writer)
        return writer.line
    }
}

public struct SiteRecord: Hashable, Sendable {
    public var name: SiteName
    /// Fewer Online nodes than this is a notice.
    public var minimum: UInt32
    /// As a standby its drainable services run, without work; a cold one runs none.
    public var isWarm: Bool
    /// Groups whose services a run has stopped here, or not started yet.
    public var held: GroupSet

    public init(
        name: SiteName,
        minimum: UInt32 = 0,
        isWarm: Bool = false,
        held: GroupSet = GroupSet()
    ) {
        self.name = name
        self.minimum = minimum
        self.isWarm = isWarm
        self.held = held
    }

    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            name: try fields.name("name"),
            minimum: try fields.number("minimum"),
            isWarm: try fields.flag("warm"),
            held: try GroupSet(fields)
        )
    }

    var line: Line {
        var writer = LineWriter("SITE")
        writer.put("name", name)
        writer.put("minimum", minimum)
        writer.put("warm", isWarm)
        held.put(to: &writer)
        return writer.line
    }
}

public struct TokenRecord: Hashable, Sendable {
    public enum Purpose: String, Hashable, Sendable, CaseIterable {
        case node
        case operatorAccount = "operator"
    }

    public enum State: String, Hashable, Sendable, CaseIterable {
        case open
        case used
        case revoked
        /// Too many wrong secrets were tried with its number.
        case burnt
    }

    public var id: JoinTokenID
    public var secretHash: String
    public var purpose: Purpose
    public var state: State
    public var site: SiteName?
    /// The node that was added by an operator and may use it; nil for any.
    public var node: NodeID?
    public var operatorName: OperatorName?
    public var createdBy: String
    public var createdAt: WallTime
    public var expiresAt: WallTime
    public var wrongSecrets: UInt16
    /// Who used it, when, and what was handed out, so that a lost reply can be given again.
    public var usedAt: WallTime?
    public var usedBy: KeyFingerprint?
    public var issued: IssuedCertificate?

    public init(
        id: JoinTokenID,
        secretHash: String,
        purpose: Purpose,
        site: SiteName? = nil,
        node: NodeID? = nil,
        operatorName: OperatorName? = nil,
        createdBy: String,
        createdAt: WallTime,
        expiresAt: WallTime
    ) {
        self.id = id
        self.secretHash = secretHash
        self.purpose = purpose
        state = .open
        self.site = site
        self.node = node
        self.operatorName = operatorName
        self.createdBy = createdBy
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        wrongSecrets = 0
    }

    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            id: try fields.name("id"),
            secretHash: try fields.text("hash"),
            purpose: try fields.word("purpose"),
            site: try fields.optionalName("site"),
            node: try fields.optionalName("node"),
            operatorName: try fields.optionalName("operator"),
            createdBy: fields.optionalText("by") ?? "",
            createdAt: try fields.time("created"),
            expiresAt: try fields.time("expires")
        )
        state = try fields.word("state")
        wrongSecrets = try fields.number("wrong")
        usedAt = try fields.optionalTime("used")
        usedBy = fields.optionalText("key").map { KeyFingerprint($0) }
        if let serial = fields.optionalText("serial") {
            issued = IssuedCertificate(
                serial: serial,
                notAfter: try fields.time("not-after"),
                certificate: try fields.text("certificate"),
                issuer: try fields.text("issuer")
            )
        }
    }

    var line: Line {
        var writer = LineWriter("TOKEN")
        writer.put("id", id)
        writer.put("hash", secretHash)
        writer.put("purpose", purpose)
        writer.put("state", state)
        writer.put("site", site)
        writer.put("node", node)
        writer.put("operator", operatorName)
        writer.put("by", createdBy)
        writer.put("created", createdAt)
        writer.put("expires", expiresAt)
        writer.put("wrong", wrongSecrets)
        writer.put("used", usedAt)
        writer.put("key", usedBy?.text)
        writer.put("serial", issued?.serial)
        writer.put("not-after", issued?.notAfter)
        writer.put("certificate", issued?.certificate)
        writer.put("issuer", issued?.issuer)
        return writer.line
    }
}

public struct OperatorRecord: Hashable, Sendable {
    public var name: OperatorName
    public var role: OperatorRole
    public var addedBy: String
    public var addedAt: WallTime
    /// The one credential that is accepted; nil until the operator has enrolled.
    public var key: KeyFingerprint?
    public var serial: String?
    public var notAfter: WallTime?
    /// After a renewal the one before stays valid until the new one was used.
    public var previousKey: KeyFingerprint?

    public init(name: OperatorName, role: OperatorRole, addedBy: String, addedAt: WallTime) {
        self.name = name
        self.role = role
        self.addedBy = addedBy
        self.addedAt = addedAt
    }

    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            name: try fields.name("name"),
            role: try fields.word("role"),
            addedBy: fields.optionalText("by") ?? "",
            addedAt: try fields.time("added")
        )
        key = fields.optionalText("key").map { KeyFingerprint($0) }
        serial = fields.optionalText("serial")
        notAfter = try fields.optionalTime("not-after")
        previousKey = fields.optionalText("previous-key").map { KeyFingerprint($0) }
    }

    var line: Line {
        var writer = LineWriter("OPERATOR")
        writer.put("name", name)
        writer.put("role", role)
        writer.put("by", addedBy)
        writer.put("added", addedAt)
        writer.put("key", key?.text)
        writer.put("serial", serial)
        writer.put("not-after", notAfter)
        writer.put("previous-key", previousKey?.text)
        return writer.line
    }
}

/// A value of the configuration, with who set it and why.
public struct SettingRecord: Hashable, Sendable {
    public var scope: SettingScope
    public var key: String
    public var value: String
    /// The configuration's version that this change made.
    public var version: UInt64
    public var by: String
    public var reason: String
    public var at: WallTime

    public init(
        scope: SettingScope,
        key: String,
        value: String,
        version: UInt64,
        by: String,
        reason: String,
        at: WallTime
    ) {
        self.scope = scope
        self.key = key
        self.value = value
        self.version = version
        self.by = by
        self.reason = reason
        self.at = at
    }

    /// `cluster/KEY`, `site/NAME/KEY` or `node/NAME/KEY`.
    public var storeKey: String { "\(scope.text)/\(key)" }

    init(_ fields: FieldReader) throws(MessageError) {
        guard let scope = SettingScope(text: try fields.text("scope")) else {
            throw .bad(key: "scope", expected: "cluster, site/NAME or node/NAME")
        }
        self.init(
            scope: scope,
            key: try fields.text("key"),
            value: fields.optionalText("value") ?? "",
            version: try fields.number("version"),
            by: fields.optionalText("by") ?? "",
            reason: fields.optionalText("reason") ?? "",
            at: try fields.time("at")
        )
    }

    var line: Line {
        var writer = LineWriter("SETTING")
        writer.put("scope", scope.text)
        writer.put("key", key)
        writer.put("value", value)
        writer.put("version", version)
        writer.put("by", by)
        writer.put("reason", reason)
        writer.put("at", at)
        return writer.line
    }
}

extension SettingScope {
    public var text: String {
        switch self {
        case .cluster: "cluster"
        case .site(let site): "site/\(site)"
        case .node(let node): "node/\(node)"
        }
    }

    public init?(text: String) {
        if text == "cluster" {
            self = .cluster
            return
        }
        let parts = text.split(separator: "/", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        switch parts[0] {
        case "site":
            guard let site = SiteName(String(parts[1])) else { return nil }
            self = .site(site)
        case "node":
            guard let node = NodeName(String(parts[1])) else { return nil }
            self = .node(node)
        default: return nil
        }
    }
}
