import ControllerCore
import Model
import Protocol
import Testing

/// What is told together, and what is not told at all.
struct NoticeGroupTests {
    @Test func `a thousand nodes lost at once make a handful of messages that name the cause`()
        throws
    {
        // Each machine is a value: the thousand join once, and are lost once for each grouping. One by
        // one as their connections break, or in one moment as they all fall silent.
        let (healthy, nodes) = Stage.told(nodes: 1_000, minimum: 800, rules: nil)
        for grouping in NoticeGrouping.allCases {
            var stage = healthy
            stage.ask(.setNotifyRules(.ops { $0.groupBy = grouping }))
            if grouping == .site {
                for connection in nodes { stage.step(.disconnected(connection, .timedOut)) }
            }
            stage.pass(.seconds(60))
            #expect(stage.told(.nodeOffline) == 1_000)
            #expect((1...3).contains(stage.messages.count), "\(grouping): \(stage.subjects)")
            let first = try #require(stage.messages.first)
            #expect(first.subject.contains("Site a: "))
            #expect(first.items.first?.cause.contains("unreachable: ") == true)
            #expect(first.items.count == NoticeMessage.itemsMax)
            #expect(first.items.count + first.itemsLeftOut >= 51)
            try stage.expectStored()
        }
    }

    @Test func `what counts alerts is told every one of many, and people the first of them`() throws
    {
        var rules = NotifyRules.ops()
        rules.receivers[0].alertmanagers = ["am"]
        var (stage, nodes) = Stage.told(nodes: 121, rules: rules)
        for connection in nodes { stage.step(.disconnected(connection, .timedOut)) }
        stage.pass(.seconds(20))
        var alerts: [String] = []
        var mails = 0
        for delivery in stage.deliveries {
            if case .alertmanager = delivery.destination {
                alerts += delivery.message.items.map(\.subject)
            } else {
                mails += 1
            }
        }
        #expect(mails == 1)
        #expect(alerts.count == 121)
        #expect(Set(alerts).count == 121)
        try stage.expectStored()
    }

    @Test func `the loss of a node is told by its site's alarm while that is open`() {
        var (stage, nodes) = Stage.told(nodes: 4, minimum: 4, rules: .ops { $0.groupBy = .kind })
        for connection in nodes[1...] { stage.step(.disconnected(connection, .timedOut)) }
        stage.live([nodes[0]], for: 30)
        #expect(stage.messages.count == 1)
        #expect(stage.messages.first?.items.map(\.subject) == ["a", "n2", "n3", "n4"])
        // Nor is its end told by itself.
        let back = stage.attach("n2", incarnation: 2)
        stage.live([nodes[0], back], for: 30)
        #expect(stage.messages.count == 1)
    }

    @Test func `a node that was told before its site is told to be back`() {
        var (stage, nodes) = Stage.told(nodes: 2)
        stage.lose(nodes[0], others: [nodes[1]])
        stage.live([nodes[1]], for: 3)
        #expect(stage.messages.map(\.state) == [.firing])
        let first = stage.messages[0]
        let back = stage.attach("n1", incarnation: 2)
        stage.live([nodes[1], back], for: 12)
        #expect(stage.messages.map(\.state) == [.firing, .resolved])
        #expect(stage.messages[1].thread == first.id)
        #expect(stage.subjects[1] == "[test] RESOLVED Node n1 is Online")
        #expect(stage.machine.notify.alarms.isEmpty)
    }

    @Test func `what is over before it was told is not told`() {
        var (stage, nodes) = Stage.told(nodes: 2, rules: .ops { $0.groupWait = .seconds(20) })
        stage.lose(nodes[0], others: [nodes[1]])
        let back = stage.attach("n1", incarnation: 2)
        stage.live([nodes[1], back], for: 40)
        #expect(stage.told(.nodeOffline) == 1)
        #expect(stage.messages.isEmpty)
        #expect(stage.machine.notify.alarms.isEmpty)
    }

    @Test func `flapping does not flood`() {
        var (stage, nodes) = Stage.told(
            nodes: 2,
            rules: .ops {
                $0.groupInterval = .seconds(300)
                $0.kinds = [KindPattern("node.offline")]
            }
        )
        var connection = nodes[0]
        for turn in 0..<10 {
            stage.lose(connection, others: [nodes[1]])
            connection = stage.attach("n1", incarnation: UInt64(turn) + 2)
            stage.ask(.release("n1"))
            stage.live([nodes[1], connection], for: 20)
        }
        #expect(stage.told(.nodeOffline) >= 5)
        #expect(stage.messages.count <= 2)
    }

    @Test func `what still fires is told again after the repeat interval`() {
        var (stage, nodes) = Stage.told(nodes: 2)
        stage.lose(nodes[0], others: [nodes[1]])
        stage.live([nodes[1]], for: 590)
        #expect(stage.messages.count == 1)
        stage.live([nodes[1]], for: 20)
        #expect(stage.messages.count == 2)
        #expect(stage.messages[1].thread == stage.messages[0].id)
        stage.live([nodes[1]], for: 610)
        #expect(stage.messages.count == 3)
    }

    @Test func `a silence holds back until it ends, and ends by itself`() {
        var (stage, nodes) = Stage.told(nodes: 3)
        stage.ask(
            .addSilence(
                SilenceDraft(
                    kinds: [KindPattern("node.*")],
                    subject: "n1",
                    owner: "alice",
                    until: stage.now.wall + .seconds(60)
                )
            )
        )
        stage.lose(nodes[0], others: Array(nodes[1...]))
        stage.lose(nodes[1], others: [nodes[2]])
        stage.live([nodes[2]], for: 20)
        #expect(stage.subjects == ["[test] CRITICAL Node n2 is Offline"])
        stage.restart()
        let third = stage.attach("n3", incarnation: 2)
        stage.live([third], for: 50)
        #expect(stage.told(.silenceEnded) == 1)
        #expect(stage.machine.notify.silences.isEmpty)
        #expect(stage.subjects.count == 2)
        #expect(stage.subjects.last == "[test] CRITICAL Node n1 is Offline")
        #expect(stage.audits.contains { $0.verb == "notify.unsilence" })
    }

    @Test func `a silence needs an owner, a reason and an end that is near`() {
        var (stage, _) = Stage.told(nodes: 1)
        let soon = stage.now.wall + .seconds(60)
        for draft in [
            SilenceDraft(owner: "", until: soon), SilenceDraft(owner: "o", until: stage.now.wall),
            SilenceDraft(owner: "o", until: stage.now.wall + .seconds(31 * 86_400)),
        ] {
            stage.ask(.addSilence(draft))
            #expect(stage.lastRefusal == .invalid)
        }
        stage.ask(.addSilence(SilenceDraft(owner: "o", until: soon)), reason: "")
        #expect(stage.lastRefusal == .invalid)
        stage.ask(
            .addSilence(SilenceDraft(kinds: [KindPattern("node.ofline")], owner: "o", until: soon))
        )
        #expect(stage.lastRefusal == .unknownName)
        stage.ask(.addSilence(SilenceDraft(sites: ["zz"], owner: "o", until: soon)))
        #expect(stage.lastRefusal == .unknownName)
        #expect(stage.machine.notify.silences.isEmpty)
        stage.ask(.addSilence(SilenceDraft(owner: "o", until: soon)))
        let number = stage.machine.notify.silences.keys[0]
        stage.ask(.endSilence(number))
        #expect(stage.machine.notify.silences.isEmpty)
    }

    @Test func `routes choose by kind, site and severity, the first that matches`() {
        var rules = NotifyRules.ops { $0.severity = .critical }
        rules.routes.insert(
            NotifyRoute(
                kinds: [KindPattern("silence.*")],
                severity: .info,
                receivers: ["chat"],
                continues: false,
                groupWait: .seconds(1)
            ),
            at: 0
        )
        rules.routes.append(NotifyRoute(sites: ["a"], receivers: ["chat"], groupWait: .seconds(1)))
        var (stage, nodes) = Stage.told(nodes: 2, rules: rules)
        stage.ask(
            .addSilence(
                SilenceDraft(subject: "x", owner: "o", until: stage.now.wall + .seconds(600))
            )
        )
        stage.live(nodes, for: 5)
        #expect(stage.machine.notify.notices.values.map(\.receiver) == ["chat"])
        #expect(stage.messages.first?.state == .told)
        stage.lose(nodes[0], others: [nodes[1]])
        stage.live([nodes[1]], for: 5)
        #expect(stage.machine.notify.notices.values.map(\.receiver) == ["chat", "ops"])
        rules.routes[1].continues = true
        stage.ask(.setNotifyRules(rules))
        stage.live([nodes[1]], for: 15)
        // Who was told is not told again; who is new is told of what is open.
        #expect(stage.machine.notify.notices.values.map(\.receiver) == ["chat", "ops", "chat"])
    }

    @Test func `planned work is told to whom asked for it`() {
        var (stage, nodes) = Stage.told(
            nodes: 2,
            rules: .ops {
                $0.planned = true
                $0.severity = .info
                $0.kinds = [KindPattern("node.offline")]
            }
        )
        let until = stage.now.wall + .seconds(900)
        stage.ask(.beginMaintenance("n1", owner: "o", until: until, keepServices: false))
        stage.live(nodes, for: 5)
        #expect(stage.subjects == ["[test] INFO Node n1 is Offline"])
    }

    @Test func `without rules nothing is sent, and alarms are known all the same`() {
        var (stage, nodes) = Stage.told(nodes: 2, minimum: 2, rules: nil)
        stage.lose(nodes[0], others: [nodes[1]])
        stage.live([nodes[1]], for: 30)
        #expect(stage.messages.isEmpty && stage.deliveries.isEmpty)
        #expect(stage.openAlarms == ["node.offline n1", "site.below-minimum a"])
        stage.ask(.setNotifyRules(.ops()))
        stage.live([nodes[1]], for: 5)
        #expect(stage.messages.count == 1)
    }

    @Test func `the end of each of many is told to what counts alerts`() {
        let count = 60
        var rules = NotifyRules.ops { $0.groupInterval = .seconds(2) }
        rules.receivers[0].alertmanagers = ["am"]
        var (stage, nodes) = Stage.told(nodes: count, rules: rules)
        for turn in 2...3 as ClosedRange<UInt64> {
            for connection in nodes { stage.step(.disconnected(connection, .timedOut)) }
            stage.live([], for: 4)
            nodes = (1...count).map { stage.attach(NodeName("n\($0)")!, incarnation: turn) }
            stage.live(nodes, for: 12)
        }
        let start = stage.messages.count
        stage.live(nodes, for: 60)
        var ends: [EventKind: Set<String>] = [:]
        for message in stage.messages[start...] {
            for item in message.items + message.folded where item.state == .resolved {
                ends[item.kind, default: []].insert(item.subject)
            }
        }
        #expect(ends[.nodeHeld]?.count == count)
    }
}
