import ControllerCore
import Model
import Protocol
import Testing

/// The real plan against the standby site, while production goes on.
struct DrillTests {
    @Test func `a drill starts the standby's services in isolation, and stops them again`() {
        var (stage, production, standby) = Stage.twoSites()
        let before = stage.verbs(production).count
        stage.begin(.drill)
        #expect(stage.roles(standby).count == 1)
        let isolated = stage.sent.last {
            $0.connection == standby && $0.message.line.verb == "ROLE"
        }
        #expect(isolated?.message.line["role"] == "standby")
        #expect(isolated?.message.line["drill"] == "1")
        #expect(stage.openOrders(of: "n2").map(\.action) == [.start("db")])
        stage.say(.done(order: stage.openOrders(of: "n2")[0].id), on: standby)
        stage.report("db", .running, isWanted: true, on: standby)
        #expect(stage.stepName == "end-drill")
        #expect(stage.openOrders(of: "n2").map(\.action) == [.stop("db")])
        stage.report("db", .stopped, isWanted: false, on: standby)
        stage.stateFloor(of: "n2", on: standby)
        #expect(stage.run.state == .done)
        // Production has heard of nothing but that roles were told anew, and is what it was.
        let told = stage.verbs(production)[before...]
        #expect(told.allSatisfy { $0 == "ROLE" })
        #expect(stage.roles(production).allSatisfy { $0 == "active 0001.00000001.00000001" })
        #expect(stage.machine.cluster.epoch == Epoch(generation: 1, counter: 1))
        #expect(
            stage.machine.readiness(of: "b").contains { $0.topic == "drill" && $0.level == .fine }
        )
    }

    @Test func `a drill that is aborted leaves an idle standby`() {
        var (stage, _, standby) = Stage.twoSites()
        stage.begin(.drill)
        stage.say(.done(order: stage.openOrders(of: "n2")[0].id), on: standby)
        stage.report("db", .running, isWanted: true, on: standby)
        #expect(stage.run.state == .running)
        stage.ask(.abortRun(stage.run.id))
        #expect(stage.run.state == .rollingBack)
        let last = stage.sent.last { $0.connection == standby && $0.message.line.verb == "ROLE" }
        #expect(last?.message.line["drill"] == nil)
        #expect(stage.openOrders(of: "n2").map(\.action) == [.stop("db")])
        stage.stateFloor(of: "n2", on: standby)
        #expect(stage.run.state == .rollingBack, "its service runs")
        stage.report("db", .stopped, isWanted: false, on: standby)
        #expect(stage.run.state == .aborted)
    }

    /// Such an agent would start its drainable services and its hooks with the token of production.
    @Test func `a node whose agent speaks version 2 is left out of a drill`() {
        var (stage, _, standby) = Stage.twoSites()
        let old = stage.attach("n2", [.plain("db")], incarnation: 2, versionMax: 2)
        stage.begin(.drill)
        #expect(stage.openOrders(of: "n2").isEmpty)
        #expect(stage.run.text.contains("0 of at least 1 node of"))
        #expect(stage.run.text.contains("too old for a drill: n2"))
        let findings = stage.machine.readiness(of: "b")
        #expect(findings.contains { $0.topic == "drill" && $0.text.contains("n2 is too old") })
        // An upgrade of the agent is all it takes.
        stage.step(.disconnected(old, .closedByPeer))
        standby = stage.attach("n2", [.plain("db")], incarnation: 3)
        #expect(stage.openOrders(of: "n2").map(\.action) == [.start("db")])
        stage.report("db", .running, isWanted: true, on: standby)
        #expect(stage.stepName == "end-drill")
    }

    @Test func `what could reach production is left out of a drill`() {
        var (stage, _, _) = Stage.twoSites()
        var inside = PlanStep(name: "inside", act: .hook("inside", .controller))
        inside.isInDrill = true
        let outside = PlanStep(name: "outside", act: .hook("outside", .controller))
        stage.ask(.setPlan(.around(before: [outside, inside])))
        stage.begin(.drill)
        #expect(stage.hooks.map(\.name) == ["inside"])
        #expect(stage.hooks[0].variables.contains(HookCall.Variable(name: "EPOCH", value: "0.1")))
        #expect(stage.hooks[0].variables.contains(HookCall.Variable(name: "KIND", value: "drill")))
        stage.answerHook(isDone: true)
        let names = stage.machine.runs.steps(of: stage.run.id).map(\.step.name.text)
        #expect(names == ["inside", "isolate", "end-drill"])
        let draft = PlanDraft.around(before: [outside, inside])
        #expect(draft.leftOutOfDrill.map(\.name.text) == ["outside", "fence"])
        #expect(
            PlanDraft.derived(for: .switchover).leftOutOfDrill.map(\.name.text).contains(
                "drain-tasks"
            )
        )
    }

    @Test func `a drill's token is less than every token of production`() {
        let token = FencingToken(epoch: Epoch(generation: 1, counter: 1), session: 1)
        #expect(token.inDrill(4_000_000_000_000) < token)
        #expect(token.inDrill(3).description == "0000.00000003.00000001")
    }

    @Test func `a plan does not put in what a drill does by itself`() {
        let step = PlanStep(name: "isolate", act: .isolate)
        #expect(PlanDraft.around(before: [step]).problems.count == 1)
    }
}
