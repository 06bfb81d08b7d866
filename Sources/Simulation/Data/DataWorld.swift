import AgentCore
import ControllerCore
import Model
import Protocol

/// A database on both sites: written where the active one is, and copied to the other by a replicator that
/// says that it is up to date whatever it does, stops, and goes on.
///
/// It alone knows what each site really has. By a generator of its own: seeds without it are what they
/// were.
final class DataWorld {
    static let name: DataSetName = "orders"
    static let objective: Duration = .seconds(8)
    static let definition = DataSetDefinition(
        name: name,
        write: ["/bin/write"],
        read: ["/bin/read"],
        lag: ["/bin/lag"]
    )

    struct Entry: Hashable {
        var canary: Canary
        var at: Int64
    }

    unowned let world: World
    var chance: SeededGenerator
    /// What is in the data of a site, in the order in which it was written.
    private var histories: OrderedTable<SiteName, [Entry]> = OrderedTable()
    private var isReplicating = true
    private var written: OrderedTable<UInt64, Canary> = OrderedTable()
    /// Sites of which the controller has heard that they have what the active one has not.
    private var diverged: OrderedTable<SiteName, Canary> = OrderedTable()
    /// Sites of which an admin has accepted the loss, by number, in an order that may come to pass.
    var accepted: OrderedTable<SiteName, UInt64> = OrderedTable()
    /// Sites of which nothing was heard since the store was replaced.
    private var unread: [SiteName] = []

    init(world: World) {
        self.world = world
        chance = SeededGenerator(seed: world.seed ^ 0x6461_7461_5f73_6574)
        for site in ["a", "b"] as [SiteName] { histories[site] = [] }
    }

    func begin() {
        replicateForever()
        breakForever()
    }

    func happens(perMille: UInt64) -> Bool { chance.chance(perMille: perMille) }

    private func between(_ low: Int64, _ high: Int64) -> Int64 {
        low + Int64(chance.below(UInt64(high - low + 1)))
    }

    private func history(_ site: SiteName) -> [Entry] { histories[site] ?? [] }

    private func other(_ site: SiteName) -> SiteName { site == "a" ? "b" : "a" }

    private var active: SiteName { world.checks.trueActiveSite ?? "a" }

    // MARK: The replicator

    private func replicateForever() {
        world.after(between(100 * millisecond, 400 * millisecond)) { _ in
            self.replicate()
            self.replicateForever()
        }
    }

    /// A copy that has what its source has not is only overwritten by somebody who was told of it.
    private func replicate() {
        guard isReplicating else { return }
        let source = history(active)
        let target = other(active)
        let copy = history(target)
        let isPart = copy.allSatisfy { source.contains($0) }
        let isKnown =
            world.controller.store.record(.divergence, "\(Self.name)/\(target)") != nil
        guard isPart || isKnown else { return }
        histories[target] = source
    }

    private func breakForever() {
        world.after(between(5 * second, 25 * second)) { world in
            self.isReplicating = world.isCalm || self.happens(perMille: 550)
            world.say("replicator", self.isReplicating ? "runs" : "stands still")
            self.breakForever()
        }
    }

    func calmDown() { isReplicating = true }

    // MARK: Programs

    /// One that only looks lives and dies with its agent; that the agent is paused does not keep it.
    func run(_ request: DataRun, on host: AgentHost) {
        let life = host.process.life
        let limit = request.timeout.nanoseconds
        let time = min(limit, someTime())
        world.after(time) { world in
            guard host.process.isAlive, host.process.life == life else { return }
            let outcome = self.end(request, on: host, isInTime: time < limit)
            host.process.run(in: world, life: life) { _ in
                host.step(.dataFinished(request.id, outcome))
            }
        }
    }

    private func someTime() -> Int64 {
        let isSlow = !world.isCalm && happens(perMille: 60)
        return between(3 * millisecond, isSlow ? 4 * second : 200 * millisecond)
    }

    /// A database may keep a writer waiting for longer than any right to write lasts. Nothing but its
    /// leash ends it then: the program does not look at clocks.
    func someTimeToWrite() -> Int64 {
        let isStuck = !world.isCalm && happens(perMille: 20)
        return isStuck ? between(4 * second, 60 * second) : someTime()
    }

    private func end(_ request: DataRun, on host: AgentHost, isInTime: Bool) -> DataOutcome {
        guard isInTime else { return .failed("did not end in time") }
        switch request.id.program {
        case .lag: return .ended(output: "lag-seconds=0\nlag-bytes=0\n")
        case .read:
            if !world.isCalm, happens(perMille: 30) { return .failed("connection refused") }
            return .ended(output: history(host.site).last.map { "\($0.canary)\n" } ?? "")
        }
    }

    /// The program of this launch does what it is for.
    func write(_ launch: TaskLaunch, on host: AgentHost) {
        let line = String(decoding: launch.payload.dropLast(), as: UTF8.self)
        guard let canary = Canary(line) else {
            return world.fail("\(host.name) writes \(line), which is no canary")
        }
        write(canary, on: host)
    }

    private func write(_ canary: Canary, on host: AgentHost) {
        world.say(host.name, "writes canary \(canary)")
        if let before = written[canary.sequence] {
            world.fail("\(host.name) writes canary \(canary), and \(before) was written before")
        }
        if !world.checks.isDoubtful(host), host.site != active {
            world.fail("I0: \(host.name) writes canary \(canary), and site \(active) is active")
        }
        let newest = written.values.map(\.epoch).max() ?? .zero
        if canary.epoch < newest {
            world.fail("I0: canary \(canary) is written after one of epoch \(newest)")
        }
        written[canary.sequence] = canary
        histories.update(host.site) { $0.append(Entry(canary: canary, at: world.now)) }
    }

    // MARK: Checks

    /// What is lost when a site takes over: entries of the other that it does not have.
    private func lost(_ run: RunRecord) -> [Entry] {
        let here = history(run.to)
        return history(run.from).filter { !here.contains($0) }
    }

    /// I18: the old site is about to give its part up.
    func givesUp(_ run: RunRecord) {
        guard run.kind == .failover, !run.acceptsLoss(of: Self.name), isObjectiveSet else { return }
        let lost = lost(run)
        guard let last = lost.last else { return }
        let seen = history(run.to).last?.at
        // Between the decision and its record, and until the old site has heard of it, more is written.
        let limit = Self.objective.nanoseconds + 5 * second
        guard let seen, last.at - seen <= limit else {
            let age = seen.map { "\((last.at - $0) / millisecond)ms" } ?? "all"
            return world.fail(
                "I18: run \(run.id) to \(run.to) would lose \(lost.count) canaries, \(age)"
            )
        }
    }

    private var isObjectiveSet: Bool {
        world.controller.machine?.replicationRules.objectives[Self.name] != nil
    }

    /// The store is an older copy: of what it was told since, and of what was accepted, it knows nothing.
    func storeReplaced() {
        diverged = OrderedTable()
        accepted = OrderedTable()
        unread = ["a", "b"]
    }

    /// Another site is about to become active.
    func moves(_ run: RunRecord) {
        if unread.contains(run.to), !history(run.to).isEmpty, !run.acceptsLoss(of: Self.name) {
            world.fail("I19: site \(run.to) becomes active, not read since the restore")
        }
        unread = []
        if run.kind != .failover, !run.acceptsLoss(of: Self.name), isObjectiveSet {
            let newest = history(run.to).last?.canary.sequence ?? 0
            let lost = lost(run).filter { $0.canary.sequence > newest }
            if let first = lost.first {
                world.fail("\(run.kind.rawValue) \(run.id) loses canary \(first.canary)")
            }
        }
        if let canary = diverged[run.to], accepted[run.to] == nil {
            world.fail(
                "I19: site \(run.to) becomes active with canary \(canary), which the active data has not"
            )
        }
        diverged[run.to] = nil
        accepted[run.to] = nil
    }

    /// The controller has taken a reading in.
    func heard(_ canary: Canary, on connection: ConnectionID) {
        guard let machine = world.controller.machine,
            let host = world.connection(connection).map({ world.hosts[$0.host] }),
            let node = host.identity?.node,
            case .canary(canary)? = machine.replication.entries[Self.name]?.readings[node]?.result,
            machine.nodes[node]?.record.site == host.site,
            let cluster = world.checks.durableCluster,
            host.site != cluster.activeSite, machine.cluster == cluster
        else { return }
        unread.removeAll { $0 == host.site }
        guard canary.epoch < cluster.epoch else { return }
        let active = history(cluster.activeSite)
        guard !active.contains(where: { $0.canary == canary }) else { return }
        diverged[host.site] = canary
    }
}
