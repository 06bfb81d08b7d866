import Model
import Protocol

// Canaries are written by programs under leashes. What the leash does at the deadline, the watch does a
// second time, as the bench does for tasks.

extension DataWatch {
    /// A canary that is being written: an effect of the active site.
    struct Writing: Hashable, Sendable {
        var name: DataSetName
        var canary: Canary
        var token: FencingToken
        /// How long it may take: as its definition says, and no longer than the lease.
        var limit: Duration
        /// When its leash is killed: it should have ended it long ago.
        var destroyAt: Instant
        var exit: ProgramExit?
        var problem: String?
        var report: TaskReport?
    }

    /// Why a canary is not written now.
    struct Situation {
        /// The highest token that is durable; a write needs exactly this one.
        var authority: FencingToken
        var leaseEnd: Instant?
        var obstacle: String?
        var incarnation: UInt64
    }

    /// The least token under which something may still be written. Of what an earlier agent has left it
    /// is not known.
    var leastToken: FencingToken? {
        leftovers.isEmpty ? writings.values.map(\.token).min() : .zero
    }

    var writingDeadline: Instant? {
        (writings.values.map(\.destroyAt) + leftovers.values).min()
    }

    /// The first step.
    mutating func start(leftovers attempts: [TaskAttempt], at now: Instant, patience: Duration) {
        for attempt in attempts { leftovers[attempt] = now + patience }
    }

    /// A canary is written under the token that is in force, under a lease, and no longer than it.
    mutating func ordered(
        _ name: DataSetName,
        _ canary: Canary,
        _ token: FencingToken,
        _ situation: Situation,
        at now: Instant
    ) {
        func refuse(_ code: RefusalCode, _ text: String) {
            sends.append(.unwritten(name, canary, code: code, text: text))
        }
        guard let entry = entries[name], let program = entry.definition.write else {
            return refuse(.unknownName, "no data set \(name) is written on this node")
        }
        guard token == situation.authority, canary.epoch == token.epoch else {
            return refuse(.staleToken, "\(token) is not in force here: \(situation.authority) is")
        }
        if let obstacle = situation.obstacle { return refuse(.notNow, obstacle) }
        guard let end = situation.leaseEnd, end > now else {
            return refuse(.notNow, "the node has no lease")
        }
        guard leftovers.isEmpty else {
            return refuse(.busy, "what an agent before this one was writing is not gone yet")
        }
        guard !writings.values.contains(where: { $0.name == name }) else {
            return refuse(.busy, "the canary before it is still being written")
        }
        let limit = min(entry.definition.timeout, end - now)
        writingCount &+= 1
        let attempt = TaskAttempt.ofCanary(writingCount, incarnation: situation.incarnation)
        writings[attempt] = Writing(
            name: name,
            canary: canary,
            token: token,
            limit: limit,
            destroyAt: now + limit + TaskBench.fencePatience
        )
        let launch = entry.definition.launch(program, canary, under: token, until: now + limit)
        commands.append(.launch(attempt, launch))
    }

    // MARK: What leashes say

    mutating func learned(_ news: LeashNews, of attempt: TaskAttempt, at now: Instant) {
        guard let writing = writings[attempt] else {
            if news.isFinal { leftovers[attempt] = nil }
            return
        }
        switch news {
        case .started: break
        case .notStarted(let reason): ended(attempt, problem: reason)
        case .exited(let exit): writings.update(attempt) { $0.exit = $0.exit ?? exit }
        case .leaseEnded:
            let text = "did not end within \(writing.limit.forPeople)"
            writings.update(attempt) { $0.problem = $0.problem ?? text }
        case .lost:
            guard writing.exit == nil else { return }
            writings.update(attempt) { $0.problem = $0.problem ?? "its leash was killed" }
        case .emptied: ended(attempt, problem: writing.problem)
        case .unkillable(let processes):
            notices.append(
                AgentNotice(
                    .error,
                    "processes that write a canary do not die from SIGKILL",
                    [
                        .init("data set", "\(writing.name)"),
                        .init("processes", "\(processes)"),
                    ]
                )
            )
        }
    }

    mutating func reported(_ report: TaskReport, of attempt: TaskAttempt) {
        writings.update(attempt) { $0.report = report }
    }

    /// Proven: nothing of it runs any more.
    private mutating func ended(_ attempt: TaskAttempt, problem: String?) {
        guard let writing = writings[attempt] else { return }
        writings[attempt] = nil
        if problem == nil, writing.exit == .exited(0) {
            return tell(.written(writing.name, writing.canary))
        }
        var text = problem ?? writing.exit?.description ?? "how it has ended is not known"
        if let said = writing.report?.outputTail, !said.isEmpty {
            text += ": " + String(decoding: said, as: UTF8.self)
        }
        tell(.unwritten(writing.name, writing.canary, code: .storage, text: text))
    }

    // MARK: What follows

    /// Kills leashes that have not ended what they hold.
    mutating func settleWritings(at now: Instant, patience: Duration) {
        var late: [TaskAttempt] = []
        for (attempt, writing) in writings where writing.destroyAt <= now {
            writings.update(attempt) { $0.destroyAt = now + patience }
            late.append(attempt)
        }
        for (attempt, destroyAt) in leftovers where destroyAt <= now {
            leftovers[attempt] = now + patience
            late.append(attempt)
        }
        for attempt in late {
            commands.append(.destroy(attempt))
            notices.append(
                AgentNotice(
                    .error,
                    "the program of a canary was not ended in time: its leash is killed",
                    [.init("leash", "task-\(attempt)")]
                )
            )
        }
    }
}
