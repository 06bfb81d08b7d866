import Calendar
import ControllerCore
import Model
import Protocol
import Testing

/// Faults that a hostile reader found in the whole: each of these fails until its mend is in.
struct HostileReadingTests {
    static let long = LeaseTerms(length: .seconds(60), wait: .seconds(80))

    /// The same store, and another configuration.
    private func restart(_ stage: inout Stage, with lease: LeaseTerms) {
        stage.advance(.milliseconds(500))
        let (machine, _) = ControllerMachine.started(
            settings: ControllerSettings(lease: lease),
            records: stage.store.values,
            generation: 1,
            lastEventSequence: stage.events.last?.sequence ?? 0,
            seed: 2,
            at: stage.now
        )
        stage.machine = machine
    }

    @Test func `leases that were granted before the configuration was changed are waited for`() {
        #expect(Self.long.problems.isEmpty && LeaseTerms().problems.isEmpty)
        var (stage, production, standby) = Stage.twoSites(
            isSelfFenced: true,
            settings: ControllerSettings(lease: Self.long)
        )
        stage.live([production, standby], for: 2)
        // Its agent has a lease of 60 s from here on, whatever the next controller is told.
        restart(&stage, with: LeaseTerms())
        let back = stage.attach("n2", [.plain("db", isSelfFenced: true)])
        stage.begin(.failover)
        stage.live([back], for: 30)
        #expect(stage.machine.cluster.activeSite == "a")
        stage.live([back], for: 60)
        #expect(stage.machine.cluster.activeSite == "b")
    }

    @Test func `so are those of a task's node`() {
        var stage = Stage(settings: ControllerSettings(lease: Self.long))
        let lost = stage.online("n1", handlers: [.plain(.push)])
        let id = stage.submit()[0]
        stage.live([lost], for: 2)
        restart(&stage, with: LeaseTerms())
        let other = stage.online("n2", handlers: [.plain(.push)])
        stage.live([other], for: 30)
        #expect(stage.runs(other).isEmpty, "\(id)")
    }

    @Test func `a node that has shown itself again is not off, whatever was certified`() {
        var (stage, production, standby) = Stage.twoSites()
        let other = stage.online("n3", [.plain("db", .running, isWanted: true)])
        stage.live([production, other, standby], for: 2)
        stage.step(.disconnected(production, .timedOut))
        stage.step(.disconnected(other, .timedOut))
        stage.begin(.failover)
        stage.live([standby], for: 20)
        stage.ask(.certifyNode(stage.run.id, "n1"), reason: "powered off")
        // It is not: its agent is there, stops db, and writes its state to a slow disk.
        _ = stage.hello("n1", incarnation: 2)
        stage.ask(.certifyNode(stage.run.id, "n3"), reason: "powered off")
        stage.live([standby], for: 5)
        #expect(stage.machine.cluster.activeSite == "a")
    }

    @Test func `a node with a session is not off, whatever is said when it is removed`() {
        var (stage, production, standby) = Stage.twoSites()
        stage.live([production, standby], for: 2)
        // Said twice, because the first one takes its time.
        stage.ask(.removeNodes(["n1"]), force: true)
        stage.ask(.removeNodes(["n1"]), force: true)
        stage.begin(.failover, force: true)
        stage.live([standby], for: 2)
        // What n1 runs is still being stopped, by all that is known.
        #expect(stage.machine.cluster.activeSite == "a")
    }

    @Test func `a clock on the wall that jumps ahead makes no loss smaller`() {
        var data = DataStage(isSelfFenced: false, objective: "30s")
        data.live(5)
        data.loseProduction()
        data.live(5)
        #expect(data.begin(.failover).refusal == nil)
        data.live(600)
        data.stage.ask(.certifyNode(data.stage.run.id, "n1"))
        data.live(2)
        #expect(!data.stage.run.isActivated)
        data.stage.wallOffset = .seconds(3_600)
        data.live(5)
        #expect(!data.stage.run.isActivated)
    }

    /// A site of a thousand nodes with three services each starts with three thousand orders.
    @Test func `an order that is under way is not forgotten because of later ones`() {
        var stage = Stage()
        let node = stage.online("n1", [.plain("db")])
        #expect(stage.verbs(node).last == "START")
        let order = stage.openOrders(of: "n1").first!.id
        let other = stage.online("n2", [.plain("web", .running, isWanted: true)])
        for _ in 0..<2_001 { stage.ask(.service(.restart, "web", "n2")) }
        stage.say(.service(.plain("db", .running, isWanted: true)), on: node)
        stage.say(.done(order: order), on: node)
        stage.live([node, other], for: 2)
        #expect(stage.machine.member(named: "n1")?.pendingOrders["db"] == nil)
        // Nobody can stop it any more.
        stage.ask(.service(.stop, "db", "n1"))
        stage.live([node, other], for: 30)
        #expect(stage.verbs(node).contains("STOP"))
    }

    /// Two consoles, or one whose answer was lost: both mean the step that had failed.
    @Test func `a step is not left out because another one was left out twice`() {
        var (stage, production, standby) = Stage.twoSites()
        let after = ["first", "promote"].map { (name: StepName) in
            PlanStep(name: name, act: .hook(HookName(name.text)!, .controller))
        }
        stage.ask(.setPlan(.around(after: after)))
        stage.live([production, standby], for: 2)
        stage.step(.disconnected(production, .timedOut))
        stage.begin(.failover)
        stage.ask(.certifyNode(stage.run.id, "n1"), reason: "powered off")
        #expect(stage.stepName == "first")
        stage.answerHook(isDone: false)
        #expect(stage.run.state == .asking)
        stage.ask(.skipStep(stage.run.id))
        stage.ask(.skipStep(stage.run.id))
        #expect(!stage.steps().contains("promote skipped"), "\(stage.steps())")
    }

    @Test func `a yes that is said twice answers one question`() {
        var (stage, production, standby) = Stage.twoSites()
        let before = ["lag", "power"].map { (name: StepName) in
            PlanStep(name: name, act: .ask("\(name)?"), timeout: .seconds(600))
        }
        stage.ask(.setPlan(.around(before: before)))
        stage.live([production, standby], for: 2)
        stage.begin(.switchover)
        stage.ask(.answerRun(stage.run.id, isYes: true))
        stage.ask(.answerRun(stage.run.id, isYes: true))
        #expect(stage.stepName == "power", "\(stage.steps())")
    }

    @Test func `as many nodes as join at once are admitted when they have answered`() {
        var stage = Stage()
        var nodes: [(name: NodeName, connection: ConnectionID)] = []
        for number in 1...60 {
            let name = NodeName("n\(number)")!
            stage.join(name)
            nodes.append((name, stage.attach(name)))
        }
        for (_, connection) in nodes {
            for sent in stage.sent where sent.connection == connection {
                guard case .preflight(let order, _) = sent.message else { continue }
                stage.say(.done(order: order), on: connection)
            }
        }
        let admitted = nodes.count {
            stage.machine.member(named: $0.name)?.record.isAdmitted ?? false
        }
        #expect(admitted == 60)
    }

    /// A plan may promote the data between the fence and the activation, and say how that is undone.
    @Test func `the old site does not act again before what was done at the new one is undone`() {
        var (stage, production, standby) = Stage.twoSites()
        let plan = PlanDraft(
            name: "early",
            kinds: [.switchover],
            steps: [
                PlanStep(name: "fence", act: .fence(with: nil), timeout: .seconds(600)),
                PlanStep(name: "promote", act: .hook("promote", .controller), undo: "demote"),
                PlanStep(name: "sure", act: .ask("sure?"), timeout: .seconds(600)),
                PlanStep(name: "activate", act: .activate),
                PlanStep(name: "start", act: .start(groups: [], .all)),
            ]
        )
        #expect(plan.problems.isEmpty)
        stage.ask(.setPlan(plan))
        stage.live([production, standby], for: 2)
        stage.begin(.switchover)
        stage.report("db", .stopped, isWanted: false, on: production)
        stage.beat(production, floor: Stage.floorOfSession1)
        #expect(stage.stepName == "promote")
        stage.answerHook(isDone: true)
        #expect(stage.stepName == "sure")
        stage.ask(.abortRun(stage.run.id))
        stage.live([production, standby], for: 2)
        #expect(stage.hooks.last?.name == "demote")
        // Both sites have a primary while `demote` runs.
        #expect(!stage.verbs(production).contains("START"))
    }
}
