import Model
import Protocol

/// One check of one service: when it is run, and what its results come to.
///
///     unknown → passing ⇄ failing, and back to unknown when the service is not running
struct CheckMachine: Hashable, Sendable {
    private struct Attempt: Hashable, Sendable {
        var number: UInt64
        var startedAt: Instant
    }

    /// Beyond the check's own timeout, before the shell's answer is waited for no longer.
    static let answerMargin: Duration = .seconds(1)

    let service: ServiceName
    let definition: CheckDefinition
    private(set) var state: CheckState = .unknown
    private(set) var output = ""
    private(set) var took: Duration = .zero
    private(set) var finishedAt: Instant?
    /// When the next attempt starts; nil while none is wanted or one is under way.
    private var dueAt: Instant?
    private var attempt: Attempt?
    /// Attempts begun; numbers are not used twice for one service.
    private(set) var attempts: UInt64
    /// Results in a row that are alike.
    private var streak: UInt8 = 0
    private var lastPassed = false

    init(service: ServiceName, definition: CheckDefinition, attempts: UInt64 = 0) {
        self.attempts = attempts
        self.service = service
        self.definition = definition
    }

    var nextDeadline: Instant? { dueAt ?? attempt.map(answerDeadline) }

    /// The service's process runs: the first attempt is due at once.
    mutating func begin(at now: Instant) {
        state = .unknown
        streak = 0
        attempt = nil
        switch definition.action {
        case .process:
            dueAt = nil
            state = .passing
            finishedAt = now
        case .command, .tcp, .http: dueAt = now
        }
    }

    /// The process is gone, or is being stopped: what was found out says nothing any more.
    mutating func end() {
        if case .process = definition.action, state == .passing { state = .failing }
        if definition.action != .process { state = .unknown }
        streak = 0
        attempt = nil
        dueAt = nil
    }

    /// Starts what is due and gives up what was not answered.
    ///
    /// - Parameter interval: between the starts of two attempts, where it is shorter than the
    ///   check's own (a starting service is looked at more often).
    mutating func settle(at now: Instant, intervalMax: Duration) -> CheckRequest? {
        if let attempt, answerDeadline(attempt) <= now {
            let late = "no answer within \(definition.timeout.forPeople)"
            finish(.failed(output: late), took: now - attempt.startedAt, at: now, intervalMax)
        }
        guard let dueAt, dueAt <= now else { return nil }
        attempts += 1
        attempt = Attempt(number: attempts, startedAt: now)
        self.dueAt = nil
        return CheckRequest(
            id: CheckID(service: service, check: definition.name, attempt: attempts),
            action: definition.action,
            timeout: definition.timeout
        )
    }

    mutating func finished(
        _ id: CheckID,
        _ outcome: CheckOutcome,
        took: Duration,
        at now: Instant,
        intervalMax: Duration
    ) {
        guard let attempt, attempt.number == id.attempt else { return }
        finish(outcome, took: took, at: now, intervalMax)
    }

    func report(at now: Instant) -> CheckReport {
        CheckReport(
            service: service,
            name: definition.name,
            kind: definition.action.kind,
            state: state,
            output: output,
            tookMilliseconds: UInt64(max(0, took.wholeMilliseconds)),
            ageMilliseconds: finishedAt.map { UInt64(max(0, (now - $0).wholeMilliseconds)) } ?? 0
        )
    }

    private func answerDeadline(_ attempt: Attempt) -> Instant {
        attempt.startedAt + definition.timeout + Self.answerMargin
    }

    private mutating func finish(
        _ outcome: CheckOutcome,
        took: Duration,
        at now: Instant,
        _ intervalMax: Duration
    ) {
        let interval = max(.milliseconds(10), min(definition.interval, intervalMax))
        let startedAt = attempt?.startedAt ?? now
        attempt = nil
        dueAt = max(now + .milliseconds(1), startedAt + interval)
        self.took = took
        finishedAt = now
        let passed: Bool
        switch outcome {
        case .passed(let text): (passed, output) = (true, text)
        case .failed(let text): (passed, output) = (false, text)
        }
        streak = passed == lastPassed && streak > 0 ? min(streak, 254) + 1 : 1
        lastPassed = passed
        if passed, streak >= definition.rise { state = .passing }
        if !passed, streak >= definition.fall { state = .failing }
    }
}
