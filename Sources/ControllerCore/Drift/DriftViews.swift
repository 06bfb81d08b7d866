public import Model
public import Protocol

/// A pair and all that is compared of it, as it stands now.
public struct DriftPair: Hashable, Sendable {
    public var standby: NodeID
    public var standbyName: NodeName
    public var standbySite: SiteName
    public var production: NodeID
    public var productionName: NodeName
    public var productionSite: SiteName
    /// Both have a session.
    public var isConnected: Bool
    public var sets: [DriftView]
}

/// One set of one pair.
public struct DriftView: Hashable, Sendable {
    public enum State: String, Hashable, Sendable, CaseIterable {
        /// Compared, and as it should be.
        case fine
        case drift
        /// It cannot be said, which is never as good as fine.
        case unknown
    }

    public struct Difference: Hashable, Sendable {
        public var path: String
        public var aspects: [DriftAspect]
        public var standby: FileEntry?
        public var production: FileEntry?
    }

    public var set: ComparedSetName
    /// As the standby node says, or else the production node.
    public var kind: ComparedKind
    public var standbyName: NodeName
    public var productionName: NodeName
    public var state: State
    /// Why it is unknown, or what else is to be known; may be empty.
    public var reason: String
    /// The production node says so.
    public var isRequired: Bool
    /// Both nodes let the texts of files be shown.
    public var isShown: Bool
    /// As last compared; not all of them where there are many.
    public var differences: [Difference]
    public var count: UInt32
    /// Files of the production node.
    public var entries: UInt32
    public var comparedAt: WallTime?
    public var since: WallTime?
    /// Since the older of the two looks ended; nil while one has never ended.
    public var age: Duration?
}

extension ControllerMachine {
    /// Every pair of which one node is of the site, in the order of the standby's names.
    public func driftPairs(of site: SiteName) -> [DriftPair] {
        var pairs: [DriftPair] = []
        for holder in nodes.values where holder.record.membership != .removed {
            guard let other = holder.record.pair, let partner = nodes[other],
                partner.record.membership != .removed,
                holder.record.site == site || partner.record.site == site
            else { continue }
            let (standby, production) = parts(holder, partner)
            var names = holder.sets.keys
            names += partner.sets.keys.filter { holder.sets[$0] == nil }
            let sides = PairOf(holder: holder, partner: partner)
            pairs.append(
                DriftPair(
                    standby: standby.record.id,
                    standbyName: standby.record.name,
                    standbySite: standby.record.site,
                    production: production.record.id,
                    productionName: production.record.name,
                    productionSite: production.record.site,
                    isConnected: holder.isSynced && partner.isSynced,
                    sets: names.sorted().compactMap {
                        driftView(DriftKey(holder: holder.record.id, set: $0), sides)
                    }
                )
            )
        }
        return pairs.sorted { $0.standbyName < $1.standbyName }
    }

    /// Which of the two works now; as they were paired, when neither does.
    private func parts(_ holder: Member, _ partner: Member) -> (standby: Member, production: Member)
    {
        holder.record.site == cluster.activeSite ? (partner, holder) : (holder, partner)
    }

    func driftView(_ key: DriftKey, _ sides: PairOf<Member>) -> DriftView? {
        let isSwapped = sides.holder.record.site == cluster.activeSite
        let (standby, production) = parts(sides.holder, sides.partner)
        let own = standby.sets[key.set]
        let other = production.sets[key.set]
        guard let kind = own?.report.kind ?? other?.report.kind else { return nil }
        let result = drift.results[key]
        var view = DriftView(
            set: key.set,
            kind: kind,
            standbyName: standby.record.name,
            productionName: production.record.name,
            state: .unknown,
            reason: "",
            isRequired: other?.report.isRequired ?? false,
            isShown: own?.report.isShown == true && other?.report.isShown == true,
            differences: [],
            count: result?.count ?? 0,
            entries: other?.report.entries ?? 0,
            comparedAt: result?.comparedAt,
            since: result?.since
        )
        if let age = own?.age(at: now.instant), let otherAge = other?.age(at: now.instant) {
            view.age = max(age, otherAge)
        }
        for difference in result?.differences ?? [] {
            let entries = difference.entries
            let here = isSwapped ? entries.partner : entries.holder
            let there = isSwapped ? entries.holder : entries.partner
            view.differences.append(
                DriftView.Difference(
                    path: here?.path ?? there?.path ?? "",
                    aspects: DriftAspect.aspects(
                        standby: here,
                        production: there,
                        of: kind
                    ),
                    standby: here,
                    production: there
                )
            )
        }
        judge(&view, key, standby, production, result)
        return view
    }

    private func judge(
        _ view: inout DriftView,
        _ key: DriftKey,
        _ standby: Member,
        _ production: Member,
        _ result: DriftResult?
    ) {
        if let reason = obstacle(key.set, standby, production) {
            view.reason = reason
            return
        }
        guard let own = standby.sets[key.set], let other = production.sets[key.set] else { return }
        let digests: PairOf<String> =
            standby.record.id == key.holder
            ? PairOf(holder: own.report.digest, partner: other.report.digest)
            : PairOf(holder: other.report.digest, partner: own.report.digest)
        guard let result, result.digests == digests else {
            view.reason =
                drift.failures[key].map { "it could not be compared: \($0.reason)" }
                ?? "it is being compared"
            return
        }
        let incomplete = [(standby, own), (production, other)].compactMap { member, set in
            set.report.problem.isEmpty
                ? nil : "not all of it is known at \(member.record.name): \(set.report.problem)"
        }
        view.reason = incomplete.first ?? ""
        // A difference is one, however little else is known.
        view.state = result.isFine ? (incomplete.isEmpty ? .fine : .unknown) : .drift
    }

    /// Why the two cannot be compared now.
    private func obstacle(
        _ set: ComparedSetName,
        _ standby: Member,
        _ production: Member
    ) -> String? {
        for member in [standby, production] {
            guard member.isSynced, let link = member.link else {
                return "node \(member.record.name) has no session"
            }
            guard link.version >= WireLimits.siteVersion else {
                return "the agent of \(member.record.name) is too old to be compared"
            }
        }
        guard let own = standby.sets[set] else {
            return "only node \(production.record.name) lists it"
        }
        guard let other = production.sets[set] else {
            return "only node \(standby.record.name) lists it"
        }
        guard own.report.kind == other.report.kind, own.report.definition == other.report.definition
        else {
            return "\(standby.record.name) and \(production.record.name) define it differently "
                + "(paths, ignore, compare and command must be alike)"
        }
        for (member, known) in [(standby, own), (production, other)] {
            let name = member.record.name
            guard let age = known.age(at: now.instant) else {
                return "node \(name) has not looked at it yet"
            }
            if known.report.digest.isEmpty {
                let problem = known.report.problem
                return "node \(name): \(problem.isEmpty ? "there is nothing to compare" : problem)"
            }
            if known.isOld(at: now.instant) {
                return "the last look of node \(name) is \(age.forPeople) old"
            }
        }
        return nil
    }
}
