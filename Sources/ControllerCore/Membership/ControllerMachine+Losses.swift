public import Model
import Protocol

// Since when something is wrong: from the durable records where they tell it, so that a restart of
// the controller does not make an old problem look new.

extension ControllerMachine {
    /// Since when no node of a site can be reached; nil while one can, or where there is none. Nodes
    /// in maintenance do not count: somebody has them.
    public func lostSince(_ site: SiteName) -> WallTime? {
        // Asked for each of many nodes: no copies, and out at the first that can be reached.
        var latest: WallTime?
        for member in nodes.values where member.record.site == site {
            guard member.record.membership == .joined, member.record.maintenance == nil else {
                continue
            }
            guard member.reachability == .unreachable else { return nil }
            latest = max(latest ?? member.record.statusSince, member.record.statusSince)
        }
        return latest
    }

    /// Since when a site has fewer nodes Online than its minimum; nil while it has enough.
    public func belowMinimumSince(_ site: SiteName) -> WallTime? {
        sites[site].flatMap { belowSince(site, minimum: Int($0.minimum)) }
    }

    /// Since when a site has fewer nodes Online than so many; nil while it has enough.
    public func belowSince(_ site: SiteName, minimum: Int) -> WallTime? {
        let (online, total) = count(of: site)
        guard online < minimum else { return nil }
        let losses = joinedMembers(of: site).filter { $0.record.status == .offline }
            .map(\.record.statusSince).sorted()
        // So many may be lost; the next one is too many. A site that has fewer members than its
        // minimum has been below it for as long as this controller can tell.
        let spare = total - minimum
        guard spare >= 0, spare < losses.count else { return losses.first ?? startedAt.wall }
        return losses[spare]
    }

    private func joinedMembers(of site: SiteName) -> [Member] {
        nodes.values.filter { $0.record.site == site && $0.record.membership == .joined }
    }

    /// Remembers when a node's clock was first heard to be off.
    mutating func noteClockOff(of id: NodeID) {
        guard let member = nodes[id] else { return }
        let isOff = member.clock.map { $0.exceeds(settings.clockOffsetMax) } ?? false
        guard isOff != (member.clockOffSince != nil) else { return }
        touch(id) { [now] in $0.clockOffSince = isOff ? now.wall : nil }
    }
}

extension RunRecord {
    static let abortedBy = "aborted by "

    /// It was rolled back because an operator said so, and not because a step has failed.
    public var wasAbortedByOperator: Bool {
        state == .aborted && text.hasPrefix(Self.abortedBy)
    }
}
