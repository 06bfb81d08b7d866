public import Model
import Protocol

/// Finer states that stand beside Online and Offline.
public enum Mark: String, Hashable, Sendable, CaseIterable {
    case invited
    case joining
    case suspect
    case held
    case conflicted
    case cordoned
    case draining
    case drained
    case maintenance
    case removing
    case removed
    case degraded
    case clockSuspect = "clock-suspect"
    case configurationBehind = "config-behind"
}

/// What operators read of a node, derived from what is known and from nothing else.
public struct Assessment: Hashable, Sendable {
    public var status: NodeStatus
    /// Empty when Online.
    public var reason: String
    public var marks: [Mark]
}

extension ControllerMachine {
    /// Online: reachable and every required service running. Offline always has a reason.
    public func assess(_ member: Member) -> Assessment {
        let reason = offlineReason(member)
        return Assessment(
            status: reason == nil ? .online : .offline,
            reason: kept(reason ?? "", bytesMax: Limits.textBytesMax),
            marks: marks(of: member)
        )
    }

    /// Nil of a node that is Online.
    func offlineReason(_ member: Member) -> String? {
        let record = member.record
        switch record.membership {
        case .removed: return "removed"
        case .invited: return "added, its agent has not enrolled yet"
        case .joined, .removing: break
        }
        if let conflict = record.conflict { return "identity seen twice: \(conflict)" }
        if member.reachability == .unreachable { return NodeRecord.unreachable + member.lossCause }
        guard let link = member.link else {
            // The detection interval is still running: what was last known holds until it ends.
            return record.status == .online ? nil : record.statusReason
        }
        if link.phase != .synced {
            // A node that was Online and has come back (the controller was restarted, or its
            // session was replaced) is telling what it has; that is no news within the interval.
            let isBack = record.status == .online && now.instant < tellingEnd(link)
            return isBack ? nil : "joining"
        }
        if member.heldUntil != nil {
            return "held after \(member.losses.count) losses, so that it does not flap"
        }
        if record.membership == .removing { return "being removed" }
        if let maintenance = record.maintenance, !maintenance.keepServices {
            return "maintenance by \(maintenance.owner): \(maintenance.reason)"
        }
        if let drain = record.drain, !drain.keepServices {
            return drain.isFinished ? "drained" : "draining"
        }
        if !record.isAdmitted {
            return member.preflightFailures.isEmpty
                ? "preflight checks are running"
                : "preflight failed: \(member.preflightFailures.joined(separator: "; "))"
        }
        return serviceReason(member)
    }

    /// Until when a node with a new session counts as what it was before.
    func tellingEnd(_ link: Member.Link) -> Instant {
        link.since.instant
            + .nanoseconds(settings.lease.heartbeatInterval.nanoseconds * 7 / 2)
    }

    private func serviceReason(_ member: Member) -> String? {
        guard let report = wrongService(of: member) else { return nil }
        let detail = report.detail.isEmpty ? "" : " (\(report.detail))"
        return "service \(report.name) \(report.state.rawValue)\(detail)"
    }

    /// The first required service, in starting order, that is not as it should be; on a standby
    /// there is none.
    public func wrongService(of member: Member) -> ServiceReport? {
        guard role(of: member.record.site) == .active else { return nil }
        var first: ServiceReport?
        for known in member.services.values {
            let report = known.report
            guard report.isRequired, report.state != .running else { continue }
            if let other = first, (other.order, other.name) < (report.order, report.name) {
                continue
            }
            first = report
        }
        return first
    }

    private func marks(of member: Member) -> [Mark] {
        let record = member.record
        var marks: [Mark] = []
        switch record.membership {
        case .invited: return [.invited]
        case .removed: return [.removed]
        case .removing: marks.append(.removing)
        case .joined: break
        }
        if let link = member.link, link.phase != .synced || !record.isAdmitted {
            marks.append(.joining)
        }
        if member.reachability == .suspect { marks.append(.suspect) }
        if member.heldUntil != nil { marks.append(.held) }
        if record.conflict != nil { marks.append(.conflicted) }
        if record.maintenance != nil { marks.append(.maintenance) }
        if let drain = record.drain {
            marks.append(drain.isFinished ? .drained : .draining)
        } else if record.cordon != nil {
            marks.append(.cordoned)
        }
        if member.health == .degraded { marks.append(.degraded) }
        if let clock = member.clock, clock.exceeds(settings.clockOffsetMax) {
            marks.append(.clockSuspect)
        }
        if member.isSynced, member.configurationVersion != cluster.configurationVersion {
            marks.append(.configurationBehind)
        }
        return marks
    }

    /// The one active site is a journalled fact; every other is a standby. While a run fences the
    /// site that gives its part up, no site is active.
    public func role(of site: SiteName) -> SiteRole {
        guard site == cluster.activeSite else { return .standby }
        return runs.isFencing(site) ? .standby : .active
    }

    /// Joined nodes of a site, Online and in all.
    public func count(of site: SiteName) -> (online: Int, total: Int) {
        var online = 0
        var total = 0
        for place in nodes.values.indices where nodes.values[place].record.site == site {
            guard nodes.values[place].record.membership == .joined else { continue }
            total += 1
            if nodes.values[place].record.status == .online { online += 1 }
        }
        return (online, total)
    }
}

extension NodeRecord {
    fileprivate static let unreachable = "unreachable: "

    /// Why it was lost, as the controller before this one knew it: to that one it was unreachable already.
    var lossCause: String? {
        guard status == .offline, statusReason.hasPrefix(Self.unreachable) else { return nil }
        return String(statusReason.dropFirst(Self.unreachable.count))
    }
}
