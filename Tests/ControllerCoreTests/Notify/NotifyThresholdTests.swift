import ControllerCore
import Model
import Protocol
import Testing

/// The rule is `online < minimum`: told on crossing, on each further loss, and on recovery.
struct NotifyThresholdTests {
    private let own = NotifyThreshold(name: NotifyThreshold.own, site: "a", minimum: 3)

    @Test func `the crossing, a further loss and the recovery are told once each`() throws {
        var (stage, nodes) = Stage.told(nodes: 4, minimum: 3)
        #expect(stage.machine.lossesUntil(own) == 2)
        stage.lose(nodes[0], others: Array(nodes[1...]))
        stage.live(Array(nodes[1...]), for: 3)
        #expect(stage.machine.lossesUntil(own) == 1)
        #expect(stage.told(.siteBelowMinimum) == 0)
        #expect(stage.subjects == ["[test] CRITICAL Node n1 is Offline"])

        let crossed = stage.now.wall
        stage.lose(nodes[1], others: Array(nodes[2...]))
        stage.live(Array(nodes[2...]), for: 3)
        #expect(stage.told(.siteBelowMinimum) == 1)
        #expect(stage.machine.lossesUntil(own) == 0)
        #expect(stage.subjects.count == 2)
        let crossing = try #require(stage.messages.last)
        // The loss is known to who reads it: that it was told before is no other matter.
        #expect(
            crossing.subject == "[test] CRITICAL Site a: 2 of 4 nodes Online, minimum 3"
        )
        #expect(crossing.state == .firing)
        #expect(crossing.items.map(\.kind) == [.siteBelowMinimum, .nodeOffline])
        #expect(crossing.text.contains("Cause: lost: n1 unreachable: "))
        #expect(crossing.text.contains("What to do: muster node list --site a\n"))
        #expect(crossing.text.contains("Explained by: muster notify explain site.below-minimum\n"))

        stage.lose(nodes[2], others: [nodes[3]])
        stage.live([nodes[3]], for: 11)
        #expect(stage.told(.siteBelowMinimum) == 1)
        #expect(stage.told(.siteFurtherLoss) == 1)
        #expect(stage.subjects.count == 3)
        #expect(stage.messages.last?.thread == crossing.thread ?? crossing.id)
        #expect(stage.subjects.last?.contains("1 of 4 nodes Online") == true)

        // Back above: three of four.
        let second = stage.attach("n2", incarnation: 2)
        let third = stage.attach("n3", incarnation: 2)
        stage.live([nodes[3], second, third], for: 61)
        #expect(stage.told(.siteAtMinimum) == 1)
        let end = try #require(
            stage.messages.last { message in
                message.items.contains { $0.kind == .siteBelowMinimum }
            }
        )
        #expect(end.state == .resolved)
        let time = (end.items[0].endedAt! - end.items[0].since).forPeople
        #expect(
            end.subject
                == "[test] RESOLVED Site a: 3 of 4 nodes Online, minimum 3, after \(time) below it"
        )
        #expect(end.thread == crossing.thread ?? crossing.id)
        let item = try #require(end.items.first)
        #expect((item.since - crossed).wholeSeconds.magnitude <= 4)
        #expect(end.text.contains(", after \((item.endedAt! - item.since).forPeople)\n"))
        try stage.expectStored()
    }

    @Test func `several nodes lost in one step cross it once`() {
        var (stage, nodes) = Stage.told(nodes: 5, minimum: 4)
        for connection in nodes[1...] { stage.step(.disconnected(connection, .timedOut)) }
        stage.live([nodes[0]], for: 10)
        #expect(stage.told(.siteBelowMinimum) == 1)
        #expect(stage.subjects.count == 1)
        #expect(stage.messages.first?.items.count == 5)
        #expect(
            stage.messages.first?.items.first?.text == "Site a: 1 of 5 nodes Online, minimum 4."
        )
    }

    @Test func `the answer to a minimum says at how many losses it is told`() {
        var (stage, nodes) = Stage.told(nodes: 4)
        stage.ask(.setSiteMinimum("a", 3))
        guard case .done(let text, _)? = stage.replies.last else { return #expect(Bool(false)) }
        #expect(text.hasSuffix("told at the loss of 2 more"))
        stage.lose(nodes[0], others: Array(nodes[1...]))
        stage.ask(.setSiteMinimum("a", 4))
        #expect(stage.told(.siteBelowMinimum) == 1)
        stage.ask(.setSiteMinimum("a", 3))
        #expect(stage.told(.siteAtMinimum) == 1)
        stage.ask(.setSiteMinimum("a", 4))
        stage.ask(.setSiteMinimum("a", 0))
        #expect(stage.told(.siteBelowMinimum) == 2)
        #expect(stage.told(.siteAtMinimum) == 2)
        #expect(!stage.openAlarms.contains { $0.hasPrefix("site") })
    }

    @Test func `maintenance is no loss, and the next loss is told`() {
        var (stage, nodes) = Stage.told(nodes: 4, minimum: 3)
        let until = stage.now.wall + .seconds(9_000)
        for name in ["n1", "n2"] as [NodeName] {
            stage.ask(.beginMaintenance(name, owner: "o", until: until, keepServices: false))
        }
        stage.live(nodes, for: 20)
        #expect(stage.status("n1") == .offline)
        #expect(!stage.events.contains { $0.kind == .nodeOffline && !$0.isPlanned })
        #expect(stage.told(.siteBelowMinimum) == 0)
        #expect(stage.messages.isEmpty)
        #expect(stage.machine.lossesUntil(own) == 1)
        stage.lose(nodes[2], others: [nodes[0], nodes[1], nodes[3]])
        stage.live([nodes[0], nodes[1], nodes[3]], for: 3)
        #expect(stage.told(.siteBelowMinimum) == 1)
        #expect(stage.messages.count == 1)
    }

    @Test func `who is Offline after a maintenance is a loss when it had time to come up`() {
        var (stage, nodes) = Stage.told(nodes: 2)
        let until = stage.now.wall + .seconds(9_000)
        stage.ask(.beginMaintenance("n1", owner: "o", until: until, keepServices: false))
        stage.lose(nodes[0], others: [nodes[1]])
        stage.live([nodes[1]], for: 20)
        #expect(stage.messages.isEmpty)
        stage.ask(.endMaintenance("n1"))
        stage.live([nodes[1]], for: 50)
        #expect(stage.messages.isEmpty)
        stage.live([nodes[1]], for: 20)
        #expect(stage.subjects.count == 1)
        let still = "[test] CRITICAL Node n1 is still Offline, 1m00s after "
        #expect(stage.subjects[0].hasPrefix(still))
    }

    @Test func `an operator's stop of a service pages nobody, its failure does`() {
        var stage = Stage()
        let connection = stage.online("n1", [.plain("db", .running, isWanted: true)])
        stage.ask(.setSiteMinimum("a", 1))
        stage.ask(.setNotifyRules(.ops()))
        stage.ask(.service(.stop, "db", "n1"))
        stage.say(.service(.plain("db", .stopped)), on: connection)
        stage.live([connection], for: 20)
        #expect(stage.status("n1") == .offline)
        #expect(stage.messages.isEmpty)
        stage.ask(.service(.start, "db", "n1"))
        stage.say(.service(.plain("db", .running, isWanted: true)), on: connection)
        stage.live([connection], for: 5)
        #expect(stage.status("n1") == .online)
        #expect(stage.messages.isEmpty)
        stage.say(.service(.plain("db", .failed, isWanted: true)), on: connection)
        stage.live([connection], for: 5)
        #expect(stage.messages.count == 1)
        #expect(stage.messages.first?.items.map(\.kind) == [.siteBelowMinimum, .nodeOffline])
    }

    @Test func `a planned switchover pages nobody`() {
        var world = RunWorld(.switchover)
        world.stage.ask(.setSiteMinimum("a", 2))
        world.stage.ask(.setSiteMinimum("b", 1))
        world.stage.ask(.setNotifyRules(.ops()))
        world.stage.events = []
        world.drive()
        world.stage.pass(.seconds(2))
        #expect(world.run?.state == .done)
        let losses = world.stage.events.filter { $0.kind == .nodeOffline }
        #expect(!losses.isEmpty)
        let told = world.stage.messages.flatMap(\.items).map(\.kind.rawValue)
        #expect(
            told.allSatisfy {
                $0.hasPrefix("run.") || $0 == "site.fencing" || $0 == "site.activated"
            },
            "\(told)"
        )
        #expect(losses.allSatisfy { $0.isPlanned && $0.severity == .info }, "\(losses)")
        #expect(world.stage.told(.siteBelowMinimum) == 0)
    }

    @Test func `a threshold holds before it fires, and before its end`() {
        var rules = NotifyRules.ops()
        rules.thresholds = [
            NotifyThreshold(
                name: "slow",
                site: "a",
                minimum: 3,
                hold: .seconds(30),
                recover: .seconds(20),
                severity: .warning
            ),
            NotifyThreshold(name: "two", site: "a", minimum: 2, advice: "think of the DR site"),
        ]
        var (stage, nodes) = Stage.told(nodes: 3, rules: rules)
        #expect(stage.machine.lossesUntil(rules.thresholds[0]) == 1)
        #expect(stage.machine.lossesUntil(rules.thresholds[1]) == 2)
        stage.lose(nodes[0], others: Array(nodes[1...]))
        stage.live(Array(nodes[1...]), for: 22)
        #expect(stage.told(.siteBelowMinimum) == 0)
        stage.live(Array(nodes[1...]), for: 10)
        #expect(stage.told(.siteBelowMinimum) == 1)
        stage.lose(nodes[1], others: [nodes[2]])
        stage.live([nodes[2]], for: 3)
        #expect(stage.told(.siteBelowMinimum) == 2)
        #expect(stage.messages.last?.text.contains("What to do: think of the DR site") == true)
        let first = stage.attach("n1", incarnation: 2)
        stage.live([nodes[2], first], for: 4)
        #expect(stage.told(.siteAtMinimum) == 1)
        let second = stage.attach("n2", incarnation: 2)
        stage.live([nodes[2], first, second], for: 18)
        #expect(stage.told(.siteAtMinimum) == 1)
        stage.live([nodes[2], first, second], for: 5)
        #expect(stage.told(.siteAtMinimum) == 2)
    }

    @Test func `a new controller neither repeats nor forgets a crossing`() throws {
        var (stage, nodes) = Stage.told(nodes: 3, minimum: 2)
        stage.lose(nodes[0], others: Array(nodes[1...]))
        stage.lose(nodes[1], others: [nodes[2]])
        stage.live([nodes[2]], for: 3)
        stage.deliver()
        let told = stage.subjects
        stage.restart()
        try stage.expectStored()
        let third = stage.attach("n3", incarnation: 2)
        stage.live([third], for: 30)
        #expect(stage.told(.siteBelowMinimum) == 1)
        #expect(stage.subjects == told)
        let first = stage.attach("n1", incarnation: 2)
        stage.live([third, first], for: 40)
        #expect(stage.told(.siteAtMinimum) == 1)
        // The other one is still lost: that stood in the site's message, and is told by itself now.
        let last = stage.messages.last?.items ?? []
        #expect(last.first?.kind == .siteBelowMinimum)
        #expect(last.first?.state == .resolved)
        #expect(last.contains { $0.kind == .nodeOffline && $0.state == .firing })
        #expect(stage.messages.last?.state == .resolved)
        #expect(stage.subjects.last?.hasSuffix("; still wrong: n2") == true, "\(stage.subjects)")
    }

    @Test func `standby nodes without a pair do not count where others have one`() {
        var (stage, production, standby) = Stage.twoSites()
        let loose = stage.online("loose", site: "b")
        stage.ask(.pairNodes(standby: "n2", production: "n1"))
        stage.ask(.setSiteMinimum("b", 1))
        #expect(stage.machine.standing(of: "b").total == 1)
        stage.lose(loose, others: [production, standby])
        #expect(stage.told(.siteBelowMinimum) == 0)
        stage.lose(standby, others: [production])
        #expect(stage.told(.siteBelowMinimum) == 1)
    }

    @Test func `planned work at a site that is below is no further loss`() {
        var (stage, nodes) = Stage.told(nodes: 5, minimum: 4)
        for connection in nodes[..<2] { stage.step(.disconnected(connection, .timedOut)) }
        stage.live(Array(nodes[2...]), for: 10)
        #expect(stage.told(.siteBelowMinimum) == 1)
        let until = stage.now.wall + .seconds(9_000)
        let verb = Command.Verb.beginMaintenance(
            "n3",
            owner: "o",
            until: until,
            keepServices: false
        )
        stage.ask(verb, force: true)
        stage.live(Array(nodes[2...]), for: 5)
        #expect(stage.status("n3") == .offline)
        #expect(stage.told(.siteFurtherLoss) == 0)
        stage.lose(nodes[3], others: [nodes[2], nodes[4]])
        stage.live([nodes[2], nodes[4]], for: 2)
        #expect(stage.told(.siteFurtherLoss) == 1)
    }

    @Test func `what an operator has stopped is no loss to a new controller`() {
        var stage = Stage()
        let connection = stage.online("n1", [.plain("db", .running, isWanted: true)])
        stage.ask(.setSiteMinimum("a", 1))
        stage.ask(.setNotifyRules(.ops()))
        stage.ask(.service(.stop, "db", "n1"))
        stage.say(.service(.plain("db", .stopped)), on: connection)
        stage.live([connection], for: 5)
        #expect(stage.status("n1") == .offline)
        stage.restart()
        #expect(stage.told(.siteBelowMinimum) == 0)
        let again = stage.attach("n1", [.plain("db", .stopped)], incarnation: 2)
        stage.live([again], for: 90)
        #expect(stage.told(.siteBelowMinimum) == 0)
        // Lost, it is a loss.
        stage.step(.disconnected(again, .timedOut))
        stage.pass(.seconds(90))
        #expect(stage.told(.siteBelowMinimum) == 1)
    }

    @Test func `a controller in doubt comes to rest, whatever it was about to tell`() {
        var rules = NotifyRules.ops()
        rules.thresholds = [
            NotifyThreshold(name: "slow", site: "a", minimum: 2, hold: .seconds(30))
        ]
        var (stage, nodes) = Stage.told(nodes: 2, rules: rules)
        stage.lose(nodes[0], others: [nodes[1]])
        let higher = FencingToken(epoch: Epoch(generation: 9, counter: 1), session: 1)
        _ = stage.hello("n2", incarnation: 2, highest: higher)
        #expect(stage.machine.doubt != nil)
        let end = stage.now.instant + .seconds(60)
        var steps = 0
        while let next = stage.machine.nextDeadline, next <= end, steps < 2_000 {
            stage.advance(max(next - stage.now.instant, .microseconds(100)))
            stage.step(.deadlineReached)
            steps += 1
        }
        #expect(steps < 2_000)
    }
}
