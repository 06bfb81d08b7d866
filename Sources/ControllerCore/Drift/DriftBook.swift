public import Model
public import Protocol

/// A set of a pair, by the node of the pair that says whose pair it is.
public struct DriftKey: Hashable, Comparable, Sendable {
    public var holder: NodeID
    public var set: ComparedSetName

    public init(holder: NodeID, set: ComparedSetName) {
        self.holder = holder
        self.set = set
    }

    public static func < (left: DriftKey, right: DriftKey) -> Bool {
        (left.holder, left.set) < (right.holder, right.set)
    }
}

/// A set as its node has told it last in this session.
public struct KnownSet: Hashable, Sendable {
    public var report: SetReport
    public var at: Instant

    /// Since the last look at it ended; nil before the first.
    public func age(at now: Instant) -> Duration? {
        report.age.map { $0 + (now - at) }
    }

    /// Older than three intervals: whoever looks at it does so no more.
    func isOld(at now: Instant) -> Bool {
        guard let age = age(at: now) else { return false }
        return age.nanoseconds / 3 > report.interval.nanoseconds
    }
}

/// What is known of the drift of every pair. Soft state: a controller that starts compares anew what the
/// nodes tell it.
public struct DriftBook: Hashable, Sendable {
    enum Limits {
        /// Comparisons entry by entry that go on at the same time.
        static let jobsMax = 4
        /// Of one that makes no progress.
        static let jobTimeout: Duration = .seconds(30)
        static let retryAfterFailure: Duration = .seconds(30)
        /// Differences that are kept of one set; all are counted.
        static let differencesPerSet = 200
        /// Of all sets together; beyond, few are kept of each further one.
        static let differencesMax = 20_000
        static let differencesBeyond = 5
        /// How long a difference must last before people are told of it, at most.
        static let holdMax: Duration = .seconds(60)
        static let readingsMax = 8
        static let readingTimeout: Duration = .seconds(15)
    }

    var results: OrderedTable<DriftKey, DriftResult> = OrderedTable()
    var failures: OrderedTable<DriftKey, DriftFailure> = OrderedTable()
    var jobs: OrderedTable<DriftKey, DriftJob> = OrderedTable()
    /// What is to be compared entry by entry, in the order in which it came up.
    var queue: [DriftKey] = []
    var readings: OrderedTable<RequestID, FileReading> = OrderedTable()
    var lastRequest: UInt64 = 0

    var nextDeadline: Instant? {
        var deadlines = jobs.values.map(\.deadline) + readings.values.map(\.deadline)
        deadlines += failures.values.map(\.retryAt)
        deadlines += results.values.compactMap { $0.isTold ? nil : $0.holdUntil }
        return deadlines.min()
    }
}

/// How a set of a pair was compared last.
struct DriftResult: Hashable, Sendable {
    /// What the two nodes had when it was.
    var digests: PairOf<String>
    /// The first of them, in the order of their paths.
    var differences: [PairDifference]
    var count: UInt32
    var comparedAt: WallTime
    /// Since when there is a difference.
    var since: WallTime?
    /// People are told at this time, unless it is gone by then.
    var holdUntil: Instant?
    var isTold: Bool

    var isFine: Bool { count == 0 }
}

struct DriftFailure: Hashable, Sendable {
    var digests: PairOf<String>
    var reason: String
    var retryAt: Instant
}

/// One of each of two nodes: of the one that says whose pair it is, and of that.
struct PairOf<Value: Hashable & Sendable>: Hashable, Sendable {
    var holder: Value
    var partner: Value

    subscript(side: Side) -> Value {
        get { side == .holder ? holder : partner }
        set { if side == .holder { holder = newValue } else { partner = newValue } }
    }

    enum Side: Hashable, Sendable, CaseIterable {
        case holder
        case partner
    }
}

/// What differs about one path; a side is nil where nothing is there.
struct PairDifference: Hashable, Sendable {
    var entries: PairOf<FileEntry?>
}

/// In what way a file differs, in words of the console's interface.
public enum DriftAspect: String, Hashable, Sendable, CaseIterable {
    case onlyStandby = "only-standby"
    case onlyProduction = "only-production"
    /// A file here, a link there.
    case kind
    case content
    case mode
    case owner
    case target
    /// Alike although it must not be.
    case equal

    static func aspects(
        standby: FileEntry?,
        production: FileEntry?,
        of kind: ComparedKind
    ) -> [DriftAspect] {
        guard let standby, let production else {
            if kind == .private { return [] }
            return standby == nil ? [.onlyProduction] : [.onlyStandby]
        }
        if kind == .private {
            let isEqual = standby.digest != nil && standby.digest == production.digest
            return isEqual ? [.equal] : []
        }
        guard standby.kind == production.kind else { return [.kind] }
        var aspects: [DriftAspect] = []
        func compare<Value>(
            _ aspect: DriftAspect,
            _ left: Value?,
            _ right: Value?,
            _ areEqual: (Value, Value) -> Bool
        ) {
            guard let left, let right, !areEqual(left, right) else { return }
            aspects.append(aspect)
        }
        compare(.content, standby.digest, production.digest, ==)
        compare(.mode, standby.mode, production.mode, ==)
        // Byte by byte: names that only look alike are not the same.
        compare(.owner, standby.owner, production.owner) { $0.utf8.elementsEqual($1.utf8) }
        compare(.target, standby.target, production.target) { $0.utf8.elementsEqual($1.utf8) }
        return aspects
    }
}
