import Model
import Protocol

/// What may happen only after a change is durable.
enum Consequence: Hashable, Sendable {
    case beginDialling
    /// The nonce and the token of WELCOME are durable.
    case ready(link: UInt64, Welcome)
    case takeLease(end: Instant, token: FencingToken, asked: Instant)
    case takeRole(SiteRole, token: FencingToken)
    case carryOut(order: UInt64)
    /// An order for a task showed a newer token.
    case takeToken(FencingToken)
    case configured(link: UInt64, version: UInt64)
}

struct PendingConsequence: Hashable, Sendable {
    var revision: UInt64
    var consequence: Consequence
}

extension AgentMachine {
    /// More than this waiting for one slow disk, and the session is given up.
    static let pendingMax = 1_024

    /// Queues what follows once the memory, as it is now, is durable.
    mutating func write(_ consequence: Consequence) {
        let needed = memory == writtenMemory ? revision : revision + 1
        pending.append(PendingConsequence(revision: needed, consequence: consequence))
    }

    /// All that is remembered is on the disk.
    var isMemoryDurable: Bool { memory == writtenMemory && durableRevision == revision }

    /// Highest token seen: less is refused from now on, even before it is durable.
    mutating func see(_ token: FencingToken) {
        memory.highest = max(
            memory.highest,
            FencingToken(epoch: token.epoch, session: token.session)
        )
    }

    mutating func persisted(upTo revision: UInt64, _ effects: inout AgentEffects) {
        let before = durableRevision
        durableRevision = max(durableRevision, min(revision, self.revision))
        guard !isStateWritable, durableRevision > before else { return }
        isStateWritable = true
        persistRetryAt = nil
        effects.notices.append(AgentNotice(.info, "the state can be written again"))
    }

    mutating func persistFailed(
        _ reason: String,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        persistRetryAt = now + configuration.timing.persistRetry
        guard isStateWritable else { return }
        isStateWritable = false
        note(.stateNotWritable, reason, &effects)
        effects.notices.append(
            AgentNotice(
                .error,
                "the state cannot be written: no new work is taken until it can",
                [.init("error", reason)]
            )
        )
    }

    /// Runs, in the order in which they were queued, the consequences of what is durable.
    mutating func releaseDurable(at now: Instant, _ effects: inout AgentEffects) {
        while let first = pending.first, first.revision <= durableRevision {
            pending.removeFirst()
            run(first.consequence, at: now, &effects)
        }
    }

    private mutating func run(
        _ consequence: Consequence,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        switch consequence {
        case .beginDialling:
            let soon = generator.duration(in: .milliseconds(1) ... .milliseconds(200))
            if !isLeaving { link = .waiting(until: now + soon) }
        case .ready(let id, let welcome): becomeLive(id, welcome, at: now, &effects)
        case .takeLease(let end, let token, let asked):
            raiseAuthority(to: token)
            takeLease(until: end, token: token, asked: asked, at: now)
        case .takeRole(let role, let token):
            raiseAuthority(to: token)
            effects.notices.append(
                AgentNotice(.info, "the site's part", [.init("role", role.rawValue)])
            )
        case .takeToken(let token): raiseAuthority(to: token)
        case .carryOut(let order): carryOut(order, at: now, &effects)
        case .configured(let id, let version):
            if session?.id == id { effects.sends.append(.configured(version: version)) }
        }
    }

    /// Its token is durable.
    mutating func takeLease(
        until end: Instant,
        token: FencingToken,
        asked: Instant,
        at now: Instant
    ) {
        if end > now { lease = lease.prolonged(to: end, token: token, asked: asked) }
        for name in services.keys { services.update(name) { $0.known(asked: asked) } }
    }

    mutating func raiseAuthority(to token: FencingToken) {
        authority = max(authority, FencingToken(epoch: token.epoch, session: token.session))
    }

    /// The last stage of a step: one request for everything that changed in it.
    mutating func requestPersist(at now: Instant, _ effects: inout AgentEffects) {
        let isRetry = persistRetryAt.map { $0 <= now } ?? false
        if isRetry { persistRetryAt = nil }
        let isAwaited = pending.last.map { $0.revision > revision } ?? false
        let isChanged = isAwaited || memory != writtenMemory
        if isChanged {
            revision += 1
            writtenMemory = memory
        }
        guard isChanged || (isRetry && durableRevision < revision) else { return }
        effects.persist = PersistRequest(revision: revision, memory: memory)
    }
}
