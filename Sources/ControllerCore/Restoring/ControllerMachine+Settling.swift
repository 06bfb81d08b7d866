public import Model
import Protocol

// After a restore or an adoption: until every node has spoken, or what it may run has surely ended,
// nothing is started anywhere, no task is given out, no schedule fires and no run goes on.

/// A node that a controller on a restored store waits for.
public struct SettlingWait: Hashable, Sendable {
    public var node: NodeName
    /// Why, for people: `n2 has not been heard …`.
    public var text: String
    /// A command to type; empty when only time is needed.
    public var mend: String
}

extension ControllerMachine {
    /// Nil when nothing is waited for.
    public var settling: RestoringRecord.Settling? { cluster.restoring.settling }

    /// The store may be older than the last change of the active site, and nobody has said which site is
    /// active: nothing is granted or ordered, and no node is told a part.
    public var isUnsaid: Bool {
        settling?.isUnsaid ?? false || cluster.restoring.evidence != nil
    }

    /// The evidence is that the store was set back, or copied, within its generation.
    public var isSetBack: Bool {
        cluster.restoring.evidence?.generation == cluster.epoch.generation
    }

    /// Neither another controller nor a later change of the active site is known of.
    public var mayAct: Bool { doubt == nil && !isUnsaid }

    // MARK: Evidence

    /// So many changes of the active site lie between a backup and its restore at most.
    private static let epochsBetweenMax: UInt32 = 1 << 20

    /// Of an earlier generation, and no more than can have been.
    func isOfBefore(_ shown: Epoch) -> Bool {
        shown.generation < cluster.epoch.generation
            && shown.counter < cluster.epoch.counter + Self.epochsBetweenMax
    }

    /// A token of an older generation with a higher counter than ours: the active site was changed after
    /// what this store knows.
    ///
    /// - Returns: false when the session was turned away.
    mutating func judgeAge(
        of hello: Hello,
        _ connection: ConnectionID,
        _ record: NodeRecord
    ) -> Bool {
        let shown = hello.highest.epoch
        // Whom this generation has welcomed and heard cannot show less; and who lies about what was
        // before can say of nothing that would use up the counter.
        guard record.isHistoryOpen, isOfBefore(shown) else { return true }
        guard shown.generation >= cluster.restoring.wholeFrom else {
            tellLater(shown, record)
            return true
        }
        guard shown.counter > cluster.epoch.counter else { return true }
        cluster.restoring.evidence = shown
        put(.cluster(cluster))
        doubtAuthority(shown: shown, by: record.name)
        dismiss(connection, .notActive, "this controller's store is older than what you have seen")
        return false
    }

    /// The word of an operator stands. That the store was older is told, once for each such epoch.
    private mutating func tellLater(_ shown: Epoch, _ record: NodeRecord) {
        guard let settling, shown.counter > settling.epoch.counter,
            settling.shown.map({ shown.counter > $0.counter }) ?? true
        else { return }
        cluster.restoring.settling?.shown = shown
        put(.cluster(cluster))
        let isOther = record.site != cluster.activeSite
        tell(
            .restoreContradicted,
            isOther ? .critical : .warning,
            record.name.text,
            "Node \(record.name) of site \(record.site) has acted under epoch \(shown): the active site "
                + "was changed after the backup, which has \(settling.epoch).",
            cause: "site \(cluster.activeSite) is active, as was said at the restore: "
                + settling.reason,
            consequence: isOther
                ? "if that is wrong: " + Self.sayWhichSite
                : "nothing is started before it has spoken"
        )
    }

    /// The first word of a node since the restore: exclusive services run at a site that is said to be
    /// none.
    mutating func noteContradiction(of id: NodeID) {
        guard let member = nodes[id], member.record.isHistoryOpen,
            role(of: member.record.site) != .active
        else { return }
        let running = member.services.values.map(\.report).filter {
            !$0.isDrainable && !$0.hasStopped
        }
        guard !running.isEmpty else { return }
        let names = short(running.map(\.name.text))
        tell(
            .restoreContradicted,
            .critical,
            member.record.name.text,
            "Node \(member.record.name) of site \(member.record.site) runs \(names), and site "
                + "\(cluster.activeSite) is the active one since the restore: it has to stop.",
            cause: settling.map { "as was said at the restore: \($0.reason)" } ?? "",
            consequence: "if that is wrong: " + Self.sayWhichSite
        )
    }

    // MARK: Waiting

    /// Whose word is there, and whether it is enough.
    mutating func settleRestoration() {
        guard settling != nil, mayAct else { return }
        for member in nodes.values where member.record.isUnsettled {
            guard let text = settledText(of: member) else { continue }
            amend(member.record.id) { $0.isUnsettled = false }
            auditOwn("restore.node-settled", member.record.name.text, reason: text)
        }
        let isOpen = nodes.values.contains { $0.record.isUnsettled }
        if !isOpen, now.instant >= settlingLeast {
            endSettling()
        } else if let deadline = settlingDeadline {
            expect(by: deadline)
        }
    }

    /// Nodes that joined after the backup are not known here, and their leases end by then.
    private var settlingLeast: Instant { leaseEnd(after: startedAt.instant) }

    /// When the next silence is long enough; nil when only words are waited for.
    var settlingDeadline: Instant? {
        guard settling != nil, mayAct else { return nil }
        let silent = nodes.values.filter {
            $0.record.isUnsettled && $0.reachability == .unreachable
        }
        .map { leaseEnd(of: $0) }
        return ([settlingLeast] + silent).filter { $0 > now.instant }.min()
    }

    /// A node has a new session: what was concluded from its silence is void, it speaks for itself.
    mutating func unsettle(_ id: NodeID) {
        guard settling != nil, nodes[id]?.record.isUnsettled == false else { return }
        amend(id) { $0.isUnsettled = true }
    }

    /// Why nothing that was given to the node before may act any more, beside what may go on at the
    /// active site: its services. Nil when that is not known.
    private func settledText(of member: Member) -> String? {
        let record = member.record
        let isActive = role(of: record.site) == .active
        if let link = member.link, link.phase == .synced {
            // What drains is not in the floor.
            guard link.foreign.isEmpty else { return nil }
            if isActive { return "it has told every task that it has" }
            let needed = FencingToken(epoch: cluster.epoch, session: record.session - 1)
            guard let floor = member.floor, floor >= needed else { return nil }
            return "it says that nothing under \(needed) or older runs"
        }
        guard member.reachability == .unreachable,
            now.instant >= leaseEnd(of: member)
        else { return nil }
        let silence = "it got no lease for \((now.instant - member.lastGrant).forPeople)"
        if isActive { return "\(silence): no task of it runs" }
        if isSaidOff(member) {
            return "\(silence), and is said not to act: \(settling?.reason ?? "")"
        }
        guard stopsByItself(member) else { return nil }
        return "\(silence), and it fences itself"
    }

    /// Covered by what the operator has said at the restore, who can not have known of what it has told
    /// since.
    private func isSaidOff(_ member: Member) -> Bool {
        member.record.isHistoryOpen && !(settling?.reason ?? "").isEmpty
    }

    /// Everything that may still act by what this store does not know of.
    public var settlingWaits: [SettlingWait] {
        guard settling != nil else { return [] }
        return nodes.values.filter { $0.record.isUnsettled }
            .sorted { $0.record.name < $1.record.name }
            .map(waitText)
    }

    private func waitText(_ member: Member) -> SettlingWait {
        let name = member.record.name
        let isActive = role(of: member.record.site) == .active
        func wait(_ text: String, _ mend: String = "") -> SettlingWait {
            SettlingWait(node: name, text: text, mend: mend)
        }
        if member.isSynced {
            return wait(
                isActive
                    ? "\(name) still ends tasks of before" : "\(name) is still stopping what it ran"
            )
        }
        let isLong = isActive || isSaidOff(member) || stopsByItself(member)
        guard !isLong else {
            return wait(
                "\(name) has not spoken (what it may run has ended when it has been silent for "
                    + "\(settings.lease.wait.forPeople))"
            )
        }
        return wait(
            "\(name) of site \(member.record.site) cannot be reached, has spoken since the restore, and does "
                + "not stop by itself",
            "when it is off, on the controller's host: systemctl stop muster-controller; "
                + "muster-controller adopt --confirm --active \(cluster.activeSite) --reason TEXT; "
                + "systemctl start muster-controller (or: muster node remove \(name) --force --confirm "
                + "\(name))"
        )
    }

    /// Whom a run, an order to start or an operator is told to wait for.
    var settlingText: String {
        let waits = settlingWaits.map(\.text)
        return "the store was restored or adopted, and what it does not know of may still act"
            + (waits.isEmpty ? "" : ": \(short(waits))")
    }

    /// What an operator can do about it; where only time is needed, where it is shown.
    var settlingMend: String { settlingWaits.first { !$0.mend.isEmpty }?.mend ?? "muster status" }

    func refuseWhileSettling() throws(Refused) {
        guard settling != nil else { return }
        throw Refused(.notNow, settlingText, mend: settlingMend)
    }

    // MARK: The end

    private mutating func endSettling() {
        guard let settling else { return }
        cluster.restoring.settling = nil
        put(.cluster(cluster))
        let open = work.leaveOpen()
        if open > 0 {
            tell(
                .taskUnknown,
                .critical,
                "controller",
                "Whether \(counted(open, "task")) that may run once only \(open == 1 ? "was" : "were") "
                    + "done after the backup is not known.",
                cause: "the store was restored: it had \(open == 1 ? "it" : "them") as not ended",
                consequence:
                    "muster task list --state unknown; then muster task resolve ID --done, "
                    + "or muster task retry ID"
            )
        }
        leaveOutFirings(upTo: settling.at)
        closeRestoredForks()
        tell(
            .restoreEnded,
            .info,
            "controller",
            "Everything that may have acted by what the restored store does not know of has spoken or "
                + "has ended: services are started and tasks are given out again.",
            cause: "after \(elapsed(since: settling.at))"
        )
        auditOwn("restore.end", "\(cluster.epoch)", reason: "every node is accounted for")
        touched += nodes.keys
        runs.isDue = true
        watch.isDue = true
    }

    /// Whether what fell due after the backup was fired is not known: none of it is repeated.
    private mutating func leaveOutFirings(upTo end: WallTime) {
        let (count, names) = schedules.leaveOut(upTo: end, at: now)
        for name in names { saveSchedule(name) }
        guard count > 0 else { return }
        tell(
            .scheduleLeftOut,
            .warning,
            "controller",
            "\(counted(Int(clamping: count), "firing")) of "
                + "\(short(names.map { "schedule \($0)" })) between the backup and the restore "
                + "\(count == 1 ? "is" : "are") left out.",
            cause: "whether \(count == 1 ? "it was" : "they were") fired then is not known",
            consequence: "what is missing: muster task submit"
        )
    }
}
