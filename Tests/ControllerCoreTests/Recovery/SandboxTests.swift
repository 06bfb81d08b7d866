import ControllerCore
import Model
import Protocol
import Testing

/// Tasks that the standby site runs in a drill.
struct SandboxTests {
    private static let push = HandlerReport(
        name: "push",
        types: [.push],
        slots: 2,
        prefetch: 0,
        delivery: .exclusive
    )

    private func stage(_ count: UInt16) -> (Stage, production: ConnectionID, standby: ConnectionID)
    {
        var (stage, production, standby) = Stage.twoSites(handlers: [Self.push])
        let work = SandboxWork(type: .push, count: count, account: "drill", payload: "hello")
        let step = PlanStep(name: "try", act: .sandbox(work), timeout: .seconds(60))
        var draft = PlanDraft.around(after: [step])
        draft.kinds = RunKind.allCases
        stage.ask(.setPlan(draft))
        return (stage, production, standby)
    }

    @Test func `the standby runs a drill's tasks in isolation, as many at once as it has slots`() {
        var (stage, production, standby) = stage(3)
        stage.begin(.drill)
        #expect(stage.stepName == "try")
        #expect(stage.running(production).isEmpty)
        let first = stage.running(standby)
        #expect(first.map(\.type) == [.push, .push])
        #expect(first.map(\.account) == ["drill", "drill"])
        #expect(first.map(\.payloadBytes) == [5, 5])
        for order in first { stage.end(order.attempt, on: standby) }
        #expect(stage.run.text == "2 of 3 sandbox tasks are done")
        let last = stage.running(standby).last
        #expect(last?.attempt.task == TaskID(3))
        if let last { stage.end(last.attempt, on: standby) }
        stage.stateFloor(of: "n2", on: standby)
        #expect(stage.run.state == .done)
        let step = stage.machine.runs.steps(of: stage.run.id).first { $0.step.name == "try" }
        #expect(step?.text == "3 sandbox tasks of type PUSH are done on n2")
    }

    @Test func `one that fails makes the drill ask, and is no dead letter`() {
        var (stage, _, standby) = stage(1)
        stage.begin(.drill)
        stage.end(stage.running(standby)[0].attempt, .failed, status: 3, on: standby)
        #expect(stage.run.state == .asking)
        #expect(stage.run.text.contains("1 of 1 sandbox tasks failed: n2: failed: exit status 3"))
        #expect(stage.machine.work.counts.failed == 0)
        stage.ask(.abortRun(stage.run.id))
        stage.stateFloor(of: "n2", on: standby)
        #expect(stage.run.state == .aborted)
    }

    @Test func `production's work goes on beside it, and none of it goes to the standby`() {
        var (stage, production, standby) = stage(1)
        stage.begin(.drill)
        _ = stage.submit([TaskOffer(submission: TaskSubmission(type: .push))])
        #expect(stage.running(production).map(\.attempt.task) == [TaskID(2)])
        #expect(stage.running(standby).map(\.attempt.task) == [TaskID(1)])
    }

    @Test func `a drill that is aborted takes its tasks along`() {
        var (stage, _, standby) = stage(3)
        stage.begin(.drill)
        let orders = stage.running(standby)
        stage.ask(.abortRun(stage.run.id))
        #expect(stage.machine.work.counts.waiting == 0)
        #expect(stage.verbs(standby).contains("CANCEL"))
        let given = stage.verbs(standby).filter { $0 == "RUN" }.count
        for order in orders { stage.end(order.attempt, .cancelled, on: standby) }
        // Nothing of it is given any more, whatever becomes free.
        #expect(stage.verbs(standby).filter { $0 == "RUN" }.count == given)
        #expect(stage.machine.work.counts.assigned == 0)
    }

    @Test func `a drill does not end before its tasks have`() {
        var (stage, _, standby) = stage(1)
        stage.begin(.drill)
        let order = stage.running(standby)[0]
        // Left out while it runs: it has its time to stop.
        stage.ask(.skipStep(stage.run.id))
        stage.live([standby], for: 3)
        #expect(stage.run.state == .running)
        #expect(stage.run.text.hasPrefix("still of the drill: 1 task on n2"))
        stage.end(order.attempt, .cancelled, on: standby)
        stage.stateFloor(of: "n2", on: standby)
        #expect(stage.run.state == .done)
    }

    @Test func `a drill that is rolled back does not end before its tasks have either`() {
        var (stage, _, standby) = stage(1)
        stage.begin(.drill)
        let order = stage.running(standby)[0]
        stage.ask(.abortRun(stage.run.id))
        #expect(stage.run.state == .rollingBack)
        stage.end(order.attempt, .cancelled, on: standby)
        stage.stateFloor(of: "n2", on: standby)
        #expect(stage.run.state == .aborted)
    }

    @Test func `a drill's tasks survive their controller`() {
        var (stage, _, standby) = stage(1)
        stage.begin(.drill)
        let order = stage.running(standby)[0]
        stage.restart()
        let again = stage.attach(
            "n2",
            [.plain("db")],
            handlers: [Self.push],
            holding: [(order.attempt, .running)]
        )
        #expect(stage.run.text == "0 of 1 sandbox tasks are done")
        stage.end(order.attempt, on: again)
        stage.stateFloor(of: "n2", on: again)
        #expect(stage.run.state == .done)
    }

    @Test func `every other run leaves it out`() {
        var (stage, production, standby) = stage(1)
        stage.begin()
        let names = stage.machine.runs.steps(of: stage.run.id).map(\.step.name.text)
        #expect(names == ["fence", "activate"])
        #expect(stage.running(production).isEmpty && stage.running(standby).isEmpty)
    }

    @Test func `it stands after the point of no return, with a count and a type of work`() {
        let good = PlanStep(name: "try", act: .sandbox(SandboxWork(type: .push, count: 200)))
        #expect(PlanDraft.around(after: [good]).problems.isEmpty)
        #expect(PlanDraft.around(before: [good]).problems.count == 1)
        for bad in [
            SandboxWork(type: .push, count: 0), SandboxWork(type: .push, count: 201),
            SandboxWork(type: TaskType(hook: "x"), count: 1),
            SandboxWork(type: .push, count: 1, account: "a\nb"),
            SandboxWork(type: .push, count: 1, payload: String(repeating: "x", count: 513)),
        ] {
            let step = PlanStep(name: "try", act: .sandbox(bad))
            #expect(PlanDraft.around(after: [step]).problems.count == 1, "\(bad)")
        }
    }
}
