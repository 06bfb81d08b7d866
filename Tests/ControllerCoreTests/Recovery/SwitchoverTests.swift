import ControllerCore
import Model
import Protocol
import Testing

/// The active site moves by a run, step by step, each durable, and never two are active.
struct SwitchoverTests {
    @Test func `a switchover stops, fences, activates and starts, in this order`() {
        var (stage, production, standby) = Stage.twoSites()
        let before = stage.sent.count
        stage.begin()
        #expect(stage.stepName == "stop-services")
        #expect(stage.sent[before...].map { $0.message.line.verb } == ["STOP"])
        #expect(stage.machine.role(of: "a") == .active)

        stage.report("db", .stopped, isWanted: false, on: production)
        // Nobody is active now, and the session of the old site's node is raised.
        #expect(stage.stepName == "fence")
        #expect(stage.machine.role(of: "a") == .standby)
        #expect(stage.machine.role(of: "b") == .standby)
        #expect(stage.roles(production) == ["standby 0001.00000001.00000002"])
        #expect(!stage.verbs(standby).contains("START"))

        stage.beat(production, floor: Stage.floorOfSession1)
        #expect(stage.machine.cluster.epoch == Epoch(generation: 1, counter: 2))
        #expect(stage.machine.cluster.activeSite == "b")
        #expect(stage.roles(standby).last == "active 0001.00000002.00000001")
        let told = stage.verbs(standby)
        #expect(told.firstIndex(of: "ROLE")! < told.firstIndex(of: "START")!)
        #expect(stage.stepName == "start-services")

        stage.report("db", .running, isWanted: true, on: standby)
        #expect(stage.run.state == .done)
        #expect(stage.steps().allSatisfy { $0.hasSuffix("done") })
        #expect(stage.machine.runs.fences(of: stage.run.id).map(\.proof) == [.statement])
        #expect(stage.told(.runEnded) == 1)
        #expect(stage.audits.contains { $0.verb == "run.activate" && $0.object == "b" })
    }

    @Test func `what makes a site active is written before anything is told of it`() {
        var (stage, production, _) = Stage.twoSites()
        stage.begin()
        stage.report("db", .stopped, isWanted: false, on: production)
        let effects = stage.machine.step(
            .received(
                production,
                .beat(
                    Beat(
                        sequence: 99,
                        sent: 99,
                        wall: stage.now.wall,
                        health: .healthy,
                        floor: Stage.floorOfSession1
                    )
                ),
                fresh: "f"
            ),
            at: stage.now
        )
        let written = effects.journal.compactMap { entry -> ClusterRecord? in
            if case .put(.cluster(let cluster)) = entry { cluster } else { nil }
        }
        #expect(written.contains { $0.activeSite == "b" && $0.epoch.counter == 2 })
        #expect(effects.sends.contains { $0.message.line.verb == "START" })
    }

    @Test func `a floor of an older session is no proof`() {
        var (stage, production, _) = Stage.twoSites()
        stage.begin()
        stage.report("db", .stopped, isWanted: false, on: production)
        let older = FencingToken(epoch: Epoch(generation: 1, counter: 1), session: 0)
        stage.beat(production, floor: older)
        stage.beat(production)
        #expect(stage.machine.cluster.activeSite == "a")
        #expect(stage.stepName == "fence")
        #expect(stage.run.text.contains("n1 is still stopping"))
    }

    @Test func `an exclusive floor is the proof where drainable services go on`() {
        var stage = Stage()
        stage.ask(.addSite("b"))
        let production = stage.online(
            "n1",
            [
                .plain("db", .running, isWanted: true),
                .plain("sftp", .running, isWanted: true, isDrainable: true),
            ]
        )
        let standby = stage.online(
            "n2",
            [.plain("db"), .plain("sftp", isDrainable: true)],
            site: "b"
        )
        stage.begin()
        // Only the exclusive one is stopped first.
        #expect(stage.openOrders(of: "n1").map(\.action) == [.stop("db")])
        stage.report("db", .stopped, isWanted: false, on: production)
        stage.say(.done(order: stage.openOrders(of: "n1")[0].id), on: production)
        let none = FencingToken(epoch: Epoch(generation: 1, counter: 1), session: 0)
        stage.beat(production, floor: none, exclusiveFloor: Stage.floorOfSession1)
        #expect(stage.machine.cluster.activeSite == "b")
        #expect(stage.openOrders(of: "n1").isEmpty)
        stage.report("db", .running, isWanted: true, on: standby)
        stage.report("sftp", .running, isWanted: true, isDrainable: true, on: standby)
        // Now its sessions may end, and the run waits for that.
        #expect(stage.stepName == "end-sessions")
        #expect(stage.openOrders(of: "n1").map(\.action) == [.stop("sftp")])
        stage.report("sftp", .stopped, isWanted: false, isDrainable: true, on: production)
        #expect(stage.run.state == .done)
    }

    @Test func `tasks end before the services stop, and go to the new site`() {
        var (stage, production, standby) = Stage.twoSites(handlers: [.plain()])
        let ids = stage.submit(count: 2)
        #expect(stage.runs(production).count == 1)
        stage.begin()
        #expect(stage.stepName == "drain-tasks")
        #expect(stage.run.text.contains("1 task has not ended on n1"))
        stage.end(TaskAttempt(task: ids[0], attempt: 1), on: production)
        #expect(stage.state(ids[0]) == .done)
        // The second is not given to the old site any more.
        #expect(stage.runs(production).isEmpty)
        #expect(stage.stepName == "stop-services")
        stage.report("db", .stopped, isWanted: false, on: production)
        stage.beat(production, floor: Stage.floorOfSession1)
        stage.report("db", .running, isWanted: true, on: standby)
        #expect(stage.runs(standby) == [TaskAttempt(task: ids[1], attempt: 1)])
    }

    @Test func `a run that is aborted before the point of no return leaves the old site active`() {
        var (stage, production, standby) = Stage.twoSites()
        stage.begin()
        stage.report("db", .stopped, isWanted: false, on: production)
        #expect(stage.stepName == "fence")
        stage.ask(.abortRun(stage.run.id))
        #expect(stage.run.state == .aborted)
        #expect(stage.machine.role(of: "a") == .active)
        #expect(stage.machine.cluster.epoch == Epoch(generation: 1, counter: 1))
        #expect(stage.roles(production).last == "active 0001.00000001.00000002")
        #expect(stage.openOrders(of: "n1").map(\.action) == [.start("db")])
        #expect(!stage.verbs(standby).contains("START"))
        // What the node says later of its floor moves nothing.
        stage.beat(production, floor: Stage.floorOfSession1)
        #expect(stage.machine.cluster.activeSite == "a")
    }

    @Test func `after the point of no return there is only forward`() {
        var (stage, production, _) = Stage.twoSites()
        stage.begin()
        stage.report("db", .stopped, isWanted: false, on: production)
        stage.beat(production, floor: Stage.floorOfSession1)
        stage.ask(.abortRun(stage.run.id))
        #expect(stage.lastRefusal == .notNow)
        #expect(stage.run.state == .running)
    }

    @Test func `a run to the active site, to none and beside another is refused`() {
        var (stage, _, _) = Stage.twoSites()
        stage.begin(to: "a")
        #expect(stage.lastRefusal == .notNow)
        stage.begin(to: "c")
        #expect(stage.lastRefusal == .unknownName)
        stage.begin()
        stage.begin()
        #expect(stage.lastRefusal == .notNow)
        #expect(stage.machine.runs.runs.count == 1)
    }

    @Test func `whoever decides over a run could have ordered it`() {
        var (stage, _, standby) = Stage.twoSites()
        let operatorCaller = stage.person("olga", .operator)
        let admin = stage.person("adam", .admin)
        stage.begin()
        let verbs: [Command.Verb] = [
            .retryStep(stage.run.id), .abortRun(stage.run.id),
            .answerRun(stage.run.id, isYes: true), .skipStep(stage.run.id),
        ]
        for verb in verbs {
            stage.ask(verb, by: operatorCaller)
            #expect(stage.lastRefusal == .forbidden, "\(verb.name)")
        }
        #expect(stage.run.state == .running)
        stage.ask(.abortRun(stage.run.id), by: admin)
        #expect(stage.run.state == .aborted)
        // A drill is for operators to order, and to decide over.
        stage.begin(.drill)
        stage.ask(.abortRun(stage.run.id), by: operatorCaller)
        stage.stateFloor(of: "n2", on: standby)
        #expect(stage.run.state == .aborted)
    }

    @Test func `the configuration is locked while a run is under way`() {
        var (stage, _, _) = Stage.twoSites()
        stage.begin()
        let verbs: [Command.Verb] = [
            .set(.cluster, key: "env.A", value: "1"), .addSite("c"), .cordon("n2"),
            .setSiteMinimum("b", 1), .removeNodes(["n2"]),
            .pairNodes(standby: "n2", production: "n1"),
        ]
        for verb in verbs {
            stage.ask(verb)
            #expect(stage.lastRefusal == .notNow, "\(verb.name)")
        }
        stage.ask(.preflight([]))
        #expect(stage.lastRefusal == nil)
    }

    @Test func `a site that is not ready is not switched to, unless an operator overrules it`() {
        var (stage, production, standby) = Stage.twoSites()
        stage.say(.gone("db"), on: standby)
        stage.ask(.pairNodes(standby: "n2", production: "n1"))
        #expect(
            stage.machine.readiness(of: "b").contains {
                $0.level == .blocking && $0.text.contains("does not define db")
            }
        )
        stage.begin()
        #expect(stage.stepName == "gate")
        stage.live([production, standby], for: 31)
        #expect(stage.run.state == .asking)
        stage.ask(.abortRun(stage.run.id))
        #expect(stage.run.state == .aborted)
        stage.begin(force: true)
        #expect(stage.stepName == "stop-services")
        let gate = stage.machine.runs.steps(of: stage.run.id)[0]
        #expect(gate.text.contains("overruled by root"))
    }

    @Test func `the records of runs are read back as they were`() throws {
        var (stage, production, _) = Stage.twoSites(handlers: [.plain()])
        stage.submit(count: 1)
        stage.ask(.setPlan(.around(before: [PlanStep(name: "q", act: .ask("a \"b\"\nc"))])))
        stage.ask(.pairNodes(standby: "n2", production: "n1"))
        stage.ask(.setSiteForm("b", isWarm: true))
        stage.begin(.failover)
        stage.ask(.answerRun(stage.run.id, isYes: true))
        stage.report("db", .stopped, isWanted: false, on: production)
        stage.beat(production, floor: Stage.floorOfSession1)
        #expect(stage.store.keys.contains { $0.hasPrefix("ledger/") })
        for record in stage.store.values {
            let line = try Line.parse(record.line.bytes.dropLast(), limits: .record)
            #expect(try Record(table: record.table, line: line) == record)
        }
        for record in stage.records {
            #expect(stage.store["\(record.table.rawValue)/\(record.key)"] == record)
        }
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
        stage.ask(.skipStep(stage.run.id, step: "first"))
        stage.ask(.skipStep(stage.run.id, step: "first"))
        #expect(stage.lastRefusal == .notNow)
        stage.ask(.skipStep(stage.run.id, step: "frist"))
        #expect(stage.lastRefusal == .unknownName)
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
        stage.ask(.answerRun(stage.run.id, isYes: true, step: "lag"))
        stage.ask(.answerRun(stage.run.id, isYes: true, step: "lag"))
        #expect(stage.lastRefusal == .notNow)
        #expect(stage.stepName == "power", "\(stage.steps())")
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
