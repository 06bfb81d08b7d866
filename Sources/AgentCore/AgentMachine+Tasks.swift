import Model
import Protocol

// The bench and the desk within the agent's machine: what they are told, and where their effects go.

/// Which attempts may end at a site that has given its part up: those of drainable handlers under the
/// token `from` or a later one. Said together with the token `under`; with a newer one that is void.
struct Drains: Hashable, Sendable {
    var under: FencingToken
    var from: FencingToken
}

extension AgentMachine {
    /// The connection of a session that speaks of tasks.
    private var workLink: UInt64? {
        guard let session, session.version >= WireLimits.workVersion else { return nil }
        return session.id
    }

    /// What may drain under today's token; nil when nothing may.
    var drainsFrom: FencingToken? {
        drains.flatMap { $0.under == memory.highest ? $0.from : nil }
    }

    private var taskSituation: TaskSituation {
        TaskSituation(
            highest: memory.highest,
            authority: authority,
            lease: lease,
            isStateWritable: isStateWritable,
            obstacle: taskObstacle,
            workObstacle: isIdleStandby ? "the site is standby" : nil,
            drill: memory.drill,
            drains: drainsFrom,
            isDismissed: isDismissed,
            identity: configuration.identity,
            settings: memory.settings
        )
    }

    private var taskObstacle: String? {
        if isLeaving { return "the agent is stopping" }
        if isDismissed { return "the node has no part in the cluster" }
        if !isAuthorised { return "no controller has said that it may start" }
        return nil
    }

    @discardableResult
    mutating func fold<Result>(
        _ effects: inout AgentEffects,
        _ body: (inout TaskBench, inout TaskEffects) -> Result
    ) -> Result {
        var done = TaskEffects()
        let result = body(&bench, &done)
        effects.tasks += done.commands
        effects.workers += done.workers
        effects.sends += done.sends.map { .work($0) }
        effects.notices += done.notices
        for told in done.notes { note(told.note, told.text, &effects) }
        if let problem = done.sessionProblem { sessionProblem = problem }
        return result
    }

    // MARK: What a controller says

    mutating func receivedWork(
        _ message: ControllerWorkMessage,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        guard workLink != nil else { return }
        followSession()
        switch message {
        case .run(let order):
            seeWork(order.token)
            let situation = taskSituation
            fold(&effects) { $0.ordered(order, situation, at: now, &$1) }
        case .cancel(let attempt, let token, let reason):
            guard seeWork(token) else {
                return note(.staleOrder, "CANCEL \(attempt) under \(token)", &effects)
            }
            fold(&effects) { $0.cancelled(attempt, reason, at: now, &$1) }
        case .part(let attempt, let offset, let data):
            fold(&effects) { $0.received(data, at: offset, of: attempt, &$1) }
        case .taken(let attempt): bench.taken(attempt)
        case .accepted(let reference, let task, let isKnown):
            foldDesk(&effects) { $0.accepted(reference, task, isKnown: isKnown, &$1) }
        case .declined(let reference, let code, let text, let retry):
            foldDesk(&effects) {
                $0.declined(reference, code, text, retry: retry, at: now, &$1)
            }
        }
    }

    /// Attempts of which the answer to a heartbeat asks the output so far.
    mutating func watched(_ attempts: [WatchedAttempt], _ effects: inout AgentEffects) {
        guard !attempts.isEmpty, workLink != nil else { return }
        followSession()
        fold(&effects) { $0.watched(attempts, &$1) }
    }

    /// - Returns: false when the token is older than one that was seen.
    @discardableResult
    private mutating func seeWork(_ token: FencingToken) -> Bool {
        let token = FencingToken(epoch: token.epoch, session: token.session)
        if token > memory.highest {
            see(token)
            write(.takeToken(token))
        }
        return token >= memory.highest
    }

    mutating func redefine(_ handlers: [HandlerDefinition], _ effects: inout AgentEffects) {
        configuration.handlers = handlers
        bench.define(handlers)
        for problem in handlers.flatMap(\.problems) {
            note(.badConfiguration, "a handler is left out: \(problem)", &effects)
        }
    }

    // MARK: What follows

    private mutating func followSession() {
        bench.follow(link: workLink)
    }

    mutating func settleTasks(at now: Instant, _ effects: inout AgentEffects) {
        followSession()
        let situation = taskSituation
        fold(&effects) { $0.settle(situation, at: now, &$1) }
        if let problem = sessionProblem {
            sessionProblem = nil
            giveUp(problem, at: now, &effects)
        }
    }

    /// After the first report of a session, where this step has made it; then the journal.
    mutating func tellTasks(at now: Instant, _ effects: inout AgentEffects) {
        followSession()
        fold(&effects) { $0.tell(at: now, &$1) }
        let situation = submissionSituation
        foldDesk(&effects) { $0.settle(situation, at: now, &$1) }
        switch bench.flushJournal(at: now) {
        case .append(let write): effects.taskJournal = write
        case .replace(let write): effects.taskJournalRewrite = write
        case nil: break
        }
    }

    // MARK: Submissions

    private var submissionSituation: SubmissionSituation {
        let node = configuration.identity?.node
        var obstacle: String?
        if isLeaving { obstacle = "the agent is stopping" }
        if node == nil { obstacle = "this node is not a member of a cluster" }
        return SubmissionSituation(
            link: workLink,
            isSynced: workLink != nil && session?.nextBeatAt != nil,
            obstacle: obstacle,
            keyPrefix: durableRevision > 0 ? keyPrefix : nil,
            node: node
        )
    }

    private var keyPrefix: String? {
        configuration.identity.map {
            MadeKey.prefix(of: $0.node, incarnation: memory.incarnation, process: process)
        }
    }

    mutating func submissionRequested(
        _ client: UInt64,
        _ task: LocalTask,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        let situation = submissionSituation
        foldDesk(&effects) { $0.requested(client, task, situation, at: now, &$1) }
    }

    mutating func foldDesk(
        _ effects: inout AgentEffects,
        _ body: (inout SubmissionDesk, inout SubmissionEffects) -> Void
    ) {
        var done = SubmissionEffects()
        body(&desk, &done)
        effects.sends += done.sends.map { .work($0) }
        effects.submissionAnswers += done.answers
        effects.spool += done.spool
        effects.unspool += done.unspool
        effects.notices += done.notices
    }
}
