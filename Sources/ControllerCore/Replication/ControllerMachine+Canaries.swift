import Model
import Protocol

// Canaries: numbered here, written by one node of the active site, about one a second, and read back by
// the nodes of every site. Every moment is one of this controller's own clock.

extension ControllerMachine {
    // MARK: What nodes say

    mutating func hear(_ message: AgentDataMessage, from id: NodeID, _ connection: ConnectionID) {
        guard nodes[id]?.link.map({ $0.version >= WireLimits.siteVersion }) ?? false else {
            return dismiss(connection, .badVerb, "data sets are told of since version 3")
        }
        switch message {
        case .dataSet(let report): define(report, on: id, connection)
        case .seen(let name, let reading): note(reading, of: name, from: id)
        case .lag(let name, let lag):
            replication.entries.update(name) { $0.readings.update(id) { $0.own = lag } }
        case .written(let name, let canary): written(canary, of: name, by: id)
        case .unwritten(let name, let canary, let code, let text):
            unwritten(canary, of: name, by: id, text.isEmpty ? code.rawValue : text)
        }
    }

    private mutating func define(
        _ report: DataSetReport,
        on id: NodeID,
        _ connection: ConnectionID
    ) {
        guard report.isWritable || report.isReadable else {
            touch(id) { $0.dataSets[report.name] = nil }
            replication.entries.update(report.name) { $0.readings[id] = nil }
            return
        }
        guard let member = nodes[id] else { return }
        guard
            member.dataSets[report.name] != nil
                || member.dataSets.count < DataLimits.dataSetsPerNodeMax
        else { return dismiss(connection, .badLine, "more data sets than a node may report") }
        guard replication.entries[report.name] != nil || hasRoomForDataSet() else {
            return ignore(report.name, of: member.record)
        }
        touch(id) { $0.dataSets[report.name] = report }
        guard replication.entries[report.name] == nil else { return }
        var record = DataSetRecord(name: report.name)
        record.ceiling = max(leastCanary, cluster.canaryFloor)
        replication.entries[report.name] = ReplicationBook.Entry(record)
        put(.dataSet(record))
        auditOwn("data.add", report.name.text, reason: "node \(member.record.name) defines it")
        forkRestored(report.name)
    }

    private mutating func note(_ reading: CanaryReading, of name: DataSetName, from id: NodeID) {
        guard let member = nodes[id], member.dataSets[name]?.isReadable ?? false else { return }
        replication.entries.update(name) { [now] entry in
            let before = entry.readings[id]
            let last: Canary? =
                switch reading {
                case .canary(let canary): canary
                case .none: nil
                case .failed: before?.last
                }
            entry.readings[id] = ReplicationBook.Reading(
                result: reading,
                at: now.instant,
                last: last,
                own: before?.own
            )
        }
        if runs.live != nil { runs.isDue = true }
        guard case .canary(let canary) = reading else { return }
        if member.record.site == cluster.activeSite {
            raiseFork(of: name)
        } else {
            considerDivergence(of: name, canary, at: member.record)
        }
    }

    /// Believed of a node of the active site that was told to write just this one, and may.
    private mutating func written(_ canary: Canary, of name: DataSetName, by id: NodeID) {
        guard let entry = replication.entries[name], let member = nodes[id],
            member.record.site == cluster.activeSite,
            member.dataSets[name]?.isWritable ?? false,
            entry.moments.contains(where: { $0.canary == canary && $0.node == id })
        else { return }
        replication.entries.update(name) { [now] entry in
            if entry.pending?.canary == canary { entry.pending = nil }
            entry.writer = id
            entry.problem = ""
            guard canary > entry.acknowledged ?? Canary(epoch: .zero, sequence: 1) else { return }
            entry.acknowledged = canary
            entry.acknowledgedAt = now.instant
            if let closing = entry.closing, closing.canary == nil, canary.sequence >= closing.from {
                entry.closing?.canary = canary
            }
        }
        keepClosing(name)
        touch(id) { _ in }
        if runs.live != nil { runs.isDue = true }
    }

    private mutating func unwritten(
        _ canary: Canary,
        of name: DataSetName,
        by id: NodeID,
        _ text: String
    ) {
        guard replication.entries[name]?.pending?.canary == canary,
            replication.entries[name]?.pending?.node == id
        else { return }
        giveUp(
            name,
            "node \(nodes[id]?.record.name.text ?? "") could not write it: \(text)",
            isSaid: true
        )
    }

    /// The next one goes to another node, where there is one.
    ///
    /// - Parameter isSaid: its node says that it could not, and was not only silent.
    private mutating func giveUp(_ name: DataSetName, _ problem: String, isSaid: Bool) {
        if let node = replication.entries[name]?.pending?.node { touch(node) { _ in } }
        let others = writers(of: name).map(\.record.id)
        let patience =
            writers(of: name).compactMap { $0.dataSets[name]?.patience }.min()
            ?? ReplicationBook.patience
        replication.entries.update(name) { entry in
            let failed = entry.pending?.node
            let sequence = entry.pending?.canary.sequence ?? 0
            entry.pending = nil
            entry.problem = kept(problem, bytesMax: Limits.textBytesMax)
            entry.writer = others.first { $0 > failed ?? $0 } ?? others.first
            guard isSaid, let closing = entry.closing, closing.canary == nil,
                sequence >= closing.from
            else { return }
            entry.closing?.failures += 1
            // A database that was stopped with the services takes no more: then the last one that it
            // had taken is the last one, if it took canaries until then.
            if closing.failures + 1 >= 2, let last = entry.acknowledged,
                last.epoch == cluster.epoch, let at = entry.acknowledgedAt,
                at + patience >= closing.since
            {
                entry.closing?.canary = last
            }
        }
        keepClosing(name)
        if runs.live != nil { runs.isDue = true }
    }

    /// That the last canary is the last one must outlive this controller, and so must that the active
    /// site has written under its epoch.
    private mutating func keepClosing(_ name: DataSetName) {
        guard let entry = replication.entries[name] else { return }
        let closed = entry.closing.flatMap { $0.canary == nil ? nil : $0.run }
        let isClosedNow = closed != nil && entry.record.closed != closed
        guard
            isClosedNow || entry.record.acknowledged?.epoch != entry.acknowledged?.epoch
                || closed != nil && entry.record.acknowledged != entry.acknowledged
        else { return }
        replication.entries.update(name) {
            $0.record.acknowledged = $0.acknowledged
            $0.record.closed = closed ?? $0.record.closed
        }
        if let record = replication.entries[name]?.record { put(.dataSet(record)) }
    }

    // MARK: Numbers

    /// Of the time that a restored backup does not know of, data has higher numbers than the store, and
    /// data sets may have been defined in it.
    private var leastCanary: UInt64 {
        let generation = UInt64(cluster.epoch.generation)
        return generation > 1 ? generation << 40 : 1
    }

    /// With a new generation: no number is given out again.
    mutating func raiseCanaries() {
        for name in replication.entries.keys {
            replication.entries.update(name) { [leastCanary] entry in
                entry.record.ceiling = max(entry.record.ceiling, leastCanary)
                entry.next = entry.record.ceiling
            }
            if let record = replication.entries[name]?.record { put(.dataSet(record)) }
        }
    }

    // MARK: Writing

    /// Members of the active site that can be told to write, by name.
    func writers(of name: DataSetName) -> [Member] {
        members(of: cluster.activeSite).filter {
            $0.isSynced && $0.record.conflict == nil && $0.record.isAdmitted
                && $0.record.membership == .joined && $0.dataSets[name]?.isWritable ?? false
        }
    }

    /// A node was given a canary and has not answered: it may be writing it.
    func isWriting(_ id: NodeID) -> Bool {
        replication.entries.values.contains { $0.pending?.node == id }
    }

    /// Gives out what is due, and looks once a second at how far every site is behind.
    mutating func settleReplication() {
        guard !replication.entries.isEmpty else { return }
        for name in replication.entries.keys { settleCanary(of: name) }
        let tickAt = replication.tickAt ?? now.instant
        if now.instant >= tickAt {
            replication.tickAt = now.instant + .seconds(1)
            for name in replication.entries.keys { measure(name) }
        }
        if let deadline = replicationDeadline { expect(by: deadline) }
    }

    var replicationDeadline: Instant? {
        guard !replication.entries.isEmpty else { return nil }
        let own = replication.entries.values.flatMap { entry in
            [entry.pending?.until, entry.pending == nil ? entry.dueAt : nil].compactMap { $0 }
        }
        return (own + [replication.tickAt ?? now.instant]).min()
    }

    private mutating func settleCanary(of name: DataSetName) {
        guard let entry = replication.entries[name] else { return }
        if let closing = entry.closing, closing.run != runs.live {
            replication.entries.update(name) { $0.closing = nil }
        }
        if let pending = entry.pending, now.instant >= pending.until {
            let node = nodes[pending.node]?.record.name.text ?? ""
            giveUp(name, "node \(node) has not answered", isSaid: false)
        }
        guard let entry = replication.entries[name], entry.pending == nil,
            now.instant >= entry.dueAt ?? now.instant
        else { return }
        let able = writers(of: name)
        guard isGranting, settling == nil, role(of: cluster.activeSite) == .active,
            entry.closing?.canary == nil, !awaitsFirstLook(of: name),
            let member = able.first(where: { $0.record.id == entry.writer }) ?? able.first
        else {
            if able.isEmpty {
                let text = "no node of site \(cluster.activeSite) that can be reached writes it"
                replication.entries.update(name) { $0.problem = text }
            }
            replication.entries.update(name) { [now] in $0.dueAt = now.instant + .seconds(1) }
            return
        }
        give(name, to: member)
    }

    /// The number is durable before it goes out: it is never given out again.
    private mutating func give(_ name: DataSetName, to member: Member) {
        guard let link = member.link, let report = member.dataSets[name],
            let sequence = replication.entries[name]?.next
        else { return }
        let canary = Canary(epoch: cluster.epoch, sequence: sequence)
        replication.entries.update(name) { [now] entry in
            entry.next += 1
            entry.moments.append(.init(canary: canary, node: member.record.id, at: now.instant))
            if entry.moments.count > ReplicationBook.momentsKept { entry.moments.removeFirst() }
            entry.dueAt = now.instant + report.pause
            entry.pending = .init(
                canary: canary,
                node: member.record.id,
                until: now.instant + min(report.timeout, .seconds(60)) + .seconds(2)
            )
            guard sequence >= entry.record.ceiling else { return }
            entry.record.ceiling = sequence + DataSetRecord.blockSize
            entry.record.acknowledged = entry.acknowledged
            entry.record.blocks.append(.init(first: sequence, at: now.wall))
            if entry.record.blocks.count > DataSetRecord.blocksKept {
                entry.record.blocks.removeFirst()
            }
        }
        if let record = replication.entries[name]?.record,
            record.ceiling == sequence + DataSetRecord.blockSize
        {
            put(.dataSet(record))
        }
        send(
            .data(.canary(name, canary, token: token(of: member.record))),
            to: link.connection
        )
    }
}

extension DataSetReport {
    /// Between two canaries; what a node tells is held to what makes sense.
    var pause: Duration { min(max(interval, .milliseconds(200)), .seconds(600)) }

    /// How old a reading may be.
    var patience: Duration { max(ReplicationBook.patience, pause + pause + pause) }
}
