import ControllerCore
import Model
import Protocol
import Testing

/// What holds a run where it can still be given up, and what a run is called done by.
struct GateTests {
    private static let gate = PlanStep(name: "gate", act: .gate, timeout: .seconds(60))

    private static func start(
        _ group: GroupName,
        onFailure: StepFailurePolicy = .ask
    ) -> PlanStep {
        PlanStep(
            name: "start",
            act: .start(groups: [group], .all),
            timeout: .seconds(60),
            onFailure: onFailure
        )
    }

    private static func hook(_ onFailure: StepFailurePolicy) -> PlanStep {
        PlanStep(
            name: "promote",
            act: .hook("promot", .every(.to)),
            timeout: .seconds(60),
            onFailure: onFailure
        )
    }

    private static func begun(
        _ after: [PlanStep],
        kind: RunKind = .switchover,
        force: Bool = false
    ) -> Stage {
        var (stage, _, _) = Stage.twoSites()
        stage.ask(.setPlan(.around(before: [gate], after: after)))
        stage.begin(kind, force: force)
        return stage
    }

    // MARK: Steps that would find nothing

    @Test func `a group that no service is in holds the run at its gate, with the nearest name`() {
        let group = ServiceReport.plain("db").group
        let stage = Self.begun([Self.start(GroupName(String(group.text.dropLast()))!)])
        #expect(stage.stepName == "gate")
        #expect(stage.run.text.contains("step start: no service of site b is in group "))
        #expect(stage.run.text.contains("did you mean \(group)?"))
        #expect(Self.begun([Self.start(group)]).stepName != "gate")
    }

    @Test func `a hook that no node has does too, unless the plan leaves it out when it fails`() {
        let stage = Self.begun([Self.hook(.ask)])
        #expect(stage.stepName == "gate")
        #expect(
            stage.run.text.contains("no node that can be reached has a handler of type hook.promot")
        )
        #expect(Self.begun([Self.hook(.skip)]).stepName != "gate")
        #expect(Self.begun([Self.hook(.ask)], force: true).stepName != "gate")
    }

    @Test func `a minimum above what the site has holds the run, and force leads past all of it`() {
        var (stage, production, standby) = Stage.twoSites()
        stage.ask(.setSiteMinimum("b", 2))
        stage.ask(
            .setPlan(.around(before: [Self.gate], after: [PlanStep(name: "look", act: .verify)]))
        )
        stage.begin()
        #expect(stage.stepName == "gate")
        stage.ask(.abortRun(stage.run.id))
        stage.begin(force: true)
        stage.report("db", .stopped, isWanted: false, on: production)
        stage.beat(production, floor: Stage.floorOfSession1)
        #expect(stage.machine.cluster.activeSite == "b")
        stage.report("db", .running, isWanted: true, on: standby)
        stage.live([standby], for: 2)
        #expect(stage.run.state == .done)
    }

    /// The site is active and half started: waiting for a node that it does not have helps nobody.
    @Test func `behind the gate no run waits for more nodes than the site has`() {
        var (stage, production, standby) = Stage.twoSites()
        stage.ask(
            .setPlan(.around(before: [Self.gate], after: [PlanStep(name: "look", act: .verify)]))
        )
        stage.begin()
        #expect(stage.stepName != "gate")
        stage.ask(.setSiteMinimum("b", 2))
        stage.report("db", .stopped, isWanted: false, on: production)
        stage.beat(production, floor: Stage.floorOfSession1)
        #expect(stage.machine.cluster.activeSite == "b" && stage.run.state == .running)
        stage.report("db", .running, isWanted: true, on: standby)
        stage.live([standby], for: 2)
        #expect(stage.run.state == .done)
    }

    // MARK: What is done

    @Test func `a site on which nothing runs is not verified by having been a standby`() {
        var (stage, production, standby) = Stage.twoSites()
        stage.ask(.setPlan(.around(after: [PlanStep(name: "look", act: .verify)])))
        stage.begin()
        stage.report("db", .stopped, isWanted: false, on: production)
        stage.beat(production, floor: Stage.floorOfSession1)
        #expect(stage.machine.cluster.activeSite == "b")
        #expect(stage.stepName == "look" && stage.run.state == .running)
        #expect(stage.run.text.contains("0 of 1 node of site b are Online"))
        stage.report("db", .running, isWanted: true, on: standby)
        #expect(stage.run.state == .done)
    }

    @Test func `nobody starts by hand what a run has stopped`() {
        var (stage, production, _) = Stage.twoSites()
        let stop = PlanStep(
            name: "stop",
            act: .stop(.from, groups: [], .exclusive),
            timeout: .seconds(60)
        )
        stage.ask(.setPlan(.around(before: [stop, PlanStep(name: "ask", act: .ask("go on?"))])))
        stage.begin()
        stage.report("db", .stopped, isWanted: false, on: production)
        #expect(stage.stepName == "ask")
        stage.ask(.service(.start, "db", "n1"))
        #expect(stage.lastRefusal == .notNow)
    }
}
