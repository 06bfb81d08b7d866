import ControllerCore
import Model
import Protocol
import Testing

/// Steps that have programs executed, on the controller's host and on nodes.
struct HookTests {
    private func hook(
        _ name: StepName,
        retries: UInt16 = 0,
        verify: HookName? = nil,
        undo: HookName? = nil,
        onFailure: StepFailurePolicy = .ask
    ) -> PlanStep {
        PlanStep(
            name: name,
            act: .hook(HookName(name.text)!, .controller),
            timeout: .seconds(30),
            retries: retries,
            retryDelay: .seconds(2),
            verify: verify,
            undo: undo,
            onFailure: onFailure
        )
    }

    private func stage(_ steps: [PlanStep]) -> Stage {
        var (stage, _, _) = Stage.twoSites()
        stage.ask(.setPlan(.around(before: steps)))
        stage.begin()
        return stage
    }

    @Test func `a hook of the controller gets the run's context and decides its step`() {
        var stage = stage([hook("redirect")])
        let call = stage.hooks[0]
        let variables = call.variables.map(\.description)
        for expected in [
            "RUN=1", "KIND=switchover", "STEP=redirect", "FROM=a", "TO=b", "EPOCH=1.1", "BY=root",
            "REASON=because", "STEP_ATTEMPT=1",
        ] { #expect(variables.contains(expected)) }
        #expect(stage.stepName == "redirect")
        stage.answerHook(isDone: true)
        #expect(stage.stepName == "fence")
    }

    @Test
    func `a hook that fails is tried again as often as its step says, then an operator is asked`() {
        var stage = stage([hook("redirect", retries: 1)])
        stage.answerHook(isDone: false, "the balancer does not answer")
        #expect(stage.step.state == .delayed)
        stage.pass(.seconds(3))
        #expect(stage.hooks.count == 2)
        stage.answerHook(isDone: false, "the balancer does not answer")
        #expect(stage.run.state == .asking)
        #expect(stage.run.text == "the balancer does not answer")
        #expect(stage.told(.runStepFailed) == 1)
        stage.ask(.retryStep(stage.run.id))
        #expect(stage.hooks.count == 3)
        stage.answerHook(isDone: true)
        #expect(stage.stepName == "fence")
    }

    @Test func `a step that may be skipped is, with what failed in its record`() {
        var stage = stage([hook("redirect", onFailure: .skip)])
        stage.answerHook(isDone: false, "no such balancer")
        #expect(stage.stepName == "fence")
        let step = stage.machine.runs.steps(of: stage.run.id)[0]
        #expect(step.state == .skipped)
        #expect(step.text.contains("no such balancer"))
    }

    @Test func `what was done is undone backwards when the run is rolled back`() {
        var stage = stage([
            hook("first", undo: "undo-first"), hook("second", undo: "undo-second"),
            hook("third", onFailure: .rollBack),
        ])
        stage.answerHook(isDone: true)
        stage.answerHook(isDone: true)
        stage.answerHook(isDone: false)
        #expect(stage.run.state == .rollingBack)
        #expect(stage.hooks.last?.name == "undo-second")
        stage.answerHook(isDone: true)
        #expect(stage.hooks.last?.name == "undo-first")
        stage.answerHook(isDone: false, "it is stuck")
        #expect(stage.run.state == .aborted)
        let steps = stage.machine.runs.steps(of: stage.run.id)
        #expect(steps[1].state == .undone)
        #expect(steps[0].text.contains("COULD NOT BE UNDONE: it is stuck"))
        #expect(stage.machine.role(of: "a") == .active)
    }

    @Test func `a controller that takes a step up asks first whether it has had its effect`() {
        var stage = stage([hook("promote", verify: "is-primary")])
        #expect(stage.hooks.map(\.name) == ["promote"])
        stage.restart()
        stage.pass(.milliseconds(100))
        stage.attach("n1", [.plain("db", .running, isWanted: true)])
        #expect(stage.hooks.map(\.name) == ["promote", "is-primary"])
        stage.answerHook(isDone: true)
        #expect(stage.stepName == "fence")
        #expect(stage.hooks.count == 2)
    }

    @Test func `a step that has had no effect is done again by the next controller`() {
        var stage = stage([hook("promote", verify: "is-primary")])
        stage.restart()
        stage.attach("n1", [.plain("db", .running, isWanted: true)])
        stage.answerHook(isDone: false)
        #expect(stage.hooks.map(\.name) == ["promote", "is-primary", "promote"])
        stage.answerHook(isDone: true)
        #expect(stage.hooks.last?.name == "is-primary")
        #expect(stage.step.state == .verifying)
        stage.answerHook(isDone: true)
        #expect(stage.stepName == "fence")
    }

    @Test func `the answer of a hook that was called by another controller decides nothing`() {
        var stage = stage([hook("first"), hook("second")])
        let old = stage.hooks[0].id
        stage.answerHook(isDone: true)
        #expect(stage.stepName == "second")
        stage.step(.hookEnded(old, isDone: true, text: "late"))
        #expect(stage.stepName == "second")
    }

    @Test func `a check is asked again until it says yes`() {
        let check = PlanStep(
            name: "lag",
            act: .check("lag-is-small", .controller),
            timeout: .seconds(30)
        )
        var stage = stage([check])
        stage.answerHook(isDone: false, "lag 40 s")
        #expect(stage.run.state == .running)
        #expect(stage.run.text == "lag 40 s")
        stage.pass(.seconds(6))
        #expect(stage.hooks.count == 2)
        stage.answerHook(isDone: true)
        #expect(stage.stepName == "fence")
    }

    @Test func `an operator's no stops the run, and a yes lets it go on`() {
        var stage = stage([PlanStep(name: "sure", act: .ask("sure?"), timeout: .seconds(600))])
        #expect(stage.told(.runWaiting) == 1)
        stage.pass(.seconds(5))
        stage.ask(.answerRun(stage.run.id, isYes: false))
        #expect(stage.run.state == .asking)
        stage.ask(.retryStep(stage.run.id))
        stage.ask(.answerRun(stage.run.id, isYes: true))
        #expect(stage.stepName == "fence")
        #expect(stage.run.askedMilliseconds >= 5_000)
    }

    @Test func `a hook on a node is a task of that node alone, on a standby site too`() {
        let promote = HandlerReport(
            name: "promote",
            types: [TaskType(hook: "promote")],
            slots: 1,
            prefetch: 0,
            delivery: .exclusive
        )
        var stage = Stage()
        stage.ask(.addSite("b"))
        let production = stage.online("n1", handlers: [promote])
        let standby = stage.online("n2", handlers: [promote], site: "b")
        let step = PlanStep(name: "promote", act: .hook("promote", .every(.to)))
        stage.ask(.setPlan(.around(before: [step])))
        stage.begin()
        #expect(stage.running(production).isEmpty)
        let order = stage.running(standby)[0]
        #expect(order.attributes.contains(TaskAttribute(name: "TO", value: "b")!))
        stage.end(order.attempt, on: standby)
        #expect(stage.stepName == "fence")
        #expect(stage.machine.runs.steps(of: stage.run.id)[0].hooks.map(\.isDone) == [true])
    }

    @Test func `a hook that fails on a node fails its step, and is no dead letter`() {
        let handler = HandlerReport(
            name: "promote",
            types: [TaskType(hook: "promote")],
            slots: 1,
            prefetch: 0,
            delivery: .exclusive
        )
        var stage = Stage()
        stage.ask(.addSite("b"))
        stage.online("n1")
        let standby = stage.online("n2", handlers: [handler], site: "b")
        let step = PlanStep(name: "promote", act: .hook("promote", .one(.to)))
        stage.ask(.setPlan(.around(before: [step])))
        stage.begin()
        let order = stage.running(standby)[0]
        stage.end(order.attempt, .failed, status: 3, on: standby)
        #expect(stage.run.state == .asking)
        #expect(stage.run.text.contains("n2: failed: exit status 3"))
        #expect(stage.machine.work.counts.failed == 0)
        #expect(stage.told(.taskFailed) == 0)
    }

    @Test func `nobody submits the steps of a run`() {
        var stage = Stage()
        let submission = TaskSubmission(type: TaskType(hook: "promote"))
        let answers = stage.submit([TaskOffer(submission: submission)])
        guard case .refused(let refused)? = answers.first else {
            Issue.record("accepted")
            return
        }
        #expect(refused.code == .forbidden)
    }
}
