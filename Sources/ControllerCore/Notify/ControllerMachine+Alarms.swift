import Model
import Protocol

// From events to alarms, and to whom each is to be told.

/// What opens and closes an alarm.
func alarmKey(_ kind: EventKind, _ subject: String) -> String { "\(kind.rawValue)/\(subject)" }

extension ControllerMachine {
    /// - Parameters:
    ///   - about: what tells alarms of one kind apart, where it is not the subject.
    ///   - advice: what to do, where it is not what is always done about the kind.
    ///   - level: of a threshold, how many nodes are lost.
    mutating func note(_ event: ClusterEvent, about: String?, advice: String, level: UInt32) {
        guard doubt == nil || event.kind.isSaidInDoubt else { return }
        let role = event.kind.role
        let about = about ?? event.subject
        for kind in role.closes {
            closeAlarm(alarmKey(kind, about), text: event.text, cause: event.cause)
        }
        if role.opens {
            let key = alarmKey(event.kind, about)
            if let alarm = notify.alarm(key) {
                worsen(alarm, event, advice, level: level)
            } else {
                open(event, key: key, .firing, advice, level: level)
            }
        }
        if let kind = role.furthers, let alarm = notify.alarm(alarmKey(kind, about)) {
            worsen(alarm, event, advice, level: level)
        }
        if role.once { open(event, key: "", .told, advice, level: 0) }
    }

    private mutating func open(
        _ event: ClusterEvent,
        key: String,
        _ state: NoticeState,
        _ advice: String,
        level: UInt32
    ) {
        if state == .told, notify.record == nil { return }
        var alarm = AlarmRecord(event, key: key, state: state, advice: advice)
        alarm.level = level
        alarm.targets = targets(of: alarm)
        // What has happened and interests nobody is in the list of events, and needs no place here.
        if state == .told, alarm.targets.isEmpty { return }
        let isRoom = notify.alarms.count < NotifyBook.alarmsMax || event.kind.isOfSite
        for target in alarm.targets {
            var group = notify.groups[target.group] ?? NoticeGroup()
            if !isRoom || (state == .told && group.onceCount >= NotifyBook.oncePerGroupMax) {
                group.leftOut += 1
                alarm.targets.removeAll { $0 == target }
            } else {
                group.pending.append(alarm.number)
                if state == .told { group.onceCount += 1 }
            }
            schedule(&group, of: target.group, isUrgent: event.kind.isOfSite)
        }
        guard isRoom, state == .firing || !alarm.targets.isEmpty else { return }
        keep(alarm)
    }

    /// It fires already: it got worse, or it is told again that it does.
    private mutating func worsen(
        _ alarm: AlarmRecord,
        _ event: ClusterEvent,
        _ advice: String,
        level: UInt32
    ) {
        var alarm = alarm
        let wasPlanned = alarm.isPlanned
        let isBack = alarm.state == .resolved
        if isBack { renumber(&alarm, to: event.sequence) }
        alarm.state = .firing
        alarm.endedAt = nil
        alarm.further += 1
        alarm.level = level
        alarm.take(event, advice: advice)
        if wasPlanned, !event.isPlanned { alarm.since = event.at }
        for place in alarm.targets.indices {
            switch alarm.targets[place].state {
            case .uncovered: alarm.targets[place].state = .waiting
            case .waiting, .covered: break
            case .ending:
                // That it had ended was not said yet, so there is nothing to take back.
                alarm.targets[place].state = .told
                move(alarm.number, alarm.targets[place].group, isPending: false)
            case .told where isBack: break
            case .told:
                alarm.targets[place].state = .waiting
                move(alarm.number, alarm.targets[place].group, isPending: true)
            }
        }
        for target in targets(of: alarm)
        where !alarm.targets.contains(where: { $0.receiver == target.receiver }) {
            alarm.targets.append(target)
            var group = notify.groups[target.group] ?? NoticeGroup()
            group.pending.append(alarm.number)
            schedule(&group, of: target.group, isUrgent: alarm.kind.isOfSite)
        }
        keep(alarm)
    }

    /// It fires again before everybody was told that it had ended: for those who were, it begins anew.
    private mutating func renumber(_ alarm: inout AlarmRecord, to number: UInt64) {
        let old = alarm.number
        notify.alarms[old] = nil
        effects.journal.append(.delete(table: .alarm, key: alarm.storeKey))
        alarm.number = number
        for target in alarm.targets {
            notify.groups.update(target.group) {
                $0.pending = $0.pending.map { $0 == old ? number : $0 }
                $0.told = $0.told.map { $0 == old ? number : $0 }
            }
        }
    }

    /// Its end is told to those who were told that it fires.
    mutating func closeAlarm(_ key: String, text: String, cause: String = "") {
        guard var alarm = notify.alarm(key), alarm.state == .firing else { return }
        alarm.state = .resolved
        alarm.endedAt = now.wall
        alarm.text = kept(text, bytesMax: AlarmRecord.textBytesMax)
        alarm.cause = kept(cause, bytesMax: AlarmRecord.textBytesMax)
        alarm.consequence = ""
        var left: [AlarmRecord.Target] = []
        for var target in alarm.targets {
            let isTold = target.state == .told || target.thread != nil
            if isTold, route(of: target.group)?.resolved ?? true {
                target.state = .ending
                left.append(target)
                move(alarm.number, target.group, isPending: true)
            } else {
                leave(alarm.number, target.group)
            }
        }
        alarm.targets = left
        keep(alarm)
        if alarm.kind.isOfSite { uncover(site: alarm.site) }
    }

    /// Writes it, or takes it out when nothing is left to tell of it.
    mutating func keep(_ alarm: AlarmRecord) {
        if alarm.state != .firing, alarm.targets.isEmpty {
            guard notify.alarms[alarm.number] != nil else { return }
            notify.alarms[alarm.number] = nil
            if notify.keys[alarm.key] == alarm.number { notify.keys[alarm.key] = nil }
            effects.journal.append(.delete(table: .alarm, key: alarm.storeKey))
            return
        }
        notify.alarms[alarm.number] = alarm
        if !alarm.key.isEmpty { notify.keys[alarm.key] = alarm.number }
        put(.alarm(alarm))
    }

    // MARK: Groups

    mutating func move(_ number: UInt64, _ key: String, isPending: Bool) {
        var group = notify.groups[key] ?? NoticeGroup()
        group.pending.removeAll { $0 == number }
        group.told.removeAll { $0 == number }
        if isPending {
            group.pending.append(number)
        } else {
            group.told.append(number)
        }
        schedule(&group, of: key)
    }

    private mutating func leave(_ number: UInt64, _ key: String) {
        notify.groups.update(key) {
            $0.pending.removeAll { $0 == number }
            $0.told.removeAll { $0 == number }
        }
    }

    /// The first message of a group waits for more of the same; the next one also for the group's
    /// interval, unless a whole site is worse off than was known.
    mutating func schedule(_ group: inout NoticeGroup, of key: String, isUrgent: Bool = false) {
        let times = route(of: key)
        let soon = now.instant + (times?.groupWait ?? NotifyBook.undeliverableWait)
        if group.pending.isEmpty {
            group.due = nil
        } else {
            let interval = times?.groupInterval ?? NotifyBook.undeliverableInterval
            let due = isUrgent ? soon : max(soon, group.sentAt.map { $0 + interval } ?? soon)
            group.due = min(group.due ?? due, due)
        }
        notify.groups[key] = group
        if let due = group.due {
            notify.groupsLookAt = min(notify.groupsLookAt ?? due, due)
            expect(by: due)
        }
    }

    // MARK: Routes

    /// The route that a group is of; nil for that of what could not be delivered.
    func route(of group: String) -> NotifyRoute? {
        guard let rules = notify.rules, let end = group.firstIndex(of: "/"),
            let place = Int(group[..<end]), rules.routes.indices.contains(place)
        else { return nil }
        return rules.routes[place]
    }

    func targets(of alarm: AlarmRecord) -> [AlarmRecord.Target] {
        guard let rules = notify.rules else { return [] }
        if alarm.kind == .noticeUndeliverable, !rules.undeliverable.isEmpty {
            return rules.undeliverable.map { .init(receiver: $0, group: "undeliverable/\($0)/") }
        }
        var found: [AlarmRecord.Target] = []
        for (place, route) in rules.routes.enumerated() where route.takes(alarm) {
            for receiver in route.receivers
            where !found.contains(where: { $0.receiver == receiver }) {
                let value = route.groupValue(of: alarm)
                found.append(.init(receiver: receiver, group: "\(place)/\(receiver)/\(value)"))
            }
            if !route.continues { break }
        }
        return found
    }

    /// Other rules: what is open goes where they say; who was told already is not told again.
    mutating func routeAgain() {
        notify.groups = OrderedTable()
        for var alarm in notify.alarms.values {
            let before = alarm
            let wanted = targets(of: alarm)
            var targets: [AlarmRecord.Target] = []
            for var target in wanted {
                if let old = alarm.targets.first(where: { $0.receiver == target.receiver }) {
                    target.state = old.state
                    target.thread = old.thread
                    target.severities = old.severities
                } else if alarm.state == .resolved {
                    continue
                }
                targets.append(target)
            }
            alarm.targets = targets
            for target in targets {
                var group = notify.groups[target.group] ?? NoticeGroup()
                switch target.state {
                case .waiting, .uncovered, .ending: group.pending.append(alarm.number)
                case .told: group.told.append(alarm.number)
                case .covered: break
                }
                if target.thread != AlarmRecord.Target.noMessage {
                    group.thread = group.thread ?? target.thread
                }
                if group.thread != nil { group.sentAt = group.sentAt ?? now.instant }
                if alarm.state == .told { group.onceCount += 1 }
                schedule(&group, of: target.group)
            }
            if alarm != before { keep(alarm) }
        }
        uncover()
    }
}

extension NotifyRoute {
    fileprivate func groupValue(of alarm: AlarmRecord) -> String {
        if alarm.kind.isThreadedBySubject { return "about:\(alarm.subject)" }
        return switch groupBy {
        case .kind: "kind:\(alarm.kind.rawValue)"
        case .site: "site:\(alarm.site)"
        case .none: ""
        }
    }

    func takes(_ alarm: AlarmRecord) -> Bool {
        alarm.severity.rank >= severity.rank && (planned || !alarm.isPlanned)
            && matches(alarm.kind)
            && (sites.isEmpty || sites.contains { $0.text == alarm.site })
    }

    func matches(_ kind: EventKind) -> Bool {
        kinds.isEmpty || kinds.contains { $0.matches(kind) }
    }
}
