public import Model
import Protocol

/// A data set that a node has told of: which numbers of canaries were given out, and when.
public struct DataSetRecord: Hashable, Sendable {
    /// Canaries are numbered in durable blocks of this size, about a minute each.
    static let blockSize: UInt64 = 60
    /// Blocks whose beginning is known: some 24 hours.
    static let blocksKept = 1_440

    /// Canaries from this number on were given out from this moment on, by the clock on the wall.
    struct Block: Hashable, Sendable {
        var first: UInt64
        var at: WallTime
    }

    public var name: DataSetName
    /// No canary with this number or above was given out.
    public var ceiling: UInt64
    /// The newest acknowledged one, when the record was written last.
    public var acknowledged: Canary?
    /// The planned move for which that was the last one of the old site.
    var closed: RunID?
    /// Ascending.
    var blocks: [Block]

    init(name: DataSetName) {
        self.name = name
        ceiling = 1
        blocks = []
    }

    init(_ fields: FieldReader) throws(MessageError) {
        self.init(name: try fields.name("name"))
        ceiling = try fields.number("ceiling")
        acknowledged = try fields.optionalCanary("acknowledged")
        closed = try fields.optionalNumber("closed").map { RunID($0) }
        for part in (fields.optionalText("blocks") ?? "").split(separator: ",") {
            let numbers = part.split(separator: "@")
            guard numbers.count == 2, let first = UInt64(numbers[0]), let at = Int64(numbers[1])
            else { throw .bad(key: "blocks", expected: "numbers and times") }
            blocks.append(Block(first: first, at: WallTime(milliseconds: at)))
        }
    }

    var line: Line {
        var writer = LineWriter("DATASET")
        writer.put("name", name)
        writer.put("ceiling", ceiling)
        writer.put("acknowledged", acknowledged.map { "\($0)" })
        writer.put("closed", closed?.number)
        let texts = blocks.map { "\($0.first)@\($0.at.milliseconds)" }
        if !texts.isEmpty { writer.put("blocks", texts.joined(separator: ",")) }
        return writer.line
    }
}

/// Where two histories of a data set part: what the new site had when it became active. The site that
/// was left has what the new one does not, if it has seen a later canary of the epoch that ended.
///
/// One is made by a restore, too: which histories parted after the backup is not known.
public struct ForkRecord: Hashable, Sendable {
    /// Of one data set; the oldest is forgotten.
    static let kept = 64

    public var dataSet: DataSetName
    /// The epoch that has ended; of a restore the last that there can have been.
    public var epoch: Epoch
    /// Zero for one of a restore.
    public var run: RunID
    public var from: SiteName
    public var to: SiteName
    /// The last canary that the new site has of the old history; nil when none was ever seen there.
    public var canary: Canary?
    /// The newest one that the old site had acknowledged, as far as it is known.
    public var acknowledged: Canary?
    /// From the writing of the last good canary until the old site had surely stopped: what may be
    /// lost, milliseconds. Nil when it is not known.
    public var lossMilliseconds: UInt64?
    public var objectiveMilliseconds: UInt64?
    public var at: WallTime

    /// The store was restored or adopted: what the active site has is what its nodes show.
    public var isOfRestore: Bool { run == .ofRestore }

    /// Acknowledged canaries that the new site does not have; nil when it is not known.
    public var lost: UInt64? {
        guard !isOfRestore else { return nil }
        return acknowledged.map { last in
            let have = canary?.sequence ?? 0
            return last.sequence > have ? last.sequence - have : 0
        }
    }

    /// A canary of a history that has ended here is in no data of the new site, or is not known to be. Of
    /// a restore: where an earlier epoch than the newest one there has ended, this store does not know.
    func leavesOut(_ other: Canary) -> Bool {
        guard let canary else { return true }
        if isOfRestore, other.epoch < canary.epoch { return true }
        // What a lower number of an earlier epoch has lost is lost already.
        return other > canary && other.sequence > canary.sequence
    }

    /// The last canary that both histories are known to have; nil when none is.
    func lastShared(with other: Canary) -> Canary? {
        isOfRestore && other.epoch < canary?.epoch ?? .zero ? nil : canary
    }

    init(
        dataSet: DataSetName,
        epoch: Epoch,
        run: RunID,
        from: SiteName,
        to: SiteName,
        at: WallTime
    ) {
        self.dataSet = dataSet
        self.epoch = epoch
        self.run = run
        self.from = from
        self.to = to
        self.at = at
    }

    var storeKey: String {
        isOfRestore ? "\(dataSet)/restore-\(epoch.generation)" : "\(dataSet)/\(run.storeKey)"
    }

    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            dataSet: try fields.name("name"),
            epoch: try fields.epoch("epoch"),
            run: RunID(try fields.number("run")),
            from: try fields.name("from"),
            to: try fields.name("to"),
            at: try fields.time("at")
        )
        canary = try fields.optionalCanary("canary")
        acknowledged = try fields.optionalCanary("acknowledged")
        lossMilliseconds = try fields.optionalNumber("loss")
        objectiveMilliseconds = try fields.optionalNumber("objective")
    }

    var line: Line {
        var writer = LineWriter("FORK")
        writer.put("name", dataSet)
        writer.put("epoch", epoch)
        writer.put("run", run.number)
        writer.put("from", from)
        writer.put("to", to)
        writer.put("canary", canary.map { "\($0)" })
        writer.put("acknowledged", acknowledged.map { "\($0)" })
        writer.put("loss", lossMilliseconds)
        writer.put("objective", objectiveMilliseconds)
        writer.put("at", at)
        return writer.line
    }
}

/// A site whose data has what the active history does not: it is never activated before an admin has
/// named how much is lost.
public struct DivergenceRecord: Hashable, Sendable {
    public var dataSet: DataSetName
    public var site: SiteName
    public var node: NodeName
    /// The last canary that was seen there, and the last one of it that the active history has.
    public var canary: Canary
    public var fork: Canary?
    public var at: WallTime
    /// Who has accepted the loss of so many canaries; empty when nobody has.
    public var acceptedBy: String
    /// For this run alone: nil when nobody has.
    public var acceptedIn: RunID?

    /// Canaries that are lost when the site follows or becomes active.
    public var count: UInt64 { canary.sequence - (fork?.sequence ?? 0) }
    public var isAccepted: Bool { !acceptedBy.isEmpty }

    init(
        dataSet: DataSetName,
        site: SiteName,
        node: NodeName,
        canary: Canary,
        fork: Canary?,
        at: WallTime
    ) {
        self.dataSet = dataSet
        self.site = site
        self.node = node
        self.canary = canary
        self.fork = fork
        self.at = at
        acceptedBy = ""
    }

    static func storeKey(_ dataSet: DataSetName, _ site: SiteName) -> String {
        "\(dataSet)/\(site)"
    }

    var storeKey: String { Self.storeKey(dataSet, site) }

    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            dataSet: try fields.name("name"),
            site: try fields.name("site"),
            node: try fields.name("node"),
            canary: try fields.canary("canary"),
            fork: try fields.optionalCanary("fork"),
            at: try fields.time("at")
        )
        acceptedIn = try fields.optionalNumber("accepted-run").map { RunID($0) }
        // What was accepted for no run, before it was kept, is accepted for none.
        acceptedBy = acceptedIn == nil ? "" : fields.optionalText("accepted") ?? ""
        guard canary.sequence > fork?.sequence ?? 0 else {
            throw .bad(key: "canary", expected: "later than its fork")
        }
    }

    var line: Line {
        var writer = LineWriter("DIVERGENCE")
        writer.put("name", dataSet)
        writer.put("site", site)
        writer.put("node", node)
        writer.put("canary", "\(canary)")
        writer.put("fork", fork.map { "\($0)" })
        writer.put("at", at)
        writer.put("accepted", acceptedBy)
        writer.put("accepted-run", acceptedIn?.number)
        return writer.line
    }
}

/// The lag of one minute.
public struct LagMinute: Hashable, Sendable {
    /// The worst that was measured; nil when none was.
    public var worstMilliseconds: UInt64?
    /// For so many seconds it was not known.
    public var unknownSeconds: UInt64

    init(worstMilliseconds: UInt64? = nil, unknownSeconds: UInt64 = 0) {
        self.worstMilliseconds = worstMilliseconds
        self.unknownSeconds = unknownSeconds
    }
}

/// An hour of a data set's lag at a site: a row that is written once a minute.
public struct LagHourRecord: Hashable, Sendable {
    public var dataSet: DataSetName
    public var site: SiteName
    /// Hours since 1970.
    public var hour: UInt64
    /// By the minute of the hour.
    public var minutes: OrderedTable<UInt64, LagMinute>

    init(
        dataSet: DataSetName,
        site: SiteName,
        hour: UInt64,
        minutes: OrderedTable<UInt64, LagMinute> = OrderedTable()
    ) {
        self.dataSet = dataSet
        self.site = site
        self.hour = hour
        self.minutes = minutes
    }

    static func storeKey(_ dataSet: DataSetName, _ site: SiteName, _ hour: UInt64) -> String {
        "\(dataSet)/\(site)/\(hour)"
    }

    var storeKey: String { Self.storeKey(dataSet, site, hour) }

    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            dataSet: try fields.name("name"),
            site: try fields.name("site"),
            hour: try fields.number("hour", in: 0...UInt64(1 << 32))
        )
        for part in (fields.optionalText("minutes") ?? "").split(separator: ",") {
            let values = part.split(separator: ":", omittingEmptySubsequences: false)
            guard values.count == 3, let minute = UInt64(values[0]), minute < 60,
                let unknown = UInt64(values[2])
            else { throw .bad(key: "minutes", expected: "minutes of an hour") }
            minutes[minute] = LagMinute(
                worstMilliseconds: UInt64(values[1]),
                unknownSeconds: unknown
            )
        }
    }

    var line: Line {
        var writer = LineWriter("LAGHOUR")
        writer.put("name", dataSet)
        writer.put("site", site)
        writer.put("hour", hour)
        let texts = minutes.map { minute, lag in
            "\(minute):\(lag.worstMilliseconds.map(String.init) ?? ""):\(lag.unknownSeconds)"
        }
        writer.put("minutes", texts.joined(separator: ","))
        return writer.line
    }
}
