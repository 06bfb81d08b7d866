import ControllerCore
import Model
import Protocol
import Testing

/// A site that was made active is lost while its run still waits for the old one to end its tasks.
struct LongDrainTests {
    private static let beforeAll = FencingToken(
        epoch: Epoch(generation: 1, counter: 1),
        session: 0
    )

    private struct World {
        var stage: Stage
        var production: ConnectionID
        var standby: ConnectionID
        var attempt: TaskAttempt

        mutating func live(_ seconds: Int) {
            stage.live([production], for: seconds)
        }

        func loseStandby() -> World {
            var world = self
            world.stage.step(.disconnected(standby, .closedByPeer))
            return world
        }
    }

    /// Two sites whose services fence themselves; a drainable task has begun at a.
    private static func begun(_ mode: FailoverMode) -> (
        Stage, production: ConnectionID, standby: ConnectionID, TaskAttempt
    ) {
        var settings = ControllerSettings()
        settings.failover = FailoverSettings(
            mode: mode,
            authority: .outside,
            brake: .seconds(3_600),
            preferred: nil
        )
        var (stage, production, standby) = Stage.twoSites(
            isSelfFenced: true,
            handlers: [.drainablePush],
            settings: settings
        )
        let id = stage.submit()[0]
        let attempt = TaskAttempt(task: id, attempt: 1)
        stage.say(.work(.started(attempt)), on: production)
        stage.live([production, standby], for: 3)
        return (stage, production, standby, attempt)
    }

    /// Site b is active, and a task without an end drains at a.
    ///
    /// - Parameter after: steps of the plan behind the one that ends the drain.
    private func draining(
        _ mode: FailoverMode = .automatic,
        after: [PlanStep]? = nil,
        timeout: Duration = .seconds(86_400)
    ) -> World {
        var (stage, production, standby, attempt) = Self.begun(mode)
        if let after {
            let plan = PlanDraft.around(
                before: [PlanStep(name: "stop", act: .stop(.from, groups: [], .exclusive))],
                after: [
                    PlanStep(name: "start", act: .start(groups: [], .all)),
                    PlanStep(
                        name: "end-sessions",
                        act: .stop(.from, groups: [], .drainable),
                        timeout: timeout
                    ),
                ] + after
            )
            var draft = plan
            draft.kinds = [.switchover]
            stage.ask(.setPlan(draft))
        }
        stage.begin()
        stage.report("db", .stopped, isWanted: false, isSelfFenced: true, on: production)
        stage.beat(production, floor: Self.beforeAll, exclusiveFloor: Stage.floorOfSession1)
        stage.report("db", .running, isWanted: true, isSelfFenced: true, on: standby)
        #expect(stage.stepName == "end-sessions")
        #expect(stage.machine.cluster.activeSite == "b")
        stage.live([production, standby], for: 3)
        return World(stage: stage, production: production, standby: standby, attempt: attempt)
    }

    private func cuts(_ stage: Stage) -> Int {
        stage.store.values.count {
            if case .ledger(let entry) = $0 { entry.cutAt != nil } else { false }
        }
    }

    private let skip = "muster run skip 1 --step end-sessions --reason TEXT"

    @Test func `a drain does not hold up an automatic failover, and is cut for it`() {
        var world = draining().loseStandby()
        world.live(58)
        // Until the site has been lost for the hold time the run waits as ever.
        #expect(world.stage.run.id == RunID(1))
        #expect(cuts(world.stage) == 0)
        #expect(world.stage.machine.personNeeds(of: world.stage.run).isEmpty)
        world.live(4)
        let first = world.stage.machine.runs.runs[RunID(1)]
        #expect(first?.state == .done)
        let last = world.stage.machine.runs.steps(of: RunID(1)).last
        #expect(last?.state == .skipped)
        #expect(last?.text.hasPrefix("left out by controller: 0 of 1 nodes of site b") ?? false)
        #expect(world.stage.run.kind == .failover)
        #expect(world.stage.run.to == "a")
        #expect(world.stage.told(.automaticTaken) == 1)
        #expect(world.stage.told(.automaticRefused) == 0)
        #expect(world.stage.told(.runWaiting) == 0)
        let notice = world.stage.events.first { $0.kind == .runNotice }
        #expect(notice?.text.contains("leaves end-sessions of run 1 out") ?? false)
        #expect(world.stage.audits.contains { $0.verb == "run.skip" && $0.actor == "controller" })
        #expect(world.stage.machine.cluster.activeSite == "a")
        // Its task has one attempt still, and is given again when that has ended.
        #expect(cuts(world.stage) == 1)
        world.stage.report("db", .running, isWanted: true, isSelfFenced: true, on: world.production)
        #expect(world.stage.runs(world.production) == [world.attempt])
        world.stage.end(world.attempt, .cancelled, on: world.production)
        #expect(
            world.stage.runs(world.production)
                == [TaskAttempt(task: world.attempt.task, attempt: 2)]
        )
    }

    @Test func `in manual mode a person is told how the drain is ended`() {
        var world = draining(.manual).loseStandby()
        world.live(200)
        #expect(world.stage.run.id == RunID(1))
        #expect(world.stage.run.state == .running)
        #expect(cuts(world.stage) == 0)
        let proposed = world.stage.events.filter { $0.kind == .failoverProposed }
        #expect(proposed.count == 1)
        #expect(proposed.first?.consequence.hasPrefix("\(skip); muster site readiness a; ") == true)
        let needs = world.stage.machine.personNeeds(of: world.stage.run)
        #expect(needs.map(\.commands) == [[skip]])
        #expect(world.stage.told(.runWaiting) == 1)
        let since = world.stage.run.askedSince
        world.stage.restart()
        world.production = world.stage.attach(
            "n1",
            [.plain("db", .stopped, isWanted: false, isSelfFenced: true)],
            handlers: [.drainablePush],
            holding: [(world.attempt, .running)]
        )
        world.live(200)
        #expect(world.stage.told(.runWaiting) == 1)
        #expect(world.stage.run.askedSince == since)
        let asked = world.stage.ask(.startRun(RunRequest(kind: .failover, to: "a")))
        #expect(asked.refusal?.mend == skip)
        // Whoever does it may fail over.
        var other = world
        other.stage.ask(.skipStep(RunID(1)))
        #expect(other.stage.run.state == .done)
        other.stage.begin(.failover, to: "a")
        #expect(other.stage.machine.cluster.activeSite == "a")
        // A site that is back needs nobody.
        world.standby = world.stage.attach(
            "n2",
            [.plain("db", .running, isWanted: true, isSelfFenced: true)]
        )
        world.stage.live([world.production, world.standby], for: 3)
        #expect(world.stage.machine.personNeeds(of: world.stage.run).isEmpty)
        #expect(world.stage.run.askedSince == nil)
        world.stage.end(world.attempt, on: world.production)
        #expect(world.stage.run.state == .done)
    }

    @Test func `what stands in the way of an automatic failover is told beside the drain`() {
        var world = draining()
        world.stage.ask(.pauseAutomatic)
        world = world.loseStandby()
        world.live(65)
        #expect(world.stage.told(.automaticRefused) == 1)
        #expect(world.stage.machine.obstacles().map(\.code) == [.pause])
        let needs = world.stage.machine.personNeeds(of: world.stage.run)
        #expect(needs.map(\.commands) == [[skip]])
        world.stage.ask(.resumeAutomatic)
        world.live(2)
        #expect(world.stage.run.kind == .failover)
        #expect(world.stage.machine.runs.runs[RunID(1)]?.state == .done)
        #expect(world.stage.machine.runs.runs[RunID(1)]?.askedSince == nil)
    }

    @Test func `a run with more to do than that is left to a person`() {
        let later = PlanStep(name: "look", act: .ask("all well?"))
        var world = draining(after: [later]).loseStandby()
        world.live(65)
        #expect(world.stage.run.id == RunID(1))
        #expect(cuts(world.stage) == 0)
        let refused = world.stage.events.first { $0.kind == .automaticRefused }
        #expect(refused?.cause == "run 1 is under way")
        #expect(refused?.consequence == skip)
        #expect(world.stage.machine.personNeeds(of: world.stage.run).map(\.commands) == [[skip]])
    }

    @Test func `a drain that was cut, did not end and asks holds nothing up either`() {
        var world = draining(after: [], timeout: .seconds(5))
        world.stage.live([world.production, world.standby], for: 310)
        #expect(world.stage.run.state == .asking)
        world = world.loseStandby()
        world.live(62)
        #expect(world.stage.machine.runs.runs[RunID(1)]?.state == .done)
        #expect(world.stage.run.kind == .failover)
        #expect(world.stage.machine.cluster.activeSite == "a")
    }

    @Test func `a run before its point of no return is never touched`() {
        var world = draining()
        world.stage.end(world.attempt, on: world.production)
        #expect(world.stage.run.state == .done)
        // Back again; now b is the old site, and is lost while its services stop.
        world.stage.begin(.switchover, to: "a")
        #expect(world.stage.stepName == "stop-services")
        world = world.loseStandby()
        world.stage.report(
            "db",
            .stopped,
            isWanted: false,
            isSelfFenced: true,
            on: world.production
        )
        let steps = world.stage.steps()
        #expect(!world.stage.run.isActivated || !steps.contains { $0.hasSuffix("skipped") })
        world.live(200)
        #expect(world.stage.run.id == RunID(2))
        #expect(world.stage.told(.automaticTaken) == 0)
        #expect(!world.stage.steps().contains { $0.hasSuffix("skipped") })
    }

    @Test func `a healthy site is not failed over from while its run drains`() {
        var (stage, production, standby, _) = Self.begun(.automatic)
        stage.say(
            .service(
                .plain("web", .stopped, isWanted: false, isSelfFenced: true, isDrainable: true)
            ),
            on: standby
        )
        var draft = PlanDraft.around(
            before: [PlanStep(name: "stop", act: .stop(.from, groups: [], .exclusive))],
            after: [
                PlanStep(name: "start", act: .start(groups: [], .exclusive)),
                PlanStep(
                    name: "end-sessions",
                    act: .stop(.from, groups: [], .drainable),
                    timeout: .seconds(86_400)
                ),
            ]
        )
        draft.kinds = [.switchover]
        stage.ask(.setPlan(draft))
        stage.begin()
        stage.report("db", .stopped, isWanted: false, isSelfFenced: true, on: production)
        stage.beat(production, floor: Self.beforeAll, exclusiveFloor: Stage.floorOfSession1)
        stage.report("db", .running, isWanted: true, isSelfFenced: true, on: standby)
        stage.live([production, standby], for: 100)
        #expect(stage.run.id == RunID(1))
        #expect(stage.told(.automaticTaken) == 0)
    }

    @Test(arguments: [FailoverMode.manual, .automatic])
    func `a site that the run has yet to start is not lost`(mode: FailoverMode) {
        var (stage, production, standby, _) = Self.begun(mode)
        var draft = PlanDraft.around(
            before: [PlanStep(name: "stop", act: .stop(.from, groups: [], .exclusive))],
            after: [
                PlanStep(
                    name: "end-sessions",
                    act: .stop(.from, groups: [], .drainable),
                    timeout: .seconds(86_400)
                ),
                PlanStep(name: "start", act: .start(groups: [], .all)),
            ]
        )
        draft.kinds = [.switchover]
        stage.ask(.setPlan(draft))
        stage.begin()
        stage.report("db", .stopped, isWanted: false, isSelfFenced: true, on: production)
        stage.beat(production, floor: Self.beforeAll, exclusiveFloor: Stage.floorOfSession1)
        stage.live([production, standby], for: 100)
        #expect(
            stage.told(.failoverProposed) + stage.told(.automaticRefused) + stage.told(.runWaiting)
                == 0
        )
    }
}

extension HandlerReport {
    fileprivate static var drainablePush: HandlerReport {
        var handler = plain(.push, slots: 4)
        handler.isDrainable = true
        return handler
    }
}
