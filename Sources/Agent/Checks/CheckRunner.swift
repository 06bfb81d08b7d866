import AgentCore
import Host

/// Runs attempts of checks on a few threads of its own.
final class CheckRunner: Sendable {
    /// Attempts that run at the same time.
    static let workersMax = 16
    /// Attempts that wait for a worker. One more is answered at once as failed.
    static let waitingMax = 4_096

    typealias Completion = @Sendable (CheckOutcome, _ took: Duration) -> Void

    private struct Job: Sendable {
        var request: CheckRequest
        var surroundings: CheckSurroundings
        var completion: Completion
    }

    private struct State: Sendable {
        var waiting: [Job] = []
        var workers = 0
        var idle = 0
        var isStopped = false
    }

    private let state = Monitor(State())
    private let resolver: NameResolver

    init(resolver: NameResolver = NameResolver()) {
        self.resolver = resolver
    }

    /// Runs one attempt; its timeout begins when a worker takes it up.
    ///
    /// - Parameter completion: is called exactly once: on a worker's thread, or on the caller's
    ///   when there is no room for the attempt or the runner has been stopped.
    func run(
        _ request: CheckRequest,
        in surroundings: CheckSurroundings,
        completion: @escaping Completion
    ) {
        enum Decision { case refused(String), waits, needsWorker }
        let decision = state.change { state -> Decision in
            if state.isStopped { return .refused("not run: the agent is stopping") }
            guard state.waiting.count < Self.waitingMax else {
                return .refused("not run: more than \(Self.waitingMax) checks are waiting")
            }
            state.waiting.append(
                Job(request: request, surroundings: surroundings, completion: completion)
            )
            guard state.idle < state.waiting.count, state.workers < Self.workersMax else {
                return .waits
            }
            state.workers += 1
            return .needsWorker
        }
        switch decision {
        case .waits: return
        case .refused(let reason): completion(.failed(reason), .zero)
        case .needsWorker:
            if startThread({ self.work() }) { return }
            // Without a single worker nobody would ever take the attempt up.
            let orphans = state.change { state -> [Job] in
                state.workers -= 1
                defer { if state.workers == 0 { state.waiting = [] } }
                return state.workers == 0 ? state.waiting : []
            }
            for orphan in orphans {
                orphan.completion(.failed("not run: the system has no room for a thread"), .zero)
            }
        }
    }

    /// Refuses new attempts and those that wait, and returns when none runs any more.
    func stop() {
        let dropped = state.change { state -> [Job] in
            state.isStopped = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for job in dropped {
            job.completion(.failed("not run: the agent is stopping"), .zero)
        }
        state.wait(while: { $0.workers > 0 }) { _ in }
    }

    /// Runs one attempt on the calling thread.
    func attempt(
        _ request: CheckRequest,
        in surroundings: CheckSurroundings = CheckSurroundings()
    ) -> CheckAttempt {
        let start = MonotonicDeadline(after: .zero)
        let deadline = MonotonicDeadline(after: request.timeout)
        let outcome =
            switch request.action {
            case .process: CheckOutcome.failed("not run: the agent's machine knows its processes")
            case .command(let arguments):
                CommandCheck(id: request.id, arguments: arguments, surroundings: surroundings)
                    .run(until: deadline)
            case .tcp(let address): tcpOutcome(address, deadline)
            case .http(let address, let path, let expected):
                HTTPCheck(address: address, path: path, expected: expected, resolver: resolver)
                    .run(until: deadline)
            }
        return CheckAttempt(outcome: outcome, took: start.elapsed)
    }

    private func work() {
        while let job = takeJob() {
            let attempt = attempt(job.request, in: job.surroundings)
            job.completion(attempt.outcome, attempt.took)
        }
    }

    private func takeJob() -> Job? {
        state.change { $0.idle += 1 }
        return state.wait(while: { $0.waiting.isEmpty && !$0.isStopped }) { state -> Job? in
            state.idle -= 1
            return state.waiting.isEmpty ? nil : state.waiting.removeFirst()
        } ?? retire()
    }

    private func retire() -> Job? {
        state.change { $0.workers -= 1 }
        return nil
    }

    private func tcpOutcome(
        _ address: NetworkAddress,
        _ deadline: MonotonicDeadline
    ) -> CheckOutcome {
        do throws(ConnectionError) {
            let connection = try Connection(to: address, until: deadline, resolver: resolver)
            return .passed(output: "connected to \(connection.peer)")
        } catch {
            return .failed(error.description)
        }
    }
}
