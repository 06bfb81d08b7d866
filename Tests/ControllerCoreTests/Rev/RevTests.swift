import ControllerCore
import Model
import Protocol
import Testing

/// A hostile review: each test fails, and shows a fault.
struct RevTests {
    // MARK: Accepting

    @Test func `a divergence that shows after the gate is named where the run stops`() {
        var data = DataStage()
        data.live(5)
        data.isReplicating = false
        data.live(3)
        data.loseProduction()
        _ = data.begin(.failover, acceptsLoss: true)
        data.finishFailover()
        data.live(3)
        #expect(data.stage.machine.cluster.activeSite == "b")
        data.returnProduction()
        data.live(3)
        let count = data.stage.machine.openDivergences(of: "a").reduce(0) { $0 + $1.count }
        #expect(count > 0)
        let begun = data.begin(
            .failback,
            to: "a",
            acceptsLoss: true,
            divergence: count,
            force: true
        )
        #expect(begun.refusal == nil)
        data.stage.report("db", .stopped, isWanted: false, isSelfFenced: true, on: data.standby)
        #expect(data.stage.stepName == "fence")
        // Another look at the parted site shows two canaries more.
        data.source = data.source.map { Canary(epoch: $0.epoch, sequence: $0.sequence + 2) }
        data.look()
        #expect(data.stage.machine.openDivergences(of: "a").map(\.count) == [count + 2])
        data.stage.stateFloor(of: "n2", on: data.standby)
        let needs = data.stage.machine.personNeeds(of: data.stage.run).flatMap(\.commands)
        print("REV1 \(data.stage.stepName) \(data.stage.run.state) \(data.stage.run.text) \(needs)")
        #expect(!data.stage.run.text.contains("not fenced"))
        #expect(needs.contains { $0.contains("--accept-divergence \(count + 2)") })
    }

    // MARK: Restored data

    /// Site a was active in the backup; b took over after it. What a has written since is not in b.
    private func restored(
        _ make: (inout DataStage) -> Void = { _ in },
        objective: String? = "60s"
    ) -> DataStage {
        var data = DataStage(objective: objective)
        make(&data)
        data.live(5)
        guard let last = data.source else { preconditionFailure("nothing was written") }
        let counter = data.stage.machine.cluster.epoch.counter
        data.source = Canary(epoch: last.epoch, sequence: last.sequence + 7)
        data.replica = Canary(
            epoch: Epoch(generation: 1, counter: counter + 1),
            sequence: last.sequence + 12
        )
        data.isReplicating = false
        data.stage.restart(generation: 2, active: "b", isOld: true)
        return data
    }

    @Test func `a site that parted in a failover of after the backup has parted`() {
        var data = restored()
        data.standby = data.stage.attach(
            "n2",
            [.plain("db", .running, isWanted: true, isSelfFenced: true)],
            incarnation: 2
        )
        data.isProductionThere = false
        data.returnProduction()
        for _ in 0..<20 {
            data.live(1)
            data.stage.stateFloor(of: "n1", on: data.production)
        }
        #expect(!data.stage.isSettling)
        print("REV2 \(data.stage.machine.replication.entries["orders"]?.forks.last?.canary as Any)")
        #expect(!data.stage.machine.openDivergences(of: "a").isEmpty)
        let begun = data.begin(.failover, to: "a", acceptsLoss: true, force: true)
        #expect(begun.refusal != nil)
    }

    @Test func `what nobody has told of since the restore is given up in so many words only`() {
        var third = ConnectionID(0)
        var data = restored(
            { third = $0.stage.online("n3", [.plain("db", isSelfFenced: true)], site: "a") },
            objective: nil
        )
        // The nodes that define the data set are away, on both sites.
        third = data.stage.attach("n3", [.plain("db", isSelfFenced: true)], incarnation: 2)
        for _ in 0..<25 {
            data.stage.pass(.seconds(1))
            data.stage.stateFloor(of: "n3", on: third)
        }
        print("REV3 settling \(data.stage.isSettling) \(data.stage.machine.settlingWaits)")
        #expect(!data.stage.isSettling)
        let begun = data.begin(.failover, to: "a", force: true)
        print("REV3 \(begun)")
        #expect(
            begun.refusal?.text.contains("has parted from the active data is not known") == true
        )
    }

    // MARK: Evidence

    @Test(arguments: [
        Epoch(generation: 1, counter: 2), Epoch(generation: 3, counter: 1),
    ])
    func `a node that the backup does not know shows that the store is older`(_ shown: Epoch) {
        var stage = Stage()
        let one = stage.online("n1", [.plain("db", .running, isWanted: true)])
        stage.live([one], for: 2)
        // After the backup: site b was added, n9 joined there, and a failover made it active.
        stage.restart(generation: 2, active: nil)
        let connection = stage.connect(.node("id-unknown", key: KeyFingerprint("key-n9")))
        let hello = Hello(
            speaker: .agent,
            versionMax: WireLimits.versions.upperBound,
            incarnation: 1,
            nonce: "another",
            bootID: "boot",
            machineID: "machine-n9",
            highest: FencingToken(epoch: shown, session: 1)
        )
        stage.say(.hello(hello), on: connection)
        let again = stage.attach("n1", [.plain("db")], incarnation: 2)
        stage.live([again], for: 20)
        print("REV4 mayAct \(stage.machine.mayAct) starts \(stage.starts(again))")
        #expect(!stage.machine.mayAct)
        #expect(stage.starts(again) == [])
    }

    // MARK: Drains

    private static let beforeAll = FencingToken(
        epoch: Epoch(generation: 1, counter: 1),
        session: 0
    )

    private static func handler(_ delivery: DeliveryPolicy = .exclusive) -> HandlerReport {
        var handler = HandlerReport.plain(.push, slots: 4, delivery)
        handler.isDrainable = true
        return handler
    }

    @Test
    func `a failover waits for a drainable attempt that the node has, whoever else has the task`() {
        let (made, production, standby) = Stage.twoSites(
            isSelfFenced: true,
            handlers: [Self.handler(.idempotent)]
        )
        var stage = made
        let id = stage.submit()[0]
        let attempt = TaskAttempt(task: id, attempt: 1)
        stage.say(.work(.started(attempt)), on: production)
        let other = stage.online("n4", handlers: [Self.handler(.idempotent)], site: "a")
        stage.step(.disconnected(production, .closedByPeer))
        stage.live([other, standby], for: 6)
        #expect(stage.runs(other) == [TaskAttempt(task: id, attempt: 2)])
        stage.end(TaskAttempt(task: id, attempt: 2), on: other)
        // n1 is back within its lease, and ends attempt 1: it takes its time for it.
        let back = stage.attach(
            "n1",
            [.plain("db", .running, isWanted: true, isSelfFenced: true)],
            handlers: [Self.handler(.idempotent)],
            holding: [(attempt, .running)],
            incarnation: 1
        )
        stage.begin(.failover)
        stage.report("db", .stopped, isWanted: false, isSelfFenced: true, on: back)
        stage.stateFloor(of: "n4", on: other)
        // Its whole floor says that attempt 1 runs.
        stage.beat(back, floor: Self.beforeAll, exclusiveFloor: Stage.floorOfSession1)
        stage.beat(back, floor: Self.beforeAll, exclusiveFloor: Stage.floorOfSession1)
        print("REV6 \(stage.machine.cluster.activeSite) \(stage.stepName) \(stage.run.text)")
        #expect(stage.machine.cluster.activeSite == "a")
    }
}
