import Model
import Protocol

// Handlers in the worker form are processes that stay when their attempt has ended, with whatever they
// have started. Which there are is the shell's business. The bench knows that some may live, and for
// what: until the shell says that all are buried they count in what is stated.

/// Workers that may live.
struct LivingWorkers: Hashable, Sendable {
    /// What a worker may be used for: none is used for tasks of another part.
    struct Part: Hashable, Sendable {
        var token: FencingToken
        var drill: UInt64?
        var isStandby: Bool
    }

    /// Nil for what an earlier agent has left: nobody knows it.
    var part: Part?
    /// They were told to go, and the leashes that have not ended them by then are killed; nil while they
    /// may be given tasks.
    var destroyAt: Instant?

    var isRetiring: Bool { destroyAt != nil }

    /// Under which they were started.
    var token: FencingToken { part?.token ?? .zero }
}

extension TaskBench {
    /// Retires all of them when what they were started for is over. Those that have a task go with it.
    mutating func settleWorkers(
        _ situation: TaskSituation,
        at now: Instant,
        _ effects: inout TaskEffects
    ) {
        guard let held = workers else { return }
        guard let destroyAt = held.destroyAt else {
            guard held.part != situation.part || situation.isDismissed else { return }
            workers?.destroyAt = now + Self.overtakenGrace + Self.fencePatience
            return effects.workers.append(.retire(grace: Self.overtakenGrace))
        }
        guard destroyAt <= now else { return }
        workers?.destroyAt = now + timing.stopGrace
        // What has a task is ended with it.
        guard !hasBusyWorkers else { return }
        effects.workers.append(.destroy)
        effects.notices.append(
            AgentNotice(.error, "workers were not ended in time: their leashes are killed")
        )
    }

    /// Proven: nothing of any worker exists any more.
    mutating func workersBuried() {
        // A word that was said before the last was launched says nothing: it is asked for again.
        guard workers?.isRetiring == true, !hasBusyWorkers else { return }
        workers = nil
        areAllTouched = true
    }

    /// None is started beside those that are to go.
    func mayLaunch(_ definition: HandlerDefinition) -> Bool {
        definition.mode == .process || workers?.isRetiring != true
    }

    private var hasBusyWorkers: Bool { live.values.contains(where: \.isOnWorker) }
}

extension TaskSituation {
    var part: LivingWorkers.Part {
        LivingWorkers.Part(token: highest, drill: drill, isStandby: workObstacle != nil)
    }
}

extension LiveAttempt {
    /// A worker may have it.
    var isOnWorker: Bool { isLaunched && definition?.mode == .worker }
}
