public import Model
public import Protocol

/// One node as the controller knows it: its durable record, and what was heard since this
/// controller started.
public struct Member: Hashable, Sendable {
    public internal(set) var record: NodeRecord
    /// The live session, if there is one.
    public internal(set) var link: Link?
    public internal(set) var detector: SilenceDetector
    public internal(set) var reachability: Reachability
    /// Why it is unreachable, without its age.
    public internal(set) var lossCause: String
    /// It was lost because its agent said goodbye.
    public internal(set) var isFarewell: Bool
    /// It has been heard since this controller started.
    public internal(set) var wasHeard: Bool
    /// When the last heartbeat was answered with a lease (t_r of `safety.md` 2).
    public internal(set) var lastGrant: Instant
    /// The last of these leases under which a self-fenced service may have run; nil when none may
    /// run. Stays when the node is lost: see ``ControllerMachine/settleFencedLeases(of:)``.
    public internal(set) var lastFencedGrant: Instant?
    /// It was told that what this node could do under its last lease has ended.
    public internal(set) var isFenceTold: Bool
    public internal(set) var facts: Facts?
    public internal(set) var health: Health?
    /// What the node said last in this session of what does not run there: of all that must never
    /// act on two sites at once.
    public internal(set) var floor: FencingToken?
    /// The same with all that is drainable.
    public internal(set) var wholeFloor: FencingToken?
    public internal(set) var services: OrderedTable<ServiceName, KnownService>
    public internal(set) var checks: OrderedTable<CheckKey, KnownCheck>
    public internal(set) var load: Load?
    public internal(set) var loadAt: Instant
    public internal(set) var disks: [Disk]
    var disksExpected: UInt32
    public internal(set) var clock: ClockEstimate?
    /// Since when its clock is surely off, by what this controller has heard.
    public internal(set) var clockOffSince: WallTime?
    /// When the node was lost, within the flap window.
    public internal(set) var losses: [Instant]
    public internal(set) var heldUntil: Instant?
    /// It was not heard since this controller was frozen: its silence says nothing of it.
    var isSilenceOurs = false
    /// Its last loss was this controller's own absence, and does not count as one.
    var isLossExcused = false
    /// The configuration's version that the node has confirmed.
    public internal(set) var configurationVersion: UInt64?
    /// The order that is under way for a service.
    public internal(set) var pendingOrders: OrderedTable<ServiceName, UInt64>
    /// After a refused order, when to try again to bring the services where they should be.
    var reconcileNotBefore: Instant
    /// When to repeat the preflight of a node that was not admitted.
    var preflightNotBefore: Instant
    /// Failed findings of the last preflight, for the reason; empty when there are none.
    public internal(set) var preflightFailures: [String]
    /// What the last preflight that it answered has found of shared paths and endpoints; nil when there
    /// was none since this controller started.
    public internal(set) var places: CheckedPlaces?
    /// What is compared with its pair.
    public internal(set) var sets: OrderedTable<ComparedSetName, KnownSet>
    public internal(set) var handlers: OrderedTable<HandlerName, HandlerReport>
    public internal(set) var dataSets: OrderedTable<DataSetName, DataSetReport> = OrderedTable()
    /// What the settings say of it, as of the configuration's version.
    public internal(set) var preferences: NodePreferences
    var preferencesVersion: UInt64
    var removalDeadline: Instant?
    var isRemovalOverdueTold = false
    /// It is Offline, or would be, by what somebody has ordered.
    var isStopped = false
    /// What it was stopped for has ended: until then what does not run yet counts as planned.
    var comingUpUntil: Instant?
    /// When a certificate was asked for, within the last hour.
    var renewals: [Instant] = []
    /// Stale nonces shown by the machine whose session is live: one can be a late duplicate.
    var staleShown: UInt32
    var events: EventAllowance
    /// The highest revision of the store that it can have been told by this cluster's one controller: what
    /// the store had at the start, or what was told to it since.
    var toldRevision: UInt64

    init(record: NodeRecord, interval: Duration, start: Instant, revision: UInt64) {
        self.record = record
        toldRevision = revision
        detector = SilenceDetector(interval: interval, start: start)
        reachability = .suspect
        lossCause = "not heard since the controller started"
        isFarewell = false
        wasHeard = false
        lastGrant = start
        lastFencedGrant = record.mayRunFenced ? start : nil
        isFenceTold = false
        services = OrderedTable()
        checks = OrderedTable()
        loadAt = start
        disks = []
        disksExpected = 0
        losses = []
        pendingOrders = OrderedTable()
        reconcileNotBefore = start
        preflightNotBefore = start
        preflightFailures = []
        handlers = OrderedTable()
        sets = OrderedTable()
        preferences = NodePreferences()
        preferencesVersion = 0
        staleShown = 0
        events = EventAllowance(at: start)
    }

    /// One authenticated connection of one agent incarnation.
    public struct Link: Hashable, Sendable {
        public enum Phase: Hashable, Sendable {
            /// WELCOME was said; the node is making its nonce durable.
            case welcomed
            /// READY was heard; the node is telling what it has.
            case telling
            /// Everything was told: SYNCED.
            case synced
        }

        public var connection: ConnectionID
        public var key: KeyFingerprint
        public var address: String
        public var software: String
        public var bootID: String
        public var machineID: String
        public var version: UInt16
        public var incarnation: UInt64
        public var since: Moment
        public var phase: Phase
        public var lastSequence: UInt64
        /// BYE was said: the end of the connection is no loss.
        public var farewell: ByeReason?
        /// When the node's certificate ends; nil before the first beat.
        var expiry: Expiry?
        /// The last order to start each self-fenced service, until it is answered: the node may have
        /// started it and not told so yet.
        var fencedStarts: OrderedTable<ServiceName, UInt64> = OrderedTable()
        /// Attempts it has told of, until SYNCED.
        var holdings: OrderedTable<TaskAttempt, HoldingPhase> = OrderedTable()
        /// After a restore: attempts that it has and that were not given to it by what the store knows,
        /// until they have ended.
        var foreign: [TaskAttempt] = []
        /// Its submissions whose payload is not whole yet, by their reference.
        var incoming: OrderedTable<UInt64, Incoming> = OrderedTable()

        struct Expiry: Hashable, Sendable {
            var of: WallTime
            var at: Instant
        }
    }

    /// A submission of a program of the node, as it comes in.
    struct Incoming: Hashable, Sendable {
        var submission: LocalSubmission
        var known: TaskKeyRecord?
        var payload: [UInt8]

        init(submission: LocalSubmission, known: TaskKeyRecord?) {
            self.submission = submission
            self.known = known
            payload = submission.payload
            self.submission.payload = []
        }

        var isComplete: Bool { payload.count == Int(submission.payloadBytes) }
    }

    public struct KnownService: Hashable, Sendable {
        public var report: ServiceReport
        public var at: Instant

        /// Time in its state, as of now.
        public func age(at now: Instant) -> Duration {
            now - at + .milliseconds(Int64(clamping: report.inStateMilliseconds))
        }
    }

    public struct KnownCheck: Hashable, Sendable {
        public var report: CheckReport
        public var at: Instant
    }

    public struct CheckKey: Hashable, Comparable, Sendable {
        public var service: ServiceName
        public var check: CheckName

        public static func < (left: CheckKey, right: CheckKey) -> Bool {
            (left.service, left.check) < (right.service, right.check)
        }
    }

    /// The node's wall clock against the controller's.
    public struct ClockEstimate: Hashable, Sendable {
        /// How long a first beat may have been on its way.
        static let firstUncertainty: Duration = .seconds(1)

        /// Positive when the node's clock is ahead.
        public var offset: Duration
        /// Half the round trip: how wrong the offset may be.
        public var uncertainty: Duration
        public var roundTrip: Duration

        /// Surely more than `limit` away.
        public func exceeds(_ limit: Duration) -> Bool {
            max(offset, .zero - offset) - uncertainty > limit
        }
    }

    var isSynced: Bool { link?.phase == .synced }

    /// Its agent shows what it starts in a drill the token of the drill. An older one would start
    /// drainable services and hooks with the token of production, and takes no part.
    public var knowsDrills: Bool { link.map { $0.version >= WireLimits.siteVersion } ?? false }

    /// Nothing that an order to stop must wait for is running any more.
    var isQuiet: Bool { services.values.allSatisfy { $0.report.isGone } }

    public var hasSelfFencedService: Bool {
        services.values.contains { $0.report.isSelfFenced }
    }

    /// A self-fenced service runs here, or is started without a further order. One that has failed
    /// may still have processes.
    var mayRunFenced: Bool {
        if let link, !link.fencedStarts.isEmpty { return true }
        return services.values.contains { known in
            let isAtRest = known.report.state == .stopped && !known.report.isWanted
            return known.report.isSelfFenced && !isAtRest
        }
    }

    /// Services are to be stopped here although the site is active: a drain, a maintenance or a
    /// removal.
    var isCleared: Bool {
        if record.membership == .removing { return true }
        if let drain = record.drain, !drain.keepServices { return true }
        if let maintenance = record.maintenance, !maintenance.keepServices { return true }
        return false
    }

    /// What keeps new work from it, as its agent is told, so that load balancers learn of it.
    var standing: NodeStanding? {
        if record.maintenance != nil { return .maintenance }
        if record.drain != nil || record.membership == .removing { return .draining }
        if record.cordon != nil { return .cordoned }
        return heldUntil != nil || record.conflict != nil ? .held : nil
    }
}
