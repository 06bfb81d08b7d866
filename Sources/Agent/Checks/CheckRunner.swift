import AgentCore
import Glibc
import Model

/// Runs attempts of checks on a few threads of its own.
final class CheckRunner: Sendable {
    /// Attempts that run at the same time.
    static let workersMax = 16
    /// Attempts that wait for a worker. One more is answered at once as failed.
    static let waitingMax = 4_096

    typealias Completion = @Sendable (CheckOutcome) -> Void

    private struct Job: Sendable {
        var request: CheckRequest
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
    func run(_ request: CheckRequest, completion: @escaping Completion) {
        enum Decision { case refused(String), waits, needsWorker }
        let decision = state.change { state -> Decision in
            if state.isStopped { return .refused("not run: the agent is stopping") }
            guard state.waiting.count < Self.waitingMax else {
                return .refused("not run: more than \(Self.waitingMax) checks are waiting")
            }
            state.waiting.append(Job(request: request, completion: completion))
            guard state.idle < state.waiting.count, state.workers < Self.workersMax else {
                return .waits
            }
            state.workers += 1
            return .needsWorker
        }
        switch decision {
        case .waits: return
        case .refused(let reason): completion(CheckOutcome(passed: false, reason))
        case .needsWorker:
            if startThread({ self.work() }) { return }
            // Without a single worker nobody would ever take the attempt up.
            let orphans = state.change { state -> [Job] in
                state.workers -= 1
                defer { if state.workers == 0 { state.waiting = [] } }
                return state.workers == 0 ? state.waiting : []
            }
            for orphan in orphans {
                orphan.completion(
                    CheckOutcome(passed: false, "not run: the system has no room for a thread")
                )
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
            job.completion(CheckOutcome(passed: false, "not run: the agent is stopping"))
        }
        state.wait(while: { $0.workers > 0 }) { _ in }
    }

    /// Runs one attempt on the calling thread.
    func attempt(_ request: CheckRequest) -> CheckOutcome {
        let start = MonotonicDeadline(after: .zero)
        let deadline = MonotonicDeadline(after: request.check.timeout)
        var outcome =
            switch request.check.action {
            case .process: processOutcome(request.processID)
            case .command(let arguments):
                CommandCheck(arguments: arguments, request: request).run(until: deadline)
            case .tcp(let address): tcpOutcome(address, deadline)
            case .http(let address, let path, let expected):
                HTTPCheck(address: address, path: path, expected: expected, resolver: resolver)
                    .run(until: deadline)
            }
        outcome.took = start.elapsed
        return outcome
    }

    private func work() {
        while true {
            let job = takeJob()
            guard let job else { return }
            job.completion(attempt(job.request))
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

    private func processOutcome(_ processID: Int32?) -> CheckOutcome {
        guard let processID else { return CheckOutcome(passed: false, "no process") }
        let isThere = kill(processID, 0) == 0 || errno == EPERM
        return CheckOutcome(passed: isThere, "process \(processID) \(isThere ? "runs" : "is gone")")
    }

    private func tcpOutcome(
        _ address: NetworkAddress,
        _ deadline: MonotonicDeadline
    ) -> CheckOutcome {
        do throws(ConnectionError) {
            let connection = try Connection(to: address, until: deadline, resolver: resolver)
            return CheckOutcome(passed: true, "connected to \(connection.peer)")
        } catch {
            return CheckOutcome(passed: false, error.description)
        }
    }
}
