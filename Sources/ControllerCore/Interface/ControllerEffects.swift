public import Model
public import Protocol

/// What a step wants done, in stages.
///
/// 1. `certificates` are signed at once and come back as events: a signature that nobody has seen
///    can be forgotten without harm.
/// 2. `journal` is written, in this order, in one transaction with everything of this step.
/// 3. Only when that is durable, and everything of the steps before it, `sends`, `closes`,
///    `replies`, `hooks` and `deliveries` go out, in this order. A step without a journal waits for the steps before it all
///    the same: it may rest on what they decided.
public struct ControllerEffects: Hashable, Sendable {
    public var certificates: [CertificateOrder] = []
    public var journal: [JournalEntry] = []
    public var sends: [Send] = []
    public var closes: [Close] = []
    public var replies: [Reply] = []
    /// To be executed on the controller's host, after what is durable.
    public var hooks: [HookCall] = []
    /// Hooks that nobody waits for any more: what has not begun never does, what runs is ended, and no
    /// other hook begins before it has.
    public var hookCancels: [UInt64] = []
    /// To be brought to people and their tools, after what is durable.
    public var deliveries: [Delivery] = []

    public init() {}

    public var isEmpty: Bool {
        certificates.isEmpty && journal.isEmpty && sends.isEmpty && closes.isEmpty
            && replies.isEmpty && hooks.isEmpty && hookCancels.isEmpty && deliveries.isEmpty
    }
}

public struct Send: Hashable, Sendable {
    public var connection: ConnectionID
    public var message: ControllerMessage

    public init(connection: ConnectionID, message: ControllerMessage) {
        self.connection = connection
        self.message = message
    }
}

/// Close a connection after everything sent to it before has gone out.
public struct Close: Hashable, Sendable {
    public var connection: ConnectionID
    public var code: RefusalCode

    public init(connection: ConnectionID, code: RefusalCode) {
        self.connection = connection
        self.code = code
    }
}

public struct CertificateOrder: Hashable, Sendable {
    public enum Subject: Hashable, Sendable {
        case node(NodeID)
        case operatorNamed(OperatorName)
    }

    public var id: CertificateOrderID
    public var subject: Subject
    /// The key to certify: the one of the signing request that asked.
    public var key: KeyFingerprint

    public init(id: CertificateOrderID, subject: Subject, key: KeyFingerprint) {
        self.id = id
        self.subject = subject
        self.key = key
    }
}

/// One durable decision.
public enum JournalEntry: Hashable, Sendable {
    /// Replaces the record of the same table and key.
    case put(Record)
    case delete(table: RecordTable, key: String)
    case event(ClusterEvent)
    case audit(AuditRecord)
    /// A payload that is too long for its task's record.
    case payload(TaskID, [UInt8])
    case payloadGone(TaskID)
    /// The kept output of the last attempt that has ended with a result; replaces the one before,
    /// and when it is empty only removes that.
    case output(TaskID, [UInt8])
    /// An idempotency key has its task.
    case taskKey(String, TaskKeyRecord)
}

public enum Severity: String, Hashable, Sendable, CaseIterable {
    case info
    case warning
    case critical
}

/// Something that happened, for people: what, why, and what followed from it.
public struct ClusterEvent: Hashable, Sendable {
    /// Counts over the life of the cluster, without gaps.
    public var sequence: UInt64
    public var at: WallTime
    public var kind: EventKind
    public var severity: Severity
    /// The node, site, operator or token it is about; its name.
    public var subject: String
    public var text: String
    /// What brought it about: `no heartbeat for 3.5s`, `ordered by alice: kernel update`.
    public var cause: String
    /// What followed at once: `2 of 3 nodes of site a are Online`.
    public var consequence: String
    /// The site it is about; empty where it is about none.
    public var site: String
    /// Somebody has ordered it, or what it comes of: maintenance, a drain, a removal, a run's or an
    /// operator's own stop.
    public var isPlanned: Bool

    public init(
        sequence: UInt64,
        at: WallTime,
        kind: EventKind,
        severity: Severity,
        subject: String,
        text: String,
        cause: String = "",
        consequence: String = "",
        site: String = "",
        isPlanned: Bool = false
    ) {
        self.site = site
        self.isPlanned = isPlanned
        self.sequence = sequence
        self.at = at
        self.kind = kind
        self.severity = severity
        self.subject = subject
        self.text = text
        self.cause = cause
        self.consequence = consequence
    }
}

public enum EventKind: String, Hashable, Sendable, CaseIterable {
    case controllerStarted = "controller.started"
    case controllerTilted = "controller.tilted"
    case controllerDoubted = "controller.doubted"
    case restoreBegun = "restore.begun"
    case restoreContradicted = "restore.contradicted"
    case restoreEnded = "restore.ended"
    case nodeInvited = "node.invited"
    case nodeEnrolled = "node.enrolled"
    case nodeAdmitted = "node.admitted"
    case nodeOnline = "node.online"
    case nodeOffline = "node.offline"
    case nodeHeld = "node.held"
    case nodeReleased = "node.released"
    case nodeConflicted = "node.conflicted"
    case nodeCordoned = "node.cordoned"
    case nodeUncordoned = "node.uncordoned"
    case nodeDraining = "node.draining"
    case nodeDrained = "node.drained"
    case nodeDrainOverdue = "node.drain-overdue"
    case maintenanceBegun = "maintenance.begun"
    case maintenanceEnded = "maintenance.ended"
    case nodeRemoving = "node.removing"
    case nodeRemoved = "node.removed"
    case nodeFenced = "node.fenced"
    case nodeRefused = "node.refused"
    case nodeNote = "node.note"
    case nodeRenewed = "node.renewed"
    case serviceChanged = "service.changed"
    case orderFailed = "order.failed"
    case tokenCreated = "token.created"
    case tokenRevoked = "token.revoked"
    case tokenBurnt = "token.burnt"
    case operatorAdded = "operator.added"
    case operatorRemoved = "operator.removed"
    case siteAdded = "site.added"
    case siteRemoved = "site.removed"
    case siteBelowMinimum = "site.below-minimum"
    case siteAtMinimum = "site.at-minimum"
    case settingChanged = "setting.changed"
    case preflightFinished = "preflight.finished"
    case backupMade = "backup.made"
    case nodeOverloaded = "node.overloaded"
    case nodeRelieved = "node.relieved"
    case tasksMoved = "tasks.moved"
    case taskFailed = "task.failed"
    case taskUnknown = "task.unknown"
    case taskLate = "task.late"
    /// It is near its limit, and takes tasks.
    case queueFilling = "queue.filling"
    case queueEased = "queue.eased"
    case queueFull = "queue.full"
    case queueRelieved = "queue.relieved"
    case scheduleAdded = "schedule.added"
    case scheduleRemoved = "schedule.removed"
    case schedulePaused = "schedule.paused"
    case scheduleResumed = "schedule.resumed"
    case scheduleRefused = "schedule.refused"
    case scheduleLeftOut = "schedule.left-out"
    /// Schedules do not follow the wall clock.
    case clockAhead = "clock.ahead"
    case clockTrusted = "clock.trusted"
    case nodePaired = "node.paired"
    case nodeUnfenced = "node.unfenced"
    case driftFound = "drift.found"
    case driftGone = "drift.gone"
    case nodeUnpaired = "node.unpaired"
    case planChanged = "plan.changed"
    case runStarted = "run.started"
    case runWaiting = "run.waiting"
    case runNotice = "run.notice"
    case runStepFailed = "run.step-failed"
    case runRollingBack = "run.rolling-back"
    case runEnded = "run.ended"
    case siteFencing = "site.fencing"
    case siteActivated = "site.activated"
    case dataLate = "data.late"
    case dataRecovered = "data.recovered"
    /// How far a site is behind is not known, which is not the same as late.
    case dataUnknown = "data.unknown"
    case dataKnown = "data.known"
    case dataDiverged = "data.diverged"
    case dataIgnored = "data.ignored"
    case divergenceAccepted = "data.divergence-accepted"
    case automaticTaken = "automatic.taken"
    case automaticRefused = "automatic.refused"
    case automaticPaused = "automatic.paused"
    case automaticResumed = "automatic.resumed"
    case automaticBrakeLifted = "automatic.brake-lifted"
    case failoverProposed = "failover.proposed"
    /// What was proposed, or refused by itself, is not asked any more.
    case failoverWithdrawn = "failover.withdrawn"
    /// A site that is below a threshold has lost more.
    case siteFurtherLoss = "site.further-loss"
    case readinessLost = "readiness.lost"
    case readinessRegained = "readiness.regained"
    case certificateExpiring = "certificate.expiring"
    case certificateRenewed = "certificate.renewed"
    case drillOverdue = "drill.overdue"
    case drillMade = "drill.made"
    case storeLow = "store.low"
    case storeRelieved = "store.relieved"
    /// The controller before this one was not stopped, it was lost.
    case controllerLost = "controller.lost"
    case accessLockedOut = "access.locked-out"
    case notifyChanged = "notify.changed"
    case silenceBegun = "silence.begun"
    case silenceEnded = "silence.ended"
    case noticeUndeliverable = "notice.undeliverable"
    case noticeDeliverable = "notice.deliverable"
    case noticesDropped = "notice.dropped"
    /// Of no event: a test of a receiver.
    case noticeTest = "notice.test"
}

/// Who ordered what, and what came of it. One for every command, refused ones too, and for every
/// decision the controller takes by itself.
public struct AuditRecord: Hashable, Sendable {
    public var at: WallTime
    /// An operator's name, `controller`, or a node's name.
    public var actor: String
    /// Fingerprint of the actor's key; empty for the controller itself.
    public var key: String
    public var source: String
    public var verb: String
    public var object: String
    public var reason: String
    /// What was asked, in full, secrets left out; the store digests it into the chain.
    public var parameters: String
    /// `done`, or the refusal's code.
    public var outcome: String

    public init(
        at: WallTime,
        actor: String,
        key: String = "",
        source: String = "",
        verb: String,
        object: String,
        reason: String = "",
        parameters: String = "",
        outcome: String
    ) {
        self.at = at
        self.actor = actor
        self.key = key
        self.source = source
        self.verb = verb
        self.object = object
        self.reason = reason
        self.parameters = parameters
        self.outcome = outcome
    }
}
