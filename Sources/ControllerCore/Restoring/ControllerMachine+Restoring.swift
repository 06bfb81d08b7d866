import Model
import Protocol

// The first start on a store that was restored from a backup or adopted: its generation was raised.

extension ControllerMachine {
    /// The generation becomes the epoch's, and nothing that a later controller may have numbered or told
    /// is numbered again or taken for known.
    mutating func raiseGeneration(to generation: UInt16) {
        let before = cluster.epoch.generation
        let word = cluster.restoring.word
        // Where there is one site, nothing is left to be said of a store that was set back.
        if isSetBack, sites.count <= 1 { cluster.restoring.evidence = nil }
        cluster.epoch.generation = generation
        // Orders of the time that a restored backup does not know of have used higher numbers.
        cluster.orderCeiling = max(cluster.orderCeiling, UInt64(generation) << 40)
        nextOrder = cluster.orderCeiling
        cluster.taskCeiling = max(cluster.taskCeiling, UInt64(generation) << 40)
        work.nextTask = cluster.taskCeiling
        cluster.lastNotice = max(cluster.lastNotice, UInt64(generation) << 40)
        work.epoch = cluster.epoch
        let steps = UInt16(clamping: Int(generation) - Int(before))
        cluster.restoring.attemptFloor = work.raiseAttempts(by: steps)
        work.setAside(below: cluster.restoring.attemptFloor, of: generation)
        beginSettling(word, generation)
        put(.cluster(cluster))
        auditOwn(
            "epoch.raise",
            "\(cluster.epoch)",
            reason: word.map { "site \(cluster.activeSite) is active: \($0.reason)" }
                ?? "store adopted"
        )
        openNonces()
        raiseCanaries()
        forkData()
        pauseAfterRestore()
        endRunOfStore()
        if let word, word.from != cluster.activeSite { followActiveSite() }
        tellRestored()
    }

    private mutating func beginSettling(_ word: RestoringRecord.Word?, _ generation: UInt16) {
        cluster.restoring.settling = RestoringRecord.Settling(
            at: now.wall,
            from: word?.from ?? cluster.activeSite,
            epoch: word?.epoch ?? cluster.epoch,
            reason: word?.reason ?? "",
            // One without nodes may have got some after the backup, and have been made active.
            isUnsaid: word == nil && sites.count > 1
        )
        if word?.isOld ?? false { cluster.restoring.wholeFrom = generation }
        cluster.restoring.word = nil
    }

    private mutating func tellRestored() {
        guard let settling else { return }
        guard !isUnsaid else {
            return tell(
                .restoreBegun,
                .critical,
                "controller",
                "The store was restored or adopted, and nobody has said which site is active: this "
                    + "controller grants and orders nothing.",
                cause:
                    "the store says site \(settling.from), and may be older than the last change",
                consequence: Self.sayWhichSite
            )
        }
        let count = nodes.values.count { $0.record.isUnsettled }
        tell(
            .restoreBegun,
            .warning,
            "controller",
            "The store was restored or adopted: nothing is started and no task is given out before "
                + "\(counted(count, "node")) \(count == 1 ? "has" : "have") spoken, or "
                + "\(count == 1 ? "has" : "have") been silent for \(settings.lease.wait.forPeople).",
            cause: settling.reason.isEmpty
                ? "the store had epoch \(settling.epoch)"
                : "site \(cluster.activeSite) is active, as was said on the controller's host: "
                    + "\(settling.reason); the store had site \(settling.from) under "
                    + "\(settling.epoch)",
            consequence: "muster status says whom it waits for"
        )
    }

    /// What an operator types when the store does not know which site is active.
    static let sayWhichSite =
        "find out which site is active, then on the controller's host: systemctl stop "
        + "muster-controller; muster-controller adopt --confirm --active SITE --reason TEXT (or "
        + "muster-controller restore FILE --active SITE --reason TEXT, from a newer backup)"

    /// A store that was restored is older than its nodes' nonces: whoever shows a node's
    /// certificate first is believed, once, and every other after it is held. What a node was given
    /// since the backup is not known either: self-fenced services may be among it.
    private mutating func openNonces() {
        for member in nodes.values {
            let record = member.record
            switch record.membership {
            case .joined, .removing: break
            case .invited, .removed: continue
            }
            nodes.update(record.id) { $0.lastFencedGrant = now.instant }
            amend(record.id) {
                $0.mayRunFenced = true
                // Nor is it known what it was given since the backup.
                $0.isHistoryOpen = true
                $0.isUnsettled = true
                $0.drains = nil
                $0.isUnwelcomed = true
                $0.fencesItself = nil
                if record.membership == .joined, record.conflict == nil { $0.isNonceOpen = true }
            }
        }
    }

    // MARK: The run that the store has under way

    /// What a run did after the backup is not known. Beyond its point of no return it goes forward once
    /// all has settled; before it, it is rolled back, since nobody can tell whether somebody still wants
    /// it. Where another site is said to be active than either of these would leave, it is ended as it
    /// stands, without a hook: what those did is for people to look at.
    private mutating func endRunOfStore() {
        guard let run = runs.liveRun else { return }
        let stays = run.isActivated ? run.to : run.from
        guard stays == cluster.activeSite else { return giveUp(run) }
        guard !run.isActivated, run.state != .rollingBack else { return }
        beginRollBack(run.id, "the store was restored or adopted: what became of it is not known")
    }

    private mutating func giveUp(_ run: RunRecord) {
        clearStepState()
        if let record = runs.stepRecords[.init(run: run.id, index: run.step)] {
            cancelHooks(of: record)
        }
        endAsking(run.id)
        forgetAcceptance(in: run.id)
        for site in [run.from, run.to] { amendSite(site) { $0.held = GroupSet() } }
        amendRun(run.id) { [now] in
            $0.state = .aborted
            $0.endedAt = now.wall
            $0.isFenced = false
            $0.isDraining = false
            $0.isDrilling = false
            $0.lingers = false
            $0.text = "the store was restored, and another site is active than it would leave"
        }
        runs.live = nil
        tell(
            .runEnded,
            .critical,
            "run \(run.id)",
            "Run \(run.id) (\(run.kind.rawValue) from \(run.from) to \(run.to)) was given up: the store "
                + "was restored, and site \(cluster.activeSite) is active.",
            cause: "what it did after the backup is not known",
            consequence: "look at what its hooks did: muster run show \(run.id)"
        )
        auditOwn("run.end", "\(run.id)", reason: "given up after a restore")
        auditReport(run.id)
    }
}
