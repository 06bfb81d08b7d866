import Model
import Protocol

// What becomes true by the passing of time, or is told by the shell, and has no other event.

extension ControllerMachine {
    static let watchInterval: Duration = .seconds(30)
    /// A standby is not ready for so long before it is told, and ready for as long before its end is.
    static let readinessHold: Duration = .seconds(300)
    /// A certificate whose life is not known.
    static let certificateLifeDefault: Duration = .seconds(30 * 86_400)
    /// The subject of what is told of it: no node has this name.
    static let issuingCertificate = "issuing certificate"
    static let turnedAwayWindow: Duration = .seconds(600)
    static let turnedAwayMost = 10
    static let turnedAwayKept = 64

    /// Whether the controller before this one was stopped, or lost.
    mutating func noteStart() {
        if cluster.isRunning {
            tell(
                .controllerLost,
                .warning,
                "controller",
                "The controller before this one was not stopped: it was lost.",
                cause: "it was killed, it has crashed, or its host has",
                consequence: "this one has started on the same store"
            )
        }
        markRunning(true)
        tell(.controllerStarted, .info, "controller", "The controller started.")
        notify.watch.lookAt = now.instant + Self.watchInterval
    }

    mutating func markRunning(_ isRunning: Bool) {
        guard cluster.isRunning != isRunning else { return }
        cluster.isRunning = isRunning
        put(.cluster(cluster))
    }

    mutating func settleWatch() {
        guard let at = notify.watch.lookAt, now.instant >= at else { return }
        notify.watch.lookAt = now.instant + Self.watchInterval
        guard doubt == nil, tiltUntil == nil else { return }
        watchCertificates()
        // A run changes all of it, and ends.
        guard runs.live == nil else { return }
        for site in sites.keys {
            watchReadiness(of: site)
            watchDrill(of: site)
        }
    }

    // MARK: Standby sites

    private func isStandby(_ site: SiteName) -> Bool {
        site != cluster.activeSite
            && nodes.values.contains {
                $0.record.site == site && $0.record.membership == .joined
            }
    }

    private mutating func watchReadiness(of site: SiteName) {
        let isTold = notify.isOpen(alarmKey(.readinessLost, site.text))
        let blocking =
            isStandby(site) ? readiness(of: site).filter { $0.level == .blocking } : []
        guard blocking.isEmpty == isTold else {
            notify.watch.readiness[site] = nil
            return
        }
        let since = notify.watch.readiness[site] ?? now.instant
        notify.watch.readiness[site] = since
        guard now.instant - since >= Self.readinessHold else { return }
        notify.watch.readiness[site] = nil
        if let first = blocking.first {
            let more = blocking.count - 1
            tell(
                .readinessLost,
                .warning,
                site.text,
                "Site \(site) could not take over now.",
                cause: first.text + (more > 0 ? " and \(more) more" : ""),
                consequence: first.mend
            )
        } else {
            tell(.readinessRegained, .info, site.text, "Site \(site) could take over again.")
        }
    }

    private mutating func watchDrill(of site: SiteName) {
        let key = alarmKey(.drillOverdue, site.text)
        let last = runs.runs.values.last {
            $0.kind == .drill && $0.to == site && $0.state == .done
        }
        let since = last?.endedAt ?? cluster.createdAt
        let isOld = isStandby(site) && now.wall - since > .seconds(drillDays * 86_400)
        guard isOld != notify.isOpen(key) else { return }
        if isOld {
            tell(
                .drillOverdue,
                .warning,
                site.text,
                last == nil
                    ? "No drill was ever made with site \(site)."
                    : "The last drill with site \(site) is more than \(drillDays) days ago.",
                cause: last == nil ? "" : "it ended at \(since.forPeople)"
            )
        } else if isStandby(site) {
            tell(.drillMade, .info, site.text, "The last drill with site \(site) is recent enough.")
        } else {
            closeAlarm(
                key,
                text: site == cluster.activeSite
                    ? "Site \(site) is the active one: no drill is due there."
                    : "Site \(site) has no nodes: no drill is due there."
            )
        }
    }

    // MARK: Certificates

    private mutating func watchCertificates() {
        for member in nodes.values where member.record.membership == .joined {
            guard let end = member.record.certificateNotAfter else { continue }
            let life = member.record.certificateSince.map { end - $0 }
            watchCertificate(
                of: member.record.name.text,
                "The certificate of node \(member.record.name)",
                end,
                life ?? Self.certificateLifeDefault,
                consequence: "without one it is not let in any more"
            )
        }
        if let end = notify.watch.controllerCertificateEnd {
            watchCertificate(
                of: Self.issuingCertificate,
                "The issuing certificate of the controller",
                end,
                notify.watch.controllerCertificateLife ?? Self.certificateLifeDefault,
                consequence: "when it has ended no certificate is good that it has issued"
            )
        }
    }

    /// Certificates are renewed with a third of their life left: with half of that left nobody does.
    private mutating func watchCertificate(
        of subject: String,
        _ what: String,
        _ end: WallTime,
        _ life: Duration,
        consequence: String
    ) {
        let left = end - now.wall
        let isNear = left.nanoseconds < max(0, life.nanoseconds) / 6
        guard isNear != notify.isOpen(alarmKey(.certificateExpiring, subject)) else { return }
        if isNear {
            tell(
                .certificateExpiring,
                .critical,
                subject,
                "\(what) ends at \(end.forPeople) and was not renewed.",
                cause: left > .zero ? "\(left.forPeople) left" : "it has ended",
                consequence: consequence
            )
        } else {
            tell(
                .certificateRenewed,
                .info,
                subject,
                "\(what) is valid until \(end.forPeople)."
            )
        }
    }

    mutating func noteCertificate(end: WallTime, life: Duration?) {
        notify.watch.controllerCertificateEnd = end
        notify.watch.controllerCertificateLife = life
        watchCertificates()
    }

    // MARK: The store

    mutating func noteStore(free: UInt64, total: UInt64) {
        func share(_ part: UInt64, atMost limit: UInt64) -> UInt64 { min(total / part, limit) }
        let gibibyte: UInt64 = 1 << 30
        let key = alarmKey(.storeLow, "store")
        let mebibytes = "\(free >> 20) of \(total >> 20) MiB are free"
        let isGrave = free < share(50, atMost: gibibyte / 2)
        if free < share(10, atMost: 5 * gibibyte) {
            let known = notify.alarm(key).flatMap { $0.state == .firing ? $0.severity : nil }
            guard known == nil || (isGrave && known != .critical) else { return }
            tell(
                .storeLow,
                isGrave ? .critical : .warning,
                "store",
                "The file system of the store is nearly full: \(mebibytes).",
                consequence: "when it is full, nothing can be decided any more"
            )
        } else if free >= share(8, atMost: 6 * gibibyte), notify.isOpen(key) {
            tell(.storeRelieved, .info, "store", "The store has room again: \(mebibytes).")
        }
    }

    // MARK: Who is turned away

    /// Somebody who is turned away again and again within some minutes; told once in that time.
    mutating func countTurnedAway(_ request: TurnedAway) {
        let host = request.source.lastIndex(of: ":").map { request.source[..<$0] }
        let who =
            "\(kept(request.actor, bytesMax: 100)) from \(host.map(String.init) ?? request.source)"
        let oldest = now.instant - Self.turnedAwayWindow
        var counts = notify.watch.turnedAway.filter { $0.since > oldest }
        defer { notify.watch.turnedAway = counts }
        guard let place = counts.firstIndex(where: { $0.who == who }) else {
            if counts.count >= Self.turnedAwayKept { counts.removeFirst() }
            return counts.append(.init(who: who, since: now.instant, count: 1))
        }
        counts[place].count += 1
        guard counts[place].count == Self.turnedAwayMost else { return }
        tell(
            .accessLockedOut,
            .warning,
            who,
            "\(who) was turned away \(Self.turnedAwayMost) times within "
                + "\(Self.turnedAwayWindow.forPeople).",
            cause: request.refused.text,
            consequence: "the last request: \(request.verb)"
        )
    }
}
