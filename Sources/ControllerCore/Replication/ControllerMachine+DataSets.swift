import Model
import Protocol

// The table of data sets is limited, and anybody who is a node may tell of one: a full table costs no node
// its session, and what no node defines any more makes room (I12).

extension ControllerMachine {
    /// True when there is room for one more; one that nobody needs may have been forgotten for it.
    mutating func hasRoomForDataSet() -> Bool {
        guard replication.entries.count >= ReplicationBook.dataSetsMax else { return true }
        guard let name = replication.entries.keys.first(where: { isForgettable($0) }) else {
            return false
        }
        forgetDataSet(name)
        return true
    }

    /// No node defines it, and nothing hangs on it: no setting, no history that has parted. After a start
    /// the nodes are given time to tell.
    private func isForgettable(_ name: DataSetName) -> Bool {
        guard let entry = replication.entries[name], runs.live == nil,
            now.instant >= startedAt.instant + ReplicationBook.forgetAfter
        else { return false }
        let isRecent = entry.readings.values.contains {
            now.instant < $0.at + ReplicationBook.forgetAfter
        }
        let isDefined = nodes.values.contains {
            $0.record.membership != .removed && $0.dataSets[name] != nil
        }
        return !isRecent && !isDefined && entry.forks.allSatisfy(\.isOfRestore)
            && entry.divergences.isEmpty
            && replicationRules.objectives[name] == nil && replicationRules.isRequired(name)
    }

    private mutating func forgetDataSet(_ name: DataSetName) {
        guard let entry = replication.entries[name] else { return }
        // Should it be told of again, its data has canaries with these numbers.
        cluster.canaryFloor = max(cluster.canaryFloor, entry.record.ceiling)
        put(.cluster(cluster))
        for (site, series) in entry.series {
            var hour: UInt64?
            for minute in series.minutes.keys where minute / 60 != hour {
                hour = minute / 60
                let key = LagHourRecord.storeKey(name, site, minute / 60)
                effects.journal.append(.delete(table: .lagHour, key: key))
            }
        }
        for fork in entry.forks {
            effects.journal.append(.delete(table: .fork, key: fork.storeKey))
        }
        replication.entries[name] = nil
        closeDataAlarms(of: name)
        effects.journal.append(.delete(table: .dataSet, key: name.text))
        auditOwn("data.forget", name.text, reason: "no node defines it; another needs its place")
    }

    /// Told once an hour at most: a node may tell of new ones without end.
    mutating func ignore(_ name: DataSetName, of node: NodeRecord) {
        if let at = replication.ignoredAt, now.instant < at + ReplicationBook.tellIgnoredAgain {
            return
        }
        replication.ignoredAt = now.instant
        tell(
            .dataIgnored,
            .warning,
            name.text,
            "Data set \(name) of node \(node.name) is ignored: there are "
                + "\(ReplicationBook.dataSetsMax), more than a cluster may have.",
            cause: "each name that a node defines is one, and what a setting names is kept",
            consequence: "nothing is known of its data; mend the definitions of the nodes"
        )
    }
}
