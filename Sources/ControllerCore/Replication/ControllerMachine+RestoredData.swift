import Model
import Protocol

// A store that was restored does not know which histories have parted since the backup. What the active
// site has is the active history; every other site has to show that its own is a part of it (I19).

extension RunID {
    /// Of what no run has done, but a restore.
    static let ofRestore = RunID(0)
}

extension ControllerMachine {
    /// With a new generation: of each data set the point up to which other sites may have what the active
    /// one has. Of what came after the backup that is what the nodes of the active site read, before they
    /// write anything of the new generation.
    mutating func forkData() {
        closeDataAlarms(
            at: cluster.activeSite,
            text: "Site \(cluster.activeSite) is the active one: it is behind nobody."
        )
        for (name, entry) in replication.entries {
            // Nothing was written since an earlier restore: whoever was active by its word, this one says
            // it anew.
            if let last = entry.forks.last, last.isOfRestore,
                entry.acknowledged?.epoch ?? .zero <= last.epoch
            {
                replication.entries.update(name) { _ = $0.forks.removeLast() }
                effects.journal.append(.delete(table: .fork, key: last.storeKey))
            }
            if let record = entry.divergences[cluster.activeSite] {
                replication.entries.update(name) { $0.divergences[cluster.activeSite] = nil }
                effects.journal.append(.delete(table: .divergence, key: record.storeKey))
            }
            forkRestored(name)
            forgetForks(of: name)
        }
    }

    /// Also of a data set that the backup does not know: it may have been replicated before.
    mutating func forkRestored(_ name: DataSetName) {
        guard cluster.epoch.generation > 1, let entry = replication.entries[name] else { return }
        let from = settling?.from ?? cluster.activeSite
        var fork = ForkRecord(
            dataSet: name,
            epoch: Epoch(generation: cluster.epoch.generation - 1, counter: .max),
            run: .ofRestore,
            from: from,
            to: cluster.activeSite,
            at: now.wall
        )
        // What the active site has written itself, by the backup, it has.
        fork.canary = from == cluster.activeSite ? entry.acknowledged : nil
        fork.acknowledged = entry.acknowledged
        replication.entries.update(name) { $0.forks.append(fork) }
        put(.fork(fork))
        auditOwn(
            "data.fork",
            name.text,
            reason: "the store was restored or adopted: site \(fork.to) has "
                + "\(fork.canary.map { "\($0)" } ?? "nothing that is known") of before"
        )
    }

    /// The store was restored and settles: what the active site has is not read yet, so nothing that
    /// another one has is beyond it.
    func isForkOpen(of name: DataSetName) -> Bool {
        settling != nil && replication.entries[name]?.forks.last?.isOfRestore ?? false
    }

    /// The last that the active site has of before is seen until it writes: it is looked at first by every
    /// node of it that can be reached.
    func awaitsFirstLook(of name: DataSetName) -> Bool {
        guard let entry = replication.entries[name], let fork = entry.forks.last, fork.isOfRestore,
            entry.acknowledged?.epoch ?? .zero <= fork.epoch
        else { return false }
        return readers(of: name, at: cluster.activeSite).contains {
            $0.isSynced && entry.readings[$0.record.id] == nil
        }
    }

    /// The end of that: what other sites have shown meanwhile is looked at.
    mutating func closeRestoredForks() {
        for (name, entry) in replication.entries where entry.forks.last?.isOfRestore ?? false {
            for (id, reading) in entry.readings {
                guard let member = nodes[id], member.record.site != cluster.activeSite,
                    let canary = reading.last
                else { continue }
                considerDivergence(of: name, canary, at: member.record)
            }
        }
    }

    /// Nobody has looked since the restore at what a site has: it may have parted from the active history.
    /// One that was the active one since was looked at before.
    func unreadSinceRestore(_ name: DataSetName, at site: SiteName) -> String? {
        guard let forks = replication.entries[name]?.forks,
            let place = forks.lastIndex(where: \.isOfRestore),
            !forks[place...].contains(where: { $0.to == site }),
            case .unknown(let text) = reading(of: name, at: site)
        else { return nil }
        return "data set \(name): whether site \(site) has parted from the active data is not "
            + "known since the restore: \(text)"
    }
}
