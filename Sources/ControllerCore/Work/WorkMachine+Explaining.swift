public import Model
import Protocol

/// Why a task is where it is, or would go where it would.
public struct Explanation: Hashable, Sendable {
    public struct Candidate: Hashable, Sendable {
        public var entry: DispatchView.Entry
        /// It belongs to the set that the rule yields.
        public var isPreferred: Bool
        public var room: String
    }

    public var type: TaskType
    public var policy: DispatchPolicy
    public var rule: Decision.Rule
    /// One sentence.
    public var text: String
    public var candidates: [Candidate]
}

extension WorkMachine {
    func viewEntries(for type: TaskType) -> [DispatchView.Entry] {
        workers.indices.filter { workers[$0].view.isOfActiveSite }.map { place in
            let worker = workers[place]
            let obstacle =
                obstacle(for: type, at: place) ?? worker.overload
                ?? (worker.lostAt == nil ? shortageText(of: worker) : "unreachable")
            return DispatchView.Entry(
                node: worker.view.name,
                obstacle: obstacle,
                loadPerProcessor: worker.loadPerProcessor,
                memoryPerMille: worker.memoryPerMille,
                assigned: worker.assignedCount,
                slots: min(
                    UInt32(worker.handler(for: type)?.slots ?? 0),
                    worker.view.preferences.slotsMax ?? .max
                )
            )
        }
    }

    /// Why a waiting task waits, and where it would go: by the rules as they are now.
    public func explain(_ id: TaskID) -> Explanation? {
        guard let entry = tasks[id.number], let task = classes[entry.taskClass]?.value else {
            return nil
        }
        let lane = lanes[entry.lane]
        var placement = self.placement(for: task)
        if placement.isNarrow, now.instant >= entry.queuedAt + rules.patience {
            placement = wholePlacement(for: task.type)
        }
        if let bound = lane?.boundTo {
            placement = Placement(members: [bound], rule: .exclusiveKey, acceptsOverloaded: true)
        }
        let entries = viewEntries(for: task.type)
        let places = workers.indices.filter { workers[$0].view.isOfActiveSite }
        let candidates = zip(places, entries).map { place, entry in
            Explanation.Candidate(
                entry: entry,
                isPreferred: placement.members.contains(place),
                room: roomText(of: place, for: task.type)
            )
        }
        return Explanation(
            type: task.type,
            policy: rules.policy,
            rule: placement.rule,
            text: waitingText(id, entry, task, lane, placement),
            candidates: candidates
        )
    }

    /// Why a node that cannot write gets nothing; nil when it may be given something now.
    private func shortageText(of worker: Worker) -> String? {
        guard let shortage = worker.shortage, let until = worker.refusedUntil else { return nil }
        let cause = shortage.text.isEmpty ? "" : " (\(shortage.text))"
        return "it cannot write what it is given\(cause), asked again in "
            + (until - now.instant).forPeople
    }

    private func firstToGo(in lane: Lane) -> TaskID? {
        guard lane.isExclusive else { return lane.queue.first }
        return firstToGo(lane.queue.prefix(Limits.passedOverMax + 1)) ?? lane.queue.first
    }

    private func roomText(of place: Int, for type: TaskType) -> String {
        let worker = workers[place]
        guard let handler = worker.handler(for: type) else { return "no handler" }
        if let text = shortageText(of: worker) { return text }
        if let until = worker.refusedUntil {
            return "has turned a task away, asked again in \((until - now.instant).forPeople)"
        }
        let assigned = worker.assigned[handler.name] ?? 0
        let slots = "\(assigned) of \(handler.slots) slots, \(handler.prefetch) may wait"
        switch room(of: place, for: handler) {
        case .free: return "room: \(slots)"
        case .spare: return "only room to wait: \(slots)"
        case .none:
            if worker.unstartedBytes >= Limits.unstartedBytesMax {
                return "payloads of \(worker.unstartedBytes) bytes are on their way to it"
            }
            if worker.isFull {
                return "it has \(worker.tasks.count) tasks, as many as a node may have"
            }
            return "no room: \(slots)"
        }
    }

    private func waitingText(
        _ id: TaskID,
        _ entry: TaskEntry,
        _ task: TaskClass,
        _ lane: Lane?,
        _ placement: Placement
    ) -> String {
        switch entry.state {
        case .delayed:
            let until = entry.notBefore.map { $0.forPeople } ?? "its time"
            if entry.failures > 0 { return "an attempt failed; the next is made at \(until)" }
            guard entry.attempt > 0, let detail = entry.result?.detail else {
                return "it was asked for at \(until), not before"
            }
            return "\(detail); tried again at \(until)"
        case .assigned:
            guard let assignment = assignments[id.number] else { return "" }
            let worker = workers[assignment.worker]
            let doing = assignment.isStarted ? "runs it" : "has it"
            return
                "node \(worker.view.name) \(doing), by the rule \(assignment.decision.rule.rawValue)"
                + (worker.lostAt == nil
                    ? ""
                    : "; the node cannot be reached, and it is not proven that the attempt has ended")
        case .failed: return "it has failed and is given again only by an operator"
        case .unknown:
            guard let result = entry.result, result.outcome == .notExecuted else {
                return "whether it was done is not known; an operator has to say"
            }
            return "\(result.detail); an operator has to say what becomes of it"
        case .done, .cancelled: return "it has ended"
        case .waiting: break
        }
        if placement.members.isEmpty || !isTaken(task.type) {
            let isDefined = workers.contains { $0.handler(for: task.type) != nil }
            return isDefined
                ? "no node with a handler for \(task.type) takes work now"
                : "no node defines a handler for \(task.type)"
        }
        if let lane, let head = firstToGo(in: lane), head != id {
            if task.exclusiveKey != nil { return "task \(head) of the same key goes first" }
            return "task \(head) goes first: \(lane.queue.count) tasks wait the same way"
        }
        if let lane, lane.outstanding > 0, task.exclusiveKey?.isOrdered ?? false {
            return "a task of the same key runs, and they go one at a time"
        }
        let names = placement.members.map { workers[$0].view.name.text }.joined(separator: ", ")
        return "it waits for room on \(names)"
    }
}
