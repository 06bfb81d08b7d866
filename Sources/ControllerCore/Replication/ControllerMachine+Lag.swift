public import Model
import Protocol

// How far a site is behind. What is not known is never taken for fine.

/// What the nodes of a site read of a data set.
public enum SiteReading: Hashable, Sendable {
    /// Of all of them the one that has least; nil when no canary is there yet.
    case seen(Canary?, node: NodeName, age: Duration)
    case unknown(String)
}

/// How far a site is behind the active one.
public enum LagMeasure: Hashable, Sendable {
    /// So long ago the first canary was written that it does not have; zero when it has all of them.
    case known(Duration, canaries: UInt64)
    case unknown(String)
}

extension ControllerMachine {
    /// Data sets that some node defines, or for which an objective is set.
    public var watchedDataSets: [DataSetName] {
        replication.entries.keys.filter { isWatched($0) }
    }

    func isWatched(_ name: DataSetName) -> Bool {
        replicationRules.objectives[name] != nil
            || nodes.values.contains {
                $0.record.membership == .joined && $0.dataSets[name] != nil
            }
    }

    /// Those that a run may wait for.
    var requiredDataSets: [DataSetName] {
        watchedDataSets.filter { replicationRules.isRequired($0) }
    }

    /// Members of a site that read it, with or without a session.
    public func readers(of name: DataSetName, at site: SiteName) -> [Member] {
        members(of: site).filter { $0.dataSets[name]?.isReadable ?? false }
    }

    /// What was read too long ago counts as not known.
    public func reading(of name: DataSetName, at site: SiteName) -> SiteReading {
        let able = readers(of: name, at: site).filter(\.isSynced)
        guard let entry = replication.entries[name], !able.isEmpty else {
            return .unknown("no node of site \(site) that can be reached reads it")
        }
        var least: (canary: Canary?, node: NodeName, age: Duration)?
        for member in able {
            let node = member.record.name
            guard let reading = entry.readings[member.record.id] else {
                return .unknown("node \(node) has not looked yet")
            }
            let age = now.instant - reading.at
            if age > member.dataSets[name]?.patience ?? .zero {
                return .unknown("node \(node) has not told of it for \(age.forPeople)")
            }
            let canary: Canary?
            switch reading.result {
            case .failed(let text): return .unknown("node \(node) cannot read it: \(text)")
            case .none: canary = nil
            case .canary(let found): canary = found
            }
            if let before = least, (before.canary ?? .least) <= (canary ?? .least) { continue }
            least = (canary, node, age)
        }
        guard let least else { return .unknown("nobody reads it") }
        return .seen(least.canary, node: least.node, age: least.age)
    }

    /// The canary that is surely at a site, whenever it was seen there: of its nodes the one that has
    /// least. Nil when one of them has none, or could never be looked at.
    func canarySeen(of name: DataSetName, at site: SiteName) -> Canary? {
        var least: Canary?
        for member in readers(of: name, at: site) {
            guard let last = replication.entries[name]?.readings[member.record.id]?.last else {
                return nil
            }
            least = min(least ?? last, last)
        }
        return least
    }

    /// How long before `moment` a canary was written, or longer; nil when that is not known any more.
    func age(ofCanary sequence: UInt64, of name: DataSetName, at moment: Instant) -> Duration? {
        // A number that was not given out here is of a time that this store does not know of.
        guard let entry = replication.entries[name], sequence < entry.next else { return nil }
        if let exact = entry.moments.last(where: { $0.sequence <= sequence }) {
            return max(.zero, moment - exact.at)
        }
        // Given out before this controller started, or long ago: in this minute at the earliest.
        let blocks = entry.record.blocks
        guard let index = blocks.lastIndex(where: { $0.first <= sequence }) else { return nil }
        let block = blocks[index]
        // The clock on the wall was set back since: how far is not known.
        let moments = blocks[index...].map(\.at) + [now.wall]
        guard zip(moments, moments.dropFirst()).allSatisfy({ $0 <= $1 }) else { return nil }
        return max(.zero, (now.wall - block.at) - (now.instant - moment))
    }

    public func lag(of name: DataSetName, at site: SiteName) -> LagMeasure {
        guard let entry = replication.entries[name] else { return .unknown("nobody defines it") }
        let seen: Canary?
        switch reading(of: name, at: site) {
        case .unknown(let text): return .unknown(text)
        case .seen(let canary, _, _): seen = canary
        }
        let interval = writers(of: name).compactMap { $0.dataSets[name]?.patience }.min()
        let problem = entry.problem.isEmpty ? "" : ": \(entry.problem)"
        guard let last = entry.acknowledged, let at = entry.acknowledgedAt else {
            return .unknown("no canary was written yet\(problem)")
        }
        guard now.instant - at <= interval ?? ReplicationBook.patience else {
            return .unknown("no canary was written for \((now.instant - at).forPeople)\(problem)")
        }
        guard let seen else {
            return .unknown("no canary was ever seen at site \(site)")
        }
        guard seen < last else { return .known(.zero, canaries: 0) }
        let behind = last.sequence - min(last.sequence, seen.sequence)
        guard let age = age(ofCanary: seen.sequence + 1, of: name, at: now.instant) else {
            return .unknown("canary \(seen), the last one seen there, is older than what is kept")
        }
        return .known(age, canaries: behind)
    }

    public func isLate(_ name: DataSetName, _ measure: LagMeasure) -> Bool {
        switch measure {
        case .unknown: true
        case .known(let lag, _): replicationRules.objectives[name].map { lag > $0 } ?? false
        }
    }

    // MARK: The series

    /// Once a second.
    mutating func measure(_ name: DataSetName) {
        let minute = UInt64(max(0, now.wall.milliseconds) / 60_000)
        for site in sites.keys where site != cluster.activeSite {
            let isKnown =
                replication.entries[name]?.series[site] != nil
                || isDataAlarmOpen(name, site)
            guard isKnown || !readers(of: name, at: site).isEmpty else { continue }
            var series = replication.entries[name]?.series[site] ?? ReplicationBook.Series()
            if let before = series.present, before != minute {
                keep(series, name, site, hour: before / 60)
                forgetMinutes(before: minute, in: &series, name, site)
            }
            let measure = lag(of: name, at: site)
            var lag = series.minutes[minute] ?? LagMinute()
            switch measure {
            case .known(let age, _):
                let milliseconds = UInt64(max(0, age.wholeMilliseconds))
                lag.worstMilliseconds = max(lag.worstMilliseconds ?? 0, milliseconds)
            case .unknown: lag.unknownSeconds = min(60, lag.unknownSeconds + 1)
            }
            series.minutes[minute] = lag
            series.present = minute
            worry(measure, name, site, &series)
            replication.entries.update(name) { $0.series[site] = series }
        }
    }

    private mutating func keep(
        _ series: ReplicationBook.Series,
        _ name: DataSetName,
        _ site: SiteName,
        hour: UInt64
    ) {
        var record = LagHourRecord(dataSet: name, site: site, hour: hour)
        for minute in hour * 60..<hour * 60 + 60 {
            if let lag = series.minutes[minute] { record.minutes[minute - hour * 60] = lag }
        }
        put(.lagHour(record))
    }

    private mutating func forgetMinutes(
        before minute: UInt64,
        in series: inout ReplicationBook.Series,
        _ name: DataSetName,
        _ site: SiteName
    ) {
        let oldest = minute - min(minute, ReplicationBook.minutesKept)
        while let first = series.minutes.keys.first, first < oldest {
            series.minutes[first] = nil
            guard series.minutes.keys.first.map({ $0 / 60 != first / 60 }) ?? true else { continue }
            let key = LagHourRecord.storeKey(name, site, first / 60)
            effects.journal.append(.delete(table: .lagHour, key: key))
        }
    }

    private mutating func worry(
        _ measure: LagMeasure,
        _ name: DataSetName,
        _ site: SiteName,
        _ series: inout ReplicationBook.Series
    ) {
        let isWatched = isWatched(name)
        let isBad = isWatched && isLate(name, measure)
        series.badSince = isBad ? series.badSince ?? now.wall : nil
        let objective = replicationRules.objectives[name].map { " (RPO \($0.forPeople))" } ?? ""
        var isUnknown = false
        var sentence: String
        var cause = ""
        switch measure {
        case .unknown(let text):
            isUnknown = true
            sentence =
                "How far site \(site) is behind with data set \(name) is not known\(objective)."
            cause = text
        case .known(.zero, _):
            sentence = "Site \(site) has all of data set \(name)\(objective)."
        case .known(let lag, _):
            sentence =
                "Site \(site) is \(lag.forPeople) behind with data set \(name)\(objective)."
        }
        if !isWatched {
            isUnknown = false
            sentence = "Data set \(name) is not watched any more."
        }
        worry(&series.unknown, isUnknown, (.dataUnknown, .dataKnown), name, site, sentence, cause)
        if isUnknown {
            // Nobody can say that it has caught up: what was late stays so until that is known.
            series.late.changedAt = nil
        } else {
            worry(&series.late, isBad, (.dataLate, .dataRecovered), name, site, sentence, cause)
        }
    }

    /// Tells what has been otherwise for ``ReplicationBook/worryAfter`` than was told.
    private mutating func worry(
        _ worry: inout ReplicationBook.Worry,
        _ isBad: Bool,
        _ kinds: (begin: EventKind, end: EventKind),
        _ name: DataSetName,
        _ site: SiteName,
        _ sentence: String,
        _ cause: String
    ) {
        let isTold = worry.isTold ?? notify.isOpen(dataAlarmKey(kinds.begin, name, site))
        worry.isTold = isTold
        guard isBad != isTold else {
            worry.changedAt = nil
            return
        }
        let since = worry.changedAt ?? now.instant
        worry.changedAt = since
        guard now.instant - since >= ReplicationBook.worryAfter else { return }
        worry.isTold = isBad
        worry.changedAt = nil
        tell(
            isBad ? kinds.begin : kinds.end,
            isBad ? .warning : .info,
            name.text,
            sentence,
            cause: cause,
            consequence: "muster replication show \(name)",
            site: site,
            about: "\(name)/\(site)"
        )
    }
}

extension Canary {
    /// Less than every canary that is written.
    static var least: Canary { Canary(epoch: .zero, sequence: 0) }
}
