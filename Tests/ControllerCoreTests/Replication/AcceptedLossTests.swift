import ControllerCore
import Model
import Protocol
import Testing

/// A run that waits because of a loss goes on when it is accepted, and is not begun anew for it.
struct AcceptedLossTests {
    /// A failover that was certified too late: it waits before its activation.
    private func waiting() -> DataStage {
        var data = DataStage(isSelfFenced: false, objective: "30s")
        data.live(5)
        data.loseProduction()
        data.live(5)
        _ = data.begin(.failover)
        data.live(600)
        data.stage.ask(.certifyNode(data.stage.run.id, "n1"))
        data.live(2)
        return data
    }

    private func accept(
        _ data: inout DataStage,
        loss: Bool = true,
        divergence: UInt64? = nil,
        reason: String = "the orders of the night are on paper"
    ) -> Reply.Outcome {
        data.stage.ask(
            .acceptLoss(data.stage.run.id, acceptsLoss: loss, divergence: divergence),
            reason: reason
        )
    }

    @Test func `a failover that waits goes on when its loss is accepted`() {
        var data = waiting()
        let run = data.stage.run
        #expect(!run.isActivated)
        let needs = data.stage.machine.personNeeds(of: run)
        #expect(
            needs.first?.commands.first == "muster run accept 1 --accept-data-loss --reason TEXT"
        )
        #expect(accept(&data, reason: "").refusal?.code == .invalid)
        #expect(accept(&data, loss: false).refusal?.code == .invalid)
        #expect(!data.stage.run.isActivated)
        #expect(accept(&data).refusal == nil)
        #expect(data.stage.machine.cluster.activeSite == "b")
        #expect(data.stage.run.id == run.id)
        #expect(data.stage.run.acceptsLoss)
        let audit = data.stage.audits.last { $0.verb == "run.accept" }
        #expect(audit?.reason == "the orders of the night are on paper")
        #expect(audit?.parameters == "accept-data-loss")
        let named = data.stage.audits.filter { $0.verb == "data.accept-loss" }
        #expect(named.map(\.object) == ["orders"])
        #expect(named.first?.reason == "data may be lost, accepted by root with run 1")
        let deeds = data.stage.machine.runs.steps(of: run.id)
            .flatMap { data.stage.machine.runs.deeds(of: $0) }
        let deed = deeds.first { $0.outcome == .acceptedLoss }
        #expect(deed?.by == "root")
        #expect(deed?.reason == "the orders of the night are on paper")
        // Beyond the point of no return there is nothing to accept.
        #expect(accept(&data).refusal?.code == .notNow)
        data.stage.restart()
        #expect(
            data.stage.machine.runs.steps(of: run.id).flatMap {
                data.stage.machine.runs.deeds(of: $0)
            }.contains { $0.outcome == .acceptedLoss }
        )
    }

    @Test func `a site that parts while its run waits is given up by number`() {
        var data = DataStage()
        data.live(5)
        data.isReplicating = false
        data.live(3)
        data.loseProduction()
        _ = data.begin(.failover, acceptsLoss: true)
        data.finishFailover()
        data.live(3)
        // The failback begins before anybody knows that a has parted.
        _ = data.begin(.failback, to: "a", force: true)
        let isBegun = data.stage.run.kind == .failback
        guard isBegun else {
            Issue.record("no failback: \(data.stage.replies.last.debugDescription)")
            return
        }
        data.returnProduction()
        data.live(2)
        let count = data.stage.machine.openDivergences(of: "a").reduce(0) { $0 + $1.count }
        #expect(count > 0)
        #expect(!data.stage.run.isActivated)
        #expect(accept(&data, loss: false, divergence: count + 1).refusal?.code == .notNow)
        #expect(data.stage.machine.openDivergences(of: "a").count == 1)
        #expect(accept(&data, loss: false, divergence: count).refusal == nil)
        #expect(data.stage.machine.openDivergences(of: "a").isEmpty)
        #expect(data.stage.told(.divergenceAccepted) == 1)
        // The answer was lost: the same again changes nothing, and is no mistake; another number is.
        #expect(accept(&data, loss: false, divergence: count).refusal == nil)
        #expect(data.stage.told(.divergenceAccepted) == 1)
        #expect(accept(&data, loss: false, divergence: count + 1).refusal?.code == .invalid)
        // It holds for this run alone.
        data.stage.ask(.abortRun(data.stage.run.id))
        #expect(data.stage.machine.openDivergences(of: "a").count == 1)
    }

    @Test func `a drill, or a run that is rolled back, has nothing to accept`() {
        var data = DataStage()
        data.live(5)
        _ = data.begin(.drill)
        #expect(accept(&data).refusal?.code == .invalid)
        data.stage.ask(.abortRun(data.stage.run.id))
        #expect(accept(&data).refusal != nil)
    }
}
