import ControllerCore
import Model
import Protocol
import Testing

/// Alarms end: also when the controller was started meanwhile, and when what they are about is no more.
struct AlarmEndTests {
    // MARK: Over a restart

    @Test func `a hold ends with the controller that holds`() {
        var (stage, nodes) = Stage.told(nodes: 2)
        var first = nodes[0]
        for incarnation in UInt64(2)...3 {
            stage.lose(first, others: [nodes[1]])
            first = stage.attach("n1", incarnation: incarnation)
        }
        #expect(stage.openAlarms.contains("node.held n1"))
        stage.restart()
        #expect(!stage.openAlarms.contains("node.held n1"))
        #expect(stage.told(.nodeReleased) == 1)
    }

    @Test func `an overload that ends after a restart is told to have ended, once`() {
        func load(_ perProcessor: UInt32) -> AgentMessage {
            var load = Load()
            load.processors = 1
            load.loadAverage1 = perProcessor
            return .load(load, disks: 0)
        }
        var (stage, nodes) = Stage.told(nodes: 1)
        stage.ask(.set(.cluster, key: "task.overload.load", value: "1.0"))
        stage.say(load(4_000), on: nodes[0])
        #expect(stage.openAlarms == ["node.overloaded n1"])
        stage.restart()
        let again = stage.attach("n1", incarnation: 2)
        #expect(stage.openAlarms == ["node.overloaded n1"])
        stage.say(load(4_000), on: again)
        #expect(stage.told(.nodeOverloaded) == 1)
        stage.restart()
        let third = stage.attach("n1", incarnation: 3)
        stage.say(load(10), on: third)
        #expect(stage.told(.nodeRelieved) == 1)
        #expect(stage.openAlarms.isEmpty)
    }

    @Test func `a queue that has room after a restart is told to have room`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain(slots: 1)])
        stage.ask(.set(.cluster, key: "task.queue.count", value: "2"))
        stage.submit(count: 2)
        let offer = TaskOffer(submission: TaskSubmission(type: .push), payload: [])
        for _ in 0..<3 { _ = stage.submit([offer]) }
        #expect(stage.openAlarms == ["queue.filling tasks", "queue.full tasks"])
        stage.step(.disconnected(node, .closedByPeer))
        stage.restart()
        stage.ask(.set(.cluster, key: "task.queue.count", value: "100"))
        stage.pass(.seconds(5))
        #expect(stage.told(.queueFull) == 1 && stage.told(.queueRelieved) == 1)
        #expect(stage.told(.queueFilling) == 1 && stage.told(.queueEased) == 1)
        #expect(!stage.openAlarms.contains { $0.hasPrefix("queue") })
    }

    private func late() -> DataStage {
        var data = DataStage()
        data.live(5)
        data.isReplicating = false
        data.live(90)
        return data
    }

    @Test func `data that catches up after a restart is told to have caught up`() {
        var data = late()
        #expect(data.stage.openAlarms.contains("data.late orders"))
        data.stage.restart()
        data.production = data.stage.attach(
            "n1",
            [.plain("db", .running, isWanted: true, isSelfFenced: true)],
            incarnation: 2
        )
        data.standby = data.stage.attach("n2", [.plain("db", isSelfFenced: true)], incarnation: 2)
        data.define()
        data.isReplicating = true
        data.live(30)
        #expect(data.stage.told(.dataLate) == 1 && data.stage.told(.dataRecovered) == 1)
        #expect(!data.stage.openAlarms.contains("data.late orders"))
    }

    @Test func `drift that is gone after a restart is told to be gone`() {
        var pair = DriftStage()
        let own = [DriftStage.file("etc/a", "a")]
        pair.look(pair.production, "app", own, interval: .seconds(20))
        pair.look(pair.standby, "app", [DriftStage.file("etc/a", "b")], interval: .seconds(20))
        pair.answer()
        pair.live(for: 21)
        #expect(pair.stage.openAlarms.contains("drift.found n2"))
        pair.stage.restart()
        pair.production = pair.stage.attach(
            "n1",
            [.plain("db", .running, isWanted: true)],
            incarnation: 2
        )
        pair.standby = pair.stage.attach("n2", [.plain("db")], incarnation: 2)
        pair.look(pair.production, "app", own)
        pair.look(pair.standby, "app", own)
        pair.answer()
        #expect(pair.stage.told(.driftGone) == 1)
        #expect(!pair.stage.openAlarms.contains("drift.found n2"))
    }

    @Test func `what a controller in doubt did not tell, the next one does`() {
        var (stage, nodes) = Stage.told(nodes: 3)
        stage.lose(nodes[0], others: [nodes[1], nodes[2]])
        #expect(stage.openAlarms == ["node.offline n1"])
        let higher = FencingToken(epoch: Epoch(generation: 9, counter: 1), session: 1)
        _ = stage.hello("n3", incarnation: 2, highest: higher)
        #expect(stage.machine.doubt != nil)
        stage.lose(nodes[1], others: [])
        stage.pass(.seconds(5))
        #expect(stage.status("n2") == .offline)
        #expect(!stage.openAlarms.contains("node.offline n2"))
        stage.restart()
        #expect(stage.openAlarms.contains("node.offline n2"))
    }

    // MARK: What is no more

    @Test func `nobody is behind the site that takes over`() {
        var data = late()
        data.loseProduction()
        data.live(4)
        #expect(data.begin(.failover, acceptsLoss: true).refusal == nil)
        data.finishFailover()
        #expect(data.stage.machine.cluster.activeSite == "b")
        let open = data.stage.machine.notify.alarms.values.filter {
            $0.kind == .dataLate && $0.state == .firing && $0.site == "b"
        }
        #expect(open.isEmpty)
    }

    @Test func `drift of one set ends without that of another, and with the pair`() {
        var pair = DriftStage()
        let own = [DriftStage.file("etc/a", "a")]
        let other = [DriftStage.file("etc/a", "b")]
        for set in ["app", "web"] as [ComparedSetName] {
            pair.look(pair.production, set, own, interval: .seconds(20))
            pair.look(pair.standby, set, other, interval: .seconds(20))
        }
        pair.answer()
        pair.live(for: 21)
        #expect(pair.stage.told(.driftFound) == 2)
        pair.look(pair.standby, "app", own, interval: .seconds(20))
        pair.answer()
        #expect(pair.stage.told(.driftGone) == 1)
        #expect(pair.stage.openAlarms.filter { $0.hasPrefix("drift") } == ["drift.found n2"])
        pair.stage.ask(.unpairNode("n2"))
        #expect(pair.stage.openAlarms.filter { $0.hasPrefix("drift") } == [])
    }

    @Test func `a place that no receiver has any more is not missed`() {
        var (stage, nodes) = Stage.told(nodes: 2)
        stage.lose(nodes[0], others: [nodes[1]])
        stage.live([nodes[1]], for: 3)
        stage.deliver(.refused("no such user"))
        #expect(stage.openAlarms.contains("notice.undeliverable mail to ops@example.com"))
        var rules = NotifyRules.ops()
        rules.receivers[0].mail = ["night@example.com"]
        stage.ask(.setNotifyRules(rules))
        #expect(!stage.openAlarms.contains { $0.hasPrefix("notice") })
    }

    private func overdue() -> Stage {
        var (stage, _, _) = Stage.twoSites()
        stage.wallOffset = .seconds(400 * 86_400)
        stage.pass(.seconds(60))
        return stage
    }

    @Test func `a site that is removed takes its alarms along`() {
        var stage = overdue()
        #expect(stage.openAlarms.contains("drill.overdue b"))
        stage.ask(.removeNodes(["n2"]), force: true)
        stage.pass(.seconds(29))
        stage.ask(.removeSite("b"))
        #expect(stage.machine.sites["b"] == nil)
        #expect(stage.openAlarms.filter { $0.hasSuffix(" b") } == [])
        stage.pass(.seconds(60))
        #expect(stage.openAlarms.filter { $0.hasSuffix(" b") } == [])
    }

    @Test func `no drill is said to be made where none is due any more`() {
        var stage = overdue()
        stage.ask(.removeNodes(["n2"]), force: true)
        stage.pass(.seconds(120))
        #expect(stage.openAlarms.filter { $0.hasPrefix("drill") } == [])
        #expect(stage.told(.drillMade) == 0)
    }

    @Test func `a node named controller has a certificate of its own`() {
        var stage = Stage()
        let connection = stage.online("controller")
        stage.step(
            .certificateKnown(
                end: stage.now.wall + .seconds(50 * 86_400),
                life: .seconds(365 * 86_400)
            )
        )
        // A sixth of a year is left, and no more.
        #expect(stage.openAlarms == ["certificate.expiring issuing certificate"])
        stage.live([connection], for: 60)
        #expect(stage.openAlarms == ["certificate.expiring issuing certificate"])
        stage.step(
            .certificateKnown(
                end: stage.now.wall + .seconds(360 * 86_400),
                life: .seconds(365 * 86_400)
            )
        )
        #expect(stage.openAlarms.isEmpty)
    }
}
