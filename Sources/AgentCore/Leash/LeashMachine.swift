public import Model

/// What happened to a leash.
public enum LeashEvent: Hashable, Sendable {
    /// The spec has been read and the socket listens. Comes first, once.
    case configured
    case agentConnected
    /// The end of the file, or an error, on the agent's connection.
    case agentDisconnected
    case command(LeashOrder)
    /// A line from the agent that is no command.
    case malformedLine
    /// Answers ``LeashEffects/spawn``.
    case childStarted(processID: Int32)
    /// Answers ``LeashEffects/spawn``.
    case spawnFailed(LeashFailure)
    case childExited(LeashExit)
    /// Answers ``LeashEffects/runsStopCommand``, when it has ended or could not be started.
    case stopCommandEnded(succeeded: Bool)
    /// Answers ``LeashEffects/looks``: not one process of the group lives.
    case groupEmpty
    /// Answers ``LeashEffects/looks``: some still live, as far as they could be counted.
    case groupPopulated(processes: UInt32)
    /// The leash itself was sent SIGTERM.
    case terminated
    case deadlineReached
}

/// What a leash must do: act on processes, then `looks`, neither of which waits for a disk; tell, and
/// exit, when every `record` given so far is durable, in order.
public struct LeashEffects: Hashable, Sendable {
    public struct Spawn: Hashable, Sendable {
        /// To be compared with the clock once more right before the program is started: the leash
        /// may have been stopped in between.
        public var notAfter: Instant?
    }

    public enum Signal: Hashable, Sendable {
        /// SIGTERM, once to each process of the group.
        case terminateGroup
        case killGroup
    }

    /// Replaces the file `exit`.
    public var record: LeashReport?
    public var spawn: Spawn?
    public var runsStopCommand = false
    public var signals: [Signal] = []
    /// Find out whether the group is empty, and if it is, say so by ``LeashEvent/groupEmpty``;
    /// else by ``LeashEvent/groupPopulated(processes:)``.
    public var looks = false
    public var sends: [LeashReport] = []
    /// Leave with this status.
    public var exit: Int32?

    public init() {}
}

/// The tiny parent of one service or task: it starts the program while the right to run it lasts,
/// and ends it and all it started when that right ends. It needs no live agent for that.
///
/// It promises: nothing is started at or after the deadline; at the deadline everything is killed
/// (with a grace, asked to end first); `empty` is said only when it was seen to be so.
public struct LeashMachine: Hashable, Sendable {
    /// Exit status after an agent has taken over the result.
    public static let statusAcknowledged: Int32 = 0
    /// Exit status when the result is on disk only.
    public static let statusUnacknowledged: Int32 = 3
    /// How often a group that must become empty is looked at and killed again.
    public static let lookInterval: Duration = .milliseconds(20)
    /// The same, once killing has not helped for ``lookIntervalShortTime``.
    public static let lookIntervalMax: Duration = .milliseconds(500)
    public static let lookIntervalShortTime: Duration = .seconds(1)
    /// After so long SIGKILL is said not to help.
    public static let killTimeMax: Duration = .seconds(5)

    enum Phase: Hashable, Sendable {
        /// Nothing was started. Then starting, when an agent connects; or ended.
        case waiting(until: Instant)
        /// The program is being started. Then running, or killing when that failed.
        case starting
        /// Then stopping or killing.
        case running(processID: Int32)
        /// Asked to end; killed at `hard`. Then killing or ended.
        case stopping(processID: Int32?, hard: Instant)
        /// Killed until nothing lives. Then ended.
        case killing(since: Instant)
        /// Nothing lives. Waits for an agent to take the result until `until`.
        case ended(until: Instant)
        case left
    }

    public private(set) var token: String
    public let onDisconnect: LeashDisconnectPolicy
    let stopGrace: Duration
    let deadlineGrace: Duration
    let connectTimeMax: Duration
    let lingerTimeMax: Duration
    let hasStopCommand: Bool

    public internal(set) var deadline: Instant?
    var phase: Phase
    var isConnected = false
    /// Whether the deadline has been acted on: from then on nothing gives the right back.
    var isFenced = false
    var isChildGone = false
    var cause: LeashCause?
    var exit: LeashExit?
    var failure: LeashFailure?
    var nextLook: Instant?
    var hasToldUnkillable = false

    public init(_ spec: LeashSpec, at now: Instant) {
        token = spec.token
        onDisconnect = spec.onDisconnect
        stopGrace = spec.stopGrace
        deadlineGrace = spec.deadlineGrace
        connectTimeMax = spec.connectTimeMax
        lingerTimeMax = spec.lingerTimeMax
        hasStopCommand = !spec.stopArguments.isEmpty
        deadline = spec.deadline
        phase = .waiting(until: now + spec.connectTimeMax)
    }

    /// When the shell must step ``LeashEvent/deadlineReached`` at the latest.
    public var nextDeadline: Instant? {
        switch phase {
        case .waiting(let until): earliest([until, deadline])
        case .starting: nil
        case .running: deadline
        case .stopping(_, let hard): earliest([hard, isFenced ? nil : deadline, nextLook])
        case .killing: nextLook
        case .ended(let until): until
        case .left: nil
        }
    }

    /// Whether each end of a process should be followed by a look.
    public var awaitsEmptiness: Bool {
        switch phase {
        case .stopping, .killing: isChildGone
        case .waiting, .starting, .running, .ended, .left: false
        }
    }

    public mutating func step(_ event: LeashEvent, at now: Instant) -> LeashEffects {
        var effects = LeashEffects()
        settle(at: now, &effects)
        handle(event, at: now, &effects)
        // An event can bring the machine into a state whose time is already over, such as a
        // program that was being started while the deadline passed.
        settle(at: now, &effects)
        checkInvariants()
        return effects
    }

    /// Does what the clock alone demands.
    private mutating func settle(at now: Instant, _ effects: inout LeashEffects) {
        if let deadline, now >= deadline, !isFenced { fence(deadline, at: now, &effects) }
        switch phase {
        case .waiting(let until):
            if now >= until { end(.neverConnected, at: now, &effects) }
        case .stopping(let processID, let hard):
            if now >= hard {
                becomeKilling(at: now, &effects)
            } else if let look = nextLook, now >= look {
                nextLook = now + Self.lookInterval
                effects.looks = true
                // What was just being forked or orphaned can have been missed the time before.
                if processID == nil { effects.signals.append(.terminateGroup) }
            }
        case .killing(let since):
            if let look = nextLook, now >= look { killAgain(since: since, at: now, &effects) }
        case .ended(let until):
            if now >= until { leave(Self.statusUnacknowledged, &effects) }
        case .starting, .running, .left: break
        }
    }

    private mutating func handle(
        _ event: LeashEvent,
        at now: Instant,
        _ effects: inout LeashEffects
    ) {
        switch event {
        case .configured, .deadlineReached: break
        case .agentConnected: connect(&effects)
        case .agentDisconnected: disconnect(at: now, &effects)
        case .command(let command): obey(command, at: now, &effects)
        case .malformedLine: tell(.refused(reason: "not a command"), &effects)
        case .childStarted(let processID):
            guard case .starting = phase else { impossible("childStarted") }
            phase = .running(processID: processID)
            tell(.started(processID: processID), &effects)
        case .spawnFailed(let failure):
            guard case .starting = phase else { impossible("spawnFailed") }
            self.failure = failure
            let isTooLate = deadline.map { now >= $0 } ?? false
            cause = cause ?? (isTooLate ? .deadlinePassed : .spawnFailed)
            isChildGone = true
            becomeKilling(at: now, &effects)
        case .childExited(let exit): childEnded(exit, at: now, &effects)
        case .stopCommandEnded(let succeeded):
            if !succeeded, case .stopping = phase { effects.signals.append(.terminateGroup) }
        case .groupEmpty: groupBecameEmpty(at: now, &effects)
        case .groupPopulated(let processes):
            guard case .killing(let since) = phase, now - since >= Self.killTimeMax,
                !hasToldUnkillable
            else { return }
            hasToldUnkillable = true
            tell(.unkillable(processes: processes), &effects)
        case .terminated: stop(.terminated, grace: stopGrace, at: now, &effects)
        }
    }

    private mutating func connect(_ effects: inout LeashEffects) {
        if case .left = phase { return }
        isConnected = true
        if case .waiting = phase {
            phase = .starting
            effects.spawn = LeashEffects.Spawn(notAfter: deadline)
        }
        tell(.state(state), &effects)
        if case .ended = phase {
            tell(.empty(result), &effects)
        } else if exit != nil {
            tell(.exited(result), &effects)
        }
    }

    private mutating func disconnect(at now: Instant, _ effects: inout LeashEffects) {
        isConnected = false
        guard onDisconnect == .kill else { return }
        switch phase {
        case .running, .stopping:
            cause = cause ?? .disconnected
            becomeKilling(at: now, &effects)
        case .starting:
            // Cannot be seen by a shell that starts programs while it waits; answered all the
            // same, by the deadline that is over at once.
            deadline = now
            cause = cause ?? .disconnected
        case .ended: leave(Self.statusUnacknowledged, &effects)
        case .waiting, .killing, .left: break
        }
    }

    private mutating func childEnded(
        _ exit: LeashExit,
        at now: Instant,
        _ effects: inout LeashEffects
    ) {
        precondition(!isChildGone, "the program ended twice")
        isChildGone = true
        self.exit = exit
        cause = cause ?? .exited
        switch phase {
        case .running: stopRemnants(hard: now + stopGrace, at: now, &effects)
        case .stopping(_, let hard): stopRemnants(hard: hard, at: now, &effects)
        case .killing: effects.looks = true
        case .waiting, .starting, .ended, .left: impossible("childExited")
        }
        effects.record = .exited(result)
        tell(.exited(result), &effects)
    }

    private mutating func groupBecameEmpty(at now: Instant, _ effects: inout LeashEffects) {
        // A look can be answered late; only a group whose program has ended can be empty.
        guard isChildGone else { return }
        switch phase {
        case .stopping, .killing: end(cause ?? .exited, at: now, &effects)
        case .waiting, .starting, .running, .ended, .left: break
        }
    }
}

extension LeashMachine {
    private mutating func obey(
        _ command: LeashOrder,
        at now: Instant,
        _ effects: inout LeashEffects
    ) {
        switch command {
        case .extend(let new): extend(to: new, &effects)
        case .fence(let new):
            deadline = min(deadline ?? new, new)
            tell(.state(state), &effects)
        case .stop(let grace): stop(.stopped, grace: grace, at: now, &effects)
        case .kill:
            switch phase {
            case .running, .stopping:
                cause = cause ?? .killed
                becomeKilling(at: now, &effects)
            case .waiting, .starting, .killing, .ended, .left: break
            }
        case .authorise(let token): self.token = token
        case .status: tell(.state(state), &effects)
        case .acknowledge:
            if case .ended = phase {
                leave(Self.statusAcknowledged, &effects)
            } else {
                tell(.refused(reason: "there is no result yet"), &effects)
            }
        }
    }

    private mutating func extend(to new: Instant, _ effects: inout LeashEffects) {
        guard let deadline else {
            return tell(.refused(reason: "it has no deadline to extend"), &effects)
        }
        guard !isFenced else {
            return tell(.refused(reason: "the deadline has passed"), &effects)
        }
        self.deadline = max(deadline, new)
    }

    private mutating func stop(
        _ cause: LeashCause,
        grace: Duration,
        at now: Instant,
        _ effects: inout LeashEffects
    ) {
        let hard = now + grace
        switch phase {
        case .waiting: end(cause, at: now, &effects)
        case .starting: deadline = now
        case .running(let processID):
            self.cause = self.cause ?? cause
            phase = .stopping(processID: processID, hard: hard)
            if hasStopCommand {
                effects.runsStopCommand = true
            } else {
                effects.signals.append(.terminateGroup)
            }
        case .stopping(let processID, let before):
            phase = .stopping(processID: processID, hard: min(before, hard))
        case .killing, .ended, .left: break
        }
    }

    /// The right has ended. With a grace the group is asked first, unless even that is over.
    private mutating func fence(
        _ deadline: Instant,
        at now: Instant,
        _ effects: inout LeashEffects
    ) {
        let hard = deadline + deadlineGrace
        switch phase {
        case .waiting: end(.deadlinePassed, at: now, &effects)
        case .starting: return
        case .running(let processID):
            cause = cause ?? .deadlinePassed
            phase = .stopping(processID: processID, hard: hard)
            if now < hard { effects.signals.append(.terminateGroup) }
        case .stopping(let processID, let before):
            phase = .stopping(processID: processID, hard: min(before, hard))
            if now < hard { effects.signals.append(.terminateGroup) }
        case .killing, .ended, .left: break
        }
        isFenced = true
    }

    private mutating func stopRemnants(
        hard: Instant,
        at now: Instant,
        _ effects: inout LeashEffects
    ) {
        phase = .stopping(processID: nil, hard: hard)
        nextLook = now + Self.lookInterval
        effects.signals.append(.terminateGroup)
        effects.looks = true
    }

    private mutating func becomeKilling(at now: Instant, _ effects: inout LeashEffects) {
        phase = .killing(since: now)
        killAgain(since: now, at: now, &effects)
    }

    private mutating func killAgain(
        since: Instant,
        at now: Instant,
        _ effects: inout LeashEffects
    ) {
        let isEarly = now - since < Self.lookIntervalShortTime
        nextLook = now + (isEarly ? Self.lookInterval : Self.lookIntervalMax)
        if effects.signals.last != .killGroup { effects.signals.append(.killGroup) }
        effects.looks = true
    }

    private mutating func end(
        _ cause: LeashCause,
        at now: Instant,
        _ effects: inout LeashEffects
    ) {
        self.cause = self.cause ?? cause
        var until = now + lingerTimeMax
        // Nobody is there and nobody will come: the file tells the next agent. But an agent that
        // has not connected yet is still awaited, so that it hears why nothing was started.
        var isAlone = !isConnected && (onDisconnect == .kill || cause == .neverConnected)
        if case .waiting(let limit) = phase, now < limit {
            until = limit
            isAlone = false
        }
        phase = .ended(until: until)
        nextLook = nil
        effects.looks = false
        effects.record = .empty(result)
        tell(.empty(result), &effects)
        if isAlone { leave(Self.statusUnacknowledged, &effects) }
    }

    private mutating func leave(_ status: Int32, _ effects: inout LeashEffects) {
        phase = .left
        effects.exit = status
    }

    private func tell(_ report: LeashReport, _ effects: inout LeashEffects) {
        if isConnected { effects.sends.append(report) }
    }

    var result: LeashResult {
        LeashResult(cause: cause ?? .exited, exit: exit, failure: failure)
    }

    /// As it is told in `state`.
    public var state: LeashState {
        var state = LeashState(
            phase: .waiting,
            token: token,
            deadline: deadline,
            onDisconnect: onDisconnect
        )
        switch phase {
        case .waiting: break
        case .starting: state.phase = .starting
        case .running(let processID):
            state.phase = .running
            state.processID = processID
        case .stopping(let processID, _):
            state.phase = .stopping
            state.processID = processID
        case .killing: state.phase = .killing
        case .ended, .left: state.phase = .empty
        }
        return state
    }

    private func checkInvariants() {
        assert(!(isFenced && isRunning), "it runs on after its deadline")
        assert(!(isEnded && exit == nil && isChildGone && failure == nil), "an end without an exit")
    }

    private var isRunning: Bool {
        if case .running = phase { true } else { false }
    }

    private var isEnded: Bool {
        if case .ended = phase { true } else { false }
    }

    private func impossible(_ event: String) -> Never {
        preconditionFailure("\(event) in \(phase)")
    }

    private func earliest(_ times: [Instant?]) -> Instant? {
        times.compactMap { $0 }.min()
    }
}
