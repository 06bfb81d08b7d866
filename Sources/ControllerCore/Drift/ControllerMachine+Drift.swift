import Model
import Protocol

// Drift: digests of both nodes of a pair are compared as they come; where they differ, the lists of both
// are gone through entry by entry.

extension ControllerMachine {
    // MARK: What nodes tell

    mutating func hear(
        _ message: AgentComparingMessage,
        from id: NodeID,
        _ connection: ConnectionID
    ) {
        switch message {
        case .compared(let report): note(report, of: id, connection)
        case .uncompared(let set):
            nodes.update(id) { $0.sets[set] = nil }
            considerDrift(of: id)
        case .entry(let request, let entry):
            progress(of: id, request) { $0.take(entry) }
        case .listed(let request, let next):
            progress(of: id, request) { $0.endPart(next: next) }
        case .text(let request, let at, let total, let data):
            heardText(from: id, request, at: at, total: total, data)
        case .unlisted(let request, let code, let text):
            if !readingRefused(by: id, request, code, text) { listRefused(by: id, request, text) }
        }
        settleJobs()
    }

    private mutating func note(
        _ report: SetReport,
        of id: NodeID,
        _ connection: ConnectionID
    ) {
        guard let member = nodes[id] else { return }
        guard member.sets[report.name] != nil || member.sets.count < ComparingLimits.setsMax else {
            return dismiss(connection, .badLine, "more sets than a node may report")
        }
        nodes.update(id) { [now] in
            $0.sets[report.name] = KnownSet(report: report, at: now.instant)
        }
        // Before SYNCED all are told: then they are compared together.
        if member.isSynced { considerDrift(of: id) }
    }

    // MARK: Comparing

    /// The node's sets, or its pair, may have changed.
    mutating func considerDrift(of id: NodeID) {
        guard let other = pair(of: id), let own = nodes[id], let partner = nodes[other] else {
            return
        }
        let holder = own.record.pair == nil ? other : id
        for set in own.sets.keys { considerDrift(DriftKey(holder: holder, set: set)) }
        for set in partner.sets.keys where own.sets[set] == nil {
            considerDrift(DriftKey(holder: holder, set: set))
        }
    }

    private mutating func considerDrift(_ key: DriftKey) {
        guard let sides = sides(of: key), let kind = comparableKind(key.set, sides) else {
            return abandon(key)
        }
        let digests = PairOf(
            holder: sides.holder.sets[key.set]?.report.digest ?? "",
            partner: sides.partner.sets[key.set]?.report.digest ?? ""
        )
        if let result = drift.results[key], result.digests == digests {
            abandon(key)
            if !result.isFine { hold(key, sides) }
            return
        }
        if kind != .private, digests.holder == digests.partner {
            abandon(key)
            return conclude(key, digests, [], count: 0)
        }
        if let failure = drift.failures[key], failure.digests == digests,
            failure.retryAt > now.instant
        {
            return
        }
        if let job = drift.jobs[key], job.digests == digests { return }
        abandon(key)
        drift.queue.append(key)
        settleJobs()
    }

    /// Both nodes of a pair; the holder first.
    private func sides(of key: DriftKey) -> PairOf<Member>? {
        guard let holder = nodes[key.holder],
            let partner = holder.record.pair.flatMap({ nodes[$0] })
        else { return nil }
        return PairOf(holder: holder, partner: partner)
    }

    /// What kind of set it is, when both nodes have something of the same definition to compare.
    private func comparableKind(
        _ name: ComparedSetName,
        _ sides: PairOf<Member>
    ) -> ComparedKind? {
        guard sides.holder.isSynced, sides.partner.isSynced,
            let own = sides.holder.sets[name]?.report, let other = sides.partner.sets[name]?.report,
            own.kind == other.kind, own.definition == other.definition,
            !own.digest.isEmpty, !other.digest.isEmpty
        else { return nil }
        return own.kind
    }

    /// Nothing goes on for it any more.
    private mutating func abandon(_ key: DriftKey) {
        drift.jobs[key] = nil
        drift.failures[key] = nil
        drift.queue.removeAll { $0 == key }
    }

    /// Its session is over, or begins anew: nothing that it was asked is answered.
    mutating func abandonDrift(of id: NodeID) {
        for (key, job) in drift.jobs
        where job.listings.holder.node == id || job.listings.partner.node == id {
            drift.jobs[key] = nil
        }
        for (request, reading) in drift.readings where reading.isAsked(id) {
            endReading(request, .refused(Refused(.notNow, "the session of a node has ended")))
        }
        settleJobs()
    }

    /// What was found of pairs that are none any more is forgotten.
    mutating func forgetDrift(of holder: NodeID) {
        closeDriftAlarms(of: holder)
        for key in drift.results.keys where key.holder == holder { drift.results[key] = nil }
        for key in drift.jobs.keys where key.holder == holder { drift.jobs[key] = nil }
        for key in drift.failures.keys where key.holder == holder { drift.failures[key] = nil }
        drift.queue.removeAll { $0.holder == holder }
    }

    // MARK: Entry by entry

    /// Begins what waits, as far as there is room.
    private mutating func settleJobs() {
        while mayAct, drift.jobs.count < DriftBook.Limits.jobsMax, !drift.queue.isEmpty {
            let key = drift.queue.removeFirst()
            guard let sides = sides(of: key), let kind = comparableKind(key.set, sides),
                let own = sides.holder.sets[key.set]?.report,
                let other = sides.partner.sets[key.set]?.report
            else { continue }
            drift.jobs[key] = DriftJob(
                kind: kind,
                listings: PairOf(
                    holder: DriftJob.Listing(node: sides.holder.record.id, digest: own.digest),
                    partner: DriftJob.Listing(node: sides.partner.record.id, digest: other.digest)
                ),
                deadline: now.instant + DriftBook.Limits.jobTimeout
            )
            goOn(key)
        }
    }

    private mutating func progress(
        of id: NodeID,
        _ request: UInt64,
        _ body: (inout DriftJob.Listing) -> String?
    ) {
        for key in drift.jobs.keys {
            guard let side = drift.jobs[key]?.side(of: id, request: request) else { continue }
            let problem = drift.jobs.update(key) { [now] job -> String? in
                job.deadline = now.instant + DriftBook.Limits.jobTimeout
                return body(&job.listings[side])
            }
            if let problem = problem ?? nil {
                failJob(key, "node \(nodes[id]?.record.name.text ?? ""): \(problem)")
            } else if drift.jobs[key]?.listings[side].request == nil {
                goOn(key)
            }
            return
        }
    }

    /// Compares what has come, and asks for what comes next.
    private mutating func goOn(_ key: DriftKey) {
        let kept = drift.results.values.reduce(0) { $0 + $1.differences.count }
        let room =
            kept < DriftBook.Limits.differencesMax
            ? DriftBook.Limits.differencesPerSet : DriftBook.Limits.differencesBeyond
        drift.jobs.update(key) { $0.advance(keeping: room) }
        guard let job = drift.jobs[key] else { return }
        guard !job.isFinished else {
            drift.jobs[key] = nil
            return conclude(key, job.digests, job.differences, count: job.count)
        }
        for side in PairOf<DriftJob.Listing>.Side.allCases {
            let listing = job.listings[side]
            guard listing.isDry, listing.request == nil, let member = nodes[listing.node],
                let link = member.link
            else { continue }
            drift.lastRequest += 1
            let request = drift.lastRequest
            drift.jobs.update(key) { $0.listings[side].ask(as: request) }
            send(
                .comparing(
                    .list(
                        ListRequest(
                            request: request,
                            token: token(of: member.record),
                            set: key.set,
                            digest: listing.digest,
                            from: listing.received
                        )
                    )
                ),
                to: link.connection
            )
        }
        expect(by: job.deadline)
    }

    private mutating func listRefused(by id: NodeID, _ request: UInt64, _ text: String) {
        for (key, job) in drift.jobs where job.side(of: id, request: request) != nil {
            failJob(key, "node \(nodes[id]?.record.name.text ?? ""): \(text)")
            return
        }
    }

    private mutating func failJob(_ key: DriftKey, _ reason: String) {
        guard let job = drift.jobs[key] else { return }
        drift.jobs[key] = nil
        let retryAt = now.instant + DriftBook.Limits.retryAfterFailure
        drift.failures[key] = DriftFailure(
            digests: job.digests,
            reason: kept(reason, bytesMax: Limits.textBytesMax),
            retryAt: retryAt
        )
        expect(by: retryAt)
    }

    // MARK: What follows

    private mutating func conclude(
        _ key: DriftKey,
        _ digests: PairOf<String>,
        _ differences: [PairDifference],
        count: UInt32
    ) {
        let before = drift.results[key]
        // The first result of this controller: the one before it may have told.
        let wasTold =
            before?.isTold
            ?? driftAbout(key).map { notify.isOpen(alarmKey(.driftFound, $0)) } ?? false
        drift.failures[key] = nil
        drift.results[key] = DriftResult(
            digests: digests,
            differences: differences,
            count: count,
            comparedAt: now.wall,
            since: count == 0 ? nil : before?.since ?? now.wall,
            holdUntil: count == 0 ? nil : before?.holdUntil,
            isTold: count > 0 && wasTold
        )
        guard let sides = sides(of: key) else { return }
        if count > 0 { return hold(key, sides) }
        if wasTold { tellDrift(key, sides, .driftGone) }
    }

    /// A difference that is gone again at once, as while both nodes are changed one after the other, is
    /// not told.
    private mutating func hold(_ key: DriftKey, _ sides: PairOf<Member>) {
        guard let result = drift.results[key], !result.isTold, result.holdUntil == nil else {
            return
        }
        let interval = sides.holder.sets[key.set]?.report.interval ?? DriftBook.Limits.holdMax
        let until = now.instant + min(interval, DriftBook.Limits.holdMax)
        drift.results.update(key) { $0.holdUntil = until }
        expect(by: until)
    }

    mutating func settleDrift() {
        for (key, job) in drift.jobs where now.instant >= job.deadline {
            let silent = PairOf<DriftJob.Listing>.Side.allCases
                .filter { job.listings[$0].request != nil }
                .compactMap { nodes[job.listings[$0].node]?.record.name.text }
            failJob(key, "no answer from \(silent.joined(separator: " and "))")
        }
        for (key, failure) in drift.failures where now.instant >= failure.retryAt {
            drift.failures[key] = nil
            considerDrift(key)
        }
        for (key, result) in drift.results {
            guard let until = result.holdUntil, now.instant >= until, !result.isTold else {
                continue
            }
            drift.results.update(key) { $0.holdUntil = nil }
            guard let sides = sides(of: key), comparableKind(key.set, sides) != nil else {
                continue
            }
            drift.results.update(key) { $0.isTold = true }
            tellDrift(key, sides, .driftFound)
        }
        settleReadings()
        settleJobs()
    }

    private mutating func tellDrift(
        _ key: DriftKey,
        _ sides: PairOf<Member>,
        _ kind: EventKind
    ) {
        guard let view = driftView(key, sides) else { return }
        let standby = view.standbyName
        let production = view.productionName
        if kind == .driftGone {
            return tell(
                kind,
                .info,
                standby.text,
                "There is no drift any more in \(key.set) of \(standby) and its pair \(production).",
                about: driftAbout(key)
            )
        }
        let paths = view.differences.prefix(3).map(\.path)
        let more = Int(view.count) - paths.count
        tell(
            kind,
            .warning,
            standby.text,
            "There is drift in \(key.set) of \(standby) and its pair \(production).",
            cause: paths.joined(separator: ", ") + (more > 0 ? " and \(more) more" : ""),
            consequence: view.isRequired
                ? "the standby may not take over until it is mended" : "",
            about: driftAbout(key)
        )
    }
}
