import AgentCore
import Model
import Protocol
import Testing

/// What runs under a lease although its handler would do without: found by the simulation.
struct KeyLeaseTests {
    private static func handler(_ delivery: DeliveryPolicy) -> HandlerDefinition {
        HandlerDefinition(
            name: "watch",
            types: [.folderMonitor],
            program: ["/bin/watch"],
            delivery: delivery
        )
    }

    /// A node in a session of version 2, with a lease.
    private func node(_ delivery: DeliveryPolicy) -> Scene {
        var scene = Scene()
        scene.machine = AgentMachine(
            configuration: AgentConfiguration(
                identity: Scene.identity,
                controllers: 1,
                services: [],
                handlers: [Self.handler(delivery)],
                facts: Scene.facts
            ),
            memory: AgentMemory(),
            seed: 1,
            at: scene.now
        )
        scene.run(.started([]))
        scene.run(.sampled(Load(), disks: []))
        while !scene.isDialling { scene.pass(.milliseconds(100)) }
        scene.run(.connected(link: scene.link))
        var welcome = scene.welcome()
        welcome.version = 2
        scene.receive(.welcome(welcome))
        scene.live(.seconds(2))
        return scene
    }

    private func order(_ task: UInt64, key: String? = nil) -> ControllerMessage {
        .work(
            .run(
                RunOrder(
                    attempt: TaskAttempt(task: TaskID(task), attempt: 1),
                    token: Scene.base,
                    handler: "watch",
                    type: .folderMonitor,
                    exclusiveKey: key,
                    submittedAt: WallTime(milliseconds: 0)
                )
            )
        )
    }

    /// Gives the order to the node.
    ///
    /// - Returns: the launch that follows when its start is durable.
    private func launch(_ message: ControllerMessage, _ scene: inout Scene) -> TaskLaunch? {
        var effects = scene.step(.received(link: scene.link, message))
        let write = effects.taskJournal ?? effects.taskJournalRewrite
        if let write { effects = scene.step(.taskJournaled(upTo: write.sequence)) }
        for case .launch(_, let launch) in effects.tasks { return launch }
        return nil
    }

    @Test func `a task of a key runs under the lease although its handler is idempotent`() {
        var scene = node(.idempotent)
        #expect(launch(order(1), &scene)?.deadline == nil)
        scene = node(.idempotent)
        #expect(launch(order(1, key: "ledger"), &scene)?.deadline == scene.machine.leaseEnd)
    }

    @Test func `a handler that becomes idempotent needs its lease until the session ends`() {
        var scene = node(.exclusive)
        scene.run(
            .reconfigured([], sharedPaths: [], handlers: [Self.handler(.idempotent)])
        )
        // The order may have been on its way: the controller still waits for the lease's end.
        #expect(launch(order(1), &scene)?.deadline == scene.machine.leaseEnd)
    }
}
