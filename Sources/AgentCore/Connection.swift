import Model
import Protocol

/// Where the way to a controller stands.
///
///     off → waiting → dialling → greeting → settling → live → waiting …
enum Link: Hashable, Sendable {
    /// Not a member, not started, or leaving.
    case off
    case waiting(until: Instant)
    /// Asked for a TLS session.
    case dialling(id: UInt64, until: Instant)
    /// HELLO is sent.
    case greeting(id: UInt64, until: Instant)
    /// WELCOME came; its nonce and token are being made durable.
    case settling(id: UInt64)
    case live(Session)

    var id: UInt64? {
        switch self {
        case .off, .waiting: nil
        case .dialling(let id, _), .greeting(let id, _), .settling(let id): id
        case .live(let session): session.id
        }
    }
}

/// One session, from READY on.
struct Session: Hashable, Sendable {
    struct SentBeat: Hashable, Sendable {
        var sequence: UInt64
        var at: Instant
    }

    /// Heartbeats that may still be answered with a lease.
    static let sentBeatsMax = 64

    var id: UInt64
    /// Of the protocol, as WELCOME has chosen it.
    var version: UInt16
    var sequence: UInt64 = 0
    var sentBeats: [SentBeat] = []
    /// Nil until SYNCED is sent.
    var nextBeatAt: Instant?
    /// What the last heartbeat has said of what does not run.
    var toldFloor: FencingToken?
    /// SYNCED waits for the first sample until then.
    var syncBy: Instant?
    /// After it without an answer, the session is given up.
    var answerBy: Instant
    /// Some heartbeat was answered: the session has worked.
    var isProven = false
    /// From the last answered heartbeat to its answer; the controller judges our clock by it.
    var roundTrip: Duration?
    var told: OrderedTable<ServiceName, ServiceReport> = OrderedTable()
    var toldChecks: OrderedTable<String, ToldCheck> = OrderedTable()
    var block: SettingsBlock?

    init(id: UInt64, version: UInt16, answerBy: Instant) {
        self.id = id
        self.version = version
        self.answerBy = answerBy
    }
}

struct ToldCheck: Hashable, Sendable {
    var state: CheckState
    var output: String
    var at: Instant
}

/// A CONFIG block as it comes in.
struct SettingsBlock: Hashable, Sendable {
    var version: UInt64
    var count: UInt32
    var settings: OrderedTable<String, Setting> = OrderedTable()
    var received: UInt32 = 0
    var bytes = 0
}

struct Note: Hashable, Sendable {
    /// Notes kept for the next session; the oldest is dropped beyond.
    static let untoldMax = 32

    var note: AgentNote
    var text: String
}

struct Sample: Hashable, Sendable {
    var load: Load
    var disks: [Disk]
}

/// The right to run self-fenced services.
enum LeaseState: Hashable, Sendable {
    /// This incarnation never had one; what an earlier one launched lives by its leash's deadline.
    case unknown
    /// `asked` is when the last of the heartbeats was sent that were answered with it.
    case held(end: Instant, token: FencingToken, asked: Instant)
    case ended

    var end: Instant? {
        if case .held(let end, _, _) = self { end } else { nil }
    }

    /// Only ever prolonged: a later answer to an earlier heartbeat takes nothing away.
    func prolonged(to end: Instant, token: FencingToken, asked: Instant) -> LeaseState {
        guard case .held(let oldEnd, let oldToken, let oldAsked) = self else {
            return .held(end: end, token: token, asked: asked)
        }
        return .held(
            end: max(end, oldEnd),
            token: max(token, oldToken),
            asked: max(asked, oldAsked)
        )
    }
}

/// When and where to try next: full jitter, several addresses in turn.
struct Reconnection: Hashable, Sendable {
    let controllers: Int
    let timing: AgentTiming
    /// Index of the address to dial next.
    var next = 0
    private var failures: UInt8 = 0
    /// Attempts left that are made soon after each other, and how soon: the session that was lost had worked,
    /// and a controller that restarts is there again within seconds.
    private var soon: UInt8 = 0
    private var soonLimit: Duration

    static let soonMax: UInt8 = 30

    init(controllers: Int, timing: AgentTiming) {
        self.controllers = controllers
        self.timing = timing
        soonLimit = timing.reconnectBase
    }

    /// The address to dial now; the following attempt goes to the one after it.
    mutating func take() -> Int {
        defer { next = (next + 1) % controllers }
        return next
    }

    /// A session that had worked was lost: everybody else's was, perhaps, too.
    mutating func delayAfterLoss(
        spread: Duration,
        _ generator: inout SeededGenerator
    ) -> Duration {
        failures = 0
        soon = Self.soonMax
        soonLimit = max(timing.reconnectBase, spread)
        return generator.duration(in: .zero...max(.zero, spread))
    }

    mutating func delayAfterFailure(_ generator: inout SeededGenerator) -> Duration {
        if soon > 0 {
            soon -= 1
            return generator.duration(in: .zero...min(soonLimit, timing.reconnectMax))
        }
        var limit = timing.reconnectBase
        for _ in 0..<failures where limit < timing.reconnectMax { limit = limit + limit }
        failures = min(failures + 1, 60)
        return generator.duration(in: .zero...min(limit, timing.reconnectMax))
    }

    /// This one is not the active controller: the other addresses are tried at once, and after a
    /// whole round of them it is a failure like any other.
    mutating func delayAfterPassive(_ generator: inout SeededGenerator) -> Duration {
        guard Int(failures) + 1 < controllers else { return delayAfterFailure(&generator) }
        failures += 1
        return generator.duration(in: .zero ... .milliseconds(250))
    }

    /// Only a person can mend it.
    func delayAfterRefusal(_ generator: inout SeededGenerator) -> Duration {
        let tenth = Duration.nanoseconds(timing.refusedRetry.nanoseconds / 10)
        return timing.refusedRetry + generator.duration(in: .zero...tenth)
    }
}
