import ControllerCore
import Model
import Protocol
import Testing

/// What was told to end ends before anything else begins: the next attempt, the next step, what
/// undoes it, the next run.
struct HookEndTests {
    private static let promote = HandlerReport(
        name: "promote",
        types: [TaskType(hook: "promote")],
        slots: 4,
        prefetch: 0,
        delivery: .exclusive
    )

    private func stage(_ step: PlanStep) -> (Stage, standby: ConnectionID) { stage([step]) }

    private func stage(_ steps: [PlanStep]) -> (Stage, standby: ConnectionID) {
        var stage = Stage()
        stage.ask(.addSite("b"))
        stage.online("n1")
        let standby = stage.online("n2", handlers: [Self.promote], site: "b")
        stage.ask(.setPlan(.around(before: steps)))
        stage.begin()
        return (stage, standby)
    }

    private func step(
        retries: UInt16 = 0,
        undo: HookName? = nil,
        onFailure: StepFailurePolicy = .ask,
        timeout: Duration = .seconds(300)
    ) -> PlanStep {
        PlanStep(
            name: "promote",
            act: .hook("promote", .every(.to)),
            timeout: timeout,
            retries: retries,
            retryDelay: .seconds(5),
            undo: undo,
            onFailure: onFailure
        )
    }

    @Test func `what undoes a hook begins when the hook has ended on its node`() {
        var (stage, standby) = stage(step(undo: "demote"))
        let attempt = stage.running(standby)[0].attempt
        stage.ask(.abortRun(stage.run.id))
        #expect(stage.verbs(standby).last == "CANCEL")
        stage.live([standby], for: 5)
        #expect(stage.run.state == .rollingBack)
        #expect(stage.hooks.isEmpty)
        #expect(stage.machine.endingHookNodes(of: stage.run) == ["n2"])
        stage.end(attempt, .cancelled, on: standby)
        #expect(stage.hooks.map(\.name) == ["demote"])
        stage.answerHook(isDone: true)
        #expect(stage.run.state == .aborted)
    }

    @Test func `a run does not end, and so no other begins, while its hook runs on a node`() {
        var (stage, standby) = stage(step())
        let attempt = stage.running(standby)[0].attempt
        stage.ask(.abortRun(stage.run.id))
        stage.begin()
        #expect(stage.lastRefusal == .notNow)
        #expect(stage.run.state == .rollingBack)
        stage.end(attempt, .cancelled, on: standby)
        #expect(stage.run.state == .aborted)
    }

    @Test func `it is waited for by the next controller too`() {
        var (stage, standby) = stage(step(undo: "demote"))
        let attempt = stage.running(standby)[0].attempt
        stage.ask(.abortRun(stage.run.id))
        stage.restart()
        stage.pass(.milliseconds(100))
        #expect(stage.hooks.isEmpty)
        let again = stage.attach(
            "n2",
            handlers: [Self.promote],
            holding: [(attempt, .running)]
        )
        // It is told again to end, and not given again.
        #expect(stage.verbs(again).contains("CANCEL"))
        #expect(stage.hooks.isEmpty)
        stage.end(attempt, .cancelled, on: again)
        #expect(stage.verbs(again).count { $0 == "RUN" } == 0)
        #expect(stage.hooks.map(\.name) == ["demote"])
    }

    @Test func `on a node that is lost it has ended when the node's lease surely has`() {
        var (stage, standby) = stage(step(undo: "demote"))
        stage.live([standby], for: 2)
        stage.ask(.abortRun(stage.run.id))
        stage.step(.disconnected(standby, .closedByPeer))
        stage.pass(.seconds(14))
        #expect(stage.hooks.isEmpty)
        stage.pass(.seconds(4))
        #expect(stage.hooks.map(\.name) == ["demote"])
    }

    @Test func `a retry does not run beside the attempt before it`() {
        var (stage, standby) = stage(step(retries: 1, timeout: .seconds(10)))
        let first = stage.running(standby)[0].attempt
        // Its time is over; the handler has longer to stop than the retry waits.
        stage.live([standby], for: 20)
        #expect(stage.step.state == .delayed)
        #expect(stage.verbs(standby).count { $0 == "RUN" } == 1)
        stage.end(first, .cancelled, on: standby)
        stage.live([standby], for: 1)
        #expect(stage.verbs(standby).count { $0 == "RUN" } == 2)
    }

    @Test func `nor does a retry that an operator asks for`() {
        var (stage, standby) = stage(step(timeout: .seconds(10)))
        let first = stage.running(standby)[0].attempt
        stage.live([standby], for: 12)
        #expect(stage.run.state == .asking)
        stage.ask(.retryStep(stage.run.id))
        #expect(stage.machine.endingHookNodes(of: stage.run) == ["n2"])
        #expect(stage.verbs(standby).count { $0 == "RUN" } == 1)
        stage.end(first, .cancelled, on: standby)
        #expect(stage.verbs(standby).count { $0 == "RUN" } == 2)
    }

    @Test func `a step that is left out holds up nobody, but what undoes it waits`() {
        let ask = PlanStep(name: "sure", act: .ask("sure?"), timeout: .seconds(600))
        var (stage, standby) = stage([step(undo: "demote"), ask])
        let first = stage.running(standby)[0].attempt
        stage.ask(.skipStep(stage.run.id))
        #expect(stage.stepName == "sure")
        stage.ask(.abortRun(stage.run.id))
        #expect(stage.run.state == .rollingBack)
        stage.end(first, .cancelled, on: standby)
        #expect(stage.run.state == .aborted)
    }

    @Test func `who may cancel tasks may not break a run by its hook`() {
        var (stage, standby) = stage(step())
        let attempt = stage.running(standby)[0].attempt
        let person = stage.person("olga", .operator)
        stage.ask(.cancelTasks([attempt.task]), by: person)
        #expect(stage.lastRefusal == .notNow)
        #expect(!stage.verbs(standby).contains("CANCEL"))
        // Of several tasks the others are cancelled, and this is said of it.
        let other = stage.submit()[0]
        guard case .done(let text, _) = stage.ask(.cancelTasks([other, attempt.task]), by: person)
        else {
            Issue.record("nothing was cancelled")
            return
        }
        #expect(text.contains("1 of 2 tasks cancelled"))
        #expect(text.contains("belongs to run 1"))
        stage.end(attempt, on: standby)
        #expect(stage.stepName == "fence")
    }
}
