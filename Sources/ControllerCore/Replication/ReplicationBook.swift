public import Model
public import Protocol

/// What is known of data sets: canaries that were given out, who has read which, and how far each site
/// is behind.
public struct ReplicationBook: Hashable, Sendable {
    public static let dataSetsMax = 64
    /// A reading that is older says nothing, nor does a canary that nobody has acknowledged for longer
    /// (`A` of the invariant I18); of data sets that are looked at seldom, three of their intervals.
    static let patience: Duration = .seconds(5)
    /// Minutes of the lag that are kept: 25 hours.
    static let minutesKept: UInt64 = 1_500
    /// Canaries whose moment is known exactly; that of older ones to the minute.
    static let momentsKept = 600
    /// A change for the worse, or for the better, is told when it has lasted.
    static let worryAfter: Duration = .seconds(10)

    /// Between two events that say that a data set is ignored.
    static let tellIgnoredAgain: Duration = .seconds(3_600)
    /// A data set that nobody has told of for so long may be forgotten.
    static let forgetAfter: Duration = .seconds(600)

    /// A canary that was given to a node and is not answered.
    struct Pending: Hashable, Sendable {
        var canary: Canary
        var node: NodeID
        var until: Instant
    }

    struct Moment: Hashable, Sendable {
        var canary: Canary
        /// Who was told to write it.
        var node: NodeID
        var at: Instant

        var sequence: UInt64 { canary.sequence }
    }

    /// The last canary before the old site gives its part up, in a run that is to lose nothing.
    struct Closing: Hashable, Sendable {
        var run: RunID
        /// Only canaries from this number on were written after the old site's services had stopped.
        var from: UInt64
        /// When the run began to stop the old site's services.
        var since: Instant
        var canary: Canary?
        /// How many of its canaries a node could not write.
        var failures = 0
    }

    public struct Reading: Hashable, Sendable {
        public var result: CanaryReading
        public var at: Instant
        /// The canary that could be read last: it is there, also when nothing can be read now. Nil when
        /// the data was found empty since.
        var last: Canary?
        /// What the replicator said of itself.
        public var own: ReplicatorLag?
    }

    /// What is told when it has been so for ``worryAfter``, and its end likewise.
    struct Worry: Hashable, Sendable {
        /// Nil until it is looked at: then it is what the alarm says, which is durable.
        var isTold: Bool?
        /// Since when it has been otherwise than was told.
        var changedAt: Instant?
    }

    /// The lag of a data set at one site.
    public struct Series: Hashable, Sendable {
        /// By the number of the minute since 1970.
        public internal(set) var minutes: OrderedTable<UInt64, LagMinute> = OrderedTable()
        /// The minute that is under way.
        var present: UInt64?
        /// It is further behind than the objective allows.
        var late = Worry()
        /// How far it is behind is not known.
        var unknown = Worry()
        /// Since when it has been late or unknown; nil while it is neither.
        public internal(set) var badSince: WallTime?
    }

    public struct Entry: Hashable, Sendable {
        public internal(set) var record: DataSetRecord
        var next: UInt64
        var moments: [Moment] = []
        /// The newest one of which a node has said that it is durable in the data.
        public internal(set) var acknowledged: Canary?
        var acknowledgedAt: Instant?
        var pending: Pending?
        /// Who has written the last one, or is to write the next.
        public internal(set) var writer: NodeID?
        var dueAt: Instant?
        /// Why the last one was not written; empty when it was.
        public internal(set) var problem = ""
        var closing: Closing?
        public internal(set) var readings: OrderedTable<NodeID, Reading> = OrderedTable()
        public internal(set) var series: OrderedTable<SiteName, Series> = OrderedTable()
        /// Ascending by epoch.
        public internal(set) var forks: [ForkRecord] = []
        public internal(set) var divergences: OrderedTable<SiteName, DivergenceRecord> =
            OrderedTable()

        init(_ record: DataSetRecord) {
            self.record = record
            next = record.ceiling
            acknowledged = record.acknowledged
        }
    }

    public internal(set) var entries: OrderedTable<DataSetName, Entry> = OrderedTable()
    var tickAt: Instant?
    /// When it was told last that a data set is ignored.
    var ignoredAt: Instant?

    /// From the store. What a record is about may come later than the record.
    mutating func restore(
        _ sets: [DataSetRecord],
        _ forks: [ForkRecord],
        _ divergences: [DivergenceRecord],
        _ hours: [LagHourRecord]
    ) {
        for record in sets { entries[record.name] = Entry(record) }
        for fork in forks.sorted(by: { ($0.epoch, $0.run) < ($1.epoch, $1.run) }) {
            entries.update(fork.dataSet) { $0.forks.append(fork) }
        }
        for record in divergences {
            entries.update(record.dataSet) { $0.divergences[record.site] = record }
        }
        for record in hours {
            entries.update(record.dataSet) { entry in
                var series = entry.series[record.site] ?? Series()
                for (minute, lag) in record.minutes {
                    series.minutes[record.hour * 60 + minute] = lag
                }
                entry.series[record.site] = series
            }
        }
    }
}

/// What operators have set for data sets: `data.NAME.rpo` and `data.NAME.required`.
public struct ReplicationRules: Hashable, Sendable {
    static let prefix = "data."

    /// Data that may be lost at most, as time.
    public internal(set) var objectives: OrderedTable<DataSetName, Duration> = OrderedTable()
    /// Data sets that are watched only: no run waits for them.
    public internal(set) var watchedOnly: OrderedTable<DataSetName, Bool> = OrderedTable()

    public func isRequired(_ name: DataSetName) -> Bool { watchedOnly[name] != true }

    /// The two names in `data.NAME.SETTING`.
    static func parts(of key: String) -> (dataSet: DataSetName, setting: Substring)? {
        let rest = key.dropFirst(prefix.count)
        guard let dot = rest.lastIndex(of: "."), let name = DataSetName(String(rest[..<dot])) else {
            return nil
        }
        return (name, rest[rest.index(after: dot)...])
    }

    /// - Throws: what is wrong with the key or the value.
    mutating func apply(_ key: String, _ value: String) throws(WorkSetting.Problem) {
        guard let (name, setting) = Self.parts(of: key) else { throw Self.unknown }
        switch setting {
        case "rpo":
            guard let objective = Duration(parsing: value), objective >= .seconds(1) else {
                throw WorkSetting.Problem(
                    text: "\(value) is not a duration of at least a second",
                    mend: "such as 60s or 5m"
                )
            }
            objectives[name] = objective
        case "required":
            guard value == "yes" || value == "no" else {
                throw WorkSetting.Problem(text: "\(value) is not yes or no", mend: "yes or no")
            }
            watchedOnly[name] = value == "no" ? true : nil
        default: throw Self.unknown
        }
    }

    private static var unknown: WorkSetting.Problem {
        WorkSetting.Problem(
            text: "not a setting of a data set",
            mend: "data.NAME.rpo or data.NAME.required"
        )
    }
}
