import Model
import Protocol

// Which nodes a task may go to: a pure function of the policy, the task's class and the workers.

/// A group of nodes and the rule by which it was found.
struct Placement: Hashable, Sendable {
    var members: [Int]
    var rule: Decision.Rule
    var acceptsOverloaded = false
    /// There are others that could take the task once patience is over.
    var isNarrow = false
}

extension WorkMachine {
    /// The policy proposes; whether a node has room is looked at when the task is given.
    func placement(for task: TaskClass) -> Placement {
        if let pin = task.pin {
            let able = places[pin].filter { obstacle(for: task.type, at: $0, isOfRun: true) == nil }
            return Placement(
                members: able.map { [$0] } ?? [],
                rule: .pinned,
                acceptsOverloaded: true
            )
        }
        let capable = workers.indices.filter { obstacle(for: task.type, at: $0) == nil }
        let relieved = capable.filter { workers[$0].overload == nil }
        guard !relieved.isEmpty else {
            // Where nobody could take it there is nobody who is overloaded, either.
            let rule: Decision.Rule = capable.isEmpty ? .wholeSite : .allOverloaded
            return Placement(members: capable, rule: rule, acceptsOverloaded: true)
        }
        switch rules.policy {
        case .roundRobin: return Placement(members: relieved, rule: .roundRobin)
        case .leastLoaded: return Placement(members: relieved, rule: .leastLoaded)
        case .attributeMatch:
            let isSuspended = rules.isStrict && relieved.count < capable.count
            let preferred = relieved.filter { workers[$0].view.preferences.prefers(task) }
            if isSuspended || preferred.isEmpty {
                return Placement(members: relieved, rule: .wholeSite)
            }
            return Placement(
                members: preferred,
                rule: .attributeMatch,
                isNarrow: preferred.count < relieved.count
            )
        case .accountAffinity:
            if task.account.isEmpty { return Placement(members: relieved, rule: .wholeSite) }
            let set = Rendezvous.top(
                Int(rules.affinityWidth),
                of: relieved.map { ($0, workers[$0].seed) },
                for: Rendezvous.seed(of: task.account)
            )
            return Placement(
                members: set.sorted(),
                rule: set.count == 1 ? .home : .affinitySet,
                isNarrow: set.count < relieved.count
            )
        }
    }

    /// Everybody who could take the type, when patience with the preferred nodes is over.
    func wholePlacement(for type: TaskType) -> Placement {
        let capable = workers.indices.filter { obstacle(for: type, at: $0) == nil }
        let relieved = capable.filter { workers[$0].overload == nil }
        return relieved.isEmpty && !capable.isEmpty
            ? Placement(members: capable, rule: .allOverloaded, acceptsOverloaded: true)
            : Placement(members: relieved, rule: .spilled)
    }

    /// Why a node gets no task of a type, whatever its room and its load; nil when it may.
    func obstacle(for type: TaskType, at place: Int, isOfRun: Bool = false) -> String? {
        let worker = workers[place]
        let obstacle =
            if type.isHook {
                worker.view.hookObstacle
            } else if isOfRun {
                worker.view.sandboxObstacle
            } else {
                worker.view.standing.obstacle
            }
        if let obstacle { return obstacle }
        if worker.handler(for: type) == nil { return "no handler for \(type)" }
        if worker.view.preferences.slotsMax == 0, !type.isHook { return "its slots are set to 0" }
        return nil
    }

    // MARK: Groups

    mutating func groupPlace(_ type: TaskType, _ placement: Placement) -> Int {
        let key = Group.Key(
            type: type,
            members: placement.members,
            acceptsOverloaded: placement.acceptsOverloaded
        )
        if let place = groupPlaces[key] { return place }
        let place: Int
        if let free = freeGroups.popLast() {
            place = free
            groups[place] = Group(key: key)
        } else {
            place = groups.count
            groups.append(Group(key: key))
        }
        groupPlaces[key] = place
        for member in key.members {
            workers[member].groups.append(place)
            setRoom(of: member, in: place)
        }
        return place
    }

    /// A lane moves from one group to another; a group that nobody waits in goes.
    mutating func join(_ lane: UInt64, group: Int?, rule: Decision.Rule) {
        let before = lanes.update(lane) { lane -> Int? in
            let before = lane.group
            lane.group = group
            lane.rule = rule
            return before
        }
        guard let before, before != group else { return }
        if let group { groups[group]?.lanes += 1 }
        guard let left = before else { return }
        groups[left]?.lanes -= 1
        guard let gone = groups[left], gone.lanes == 0 else { return }
        for member in gone.key.members {
            workers[member].groups.removeAll { $0 == left }
        }
        groupPlaces[gone.key] = nil
        groups[left] = nil
        freeGroups.append(left)
    }

    /// Rules, standing, handlers, preferences or overload have changed: every lane is placed anew,
    /// some in each step.
    mutating func placeAnew() {
        placementVersion += 1
        sweptTo = 0
        outdateViews()
    }

    mutating func sweep() {
        guard let from = sweptTo else { return }
        var found: [UInt64] = []
        lanes.forEach(after: from) { number, _ in
            found.append(number)
            return found.count < Limits.sweepLanesMax
        }
        sweptTo = found.count < Limits.sweepLanesMax ? nil : found.last
        dirtyLanes += found
    }

    // MARK: Room

    func room(of place: Int, for handler: HandlerReport) -> Room {
        let worker = workers[place]
        // Which tasks it may run is a matter of their placement.
        let mayRun =
            handler.isOfHooks
            ? worker.view.hookObstacle == nil
            : worker.view.standing == .working || worker.view.sandboxObstacle == nil
        guard mayRun, worker.refusedUntil == nil, worker.lostAt == nil, !worker.view.isSuspect,
            worker.unstartedBytes < Limits.unstartedBytesMax, !worker.isFull,
            worker.assignedCount < worker.view.preferences.slotsMax ?? .max
        else { return .none }
        let assigned = worker.assigned[handler.name] ?? 0
        if assigned < UInt32(handler.slots) { return .free }
        return assigned < UInt32(handler.slots) + UInt32(handler.prefetch) ? .spare : .none
    }

    /// After anything that a worker's room depends on.
    mutating func updateRooms(of place: Int) {
        var changed: [HandlerName] = []
        for handler in workers[place].view.handlers.values {
            let room = room(of: place, for: handler)
            guard workers[place].rooms[handler.name] != room else { continue }
            workers[place].rooms[handler.name] = room
            changed.append(handler.name)
        }
        for name in workers[place].rooms.keys where workers[place].view.handlers[name] == nil {
            workers[place].rooms[name] = nil
            changed.append(name)
        }
        guard !changed.isEmpty else { return }
        for group in workers[place].groups { setRoom(of: place, in: group) }
        openedWorkers.append(place)
    }

    mutating func setRoom(of place: Int, in group: Int) {
        guard let key = groups[group]?.key else { return }
        let worker = workers[place]
        var room = Room.none
        if let handler = worker.handler(for: key.type),
            worker.overload == nil || key.acceptsOverloaded
        {
            room = self.room(of: place, for: handler)
        }
        groups[group]?.free.set(place, present: room == .free)
        groups[group]?.spare.set(place, present: room == .spare)
    }
}

extension Optional where Wrapped == Int {
    func filter(_ isIncluded: (Int) -> Bool) -> Int? {
        flatMap { isIncluded($0) ? $0 : nil }
    }
}

extension Worker {
    /// It has as many attempts as a node may have, whatever its handlers say.
    var isFull: Bool { tasks.count >= WorkLimits.attemptsPerNodeMax }
}

extension HandlerReport {
    /// It serves hooks, and no work: a node's definition has the one or the other.
    var isOfHooks: Bool { types.allSatisfy(\.isHook) }
}

extension [Int] {
    /// Puts a number into a sorted array or takes it out.
    fileprivate mutating func set(_ number: Int, present: Bool) {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle] < number { low = middle + 1 } else { high = middle }
        }
        let isThere = low < count && self[low] == number
        if present, !isThere { insert(number, at: low) }
        if !present, isThere { remove(at: low) }
    }

    /// The first number behind `last`, or the first of all; nil when empty.
    func next(after last: Int) -> Int? { first { $0 > last } ?? first }
}
