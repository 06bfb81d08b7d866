public import Model
import Protocol

// So many nodes of a site must be Online: the rule is `online < minimum`.

/// Of a site's nodes that count.
public struct SiteStanding: Hashable, Sendable {
    /// Online now.
    public var online = 0
    public var total = 0
    /// Offline, and nobody has ordered it. Without one no threshold fires: planned work is no loss.
    public var losses = 0
    /// The first of them, for people.
    var examples: [String] = []
}

extension ControllerMachine {
    /// How long services may take to come up after what kept them down was taken back, before they
    /// count as lost.
    static let comingUp: Duration = .seconds(60)

    /// The thresholds of the rules, and each site's own minimum under the name `minimum`.
    public var thresholdsInForce: [NotifyThreshold] {
        var found: [NotifyThreshold] = []
        for site in sites.values where site.minimum > 0 {
            found.append(
                NotifyThreshold(name: NotifyThreshold.own, site: site.name, minimum: site.minimum)
            )
        }
        return found + (notify.rules?.thresholds ?? []).filter { sites[$0.site] != nil }
    }

    /// How many losses from now it fires at; 0 when it has fired, or would without its `for`.
    public func lossesUntil(_ threshold: NotifyThreshold) -> Int {
        let standing = standing(of: threshold.site)
        if notify.isOpen(thresholdKey(threshold)) || isBelow(standing, threshold) { return 0 }
        // Planned work alone may have brought it below already: then the next loss is told.
        return max(1, standing.online - Int(threshold.minimum) + 1)
    }

    /// Since when it is below, as it was told; nil while it was not.
    public func belowSince(_ threshold: NotifyThreshold) -> WallTime? {
        let alarm = notify.alarm(thresholdKey(threshold))
        return alarm?.state == .firing ? alarm?.since : nil
    }

    public func standing(of site: SiteName) -> SiteStanding {
        standings[site] ?? SiteStanding()
    }

    /// One pass over the nodes.
    var standings: OrderedTable<SiteName, SiteStanding> {
        var found: OrderedTable<SiteName, SiteStanding> = OrderedTable()
        for name in sites.keys { found[name] = SiteStanding() }
        let paired = pairedSites
        for member in nodes.values where isCounted(member, paired) {
            let record = member.record
            found.update(record.site) { standing in
                standing.total += 1
                if record.status == .online {
                    standing.online += 1
                } else if !isOfflinePlanned(member) {
                    standing.losses += 1
                    if standing.examples.count < 3 {
                        standing.examples.append("\(record.name) \(record.statusReason)")
                    }
                }
            }
        }
        return found
    }

    /// Standby sites of which some nodes have pairs: the others there take part in nothing.
    private var pairedSites: [SiteName] {
        var found: [SiteName] = []
        for member in nodes.values
        where member.record.pair != nil && member.record.membership == .joined {
            if !found.contains(member.record.site) { found.append(member.record.site) }
        }
        return found
    }

    private func isCounted(_ member: Member, _ paired: [SiteName]) -> Bool {
        let record = member.record
        guard record.membership == .joined, record.isAdmitted else { return false }
        if record.site == cluster.activeSite || record.pair != nil { return true }
        return !paired.contains(record.site)
    }

    // MARK: Planned

    /// Whether somebody has ordered that it is Offline, or what it comes of.
    func isOfflinePlanned(_ member: Member) -> Bool {
        isStoppedByIntent(member)
            || member.comingUpUntil.map { now.instant < $0 } ?? false
    }

    func isStoppedByIntent(_ member: Member) -> Bool {
        let record = member.record
        if record.maintenance != nil || record.drain != nil || record.membership == .removing {
            return true
        }
        guard record.conflict == nil, member.reachability != .unreachable, member.isSynced,
            member.heldUntil == nil, record.isAdmitted, role(of: record.site) == .active
        else { return false }
        // A run, an operator or the site's part wants every one stopped that does not run.
        let wrong = wrongServices(of: member)
        return !wrong.isEmpty && wrong.allSatisfy { !isWanted($0.name, on: member) }
    }

    private func wrongServices(of member: Member) -> [ServiceReport] {
        member.services.values.map(\.report).filter { $0.isRequired && $0.state != .running }
    }

    /// Its services were stopped, or never started, because they were not wanted here: the site has
    /// just become the active one.
    private func isAwaitingStart(_ member: Member) -> Bool {
        guard role(of: member.record.site) == .active, member.isSynced else { return false }
        let wrong = wrongServices(of: member)
        return !wrong.isEmpty
            && wrong.allSatisfy {
                $0.state == .starting
                    || $0.state == .stopped
                        && (!$0.isWanted || member.pendingOrders[$0.name] != nil)
            }
    }

    /// Offline by intent, and the intent was taken back: what was stopped may take a while to come
    /// up. After that it is a loss, and is told as one.
    mutating func settleComingUp(of id: NodeID) {
        guard let member = nodes[id], member.record.membership == .joined else { return }
        let wasUp = member.record.status == .online
        // What heartbeats touch most of the time.
        let isPlain =
            wasUp && !member.isStopped && member.comingUpUntil == nil
            && member.record.maintenance == nil && member.record.drain == nil
        if isPlain, wrongService(of: member) == nil { return }
        if isStoppedByIntent(member) {
            setComingUp(id, isStopped: true, until: nil)
        } else if wasUp, wrongService(of: member) == nil {
            setComingUp(id, isStopped: false, until: nil)
        } else if member.isStopped || (wasUp && isAwaitingStart(member)) {
            setComingUp(id, isStopped: false, until: now.instant + Self.comingUp)
        } else if let until = member.comingUpUntil {
            guard now.instant >= until else { return }
            setComingUp(id, isStopped: false, until: nil)
            guard isToldAsPlanned(member) else { return }
            let ago = "\(Self.comingUp.forPeople) after what it was stopped for has ended"
            tellStillOffline(member, .critical, member.record.statusReason, ago)
        } else if isToldAsPlanned(member) {
            // The controller was started meanwhile.
            setComingUp(id, isStopped: false, until: now.instant + Self.comingUp)
        }
    }

    private mutating func setComingUp(_ id: NodeID, isStopped: Bool, until: Instant?) {
        guard let member = nodes[id],
            member.isStopped != isStopped || member.comingUpUntil != until
        else { return }
        nodes.update(id) {
            $0.isStopped = isStopped
            $0.comingUpUntil = until
        }
        notify.areThresholdsDue = true
        if let until { expect(by: until) }
    }

    private func isToldAsPlanned(_ member: Member) -> Bool {
        notify.alarm(alarmKey(.nodeOffline, member.record.name.text))
            .map { $0.state == .firing && $0.isPlanned } ?? false
    }

    mutating func tellStillOffline(
        _ member: Member,
        _ severity: Severity,
        _ reason: String,
        _ note: String = ""
    ) {
        tell(
            .nodeOffline,
            severity,
            member.record.name.text,
            "Node \(member.record.name) is still Offline\(note.isEmpty ? "" : ", \(note)").",
            cause: reason,
            consequence: meaning(of: member)
        )
    }

    // MARK: Crossing

    func thresholdKey(_ threshold: NotifyThreshold) -> String {
        alarmKey(.siteBelowMinimum, thresholdName(threshold))
    }

    private func thresholdName(_ threshold: NotifyThreshold) -> String {
        "\(threshold.site)/\(threshold.name)"
    }

    /// Fewer are Online than its minimum, and not by planned work alone.
    public func isBelow(_ standing: SiteStanding, _ threshold: NotifyThreshold) -> Bool {
        standing.losses > 0 && standing.online < Int(threshold.minimum)
    }

    /// Looks at every threshold when something of a site may have changed.
    mutating func settleThresholds() {
        let isTime = notify.thresholdsLookAt.map { now.instant >= $0 } ?? false
        guard notify.areThresholdsDue || isTime else { return }
        guard doubt == nil else {
            // Nothing is told any more: a time that is past would wake the machine for ever.
            notify.thresholdsLookAt = nil
            return
        }
        notify.areThresholdsDue = false
        notify.thresholdsLookAt = nil
        let inForce = thresholdsInForce
        let before = notify.thresholds
        notify.thresholds = OrderedTable()
        closeAbolished(inForce)
        guard !inForce.isEmpty else { return }
        let standings = standings
        for threshold in inForce {
            notify.thresholds[thresholdKey(threshold)] = before[thresholdKey(threshold)]
            settle(threshold, standings[threshold.site] ?? SiteStanding())
        }
    }

    private mutating func closeAbolished(_ inForce: [NotifyThreshold]) {
        let keys = inForce.map { thresholdKey($0) }
        let prefix = alarmKey(.siteBelowMinimum, "")
        var place = notify.keys.lowerBound(prefix)
        var gone: [AlarmRecord] = []
        while place < notify.keys.count, notify.keys.keys[place].hasPrefix(prefix) {
            let key = notify.keys.keys[place]
            if !keys.contains(key), let alarm = notify.alarm(key), alarm.state == .firing {
                gone.append(alarm)
            }
            place += 1
        }
        for alarm in gone {
            tell(
                .siteAtMinimum,
                .info,
                alarm.subject,
                "A threshold of site \(alarm.subject) was taken away, which it was below for "
                    + "\(elapsed(since: alarm.since)).",
                about: String(alarm.key.dropFirst(prefix.count))
            )
        }
    }

    private mutating func settle(_ threshold: NotifyThreshold, _ standing: SiteStanding) {
        let key = thresholdKey(threshold)
        var watch = notify.thresholds[key] ?? ThresholdWatch()
        let isBelow = isBelow(standing, threshold)
        let open = notify.alarm(key).flatMap { $0.state == .firing ? $0 : nil }
        if let open {
            watch.belowSince = nil
            // What waited for whether it is over is told now.
            if isBelow, watch.fineSince != nil { notify.areGroupsDue = true }
            watch.fineSince = isBelow ? nil : watch.fineSince ?? now.instant
            if let since = watch.fineSince {
                if isPast(since, threshold.recover) {
                    watch.fineSince = nil
                    tellEnd(threshold, standing, open)
                }
            } else {
                follow(threshold, standing, open)
            }
        } else {
            watch.fineSince = nil
            watch.wasHeldBack = false
            watch.belowSince = isBelow ? watch.belowSince ?? now.instant : nil
            if let since = watch.belowSince, isPast(since, threshold.hold) {
                watch.belowSince = nil
                tellBelow(threshold, standing, .siteBelowMinimum)
            }
        }
        notify.thresholds[key] = watch == ThresholdWatch() ? nil : watch
    }

    private mutating func isPast(_ since: Instant, _ time: Duration) -> Bool {
        let end = since + time
        if now.instant >= end { return true }
        notify.thresholdsLookAt = min(notify.thresholdsLookAt ?? end, end)
        return false
    }

    /// Each further loss is told, of as many nodes as it is; a node that is back only lowers the mark.
    /// What somebody has ordered to be Offline is none.
    private mutating func follow(
        _ threshold: NotifyThreshold,
        _ standing: SiteStanding,
        _ open: AlarmRecord
    ) {
        let losses = UInt32(clamping: standing.losses)
        guard losses != open.level else { return }
        if losses > open.level, threshold.further {
            return tellBelow(threshold, standing, .siteFurtherLoss)
        }
        var alarm = open
        alarm.level = losses
        keep(alarm)
    }

    func standingText(
        _ threshold: NotifyThreshold,
        _ standing: SiteStanding,
        _ note: String = ""
    ) -> String {
        let name = threshold.name == NotifyThreshold.own ? "" : " (threshold \(threshold.name))"
        return "Site \(threshold.site): \(standing.online) of \(counted(standing.total, "node")) "
            + "Online, minimum \(threshold.minimum)\(name)\(note.isEmpty ? "" : ", \(note)")."
    }

    /// How it stands with a threshold that is crossed.
    func words(of threshold: NotifyThreshold, _ standing: SiteStanding) -> (
        text: String, cause: String, consequence: String
    ) {
        let more = standing.losses - standing.examples.count
        let planned = standing.total - standing.online - standing.losses
        return (
            standingText(threshold, standing),
            standing.examples.isEmpty
                ? ""
                : "lost: " + standing.examples.joined(separator: "; ")
                    + (more > 0 ? " and \(more) more" : ""),
            "\(counted(standing.losses, "node")) of it \(standing.losses == 1 ? "is" : "are") lost"
                + (planned > 0 ? ", \(planned) more Offline as planned" : "")
        )
    }

    private mutating func tellBelow(
        _ threshold: NotifyThreshold,
        _ standing: SiteStanding,
        _ kind: EventKind
    ) {
        let target = sites.keys.first { $0 != threshold.site }
        let proposes = threshold.action == .propose && threshold.site == cluster.activeSite
        let proposal = proposes ? target.map { Self.decision(to: $0) } : nil
        let words = words(of: threshold, standing)
        tell(
            kind,
            threshold.severity,
            threshold.site.text,
            words.text,
            cause: words.cause,
            consequence: words.consequence,
            about: thresholdName(threshold),
            advice: [threshold.advice, proposal ?? ""].filter { !$0.isEmpty }.joined(
                separator: "; "
            ),
            level: UInt32(clamping: standing.losses)
        )
    }

    private mutating func tellEnd(
        _ threshold: NotifyThreshold,
        _ standing: SiteStanding,
        _ open: AlarmRecord
    ) {
        let isEnough = standing.online >= Int(threshold.minimum)
        tell(
            .siteAtMinimum,
            .info,
            threshold.site.text,
            standingText(threshold, standing, "after \(elapsed(since: open.since)) below it"),
            cause: isEnough ? "" : "what is not Online is planned work",
            about: thresholdName(threshold)
        )
    }
}
