import Model
import Protocol

// Tasks of a store that was restored: what became of them since the backup is not known.

extension WorkMachine {
    /// Attempts that a later controller may have made, for each generation that was raised.
    private static let attemptsLeftOut: UInt16 = 1_000
    private static let attemptFloorMax: UInt16 = 60_000

    /// The least number of the next attempts of the tasks there are: above all that may have been used
    /// since the backup. An agent knows an attempt by its number alone, and would answer for the one it
    /// had. Where a number was used all the same, it gives the task back, or tells what became of it.
    func raiseAttempts(by generations: UInt16) -> UInt16 {
        // Those of an earlier restore were used as well, by tasks that this copy may not show.
        var highest = attemptFloor
        tasks.forEach(after: nil) { _, entry in
            highest = max(highest, entry.attempt)
            return true
        }
        let raise = Int(generations) * Int(Self.attemptsLeftOut)
        return UInt16(clamping: min(Int(highest) + raise, Int(Self.attemptFloorMax)))
    }

    /// Tasks of before the restore are known by their numbers: those of a generation stand above all of
    /// the generations before it.
    mutating func setAside(below floor: UInt16, of generation: UInt16) {
        attemptFloor = floor
        restoredBelow = floor > 0 ? UInt64(generation) << 40 : 0
    }

    func leastAttempt(of id: TaskID) -> UInt16 { id.number < restoredBelow ? attemptFloor : 0 }

    /// It may have run since the backup: it is of before, and was neither given out since nor has an
    /// operator said that it may be.
    func mayHaveRun(_ id: TaskID) -> Bool {
        guard id.number < restoredBelow, attemptFloor > 0, let entry = tasks[id.number] else {
            return false
        }
        return entry.attempt < attemptFloor - 1
    }

    /// An operator gives it again, and knows that it may have run.
    mutating func settleHistory(of id: TaskID) {
        guard mayHaveRun(id) else { return }
        tasks.update(id.number) { [attemptFloor] in $0.attempt = attemptFloor - 1 }
    }

    /// Every task that may run once only, as far as is known by now which do, and may have run: an
    /// operator has to decide.
    ///
    /// - Returns: how many there are.
    mutating func leaveOpen() -> Int {
        var once: OrderedTable<TaskType, Bool> = OrderedTable()
        var found: [TaskID] = []
        tasks.forEach(after: nil) { number, entry in
            guard number < restoredBelow else { return false }
            guard entry.state == .waiting || entry.state == .delayed,
                let task = classes[entry.taskClass]?.value, !task.isOfRun,
                mayHaveRun(TaskID(number))
            else { return true }
            let runsOnce = once[task.type] ?? isRunOnce(task.type)
            once[task.type] = runsOnce
            if runsOnce { found.append(TaskID(number)) }
            return true
        }
        for id in found { leaveOpen(id) }
        return found.count
    }

    private func isRunOnce(_ type: TaskType) -> Bool {
        workers.contains { $0.handler(for: type)?.delivery == .atMostOnce }
    }

    private mutating func leaveOpen(_ id: TaskID) {
        guard let lane = tasks[id.number]?.lane else { return }
        leaveLane(id, lane)
        move(id, to: .unknown)
        save(id)
    }

    /// The same of one that was taken from its queue to be given to a node: that its handler runs it once
    /// only was not known before.
    mutating func leaveOpen(_ id: TaskID, takenFrom lane: UInt64) {
        lanes.update(lane) { lane in
            lane.outstanding -= 1
            if lane.outstanding == 0 { lane.boundTo = nil }
        }
        if isOfRun(id) { return finish(id, .unknown, nil) }
        leaveOpen(id)
        tell(
            .taskUnknown,
            .critical,
            "task \(id)",
            "Whether task \(id) was done is not known, and it must not be done twice.",
            cause: "the store was restored: the task may have run after the backup",
            consequence: "look at what it did, then: muster task resolve \(id) --done, or "
                + "muster task retry \(id)"
        )
    }
}
