import ControllerCore
import Model
import Protocol
import Testing

/// A backup that was taken in the middle of a run.
struct RestoredRunTests {
    /// The run waits in its first step, or in the one behind its point of no return.
    private func restored(_ isActivated: Bool, _ active: SiteName) -> (Stage, ConnectionID) {
        var (stage, production, standby) = Stage.twoSites()
        let wait = PlanStep(name: "wait", act: .ask("go on?"), timeout: .seconds(600))
        let start = PlanStep(name: "start", act: .start(groups: [], .all))
        stage.ask(
            .setPlan(isActivated ? .around(after: [wait, start]) : .around(before: [wait]))
        )
        stage.begin(force: true)
        if isActivated {
            stage.report("db", .stopped, isWanted: false, on: production)
            stage.beat(production, floor: Stage.floorOfSession1)
            #expect(stage.machine.cluster.activeSite == "b")
        }
        #expect(stage.stepName == "wait")
        stage.live([production, standby], for: 1)
        stage.restart(generation: 2, active: active, isOld: true)
        return (stage, production)
    }

    @Test func `a run before its point of no return is rolled back`() {
        var (stage, _) = restored(false, "a")
        #expect(stage.run.state == .rollingBack)
        stage.pass(.seconds(20))
        #expect(!stage.isSettling)
        #expect(stage.run.state == .aborted)
        #expect(stage.machine.cluster.activeSite == "a")
    }

    /// Its step waited for its next attempt when the backup was taken.
    @Test func `a run that is rolled back is not tried again`() {
        var (stage, production, standby) = Stage.twoSites()
        let redirect = PlanStep(
            name: "redirect",
            act: .hook("redirect", .controller),
            retries: 1,
            retryDelay: .seconds(60)
        )
        stage.ask(.setPlan(.around(before: [redirect])))
        stage.begin(force: true)
        stage.answerHook(isDone: false)
        stage.live([production, standby], for: 1)
        stage.restart(generation: 2, active: "a", isOld: true)
        #expect(stage.run.state == .rollingBack)
        stage.ask(.retryStep(stage.run.id))
        #expect(stage.lastRefusal == .notNow)
        #expect(stage.run.state == .rollingBack)
        stage.pass(.seconds(20))
        #expect(stage.run.state == .aborted)
    }

    @Test func `a run behind it goes forward, and not before all has settled`() {
        var (stage, _) = restored(true, "b")
        let standby = stage.attach("n2", [.plain("db")], incarnation: 2)
        stage.ask(.answerRun(stage.run.id, isYes: true))
        stage.live([standby], for: 14)
        #expect(stage.stepName == "wait")
        #expect(stage.starts(standby) == [])
        stage.live([standby], for: 3)
        #expect(stage.stepName == "start")
        #expect(stage.starts(standby) == ["db"])
    }

    @Test(arguments: [(true, "a"), (false, "b")])
    func `a run that would leave another site active is given up as it stands`(
        _ isActivated: Bool,
        _ active: String
    ) throws {
        let site = try #require(SiteName(active))
        var (stage, _) = restored(isActivated, site)
        #expect(stage.run.state == .aborted)
        #expect(stage.machine.runs.live == nil)
        #expect(stage.machine.cluster.activeSite == site)
        #expect(stage.machine.role(of: site) == .active)
        #expect(stage.events.contains { $0.kind == .runEnded && $0.severity == .critical })
        // Nothing of it is held back at the site that is active.
        let name: NodeName = active == "a" ? "n1" : "n2"
        let node = stage.attach(name, [.plain("db")], incarnation: 2)
        stage.live([node], for: 17)
        #expect(stage.starts(node) == ["db"])
    }
}
