import ControllerCore
import Model
import Protocol
import Testing

/// A message tells of things as they are when it is written, each thing once, under what it belongs to.
struct NoticeAsItIsTests {
    /// n1 was lost twice, is back, and held; n2 is Online.
    private static func held() -> (Stage, [ConnectionID], ConnectionID) {
        var (stage, nodes) = Stage.told(nodes: 2)
        var back = nodes[0]
        for turn in 2...3 as ClosedRange<UInt64> {
            stage.lose(back, others: [nodes[1]])
            back = stage.attach("n1", incarnation: turn)
        }
        stage.live([nodes[1], back], for: 12)
        return (stage, nodes, back)
    }

    @Test func `a node that is back and held is one matter`() throws {
        var (stage, nodes) = Stage.told(nodes: 2)
        var back = nodes[0]
        for turn in 2...5 as ClosedRange<UInt64> {
            stage.lose(back, others: [nodes[1]])
            stage.live([nodes[1]], for: 12)
            back = stage.attach("n1", incarnation: turn)
            stage.live([nodes[1], back], for: 12)
        }
        #expect(stage.told(.nodeHeld) == 3)
        let held = try #require(stage.messages.last)
        #expect(held.subject.hasPrefix("[test] WARNING Node n1 is back and held for "))
        #expect(held.items.map(\.kind) == [.nodeHeld])
        // What counts alerts has to be told the ends of both.
        #expect(held.folded.isEmpty)
        // While it lasts, and when it is told again.
        let count = stage.messages.count
        stage.ask(.setNotifyRules(.ops { $0.repeatInterval = .seconds(60) }))
        stage.live([nodes[1], back], for: 62)
        #expect(stage.messages.count > count)
        for message in stage.messages[count...] {
            #expect(message.items.map(\.kind) == [.nodeHeld])
        }
        stage.ask(.setNotifyRules(.ops()))
        stage.ask(.release("n1"))
        stage.live([nodes[1], back], for: 12)
        #expect(stage.status("n1") == .online)
        let end = try #require(stage.messages.last)
        #expect(end.subject == "[test] RESOLVED Node n1 is Online")
        #expect(end.items.map(\.kind) == [.nodeOffline])
        #expect(end.folded.map(\.kind) == [.nodeHeld])
        #expect(end.folded.map(\.state) == [.resolved])
        #expect(stage.machine.notify.alarms.isEmpty)
        try stage.expectStored()
    }

    @Test func `a node that is lost while it is held is told to be Offline, and is held no more`() {
        var (stage, nodes, back) = Self.held()
        #expect(stage.openAlarms == ["node.offline n1", "node.held n1"])
        #expect(stage.subjects.last?.hasPrefix("[test] WARNING Node n1 is back and held") == true)
        stage.lose(back, others: [nodes[1]])
        stage.live([nodes[1]], for: 12)
        #expect(stage.openAlarms == ["node.offline n1"])
        #expect(stage.subjects.last == "[test] CRITICAL Node n1 is still Offline")
        #expect(stage.messages.last?.items.map(\.kind) == [.nodeOffline])
        #expect(stage.messages.last?.items.first?.cause.hasPrefix("unreachable: ") == true)
    }

    @Test func `a site's message counts when it is written`() throws {
        var (stage, nodes) = Stage.told(
            nodes: 4,
            minimum: 4,
            rules: .ops { $0.groupWait = .seconds(20) }
        )
        for connection in nodes[..<2] { stage.step(.disconnected(connection, .timedOut)) }
        stage.live(Array(nodes[2...]), for: 8)
        #expect(stage.events.last { $0.kind == .siteFurtherLoss }?.text.contains("2 of 4") == true)
        let back = stage.attach("n2", incarnation: 2)
        stage.live(Array(nodes[2...]) + [back], for: 20)
        let told = try #require(stage.messages.first)
        #expect(told.subject == "[test] CRITICAL Site a: 3 of 4 nodes Online, minimum 4")
        let item = try #require(told.items.first)
        #expect(item.consequence == "1 node of it is lost")
        #expect(item.cause.hasPrefix("lost: n1 "))
        #expect(!item.cause.contains("n2"))
        try stage.expectStored()
    }

    @Test func `what may be over already is not told before it is known to last`() {
        var rules = NotifyRules.ops { $0.groupWait = .seconds(10) }
        rules.thresholds = [
            NotifyThreshold(name: "slow", site: "a", minimum: 2, recover: .seconds(60))
        ]
        for lasts in [true, false] {
            var (stage, nodes) = Stage.told(nodes: 2, rules: rules)
            stage.lose(nodes[0], others: [nodes[1]])
            #expect(stage.told(.siteBelowMinimum) == 1)
            let back = stage.attach("n1", incarnation: 2)
            stage.live([nodes[1], back], for: 30)
            #expect(stage.messages.isEmpty)
            if lasts {
                stage.step(.disconnected(back, .timedOut))
                stage.live([nodes[1]], for: 12)
                #expect(stage.messages.count == 1)
                #expect(stage.subjects[0].contains("Site a: 1 of 2 nodes Online, minimum 2"))
            } else {
                stage.live([nodes[1], back], for: 60)
                #expect(stage.told(.siteAtMinimum) == 1)
                #expect(stage.messages.isEmpty)
            }
        }
    }

    @Test func `a site's alarm is no answer to a node's, and its end is one to its own`() {
        var (stage, nodes) = Stage.told(nodes: 4, minimum: 3)
        stage.lose(nodes[0], others: Array(nodes[1...]))
        stage.live(Array(nodes[1...]), for: 3)
        stage.lose(nodes[1], others: Array(nodes[2...]))
        stage.live(Array(nodes[2...]), for: 12)
        let back = ["n1", "n2"].map { stage.attach(NodeName($0)!, incarnation: 2) }
        stage.live(Array(nodes[2...]) + back, for: 70)
        let ofSite = stage.messages.filter { $0.items.first?.kind == .siteBelowMinimum }
        #expect(stage.messages.first?.items.map(\.kind) == [.nodeOffline])
        #expect(ofSite.map(\.state) == [.firing, .resolved])
        #expect(ofSite[0].thread == nil)
        #expect(ofSite[1].thread == ofSite[0].id)
    }

    // MARK: What it means

    @Test func `the loss of a node says whether its services run on`() {
        for isSelfFenced in [true, false] {
            var stage = Stage()
            let connection = stage.online(
                "n1",
                [.plain("db", .running, isWanted: true, isSelfFenced: isSelfFenced)]
            )
            let other = stage.online("n2")
            stage.ask(.setNotifyRules(.ops { $0.groupWait = .seconds(1) }))
            stage.lose(connection, others: [other])
            stage.live([other], for: 3)
            let text = stage.messages.last?.text ?? ""
            let expected =
                isSelfFenced
                ? "Consequence: its 1 service stops by itself until "
                : "Consequence: its 1 service may still run; 1 of 2 nodes of site a are Online\n"
            #expect(text.contains(expected), "\(text)")
            #expect(text.contains("What to do: muster node show n1\n"))
        }
    }

    @Test func `a service that has failed is told with what else runs, and how to start it`() {
        var stage = Stage()
        let connection = stage.online(
            "n1",
            [.plain("db", .running, isWanted: true), .plain("web", .running, isWanted: true)]
        )
        stage.ask(.setNotifyRules(.ops()))
        stage.say(.service(.plain("db", .failed, isWanted: true)), on: connection)
        stage.live([connection], for: 5)
        let text = stage.messages.last?.text ?? ""
        #expect(text.contains("Consequence: 1 other service of it runs; 0 of 1 node"), "\(text)")
        #expect(text.contains("What to do: muster service start db --node n1\n"), "\(text)")
    }

    @Test func `a site that is below again and again is told`() {
        var rules = NotifyRules.ops {
            $0.groupWait = .seconds(10); $0.groupInterval = .seconds(10)
        }
        rules.thresholds = [
            NotifyThreshold(name: "two", site: "a", minimum: 2, recover: .seconds(60))
        ]
        var (stage, nodes) = Stage.told(nodes: 2, rules: rules)
        stage.say(.service(.plain("db", .running, isWanted: true)), on: nodes[0])
        stage.live(nodes, for: 3)
        stage.events = []
        for _ in 0..<20 {
            stage.say(.service(.plain("db", .backoff, isWanted: true)), on: nodes[0])
            stage.live(nodes, for: 8)
            stage.say(.service(.plain("db", .running, isWanted: true)), on: nodes[0])
            stage.live(nodes, for: 22)
        }
        #expect(stage.messages.contains { $0.items.contains { $0.kind == .siteBelowMinimum } })
    }

    @Test func `a node that is in maintenance when its hold ends is no critical loss`() {
        var (stage, nodes, back) = Self.held()
        stage.ask(
            .beginMaintenance(
                "n1",
                owner: "root",
                until: stage.now.wall + .seconds(3_600),
                keepServices: false
            ),
            reason: "disk"
        )
        let count = stage.messages.count
        stage.live([nodes[1], back], for: 100)
        #expect(!stage.subjects[count...].contains { $0.contains("CRITICAL") })
    }

    @Test func `the end of what was told comes after the silence it fell into`() {
        var (stage, nodes) = Stage.told(nodes: 2)
        stage.lose(nodes[0], others: [nodes[1]])
        stage.live([nodes[1]], for: 5)
        #expect(stage.messages.count == 1)
        let until = stage.now.wall + .seconds(30)
        let pattern = KindPattern("node.*")
        stage.ask(.addSilence(SilenceDraft(kinds: [pattern], owner: "o", until: until)))
        let back = stage.attach("n1", incarnation: 2)
        stage.live([nodes[1], back], for: 20)
        #expect(stage.messages.count == 1)
        stage.live([nodes[1], back], for: 40)
        #expect(stage.messages.map(\.state) == [.firing, .resolved])
    }

    @Test func `a site's warning does not stand for a critical loss`() {
        var rules = NotifyRules.ops()
        rules.thresholds = [
            NotifyThreshold(name: "all", site: "a", minimum: 2, severity: .warning)
        ]
        var (stage, nodes) = Stage.told(nodes: 2, rules: rules)
        stage.lose(nodes[0], others: [nodes[1]])
        stage.live([nodes[1]], for: 5)
        #expect(stage.subjects == ["[test] CRITICAL Node n1 is Offline; also a"])
        #expect(stage.messages.first?.severity == .critical)
        let back = stage.attach("n1", incarnation: 2)
        stage.live([nodes[1], back], for: 20)
        #expect(stage.machine.notify.alarms.isEmpty)
        #expect(stage.messages.last?.items.map(\.state) == [.resolved, .resolved])
    }

    @Test func `a site that has more nodes by the time its end is told says so`() {
        var (stage, nodes) = Stage.told(
            nodes: 4,
            minimum: 3,
            rules: .ops { $0.groupInterval = .seconds(60) }
        )
        for connection in nodes[..<2] { stage.step(.disconnected(connection, .timedOut)) }
        stage.live(Array(nodes[2...]), for: 8)
        let first = stage.attach("n1", incarnation: 2)
        stage.live(Array(nodes[2...]) + [first], for: 5)
        #expect(stage.told(.siteAtMinimum) == 1)
        let second = stage.attach("n2", incarnation: 2)
        stage.live(Array(nodes[2...]) + [first, second], for: 70)
        #expect(stage.subjects.last?.contains("Site a: 4 of 4 nodes Online") == true)
    }
}
