import ControllerCore
import Model
import Protocol
import Testing

/// Which node a task goes to, under every policy.
struct PolicyTests {
    private func cluster(
        _ count: Int = 3,
        policy: DispatchPolicy? = nil,
        slots: UInt16 = 100
    ) -> (Stage, [ConnectionID]) {
        var stage = Stage()
        if let policy { stage.ask(.set(.cluster, key: "task.policy", value: policy.rawValue)) }
        let nodes = (1...count).map {
            stage.online(NodeName("n\($0)")!, handlers: [.plain(slots: slots), .plain(.pgp)])
        }
        return (stage, nodes)
    }

    private func load(_ perProcessor: UInt32, memoryUsed: UInt64 = 100) -> AgentMessage {
        var load = Load()
        load.processors = 2
        load.loadAverage1 = 2 * perProcessor
        load.memoryTotal = 1_000
        load.memoryAvailable = 1_000 - memoryUsed
        return .load(load, disks: 0)
    }

    private func counts(_ stage: Stage, _ nodes: [ConnectionID]) -> [Int] {
        nodes.map { stage.running($0).count }
    }

    @Test func `round-robin gives to each node in turn`() {
        var (stage, nodes) = cluster(policy: .roundRobin)
        stage.submit(count: 9)
        #expect(counts(stage, nodes) == [3, 3, 3])
    }

    @Test func `account-affinity gives all of one account to one node, and spreads accounts`() {
        var (stage, nodes) = cluster()
        for _ in 0..<3 {
            for account in 0..<60 { stage.submit(account: "account-\(account)") }
        }
        var homes = OrderedTable<String, Int>()
        for (place, node) in nodes.enumerated() {
            for order in stage.running(node) {
                #expect(homes[order.account] ?? place == place)
                homes[order.account] = place
            }
        }
        #expect(homes.count == 60)
        let each = nodes.indices.map { place in homes.values.count { $0 == place } }
        #expect(each.allSatisfy { $0 > 8 })
    }

    @Test func `when a node leaves only its own accounts move`() {
        var (stage, nodes) = cluster()
        let accounts = (0..<60).map { "account-\($0)" }
        func homes(_ stage: inout Stage) -> [String: Int] {
            var homes: [String: Int] = [:]
            for account in accounts { stage.submit(account: account) }
            for (place, node) in nodes.enumerated() {
                for order in stage.running(node) { homes[order.account] = place }
                _ = stage.work(node)
            }
            return homes
        }
        let before = homes(&stage)
        stage.ask(.cordon("n3"))
        let during = homes(&stage)
        for (account, home) in before {
            #expect(home == 2 ? during[account] != 2 : during[account] == home)
        }
        stage.ask(.uncordon("n3"))
        #expect(homes(&stage) == before)
    }

    @Test func `attribute-match gives to nodes that prefer the type or an attribute`() {
        var (stage, nodes) = cluster(policy: .attributeMatch)
        stage.ask(.set(.cluster, key: "task.attribute.region", value: "where the partner is"))
        stage.ask(.set(.node("n1"), key: "task.prefer", value: "region=eu"))
        stage.ask(.set(.node("n2"), key: "task.prefer", value: "PGP, region=us"))
        let european = TaskAttribute(name: "region", value: "eu")!
        stage.submit(count: 4, attributes: [european])
        #expect(counts(stage, nodes) == [4, 0, 0])
        stage.submit(.pgp)
        #expect(stage.running(nodes[1]).map(\.type) == [.pgp])
        // Nobody prefers it: the whole site, next in sequence.
        stage.submit(count: 3)
        #expect(counts(stage, nodes) == [5, 2, 1])
        stage.ask(.set(.node("n3"), key: "task.prefer", value: "size=large"))
        #expect(stage.lastRefusal == .invalid)
        stage.ask(.unset(.cluster, key: "task.attribute.region"))
        #expect(stage.lastRefusal == .notNow)
    }

    @Test
    func `a preferred node that is overloaded is passed over, in strict mode nobody is preferred`()
    {
        var (stage, nodes) = cluster(policy: .attributeMatch)
        stage.ask(.set(.node("n1"), key: "task.prefer", value: "PUSH"))
        stage.ask(.set(.node("n2"), key: "task.prefer", value: "PUSH"))
        stage.say(load(2_500), on: nodes[0])
        #expect(stage.told(.nodeOverloaded) == 1)
        stage.submit(count: 4)
        #expect(counts(stage, nodes) == [0, 4, 0])
        stage.ask(.set(.cluster, key: "task.strict", value: "yes"))
        stage.submit(count: 4)
        #expect(counts(stage, nodes) == [0, 6, 2])
        // Relieved only below the lower threshold: 80 % of 2.0.
        stage.say(load(1_700), on: nodes[0])
        stage.submit(count: 2)
        #expect(counts(stage, nodes)[0] == 0)
        stage.say(load(1_500), on: nodes[0])
        #expect(stage.told(.nodeRelieved) == 1)
        stage.submit(count: 2)
        #expect(counts(stage, nodes)[0] == 1)
    }

    @Test func `when every node is overloaded work goes on`() {
        var (stage, nodes) = cluster(2)
        for node in nodes { stage.say(load(9_000), on: node) }
        stage.submit(count: 4, account: "a")
        #expect(counts(stage, nodes) == [2, 2])
    }

    @Test func `an overloaded home is passed over and gets its accounts back`() {
        var (stage, nodes) = cluster()
        stage.submit(account: "a")
        let home = nodes.firstIndex { !stage.running($0).isEmpty }!
        _ = stage.work(nodes[home])
        stage.say(load(100, memoryUsed: 960), on: nodes[home])
        stage.submit(account: "a")
        #expect(stage.running(nodes[home]).isEmpty)
        stage.say(load(100, memoryUsed: 500), on: nodes[home])
        stage.submit(account: "a")
        #expect(stage.running(nodes[home]).count == 1)
    }

    @Test func `a task waits for its full home as long as it has patience`() {
        var (stage, nodes) = cluster(slots: 1)
        stage.submit(count: 2, account: "a")
        #expect(counts(stage, nodes).reduce(0, +) == 1)
        stage.live(nodes, for: 4)
        #expect(counts(stage, nodes).reduce(0, +) == 1)
        stage.live(nodes, for: 2)
        #expect(counts(stage, nodes).reduce(0, +) == 2)
        let spilled = stage.machine.work.view(of: TaskID(2))?.assignment?.decision.rule
        #expect(spilled == .spilled)
    }

    @Test func `least-loaded gives to the node with the least load for each processor`() {
        var (stage, nodes) = cluster(policy: .leastLoaded)
        stage.say(load(1_500), on: nodes[0])
        stage.say(load(100), on: nodes[1])
        stage.say(load(1_100), on: nodes[2])
        stage.submit(count: 2)
        #expect(counts(stage, nodes) == [0, 2, 0])
        stage.submit(count: 2)
        #expect(counts(stage, nodes)[1] >= 2)
        #expect(counts(stage, nodes)[0] == 0)
    }

    @Test func `the policy is changed while tasks wait`() {
        var (stage, nodes) = cluster(slots: 1)
        stage.submit(count: 3, account: "a")
        #expect(counts(stage, nodes).reduce(0, +) == 1)
        stage.ask(.set(.cluster, key: "task.policy", value: "round-robin"))
        #expect(counts(stage, nodes) == [1, 1, 1])
        stage.ask(.set(.cluster, key: "task.policy", value: "round-robbin"))
        #expect(stage.lastRefusal == .invalid)
    }

    @Test func `the higher priority goes first, then the older task`() {
        var (stage, nodes) = cluster(1, slots: 1)
        stage.submit()
        let low = stage.submit(priority: 1)[0]
        let first = stage.submit(priority: 9)[0]
        let second = stage.submit(account: "b", priority: 9)[0]
        #expect(stage.work(nodes[0]) == [TaskID(1), first, second, low])
    }

    @Test func `tasks of one key go to one node, in order and one at a time where asked`() {
        var (stage, nodes) = cluster(policy: .roundRobin)
        stage.submit(count: 6, exclusive: ExclusiveKey("partner"))
        #expect(counts(stage, nodes) == [6, 0, 0])
        var (ordered, others) = cluster(policy: .roundRobin)
        let ids = ordered.submit(count: 3, exclusive: ExclusiveKey("partner", isOrdered: true))
        #expect(counts(ordered, others) == [1, 0, 0])
        // The failed one is not overtaken.
        ordered.end(TaskAttempt(task: ids[0], attempt: 1), .failed, status: 1, on: others[0])
        #expect(counts(ordered, others) == [0, 0, 0])
        ordered.live(others, for: 121)
        var done: [TaskID] = []
        while let order = others.flatMap({ ordered.running($0) }).first {
            let node = others.first { ordered.runs($0).contains(order.attempt) }!
            ordered.end(order.attempt, on: node)
            done.append(order.attempt.task)
        }
        #expect(done == ids)
    }

    @Test func `a node is given no more than its slots and what may wait`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain(slots: 3, prefetch: 2)])
        stage.submit(count: 10)
        #expect(stage.running(node).count == 5)
        stage.ask(.set(.node("n1"), key: "task.slots", value: "2"))
        stage.end(stage.runs(node)[0], on: node)
        stage.end(stage.runs(node)[0], on: node)
        #expect(stage.running(node).count == 3)
    }

    @Test func `a free slot is preferred to a place to wait`() {
        var stage = Stage()
        stage.ask(.set(.cluster, key: "task.policy", value: "round-robin"))
        let nodes = ["n1", "n2"].map {
            stage.online(NodeName($0)!, handlers: [.plain(slots: 2, prefetch: 5)])
        }
        stage.submit(count: 4)
        #expect(counts(stage, nodes) == [2, 2])
    }

    @Test func `a node that turns a task away is left alone for a second`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain()])
        let id = stage.submit()[0]
        stage.say(
            .work(.returned(TaskAttempt(task: id, attempt: 1), code: .busy, text: "full")),
            on: node
        )
        #expect(stage.running(node).isEmpty)
        let text = stage.machine.work.explain(id)?.candidates.first?.room ?? ""
        #expect(text.contains("turned a task away"))
        stage.live([node], for: 2)
        #expect(stage.running(node).count == 1)
    }

    @Test func `an Offline node and one of a standby site get nothing`() {
        var stage = Stage()
        stage.ask(.addSite("b"))
        let standby = stage.online("s1", handlers: [.plain()], site: "b")
        let failing = stage.online(
            "n1",
            [.plain("tm", .failed, isWanted: true)],
            handlers: [.plain()]
        )
        let id = stage.submit()[0]
        #expect(stage.running(standby).isEmpty)
        #expect(stage.running(failing).isEmpty)
        let explanation = stage.machine.work.explain(id)
        #expect(explanation?.candidates.map(\.entry.node) == ["n1"])
        #expect(explanation?.candidates.first?.entry.obstacle?.contains("tm failed") == true)
    }

    @Test func `a waiting task says why it waits`() {
        var stage = Stage()
        let id = stage.submit(.pgp)[0]
        #expect(stage.machine.work.explain(id)?.text == "no node defines a handler for PGP")
        let node = stage.online("n1", handlers: [.plain(.pgp)])
        let second = stage.submit(.pgp)[0]
        #expect(stage.machine.work.explain(second)?.text.contains("waits for room on n1") == true)
        let decision = stage.machine.work.view(of: id)?.assignment?.decision
        let view = decision.flatMap { stage.machine.work.views[$0.view] }
        #expect(view?.entries.map(\.node) == ["n1"])
        _ = stage.work(node)
    }

    @Test func `a strict cluster takes only types that are declared`() {
        var stage = Stage()
        stage.ask(.set(.cluster, key: "task.types.strict", value: "yes"))
        #expect(stage.submit(TaskType("INVOICE")!).isEmpty)
        stage.ask(.set(.cluster, key: "task.type.INVOICE", value: "the ERP's"))
        #expect(stage.submit(TaskType("INVOICE")!).count == 1)
        #expect(stage.submit(.push).count == 1)
    }

    @Test func `a task that is given back spills after its new patience, found by seed 31`() {
        var (stage, nodes) = cluster(2, slots: 1)
        let first = stage.submit(account: "acme")[0]
        let home = stage.running(nodes[0]).isEmpty ? 1 : 0
        // The second waits for its home, which has no room.
        let second = stage.submit(account: "acme", priority: 6)[0]
        stage.live(nodes, for: 3)
        stage.end(TaskAttempt(task: first, attempt: 1), on: nodes[home])
        #expect(stage.runs(nodes[home]) == [TaskAttempt(task: second, attempt: 1)])
        let returned = AgentWorkMessage.returned(
            TaskAttempt(task: second, attempt: 1),
            code: .storage,
            text: "full"
        )
        stage.say(.work(returned), on: nodes[home])
        let third = stage.submit(account: "acme", priority: 9)[0]
        stage.live(nodes, for: 2)
        #expect(stage.running(nodes[home]).map(\.attempt.task) == [third])
        #expect(stage.state(second) == .waiting)
        stage.live(nodes, for: 4)
        #expect(stage.running(nodes[1 - home]).map(\.attempt.task) == [second])
    }
}
