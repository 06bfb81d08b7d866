import AgentCore
import Model
import Protocol
import Testing

struct TaskStartTests {
    @Test func `a handler is executed when its start is durable and not before`() {
        var scene = Scene.working()
        let order = scene.runOrder(.first(1))
        let ordered = scene.step(.received(link: scene.link, .work(.run(order))))
        #expect(ordered.tasks.isEmpty)
        // The first write of a journal names its owner, so it is a whole one.
        #expect(
            ordered.taskJournalRewrite?.entries
                == [
                    .owner(cluster: "c-1", node: "n-1"),
                    .start(.first(1), token: scene.token, handler: "push"),
                ]
        )
        #expect(scene.phase(.first(1)) == .running)
        let durable = scene.step(.taskJournaled(upTo: 1))
        #expect(durable.launchedTasks == [.first(1)])
        #expect(durable.sends.isEmpty)
        let started = scene.step(.task(.first(1), .started(processID: 7)))
        #expect(started.work == [.started(.first(1))])
    }

    @Test func `the handler is told what the task is, and of the wire nothing else`() {
        var definition = HandlerDefinition.plain()
        definition.environment = [
            EnvironmentVariable(name: "A", value: "1"),
            EnvironmentVariable(name: "MUSTER_TASK", value: "forged"),
        ]
        var scene = Scene.working([definition])
        scene.receive(.config(version: 1, count: 1))
        scene.receive(.set(Setting(key: "env.B", value: "2", scope: .cluster)))
        var order = scene.runOrder(
            TaskAttempt.of(7, 3),
            priority: 8,
            payloadBytes: 2,
            payload: [1, 2]
        )
        order.account = "acme"
        order.attributes = [
            TaskAttribute(name: "my-Size.x", value: "a b"),
            TaskAttribute(name: "LD_PRELOAD", value: "/x"),
        ].compactMap { $0 }
        order.isRepeated = true
        order.exclusiveKey = "key"
        let launch = scene.receive(.work(.run(order))).launch
        let expected = [
            "A=1", "MUSTER_ACCOUNT=acme", "MUSTER_AGAIN=yes", "MUSTER_ATTEMPT=3",
            "MUSTER_ATTRIBUTE_LD_PRELOAD=/x", "MUSTER_ATTRIBUTE_MY_SIZE_X=a b",
            "MUSTER_EXCLUSIVE=key", "MUSTER_HANDLER=push", "MUSTER_NODE=n-1", "MUSTER_PRIORITY=8",
            "MUSTER_SET_B=2", "MUSTER_SITE=berlin", "MUSTER_SUBMITTED=1970-01-01T00:00:00.000Z",
            "MUSTER_TASK=7", "MUSTER_TOKEN=0001.00000001.00000001.0000000000000007.0003",
            "MUSTER_TYPE=PUSH",
        ]
        #expect(launch?.environment.map(\.description) == expected)
        #expect(launch?.payload == [1, 2])
        #expect(launch?.definition == definition)
        #expect(launch?.token == order.fencingToken)
        #expect(launch?.deadline == scene.machine.leaseEnd)
    }

    @Test(arguments: ["drill", "switchover"])
    func `a hook of a drill has a token of the drill, at the active site as well`(kind: String) {
        let type = TaskType("hook.look")!
        var scene = Scene.working([.plain("look", types: [type])])
        var order = scene.runOrder(.first(1), handler: "look", type: type)
        order.attributes = [("KIND", kind), ("RUN", "12")].compactMap {
            TaskAttribute(name: $0.0, value: $0.1)
        }
        let launch = scene.receive(.work(.run(order))).launch
        let told = launch?.environment.map(\.description) ?? []
        let isDrill = kind == "drill"
        let epoch = isDrill ? "0000.0000000c" : "0001.00000001"
        #expect(told.contains("MUSTER_TOKEN=\(epoch).00000001.0000000000000001.0001"))
        #expect(told.contains("MUSTER_DRILL=12") == isDrill)
        // What fences the attempt itself stays the token of the node.
        #expect(launch?.token == order.fencingToken)
    }

    @Test func `work is of no drill, whatever its attributes say`() {
        var scene = Scene.working()
        var order = scene.runOrder(.first(1))
        order.attributes = [("KIND", "drill"), ("RUN", "12")].compactMap {
            TaskAttribute(name: $0.0, value: $0.1)
        }
        let told = scene.receive(.work(.run(order))).launch?.environment.map(\.name) ?? []
        #expect(told.contains("MUSTER_TOKEN"))
        #expect(!told.contains("MUSTER_DRILL"))
    }

    @Test(arguments: [DeliveryPolicy.exclusive, .atMostOnce])
    func `what must not run twice waits for a lease`(delivery: DeliveryPolicy) {
        var scene = Scene.working([.plain(delivery: delivery)], leased: false)
        #expect(scene.order(.first(1)).tasks.isEmpty)
        #expect(scene.phase(.first(1)) == .waiting)
        #expect(scene.journal.isEmpty)
        scene.pass(.seconds(1))
        let granted = scene.grantLease()
        #expect(granted.launchedTasks == [.first(1)])
        #expect(granted.launch?.deadline == scene.machine.leaseEnd)
    }

    @Test func `what may run twice needs no lease`() {
        var scene = Scene.working([.plain(delivery: .idempotent)], leased: false)
        let effects = scene.order(.first(1))
        #expect(effects.launchedTasks == [.first(1)])
        #expect(effects.launch?.deadline == nil)
    }

    @Test func `a lease that ends while the start is written lets nothing start`() {
        var scene = Scene.working()
        let order = scene.runOrder(.first(1))
        let ordered = scene.step(.received(link: scene.link, .work(.run(order))))
        scene.keep(ordered)
        // The process was frozen on its way to the disk.
        scene.now += .seconds(13)
        let durable = scene.run(.taskJournaled(upTo: 1))
        #expect(durable.tasks.isEmpty)
        #expect(durable.outcome == .interrupted)
        #expect(durable.results.first?.detail == "never started: there is no lease")
        #expect(scene.journalVerbs == ["START", "END"])
    }

    @Test func `a token that rises while the start is written lets nothing start`() {
        var scene = Scene.working([.plain(delivery: .idempotent)])
        let order = scene.runOrder(.first(1))
        scene.keep(scene.step(.received(link: scene.link, .work(.run(order)))))
        scene.token.session = 2
        // It is enough that the newer token was seen; it is not durable yet.
        scene.keep(scene.step(.received(link: scene.link, .role(.active, token: scene.token))))
        let durable = scene.step(.taskJournaled(upTo: 1))
        #expect(durable.tasks.isEmpty)
        #expect(scene.run(.taskJournaled(upTo: 2)).outcome == .interrupted)
    }

    @Test func `an order under a token that is not durable waits for it`() {
        var scene = Scene.working([.plain(delivery: .idempotent)])
        scene.token.session = 2
        let ordered = scene.step(
            .received(link: scene.link, .work(.run(scene.runOrder(.first(1)))))
        )
        #expect(ordered.persist?.memory.highest == scene.token)
        #expect(ordered.taskJournal == nil)
        #expect(ordered.taskJournalRewrite == nil)
        let durable = scene.step(.persisted(upTo: ordered.persist?.revision ?? 0))
        #expect(durable.taskJournalRewrite != nil)
        #expect(durable.tasks.isEmpty)
    }

    @Test func `an order under an older token is given back and noted`() {
        var scene = Scene.working()
        let older = scene.token
        scene.raiseToken()
        let effects = scene.order(.first(1), token: older)
        #expect(effects.returns == [.staleToken])
        #expect(effects.noted == [.staleOrder])
        #expect(scene.phase(.first(1)) == nil)
    }

    @Test func `what the node does not run is given back`() {
        var scene = Scene.working()
        #expect(scene.order(.first(1), handler: "pull").returns == [.unknownName])
        #expect(scene.order(.first(2), type: .pull).returns == [.unknownName])
    }

    @Test func `a standby site takes no task, and gives back what waits`() {
        var scene = Scene.working()
        scene.begin(.first(1))
        scene.order(.first(2))
        let effects = scene.receive(.role(.standby, token: scene.token))
        #expect(effects.returnedAttempts == [.first(2)])
        #expect(effects.tasks.isEmpty)
        #expect(scene.order(.first(3)).returns == [.notNow])
        #expect(scene.finish(.first(1)).outcome == .done)
    }

    @Test func `a handler has its slots and its prefetch, and not one more`() {
        var scene = Scene.working([
            .plain(slots: 2, prefetch: 1), .plain("pull", types: [.pull]),
        ])
        #expect(scene.order(.first(1)).launchedTasks == [.first(1)])
        #expect(scene.order(.first(2)).launchedTasks == [.first(2)])
        #expect(scene.order(.first(3)).tasks.isEmpty)
        #expect(scene.order(.first(4)).returns == [.busy])
        let other = scene.order(.first(5), handler: "pull", type: .pull)
        #expect(other.launchedTasks == [.first(5)])
        // A slot is free when nothing of the task lives, not when its program has ended.
        #expect(scene.report(.first(1), .exited(.exited(0))).tasks.isEmpty)
        #expect(scene.report(.first(1), .emptied).launchedTasks == [.first(3)])
    }

    @Test func `the higher priority starts first, and of two the earlier`() {
        var scene = Scene.working([.plain(prefetch: 4)])
        scene.begin(.first(1))
        scene.order(.first(9), priority: 5)
        scene.order(.first(2), priority: 5)
        scene.order(.first(3), priority: 7)
        scene.order(.first(4), priority: 1)
        var order: [TaskAttempt] = []
        var running = TaskAttempt.first(1)
        for _ in 0..<4 {
            let next = scene.finish(running).launchedTasks
            order += next
            running = next.first ?? running
        }
        #expect(order == [.first(3), .first(9), .first(2), .first(4)])
    }

    @Test func `a repeated order starts nothing and tells again`() {
        var scene = Scene.working()
        let order = scene.runOrder(.first(1))
        let ordered = scene.step(.received(link: scene.link, .work(.run(order))))
        #expect(scene.order(.first(1)).work.isEmpty)
        scene.keep(ordered)
        _ = scene.step(.taskJournaled(upTo: 1))
        #expect(scene.order(.first(1)).work.isEmpty)
        scene.report(.first(1), .started(processID: 7))
        #expect(scene.order(.first(1)).work == [.started(.first(1))])
        let finished = scene.finish(.first(1))
        #expect(finished.results.count == 1)
        let again = scene.order(.first(1))
        #expect(again.results == finished.results)
        #expect(again.tasks.isEmpty)
    }

    @Test func `one attempt of a task at a time`() {
        var scene = Scene.working([.plain(slots: 4)])
        scene.begin(.of(1, 1))
        #expect(scene.order(.of(1, 2)).returns == [.notNow])
        scene.finish(.of(1, 1))
        // It was given back in this session, so only a higher one is taken.
        #expect(scene.order(.of(1, 2)).returns == [.notNow])
        #expect(scene.order(.of(1, 3)).launchedTasks == [.of(1, 3)])
        #expect(scene.order(.of(1, 1)).results.count == 1)
    }

    @Test
    func `a higher attempt takes the place of one that waits, and a lower one comes too late`() {
        var scene = Scene.working([.plain(prefetch: 2)])
        scene.begin(.first(1))
        scene.order(.of(2, 2))
        let effects = scene.order(.of(2, 4))
        #expect(effects.returnedAttempts == [.of(2, 2)])
        #expect(scene.order(.of(2, 3)).returns == [.staleToken])
        #expect(scene.finish(.first(1)).launchedTasks == [.of(2, 4)])
    }

    @Test func `an attempt that was given back is not taken later in the session`() {
        var scene = Scene.working([.plain(prefetch: 0)])
        scene.begin(.first(1))
        #expect(scene.order(.first(2)).returns == [.busy])
        scene.finish(.first(1))
        // Sent before the controller knew: it may have gone to another node meanwhile.
        #expect(scene.order(.first(2)).returns == [.notNow])
        #expect(scene.order(.of(2, 2)).launchedTasks == [.of(2, 2)])
    }

    @Test func `an attempt that was taken is never started again`() {
        var scene = Scene.working()
        scene.begin(.first(1))
        scene.finish(.first(1))
        scene.take(.first(1))
        let effects = scene.order(.first(1))
        #expect(effects.tasks.isEmpty)
        #expect(effects.returns == [.staleToken])
    }

    @Test func `the node has so many attempts and no more, untaken results among them`() {
        var scene = Scene(handlers: [.plain()])
        var lines = [TaskJournalEntry.owner(cluster: "c-1", node: "n-1").line]
        for task in 1...UInt64(WorkLimits.attemptsPerNodeMax) {
            lines.append(TaskJournalEntry.end(.first(task), AttemptResult(outcome: .done)).line)
        }
        scene = Scene(handlers: [.plain()], journal: lines)
        scene.version = 2
        let told = scene.join()
        #expect(told.holdings.count == WorkLimits.attemptsPerNodeMax)
        scene.live(.seconds(1))
        #expect(scene.order(.first(99_999)).returns == [.busy])
        scene.take(.first(1))
        #expect(scene.order(.of(99_999, 2)).launchedTasks == [.of(99_999, 2)])
    }

    @Test func `a handler that is removed gives back what waits, and what runs runs on as it was`()
    {
        var scene = Scene.working([.plain(permanentStatuses: [3])])
        scene.begin(.first(1))
        scene.order(.first(2))
        let effects = scene.run(.reconfigured([], sharedPaths: [], handlers: []))
        #expect(effects.work.contains(.unhandled("push")))
        #expect(effects.returnedAttempts == [.first(2)])
        #expect(effects.tasks.isEmpty)
        let finished = scene.finish(.first(1), .exited(3))
        #expect(finished.results.first?.isPermanent == true)
    }
}
