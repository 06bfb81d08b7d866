public import Model
import Protocol

// A failover that nobody orders (`safety.md` 5): only when the active site was below its minimum for
// the whole hold time, as seen by a controller that saw well, and nothing stands in the way. Whether
// it is taken or not, the event log says why. Nothing ever moves back by itself.

extension ControllerMachine {
    /// How things stand with automatic failovers, for people.
    public struct FailoverOutlook: Hashable, Sendable {
        /// The active site is below its minimum, without a break, for so long.
        public var below: Duration?
        /// Until then at the earliest nothing is done; nil when the site is not below its minimum.
        public var remaining: Duration?
        /// What would stand in the way now.
        public var obstacles: [FailoverObstacle]
        /// Nodes of the active site that would run on without a controller.
        public var sticky: [NodeName]
    }

    enum FailoverLimits {
        static let lookAgain: Duration = .seconds(1)
        /// Between two events that say why nothing was done.
        static let tellAgain: Duration = .seconds(60)
    }

    // MARK: Looking

    /// Follows the active site, and acts when it is time.
    mutating func settleFailover() {
        watchActiveSite()
        guard let since = watch.belowSince else { return noteDrainNeeds() }
        let end = since + settings.failover.holdTime(settings.lease)
        guard now.instant >= end else { return expect(by: end) }
        if let at = watch.lookAt, now.instant < at { return expect(by: at) }
        watch.lookAt = now.instant + FailoverLimits.lookAgain
        let obstacles = obstacles()
        if obstacles.isEmpty, let site = failoverTarget {
            takeFailover(to: site, since)
        } else {
            tellObstacles(obstacles, since)
            noteDrainNeeds()
            expect(by: now.instant + FailoverLimits.lookAgain)
        }
    }

    private mutating func watchActiveSite() {
        if let run = runs.live, runThatDrains == nil {
            return endWatch(withdrawing: "run \(run) is under way")
        }
        guard isGranting, settling == nil else { return endWatch() }
        guard watch.isDue else { return }
        watch.isDue = false
        guard isBelowMinimum(cluster.activeSite), hasOtherSite else {
            let (online, total) = count(of: cluster.activeSite)
            endWatch(
                withdrawing: "\(online) of \(counted(total, "node")) of the active site "
                    + "\(cluster.activeSite) \(total == 1 ? "is" : "are") Online"
            )
            watch.isDue = false
            return
        }
        if watch.belowSince == nil { watch.belowSince = now.instant }
    }

    /// The loss is over, or it is not known any more whether it lasts.
    ///
    /// - Parameter cause: why what was proposed for it is not asked any more; nil while that is not known.
    private mutating func endWatch(withdrawing cause: String? = nil) {
        watch = FailoverWatch(takenAt: watch.takenAt)
        guard let cause else { return }
        for subject in openProposals {
            tell(
                .failoverWithdrawn,
                .info,
                subject,
                "Nobody is asked any more to fail over from site \(subject).",
                cause: cause
            )
        }
    }

    /// Since when an operator is asked whether to fail over from the active site, also by the controller
    /// before this one; nil while nobody is.
    public var proposedSince: WallTime? {
        openAlarms(.failoverProposed).first { $0.subject == cluster.activeSite.text }?.since
    }

    /// Every site that was the active one when it was proposed, once.
    private var openProposals: [String] {
        var found: [String] = []
        for kind in [EventKind.failoverProposed, .automaticRefused] {
            for alarm in openAlarms(kind) where !found.contains(alarm.subject) {
                found.append(alarm.subject)
            }
        }
        return found
    }

    private var hasOtherSite: Bool {
        // Asked at each loss: nodes are looked through only where there is a site they could be of.
        sites.count > 1
            && nodes.values.contains {
                $0.record.membership == .joined && $0.record.site != cluster.activeSite
            }
    }

    /// Whoever was taken out by an operator is not lost, nor is one whose services a run has yet to start.
    private func isBelowMinimum(_ site: SiteName) -> Bool {
        var counted = 0
        var joined = 0
        for place in nodes.values.indices
        where nodes.values[place].record.site == site
            && nodes.values[place].record.membership == .joined
        {
            joined += 1
            let isThere =
                nodes.values[place].record.status == .online || nodes.values[place].isCleared
                || (runs.live != nil && isStoppedByIntent(nodes.values[place]))
            if isThere { counted += 1 }
        }
        return counted < lossLine(of: site, joined: joined)
    }

    /// Fewer are a loss. A minimum above what the site has in all is somebody's mistake, and moves
    /// nothing.
    private func lossLine(of site: SiteName, joined: Int) -> Int {
        max(1, min(leastNodes(of: site), joined))
    }

    // MARK: Obstacles

    public var failoverOutlook: FailoverOutlook {
        let hold = settings.failover.holdTime(settings.lease)
        // Whether a site is ready is asked only where it decides something.
        let isIdle = settings.failover.mode == .manual && watch.belowSince == nil
        return FailoverOutlook(
            below: watch.belowSince.map { now.instant - $0 },
            remaining: watch.belowSince.map { max(.zero, $0 + hold - now.instant) },
            obstacles: isIdle ? obstaclesOfPeople : obstacles(),
            sticky: stickyNodes
        )
    }

    /// Nodes of the active site whose exclusive services go on without a controller, or of which it is
    /// not known: while one of them cannot be reached no failover can be automatic.
    private var stickyNodes: [NodeName] {
        members(of: cluster.activeSite).filter { $0.record.isAdmitted && !stopsByItself($0) }
            .map(\.record.name)
    }

    func stopsByItself(_ member: Member) -> Bool {
        member.record.fencesItself == true && member.record.conflict == nil
            && !member.record.isHistoryOpen && !isOtherMachine(member)
    }

    /// The mode, a pause and the brake: only a person changes them.
    private var obstaclesOfPeople: [FailoverObstacle] {
        var found: [FailoverObstacle] = []
        func add(_ code: FailoverObstacle.Code, _ text: String, _ mend: String) {
            found.append(FailoverObstacle(code: code, text: text, mend: mend))
        }
        if settings.failover.mode == .manual {
            add(.mode, "the mode is manual", "failover.mode in the controller's configuration")
        }
        if let pause = cluster.automatic.pause {
            add(
                .pause,
                "paused by \(pause.by) at \(pause.at.forPeople): \(pause.reason)",
                "muster automatic resume"
            )
        }
        if let text = brakeText { add(.brake, text, "muster automatic lift-brake --reason TEXT") }
        return found
    }

    /// Everything that stands in the way of an automatic failover now, the least changeable first.
    public func obstacles() -> [FailoverObstacle] {
        var found = obstaclesOfPeople
        func add(_ code: FailoverObstacle.Code, _ text: String, _ mend: String) {
            found.append(FailoverObstacle(code: code, text: text, mend: mend))
        }
        if let run = runs.liveRun, runThatOnlyDrains == nil {
            add(.run, "run \(run.id) is under way", mend(of: run))
        }
        if !isGranting || settling != nil {
            add(.observing, "the controller only observes now", "muster status")
        }
        let open = members(of: cluster.activeSite).filter {
            !$0.isSynced && $0.record.isAdmitted && !stopsByItself($0)
        }
        if !open.isEmpty {
            add(
                .fencing,
                "not known to stop by themselves, and out of reach: "
                    + short(open.map(\.record.name.text)),
                "make sure that they are off, then: muster failover --to SITE --reason TEXT"
            )
        }
        if let (text, mend) = targetProblem { add(.target, text, mend) }
        return found
    }

    private var brakeText: String? {
        let taken = cluster.automatic.taken
        if cluster.automatic.isLatched {
            return
                "the brake is on until somebody lifts it, after \(taken.count) automatic failovers"
        }
        guard let last = taken.last else { return nil }
        let brake = settings.failover.brake
        let elapsed = now.wall - last
        // The wall clock may have been set: within one life of the controller its own time counts,
        // and after a start the brake begins anew.
        guard elapsed < brake || now.instant < brakedSince + brake else { return nil }
        return
            "the brake is on: the last automatic failover was at \(last.forPeople), and the next is "
            + "\(brake.forPeople) later at the earliest"
    }

    /// All automatic failovers that are known are surely not later, by this controller's own time.
    private var brakedSince: Instant { watch.takenAt ?? startedAt.instant }

    private var readySites: [SiteName] {
        sites.keys.filter { site in
            site != cluster.activeSite && count(of: site).total > 0
                && reasonAgainst(site) == nil
        }
    }

    /// How far a site is behind is not known once the source is gone; what counts then is how old its
    /// data was when the source had stopped, and no loss is ever accepted here.
    private func reasonAgainst(_ site: SiteName) -> String? {
        readiness(of: site, in: runThatDrains?.id).first {
            $0.level == .blocking && $0.topic != "replication"
        }?.text
            ?? lossObstacles(at: site).first ?? planReason(against: site)
    }

    /// What would hold the run at its gate.
    private func planReason(against site: SiteName) -> String? {
        guard let plan = plan(named: nil, for: .failover) else { return nil }
        let steps = self.steps(of: plan.draft, for: .failover)
        return planObstacles(steps, .failover, from: cluster.activeSite, to: site).first
    }

    private var failoverTarget: SiteName? {
        let ready = readySites
        if let preferred = settings.failover.preferred {
            return ready.contains(preferred) ? preferred : nil
        }
        return ready.count == 1 ? ready[0] : nil
    }

    /// Nil when there is one site that may take over, and which it is is clear.
    private var targetProblem: (String, String)? {
        guard failoverTarget == nil else { return nil }
        let ready = readySites
        if let preferred = settings.failover.preferred {
            return (
                "the preferred site \(preferred) is not ready"
                    + (preferred == cluster.activeSite ? ": it is the active one" : ""),
                "muster site readiness \(preferred)"
            )
        }
        if ready.count > 1 {
            return (
                "several sites could take over, and none is preferred: "
                    + short(ready.map(\.text)),
                "failover.prefer in the controller's configuration"
            )
        }
        let others = sites.keys.filter { $0 != cluster.activeSite && count(of: $0).total > 0 }
        let reasons = others.compactMap { site in
            reasonAgainst(site).map { "\(site): \($0)" }
        }
        return (
            "no site is ready" + (reasons.isEmpty ? "" : ": \(short(reasons))"),
            others.first.map { "muster site readiness \($0)" } ?? ""
        )
    }

    // MARK: Acting

    /// The decision, what the brake needs of it and the run, in one transaction.
    private mutating func takeFailover(to site: SiteName, _ since: Instant) {
        let from = cluster.activeSite
        guard let plan = plan(named: nil, for: .failover) else { return }
        let reason = "automatic: \(lossText(from, since))"
        if let run = runThatOnlyDrains { leaveDrainsOut(of: run, because: lossText(from, since)) }
        guard runs.live == nil else { return }
        // They are a day old when both clocks say so: the one on the wall may have been set.
        if now.instant >= brakedSince + FailoverSettings.day {
            let oldest = now.wall + (.zero - FailoverSettings.day)
            cluster.automatic.taken.removeAll { $0 < oldest }
        }
        cluster.automatic.taken.append(now.wall)
        cluster.automatic.isLatched =
            cluster.automatic.taken.count >= Int(settings.failover.perDay)
        watch.takenAt = now.instant
        let run = makeRun(
            RunRequest(kind: .failover, to: site),
            plan,
            from: from,
            by: "controller",
            reason: reason,
            force: false
        )
        tell(
            .automaticTaken,
            .critical,
            "run \(run.id)",
            "The controller fails over from site \(from) to \(site) by itself: run \(run.id).",
            cause: lossText(from, since)
                + "; site \(site) is ready, every node out of reach stops by "
                + "itself, and the brake is free",
            consequence: cluster.automatic.isLatched
                ? "the brake is on until somebody lifts it"
                : "no other one for "
                    + settings.failover.brake.forPeople
        )
        auditOwn("run.failover", site.text, reason: reason)
        endWatch()
        settleRun()
    }

    private func lossText(_ site: SiteName, _ since: Instant) -> String {
        let (online, total) = count(of: site)
        return "\(online) of \(total) nodes of site \(site) are Online, at least "
            + "\(lossLine(of: site, joined: total)) are needed, for \((now.instant - since).forPeople) without a "
            + "break"
    }

    /// Once for each change of what stands in the way, and not more often than people can read.
    private mutating func tellObstacles(_ obstacles: [FailoverObstacle], _ since: Instant) {
        let codes = obstacles.map(\.code)
        // What is proposed does not change with what stands in the way.
        let isKnown = settings.failover.mode == .manual ? watch.told != nil : codes == watch.told
        guard !isKnown else { return }
        if let at = watch.toldAt, now.instant < at + FailoverLimits.tellAgain { return }
        watch.told = codes
        watch.toldAt = now.instant
        let site = cluster.activeSite
        if settings.failover.mode == .manual {
            // A new controller goes on with the loss that the one before it has told.
            guard !notify.isOpen(alarmKey(.failoverProposed, site.text)) else { return }
            let target = readySites.first ?? sites.keys.first { $0 != site } ?? site
            let first = runs.liveRun.map { "\(mend(of: $0)); " } ?? ""
            return tell(
                .failoverProposed,
                .critical,
                site.text,
                "Site \(site) seems lost: \(lossText(site, since)).",
                cause: "the mode is manual: an operator decides",
                consequence: first + Self.decision(to: target)
            )
        }
        let texts = obstacles.map(\.text).joined(separator: "; ")
        guard notify.alarm(alarmKey(.automaticRefused, site.text))?.isAsTold(texts) != true else {
            return
        }
        tell(
            .automaticRefused,
            .critical,
            site.text,
            "Site \(site) seems lost, and the controller does NOT fail over by itself.",
            cause: texts,
            consequence: obstacles.first?.mend ?? ""
        )
        auditOwn("automatic.refuse", site.text, reason: texts)
    }

    /// What to type, in this order, before another site takes over.
    static func decision(to site: SiteName) -> String {
        "muster site readiness \(site); muster failover --to \(site) --dry-run; "
            + "muster failover --to \(site) --reason TEXT"
    }
}

// MARK: Readiness

extension ControllerMachine {
    /// Whether the loss of the active site would take the controller along.
    var authorityFinding: ReadinessFinding {
        let active = cluster.activeSite
        let isLost: Bool
        let text: String
        switch settings.failover.authority {
        case .outside: (isLost, text) = (false, "the controller stands outside of every site")
        case .unsaid: (isLost, text) = (true, "it is not said where the controller stands")
        case .site(active):
            (isLost, text) = (
                true, "the controller stands at site \(active): its loss takes the controller along"
            )
        case .site(let name):
            (isLost, text) = (
                false, "the controller stands at site \(name), not at the active site \(active)"
            )
        }
        return ReadinessFinding(
            topic: "authority",
            level: isLost ? .warning : .fine,
            text: text,
            mend: isLost ? "failover.authority in the controller's configuration" : ""
        )
    }

    /// In automatic mode: whether a failover could be automatic, and why not.
    var automaticFindings: [ReadinessFinding] {
        guard settings.failover.mode == .automatic else { return [] }
        var found: [ReadinessFinding] = []
        let sticky = stickyNodes
        if !sticky.isEmpty {
            found.append(
                ReadinessFinding(
                    topic: "automatic",
                    level: .warning,
                    text: "no failover is automatic while one of these cannot be reached, which do "
                        + "not stop by themselves: \(short(sticky.map(\.text)))",
                    mend: "self-fence = yes for each exclusive service of theirs"
                )
            )
        }
        for obstacle in obstaclesOfPeople {
            found.append(
                ReadinessFinding(
                    topic: "automatic",
                    level: .warning,
                    text: obstacle.text,
                    mend: obstacle.mend
                )
            )
        }
        if found.isEmpty {
            found.append(
                ReadinessFinding(
                    topic: "automatic",
                    level: .fine,
                    text: "a failover may be automatic",
                    mend: ""
                )
            )
        }
        return found
    }
}
