import CHost
import Glibc
import Host

/// A point on CLOCK_MONOTONIC until which a thread is willing to wait.
struct MonotonicDeadline: Hashable, Sendable {
    private let nanoseconds: Int64

    init(after duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let patience = min(seconds, 1_000_000_000) * 1_000_000_000 + attoseconds / 1_000_000_000
        self.nanoseconds = Self.now() + patience
    }

    /// Never negative.
    var remaining: Duration { .nanoseconds(max(0, nanoseconds - Self.now())) }

    /// Since the deadline; negative before it.
    var elapsed: Duration { .nanoseconds(Self.now() - nanoseconds) }

    var hasPassed: Bool { nanoseconds <= Self.now() }

    /// What `poll` wants: rounded up, so that it does not return before the deadline.
    var pollMilliseconds: Int32 {
        let left = max(0, nanoseconds - Self.now())
        return Int32(clamping: (left + 999_999) / 1_000_000)
    }

    /// What `pthread_cond_timedwait` wants.
    var timespec: Glibc.timespec {
        Glibc.timespec(
            tv_sec: Int(nanoseconds / 1_000_000_000),
            tv_nsec: Int(nanoseconds % 1_000_000_000)
        )
    }

    private static func now() -> Int64 {
        var time = Glibc.timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// A value that several threads share, and whose changes they can wait for.
///
/// The lock is held while a closure runs, so closures are short and call nothing that waits.
final class Monitor<State: Sendable>: @unchecked Sendable {
    private var state: State
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init(_ state: State) {
        self.state = state
        mutex.initialize(to: pthread_mutex_t())
        changed.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(changed, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    /// Changes the state and wakes everybody who waits for a change.
    @discardableResult
    func change<Result>(_ body: (inout State) -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer {
            pthread_cond_broadcast(changed)
            pthread_mutex_unlock(mutex)
        }
        return body(&state)
    }

    func read<Result>(_ body: (State) -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body(state)
    }

    /// Waits while a condition holds, then changes the state.
    func wait<Result>(
        while condition: (State) -> Bool,
        then body: (inout State) -> Result
    ) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while condition(state) { pthread_cond_wait(changed, mutex) }
        return body(&state)
    }

    /// Waits while a condition holds, at most until the deadline.
    ///
    /// - Returns: nil when the condition still holds at the deadline.
    func wait<Result>(
        until deadline: MonotonicDeadline,
        while condition: (State) -> Bool,
        then body: (inout State) -> Result
    ) -> Result? {
        var limit = deadline.timespec
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while condition(state) {
            if pthread_cond_timedwait(changed, mutex, &limit) == ETIMEDOUT, condition(state) {
                return nil
            }
        }
        return body(&state)
    }
}

/// A question that may hang in the kernel for ever, asked on a thread of its own. While a thread
/// hangs no second one is made for the same question; who asks meanwhile waits for the first.
final class PatientQuestion<Answer: Sendable>: Sendable {
    private struct State {
        var isRunning = false
        var answer: Answer?
    }

    private let question: @Sendable () -> Answer
    private let state = Monitor(State())

    init(_ question: @escaping @Sendable () -> Answer) {
        self.question = question
    }

    var isRunning: Bool { state.read { $0.isRunning } }

    /// Starts a thread, unless one is still busy with the question.
    ///
    /// - Returns: false when there is no room for a thread.
    @discardableResult
    func begin() -> Bool {
        let isBusy = state.change { state in
            defer { state.isRunning = true }
            if !state.isRunning { state.answer = nil }
            return state.isRunning
        }
        if isBusy || startThread(run) { return true }
        state.change { $0.isRunning = false }
        return false
    }

    /// Waits for the thread that ``begin()`` has started.
    ///
    /// - Returns: nil when there is no answer at the deadline.
    func answer(until deadline: MonotonicDeadline) -> Answer? {
        state.wait(until: deadline, while: { $0.isRunning }) { $0.answer } ?? nil
    }

    /// - Returns: nil when there is no answer at the deadline, or no room for a thread.
    func ask(until deadline: MonotonicDeadline) -> Answer? {
        begin() ? answer(until: deadline) : nil
    }

    private func run() {
        let answer = question()
        state.change {
            $0.answer = answer
            $0.isRunning = false
        }
    }
}
