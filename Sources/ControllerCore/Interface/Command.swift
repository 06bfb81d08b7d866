public import Calendar
public import Model
public import Protocol

/// Who gives a command, as authenticated by the shell.
public struct Caller: Hashable, Sendable {
    public var name: OperatorName
    /// Fingerprint of the key of the certificate shown.
    public var key: KeyFingerprint
    /// Address and port, or `unix:uid=0`.
    public var source: String

    public init(name: OperatorName, key: KeyFingerprint, source: String) {
        self.name = name
        self.key = key
        self.source = source
    }
}

/// The durable half of a new join token; its secret never reaches the machine.
public struct TokenSeed: Hashable, Sendable {
    public var id: JoinTokenID
    /// SHA-256 of the secret, hexadecimal.
    public var secretHash: String
    /// How long it may be used; 15 minutes by default, at most 24 hours.
    public var lifetime: Duration

    public init(id: JoinTokenID, secretHash: String, lifetime: Duration = .seconds(900)) {
        self.id = id
        self.secretHash = secretHash
        self.lifetime = lifetime
    }
}

/// Where a setting holds.
public enum SettingScope: Hashable, Comparable, Sendable {
    case cluster
    case site(SiteName)
    /// By the node's name, so that it outlives a removal.
    case node(NodeName)
}

public enum ServiceAction: String, Hashable, Sendable, CaseIterable {
    case start
    case stop
    case restart
}

/// What an operator can ask to be changed. Reading is not a command, unless what is read may be
/// confidential: then it is judged and audited as one.
public struct Command: Hashable, Sendable {
    public var verb: Verb
    /// Why, in the operator's words; some verbs demand it.
    public var reason: String
    /// Do it although a safety check advises against it (never skips authorisation).
    public var force: Bool

    public init(_ verb: Verb, reason: String = "", force: Bool = false) {
        self.verb = verb
        self.reason = reason
        self.force = force
    }

    public enum Verb: Hashable, Sendable {
        case addNode(NodeName, site: SiteName?, address: String?, token: TokenSeed)
        case removeNodes([NodeName])
        case cordon(NodeName)
        case uncordon(NodeName)
        /// Services are stopped in reverse order, by the deadline; nothing new is started.
        case drain(NodeName, within: Duration, keepServices: Bool)
        case beginMaintenance(NodeName, owner: String, until: WallTime, keepServices: Bool)
        case endMaintenance(NodeName)
        /// Ends a hold: after flapping, or after an identity was seen twice.
        case release(NodeName)
        /// Nil for the service means every service of the node.
        case service(ServiceAction, ServiceName?, NodeName)
        case createToken(TokenSeed, site: SiteName?, node: NodeName?)
        case revokeToken(JoinTokenID)
        case addOperator(OperatorName, OperatorRole, token: TokenSeed)
        case removeOperator(OperatorName)
        case addSite(SiteName)
        case removeSite(SiteName)
        case setSiteMinimum(SiteName, UInt32)
        case set(SettingScope, key: String, value: String)
        case unset(SettingScope, key: String)
        /// An empty list means every joined node.
        case preflight([NodeName])
        /// The shell makes the backup; the machine admits and audits it.
        case backup(path: String)
        case cancelTasks([TaskID])
        /// Dead letters and tasks whose end is not known are given again, delayed ones at once.
        case retryTasks([TaskID])
        /// An operator says how tasks ended that have failed or are not known.
        case resolveTasks([TaskID], isDone: Bool)
        /// The shell gives it; the machine admits and audits it.
        case readPayload(TaskID)
        /// The same of what a task's handler has written.
        case readOutput(TaskID)
        /// The same of what the hooks of a run have written on nodes, as its report shows it.
        case readRunOutputs(RunID)
        /// The same of a file of a compared set, of a node and its pair. The reply comes when both
        /// nodes have answered.
        case readFile(NodeName, ComparedSetName, path: String)
        case addSchedule(ScheduleDraft)
        case removeSchedule(ScheduleName)
        case pauseSchedule(ScheduleName)
        case resumeSchedule(ScheduleName)
        case setCalendar(CalendarName, DateSet)
        case removeCalendar(CalendarName)
        /// The standby node takes over the production node's local configuration.
        case pairNodes(standby: NodeName, production: NodeName)
        case unpairNode(NodeName)
        case setSiteForm(SiteName, isWarm: Bool)
        case setPlan(PlanDraft)
        case removePlan(PlanName)
        /// `force` overrules what readiness calls blocking.
        case startRun(RunRequest)
        /// Where a step is named, the present one must be it: what was meant for one step is said twice
        /// by two people, or because an answer was lost, and does not hit the next one.
        case retryStep(RunID, step: StepName? = nil)
        /// The reason stands in the run's report.
        case skipStep(RunID, step: StepName? = nil)
        case abortRun(RunID)
        /// A node that cannot be reached is off: an operator's word.
        case certifyNode(RunID, NodeName)
        case answerRun(RunID, isYes: Bool, step: StepName? = nil)
        /// A run that waits is to go on although data may be lost, and with so many canaries of its new
        /// site given up.
        case acceptLoss(RunID, acceptsLoss: Bool, divergence: UInt64?)
        /// The controller observes and does not act by itself; the reason is kept.
        case pauseAutomatic
        case resumeAutomatic
        /// After as many automatic failovers as there may be.
        case liftBrake
        /// Replaces who is told of what, as a whole.
        case setNotifyRules(NotifyRules)
        case addSilence(SilenceDraft)
        case endSilence(UInt64)
        /// A test message, by the same way as any other.
        case testReceiver(ReceiverName)
        /// Delivers again at once: one that waits, was given up, refused or dropped.
        case retryDelivery(UInt64)
        /// The same of all that wait, were given up or refused.
        case retryDeliveries
        /// Takes one out that waits, was given up or refused.
        case dropDelivery(UInt64)
        /// The same of all that were given up or refused.
        case dropUndelivered
    }
}

/// The answer to a command. It is given after what it says is durable.
public struct Reply: Hashable, Sendable {
    public var request: RequestID
    public var outcome: Outcome

    public init(request: RequestID, outcome: Outcome) {
        self.request = request
        self.outcome = outcome
    }

    public enum Outcome: Hashable, Sendable {
        /// What was done, for people; orders that were given and can be followed.
        case done(String, orders: [UInt64])
        /// A preflight run was started and can be followed by its number.
        case preflightStarted(UInt64)
        case certificate(IssuedCertificate)
        /// A run has begun and can be followed by its number.
        case runStarted(RunID)
        /// One answer for each task that was submitted, in order.
        case tasks([TaskAnswer])
        case texts(FileTexts)
        case refused(Refused)
    }
}

/// A command that was turned down.
public struct Refused: Error, Hashable, Sendable {
    public var code: RefusalCode
    /// What is the matter, with names.
    public var text: String
    /// What to do about it; a command to type where there is one.
    public var mend: String

    public init(_ code: RefusalCode, _ text: String, mend: String = "") {
        self.code = code
        self.text = text
        self.mend = mend
    }
}
