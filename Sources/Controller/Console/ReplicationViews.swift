import API
import ControllerCore
import Model
import Protocol

// Data sets as the console's interface shows them. Functions of their arguments alone.

extension NodeViews {
    var dataSets: [DataSetStatus] { machine.watchedDataSets.map(dataSet) }

    func dataSet(_ name: DataSetName) -> DataSetStatus {
        let entry = machine.replication.entries[name]
        let active = machine.cluster.activeSite
        let sites =
            [active]
            + machine.sites.keys.filter { site in
                site != active
                    && (!machine.readers(of: name, at: site).isEmpty
                        || entry?.divergences[site] != nil
                        || machine.replicationRules.objectives[name] != nil)
            }
        return DataSetStatus(
            name: name.text,
            required: machine.replicationRules.isRequired(name),
            objectiveMilliseconds: machine.replicationRules.objectives[name]?.milliseconds,
            writer: entry?.writer.flatMap { machine.nodes[$0]?.record.name.text },
            canary: entry?.acknowledged.map { "\($0)" },
            problem: entry?.problem ?? "",
            sites: sites.map { dataSet(name, at: $0) }
        )
    }

    private func dataSet(_ name: DataSetName, at site: SiteName) -> DataSetAtSite {
        var view = DataSetAtSite(
            site: site.text,
            state: "source",
            nodes: machine.readers(of: name, at: site).map(\.record.name.text)
        )
        if case .seen(let canary, _, let age) = machine.reading(of: name, at: site) {
            view.canary = canary.map { "\($0)" }
            view.sampleAgeMilliseconds = age.milliseconds
        }
        let own = machine.readers(of: name, at: site).compactMap {
            machine.replication.entries[name]?.readings[$0.record.id]?.own
        }
        view.replicatorLagMilliseconds = own.compactMap(\.milliseconds).max()
        view.replicatorLagBytes = own.compactMap(\.bytes).max()
        guard site != machine.cluster.activeSite else { return view }
        let measure = machine.lag(of: name, at: site)
        switch measure {
        case .unknown(let text):
            view.state = "unknown"
            view.text = text
        case .known(let lag, let count):
            view.state = machine.isLate(name, measure) ? "late" : "fine"
            view.lagMilliseconds = lag.milliseconds
            view.canariesBehind = count
        }
        if let divergence = machine.openDivergences(of: site).first(where: { $0.dataSet == name }) {
            view.state = "diverged"
            view.divergedBy = divergence.count
            view.text =
                "node \(divergence.node) has canary \(divergence.canary), the active data has it up to "
                + (divergence.fork.map { "\($0)" } ?? "none")
        }
        return view
    }

    /// Nil when there is no such data set.
    func dataSetDetail(_ name: DataSetName) -> DataSetDetail? {
        guard let entry = machine.replication.entries[name] else { return nil }
        return DataSetDetail(
            asOf: asOf,
            dataSet: dataSet(name),
            series: entry.series.map { site, series in
                LagSeries(
                    site: site.text,
                    minutes: series.minutes.map { minute, lag in
                        API.LagMinute(
                            at: WallTime(milliseconds: Int64(minute) * 60_000).iso8601,
                            worstMilliseconds: lag.worstMilliseconds,
                            unknownSeconds: lag.unknownSeconds
                        )
                    }
                )
            },
            forks: entry.forks.reversed().map(loss)
        )
    }

    func losses(of run: RunID) -> [RunDataLoss] { machine.losses(of: run).map(loss) }

    private func loss(_ fork: ForkRecord) -> RunDataLoss {
        RunDataLoss(
            dataSet: fork.dataSet.text,
            run: fork.run.number,
            epoch: "\(fork.epoch)",
            from: fork.from.text,
            to: fork.to.text,
            canary: fork.canary.map { "\($0)" },
            acknowledged: fork.acknowledged.map { "\($0)" },
            lost: fork.lost,
            rpoMilliseconds: fork.lossMilliseconds,
            objectiveMilliseconds: fork.objectiveMilliseconds,
            at: fork.at.iso8601
        )
    }

    /// What a gate would say of data now.
    func dataOutlook(_ request: RunRequest) -> [String] {
        guard request.kind != .drill else { return [] }
        let diverged = machine.openDivergences(of: request.to).map {
            "REFUSED: data set \($0.dataSet) has diverged by \($0.count) (--accept-divergence)"
        }
        guard request.kind == .failover else {
            return diverged
        }
        return diverged
            + machine.lossObstacles(at: request.to).map {
                "REFUSED: \($0) (--accept-data-loss overrules it)"
            }
    }
}
