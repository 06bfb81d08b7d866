import Model
import Protocol

extension AgentMachine {
    /// A block of settings replaces all of them, and holds as a whole or not at all.
    mutating func beginSettings(
        _ version: UInt64,
        count: UInt32,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        guard session != nil else { return }
        guard count <= AgentMemory.settingsMax else {
            return refuseBlock("more than \(AgentMemory.settingsMax) settings", &effects)
        }
        updateSession { $0.block = SettingsBlock(version: version, count: count) }
        endSettings(&effects)
    }

    mutating func take(_ setting: Setting, at now: Instant, _ effects: inout AgentEffects) {
        guard var block = session?.block else { return }
        block.received += 1
        block.bytes += setting.key.utf8.count + setting.value.utf8.count
        guard block.bytes <= AgentMemory.settingsBytesMax else {
            return refuseBlock("more than \(AgentMemory.settingsBytesMax) bytes", &effects)
        }
        block.settings[setting.key] = setting
        updateSession { $0.block = block }
        endSettings(&effects)
    }

    private mutating func endSettings(_ effects: inout AgentEffects) {
        guard let session, let block = session.block, block.received == block.count else { return }
        updateSession { $0.block = nil }
        memory.settings = block.settings
        memory.settingsVersion = block.version
        write(.configured(link: session.id, version: block.version))
    }

    private mutating func refuseBlock(_ reason: String, _ effects: inout AgentEffects) {
        updateSession { $0.block = nil }
        note(.badConfiguration, "settings refused: \(reason)", &effects)
        effects.notices.append(
            AgentNotice(
                .error,
                "the cluster's settings are refused; the old ones stay in force",
                [.init("error", reason)]
            )
        )
    }

    // MARK: The certificate

    mutating func renewalNews(
        _ news: RenewalNews,
        at now: Instant,
        _ effects: inout AgentEffects
    ) {
        switch news {
        case .requested(let request):
            if session != nil, renewal.requested(at: now) {
                effects.sends.append(.renew(request: request))
            }
        case .installed:
            renewal.installed()
            effects.notices.append(AgentNotice(.info, "the node's certificate was renewed"))
        case .failed(let reason):
            renewal.failed(at: now, &generator)
            effects.notices.append(
                AgentNotice(
                    .error,
                    "the certificate could not be renewed; it is tried again",
                    [.init("error", reason)]
                )
            )
        }
    }
}

/// When the node's certificate is renewed, and how far that has come.
///
///     idle → waiting → requesting → sent → installing → idle
struct RenewalMachine: Hashable, Sendable {
    private enum Phase: Hashable, Sendable {
        case idle
        case waiting(until: Instant)
        /// A key and a request for it are being made.
        case requesting(until: Instant)
        case sent(until: Instant)
        case installing(until: Instant)
    }

    private static let retryMax: Duration = .seconds(600)
    private static let retryMin: Duration = .seconds(10)

    let timeout: Duration
    private var phase = Phase.idle
    private var expiresAt: Instant?

    init(timeout: Duration) {
        self.timeout = timeout
    }

    /// Renewed at two thirds of its life, a tenth more or less, so that nodes that joined together
    /// do not come together.
    mutating func measured(
        remaining: Duration,
        life: Duration,
        at now: Instant,
        _ generator: inout SeededGenerator
    ) {
        let life = max(.zero, life).nanoseconds
        let jitter = generator.duration(in: .zero ... .nanoseconds(life / 5))
        let left = Duration.nanoseconds(life / 3) - .nanoseconds(life / 10) + jitter
        expiresAt = now + remaining
        phase = .waiting(until: now + max(.zero, remaining - left))
    }

    func nextDeadline(isLive: Bool) -> Instant? {
        switch phase {
        case .idle: nil
        case .waiting(let until): isLive ? until : nil
        case .requesting(let until), .sent(let until), .installing(let until): until
        }
    }

    /// - Returns: whether a new request is wanted now.
    mutating func settle(
        isLive: Bool,
        at now: Instant,
        _ generator: inout SeededGenerator
    ) -> Bool {
        switch phase {
        case .idle: return false
        case .waiting(let until):
            guard isLive, until <= now else { return false }
            phase = .requesting(until: now + timeout)
            return true
        case .requesting(let until), .sent(let until), .installing(let until):
            if until <= now { failed(at: now, &generator) }
            return false
        }
    }

    /// - Returns: whether the request is to be sent.
    mutating func requested(at now: Instant) -> Bool {
        guard case .requesting = phase else { return false }
        phase = .sent(until: now + timeout)
        return true
    }

    mutating func renewed(certificate: String, issuer: String, at now: Instant) -> RenewalCommand? {
        guard case .sent = phase else { return nil }
        phase = .installing(until: now + timeout)
        return .install(certificate: certificate, issuer: issuer)
    }

    /// The new certificate is measured next.
    mutating func installed() {
        if case .installing = phase { phase = .idle }
    }

    mutating func failed(at now: Instant, _ generator: inout SeededGenerator) {
        switch phase {
        case .idle, .waiting: return
        case .requesting, .sent, .installing: break
        }
        let left = expiresAt.map { $0 - now } ?? Self.retryMax
        let longest = min(Self.retryMax, max(Self.retryMin, .nanoseconds(left.nanoseconds / 10)))
        let half = Duration.nanoseconds(longest.nanoseconds / 2)
        phase = .waiting(until: now + generator.duration(in: half...longest))
    }

    /// What was asked in a session that is gone is not answered any more.
    mutating func sessionEnded(at now: Instant) {
        switch phase {
        case .idle, .waiting, .installing: break
        case .requesting, .sent: phase = .waiting(until: now)
        }
    }
}
