/// What one site has of a data set.
public struct DataSetAtSite: Codable, Hashable, Sendable {
    public var site: String
    /// `source`: the active site. `fine`: within the objective, or without one. `late`: beyond it.
    /// `unknown`: nothing is known, which is never fine. `diverged`: it has what the active data has
    /// not.
    public var state: String
    /// Why it is not known, or what it has diverged by; empty otherwise.
    public var text: String
    /// How long ago the first canary was written that is not there; 0 when all are.
    public var lagMilliseconds: UInt64?
    /// Acknowledged canaries that are not there.
    public var canariesBehind: UInt64?
    /// The last one that is there: `1.3.4711`.
    public var canary: String?
    /// How long ago that was looked at.
    public var sampleAgeMilliseconds: UInt64?
    /// Nodes that read it there.
    public var nodes: [String]
    /// What the replicator says of itself. It decides nothing.
    public var replicatorLagMilliseconds: UInt64?
    public var replicatorLagBytes: UInt64?
    /// Canaries by which it has diverged, until an admin has accepted their loss.
    public var divergedBy: UInt64?

    public init(site: String, state: String, text: String = "", nodes: [String] = []) {
        self.site = site
        self.state = state
        self.text = text
        self.nodes = nodes
    }
}

/// A data set and how it stands at every site that has it.
public struct DataSetStatus: Codable, Hashable, Sendable {
    public var name: String
    /// Runs wait for it, and a failover is refused when its objective is not met.
    public var required: Bool
    /// RPO: data that may be lost at most, as time; left out when none is set.
    public var objectiveMilliseconds: UInt64?
    /// The node of the active site that writes the canaries; left out when none can.
    public var writer: String?
    /// The newest canary that is known to be in the data.
    public var canary: String?
    /// Why the last one was not written; empty when it was.
    public var problem: String
    /// The active site first.
    public var sites: [DataSetAtSite]

    public init(
        name: String,
        required: Bool,
        objectiveMilliseconds: UInt64? = nil,
        writer: String? = nil,
        canary: String? = nil,
        problem: String = "",
        sites: [DataSetAtSite]
    ) {
        self.name = name
        self.required = required
        self.objectiveMilliseconds = objectiveMilliseconds
        self.writer = writer
        self.canary = canary
        self.problem = problem
        self.sites = sites
    }
}

/// The answer to `GET /replication`.
public struct DataSetList: Codable, Hashable, Sendable {
    public var asOf: String
    public var dataSets: [DataSetStatus]

    public init(asOf: String, dataSets: [DataSetStatus]) {
        self.asOf = asOf
        self.dataSets = dataSets
    }
}

/// The lag of one minute.
public struct LagMinute: Codable, Hashable, Sendable {
    public var at: String
    /// The worst that was measured; left out when none was.
    public var worstMilliseconds: UInt64?
    /// For so many seconds it was not known.
    public var unknownSeconds: UInt64

    public init(at: String, worstMilliseconds: UInt64? = nil, unknownSeconds: UInt64 = 0) {
        self.at = at
        self.worstMilliseconds = worstMilliseconds
        self.unknownSeconds = unknownSeconds
    }
}

/// A data set's lag at one site, minute by minute, the oldest first: the last 25 hours.
public struct LagSeries: Codable, Hashable, Sendable {
    public var site: String
    public var minutes: [LagMinute]

    public init(site: String, minutes: [LagMinute]) {
        self.site = site
        self.minutes = minutes
    }
}

/// What a run has lost of a data set.
public struct RunDataLoss: Codable, Hashable, Sendable {
    public var dataSet: String
    public var run: UInt64
    /// The epoch that has ended.
    public var epoch: String
    public var from: String
    public var to: String
    /// The last canary that the new site has of it; left out when none was ever seen there.
    public var canary: String?
    /// The newest one that is known to have been written at the old site.
    public var acknowledged: String?
    /// Canaries that are lost; left out when it is not known.
    public var lost: UInt64?
    /// RPO as measured: from the writing of the last good canary until the old site had surely stopped;
    /// left out when it is not known.
    public var rpoMilliseconds: UInt64?
    public var objectiveMilliseconds: UInt64?
    public var at: String

    public init(
        dataSet: String,
        run: UInt64,
        epoch: String,
        from: String,
        to: String,
        canary: String? = nil,
        acknowledged: String? = nil,
        lost: UInt64? = nil,
        rpoMilliseconds: UInt64? = nil,
        objectiveMilliseconds: UInt64? = nil,
        at: String
    ) {
        self.dataSet = dataSet
        self.run = run
        self.epoch = epoch
        self.from = from
        self.to = to
        self.canary = canary
        self.acknowledged = acknowledged
        self.lost = lost
        self.rpoMilliseconds = rpoMilliseconds
        self.objectiveMilliseconds = objectiveMilliseconds
        self.at = at
    }
}

/// The answer to `GET /replication/{name}`.
public struct DataSetDetail: Codable, Hashable, Sendable {
    public var asOf: String
    public var dataSet: DataSetStatus
    public var series: [LagSeries]
    /// Where its history has parted, the newest first.
    public var forks: [RunDataLoss]

    public init(
        asOf: String,
        dataSet: DataSetStatus,
        series: [LagSeries],
        forks: [RunDataLoss]
    ) {
        self.asOf = asOf
        self.dataSet = dataSet
        self.series = series
        self.forks = forks
    }
}
