import ControllerCore
import Host
import Meters
import Model
import Protocol

/// What the thread that decides counts on its way. Only that thread calls it.
struct DriverMeters {
    private let meters: ControllerMeters
    /// Steps whose decisions are not durable yet, in their order.
    private var waiting: [(ticket: UInt64, since: Instant)] = []
    /// When each session was heard last.
    private var heardAt: [ConnectionID: Instant] = [:]

    init(_ meters: ControllerMeters) {
        self.meters = meters
    }

    // MARK: The journal

    mutating func decided(_ ticket: UInt64) {
        waiting.append((ticket, BootClock.now()))
        meters.journalQueue.set(waiting.count)
    }

    mutating func durable(upTo ticket: UInt64) {
        let now = BootClock.now()
        let count = waiting.firstIndex { $0.ticket > ticket } ?? waiting.count
        guard count > 0 else { return }
        for step in waiting.prefix(count) { meters.journalCommit.observe(now - step.since) }
        waiting.removeFirst(count)
        meters.journalBatch.observe(Int64(count))
        meters.journalQueue.set(waiting.count)
    }

    // MARK: Steps

    mutating func stepped(
        _ event: ControllerEvent,
        _ effects: ControllerEffects,
        _ machine: ControllerMachine,
        at now: Moment
    ) {
        switch event {
        case .received(let connection, .beat, _):
            hear(connection, machine.settings.lease.heartbeatInterval, at: now.instant)
        case .received(_, .work(.started(let attempt)), _) where attempt.attempt == 1:
            observe(meters.taskWait, attempt.task, machine, at: now.wall)
        case .disconnected(let connection, _): heardAt[connection] = nil
        default: break
        }
        for case .put(.taskState(let state)) in effects.journal
        where state.state == .assigned && state.attempt == 1 {
            observe(meters.dispatch, state.id, machine, at: state.since)
        }
    }

    private mutating func hear(_ connection: ConnectionID, _ interval: Duration, at now: Instant) {
        meters.heartbeats.add()
        if let last = heardAt[connection] { meters.heartbeatLag.observe(now - last - interval) }
        heardAt[connection] = now
    }

    /// From the acceptance of a task; one that was to wait for its time says nothing.
    private func observe(
        _ family: HistogramOfTypes,
        _ task: TaskID,
        _ machine: ControllerMachine,
        at wall: WallTime
    ) {
        guard let times = machine.work.times(of: task), !times.isPutOff else { return }
        family[times.type.text].observe(wall - times.acceptedAt)
    }

    // MARK: What is durable

    func carriedOut(_ effects: ControllerEffects) {
        for send in effects.sends {
            switch send.message {
            case .lease: meters.leasesGranted.add()
            case .alive: meters.leasesWithheld.add()
            case .error(let code, _): meters.refused(code)
            default: break
            }
        }
        for entry in effects.journal {
            switch entry {
            case .event(let event): meters.events[event.kind.rawValue].add()
            case .put(.taskEnd(let end)): ended(end)
            case .put(.taskState(let state))
            where state.state == .failed || state.state == .unknown:
                meters.tasksGivenUp[state.state.rawValue].add()
            case .put(.runStep(let step)): ended(step)
            case .put(.delivery(let record)): meters.written(record)
            default: break
            }
        }
    }

    private func ended(_ task: TaskEndRecord) {
        let type = task.submission.type.text
        meters.tasksEnded[type, task.state.rawValue].add()
        guard let result = task.result else { return }
        meters.taskRun[type].observe(.milliseconds(Int64(clamping: result.ranMilliseconds)))
    }

    private func ended(_ step: RunStepRecord) {
        guard step.state == .done || step.state == .failed, let begin = step.startedAt,
            let end = step.endedAt
        else { return }
        meters.runSteps[step.step.act.word, step.state.rawValue].observe(end - begin)
    }
}
