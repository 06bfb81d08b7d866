import ControllerCore
import Model
import Protocol
import Testing

/// Values of sites of which only those of the active one are used.
struct ActiveValueTests {
    private func values(_ stage: Stage, _ node: NodeName) -> [String] {
        guard let record = stage.machine.member(named: node)?.record else { return [] }
        return stage.machine.effectiveSettings(for: record).map { "\($0.key)=\($0.value)" }
    }

    private static func stage() -> (Stage, production: ConnectionID, standby: ConnectionID) {
        var (stage, production, standby) = Stage.twoSites()
        stage.ask(.set(.cluster, key: "env.EDGE", value: "none"))
        stage.ask(.set(.site("a"), key: "active.env.EDGE", value: "edge-a"))
        stage.ask(.set(.site("b"), key: "active.env.EDGE", value: "edge-b"))
        return (stage, production, standby)
    }

    @Test func `every node has the value of the active site, and of no other`() {
        var (stage, _, _) = Self.stage()
        #expect(values(stage, "n1") == ["env.EDGE=edge-a"])
        #expect(values(stage, "n2") == ["env.EDGE=edge-a"])
        // A site's own value is stronger, and a node's.
        stage.ask(.set(.site("b"), key: "env.EDGE", value: "own-b"))
        #expect(values(stage, "n1") == ["env.EDGE=edge-a"])
        #expect(values(stage, "n2") == ["env.EDGE=own-b"])
        stage.ask(.set(.node("n1"), key: "env.EDGE", value: "own-n1"))
        #expect(values(stage, "n1") == ["env.EDGE=own-n1"])
        stage.ask(.unset(.site("a"), key: "active.env.EDGE"))
        stage.ask(.unset(.node("n1"), key: "env.EDGE"))
        #expect(values(stage, "n1") == ["env.EDGE=none"])
    }

    /// A hook of the controller's host redirects traffic, and must know where to.
    @Test func `a hook of the controller has the values of the active site, named as on nodes`() {
        var (stage, production, _) = Self.stage()
        stage.ask(.set(.site("b"), key: "active.env.ZONE", value: "b only"))
        let long = String(repeating: "x", count: 400)
        stage.ask(.set(.site("a"), key: "active.env.LONG", value: long))
        func hook(_ name: StepName) -> PlanStep {
            PlanStep(name: name, act: .hook("redirect", .controller), timeout: .seconds(30))
        }
        stage.ask(.setPlan(.around(before: [hook("leave")], after: [hook("arrive")])))
        stage.begin()
        var variables = stage.hooks[0].variables.map(\.description)
        #expect(variables.contains("SET_EDGE=edge-a"))
        #expect(variables.contains("SET_LONG=\(long)"))
        #expect(!variables.contains { $0.hasPrefix("SET_ZONE=") })
        // What the run says of itself comes after, and wins.
        #expect(variables.last == "TO=b")
        stage.answerHook(isDone: true)
        stage.report("db", .stopped, isWanted: false, on: production)
        stage.beat(production, floor: Stage.floorOfSession1)
        #expect(stage.machine.cluster.activeSite == "b")
        variables = stage.hooks.last?.variables.map(\.description) ?? []
        #expect(variables.contains("STEP=arrive"))
        #expect(variables.contains("SET_EDGE=edge-b"))
        #expect(variables.contains("SET_ZONE=b only"))
        #expect(!variables.contains { $0.hasPrefix("SET_LONG=") })
    }

    @Test func `another active site is told to every node before anything starts there`() {
        var (stage, production, standby) = Self.stage()
        let version = stage.machine.cluster.configurationVersion
        stage.begin()
        stage.report("db", .stopped, isWanted: false, on: production)
        #expect(values(stage, "n2") == ["env.EDGE=edge-a"])
        let before = stage.sent.count
        stage.beat(production, floor: Stage.floorOfSession1)
        #expect(stage.machine.cluster.activeSite == "b")
        #expect(stage.machine.cluster.configurationVersion == version + 1)
        for connection in [production, standby] {
            let told = stage.sent[before...].filter { $0.connection == connection }.map(\.message)
            let wanted = ControllerMessage.set(
                Setting(key: "env.EDGE", value: "edge-b", scope: .site)
            )
            #expect(told.contains(wanted))
            if let start = told.firstIndex(where: { $0.line.verb == "START" }) {
                #expect(told[..<start].contains(wanted))
            }
        }
        // It is as durable as the activation.
        #expect(stage.store.values.contains(.cluster(stage.machine.cluster)))
    }

    @Test func `without such values nothing is sent when another site becomes active`() {
        var (stage, production, _) = Stage.twoSites()
        let version = stage.machine.cluster.configurationVersion
        stage.begin()
        stage.report("db", .stopped, isWanted: false, on: production)
        stage.beat(production, floor: Stage.floorOfSession1)
        #expect(stage.machine.cluster.activeSite == "b")
        #expect(stage.machine.cluster.configurationVersion == version)
    }

    @Test(arguments: [
        ("active.env.EDGE", nil as SiteName?), ("active.task.slots", "a"), ("active.", "a"),
        ("active.drill.days", "a"), ("active.active.env.X", "a"),
    ])
    func `what cannot be the active site's is refused`(key: String, site: SiteName?) {
        var (stage, _, _) = Stage.twoSites()
        stage.ask(.set(site.map { .site($0) } ?? .cluster, key: key, value: "1"))
        #expect(stage.lastRefusal == .invalid)
    }
}
