import ControllerCore
import Model
import Protocol
import Testing

/// A plan is checked whole before it is taken.
struct PlanTests {
    private func problems(_ steps: [PlanStep]) -> [String] {
        PlanDraft(name: "p", kinds: [.switchover], steps: steps).problems.map { problem in
            problem.step.map { "\($0): \(problem.text)" } ?? problem.text
        }
    }

    private let fence = PlanStep(name: "fence", act: .fence(with: nil))
    private let activate = PlanStep(name: "activate", act: .activate)

    @Test func `the derived plans are sound`() {
        for kind in RunKind.allCases {
            #expect(PlanDraft.derived(for: kind).problems.isEmpty, "\(kind)")
        }
    }

    @Test func `a plan fences once and activates once, in this order`() {
        #expect(problems([activate]).contains { $0.contains("fences once") })
        #expect(problems([fence]).contains { $0.contains("activates once") })
        #expect(problems([activate, fence]).contains { $0.contains("before the new one") })
        #expect(problems([fence, activate]).isEmpty)
    }

    @Test func `nothing starts before the activation`() {
        let start = PlanStep(name: "start", act: .start(groups: [], .all))
        #expect(
            problems([start, fence, activate]) == [
                "0: the new site's services start after it is activated"
            ]
        )
        #expect(problems([fence, start, activate]).count == 1)
        #expect(problems([fence, activate, start]).isEmpty)
    }

    @Test func `after the activation only drainable services of the old site are stopped`() {
        let all = PlanStep(name: "stop", act: .stop(.from, groups: [], .all))
        let sessions = PlanStep(name: "stop", act: .stop(.from, groups: [], .drainable))
        let other = PlanStep(name: "stop", act: .stop(.to, groups: [], .all))
        #expect(problems([fence, activate, all]).count == 1)
        #expect(problems([fence, activate, sessions]).isEmpty)
        #expect(problems([other, fence, activate]).count == 1)
    }

    @Test func `names are unique, times and texts have limits, the activation cannot be left out`()
    {
        #expect(problems([fence, activate, fence]).contains { $0.contains("is called fence") })
        var slow = fence
        slow.timeout = .seconds(8 * 86_400)
        #expect(problems([slow, activate]).count == 1)
        let long = PlanStep(name: "ask", act: .ask(String(repeating: "x", count: 1_001)))
        #expect(problems([long, fence, activate]).count == 1)
        var left = activate
        left.onFailure = .skip
        #expect(problems([fence, left]).count == 1)
    }

    @Test func `a plan is kept in versions, one for each kind of run`() {
        var (stage, _, _) = Stage.twoSites()
        stage.ask(.setPlan(.around()))
        stage.ask(.setPlan(.around(before: [PlanStep(name: "gate", act: .gate)])))
        #expect(stage.machine.runs.plans["written"]?.version == 2)
        var other = PlanDraft.around()
        other.name = "other"
        stage.ask(.setPlan(other))
        #expect(stage.lastRefusal == .duplicate)
        stage.begin()
        #expect(stage.run.plan == "written")
        #expect(stage.run.planVersion == 2)
        #expect(stage.stepName == "fence")
    }

    @Test func `pairs are across sites, and each node has one`() {
        var (stage, _, _) = Stage.twoSites()
        stage.online("n3")
        stage.ask(.pairNodes(standby: "n2", production: "n1"))
        #expect(stage.lastRefusal == nil)
        stage.ask(.pairNodes(standby: "n2", production: "n3"))
        #expect(stage.lastRefusal == .duplicate)
        stage.ask(.pairNodes(standby: "n3", production: "n1"))
        #expect(stage.lastRefusal == .invalid)
        stage.ask(.pairNodes(standby: "n1", production: "n1"))
        #expect(stage.lastRefusal == .invalid)
        stage.ask(.unpairNode("n1"))
        stage.ask(.pairNodes(standby: "n2", production: "n3"))
        #expect(stage.lastRefusal == nil)
        let findings = stage.machine.readiness(of: "b")
        #expect(findings.contains { $0.topic == "pairs" && $0.text.contains("1 node of site") })
    }

    @Test func `a warm standby runs its drainable services, a cold one none`() {
        var stage = Stage()
        stage.ask(.addSite("b"))
        stage.online("n2", [.plain("db"), .plain("sftp", isDrainable: true)], site: "b")
        #expect(stage.openOrders(of: "n2").isEmpty)
        stage.ask(.setSiteForm("b", isWarm: true))
        #expect(stage.openOrders(of: "n2").map(\.action) == [.start("sftp")])
        stage.ask(.setSiteForm("b", isWarm: false))
        #expect(stage.openOrders(of: "n2").isEmpty)
    }

    @Test func `a warm standby is not ready while a required service of it does not run`() {
        var (stage, _, standby) = Stage.twoSites()
        func obstacles(_ stage: Stage) -> [String] {
            stage.machine.readiness(of: "b").filter { $0.level == .blocking }.map(\.text)
        }
        stage.report("sftp", .backoff, isWanted: false, isDrainable: true, on: standby)
        #expect(obstacles(stage).isEmpty)
        stage.ask(.setSiteForm("b", isWarm: true))
        #expect(obstacles(stage) == ["service sftp of warm standby node n2 is backoff"])
        stage.report("sftp", .running, isWanted: true, isDrainable: true, on: standby)
        #expect(obstacles(stage).isEmpty)
    }

    @Test func `what runs at a warm standby goes on while the site becomes the active one`() {
        var (stage, production, standby) = Stage.twoSites()
        stage.ask(.setSiteForm("b", isWarm: true))
        stage.report("sftp", .running, isWanted: true, isDrainable: true, on: standby)
        stage.ask(
            .setPlan(
                .around(after: [
                    PlanStep(name: "promoted", act: .ask("Is the database promoted?")),
                    PlanStep(name: "start", act: .start(groups: [], .all)),
                ])
            )
        )
        stage.begin()
        stage.report("db", .stopped, isWanted: false, on: production)
        stage.beat(production, floor: Stage.floorOfSession1)
        #expect(stage.machine.cluster.activeSite == "b")
        #expect(stage.stepName == "promoted")
        #expect(stage.openOrders(of: "n2").isEmpty)
        stage.ask(.answerRun(stage.run.id, isYes: true))
        #expect(stage.openOrders(of: "n2").map(\.action) == [.start("db")])
    }
}
