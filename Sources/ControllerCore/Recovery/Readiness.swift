public import Model
import Protocol

/// One answer to: may this site take over now?
public struct ReadinessFinding: Hashable, Sendable {
    public enum Level: String, Hashable, Sendable, CaseIterable {
        case fine
        /// To be known before a run, and no obstacle.
        case warning
        /// A run to this site is refused unless an operator overrules it.
        case blocking
    }

    /// `nodes`, `pairs`, `services`, `handlers`, `drift`, `capacity`, `clocks`, `shared-paths`,
    /// `endpoints`, `configuration`, `drill`, `replication`, `divergence`, `run`, `authority`,
    /// `automatic`, `restore`.
    public var topic: String
    public var level: Level
    public var text: String
    /// What to do about it; empty when it is fine.
    public var mend: String
}

extension ControllerMachine {
    /// Whether a site may take over, with every reason; ready when none is blocking.
    ///
    /// - Parameter run: the run that asks, which is no obstacle to itself.
    public func readiness(of site: SiteName, in run: RunID? = nil) -> [ReadinessFinding] {
        guard sites[site] != nil else { return [] }
        var found: [ReadinessFinding] = []
        func say(
            _ topic: String,
            _ level: ReadinessFinding.Level,
            _ text: String,
            _ mend: String = ""
        ) {
            found.append(ReadinessFinding(topic: topic, level: level, text: text, mend: mend))
        }
        if site == cluster.activeSite {
            say("role", .blocking, "site \(site) is the active one already")
            return found
        }
        if let live = runs.live, live != run {
            say("run", .blocking, "run \(live) is under way", "muster run show \(live)")
        }
        if settling != nil { say("restore", .blocking, settlingText, settlingMend) }
        let able = readyNodes(of: site)
        let (_, total) = count(of: site)
        let least = leastNodes(of: site)
        if able.count < least {
            say(
                "nodes",
                .blocking,
                "\(able.count) of \(counted(total, "node")) of site \(site) could take over, at "
                    + "least \(least) \(least == 1 ? "is" : "are") needed",
                "muster node list --site \(site)"
            )
        } else {
            let text = "\(able.count) of \(counted(total, "node")) of site \(site) could take over"
            say("nodes", .fine, text)
        }
        found += nodeFindings(of: site, able)
        found += pairFindings(of: site)
        found += driftFindings(of: site)
        found += capacityFindings(of: site, able)
        found += clockFindings(of: site, able)
        found += placeFindings(of: site, able)
        found += drillFindings(of: site)
        found += replicationFindings(of: site)
        found.append(authorityFinding)
        found += automaticFindings
        return found
    }

    private func readyNodes(of site: SiteName) -> [Member] {
        members(of: site).filter {
            $0.isSynced && $0.record.isAdmitted && $0.record.membership == .joined
                && $0.record.conflict == nil && $0.heldUntil == nil && !$0.isCleared
        }
    }

    private func nodeFindings(of site: SiteName, _ able: [Member]) -> [ReadinessFinding] {
        var found: [ReadinessFinding] = []
        for member in members(of: site) {
            let name = member.record.name
            if !able.contains(where: { $0.record.id == member.record.id }) {
                let reason = member.record.statusReason
                found.append(
                    ReadinessFinding(
                        topic: "nodes",
                        level: .warning,
                        text: "node \(name) could not take over"
                            + (reason.isEmpty ? "" : ": \(reason)"),
                        mend: "muster node show \(name)"
                    )
                )
                continue
            }
            for known in member.services.values
            where !known.report.isDrainable && !known.report.hasStopped {
                found.append(
                    ReadinessFinding(
                        topic: "services",
                        level: .blocking,
                        text: "service \(known.report.name) of standby node \(name) is "
                            + known.report.state.rawValue,
                        mend: "muster node show \(name)"
                    )
                )
            }
            for known in member.services.values
            where known.report.isRequired && known.report.state != .running
                && isWanted(known.report.name, on: member)
            {
                let detail = known.report.detail
                found.append(
                    ReadinessFinding(
                        topic: "services",
                        level: .blocking,
                        text: "service \(known.report.name) of warm standby node \(name) is "
                            + known.report.state.rawValue + (detail.isEmpty ? "" : ": \(detail)"),
                        mend: "muster node show \(name)"
                    )
                )
            }
            if member.configurationVersion != cluster.configurationVersion {
                found.append(
                    ReadinessFinding(
                        topic: "configuration",
                        level: .warning,
                        text: "node \(name) does not have the current configuration",
                        mend: "muster node show \(name)"
                    )
                )
            }
        }
        return found
    }

    /// A standby node and its production node define the same services and handlers, and are alike.
    private func pairFindings(of site: SiteName) -> [ReadinessFinding] {
        var found: [ReadinessFinding] = []
        func say(_ topic: String, _ level: ReadinessFinding.Level, _ text: String, _ mend: String) {
            found.append(ReadinessFinding(topic: topic, level: level, text: text, mend: mend))
        }
        let partners = members(of: site).compactMap { pair(of: $0.record.id) }
        let unpaired = members(of: cluster.activeSite).filter { !partners.contains($0.record.id) }
        if !unpaired.isEmpty {
            say(
                "pairs",
                .warning,
                "\(counted(unpaired.count, "node")) of site \(cluster.activeSite) "
                    + "\(unpaired.count == 1 ? "has" : "have") no pair here: "
                    + short(unpaired.map(\.record.name.text)),
                "muster node pair STANDBY PRODUCTION"
            )
        }
        for member in members(of: site) where member.isSynced {
            guard let partner = pair(of: member.record.id).flatMap({ nodes[$0] }),
                partner.isSynced
            else {
                continue
            }
            let names = "\(member.record.name) and its pair \(partner.record.name)"
            let lacking = partner.services.keys.filter { member.services[$0] == nil }
            let extra = member.services.keys.filter { partner.services[$0] == nil }
            if !lacking.isEmpty {
                say(
                    "services",
                    .blocking,
                    "node \(member.record.name) does not define "
                        + "\(short(lacking.map(\.text))), which its pair \(partner.record.name) does",
                    "add them to its services.d and reload its agent"
                )
            }
            if !extra.isEmpty {
                say(
                    "services",
                    .warning,
                    "only node \(member.record.name) defines \(short(extra.map(\.text))), not its "
                        + "pair \(partner.record.name)",
                    "remove them, or define them on both"
                )
            }
            if member.handlers.keys != partner.handlers.keys {
                say(
                    "handlers",
                    .warning,
                    "\(names) do not define the same handlers",
                    "muster node show \(member.record.name)"
                )
            }
            if let own = member.facts, let other = partner.facts,
                own.operatingSystem != other.operatingSystem
                    || own.architecture != other.architecture
                    || own.installPath != other.installPath
            {
                say(
                    "nodes",
                    .warning,
                    "\(names) differ in system, architecture or install path",
                    "muster preflight"
                )
            }
        }
        return found
    }

    /// Processors of those that could take over, against those of the active site that work now.
    private func capacityFindings(
        of site: SiteName,
        _ able: [Member]
    ) -> [ReadinessFinding] {
        func processors(_ members: [Member]) -> UInt64 {
            members.reduce(0) { $0 + UInt64($1.load?.processors ?? 0) }
        }
        let own = processors(able)
        let needed = processors(members(of: cluster.activeSite).filter(\.isSynced))
        guard needed > 0 else { return [] }
        let text = "\(counted(own, "processor")) here, \(needed) at site \(cluster.activeSite)"
        return [
            ReadinessFinding(
                topic: "capacity",
                level: own * 2 < needed ? .warning : .fine,
                text: text,
                mend: own * 2 < needed ? "the site would have less than half of the power" : ""
            )
        ]
    }

    private func drillFindings(of site: SiteName) -> [ReadinessFinding] {
        let old = members(of: site).filter { $0.isSynced && !$0.knowsDrills }
        let tooOld = old.map { member in
            ReadinessFinding(
                topic: "drill",
                level: .warning,
                text: "the agent of node \(member.record.name) is too old to take part in a drill",
                mend: "upgrade its agent"
            )
        }
        return tooOld + lastDrillFindings(of: site)
    }

    private func lastDrillFindings(of site: SiteName) -> [ReadinessFinding] {
        let last = runs.runs.values.last { $0.kind == .drill && $0.to == site && $0.state == .done }
        guard let at = last?.endedAt else {
            return [
                ReadinessFinding(
                    topic: "drill",
                    level: .warning,
                    text: "no drill was ever made with site \(site)",
                    mend: "muster drill \(site)"
                )
            ]
        }
        // Only a clock that was wrong, then or now, has it end later than now.
        guard at <= now.wall + .seconds(60) else {
            return [
                ReadinessFinding(
                    topic: "drill",
                    level: .warning,
                    text:
                        "how old the last drill is, is not known: it ended at \(at.forPeople), by a "
                        + "clock that was set back since",
                    mend: "look at the clock of the controller's host; muster drill \(site)"
                )
            ]
        }
        let isOld = now.wall - at > .seconds(drillDays * 86_400)
        return [
            ReadinessFinding(
                topic: "drill",
                level: isOld ? .warning : .fine,
                text: "the last drill ended at \(at.forPeople)"
                    + (isOld ? ", more than \(drillDays) days ago" : ""),
                mend: isOld ? "muster drill \(site)" : ""
            )
        ]
    }
}
