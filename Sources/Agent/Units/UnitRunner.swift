import AgentCore
import Host
import Model

/// One launch of a service that is a systemd unit, on a thread of its own.
///
/// systemd is the unit's leash: it knows every process of it and says when none is left. What it
/// does not know is a lease; a self-fenced service is therefore never a unit.
final class UnitRunner: Sendable {
    /// Asks systemd; replaced in tests.
    typealias Control = @Sendable (_ verb: SystemdUnit.Verb, _ timeout: Duration) -> ProgramRun?

    /// Between two looks at a running unit.
    static let lookInterval: Duration = .seconds(1)
    /// Of the questions that systemd answers by itself.
    static let questionTimeout: Duration = .seconds(5)

    /// Kills without effect, before it is said that there is something that does not die.
    static let roundsUntilTold = 3

    private struct State {
        /// Until when the unit may take its time to stop; nil while it is to run.
        var stopTimeout: Duration?
    }

    private let control: Control
    private let startTimeout: Duration
    private let tell: @Sendable (LeashNews) -> Void
    private let state = Monitor(State())

    /// - Parameter tell: is called on the runner's thread; the last is `emptied` or `notStarted`.
    init(
        startTimeout: Duration,
        control: @escaping Control,
        tell: @escaping @Sendable (LeashNews) -> Void
    ) {
        self.startTimeout = startTimeout
        self.control = control
        self.tell = tell
    }

    /// - Parameter isRunning: the unit was found running; it is only watched.
    /// - Returns: false when there is no room for a thread.
    func begin(isRunning: Bool) -> Bool {
        startThread { [self] in
            if isRunning || start() { watch() }
        }
    }

    func stop(timeout: Duration) {
        state.change { $0.stopTimeout = timeout }
    }

    /// Asks systemd for the unit's state; nil when it does not answer.
    static func look(_ control: Control) -> SystemdUnit.State? {
        guard let run = control(.show, questionTimeout), run.isSuccess else { return nil }
        return SystemdUnit.State(show: String(decoding: run.output, as: UTF8.self))
    }

    private func start() -> Bool {
        guard let run = control(.start, startTimeout) else {
            tell(.notStarted(reason: "systemctl cannot be run: is this machine under systemd?"))
            return false
        }
        guard run.isSuccess else {
            let why = run.end == nil ? "systemd did not start it in time" : run.text
            return endAfterFailure(why)
        }
        let processID = Self.look(control)?.mainProcessID ?? 0
        tell(.started(processID: UInt32(clamping: processID)))
        return true
    }

    /// A start that failed may have left something, or still be under way.
    private func endAfterFailure(_ reason: String) -> Bool {
        empty(timeout: .seconds(1))
        tell(.notStarted(reason: reason))
        return false
    }

    private func watch() {
        while true {
            let deadline = MonotonicDeadline(after: Self.lookInterval)
            let stop = state.wait(until: deadline, while: { $0.stopTimeout == nil }) {
                $0.stopTimeout
            }
            if let timeout = stop ?? nil {
                empty(timeout: timeout)
                tell(.exited(.exited(0)))
                return tell(.emptied)
            }
            // While systemd itself does not answer nothing is known, so nothing is said.
            guard let unit = Self.look(control), !unit.isActive, unit.active != "activating" else {
                continue
            }
            if unit.active == "deactivating" { continue }
            tell(.exited(unit.result == "success" ? .exited(0) : .exited(1)))
            return tell(.emptied)
        }
    }

    /// Stops the unit and returns when systemd says that nothing of it is left, however long that
    /// takes.
    private func empty(timeout: Duration) {
        if timeout > .zero { _ = control(.stop, timeout) }
        var rounds = 0
        while true {
            if let unit = Self.look(control), unit.active == "inactive" || unit.active == "failed" {
                return
            }
            _ = control(.kill, Self.questionTimeout)
            _ = control(.stop, Self.questionTimeout)
            rounds += 1
            if rounds == Self.roundsUntilTold { tell(.unkillable(processes: 1)) }
        }
    }
}
