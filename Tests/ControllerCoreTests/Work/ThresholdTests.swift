import Model
import Protocol
import Testing

@testable import ControllerCore

/// Thresholds of overload in plain units, each node's own, and the limits of the queue.
struct ThresholdTests {
    private func load(_ perProcessor: UInt32, memoryUsed: UInt64 = 100) -> AgentMessage {
        var load = Load()
        load.processors = 2
        load.loadAverage1 = 2 * perProcessor
        load.memoryTotal = 1_000
        load.memoryAvailable = 1_000 - memoryUsed
        return .load(load, disks: 0)
    }

    private func overload(_ stage: Stage, _ name: NodeName) -> String? {
        stage.machine.member(named: name).flatMap {
            stage.machine.work.load(of: $0.record.id)?.overload
        }
    }

    @Test func `a node with as many tasks as its threshold is passed over until it has fewer`() {
        var stage = Stage()
        stage.ask(.set(.cluster, key: "task.policy", value: "round-robin"))
        let first = stage.online("n1", handlers: [.plain(slots: 20)])
        let second = stage.online("n2", handlers: [.plain(slots: 20)])
        stage.ask(.set(.node("n1"), key: "task.overload.running", value: "5"))
        stage.ask(.set(.node("n1"), key: "task.overload.clear", value: "60%"))
        stage.submit(count: 20)
        #expect(stage.running(first).count == 5)
        #expect(stage.running(second).count == 15)
        #expect(overload(stage, "n1") == "5 tasks, overloaded from 5")
        // 60 % of 5 is 3: with 3 it is not relieved yet.
        for attempt in stage.runs(first).prefix(2) { stage.end(attempt, on: first) }
        stage.submit(count: 2)
        #expect(stage.running(first).count == 3)
        stage.end(stage.runs(first)[0], on: first)
        #expect(overload(stage, "n1") == nil)
        stage.submit(count: 2)
        #expect(stage.running(first).count == 3)
        #expect(stage.told(.nodeOverloaded) == 1 && stage.told(.nodeRelieved) == 1)
    }

    @Test func `each node has thresholds of its own, over its site's, over the cluster's`() {
        var stage = Stage()
        let nodes = ["n1", "n2", "n3"].map {
            stage.online(NodeName($0)!, handlers: [.plain(slots: 9)])
        }
        stage.ask(.set(.cluster, key: "task.overload.load", value: "1.0"))
        stage.ask(.set(.site("a"), key: "task.overload.load", value: "3.0"))
        stage.ask(.set(.node("n2"), key: "task.overload.load", value: "4.5"))
        stage.ask(.set(.node("n3"), key: "task.overload.load", value: "off"))
        for node in nodes { stage.say(load(4_000), on: node) }
        #expect(overload(stage, "n1") == "load 4.00 per CPU, overloaded from 3.00")
        #expect(overload(stage, "n2") == nil && overload(stage, "n3") == nil)
        // It holds at once, for the load that was measured before.
        stage.ask(.set(.node("n2"), key: "task.overload.load", value: "4.0"))
        #expect(overload(stage, "n2") == "load 4.00 per CPU, overloaded from 4.00")
        stage.ask(.set(.node("n3"), key: "task.overload.memory", value: "70%"))
        stage.say(load(4_000, memoryUsed: 710), on: nodes[2])
        #expect(overload(stage, "n3") == "memory 71% used, overloaded from 70%")
    }

    @Test func `while each node has an obstacle the overloaded one of them gets the task`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain(slots: 9)])
        let other = stage.online("n2", handlers: [.plain(.pgp)])
        stage.say(load(9_000), on: node)
        let id = stage.submit()[0]
        #expect(stage.running(node).count == 1 && stage.running(other).isEmpty)
        #expect(stage.machine.work.view(of: id)?.assignment?.decision.rule == .allOverloaded)
    }

    @Test func `the nodes of an account's set take turns, and no other gets of it`() {
        var stage = Stage()
        #expect(stage.machine.work.rules.policy == .accountAffinity)
        stage.ask(.set(.cluster, key: "task.affinity.width", value: "2"))
        let nodes = (1...5).map {
            stage.online(NodeName("n\($0)")!, handlers: [.plain(slots: 50)])
        }
        let ids = stage.submit(count: 12, account: "acme")
        let counts = nodes.map { stage.running($0).count }
        #expect(counts.sorted() == [0, 0, 0, 6, 6])
        #expect(
            ids.allSatisfy {
                stage.machine.work.view(of: $0)?.assignment?.decision.rule == .affinitySet
            }
        )
        // In turn: each has every second one.
        let set = nodes.filter { !stage.running($0).isEmpty }
        #expect(stage.runs(set[0]).map { $0.task.number % 2 }.allSatisfy { $0 == 1 })
    }

    @Test func `few accounts move to a node that joins, and none between the others`() {
        var stage = Stage()
        var nodes = (1...4).map {
            stage.online(NodeName("n\($0)")!, handlers: [.plain(slots: 1_000)])
        }
        func homes() -> [String: Int] {
            var homes: [String: Int] = [:]
            for account in 0..<100 { stage.submit(account: "account-\(account)") }
            for (place, node) in nodes.enumerated() {
                for order in stage.running(node) { homes[order.account] = place }
                _ = stage.work(node)
            }
            return homes
        }
        let before = homes()
        nodes.append(stage.online("n5", handlers: [.plain(slots: 1_000)]))
        let after = homes()
        let moved = before.keys.filter { before[$0] != after[$0] }
        #expect(moved.allSatisfy { after[$0] == 4 })
        // A fifth of them is its share.
        #expect((8...35).contains(moved.count), "\(moved.count)")
    }

    // MARK: The queue

    private func refusal(_ answers: [TaskAnswer]) -> Refused? {
        for case .refused(let refused) in answers { return refused }
        return nil
    }

    @Test func `a queue is full by the bytes of its payloads, too, and says when to come again`()
        throws
    {
        var stage = Stage()
        // Room for four of them, with what each task and each kind of task is reckoned with.
        let kind = TaskCharge.taskClass + 2 * UInt64("PUSHroot".utf8.count)
        let full = 4 * (TaskCharge.task + 1_000) + kind
        #expect(full == 7_088)
        stage.ask(.set(.cluster, key: "task.queue.bytes", value: "8KiB"))
        func offers(_ count: Int) -> [TaskOffer] {
            let payload = [UInt8](repeating: 1, count: 1_000)
            let offer = TaskOffer(submission: TaskSubmission(type: .push), payload: payload)
            return Array(repeating: offer, count: count)
        }
        #expect(refusal(stage.submit(offers(4))) == nil)
        let refused = try #require(refusal(stage.submit(offers(1))))
        #expect(refused.code == .busy)
        #expect(
            refused.text
                == "the queue is full: \(full) bytes are kept of 4 live tasks, of at most 8192"
        )
        #expect(refused.mend == "try again in 5s")
        // A smaller one still has room, and what ends makes room.
        #expect(stage.submit(payload: [UInt8](repeating: 1, count: 96)).count == 1)
        #expect(refusal(stage.submit(offers(1))) != nil)
        #expect(stage.told(.queueFull) == 1)
        let node = stage.online("n1", handlers: [.plain()])
        _ = stage.work(node)
        #expect(stage.told(.queueRelieved) == 1)
        #expect(refusal(stage.submit(offers(1))) == nil)
    }

    @Test func `without other word five attempts are made, two minutes apart`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain()])
        let id = stage.submit()[0]
        for attempt in 1...5 as ClosedRange<UInt16> {
            #expect(stage.runs(node) == [TaskAttempt(task: id, attempt: attempt)])
            stage.end(TaskAttempt(task: id, attempt: attempt), .failed, status: 1, on: node)
            guard attempt < 5 else { break }
            stage.live([node], for: 119)
            #expect(stage.state(id) == .delayed)
            stage.live([node], for: 2)
        }
        #expect(stage.state(id) == .failed)
    }

    @Test func `a type and an attribute that were never declared are refused, with the mend`()
        throws
    {
        var stage = Stage()
        stage.ask(.set(.cluster, key: "task.types.strict", value: "yes"))
        stage.ask(.set(.cluster, key: "task.attribute.region", value: "where it is"))
        func refusal(_ type: String, _ attribute: String? = nil) throws -> Refused? {
            var submission = TaskSubmission(type: try #require(TaskType(type)))
            if let attribute {
                submission.attributes = [try #require(TaskAttribute(name: attribute, value: "x"))]
            }
            return self.refusal(stage.submit([TaskOffer(submission: submission)]))
        }
        let type = try #require(try refusal("INVOICE"))
        #expect(type.code == .unknownName)
        #expect(type.text == "the type INVOICE is not declared, and this cluster takes no other")
        #expect(type.mend == "muster policy type declare INVOICE")
        #expect(try refusal("PUSHH")?.mend == "did you mean PUSH?")
        let attribute = try #require(try refusal("PUSH", "size"))
        #expect(attribute.code == .unknownName)
        #expect(attribute.text == "the attribute size was never declared")
        #expect(attribute.mend == "muster policy attribute declare size")
        #expect(try refusal("PUSH", "regin")?.mend == "did you mean region?")
        #expect(stage.machine.work.counts.accepted == 0)
        // Others carry on, and a declaration holds at once.
        #expect(try refusal("PULL", "region") == nil)
        stage.ask(.set(.cluster, key: "task.attribute.size", value: ""))
        stage.ask(.set(.cluster, key: "task.type.INVOICE", value: ""))
        #expect(try refusal("INVOICE", "size") == nil)
        #expect(stage.machine.work.counts.accepted == 2)
    }
}
