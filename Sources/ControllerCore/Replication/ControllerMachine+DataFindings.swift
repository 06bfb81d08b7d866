import Model
import Protocol

// What readiness says of data.

extension ControllerMachine {
    func replicationFindings(of site: SiteName) -> [ReadinessFinding] {
        let names = watchedDataSets
        let unread = unwatchedFindings(of: site)
        guard !names.isEmpty else {
            return unread + [
                ReadinessFinding(
                    topic: "replication",
                    level: .warning,
                    text: "no data set is watched: the RPO is unknown",
                    mend: "define data.d/NAME.conf on nodes of both sites"
                )
            ]
        }
        return unread + names.map { replicationFinding(of: $0, site) }
            + openDivergences(of: site).map {
                ReadinessFinding(
                    topic: "divergence",
                    level: .blocking,
                    text: text(of: $0),
                    mend: "with the run, if the loss is accepted: --accept-divergence \($0.count)"
                )
            }
    }

    /// Data sets that nobody defines now and a failover waits for all the same: since a restore it is not
    /// known whether the site has parted with them.
    private func unwatchedFindings(of site: SiteName) -> [ReadinessFinding] {
        let watched = watchedDataSets
        return lossesInTheWay(at: site).filter { !watched.contains($0.name) }.map { name, text in
            ReadinessFinding(
                topic: "replication",
                level: .blocking,
                text: text,
                mend: "when it is used no more: muster config set data.\(name).required no"
            )
        }
    }

    /// Data sets for which no planned move to a site begins.
    func blockingData(at site: SiteName) -> [(name: DataSetName, text: String)] {
        watchedDataSets.compactMap { name in
            let finding = replicationFinding(of: name, site)
            return finding.level == .blocking ? (name, finding.text) : nil
        }
    }

    private func replicationFinding(of name: DataSetName, _ site: SiteName) -> ReadinessFinding {
        let objective = replicationRules.objectives[name]
        let measure = lag(of: name, at: site)
        let isRequired = replicationRules.isRequired(name)
        let limit = objective.map { "RPO \($0.forPeople)" } ?? "no RPO is set"
        let isBad = isLate(name, measure)
        let level: ReadinessFinding.Level =
            isBad && isRequired && objective != nil
            ? .blocking : isBad || objective == nil ? .warning : .fine
        let text =
            switch measure {
            case .known(let lag, let count):
                "data set \(name) is \(lag.forPeople) (\(count) canaries) behind; \(limit)"
            case .unknown(let reason):
                "how far data set \(name) is behind is not known: \(reason); \(limit)"
            }
        let mend =
            isBad
            ? "muster replication show \(name)"
            : objective == nil ? "muster config set data.\(name).rpo 60s" : ""
        return ReadinessFinding(
            topic: "replication",
            level: level,
            text: isRequired ? text : "\(text); watched only",
            mend: mend
        )
    }
}
