import ControllerCore
import Model
import Protocol
import Testing

/// Where two histories part: what the new site had of the old one.
struct ForkTests {
    /// What was on its way to the replica when the old site was lost arrives before it is promoted.
    @Test func `the fork is where the new site really stands`() {
        var data = DataStage()
        data.live(5)
        data.isReplicating = false
        data.live(3)
        let late = data.source
        data.loseProduction()
        data.live(4)
        _ = data.begin(.failover, acceptsLoss: true)
        data.isWritable = false
        data.finishFailover()
        let before = data.stage.machine.forks(of: data.stage.run.id).first
        #expect(before?.lost ?? 0 >= 2)
        data.replica = late
        data.live(1)
        let after = data.stage.machine.forks(of: data.stage.run.id).first
        #expect(after?.canary == late)
        #expect(after?.lost == 0)
        data.returnProduction()
        data.live(2)
        #expect(data.stage.machine.openDivergences(of: "a").isEmpty)
    }

    /// A failover that has lost canaries, and the last one of them.
    private func partedWithoutOwn() -> (DataStage, third: ConnectionID, late: Canary?) {
        var data = DataStage()
        let third = data.stage.online("n3", [.plain("other")], site: "b")
        let report = DataSetReport(name: "orders", isWritable: false, isReadable: true)
        data.stage.say(.data(.dataSet(report)), on: third)
        for _ in 0..<5 {
            data.live(1)
            data.stage.beat(third)
        }
        data.isReplicating = false
        let seen = data.replica.map { CanaryReading.canary($0) } ?? .none
        for _ in 0..<3 {
            data.live(1)
            data.stage.beat(third)
            data.stage.say(.data(.seen("orders", seen)), on: third)
        }
        let late = data.source
        data.loseProduction()
        _ = data.begin(.failover, acceptsLoss: true)
        data.isWritable = false
        for _ in 0..<20 {
            data.live(1)
            data.stage.beat(third)
            data.stage.say(.data(.seen("orders", seen)), on: third)
        }
        return (data, third, late)
    }

    @Test func `the fork is where the last node of the new site stands`() {
        var (data, third, late) = partedWithoutOwn()
        #expect(data.stage.machine.cluster.activeSite == "b")
        let before = data.stage.machine.forks(of: data.stage.run.id).first?.canary
        #expect(before != nil)
        guard let late else {
            Issue.record("nothing was written")
            return
        }
        data.replica = late
        data.look()
        #expect(data.stage.machine.forks(of: data.stage.run.id).first?.canary == before)
        data.stage.say(.data(.seen("orders", .canary(late))), on: third)
        #expect(data.stage.machine.forks(of: data.stage.run.id).first?.canary == late)
    }

    /// A node that shows the old history again, of a volume that was put back, changes nothing.
    @Test func `the fork stands once the new site has written`() {
        var (data, third, late) = partedWithoutOwn()
        let before = data.stage.machine.forks(of: data.stage.run.id).first?.canary
        guard let late else {
            Issue.record("nothing was written")
            return
        }
        data.isWritable = true
        data.live(3)
        #expect(data.replica?.epoch.counter == 2)
        for connection in [third, data.standby] {
            data.stage.say(.data(.seen("orders", .canary(late))), on: connection)
        }
        #expect(data.stage.machine.forks(of: data.stage.run.id).first?.canary == before)
        data.stage.restart()
        data.standby = data.stage.attach(
            "n2",
            [.plain("db", .stopped, isWanted: true, isSelfFenced: true)],
            incarnation: 2
        )
        data.define()
        data.stage.say(.data(.seen("orders", .canary(late))), on: data.standby)
        #expect(data.stage.machine.forks(of: data.stage.run.id).first?.canary == before)
    }

    /// The active site goes on writing under the epoch of the restored store before it is fenced.
    @Test func `the epoch that ends is the one of a restore before the run`() {
        var data = DataStage()
        data.live(5)
        data.stage.restart(generation: 2)
        data.production = data.stage.attach(
            "n1",
            [.plain("db", .running, isWanted: true, isSelfFenced: true)],
            incarnation: 2
        )
        data.standby = data.stage.attach("n2", [.plain("db", isSelfFenced: true)], incarnation: 2)
        data.define()
        data.stage.stateFloor(of: "n2", on: data.standby)
        data.live(20)
        data.isReplicating = false
        data.live(5)
        #expect(data.source?.epoch == Epoch(generation: 2, counter: 1))
        data.loseProduction()
        #expect(data.begin(.failover, acceptsLoss: true).refusal == nil)
        data.live(3)
        data.stage.ask(.certifyNode(data.stage.run.id, "n1"))
        data.finishFailover()
        #expect(data.stage.machine.cluster.activeSite == "b")
        let fork = data.stage.machine.forks(of: data.stage.run.id).first
        #expect(fork?.epoch == Epoch(generation: 2, counter: 1))
        data.returnProduction()
        data.live(2)
        #expect(data.stage.machine.openDivergences(of: "a").count == 1)
    }

    @Test func `a replica that was emptied has nothing, whatever was seen there before`() {
        var data = DataStage()
        data.live(5)
        data.isReplicating = false
        data.replica = nil
        data.live(1)
        data.isReadable = false
        data.loseProduction()
        _ = data.begin(.failover, acceptsLoss: true)
        data.finishFailover()
        #expect(data.stage.machine.cluster.activeSite == "b")
        let fork = data.stage.machine.forks(of: data.stage.run.id).first
        #expect(fork != nil && fork?.canary == nil)
        #expect(fork?.lossMilliseconds == nil)
    }

    @Test func `what a node has that nobody has read is not known`() {
        var data = DataStage()
        let third = data.stage.online("n3", [.plain("other")], site: "b")
        let report = DataSetReport(name: "orders", isWritable: false, isReadable: true)
        data.stage.say(.data(.dataSet(report)), on: third)
        for _ in 0..<3 {
            data.live(1)
            data.stage.beat(third)
        }
        data.loseProduction()
        _ = data.begin(.failover, acceptsLoss: true)
        for _ in 0..<20 {
            data.live(1)
            data.stage.beat(third)
        }
        #expect(data.stage.machine.cluster.activeSite == "b")
        let fork = data.stage.machine.forks(of: data.stage.run.id).first
        #expect(fork != nil && fork?.canary == nil)
    }
}
