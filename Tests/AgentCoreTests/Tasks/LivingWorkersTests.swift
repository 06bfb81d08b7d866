import AgentCore
import Model
import Protocol
import Testing

/// Processes that stay when their attempt has ended, and what is stated while they do.
struct LivingWorkersTests {
    private static func handler(_ mode: HandlerDefinition.Mode = .worker) -> HandlerDefinition {
        var definition = HandlerDefinition.plain(slots: 2, delivery: .idempotent)
        definition.mode = mode
        return definition
    }

    private static let retirement = [WorkerCommand.retire(grace: .seconds(1))]

    /// A worker has done the task, and has nothing to do.
    private func idle(_ task: UInt64, in scene: inout Scene) {
        scene.begin(.first(task))
        #expect(scene.finish(.first(task)).outcome == .done)
        scene.take(.first(task))
    }

    private func working() -> Scene { Scene.working([Self.handler()]) }

    @Test func `nothing is stated of a token before the workers of it are buried`() throws {
        var scene = working()
        let first = scene.token
        idle(1, in: &scene)
        #expect(scene.raiseToken().workers == Self.retirement)
        #expect(try #require(scene.machine.stopStatement) < first)
        #expect(scene.live(.milliseconds(1_900)).workers.isEmpty)
        #expect(try #require(scene.lastBeat.floor) < first)
        scene.run(.workersBuried)
        #expect(scene.machine.stopStatement == first)
        #expect(scene.live(.seconds(2)).workers.isEmpty)
        #expect(scene.lastBeat.floor == first)
    }

    @Test func `a new session restarts workers once, and no task does`() {
        var scene = working()
        for task in 1...5 as ClosedRange<UInt64> {
            scene.begin(.first(task))
            #expect(scene.finish(.first(task)).workers.isEmpty)
            scene.take(.first(task))
        }
        scene.raiseToken()
        // None is started beside those that are to go.
        #expect(scene.order(.first(6)).launchedTasks.isEmpty)
        #expect(scene.phase(.first(6)) == .waiting)
        #expect(scene.run(.workersBuried).launchedTasks == [.first(6)])
        #expect(scene.finish(.first(6)).workers.isEmpty)
        idle(7, in: &scene)
        #expect(scene.live(.seconds(5)).workers.isEmpty)
    }

    @Test func `a task with a process of its own waits for no worker`() {
        var own = Self.handler(.process)
        own.name = "own"
        own.types = [.pull]
        var scene = Scene.working([Self.handler(), own])
        idle(1, in: &scene)
        scene.raiseToken()
        #expect(
            scene.order(.first(2), handler: "own", type: .pull).launchedTasks == [.first(2)]
        )
        scene = Scene.working([own])
        scene.order(.first(1), handler: "own", type: .pull)
        scene.finish(.first(1))
        #expect(scene.raiseToken().workers.isEmpty)
    }

    @Test func `workers do not go from one part of the site to another`() {
        var scene = working()
        let parts: [(SiteRole, UInt64?)] = [
            (.standby, 7), (.standby, 8), (.standby, nil), (.active, nil), (.standby, 7),
            (.active, nil),
        ]
        var isIdleStandby = false
        for (number, (role, drill)) in parts.enumerated() {
            // No task runs on an idle standby, so no worker does.
            if !isIdleStandby { idle(UInt64(number + 1), in: &scene) }
            // The token is the same.
            let part = ControllerMessage.role(role, token: scene.token, drill: drill)
            let expected = isIdleStandby ? [] : Self.retirement
            #expect(scene.receive(part).workers == expected, "\(role) \(drill ?? 0)")
            #expect(scene.receive(part).workers.isEmpty)
            scene.run(.workersBuried)
            isIdleStandby = role == .standby && drill == nil
        }
    }

    @Test func `a node that was removed retires its workers`() {
        var scene = working()
        idle(1, in: &scene)
        #expect(scene.receive(.error(code: .removed, text: "")).workers == Self.retirement)
    }

    @Test func `a worker with a task is ended with it, and counts until it is buried`() throws {
        var scene = working()
        let first = scene.token
        scene.begin(.first(1))
        let raised = scene.raiseToken()
        #expect(raised.tasks == [.stop(.first(1), grace: .seconds(1))])
        #expect(raised.workers == Self.retirement)
        // What was said before cannot be of this one.
        scene.run(.workersBuried)
        scene.finish(.first(1), .signalled(15))
        #expect(try #require(scene.machine.stopStatement) < first)
        scene.run(.workersBuried)
        #expect(scene.machine.stopStatement == first)
    }

    @Test func `leashes of workers that are not buried in time are killed, again and again`() {
        var scene = working()
        idle(1, in: &scene)
        scene.raiseToken()
        let late = scene.pass(.seconds(2))
        #expect(late.workers == [.destroy])
        #expect(late.notices.contains { $0.level == .error })
        #expect(scene.pass(.seconds(10)).workers == [.destroy])
        scene.run(.workersBuried)
        #expect(scene.pass(.seconds(20)).workers.isEmpty)
    }

    @Test func `while one of them works on, none is called late`() {
        var scene = working()
        scene.begin(.first(1))
        // The same token: the task goes on, and its worker goes with it.
        #expect(
            scene.receive(.role(.standby, token: scene.token, drill: 7)).workers == Self.retirement
        )
        #expect(scene.pass(.seconds(30)).workers.isEmpty)
        scene.finish(.first(1))
        #expect(scene.pass(.seconds(10)).workers == [.destroy])
    }

    @Test func `after a restart nothing is stated before an earlier agent's workers are buried`() {
        var scene = working()
        idle(1, in: &scene)
        scene.restart()
        scene.run(.started([], hasWorkers: true))
        scene.run(.sampled(Load(), disks: []))
        scene.rejoin()
        scene.live(.seconds(2))
        #expect(scene.machine.stopStatement == nil)
        #expect(scene.lastBeat.floor == nil)
        #expect(scene.order(.first(2)).launchedTasks.isEmpty)
        #expect(scene.run(.workersBuried).launchedTasks == [.first(2)])
        scene.live(.seconds(2))
        #expect(scene.lastBeat.floor != nil)
    }
}
