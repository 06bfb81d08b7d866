import ControllerCore
import Model
import Protocol
import Testing

/// A divergence that shows, or grows, when a run is under way.
struct LateDivergenceTests {
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
        #expect(!data.stage.run.text.contains("not fenced"))
        #expect(needs.contains { $0.contains("--accept-divergence \(count + 2)") })
    }
}
