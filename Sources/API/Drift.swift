/// The answer to `GET /sites/{name}/drift`: what differs between a site's nodes and their pairs.
public struct SiteDrift: Codable, Hashable, Sendable {
    public var asOf: String
    public var site: String
    /// `active` or `standby`.
    public var role: String
    /// `fine`: all that is compared is as it should be. `drift`: something is not. `unknown`: something
    /// could not be compared, or nothing is, which is not as good as fine.
    public var state: String
    /// Every pair of which one node is of this site.
    public var pairs: [DriftPair]

    public init(asOf: String, site: String, role: String, pairs: [DriftPair]) {
        self.asOf = asOf
        self.site = site
        self.role = role
        let states = pairs.flatMap(\.sets).map(\.state)
        state =
            states.contains("drift")
            ? "drift" : states.isEmpty || states.contains("unknown") ? "unknown" : "fine"
        self.pairs = pairs
    }
}

public struct DriftPair: Codable, Hashable, Sendable {
    public var standby: String
    public var standbySite: String
    public var production: String
    public var productionSite: String
    public var sets: [DriftSet]

    public init(
        standby: String,
        standbySite: String,
        production: String,
        productionSite: String,
        sets: [DriftSet]
    ) {
        self.standby = standby
        self.standbySite = standbySite
        self.production = production
        self.productionSite = productionSite
        self.sets = sets
    }
}

/// A section `[files NAME]`, `[private NAME]` or `[version NAME]` of both nodes.
public struct DriftSet: Codable, Hashable, Sendable {
    public var name: String
    /// `files`, `private` or `version`.
    public var kind: String
    /// `fine`, `drift` or `unknown`.
    public var state: String
    /// Why it is unknown, or what else is to be known; may be empty.
    public var reason: String
    /// Drift keeps the standby from being ready.
    public var required: Bool
    /// Texts may be shown.
    public var show: Bool
    /// Differences in all, as last compared.
    public var count: UInt32
    /// The first of them.
    public var differences: [DriftDifference]
    /// Files of the production node.
    public var entries: UInt32
    /// When the two were compared last.
    public var comparedAt: String?
    /// When the present drift was found.
    public var since: String?
    /// Since the older of the two nodes' looks ended.
    public var ageMilliseconds: UInt64?

    public init(
        name: String,
        kind: String,
        state: String,
        reason: String = "",
        required: Bool = false,
        show: Bool = false,
        count: UInt32 = 0,
        differences: [DriftDifference] = [],
        entries: UInt32 = 0,
        comparedAt: String? = nil,
        since: String? = nil,
        ageMilliseconds: UInt64? = nil
    ) {
        self.name = name
        self.kind = kind
        self.state = state
        self.reason = reason
        self.required = required
        self.show = show
        self.count = count
        self.differences = differences
        self.entries = entries
        self.comparedAt = comparedAt
        self.since = since
        self.ageMilliseconds = ageMilliseconds
    }
}

public struct DriftDifference: Codable, Hashable, Sendable {
    /// Below the root of the set, control characters as `\xHH`.
    public var path: String
    /// `only-standby`, `only-production`, `kind`, `content`, `mode`, `owner`, `target`, `equal`.
    public var aspects: [String]
    /// Nil where nothing is there.
    public var standby: DriftEntry?
    public var production: DriftEntry?

    public init(
        path: String,
        aspects: [String],
        standby: DriftEntry?,
        production: DriftEntry?
    ) {
        self.path = path
        self.aspects = aspects
        self.standby = standby
        self.production = production
    }
}

public struct DriftEntry: Codable, Hashable, Sendable {
    /// `file`, `link`, `fifo`, `socket`, `device` or `output`.
    public var kind: String
    /// Permissions, octal; nil where they are not compared.
    public var mode: String?
    /// `user:group`; nil where it is not compared.
    public var owner: String?
    public var size: UInt64
    /// Where a symbolic link leads.
    public var target: String?

    public init(
        kind: String,
        mode: String? = nil,
        owner: String? = nil,
        size: UInt64 = 0,
        target: String? = nil
    ) {
        self.kind = kind
        self.mode = mode
        self.owner = owner
        self.size = size
        self.target = target
    }
}

/// The answer to `GET /sites/{name}/drift/diff`: one file of a pair, line by line. Its reading is
/// audited.
public struct FileDiff: Codable, Hashable, Sendable {
    public var asOf: String
    public var standby: String
    public var production: String
    public var set: String
    public var path: String
    /// There is such a file in the set.
    public var onStandby: Bool
    public var onProduction: Bool
    /// As `diff -u PRODUCTION STANDBY` writes them, in the form in which the texts are compared; none
    /// when they are alike. Control characters are `\xHH`.
    public var lines: [String]

    public init(
        asOf: String,
        standby: String,
        production: String,
        set: String,
        path: String,
        onStandby: Bool,
        onProduction: Bool,
        lines: [String]
    ) {
        self.asOf = asOf
        self.standby = standby
        self.production = production
        self.set = set
        self.path = path
        self.onStandby = onStandby
        self.onProduction = onProduction
        self.lines = lines
    }
}
