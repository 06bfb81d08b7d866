import AgentCore
import Model
import Protocol
import Testing

struct TaskSessionTests {
    @Test func `the first report tells every handler and attempt, counts them, then the results`() {
        var scene = Scene.working([
            .plain(slots: 2), .plain("pgp", types: [.pgp], delivery: .idempotent),
        ])
        scene.begin(.first(1))
        scene.begin(.first(2))
        scene.finish(.first(2), output: [1])
        scene.lose()
        let back = scene.rejoin()
        #expect(
            back.verbs.filter { $0 != "NOTE" }
                == [
                    "READY", "FACTS", "LOAD", "HANDLER", "HANDLER", "HOLDING", "HOLDING",
                    "SYNCED", "OUTPUT", "RESULT",
                ]
        )
        #expect(back.sends.contains(.synced(services: 0, handlers: 2, attempts: 2)))
        #expect(
            back.holdings
                == [
                    .holding(.first(1), phase: .running), .holding(.first(2), phase: .ended),
                ]
        )
        let pgp = HandlerReport(name: "pgp", types: [.pgp], delivery: .idempotent)
        #expect(back.work.first == .handler(pgp))
    }

    @Test func `a session of version 1 hears nothing of tasks`() {
        var scene = Scene(handlers: [.plain()])
        scene.join()
        scene.live(.seconds(1))
        #expect(scene.order(.first(1)).sends.isEmpty)
        #expect(scene.cancel(.first(1)).sends.isEmpty)
        #expect(scene.run(.reconfigured([], sharedPaths: [], handlers: [])).work.isEmpty)
        #expect(scene.machine.heldAttempts.isEmpty)
    }

    @Test func `what runs over a session of version 1 is told in the next of version 2`() {
        var scene = Scene.working([.plain(delivery: .idempotent)])
        scene.begin(.first(1))
        scene.lose()
        scene.version = 1
        let old = scene.rejoin()
        #expect(old.work.isEmpty)
        #expect(old.sends.contains(.synced(services: 0)))
        #expect(scene.finish(.first(1)).work.isEmpty)
        scene.lose()
        scene.version = 2
        #expect(scene.rejoin().outcome == .done)
    }

    @Test func `a handler that changes or goes is told`() {
        var scene = Scene.working([.plain(slots: 1)])
        let changed = scene.run(
            .reconfigured([], sharedPaths: [], handlers: [.plain(slots: 3)])
        )
        #expect(
            changed.work == [.handler(HandlerReport(name: "push", types: [.push], slots: 3))]
        )
        // What a controller does not see is not told.
        var quiet = HandlerDefinition.plain(slots: 3)
        quiet.program = ["/usr/bin/other"]
        #expect(scene.run(.reconfigured([], sharedPaths: [], handlers: [quiet])).work.isEmpty)
        let gone = scene.run(.reconfigured([], sharedPaths: [], handlers: []))
        #expect(gone.work == [.unhandled("push")])
    }

    @Test func `a handler with a problem is left out, and that is said`() {
        var bad = HandlerDefinition.plain("pull", types: [])
        bad.program = ["pull"]
        var scene = Scene.working()
        let effects = scene.run(.reconfigured([], sharedPaths: [], handlers: [.plain(), bad]))
        #expect(effects.work.isEmpty)
        #expect(effects.noted == [.badConfiguration, .badConfiguration])
    }

    @Test func `what waits is dropped with the session, and is not there in the next one`() {
        var scene = Scene.working([.plain(prefetch: 3)])
        scene.begin(.first(1))
        scene.order(.first(2))
        scene.order(.first(3), payloadBytes: 9)
        scene.lose()
        #expect(scene.machine.heldAttempts.map(\.attempt) == [.first(1)])
        #expect(scene.finish(.first(1)).launchedTasks.isEmpty)
        let back = scene.rejoin()
        #expect(back.holdings == [.holding(.first(1), phase: .ended)])
        // A new order may give it again, with the same number.
        scene.live(.seconds(1))
        #expect(scene.order(.first(2)).launchedTasks == [.first(2)])
    }

    @Test func `an order of an older link is not heard`() {
        var scene = Scene.working([.plain(delivery: .idempotent)])
        let old = scene.link
        scene.lose()
        scene.rejoin()
        let order = scene.runOrder(.first(1))
        #expect(scene.run(.received(link: old, .work(.run(order)))) == AgentEffects())
    }

    @Test func `a start that was under way when the link broke is told as running`() {
        var scene = Scene.working()
        let order = scene.runOrder(.first(1))
        scene.keep(scene.step(.received(link: scene.link, .work(.run(order)))))
        scene.lose()
        let durable = scene.run(.taskJournaled(upTo: 1))
        #expect(durable.launchedTasks == [.first(1)])
        #expect(scene.rejoin().holdings == [.holding(.first(1), phase: .running)])
    }

    @Test func `a result is told in every session until it is taken`() {
        var scene = Scene.working()
        scene.begin(.first(1))
        let result = scene.finish(.first(1)).results
        for _ in 0..<3 {
            scene.lose()
            #expect(scene.rejoin().results == result)
        }
        scene.take(.first(1))
        #expect(scene.journalVerbs == ["START", "END", "FORGET"])
        scene.lose()
        let back = scene.rejoin()
        #expect(back.holdings.isEmpty)
        #expect(back.results.isEmpty)
    }

    @Test func `what was not told yet is not taken`() {
        var scene = Scene.working()
        scene.begin(.first(1))
        scene.take(.first(1))
        #expect(scene.phase(.first(1)) == .running)
        let order = scene.runOrder(.first(1))
        #expect(scene.receive(.work(.run(order))).work == [.started(.first(1))])
        #expect(scene.finish(.first(1)).outcome == .done)
    }

    @Test func `an agent that leaves starts nothing more`() {
        var scene = Scene.working([.plain(prefetch: 2)])
        let order = scene.runOrder(.first(1))
        scene.keep(scene.step(.received(link: scene.link, .work(.run(order)))))
        scene.run(.stopping(.stopping))
        let durable = scene.run(.taskJournaled(upTo: 1))
        #expect(durable.tasks.isEmpty)
        #expect(scene.journalVerbs == ["START", "END"])
    }

    @Test func `so many attempts given back end the session, which forgets them`() {
        var scene = Scene.working()
        var effects = AgentEffects()
        for task in 1...UInt64(16_385) where effects.connection.isEmpty {
            effects = scene.step(
                .received(
                    link: scene.link,
                    .work(.run(scene.runOrder(.first(task), handler: "no")))
                )
            )
        }
        guard case .close(_, let reason) = effects.connection.first else {
            Issue.record("the session goes on")
            return
        }
        #expect(reason.contains("16385"))
    }
}
