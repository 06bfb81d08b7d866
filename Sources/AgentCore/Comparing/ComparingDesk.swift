import Model
import Protocol

/// The sets that are compared: when each is looked at, and what was found last.
///
/// One is looked at at a time, on a thread of the shell that is in no hurry. A look that hangs (a dead
/// file server) keeps the others waiting: what was found of them grows old, and the controller says so.
struct ComparingDesk: Hashable, Sendable {
    /// The first looks after a start are spread over so much of an interval, so that agents that start
    /// together do not all read at once.
    static let spreadPart: Int64 = 10
    static let spreadMax: Duration = .seconds(30)

    struct Entry: Hashable, Sendable {
        var set: ComparedSet
        var dueAt: Instant?
        var result: LookResult?
        var lookedAt: Instant?
    }

    /// In the order of their names.
    private(set) var entries: OrderedTable<ComparedSetName, Entry> = OrderedTable()
    private var looks: UInt64 = 0
    /// The set under the look of the last number.
    private var lookingSet: ComparedSetName?
    /// Requests of the session that are not answered yet.
    var open: [UInt64] = []
    /// The link of these requests.
    var link: UInt64?

    init(_ sets: [ComparedSet]) {
        for set in sets.prefix(ComparedSet.countMax) { entries[set.name] = Entry(set: set) }
    }

    mutating func start(at now: Instant, _ generator: inout SeededGenerator) {
        for name in entries.keys {
            entries.update(name) { entry in
                let part = Duration.nanoseconds(entry.set.interval.nanoseconds / Self.spreadPart)
                entry.dueAt = now + generator.duration(in: .zero...min(part, Self.spreadMax))
            }
        }
    }

    /// - Returns: the names that are not defined any more.
    mutating func define(_ sets: [ComparedSet], at now: Instant) -> [ComparedSetName] {
        let sets = sets.prefix(ComparedSet.countMax)
        let gone = entries.keys.filter { name in !sets.contains { $0.name == name } }
        for name in gone { entries[name] = nil }
        for set in sets where entries[set.name]?.set != set {
            entries[set.name] = Entry(set: set, dueAt: now)
        }
        return gone
    }

    var nextDeadline: Instant? {
        guard lookingSet == nil else { return nil }
        return entries.values.compactMap(\.dueAt).min()
    }

    /// What has been due longest is looked at next.
    mutating func settle(at now: Instant) -> ComparingCommand? {
        guard lookingSet == nil else { return nil }
        var next: Entry?
        for entry in entries.values {
            guard let due = entry.dueAt, due <= now else { continue }
            if let best = next?.dueAt, best <= due { continue }
            next = entry
        }
        guard let next else { return nil }
        looks += 1
        lookingSet = next.set.name
        entries.update(next.set.name) { $0.dueAt = nil }
        return .look(next.set, number: looks)
    }

    /// - Returns: whether it is of the set as it is defined now.
    mutating func looked(
        _ name: ComparedSetName,
        _ number: UInt64,
        _ result: LookResult,
        at now: Instant
    ) -> Bool {
        guard lookingSet == name, looks == number else { return false }
        lookingSet = nil
        // One that was defined anew meanwhile is due already.
        guard let entry = entries[name], entry.dueAt == nil else { return false }
        entries.update(name) {
            $0.result = result
            $0.lookedAt = now
            $0.dueAt = now + entry.set.interval
        }
        return true
    }

    func report(of entry: Entry, at now: Instant) -> SetReport {
        SetReport(
            name: entry.set.name,
            kind: entry.set.kind,
            digest: entry.result?.digest ?? "",
            definition: entry.set.definition,
            entries: entry.result?.entries ?? 0,
            bytes: entry.result?.bytes ?? 0,
            age: entry.lookedAt.map { max(.zero, now - $0) },
            interval: entry.set.interval,
            isRequired: entry.set.isRequired,
            isShown: entry.set.isShown,
            problem: entry.result?.problem ?? ""
        )
    }

    /// - Returns: false when the session has asked too much at once.
    mutating func opens(_ ticket: ComparingTicket) -> Bool {
        if link != ticket.link {
            link = ticket.link
            open = []
        }
        guard open.count < ComparingLimits.requestsMax else { return false }
        open.append(ticket.request)
        return true
    }

    /// - Returns: false when nobody waits for this answer.
    mutating func closes(_ ticket: ComparingTicket) -> Bool {
        guard link == ticket.link, let index = open.firstIndex(of: ticket.request) else {
            return false
        }
        open.remove(at: index)
        return true
    }
}
