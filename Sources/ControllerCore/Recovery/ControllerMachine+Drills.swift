import Model
import Protocol

// A drill runs at the standby site in isolation, beside production. It has ended when nothing of it can
// act any more: its services, its tasks, and whatever its handlers have left running.

extension ControllerMachine {
    func drillToken(_ run: RunRecord) -> FencingToken {
        FencingToken(epoch: cluster.epoch, session: 0).inDrill(run.id.number)
    }

    /// What runs in the drill stops: the site is a standby as before.
    ///
    /// The session of each of its nodes is raised with it: what a node stated before says nothing of what
    /// the drill has left there.
    mutating func endDrill(_ id: RunID) {
        guard let run = runs.runs[id], run.isDrilling else { return }
        for member in members(of: run.to) { amend(member.record.id) { $0.session += 1 } }
        amendRun(id) { $0.isDrilling = false }
        amendSite(run.to) { $0.held = GroupSet() }
        tellRoles()
    }

    mutating func lookAtEndOfDrill(_ run: RunRecord) -> StepProgress {
        let open = drillRemains(of: run)
        return open.isEmpty
            ? .done("site \(run.to) is an idle standby again")
            : .waiting("still of the drill: \(short(open))")
    }

    /// What may still act of a drill that has been told to end, or of one that is rolled back; empty when
    /// nothing does, and for every other run.
    ///
    /// A node that cannot be reached has ended its tasks, and the workers of its handlers, with its lease;
    /// services that do not stop by themselves may run on until it is back. At the end of a drill an
    /// operator decides about those; a roll-back, in which nothing can be left out, does not wait for
    /// them.
    public func drillRemains(of run: RunRecord) -> [String] {
        guard run.kind == .drill, !run.isDrilling, !run.state.isEnded else { return [] }
        let steps = runs.steps(of: run.id)
        guard steps.contains(where: { $0.step.act == .isolate && $0.state != .pending }) else {
            return []
        }
        let isGivenUp = run.state == .rollingBack
        return members(of: run.to).filter(\.record.isAdmitted).flatMap { member in
            let tasks = work.tasks(of: member.record.id).count { work.isOfRun($0) }
            let open = tasks > 0 ? ["\(counted(tasks, "task")) on \(member.record.name)"] : []
            return member.isSynced
                ? open + remains(on: member) : open + unreachedRemains(on: member, run, isGivenUp)
        }
    }

    private func remains(on member: Member) -> [String] {
        // It took no part.
        guard member.knowsDrills else { return [] }
        let open = member.services.values.map(\.report).filter { report in
            guard !report.hasStopped else { return false }
            // A warm standby's drainable services are started anew, outside of the drill.
            return !report.isDrainable || !report.isWanted || report.state == .stopping
        }
        let texts = open.map { "\($0.name) on \(member.record.name)" }
        let needed = FencingToken(epoch: cluster.epoch, session: member.record.session - 1)
        if let floor = member.floor, floor >= needed { return texts }
        return texts.isEmpty
            ? ["\(member.record.name) is still stopping what it ran, workers of its handlers too"]
            : texts
    }

    private func unreachedRemains(
        on member: Member,
        _ run: RunRecord,
        _ isGivenUp: Bool
    ) -> [String] {
        let name = member.record.name
        guard member.reachability == .unreachable else {
            return ["nothing is known yet of \(name)"]
        }
        guard now.instant >= leaseEnd(of: member) else {
            return [
                "\(name) cannot be reached (its tasks end by themselves within "
                    + "\(settings.lease.wait.forPeople))"
            ]
        }
        // Whatever else the drill has started there: it is told to stop when it is back.
        guard !isGivenUp, !endsWithLease(member, run) else { return [] }
        return [
            "\(name) cannot be reached, and not all of its services stop by themselves (when it is "
                + "off: muster run skip \(run.id) --reason TEXT)"
        ]
    }

    /// Nodes of which only a person can say that nothing of the drill runs there.
    func drillNeeds(of run: RunRecord) -> [PersonNeed] {
        guard run.kind == .drill, !run.isDrilling, run.state == .running else { return [] }
        let silent = members(of: run.to).filter {
            $0.record.isAdmitted && !$0.isSynced && !unreachedRemains(on: $0, run, false).isEmpty
                && $0.reachability == .unreachable && now.instant >= leaseEnd(of: $0)
        }
        guard !silent.isEmpty, !drillRemains(of: run).isEmpty else { return [] }
        return [
            PersonNeed(
                text:
                    "what the drill started may run on \(short(silent.map(\.record.name.text))), which "
                    + "cannot be reached: is it off?",
                commands: [PersonNeed.skip(run.id)]
            )
        ]
    }

    func leaseEnd(of member: Member) -> Instant { member.lastGrant + settings.lease.wait }

    /// Every service of it that is known stops by itself with the node's lease, or has stopped. What it told
    /// last before it was lost is not the end of what the drill may have told it to start.
    private func endsWithLease(_ member: Member, _ run: RunRecord) -> Bool {
        let needed = FencingToken(epoch: cluster.epoch, session: member.record.session - 1)
        let isEmpty = member.wholeFloor.map { $0 >= needed } ?? false
        let reports = member.services.values.map(\.report)
        return member.record.fencesItself == true && !reports.isEmpty
            && reports.allSatisfy {
                $0.isSelfFenced || $0.hasStopped && (isEmpty || !wasReleased($0, in: run))
            }
    }

    /// A step of the run has let a service start at the new site.
    private func wasReleased(_ report: ServiceReport, in run: RunRecord) -> Bool {
        runs.steps(of: run.id).contains { record in
            guard case .start(let groups, let scope) = record.step.act, record.state != .pending
            else { return false }
            return GroupSet.parts(groups, scope).contains { $0.covers(report) }
        }
    }
}
