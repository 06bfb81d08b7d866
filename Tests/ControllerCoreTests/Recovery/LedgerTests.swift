import ControllerCore
import Model
import Protocol
import Testing

/// The ledger of a failover accounts for every task that the lost site's nodes had when they were lost,
/// however late it is ordered.
struct LedgerTests {
    private struct World {
        var stage: Stage
        var lost: ConnectionID
        var other: ConnectionID
        var standby: ConnectionID
    }

    /// Nodes n1 and n2 of the active site, s1 of the other; the tasks are given to n1.
    private func world(_ delivery: DeliveryPolicy, tasks: Int = 1) -> World {
        var stage = Stage()
        stage.ask(.addSite("b"))
        let handler = HandlerReport.plain(.push, slots: 4, delivery)
        let lost = stage.online("n1", handlers: [handler])
        stage.submit(count: tasks)
        let other = stage.online("n2", handlers: [handler])
        let standby = stage.online("s1", handlers: [handler], site: "b")
        stage.live([lost, other, standby], for: 3)
        return World(stage: stage, lost: lost, other: other, standby: standby)
    }

    private func ledger(_ stage: Stage) -> [String] {
        stage.store.values.compactMap { record in
            guard case .ledger(let entry) = record, entry.run == stage.run.id else { return nil }
            let taken = entry.takenAt == nil ? "" : ", taken"
            return "\(entry.task)/\(entry.attempt) \(entry.node)\(taken)"
        }
    }

    private func losses(_ stage: Stage) -> Int {
        stage.store.keys.count { $0.hasPrefix("loss/") }
    }

    @Test func `what was taken from a lost node before the failover was ordered is in its ledger`()
    {
        var world = world(.exclusive, tasks: 2)
        world.stage.step(.disconnected(world.lost, .timedOut))
        // Its tasks go to n2; then that is lost, too, and one of them has ended there.
        world.stage.live([world.other, world.standby], for: 20)
        #expect(world.stage.told(.tasksMoved) == 1)
        let moved = world.stage.runs(world.other)
        #expect(moved.count == 2)
        world.stage.end(moved[0], on: world.other)
        world.stage.step(.disconnected(world.other, .timedOut))
        world.stage.live([world.standby], for: 30)
        // Every task is taken from every node of the site by now; another controller orders the run.
        world.stage.restart()
        let standby = world.stage.attach("s1", handlers: [.plain(.push, slots: 4)])
        world.stage.live([standby], for: 20)
        world.stage.begin(.failover)
        #expect(
            ledger(world.stage) == [
                "\(moved[0].task)/1 n1, taken", "\(moved[1].task)/2 n2, taken",
            ]
        )
        // The site has given its part up: nothing is kept for another ledger.
        world.stage.ask(.certifyNode(world.stage.run.id, "n1"), reason: "off")
        world.stage.ask(.certifyNode(world.stage.run.id, "n2"), reason: "off")
        #expect(world.stage.run.isActivated)
        #expect(losses(world.stage) == 0)
    }

    @Test func `what may run twice is taken at once, and is in the ledger all the same`() {
        var world = world(.idempotent)
        world.stage.step(.disconnected(world.lost, .timedOut))
        world.stage.live([world.other, world.standby], for: 5)
        #expect(losses(world.stage) == 1)
        world.stage.begin(.failover)
        #expect(ledger(world.stage).count == 1)
    }

    @Test func `a node that tells what it has again starts anew`() {
        var world = world(.exclusive, tasks: 2)
        world.stage.step(.disconnected(world.lost, .timedOut))
        world.stage.live([world.other, world.standby], for: 20)
        #expect(losses(world.stage) == 2)
        let back = world.stage.attach("n1", handlers: [.plain(.push, slots: 4)])
        #expect(losses(world.stage) == 0)
        world.stage.live([back, world.other, world.standby], for: 3)
        world.stage.begin(.failover)
        // n2 has both now, as their second attempts.
        #expect(ledger(world.stage).allSatisfy { $0.hasSuffix("/2 n2") })
    }

    @Test func `a run that was rolled back leaves it to the next one`() {
        var world = world(.exclusive)
        world.stage.step(.disconnected(world.lost, .timedOut))
        world.stage.live([world.other, world.standby], for: 20)
        // It ends on the other node: only what was lost is left to tell of.
        #expect(world.stage.work(world.other).count == 1)
        world.stage.begin(.failover)
        #expect(ledger(world.stage).count == 1)
        world.stage.ask(.abortRun(world.stage.run.id))
        world.stage.begin(.failover)
        #expect(world.stage.run.id == RunID(2))
        #expect(ledger(world.stage).count == 1)
    }

    @Test func `a node that is removed leaves nothing behind`() {
        var world = world(.exclusive)
        world.stage.step(.disconnected(world.lost, .timedOut))
        world.stage.live([world.other, world.standby], for: 20)
        #expect(losses(world.stage) == 1)
        world.stage.ask(.removeNodes(["n1"]), force: true)
        #expect(losses(world.stage) == 0)
    }

    @Test func `what a node says too late is kept as evidence, and changes nothing`() {
        var world = world(.exclusive)
        let id = world.stage.runs(world.lost)[0].task
        world.stage.step(.disconnected(world.lost, .timedOut))
        world.stage.live([world.other, world.standby], for: 20)
        let first = TaskAttempt(task: id, attempt: 1)
        let back = world.stage.attach("n1", handlers: [.plain()], holding: [(first, .ended)])
        world.stage.end(first, on: back)
        guard case .late(let late)? = world.stage.store["late/\(id.storeKey)"] else {
            Issue.record("nothing was kept")
            return
        }
        #expect(late.attempt == 1 && late.node == "n1" && late.outcome == .done)
        #expect(world.stage.state(id) == .assigned)
    }
}
