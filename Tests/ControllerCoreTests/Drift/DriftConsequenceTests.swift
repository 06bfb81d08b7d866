import ControllerCore
import Model
import Protocol
import Testing

/// What follows from drift: events, readiness and gates.
struct DriftConsequenceTests {
    let own = [DriftStage.file("etc/a", "a")]
    let other = [DriftStage.file("etc/a", "b")]

    @Test func `people are told of a difference that lasts, once, and when it is gone`() {
        var pair = DriftStage()
        pair.look(pair.production, "app", own, interval: .seconds(20))
        pair.look(pair.standby, "app", other, interval: .seconds(20))
        pair.answer()
        #expect(pair.stage.told(.driftFound) == 0)
        pair.live(for: 21)
        #expect(pair.stage.told(.driftFound) == 1)
        #expect(pair.stage.events.last { $0.kind == .driftFound }?.cause == "etc/a")
        pair.look(pair.standby, "app", other + [DriftStage.file("etc/c")], interval: .seconds(20))
        pair.answer()
        pair.live(for: 30)
        #expect(pair.stage.told(.driftFound) == 1)
        pair.look(pair.standby, "app", own, interval: .seconds(20))
        #expect(pair.stage.told(.driftGone) == 1)
    }

    @Test func `both nodes changed one after the other is not told`() {
        var pair = DriftStage()
        for round in 0..<3 {
            let files = [DriftStage.file("etc/a", "\(round)")]
            pair.look(pair.production, "app", files)
            pair.answer()
            pair.live(for: 50)
            pair.look(pair.standby, "app", files)
            pair.answer()
            pair.live(for: 50)
        }
        #expect(pair.stage.told(.driftFound) == 0 && pair.stage.told(.driftGone) == 0)
    }

    @Test func `a difference is a warning, and keeps a site from taking over where it is required`()
    {
        var pair = DriftStage()
        #expect(pair.findings().map(\.level) == [.warning])
        #expect(pair.findings().first?.text.contains("nothing is compared") == true)
        pair.look(pair.production, "app", own)
        pair.look(pair.standby, "app", other)
        pair.answer()
        #expect(pair.findings().map(\.level) == [.warning])
        // What the standby says of it counts for nothing.
        pair.look(pair.standby, "app", other, isRequired: true)
        #expect(pair.findings().map(\.level) == [.warning])
        pair.look(pair.production, "app", own, isRequired: true)
        #expect(pair.findings().map(\.level) == [.blocking])
        pair.stage.begin(.switchover)
        #expect(pair.stage.stepName == "gate")
        #expect(pair.stage.run.text.contains("etc/a differs"))
        // Mended, it goes on.
        pair.look(pair.standby, "app", own)
        #expect(pair.stage.stepName == "stop-services")
        #expect(pair.findings().map(\.level) == [.fine])
    }

    @Test func `a required set of which nothing is known blocks, unless production is away`() {
        var pair = DriftStage()
        pair.look(pair.production, "app", own, isRequired: true)
        #expect(pair.findings().map(\.level) == [.blocking])
        pair.stage.step(.disconnected(pair.production, .closedByPeer))
        #expect(pair.findings().map(\.level) == [.warning])
    }

    @Test func `the parts of the two are those of now`() {
        var pair = DriftStage()
        pair.look(pair.production, "app", own)
        pair.look(pair.standby, "app", own + [DriftStage.file("etc/c")])
        pair.answer()
        #expect(pair.differences("app") == ["only-standby etc/c"])
        #expect(pair.view("app")?.standbyName == "n2")
        // Site a is the standby after a run: the file is at the production node then.
        pair.stage.begin(.switchover, force: true)
        pair.stage.report("db", .stopped, isWanted: false, on: pair.production)
        pair.stage.beat(pair.production, floor: Stage.floorOfSession1)
        #expect(pair.stage.machine.cluster.activeSite == "b")
        #expect(pair.differences("app") == ["only-production etc/c"])
        #expect(pair.view("app")?.standbyName == "n1")
    }

    // MARK: Other topics

    @Test func `shared paths and endpoints are known by the last preflight, with its age`() {
        var pair = DriftStage()
        #expect(pair.findings("endpoints").map(\.level) == [.fine])
        #expect(pair.findings("endpoints").first?.text.contains("no endpoints are listed") == true)
        pair.stage.restart()
        let standby = pair.stage.attach("n2", [.plain("db")], incarnation: 2)
        let unknown = pair.findings("endpoints") + pair.findings("shared-paths")
        #expect(unknown.map(\.level) == [.warning, .warning])
        #expect(unknown.allSatisfy { $0.text.contains("of n2 are not known") })
        pair.stage.ask(.preflight(["n2"]))
        for order in pair.stage.openOrders(of: "n2") where order.action == .preflight {
            for (check, outcome) in [
                ("shared-path:/srv/data", Finding.Outcome.passed),
                ("endpoint:database", .failed),
            ] {
                let finding = Finding(order: order.id, check: check, outcome: outcome, text: "so")
                pair.stage.say(.finding(finding), on: standby)
            }
            pair.stage.say(.done(order: order.id), on: standby)
        }
        #expect(pair.findings("shared-paths").map(\.level) == [.fine])
        #expect(
            pair.findings("shared-paths").first?.text.contains("1 shared paths are there") == true
        )
        #expect(pair.findings("endpoints").map(\.level) == [.warning])
        #expect(pair.findings("endpoints").first?.text.contains("endpoint:database: so") == true)
        #expect(pair.findings("clocks").map(\.level) == [.fine])
    }

    @Test func `how old a drill may be is a setting of the cluster`() {
        var pair = DriftStage()
        pair.stage.ask(.set(.cluster, key: "drill.days", value: "0"))
        #expect(pair.stage.lastRefusal == .invalid)
        pair.stage.ask(.set(.site("b"), key: "drill.days", value: "30"))
        #expect(pair.stage.lastRefusal == .invalid)
        pair.stage.ask(.set(.cluster, key: "drill.day", value: "30"))
        #expect(pair.stage.lastRefusal == .invalid)
        pair.stage.begin(.drill)
        pair.stage.report("db", .running, isWanted: true, on: pair.standby)
        pair.stage.report("db", .stopped, isWanted: false, on: pair.standby)
        pair.stage.stateFloor(of: "n2", on: pair.standby)
        #expect(pair.stage.run.state == .done)
        pair.live(for: 5)
        #expect(pair.findings("drill").map(\.level) == [.fine])
        pair.stage.ask(.set(.cluster, key: "drill.days", value: "30"))
        pair.stage.advance(.seconds(31 * 86_400))
        pair.stage.step(.deadlineReached)
        #expect(pair.findings("drill").map(\.level) == [.warning])
        #expect(pair.findings("drill").first?.text.contains("more than 30 days") == true)
    }
}
