import ControllerCore
import Model
import Protocol
import Testing

/// What a restored store does not know of data: which histories have parted since the backup (I19).
struct RestoredDataTests {
    /// Site a was active in the backup; a failover to b came after it and is not in it.
    ///
    /// - Parameters:
    ///   - parted: what a has written and b never had.
    ///   - make: what else there was before the backup.
    private func restored(
        parted: UInt64,
        objective: String? = "60s",
        _ make: (inout DataStage) -> Void = { _ in }
    ) -> DataStage {
        var data = DataStage(objective: objective)
        make(&data)
        data.live(5)
        guard let last = data.source else { preconditionFailure("nothing was written") }
        // The backup is of now. Then a goes on for a while, b takes over, and writes.
        let counter = data.stage.machine.cluster.epoch.counter
        data.source = Canary(epoch: last.epoch, sequence: last.sequence + parted)
        data.replica = Canary(
            epoch: Epoch(generation: 1, counter: counter + 1),
            sequence: last.sequence + parted + 5
        )
        data.isReplicating = false
        data.stage.restart(generation: 2, active: "b", isOld: true)
        return data
    }

    private func attach(_ data: inout DataStage, production: Bool = true) {
        data.standby = data.stage.attach(
            "n2",
            [.plain("db", .running, isWanted: true, isSelfFenced: true)],
            incarnation: 2
        )
        data.isProductionThere = false
        if production { data.returnProduction() } else { data.define() }
    }

    private func settle(_ data: inout DataStage, for seconds: Int = 20) {
        for _ in 0..<seconds {
            data.live(1)
            if data.isProductionThere { data.stage.stateFloor(of: "n1", on: data.production) }
        }
    }

    @Test func `the old site has parted where it shows what the active one has not`() {
        var data = restored(parted: 7)
        // Of the histories that are replicated the active one is the later; here b lacks what a wrote.
        data.replica = data.source.map {
            Canary(epoch: $0.epoch, sequence: $0.sequence - 7)
        }
        let fork = data.replica
        attach(&data)
        data.isWritable = false
        settle(&data)
        #expect(!data.stage.isSettling)
        let open = data.stage.machine.openDivergences(of: "a")
        #expect(open.map(\.count) == [7])
        #expect(open.first?.fork == fork)
        #expect(data.finding("a", "divergence")?.level == .blocking)
        let refusal = data.begin(.failback, to: "a").refusal
        #expect(refusal?.mend.contains("--accept-divergence 7") == true)
        if case .runStarted = data.begin(.failback, to: "a", divergence: 7) {
        } else {
            Issue.record("the loss was accepted by number")
        }
    }

    @Test func `where an older history has ended is not known, so nothing of it counts as shared`()
    {
        var data = restored(parted: 0)
        let written = data.source?.sequence ?? 0
        attach(&data)
        settle(&data)
        let open = data.stage.machine.openDivergences(of: "a")
        #expect(open.map(\.count) == [written])
        let told = data.stage.events.last { $0.kind == .dataDiverged }
        #expect(told?.cause.hasSuffix("none of it is known to be in the active data") == true)
    }

    @Test func `a site that parted in a failover of after the backup has parted`() {
        var data = restored(parted: 7)
        attach(&data)
        settle(&data)
        #expect(!data.stage.isSettling)
        #expect(!data.stage.machine.openDivergences(of: "a").isEmpty)
        let begun = data.begin(.failover, to: "a", acceptsLoss: true, force: true)
        #expect(begun.refusal != nil)
    }

    @Test func `what nobody has told of since the restore is given up in so many words only`() {
        var third = ConnectionID(0)
        var data = restored(parted: 7, objective: nil) {
            third = $0.stage.online("n3", [.plain("db", isSelfFenced: true)], site: "a")
        }
        // The nodes that define the data set are away, on both sites.
        third = data.stage.attach("n3", [.plain("db", isSelfFenced: true)], incarnation: 2)
        for _ in 0..<25 {
            data.stage.pass(.seconds(1))
            data.stage.stateFloor(of: "n3", on: third)
        }
        #expect(!data.stage.isSettling)
        let begun = data.begin(.failover, to: "a", force: true)
        #expect(
            begun.refusal?.text.contains("has parted from the active data is not known") == true
        )
    }

    @Test func `a site whose history is a part of the active one has not parted`() {
        var data = restored(parted: 0)
        // It has followed the new active site since.
        data.source = data.replica.map { Canary(epoch: $0.epoch, sequence: $0.sequence - 2) }
        attach(&data)
        settle(&data)
        #expect(!data.stage.isSettling)
        #expect(data.stage.machine.openDivergences(of: "a").isEmpty)
        #expect(data.stage.told(.dataDiverged) == 0)
        // What the active site had of before is known although it writes by now.
        #expect(data.replica?.epoch.generation == 2)
        let record = data.stage.machine.replication.entries["orders"]?.forks.last
        #expect(record?.isOfRestore == true)
        #expect(record?.canary?.epoch == Epoch(generation: 1, counter: 2))
    }

    @Test func `what was not read since the restore is given up in so many words only`() {
        var data = restored(parted: 0, objective: nil)
        attach(&data)
        data.stage.say(
            .data(.seen("orders", .failed("connection refused"))),
            on: data.production
        )
        for _ in 0..<20 {
            data.stage.pass(.seconds(1))
            data.stage.beat(data.standby)
            data.stage.stateFloor(of: "n1", on: data.production)
            data.stage.say(
                .data(.seen("orders", .failed("connection refused"))),
                on: data.production
            )
        }
        #expect(!data.stage.isSettling)
        let refusal = data.begin(.failover, to: "a", force: true).refusal
        #expect(refusal?.text.contains("has parted from the active data is not known") == true)
        #expect(refusal?.mend.contains("--accept-data-loss") == true)
    }

    @Test func `a third site stays unread, however often the others have changed since`() {
        var data = DataStage(objective: nil)
        data.stage.ask(.addSite("c"))
        var third = data.stage.online("n3", [.plain("db", isSelfFenced: true)], site: "c")
        data.live(3)
        data.stage.restart(generation: 2, active: "a", isOld: true)
        data.production = data.stage.attach(
            "n1",
            [.plain("db", .running, isWanted: true, isSelfFenced: true)],
            incarnation: 2
        )
        let services: [ServiceReport] = [.plain("db", isSelfFenced: true)]
        data.standby = data.stage.attach("n2", services, incarnation: 2)
        third = data.stage.attach("n3", services, incarnation: 2)
        data.define()
        func live(_ seconds: Int) {
            for _ in 0..<seconds {
                data.live(1)
                data.stage.stateFloor(of: "n2", on: data.standby)
                data.stage.stateFloor(of: "n3", on: third)
            }
        }
        live(20)
        #expect(!data.stage.isSettling)
        let unread = "whether site c has parted from the active data is not known"
        #expect(data.begin(.failover, to: "c").refusal?.text.contains(unread) ?? false)
        data.loseProduction()
        #expect(data.begin(.failover, to: "b").refusal == nil)
        live(20)
        data.stage.report("db", .running, isWanted: true, isSelfFenced: true, on: data.standby)
        #expect(data.stage.run.state == .done)
        #expect(data.stage.machine.cluster.activeSite == "b")
        #expect(data.begin(.failover, to: "c").refusal?.text.contains(unread) ?? false)
        // Those that were the active one since were looked at.
        #expect(data.stage.machine.lossObstacles(at: "a").isEmpty)
    }

    @Test func `nothing is written before it was looked at what the active site has`() {
        var data = restored(parted: 0)
        attach(&data, production: false)
        for _ in 0..<60 {
            data.stage.pass(.seconds(1))
            data.stage.beat(data.standby)
        }
        #expect(!data.stage.isSettling)
        #expect(data.canaries.allSatisfy { $0.epoch.generation == 1 })
        data.live(3)
        #expect(data.canaries.contains { $0.epoch.generation == 2 })
    }

    @Test func `a fork of a restore is read back as it was written`() throws {
        var data = restored(parted: 3)
        attach(&data)
        settle(&data)
        let before = data.stage.machine.replication.entries["orders"]?.forks
        data.stage.restart(generation: 2)
        #expect(data.stage.machine.replication.entries["orders"]?.forks == before)
        #expect(before?.count == 1)
    }

    @Test func `what no node defines any more stands in no failover's way after an adoption`() {
        var data = DataStage()
        for isThere in [true, false] {
            let old = DataSetReport(name: "old", isWritable: isThere, isReadable: isThere)
            data.stage.say(.data(.dataSet(old)), on: data.production)
            data.live(3)
        }
        data.stage.restart(generation: 2, active: "a", isOld: false)
        data.production = data.stage.attach(
            "n1",
            [.plain("db", .running, isWanted: true, isSelfFenced: true)],
            incarnation: 2
        )
        data.standby = data.stage.attach("n2", [.plain("db", isSelfFenced: true)], incarnation: 2)
        data.define()
        for _ in 0..<30 {
            data.live(1)
            data.stage.stateFloor(of: "n2", on: data.standby)
        }
        let blocking = data.stage.machine.readiness(of: "b").filter { $0.level == .blocking }
        #expect(data.stage.machine.lossObstacles(at: "b").isEmpty || !blocking.isEmpty)
    }
}
