import Model
import Protocol

// Giving waiting tasks to nodes with room.

extension WorkMachine {
    /// Gives out what can be given. Every input ends with this.
    mutating func settle() {
        settleTimers()
        settleFollowed()
        sweep()
        while !dirtyLanes.isEmpty || !openedWorkers.isEmpty {
            let opened = openedWorkers
            openedWorkers.removeAll()
            for place in opened { fill(place) }
            let dirty = dirtyLanes
            dirtyLanes.removeAll()
            for lane in dirty { refresh(lane) }
        }
        noticeQueue()
        settleAges()
    }

    /// A node with room takes the first of what waits for it, again and again.
    private mutating func fill(_ place: Int) {
        while let group = firstGroup(of: place) {
            give(from: group, to: place)
        }
    }

    /// The group, of those in which the worker has room, whose first lane is first of all.
    private mutating func firstGroup(of place: Int) -> Int? {
        var best: (waiting: Group.Waiting, group: Int)?
        for group in workers[place].groups {
            guard let first = firstWaiting(in: group), hasRoom(place, in: group) else { continue }
            if best.map({ first < $0.waiting }) ?? true { best = (first, group) }
        }
        return best?.group
    }

    private func hasRoom(_ place: Int, in group: Int) -> Bool {
        guard
            let worker = groups[group].map({ $0.free.contains(place) || $0.spare.contains(place) })
        else { return false }
        return worker
    }

    /// The first lane that waits in a group, after what is out of date was dropped.
    private mutating func firstWaiting(in group: Int) -> Group.Waiting? {
        while let first = groups[group]?.waiting.first {
            let isValid = lanes.update(first.lane) { lane -> Bool in
                guard lane.offered == first.task, lane.group == group else { return false }
                if lane.isNext(first.task) { return true }
                // An older task has come back, or this one is gone: the lane is to be looked at
                // again and will offer its new head.
                lane.offered = nil
                return false
            }
            if isValid ?? false { return first }
            _ = groups[group]?.waiting.removeFirst()
        }
        return nil
    }

    /// A lane's head stands where it belongs, and is given at once where there is room.
    private mutating func refresh(_ number: UInt64) {
        guard let lane = lanes.update(number, { $0.glance }) else { return }
        guard let head = nextToGo(number, lane), let entry = tasks[head.number] else {
            return withdraw(number, isEmpty: lane.references == 0)
        }
        guard let task = classes[entry.taskClass]?.value else {
            preconditionFailure("task \(head) has no class")
        }
        let isOrdered = task.exclusiveKey?.isOrdered ?? false
        guard entry.state == .waiting, !isOrdered || lane.outstanding == 0 else {
            return withdraw(number, isEmpty: false)
        }
        let isPlaced = place(number, lane, entry, task)
        let group = isPlaced.group
        if lane.isExclusive {
            lanes.update(number) { $0.passed = lane.head == head ? nil : lane.head }
        }
        if lane.offered != head || lane.group != group {
            lanes.update(number) { $0.offered = head }
            groups[group]?.waiting.insert(
                Group.Waiting(priority: task.priority, task: head, lane: number)
            )
        }
        offer(group)
        guard isPlaced.isNarrow else { return }
        // A task that was given back has new patience: the old clock says nothing of it.
        let until = Lane.Aging(head: head, until: entry.queuedAt + rules.patience)
        let isNew = lanes.update(number) { lane -> Bool in
            guard lane.offered == head, lane.aging != until else { return false }
            lane.aging = until
            return true
        }
        if isNew ?? false { aging.insert(Due(at: until.until, number: number)) }
    }

    /// The lane has nothing to offer now.
    private mutating func withdraw(_ number: UInt64, isEmpty: Bool) {
        lanes.update(number) { $0.offered = nil }
        guard isEmpty else { return }
        join(number, group: nil, rule: .wholeSite)
        if let lane = lanes[number] { laneNumbers[lane.key] = nil }
        lanes[number] = nil
    }

    private mutating func place(
        _ number: UInt64,
        _ lane: Lane.Glance,
        _ entry: TaskEntry,
        _ task: TaskClass
    ) -> (group: Int, isNarrow: Bool) {
        if let bound = lane.boundTo {
            // Whoever has tasks of the key gets the next ones too, overloaded or not.
            let isAble = obstacle(for: task.type, at: bound) == nil
            let placement = Placement(
                members: isAble ? [bound] : [],
                rule: .exclusiveKey,
                acceptsOverloaded: true
            )
            let group = groupPlace(task.type, placement)
            join(number, group: group, rule: placement.rule)
            lanes.update(number) { $0.placed = nil }
            return (group, false)
        }
        let isPatient = now.instant < entry.queuedAt + rules.patience
        if let placed = lane.placed, placed.version == placementVersion,
            placed.taskClass == entry.taskClass, let group = lane.group,
            isPatient || !placed.isNarrow
        {
            return (group, placed.isNarrow)
        }
        var placement = self.placement(for: task)
        let wasNarrow = placement.isNarrow
        if placement.isNarrow, !isPatient { placement = wholePlacement(for: task.type) }
        let group = groupPlace(task.type, placement)
        join(number, group: group, rule: placement.rule)
        let isSpilled = wasNarrow && !placement.isNarrow
        lanes.update(number) { [placementVersion] in
            $0.placed =
                isSpilled
                ? nil
                : Lane.Placed(
                    version: placementVersion,
                    taskClass: entry.taskClass,
                    isNarrow: placement.isNarrow
                )
        }
        return (group, placement.isNarrow)
    }

    /// Members with room take what waits in a group.
    private mutating func offer(_ group: Int) {
        while firstWaiting(in: group) != nil, let place = choose(in: group) {
            give(from: group, to: place)
        }
    }

    /// Next in sequence of those with a free slot; where nobody has one, of those that can let one
    /// more wait. With `least-loaded` the least loaded of them.
    private func choose(in place: Int) -> Int? {
        guard let group = groups[place] else { return nil }
        let open = group.free.isEmpty ? group.spare : group.free
        guard rules.policy == .leastLoaded else { return open.next(after: group.last) }
        return open.min { (score(of: $0), $0) < (score(of: $1), $1) }
    }

    /// Load for each processor in thousandths, what was given since the last sample included.
    private func score(of place: Int) -> UInt64 {
        let worker = workers[place]
        let given = UInt64(worker.assignedCount) * 1_000 / UInt64(max(1, worker.processors))
        return given + UInt64(worker.loadPerProcessor ?? 0)
    }

    private mutating func give(from group: Int, to place: Int) {
        guard let first = groups[group]?.waiting.removeFirst(), let type = groups[group]?.key.type,
            let handler = workers[place].handler(for: type)
        else { preconditionFailure("nothing waits in group \(group)") }
        groups[group]?.last = place
        let taken = lanes.update(first.lane) { lane -> (Bool, Decision.Rule) in
            let isNext = lane.isNext(first.task)
            lane.offered = nil
            lane.outstanding += 1
            if case .exclusive = lane.key { lane.boundTo = place }
            return (lane.queue.remove(first.task) && isNext, lane.rule)
        }
        precondition(taken?.0 == true, "task \(first.task) is not the next of its lane")
        dirtyLanes.append(first.lane)
        guard let entry = tasks[first.task.number], entry.attempt < .max else {
            tasks.update(first.task.number) { $0.attempt = .max - 1 }
            return surrender(first.task, lane: first.lane)
        }
        if handler.delivery == .atMostOnce, mayHaveRun(first.task) {
            return leaveOpen(first.task, takenFrom: first.lane)
        }
        assign(first.task, handler, to: place, rule: taken?.1 ?? .wholeSite, type)
    }

    private mutating func assign(
        _ id: TaskID,
        _ handler: HandlerReport,
        to place: Int,
        rule: Decision.Rule,
        _ type: TaskType
    ) {
        let decision = Decision(rule: rule, view: viewNumber(for: type))
        move(id, to: .assigned)
        let least = leastAttempt(of: id)
        tasks.update(id.number) {
            $0.attempt = max($0.attempt + 1, least)
            $0.notBefore = nil
        }
        guard let entry = tasks[id.number], let task = classes[entry.taskClass]?.value else {
            preconditionFailure("task \(id) has no class")
        }
        if entry.attempt > 1 { counts.repeated += 1 }
        // A key must never be on two nodes at once, whatever its handler would allow.
        let isExclusive = task.exclusiveKey != nil && handler.delivery == .idempotent
        assignments[id.number] = Assignment(
            worker: place,
            attempt: entry.attempt,
            token: workers[place].view.token,
            handler: handler.name,
            delivery: isExclusive ? .exclusive : handler.delivery,
            decision: decision,
            isStarted: false,
            // What belongs to a step of a run ends with the step.
            isDrainable: handler.isDrainable && !task.isOfRun
        )
        workers[place].tasks.insertSorted(id)
        workers[place].assigned[handler.name] = (workers[place].assigned[handler.name] ?? 0) + 1
        workers[place].unstartedBytes += UInt64(entry.payloadBytes)
        updateRooms(of: place)
        if workers[place].view.preferences.runningMax != nil { judgeLoad(of: place) }
        save(id)
        run(id, on: place)
    }

    /// Orders a node to run what it has been assigned. May be repeated freely.
    mutating func run(_ id: TaskID, on place: Int) {
        guard let entry = tasks[id.number], let task = classes[entry.taskClass]?.value,
            let assignment = assignments[id.number]
        else { return }
        let order = RunOrder(
            attempt: TaskAttempt(task: id, attempt: assignment.attempt),
            token: assignment.token,
            handler: assignment.handler,
            type: task.type,
            account: task.account,
            attributes: task.attributes,
            priority: task.priority,
            exclusiveKey: task.exclusiveKey?.text,
            isRepeated: entry.attempt > 1,
            isDrainable: assignment.isDrainable,
            submittedAt: entry.acceptedAt,
            payloadBytes: entry.payloadBytes
        )
        out.sends.append(WorkSend(node: workers[place].id, message: .run(order)))
    }

    // MARK: Time

    private mutating func settleTimers() {
        while let due = delayed.first, due.at <= now.instant {
            _ = delayed.removeFirst()
            wake(TaskID(due.number))
        }
        while let due = aging.first, due.at <= now.instant {
            _ = aging.removeFirst()
            dirtyLanes.append(due.number)
        }
        for place in workers.indices {
            if let until = workers[place].refusedUntil, until <= now.instant {
                workers[place].refusedUntil = nil
                updateRooms(of: place)
            }
            if let due = idempotentDue(workers[place]), due <= now.instant {
                takeIdempotent(from: place)
            }
        }
        forgetKeys()
    }

    /// A delayed task's time has come. What was asked for at a time is told by the clock on the wall;
    /// what waits after a failure by ours, which nobody sets.
    private mutating func wake(_ id: TaskID) {
        guard let entry = tasks[id.number], entry.state == .delayed else { return }
        if entry.attempt > 0 {
            // A clock of an earlier delay may still ring.
            guard entry.queuedAt <= now.instant else { return }
        } else if let notBefore = entry.notBefore, now.wall < notBefore {
            return delay(id, until: notBefore)
        }
        move(id, to: .waiting)
        tasks.update(id.number) { [now] in $0.queuedAt = now.instant }
        if !isOrdered(entry) { lanes.update(entry.lane) { $0.queue.insert(id) } }
        dirtyLanes.append(entry.lane)
    }

    /// After a failure `notBefore` is the delay from the time of the failure on: when this is called
    /// then, or after a start of the controller. It is no longer than any delay there is, however the
    /// clock on the wall was set meanwhile.
    mutating func delay(_ id: TaskID, until notBefore: WallTime) {
        guard let entry = tasks[id.number] else { return }
        let left = max(notBefore - now.wall, .milliseconds(1))
        let isRetry = entry.attempt > 0
        let due = now.instant + min(left, isRetry ? retryDelayMax(entry) : Limits.delayedLook)
        if isRetry { tasks.update(id.number) { $0.queuedAt = due } }
        delayed.insert(Due(at: due, number: id.number))
    }

    func retryDelayMax(_ entry: TaskEntry) -> Duration {
        max(classes[entry.taskClass]?.value.retryDelay ?? rules.retryDelay, rules.retryDelayMax)
    }

    func isOrdered(_ entry: TaskEntry) -> Bool {
        classes[entry.taskClass]?.value.exclusiveKey?.isOrdered ?? false
    }

    // MARK: Views

    mutating func outdateViews() {
        for type in lastViews.keys { lastViews.update(type) { $0.isOutdated = true } }
    }

    /// The view that a decision made now rests on; a new one where something has changed.
    private mutating func viewNumber(for type: TaskType) -> UInt64 {
        var next = LastView(number: nextView, at: now.instant, version: placementVersion)
        if let last = lastViews[type] {
            guard last.isOutdated else { return last.number }
            if now.instant - last.at < DispatchView.ageMax {
                guard last.version != placementVersion, last.early < DispatchView.earlyMax else {
                    return last.number
                }
                next.at = last.at
                next.early = last.early + 1
            }
        }
        let view = DispatchView(
            number: nextView,
            at: now.wall,
            type: type,
            policy: rules.policy,
            entries: viewEntries(for: type)
        )
        nextView += 1
        lastViews[type] = next
        views[view.number] = view
        put(.dispatchView(view))
        while views.count > DispatchView.keptMax, let oldest = views.keys.first {
            views[oldest] = nil
            out.journal.append(
                .delete(table: .dispatchView, key: TaskID(oldest).storeKey)
            )
        }
        return view.number
    }
}

extension [TaskID] {
    mutating func insertSorted(_ id: TaskID) {
        let index = sortedIndex(id)
        if index == count || self[index] != id { insert(id, at: index) }
    }

    mutating func removeSorted(_ id: TaskID) {
        let index = sortedIndex(id)
        if index < count, self[index] == id { remove(at: index) }
    }

    private func sortedIndex(_ id: TaskID) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle] < id { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
