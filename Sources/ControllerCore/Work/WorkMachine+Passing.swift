import Model

// Which task of an exclusive key goes first, when the oldest cannot go anywhere.

extension WorkMachine {
    /// The task of a lane that goes before the others: its head, the oldest that waits.
    ///
    /// Tasks of an exclusive key may be of several types, and the head's may be one that no node takes:
    /// no handler is defined for it, or those who have one take no work now. Where no order was asked
    /// for, that is nothing to the others: the oldest whose type some node takes goes in its place. A
    /// task that some node takes is never passed over, wherever the key is bound; nor is one that is
    /// ordered, and it passes nobody.
    ///
    /// The work is bounded: at most ``Limits/passedOverMax`` (256) tasks are passed over. Behind more
    /// of them than that a key waits until somebody takes or cancels them.
    mutating func nextToGo(_ number: UInt64, _ lane: Lane.Glance) -> TaskID? {
        guard let head = lane.head, lane.isExclusive, isStuck(head) else { return lane.head }
        let waiting = lanes.update(number) { $0.queue.prefix(Limits.passedOverMax + 1) }
        return firstToGo(waiting ?? []) ?? head
    }

    /// The same, of tasks that wait in this order.
    ///
    /// - Returns: nil when none of them can go before the first.
    func firstToGo(_ waiting: [TaskID]) -> TaskID? {
        var takers: OrderedTable<TaskType, Bool> = OrderedTable()
        for id in waiting {
            guard let entry = tasks[id.number], let task = classes[entry.taskClass]?.value else {
                return nil
            }
            if task.exclusiveKey?.isOrdered ?? true { return id == waiting.first ? id : nil }
            let isTaken = takers[task.type] ?? isTaken(task.type)
            if isTaken { return id }
            takers[task.type] = false
        }
        return nil
    }

    /// Nobody takes its type, and it keeps no order.
    private mutating func isStuck(_ id: TaskID) -> Bool {
        guard let entry = tasks[id.number], let task = classes[entry.taskClass]?.value,
            let key = task.exclusiveKey, !key.isOrdered
        else { return false }
        if takers.version != placementVersion { takers = Takers(version: placementVersion) }
        if let answer = takers.answers[task.type] { return !answer }
        let answer = isTaken(task.type)
        if takers.answers.count >= Limits.takersMax { takers.answers = OrderedTable() }
        takers.answers[task.type] = answer
        return !answer
    }

    func isTaken(_ type: TaskType) -> Bool {
        workers.indices.contains { obstacle(for: type, at: $0) == nil }
    }
}
