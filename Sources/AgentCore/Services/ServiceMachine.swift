import Model
import Protocol

/// What a service may do at this moment, told by the agent's machine.
enum ServicePermit: Hashable, Sendable {
    /// It may be launched, and run on.
    case run(ServiceGrant)
    /// What runs may run on; nothing is launched. The reason is for people.
    case keep(reason: String)
    /// It must not run.
    case stop(StopCause)
}

struct ServiceGrant: Hashable, Sendable {
    var token: FencingToken
    /// End of the lease, for a self-fenced service.
    var deadline: Instant?
    var environment: [EnvironmentVariable]
    var launchNumber: UInt64
}

enum StopCause: Hashable, Sendable {
    case notWanted
    case standby
    /// The node was removed.
    case dismissed
    case undefined
    case leaseEnded

    var sentence: String {
        switch self {
        case .notWanted: "stopped by order"
        case .dismissed: "stopped: the node has no part in the cluster"
        case .standby: "stopped: the site is standby"
        case .undefined: "stopped: no longer defined on this node"
        case .leaseEnded: "stopped: the lease ended"
        }
    }
}

struct ServiceEffects: Hashable, Sendable {
    var leashes: [LeashCommand] = []
    var checks: [CheckRequest] = []
}

/// One supervised program.
///
///     stopped → starting → running → stopping → stopped | backoff | failed
///                  └────────┴→ stopping        backoff → starting
///
/// While anything of a launch may exist, `held` stands; nothing is launched before it is nil. A
/// service with a failing check is not running: it is restarted where its policy says so, else it is
/// `failed` (its process lives on) until the check passes again.
struct ServiceMachine: Hashable, Sendable {
    /// Why the present launch ends.
    enum Ending: Hashable, Sendable {
        case ordered(StopCause)
        case restart
        case exited(ProgramExit)
        case startTimedOut
        case checkFailed
        case leashLost
        case notStarted
    }

    /// A launch of which something may exist.
    struct Held: Hashable, Sendable {
        var launch: LaunchID
        var token: FencingToken
        var processID: UInt32?
        /// What it was launched from: a changed definition counts from the next start.
        var stopTimeout: Duration
        /// What its leash was told last.
        var leaseDeadline: Instant?
        /// It ends with the lease, and must not act twice: as it was launched, whatever its
        /// definition says by now.
        var isFenced = false
        var isExclusive = true
        /// Set when it has begun to end.
        var ending: Ending?
        /// When its end is overdue.
        var stopDeadline: Instant?
        /// It did not end in time, not even killed.
        var isStuck = false
    }

    var definition: ServiceDefinition
    var isWanted: Bool
    /// Waits for the services before it in the order of starting.
    var waitsForTurn = false
    private(set) var held: Held?
    private(set) var state: ServiceState = .stopped
    private(set) var detail = ""
    private(set) var since: Instant
    /// When it became self-fenced by a changed definition; nil when it was defined so.
    private(set) var fencedSince: Instant?
    /// When it ceased to be self-fenced by a changed definition, until the controller knows: before, it
    /// may take the node for one that ends by itself.
    private(set) var loosenedSince: Instant?
    private(set) var restarts: UInt32 = 0
    private(set) var checks: [CheckMachine]
    let stopGrace: Duration
    /// How long a leash may take to end what it holds when the lease is over: half of S.
    static let fencePatience: Duration = .seconds(1)
    let startingCheckInterval: Duration
    private var startDeadline: Instant?
    private var backoffUntil: Instant?
    private var failuresInRow: UInt8 = 0
    private var launchedAt: [Instant] = []

    init(
        definition: ServiceDefinition,
        isWanted: Bool,
        timing: AgentTiming,
        at now: Instant
    ) {
        self.definition = definition
        self.isWanted = isWanted
        since = now
        stopGrace = timing.stopGrace
        startingCheckInterval = timing.startingCheckInterval
        checks = definition.checks.map { CheckMachine(service: definition.name, definition: $0) }
    }

    /// It must not act twice: by its definition, or as what runs was launched.
    var isExclusive: Bool { definition.kind == .exclusive || held?.isExclusive ?? false }

    /// A heartbeat that told of the service as it is was answered with a lease.
    mutating func known(asked: Instant) {
        if let since = loosenedSince, since < asked { loosenedSince = nil }
    }

    // MARK: What is told

    /// A leash of an earlier incarnation holds it: what runs is running until a check says no.
    mutating func adopt(_ leash: AdoptedLeash, at now: Instant) {
        precondition(held == nil, "\(definition.name) is held already")
        var held = Held(
            launch: leash.launch,
            token: leash.token,
            processID: leash.processID,
            stopTimeout: definition.stopTimeout,
            isFenced: leash.hasDeadline,
            isExclusive: definition.kind == .exclusive
        )
        if leash.processID == nil {
            held.ending = .leashLost
            held.stopDeadline = now + stopGrace
            enter(.stopping, "ended while the agent was away", at: now)
        } else {
            enter(.running, "", at: now)
            for index in checks.indices { checks[index].begin(at: now) }
        }
        launchedAt = [now]
        self.held = held
    }

    /// The configuration was read anew. Checks hold at once, the rest from the next start.
    mutating func redefine(_ definition: ServiceDefinition, at now: Instant) {
        let checksDiffer = definition.checks != self.definition.checks
        if definition.isSelfFenced, !self.definition.isSelfFenced { fencedSince = now }
        if !definition.isSelfFenced, self.definition.isSelfFenced { loosenedSince = now }
        if definition.isSelfFenced { loosenedSince = nil }
        self.definition = definition
        guard checksDiffer else { return }
        let attempts = checks.map(\.attempts).max() ?? 0
        checks = definition.checks.map {
            CheckMachine(service: definition.name, definition: $0, attempts: attempts)
        }
        if let held, held.processID != nil, held.ending == nil {
            for index in checks.indices { checks[index].begin(at: now) }
        }
    }

    /// Told to start: what happened before is forgiven.
    ///
    /// What runs already is confirmed under the order's token. Nothing but an order does that: a
    /// service that runs on under an older token is not covered by a newer one that was only seen.
    mutating func orderStart(token: FencingToken, at now: Instant) -> ServiceEffects {
        var effects = ServiceEffects()
        isWanted = true
        waitsForTurn = false
        forgive()
        if held == nil { enter(.stopped, "", at: now) }
        if held?.ending != nil { held?.ending = .restart }
        if let held, held.ending == nil, held.token < token {
            self.held?.token = token
            effects.leashes.append(.authorise(held.launch, token: token))
        }
        return effects
    }

    /// Told to stop. ``reconcile(_:at:)`` does it.
    mutating func orderStop() {
        isWanted = false
        waitsForTurn = false
    }

    mutating func orderRestart(token: FencingToken, at now: Instant) -> ServiceEffects {
        var effects = orderStart(token: token, at: now)
        if held?.ending == nil { stop(.restart, "stopped to start again", at: now, &effects) }
        return effects
    }

    mutating func learned(_ news: LeashNews, of launch: LaunchID, at now: Instant) {
        guard let held, held.launch == launch else { return }
        switch news {
        case .started(let processID): started(processID, at: now)
        case .notStarted(let reason):
            detail = reason
            emptied(held.ending ?? .notStarted, at: now)
        case .exited(let status):
            self.held?.processID = nil
            beginEnd(.exited(status), "\(status)", at: now)
        case .leaseEnded: beginEnd(.ordered(.leaseEnded), StopCause.leaseEnded.sentence, at: now)
        case .emptied: emptied(held.ending ?? .leashLost, at: now)
        case .lost:
            self.held?.processID = nil
            beginEnd(.leashLost, "its leash died; what it held is killed", at: now)
        case .unkillable(let processes):
            beginEnd(.leashLost, "", at: now)
            self.held?.isStuck = true
            detail = "\(processes) processes do not die from SIGKILL"
        }
    }

    mutating func checkFinished(
        _ id: CheckID,
        _ outcome: CheckOutcome,
        took: Duration,
        at now: Instant
    ) -> ServiceEffects {
        var effects = ServiceEffects()
        guard let index = checks.firstIndex(where: { $0.definition.name == id.check }) else {
            return effects
        }
        let interval = checkIntervalMax
        checks[index].finished(id, outcome, took: took, at: now, intervalMax: interval)
        weighChecks(at: now, &effects)
        return effects
    }

    // MARK: What follows

    /// Does what the time has come for; then ``reconcile(_:at:)`` follows in the same step.
    mutating func settle(at now: Instant) -> ServiceEffects {
        var effects = ServiceEffects()
        if let held, held.ending == nil, held.processID != nil {
            let interval = checkIntervalMax
            for index in checks.indices {
                if let request = checks[index].settle(at: now, intervalMax: interval) {
                    effects.checks.append(request)
                }
            }
            weighChecks(at: now, &effects)
        }
        if state == .starting, let startDeadline, startDeadline <= now {
            let waited = "not ready within \(definition.startTimeout.forPeople)"
            let text = failingCheck.map { "\(waited): \($0)" } ?? waited
            stop(.startTimedOut, text, at: now, &effects)
        }
        if let held, let deadline = held.stopDeadline, deadline <= now {
            self.held?.stopDeadline = nil
            self.held?.isStuck = true
            // A leash can be stopped itself, and acts only when it goes on.
            effects.leashes.append(.destroy(held.launch))
            if !detail.isEmpty { detail += "; " }
            detail += "not gone after \((now - since).forPeople)"
        }
        return effects
    }

    /// Brings what is nearer to what may be.
    mutating func reconcile(_ permit: ServicePermit, at now: Instant) -> ServiceEffects {
        var effects = ServiceEffects()
        if held == nil {
            switch permit {
            case .run(let grant): launchIfDue(grant, at: now, &effects)
            case .keep(let reason):
                if state == .backoff, let backoffUntil, backoffUntil <= now {
                    self.backoffUntil = nil
                    enter(.stopped, reason, at: now)
                }
                if state == .stopped, isWanted { detail = reason }
            case .stop(let cause):
                // What has given up does not try again because a lease ended and came back.
                if cause == .leaseEnded, state == .failed { break }
                backoffUntil = nil
                if state != .stopped { enter(.stopped, cause.sentence, at: now) }
            }
            return effects
        }
        switch permit {
        case .run(let grant): confirm(grant, &effects)
        case .keep: break
        case .stop(let cause): stopFor(cause, at: now, &effects)
        }
        return effects
    }

    var nextDeadline: Instant? {
        var deadlines = [backoffUntil, held?.stopDeadline]
        if state == .starting { deadlines.append(startDeadline) }
        deadlines += checks.map(\.nextDeadline)
        return deadlines.compactMap { $0 }.min()
    }
}

// MARK: - Transitions

extension ServiceMachine {
    private mutating func enter(_ next: ServiceState, _ detail: String, at now: Instant) {
        if next != state { since = now }
        state = next
        self.detail = detail
        if state == .running || state == .failed { waitsForTurn = false }
    }

    private mutating func forgive() {
        restarts = 0
        failuresInRow = 0
        launchedAt = []
        backoffUntil = nil
    }

    private mutating func launchIfDue(
        _ grant: ServiceGrant,
        at now: Instant,
        _ effects: inout ServiceEffects
    ) {
        switch state {
        case .stopped: break
        case .backoff:
            guard let backoffUntil, backoffUntil <= now else { return }
            restarts += 1
        case .failed, .starting, .running, .stopping: return
        }
        let launch = LaunchID(service: definition.name, number: grant.launchNumber)
        held = Held(
            launch: launch,
            token: grant.token,
            stopTimeout: definition.stopTimeout,
            leaseDeadline: grant.deadline,
            isFenced: grant.deadline != nil,
            isExclusive: definition.kind == .exclusive
        )
        backoffUntil = nil
        launchedAt.append(now)
        startDeadline = now + definition.startTimeout
        enter(.starting, "", at: now)
        effects.leashes.append(
            .launch(
                launch,
                Launch(
                    definition: definition,
                    token: grant.token,
                    deadline: grant.deadline,
                    environment: grant.environment
                )
            )
        )
    }

    /// A longer lease for what runs.
    private mutating func confirm(_ grant: ServiceGrant, _ effects: inout ServiceEffects) {
        guard var held, held.ending == nil else { return }
        if definition.isSelfFenced, let deadline = grant.deadline,
            held.leaseDeadline.map({ $0 < deadline }) ?? true
        {
            held.leaseDeadline = deadline
            effects.leashes.append(.extend(held.launch, deadline: deadline))
        }
        self.held = held
    }

    private mutating func started(_ processID: UInt32, at now: Instant) {
        held?.processID = processID
        guard held?.ending == nil else { return }
        for index in checks.indices { checks[index].begin(at: now) }
    }

    /// Sends the stop; the leash answers when nothing is left.
    private mutating func stop(
        _ ending: Ending,
        _ text: String,
        timeout: Duration? = nil,
        at now: Instant,
        _ effects: inout ServiceEffects
    ) {
        guard let held, held.ending == nil else { return }
        let timeout = timeout ?? held.stopTimeout
        effects.leashes.append(.stop(held.launch, timeout: timeout))
        beginEnd(ending, text, at: now)
        self.held?.stopDeadline = now + timeout + stopGrace
    }

    /// An order to stop holds for what already ends, too: it will not be started again.
    private mutating func stopFor(
        _ cause: StopCause,
        at now: Instant,
        _ effects: inout ServiceEffects
    ) {
        if held?.ending != nil {
            if case .ordered = held?.ending {} else { held?.ending = .ordered(cause) }
            return
        }
        // The leash ends a self-fenced service by itself at the same instant; this is the second
        // of two ways to the same end, and leaves it no time either.
        let timeout: Duration? = cause == .leaseEnded ? .zero : nil
        stop(.ordered(cause), cause.sentence, timeout: timeout, at: now, &effects)
        if cause == .leaseEnded { held?.stopDeadline = now + Self.fencePatience }
    }

    private mutating func beginEnd(_ ending: Ending, _ text: String, at now: Instant) {
        guard held?.ending == nil else { return }
        held?.ending = ending
        held?.stopDeadline = now + stopGrace
        for index in checks.indices { checks[index].end() }
        enter(.stopping, text, at: now)
    }

    /// Nothing of the launch exists any more.
    private mutating func emptied(_ ending: Ending, at now: Instant) {
        let wasRunningFor = launchedAt.last.map { now - $0 } ?? .zero
        // Only now is it told that it fences itself: what ran did not.
        if definition.isSelfFenced, held?.isFenced == false { fencedSince = now }
        held = nil
        startDeadline = nil
        for index in checks.indices { checks[index].end() }
        if wasRunningFor >= definition.restart.delayMax { failuresInRow = 0 }
        switch ending {
        case .ordered(let cause): enter(.stopped, cause.sentence, at: now)
        case .restart: enter(.stopped, "", at: now)
        case .exited(let status): endedByItself(isFailure: !status.isSuccess, at: now)
        case .startTimedOut, .checkFailed, .leashLost, .notStarted:
            endedByItself(isFailure: true, at: now)
        }
    }

    private mutating func endedByItself(isFailure: Bool, at now: Instant) {
        let policy = definition.restart
        let restart =
            switch policy.condition {
            case .never: false
            case .onFailure: isFailure
            case .always: true
            }
        guard restart else { return enter(.failed, detail, at: now) }
        launchedAt.removeAll { now - $0 > policy.window }
        guard launchedAt.count < Int(policy.limit) else {
            let text = "\(launchedAt.count) starts within \(policy.window.forPeople)"
            return enter(.failed, "\(detail); gave up after \(text)", at: now)
        }
        var delay = policy.delay
        for _ in 0..<failuresInRow where delay < policy.delayMax { delay = delay + delay }
        delay = min(delay, policy.delayMax)
        failuresInRow = min(failuresInRow + 1, 60)
        backoffUntil = now + delay
        enter(.backoff, "\(detail); starts again after \(delay.forPeople)", at: now)
    }

    /// Whether its checks make the service running.
    private mutating func weighChecks(at now: Instant, _ effects: inout ServiceEffects) {
        guard let held, held.ending == nil, held.processID != nil else { return }
        switch state {
        case .starting, .failed:
            if checks.allSatisfy({ $0.state == .passing }) {
                enter(.running, "", at: now)
            } else if let failing = failingCheck, detail != failing {
                detail = failing
            }
        case .running:
            guard let failing = failingCheck else { return }
            if definition.restart.condition == .never {
                enter(.failed, failing, at: now)
            } else {
                stop(.checkFailed, failing, at: now, &effects)
            }
        case .stopped, .stopping, .backoff: break
        }
    }

    /// `check http: 503`, of the first check that fails.
    private var failingCheck: String? {
        checks.first { $0.state == .failing }.map { check in
            check.output.isEmpty
                ? "check \(check.definition.name) fails"
                : "check \(check.definition.name): \(check.output)"
        }
    }

    private var checkIntervalMax: Duration {
        state == .starting ? startingCheckInterval : .seconds(1_000_000)
    }
}
