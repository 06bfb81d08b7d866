import Model
import Protocol

// When a group speaks, and what of it.

extension ControllerMachine {
    /// Everything of notifications that is due; the last of a step.
    mutating func settleNotify() {
        settleSilences()
        settleGroups()
        settleOutbox()
        if notify.isCounterDue {
            notify.isCounterDue = false
            put(.cluster(cluster))
        }
        if let deadline = notify.nextDeadline { expect(by: deadline) }
    }

    private mutating func settleGroups() {
        let isTime = notify.groupsLookAt.map { now.instant >= $0 } ?? false
        guard notify.areGroupsDue || isTime else { return }
        let areAllDue = notify.areGroupsDue
        notify.areGroupsDue = false
        for (key, group) in notify.groups {
            if areAllDue, !group.pending.isEmpty, group.due == nil {
                var group = group
                schedule(&group, of: key, isUrgent: isUrgent(group))
            }
            if let due = notify.groups[key]?.due, due <= now.instant {
                speak(key)
            } else if let at = repetition(of: key), at <= now.instant {
                repeatAlarms(key)
            }
        }
        forgetGroups()
        var next: Instant?
        for key in notify.groups.keys {
            for at in [notify.groups[key]?.due, repetition(of: key)].compactMap({ $0 }) {
                next = min(next ?? at, at)
            }
        }
        notify.groupsLookAt = next
    }

    private func isUrgent(_ group: NoticeGroup) -> Bool {
        group.pending.contains { number in
            notify.alarms[number].map { $0.kind.isOfSite && $0.state == .firing } ?? false
        }
    }

    /// When what still fires is told again.
    private func repetition(of key: String) -> Instant? {
        guard let group = notify.groups[key], let sentAt = group.sentAt,
            let interval = route(of: key)?.repeatInterval, interval > .zero,
            group.told.contains(where: { (notify.alarms[$0]?.severity ?? .info) != .info })
        else { return nil }
        return sentAt + interval
    }

    private mutating func forgetGroups() {
        guard notify.groups.count > NotifyBook.groupsMax / 2 else { return }
        let idle = notify.groups.filter { $0.1.pending.isEmpty && $0.1.told.isEmpty }
            .sorted { ($0.1.sentAt ?? .origin, $0.0) < ($1.1.sentAt ?? .origin, $1.0) }
        for (key, _) in idle.prefix(NotifyBook.groupsMax / 4) { notify.groups[key] = nil }
    }

    private func receiver(of key: String) -> NotifyReceiver? {
        let parts = key.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, let name = ReceiverName(String(parts[1])) else { return nil }
        return notify.rules?.receiver(name)
    }

    // MARK: Speaking

    private mutating func speak(_ key: String) {
        guard var group = notify.groups[key] else { return }
        group.due = nil
        guard let receiver = receiver(of: key) else {
            notify.groups[key] = group
            return
        }
        var spoken: [AlarmRecord] = []
        var held: [UInt64] = []
        var holdBack: [String] = []
        for number in group.pending {
            guard var alarm = notify.alarms[number],
                let place = alarm.targets.firstIndex(where: { $0.group == key })
            else { continue }
            if isRecovering(alarm) {
                held.append(number)
                holdBack.append(alarm.key)
            } else if notify.silence(of: alarm, at: now.wall) != nil {
                // What fires, or has ended after it was told, is told when the silence ends; what has
                // happened is not.
                if alarm.state != .told {
                    held.append(number)
                } else {
                    alarm.targets.remove(at: place)
                    keep(alarm)
                }
            } else if isCovered(alarm, receiver.name) {
                cover(&alarm, receiver.name)
            } else {
                spoken.append(alarm)
            }
        }
        group.pending = held
        group.onceCount = 0
        notify.groups[key] = group
        if !spoken.isEmpty { say(spoken, key, receiver) }
        for key in holdBack { notify.thresholds.update(key) { $0.wasHeldBack = true } }
    }

    private mutating func repeatAlarms(_ key: String) {
        guard let group = notify.groups[key], let receiver = receiver(of: key) else { return }
        let firing = group.told.compactMap { notify.alarms[$0] }.filter {
            $0.severity != .info && notify.silence(of: $0, at: now.wall) == nil
                && !isRecovering($0)
        }
        guard !firing.isEmpty else {
            // Silenced, or nearly over: look again after another interval.
            notify.groups.update(key) { [now] in $0.sentAt = now.instant }
            return
        }
        say(firing, key, receiver)
    }

    /// Inhibition: while its site's alarm is open, and goes to the same receiver, a node's loss is a
    /// part of that.
    private func isCovered(_ alarm: AlarmRecord, _ receiver: ReceiverName) -> Bool {
        guard alarm.kind.isOfNode, alarm.state == .firing, !alarm.site.isEmpty,
            !alarm.targets.contains(where: { $0.receiver == receiver && $0.thread != nil })
        else { return false }
        return siteAlarms(alarm.site).contains { site in
            site.state == .firing && site.severity.rank >= alarm.severity.rank
                && site.targets.contains { $0.receiver == receiver }
                && notify.silence(of: site, at: now.wall) == nil && !isRecovering(site)
        }
    }

    /// The alarms that stand for a whole site; their keys stand together.
    func siteAlarms(_ site: String) -> [AlarmRecord] {
        alarms(alarmKey(.siteBelowMinimum, "\(site)/"))
    }

    func openAlarms(_ kind: EventKind) -> [AlarmRecord] {
        alarms(alarmKey(kind, "")).filter { $0.state == .firing }
    }

    private func alarms(_ prefix: String) -> [AlarmRecord] {
        var found: [AlarmRecord] = []
        var place = notify.keys.lowerBound(prefix)
        while place < notify.keys.count, notify.keys.keys[place].hasPrefix(prefix) {
            if let alarm = notify.alarms[notify.keys.values[place]] { found.append(alarm) }
            place += 1
        }
        return found
    }

    /// What was told by itself before stays told: its end is told, too.
    private mutating func cover(_ alarm: inout AlarmRecord, _ receiver: ReceiverName) {
        for place in alarm.targets.indices
        where alarm.targets[place].receiver == receiver && alarm.targets[place].isToBeTold {
            if alarm.targets[place].thread != nil {
                alarm.setTold(place)
                move(alarm.number, alarm.targets[place].group, isPending: false)
                continue
            }
            alarm.targets[place].state = .covered
            notify.groups.update(alarm.targets[place].group) { [number = alarm.number] in
                $0.pending.removeAll { $0 == number }
            }
        }
        keep(alarm)
    }

    /// Losses of the site that its alarm stands for, and that this receiver would have been told.
    private func coveredItems(_ spoken: [AlarmRecord], _ receiver: ReceiverName) -> [AlarmRecord] {
        let sites = spoken.filter { $0.kind.isOfSite && $0.state == .firing }
        guard !sites.isEmpty else { return [] }
        return notify.alarms.values.filter { alarm in
            alarm.kind.isOfNode && alarm.state == .firing
                && sites.contains {
                    $0.site == alarm.site && $0.severity.rank >= alarm.severity.rank
                }
                && alarm.targets.contains {
                    $0.receiver == receiver && ($0.state == .covered || $0.isToBeTold)
                }
                && !spoken.contains { $0.number == alarm.number }
        }
    }

    private mutating func say(
        _ spoken: [AlarmRecord],
        _ key: String,
        _ receiver: NotifyReceiver
    ) {
        let covered = coveredItems(spoken, receiver.name)
        let parts = (spoken + covered).map { NoticePart($0, receiver.name) }
            .sorted { $0.rank < $1.rank }
        func item(_ part: NoticePart) -> NoticeItem {
            var item = part.alarm.item(for: part.target)
            item.isCovered =
                part.target?.thread == nil && covered.contains { $0.number == part.alarm.number }
            return item
        }
        let folds = folds(parts)
        let told = parts.filter { !folds.contains($0.alarm.number) }
        // Of what is only counted nobody reads how it is now.
        let items = told.enumerated().map { place, part in
            let isListed = place < NoticeMessage.itemsMax
            let part = isListed ? NoticePart(asItIs(part.alarm), receiver.name) : part
            return (item: item(part), advice: part.alarm.advice)
        }
        let folded = parts.filter { folds.contains($0.alarm.number) }.map(item)
        let isAboutDeliveries = told.allSatisfy { $0.alarm.kind == .noticeUndeliverable }
        // A destination is not told of itself: it would not take that either.
        let subjects = isAboutDeliveries ? told.map(\.alarm.subject) : []
        let destinations = receiver.destinations.filter { !subjects.contains($0.text) }
        guard var group = notify.groups[key] else { return }
        let thread = thread(of: told, key, group)
        let notice = post(
            to: receiver.name,
            destinations,
            group: key,
            thread: thread,
            isAboutDeliveries: isAboutDeliveries,
            told.first?.alarm.state ?? .told,
            items,
            folded: folded,
            leftOut: group.leftOut
        )
        let rest =
            items.dropFirst(NoticeMessage.itemsMax).map(\.item)
            + folded.dropFirst(NoticeMessage.itemsMax)
        postRest(
            rest.filter { !$0.isCovered },
            to: receiver.name,
            destinations,
            key,
            thread ?? notice?.message.id,
            isAboutDeliveries: isAboutDeliveries
        )
        group = notify.groups[key] ?? group
        group.thread = thread ?? notice?.message.id
        group.sentAt = now.instant
        group.leftOut = 0
        notify.groups[key] = group
        for alarm in spoken { settle(alarm, key, group.thread) }
        for var alarm in covered { cover(&alarm, receiver.name) }
    }

    /// What was told before goes on under that; what stands for a whole site begins anew, and so does
    /// what has nothing to do with what the group has told.
    private func thread(of told: [NoticePart], _ key: String, _ group: NoticeGroup) -> String? {
        guard let first = told.first else { return nil }
        if let own = first.target?.thread, first.target?.group == key {
            return own == AlarmRecord.Target.noMessage ? nil : own
        }
        if first.alarm.kind == .nodeHeld, let target = lossTarget(of: first.alarm, key) {
            return target.thread == AlarmRecord.Target.noMessage ? nil : target.thread
        }
        if first.alarm.kind.isOfSite, first.alarm.state == .firing { return nil }
        let isOfGroup =
            !group.told.isEmpty
            || told.contains { part in
                part.alarm.kind.isThreadedBySubject
                    || part.target?.group == key && part.target?.thread != nil
            }
        return isOfGroup ? group.thread : nil
    }

    /// How far the loss of a node that is held was told in the same group.
    private func lossTarget(of held: AlarmRecord, _ key: String) -> AlarmRecord.Target? {
        notify.alarm(alarmKey(.nodeOffline, held.subject))?.targets
            .first { $0.group == key && $0.thread != nil }
    }

    /// What a message has no room for, people are told the number of; what counts alerts is told all.
    private mutating func postRest(
        _ items: [NoticeItem],
        to receiver: ReceiverName,
        _ destinations: [Destination],
        _ key: String,
        _ thread: String?,
        isAboutDeliveries: Bool
    ) {
        let counting = destinations.filter { destination in
            if case .alertmanager = destination { true } else { false }
        }
        var rest = items[...]
        while !counting.isEmpty, let first = rest.first {
            post(
                to: receiver,
                counting,
                group: key,
                thread: thread,
                isAboutDeliveries: isAboutDeliveries,
                first.state,
                rest.prefix(NoticeMessage.itemsMax).map { ($0, "") }
            )
            rest = rest.dropFirst(NoticeMessage.itemsMax)
        }
    }

    /// A node that is back and held is one matter to people: while it is held that says more than its loss,
    /// and afterwards its loss does.
    ///
    /// - Returns: the numbers of the alarms that it need not be told of.
    private func folds(_ parts: [NoticePart]) -> [UInt64] {
        var found: [UInt64] = []
        for held in parts.map(\.alarm) where held.kind == .nodeHeld {
            let loss = parts.first {
                $0.alarm.kind == .nodeOffline && $0.alarm.subject == held.subject
            }
            guard let loss else { continue }
            found.append(held.state == .firing ? loss.alarm.number : held.number)
        }
        return found
    }

    private mutating func settle(_ alarm: AlarmRecord, _ key: String, _ thread: String?) {
        var alarm = alarm
        guard let place = alarm.targets.firstIndex(where: { $0.group == key }) else { return }
        let before = alarm
        var group = notify.groups[key] ?? NoticeGroup()
        group.told.removeAll { $0 == alarm.number }
        switch alarm.state {
        case .firing:
            alarm.setTold(place)
            let thread = thread ?? AlarmRecord.Target.noMessage
            alarm.targets[place].thread = alarm.targets[place].thread ?? thread
            group.told.append(alarm.number)
        case .resolved, .told, .test: alarm.targets.remove(at: place)
        }
        notify.groups[key] = group
        if alarm != before { keep(alarm) }
    }
}

extension AlarmRecord {
    fileprivate mutating func setTold(_ place: Int) {
        targets[place].state = .told
        targets[place].severities.removeAll { $0 == severity }
        targets[place].severities.append(severity)
    }
}
