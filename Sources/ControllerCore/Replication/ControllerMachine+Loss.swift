public import Model
import Protocol

// What a change of the active site would lose, and what it has lost: the gate of a failover (I18), the last
// canary of a planned move, the point where two histories part, and sites that have parted (I19).

extension ControllerMachine {
    // MARK: The gate of a failover

    /// From when on a site is known to be unable to act; nil while it is not.
    func stoppedAt(_ site: SiteName) -> Instant? {
        var latest: Instant?
        for member in members(of: site) {
            let moment: Instant
            if let run = runs.liveRun, run.from == site, run.isFenced,
                let fence = runs.fence(of: member.record.id, in: run.id)
            {
                guard fence.proof != .neverStarted else { continue }
                let proven = runs.fencedSince(fence) ?? now.instant
                let ended = leaseEnd(of: member)
                moment = fence.proof == .waited ? min(proven, ended) : proven
            } else if member.isSynced {
                return nil
            } else {
                switch proof(of: member, in: nil)?.0 {
                case .neverStarted: continue
                case .waited: moment = leaseEnd(of: member)
                case .statement, .command, .certified, nil: return nil
                }
            }
            latest = max(latest ?? moment, moment)
        }
        return latest.map { min($0, now.instant) }
    }

    /// Why a failover to a site might lose more than the objectives allow, with the numbers; empty when
    /// it surely does not (I18).
    public func lossObstacles(at site: SiteName) -> [String] {
        lossesInTheWay(at: site).map(\.text)
    }

    /// The same by the data set.
    func lossesInTheWay(at site: SiteName) -> [(name: DataSetName, text: String)] {
        gatedDataSets.compactMap { name in lossObstacle(of: name, at: site).map { (name, $0) } }
    }

    private func lossObstacle(of name: DataSetName, at site: SiteName) -> String? {
        guard let objective = replicationRules.objectives[name] else {
            return unreadSinceRestore(name, at: site)
        }
        let limit = "RPO \(objective.forPeople)"
        let seen: Canary
        switch reading(of: name, at: site) {
        case .unknown(let text):
            let last =
                canarySeen(of: name, at: site).map { " (the last one seen: \($0))" } ?? ""
            return
                "data set \(name): what site \(site) has is not known: \(text)\(last); \(limit)"
        case .seen(nil, let node, _):
            return "data set \(name): no canary was ever seen at node \(node); \(limit)"
        case .seen(let canary?, _, _): seen = canary
        }
        let stopped = stoppedAt(cluster.activeSite)
        guard let age = age(ofCanary: seen.sequence, of: name, at: stopped ?? now.instant)
        else {
            return
                "data set \(name): when canary \(seen), the last one seen at site \(site), was "
                + "written is not known any more; \(limit)"
        }
        guard age >= objective else { return nil }
        let end =
            stopped == nil ? "by now" : "when site \(cluster.activeSite) had surely stopped"
        return
            "data set \(name): site \(site) has last seen canary \(seen), \(age.forPeople) old "
            + "\(end), more than its \(limit); \(sourceHeard)"
    }

    /// Those that a run may wait for, and those of which nobody has told since the store was restored.
    var gatedDataSets: [DataSetName] {
        replication.entries.keys.filter { name in
            let isRestored =
                replication.entries[name]?.forks.contains(where: \.isOfRestore) ?? false
            return replicationRules.isRequired(name) && (isRestored || isWatched(name))
        }
    }

    private var sourceHeard: String {
        let heard = members(of: cluster.activeSite).filter(\.wasHeard).map(\.detector.lastHeard)
        guard let last = heard.max() else { return "site \(cluster.activeSite) was not heard yet" }
        return "site \(cluster.activeSite) was last heard \((now.instant - last).forPeople) ago"
    }

    /// At the order: with what may be said to overrule it.
    func checkLoss(_ request: RunRequest) throws(Refused) {
        guard request.kind == .failover, !request.acceptsLoss else { return }
        let obstacles = lossObstacles(at: request.to)
        guard !obstacles.isEmpty else { return }
        throw Refused(
            .notNow,
            obstacles.joined(separator: "; "),
            mend: "if the loss of what was written since is accepted: --accept-data-loss"
        )
    }

    // MARK: Sites that have parted

    /// Data sets with which a site has parted from the active history, and nobody has accepted it.
    public func openDivergences(of site: SiteName) -> [DivergenceRecord] {
        replication.entries.compactMap { name, entry in
            guard replicationRules.isRequired(name), let record = entry.divergences[site] else {
                return nil
            }
            return record.isAccepted ? nil : record
        }
    }

    func text(of divergence: DivergenceRecord) -> String {
        let fork =
            divergence.fork.map { "the last one of it in the active data is \($0)" }
            ?? "none of it is known to be in the active data"
        return "data set \(divergence.dataSet) of site \(divergence.site) has diverged by "
            + "\(divergence.count): node \(divergence.node) has canary \(divergence.canary), and \(fork)"
    }

    /// A site is the active one again only when its history is a part of the active one, or an admin
    /// has said by number how much of it is lost.
    mutating func checkDivergence(_ request: RunRequest, by: String) throws(Refused) {
        guard request.kind != .drill else { return }
        let open = openDivergences(of: request.to)
        let total = open.reduce(0) { $0 + $1.count }
        guard !open.isEmpty else {
            guard request.acceptedDivergence == nil else {
                throw Refused(
                    .invalid,
                    "no data set of site \(request.to) has diverged: there is nothing to accept",
                    mend: "leave --accept-divergence out"
                )
            }
            return
        }
        guard request.acceptedDivergence == total else {
            let given = request.acceptedDivergence.map { " (\($0) was accepted)" } ?? ""
            throw Refused(
                .notNow,
                open.map { text(of: $0) }.joined(separator: "; ") + given,
                mend: "if the loss of these is accepted, by number: --accept-divergence \(total)"
            )
        }
    }

    mutating func acceptDivergence(of site: SiteName, by: String, run: RunID) {
        for record in openDivergences(of: site) {
            var accepted = record
            accepted.acceptedBy = by
            accepted.acceptedIn = run
            replication.entries.update(record.dataSet) { $0.divergences[site] = accepted }
            put(.divergence(accepted))
            tell(
                .divergenceAccepted,
                .warning,
                record.dataSet.text,
                "The loss of \(record.count) canaries of data set \(record.dataSet) at site \(site) was "
                    + "accepted by \(by).",
                cause: text(of: record),
                consequence: "run \(run)"
            )
            auditOwn(
                "data.accept-divergence",
                "\(record.dataSet)/\(site)",
                reason: "\(record.count) canaries, by \(by) with run \(run)"
            )
        }
    }

    /// The run that it was accepted for does not make the site active: the next one asks anew (I19).
    mutating func forgetAcceptance(in run: RunID) {
        for (name, entry) in replication.entries {
            for (site, record) in entry.divergences where record.acceptedIn == run {
                var open = record
                (open.acceptedBy, open.acceptedIn) = ("", nil)
                replication.entries.update(name) { $0.divergences[site] = open }
                put(.divergence(open))
                auditOwn(
                    "data.accept-end",
                    "\(name)/\(site)",
                    reason: "run \(run) is rolled back: the loss of \(open.count) is not accepted"
                )
            }
        }
    }

    /// A standby site tells of a canary: a later one of an epoch that has ended than the active history
    /// has of it is in no replica of that.
    mutating func considerDivergence(of name: DataSetName, _ canary: Canary, at node: NodeRecord) {
        guard let entry = replication.entries[name], !isForkOpen(of: name),
            let fork = entry.forks.first(where: { $0.epoch >= canary.epoch }),
            fork.leavesOut(canary), canary.sequence < entry.next
        else { return }
        if let before = entry.divergences[node.site], before.canary >= canary { return }
        let record = DivergenceRecord(
            dataSet: name,
            site: node.site,
            node: node.name,
            canary: canary,
            fork: fork.lastShared(with: canary),
            at: now.wall
        )
        replication.entries.update(name) { $0.divergences[node.site] = record }
        put(.divergence(record))
        tell(
            .dataDiverged,
            .critical,
            name.text,
            "Data set \(name) of site \(node.site) has diverged by \(record.count).",
            cause: text(of: record),
            consequence: "the site does not become active before an admin has accepted the loss"
        )
        auditOwn("data.diverged", "\(name)/\(node.site)", reason: text(of: record))
    }

    /// Every node of the active site reads more of the old history than was seen there when it became
    /// active: what was on its way has arrived before it was promoted. Once it has written a canary of
    /// its own, an old one that turns up there is no part of its history.
    mutating func raiseFork(of name: DataSetName) {
        guard let entry = replication.entries[name], let last = entry.forks.last,
            last.to == cluster.activeSite, entry.acknowledged?.epoch ?? .zero <= last.epoch,
            let canary = canarySeen(of: name, at: last.to), canary.epoch <= last.epoch,
            canary > last.canary ?? .least, canary.sequence < entry.next
        else { return }
        var fork = last
        fork.canary = canary
        if let run = runs.runs[fork.run], let stop = stopMoment(of: run) {
            fork.lossMilliseconds = loss(of: name, fork, until: stop)
        }
        replication.entries.update(name) { $0.forks[$0.forks.count - 1] = fork }
        put(.fork(fork))
        auditOwn("data.fork", name.text, reason: "canary \(canary) has arrived at site \(fork.to)")
        for (site, record) in entry.divergences where !record.isAccepted {
            guard record.fork == last.lastShared(with: record.canary),
                record.canary.epoch <= fork.epoch
            else { continue }
            replication.entries.update(name) { $0.divergences[site] = nil }
            if fork.leavesOut(record.canary) {
                var less = record
                less.fork = fork.lastShared(with: record.canary)
                replication.entries.update(name) { $0.divergences[site] = less }
                put(.divergence(less))
            } else {
                effects.journal.append(.delete(table: .divergence, key: record.storeKey))
            }
        }
    }

    // MARK: The point of no return

    /// With the activation, in its transaction: what the new site has of each data set. The epoch that
    /// ends is the one of now: a restore during the run has raised it.
    mutating func makeForks(_ run: RunRecord) {
        let stop = stoppedAt(run.from) ?? now.instant
        for (name, entry) in replication.entries {
            var fork = ForkRecord(
                dataSet: name,
                epoch: cluster.epoch,
                run: run.id,
                from: run.from,
                to: run.to,
                at: now.wall
            )
            fork.canary = canarySeen(of: name, at: run.to)
            fork.acknowledged = entry.acknowledged
            fork.objectiveMilliseconds = replicationRules.objectives[name].map {
                UInt64($0.wholeMilliseconds)
            }
            let isWhole =
                run.kind != .failover && !run.acceptsLoss(of: name) && fork.lost == 0
                && entry.record.closed == run.id
            fork.lossMilliseconds = isWhole ? 0 : loss(of: name, fork, until: stop)
            replication.entries.update(name) { entry in
                entry.forks.append(fork)
                entry.closing = nil
                entry.pending = nil
                entry.dueAt = nil
                entry.writer = nil
            }
            put(.fork(fork))
            if let record = entry.divergences[run.to] {
                replication.entries.update(name) { $0.divergences[run.to] = nil }
                effects.journal.append(.delete(table: .divergence, key: record.storeKey))
            }
            forgetForks(of: name)
            auditOwn(
                "data.fork",
                name.text,
                reason: "site \(run.to) has \(fork.canary.map { "\($0)" } ?? "no canary") of epoch "
                    + "\(cluster.epoch)"
            )
        }
    }

    mutating func forgetForks(of name: DataSetName) {
        while let forks = replication.entries[name]?.forks, forks.count > ForkRecord.kept {
            effects.journal.append(.delete(table: .fork, key: forks[0].storeKey))
            replication.entries.update(name) { _ = $0.forks.removeFirst() }
        }
    }

    private func loss(of name: DataSetName, _ fork: ForkRecord, until stop: Instant) -> UInt64? {
        guard let canary = fork.canary,
            let age = age(ofCanary: canary.sequence, of: name, at: stop)
        else { return nil }
        return UInt64(max(0, age.wholeMilliseconds))
    }

    /// When the last node of the old site was proven off, by the clock of this process.
    private func stopMoment(of run: RunRecord) -> Instant? {
        runs.fences(of: run.id).map(\.at).max().map {
            now.instant - max(.zero, now.wall - $0)
        }
    }

    /// What each data set has lost in a run, by its name.
    public func forks(of run: RunID) -> [ForkRecord] {
        replication.entries.values.flatMap { $0.forks.filter { $0.run == run } }
    }

    // MARK: A planned move loses nothing

    /// Before the old site gives its part up: the last canary is written after its services have
    /// stopped, and is seen at the new one. Empty when it is, and also when nothing is watched.
    mutating func closeData(_ run: RunRecord) -> String {
        guard run.kind != .failover else { return "" }
        let waiting = requiredDataSets.filter { !run.acceptsLoss(of: $0) }
            .compactMap { close($0, run) }
        guard !waiting.isEmpty else { return "" }
        return waiting.joined(separator: "; ")
            + " (it goes on by itself when the data is there; muster run abort \(run.id) gives it up; if the "
            + "loss is accepted: muster run accept \(run.id) --accept-data-loss --reason TEXT)"
    }

    private mutating func close(_ name: DataSetName, _ run: RunRecord) -> String? {
        guard let entry = replication.entries[name] else { return notClosed(name, run) }
        if entry.closing?.run != run.id {
            let since = stoppingSince(run)
            replication.entries.update(name) { [now, cluster] entry in
                entry.closing = .init(run: run.id, from: entry.next, since: since)
                entry.dueAt = now.instant
                // As it was before this controller started.
                if entry.record.closed == run.id, entry.acknowledged?.epoch == cluster.epoch {
                    entry.closing?.canary = entry.acknowledged
                }
            }
            expect(by: now.instant)
        }
        return notClosed(name, run)
    }

    private func notClosed(_ name: DataSetName, _ run: RunRecord) -> String? {
        guard let entry = replication.entries[name] else {
            return "data set \(name): no node defines it"
        }
        guard let last = entry.closing?.canary else {
            guard !writers(of: name).isEmpty else {
                return
                    "data set \(name): no node of site \(run.from) that can be reached writes its last "
                    + "canary"
            }
            let problem = entry.problem.isEmpty ? "" : ": \(entry.problem)"
            if entry.closing?.failures ?? 0 >= 2 {
                let last = entry.acknowledged.map { "canary \($0)" } ?? "no canary"
                return
                    "data set \(name): its last canary cannot be written, and \(last), which was "
                    + "written last, is not known to be of the moment when its services were "
                    + "stopped\(problem)"
            }
            return "data set \(name): its last canary is being written\(problem)"
        }
        return missing(name, last, at: run.to)
    }

    /// Data sets that stand in the way of a run, or of one that is asked for: what is accepted is lost of
    /// these alone. Of a planned move, before its old site gives its part up, those that are late; where
    /// no objective says how far behind is late, by more than a moment.
    func dataInTheWay(of kind: RunKind, to site: SiteName, in run: RunRecord?) -> [DataSetName] {
        switch kind {
        case .drill: []
        case .failover: lossesInTheWay(at: site).map(\.name)
        case .switchover, .failback:
            requiredDataSets.filter { name in
                if let run, run.isFenced { return leftBehind(name, run) != nil }
                if let run, replication.entries[name]?.closing?.run == run.id {
                    return notClosed(name, run) != nil
                }
                let measure = lag(of: name, at: site)
                guard case .known(let lag, _) = measure,
                    replicationRules.objectives[name] == nil
                else { return isLate(name, measure) }
                return lag > ReplicationBook.patience
            }
        }
    }

    /// When a run began to stop the services of the old site, by the clock of this process.
    private func stoppingSince(_ run: RunRecord) -> Instant {
        let stops = runs.steps(of: run.id).filter {
            if case .stop = $0.step.act { true } else { false }
        }
        guard let at = stops.compactMap(\.startedAt).min() else { return now.instant }
        return now.instant - max(.zero, now.wall - at)
    }

    private func missing(_ name: DataSetName, _ last: Canary, at site: SiteName) -> String? {
        switch reading(of: name, at: site) {
        case .unknown(let text):
            return "data set \(name): what site \(site) has is not known: \(text)"
        case .seen(let canary, _, _):
            guard canary ?? .least < last else { return nil }
            let seen = canary.map { "\($0)" } ?? "none"
            return "data set \(name): site \(site) has canary \(seen), the last one of site "
                + "\(cluster.activeSite) is \(last)"
        }
    }

    /// The second look, at use: whatever the plan says, no planned move leaves data behind.
    func dataLeftBehind(_ run: RunRecord) -> [String] {
        guard run.kind != .failover else { return [] }
        return requiredDataSets.filter { !run.acceptsLoss(of: $0) }.compactMap { name in
            leftBehind(name, run)
        }
    }

    private func leftBehind(_ name: DataSetName, _ run: RunRecord) -> String? {
        guard let last = replication.entries[name]?.acknowledged, last.epoch == cluster.epoch else {
            return "data set \(name): no canary of site \(run.from) is known"
        }
        return missing(name, last, at: run.to)
    }
}
