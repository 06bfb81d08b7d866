import Model
import Protocol

// Alarms that no event ends: what they are about is no more, or the controller that told of them isn't.

extension ControllerMachine {
    /// The start of a controller: what is durable of alarms and what is known otherwise are one again.
    /// Alarms are durable; that they were told is, where it is not a record, taken from them.
    mutating func reconcileAlarms() {
        for alarm in notify.alarms.values where alarm.state == .firing {
            switch alarm.kind {
            case .nodeHeld: reconcileHold(alarm)
            case .nodeOverloaded:
                let id = NodeName(alarm.subject).flatMap { nodeIDs[$0] }
                if let id, work.restoreOverload(of: id) { continue }
                closeAlarm(alarm.key, text: "Node \(alarm.subject) is no more.")
            case .dataLate, .dataUnknown: reconcileData(alarm)
            case .driftFound: reconcileDrift(alarm)
            case .clockAhead:
                closeAlarm(
                    alarm.key,
                    text: "The controller was started, and takes its clock as it is."
                )
            case .certificateExpiring where alarm.subject == "controller":
                // Of an earlier version, which did not tell it from a node of this name.
                if nodeIDs.keys.contains(where: { $0.text == alarm.subject }) { continue }
                closeAlarm(alarm.key, text: "It is told as the issuing certificate from now on.")
            default: continue
            }
        }
        work.isQueueFullTold = notify.isOpen(alarmKey(.queueFull, "tasks"))
        work.isQueueFillingTold = notify.isOpen(alarmKey(.queueFilling, "tasks"))
        for member in nodes.values { reconcileLoss(member.record) }
    }

    /// A hold ends with the controller that holds.
    private mutating func reconcileHold(_ alarm: AlarmRecord) {
        let text = "The hold of node \(alarm.subject) has ended."
        let cause = "the controller was started"
        let known = NodeName(alarm.subject).flatMap { member(named: $0) }
        // What is released is no conflict either.
        if known?.record.conflict != nil { return closeAlarm(alarm.key, text: text, cause: cause) }
        tell(.nodeReleased, .info, alarm.subject, text, cause: cause)
    }

    private mutating func reconcileData(_ alarm: AlarmRecord) {
        let name = DataSetName(alarm.subject)
        let site = SiteName(alarm.site)
        if let site, site == cluster.activeSite {
            closeAlarm(alarm.key, text: "Site \(site) is the active one: it is behind nobody.")
        } else if site.flatMap({ sites[$0] }) == nil
            || name.flatMap({ replication.entries[$0] }) == nil
        {
            closeAlarm(alarm.key, text: "Data set \(alarm.subject) is not watched any more.")
        }
    }

    private mutating func reconcileDrift(_ alarm: AlarmRecord) {
        let about = alarm.key.dropFirst(alarmKey(.driftFound, "").count)
        let holder = about.firstIndex(of: "/").flatMap { NodeName(String(about[..<$0])) }
        if let holder, member(named: holder)?.record.pair != nil { return }
        closeAlarm(alarm.key, text: Self.noPair)
    }

    /// A controller in doubt writes what nodes are and tells nobody; the next one does.
    private mutating func reconcileLoss(_ record: NodeRecord) {
        guard record.membership == .joined, record.isAdmitted else { return }
        let key = alarmKey(.nodeOffline, record.name.text)
        switch record.status {
        case .online: closeAlarm(key, text: "Node \(record.name) is Online.")
        case .offline where !notify.isOpen(key):
            let isPlanned = record.maintenance != nil || record.drain != nil
            tell(
                .nodeOffline,
                isPlanned ? .info : .critical,
                record.name.text,
                "Node \(record.name) is Offline.",
                cause: record.statusReason,
                consequence: "it was so before the controller was started",
                isPlanned: isPlanned
            )
        case .offline: break
        }
    }

    // MARK: What is no more

    /// Its site's alarm has ended, or goes elsewhere now: who is still Offline is told by itself again.
    mutating func uncover(site: String? = nil) {
        for var alarm in notify.alarms.values
        where alarm.kind.isOfNode && alarm.state == .firing && alarm.site == site ?? alarm.site {
            var isChanged = false
            for (place, target) in alarm.targets.enumerated() where target.state == .covered {
                let isToldOfSite = siteAlarms(alarm.site).contains { site in
                    site.state == .firing && site.severity.rank >= alarm.severity.rank
                        && site.targets.contains { $0.receiver == target.receiver }
                }
                guard !isToldOfSite else { continue }
                alarm.targets[place].state = .uncovered
                move(alarm.number, target.group, isPending: true)
                isChanged = true
            }
            if isChanged { keep(alarm) }
        }
    }

    func dataAlarmKey(_ kind: EventKind, _ name: DataSetName, _ site: SiteName) -> String {
        alarmKey(kind, "\(name)/\(site)")
    }

    func isDataAlarmOpen(_ name: DataSetName, _ site: SiteName) -> Bool {
        notify.isOpen(dataAlarmKey(.dataLate, name, site))
            || notify.isOpen(dataAlarmKey(.dataUnknown, name, site))
    }

    private mutating func closeDataAlarms(_ name: DataSetName, _ site: SiteName, text: String) {
        closeAlarm(dataAlarmKey(.dataLate, name, site), text: text)
        closeAlarm(dataAlarmKey(.dataUnknown, name, site), text: text)
    }

    /// The site is behind nobody from now on.
    mutating func closeDataAlarms(at site: SiteName, text: String) {
        for name in replication.entries.keys {
            closeDataAlarms(name, site, text: text)
            replication.entries.update(name) {
                guard $0.series[site] != nil else { return }
                $0.series.update(site) {
                    $0.late = ReplicationBook.Worry()
                    $0.unknown = ReplicationBook.Worry()
                    $0.badSince = nil
                }
            }
        }
    }

    /// Nobody defines the data set any more.
    mutating func closeDataAlarms(of name: DataSetName) {
        for site in sites.keys {
            closeDataAlarms(name, site, text: "Data set \(name) is not watched any more.")
        }
    }

    mutating func closeAlarms(ofRemoved site: SiteName) {
        let text = "Site \(site) was removed."
        closeDataAlarms(at: site, text: text)
        for alarm in notify.alarms.values where alarm.state == .firing && alarm.site == site.text {
            closeAlarm(alarm.key, text: text)
        }
        notify.watch.readiness[site] = nil
        notify.areThresholdsDue = true
    }

    private static let noPair = "The nodes are no pair any more: nothing of them is compared."

    /// What tells the drift of one set from that of another: the pair stays the same when the other of
    /// the two becomes the standby.
    func driftAbout(_ key: DriftKey) -> String? {
        nodes[key.holder].map { "\($0.record.name)/\(key.set)" }
    }

    mutating func closeDriftAlarms(of holder: NodeID) {
        guard let name = nodes[holder]?.record.name else { return }
        let prefix = alarmKey(.driftFound, "\(name)/")
        for key in notify.keys.keys where key.hasPrefix(prefix) {
            closeAlarm(key, text: Self.noPair)
        }
    }

    /// Places that no receiver has any more: nothing that they take could end it.
    mutating func closeUndeliverable() {
        let known = notify.knownPlaces
        for alarm in notify.alarms.values
        where alarm.kind == .noticeUndeliverable && !known.contains(alarm.subject) {
            closeAlarm(alarm.key, text: "No receiver has \(alarm.subject) any more.")
        }
    }
}
