import ControllerCore
import Model
import Protocol
import Testing

/// Tasks of drainable handlers end at the site that a planned run leaves.
struct DrainingTests {
    private static let beforeAll = FencingToken(
        epoch: Epoch(generation: 1, counter: 1),
        session: 0
    )

    private static func handler(
        _ type: TaskType = .push,
        isDrainable: Bool = true,
        _ delivery: DeliveryPolicy = .exclusive
    ) -> HandlerReport {
        var handler = HandlerReport.plain(type, slots: 4, delivery)
        handler.isDrainable = isDrainable
        return handler
    }

    /// Two sites, and a task that the old one runs.
    private static func world() -> (
        Stage, production: ConnectionID, standby: ConnectionID, attempt: TaskAttempt
    ) {
        var (stage, production, standby) = Stage.twoSites(
            isSelfFenced: true,
            handlers: [handler(), handler(.pull, isDrainable: false)]
        )
        let id = stage.submit(exclusive: ExclusiveKey("k", isOrdered: false))[0]
        let attempt = TaskAttempt(task: id, attempt: 1)
        stage.say(.work(.started(attempt)), on: production)
        return (stage, production, standby, attempt)
    }

    /// The switchover, until the new site is active and its services run.
    private func move(
        _ stage: inout Stage,
        _ production: ConnectionID,
        _ standby: ConnectionID,
        plan: PlanName? = nil
    ) {
        stage.begin(plan: plan)
        stage.report("db", .stopped, isWanted: false, isSelfFenced: true, on: production)
        stage.beat(production, floor: Self.beforeAll, exclusiveFloor: Stage.floorOfSession1)
        stage.report("db", .running, isWanted: true, isSelfFenced: true, on: standby)
    }

    private func drains(_ stage: Stage, _ connection: ConnectionID) -> [FencingToken?] {
        stage.sent.filter { $0.connection == connection }.compactMap {
            if case .role(_, _, _, let drains) = $0.message { .some(drains) } else { nil }
        }
    }

    private func cutAt(_ stage: Stage) -> [WallTime?] {
        stage.store.values.compactMap {
            if case .ledger(let entry) = $0, entry.drains { .some(entry.cutAt) } else { nil }
        }
    }

    private var oldToken: FencingToken { FencingToken(epoch: Self.beforeAll.epoch, session: 1) }

    @Test func `an attempt stays the current one over the change of epoch, and its result counts`()
    {
        var (stage, production, standby, attempt) = Self.world()
        #expect(stage.running(production).map(\.isDrainable) == [true])
        move(&stage, production, standby)
        #expect(stage.machine.cluster.activeSite == "b")
        #expect(drains(stage, production) == [oldToken, oldToken])
        // The next of its key waits for it.
        let second = stage.submit(exclusive: ExclusiveKey("k", isOrdered: false))[0]
        #expect(stage.stepName == "end-sessions")
        #expect(stage.run.text == "1 task has not ended on n1")
        #expect(stage.runs(standby).isEmpty)
        #expect(stage.runs(production) == [attempt])
        stage.end(attempt, on: production)
        #expect(stage.state(attempt.task) == .done)
        #expect(stage.end(of: attempt.task)?.attempt == 1)
        #expect(stage.run.state == .done)
        #expect(stage.runs(standby) == [TaskAttempt(task: second, attempt: 1)])
        #expect(cutAt(stage) == [nil])
    }

    @Test func `a new session of the node is told the same, and another controller goes on`() {
        var (stage, production, standby, attempt) = Self.world()
        move(&stage, production, standby)
        stage.restart()
        let again = stage.attach(
            "n1",
            [.plain("db", isSelfFenced: true)],
            handlers: [Self.handler()],
            holding: [(attempt, .running)]
        )
        stage.attach(
            "n2",
            [.plain("db", .running, isWanted: true, isSelfFenced: true)],
            handlers: [Self.handler()]
        )
        let welcomes = stage.sent.compactMap { sent -> FencingToken?? in
            guard sent.connection == again, case .welcome(let welcome) = sent.message else {
                return nil
            }
            return .some(welcome.drains)
        }
        #expect(welcomes == [oldToken])
        #expect(stage.state(attempt.task) == .assigned)
        stage.end(attempt, on: again)
        #expect(stage.state(attempt.task) == .done)
        #expect(stage.run.state == .done)
    }

    @Test func `a node that is lost while it drains loses its tasks by the proof of every node`() {
        var (stage, production, standby, attempt) = Self.world()
        move(&stage, production, standby)
        stage.step(.disconnected(production, .closedByPeer))
        for _ in 0..<15 {
            stage.live([standby], for: 1)
            #expect(stage.state(attempt.task) == .assigned)
        }
        stage.live([standby], for: 2)
        #expect(stage.runs(standby) == [TaskAttempt(task: attempt.task, attempt: 2)])
        #expect(stage.machine.member(named: "n1")?.record.drains == nil)
        #expect(stage.machine.member(named: "n1")?.record.session == 3)
    }

    /// Its last step waits 5 s for what drains.
    private var shortPlan: PlanDraft {
        PlanDraft.around(
            before: [PlanStep(name: "stop", act: .stop(.from, groups: [], .exclusive))],
            after: [
                PlanStep(name: "start", act: .start(groups: [], .all)),
                PlanStep(
                    name: "sessions",
                    act: .stop(.from, groups: [], .drainable),
                    timeout: .seconds(5)
                ),
            ]
        )
    }

    private func begun(_ stage: Stage, _ id: TaskID) -> [Bool] {
        stage.store.values.compactMap {
            if case .ledger(let entry) = $0, entry.task == id { entry.isStarted } else { nil }
        }
    }

    @Test func `a ledger does not forget that a cut attempt had begun`() {
        var (stage, production, standby, attempt) = Self.world()
        stage.ask(.setPlan(shortPlan))
        move(&stage, production, standby, plan: "written")
        #expect(stage.stepName == "sessions")
        #expect(begun(stage, attempt.task) == [true])
        // The controller starts again, and the old node is not back before the time is over.
        stage.live([production, standby], for: 4)
        stage.restart()
        let second = stage.attach(
            "n2",
            [.plain("db", .running, isWanted: true, isSelfFenced: true)],
            handlers: [Self.handler()]
        )
        stage.live([second], for: 3)
        #expect(cutAt(stage).count == 1 && cutAt(stage).allSatisfy { $0 != nil })
        #expect(begun(stage, attempt.task) == [true])
    }

    @Test func `a ledger says of a cut attempt that it had not begun`() {
        var (stage, production, standby) = Stage.twoSites(
            isSelfFenced: true,
            handlers: [Self.handler()]
        )
        let id = stage.submit()[0]
        stage.ask(.setPlan(shortPlan))
        move(&stage, production, standby, plan: "written")
        stage.live([production, standby], for: 6)
        #expect(cutAt(stage).count == 1 && cutAt(stage).allSatisfy { $0 != nil })
        #expect(begun(stage, id) == [false])
    }

    @Test func `of what is cut it is said what is given again and what is not known then`() {
        let both = [Self.handler(), Self.handler(.pull, .atMostOnce)]
        var (stage, production, standby) = Stage.twoSites(isSelfFenced: true, handlers: both)
        let tasks = stage.submit() + stage.submit(.pull) + stage.submit(.pull)
        for id in tasks.prefix(2) {
            stage.say(.work(.started(TaskAttempt(task: id, attempt: 1))), on: production)
        }
        move(&stage, production, standby)
        stage.ask(.skipStep(stage.run.id))
        let notice = stage.events.last { $0.kind == .runNotice }
        #expect(notice?.text == "3 tasks of site a are cut.")
        #expect(
            notice?.consequence
                == "2 tasks are given again at site b when their attempts have been ended; 1 task that may "
                + "not run twice and has begun is unknown then, and an operator decides: task \(tasks[1])"
        )
        for id in tasks.prefix(2) {
            stage.end(TaskAttempt(task: id, attempt: 1), .cancelled, on: production)
        }
        stage.end(TaskAttempt(task: tasks[2], attempt: 1), .notExecuted, on: production)
        #expect(tasks.map { stage.state($0) } == [.assigned, .unknown, .delayed])
    }

    @Test func `what exceeds the time of the step is cut, and the ledger says so`() {
        var (stage, production, standby, attempt) = Self.world()
        stage.ask(.setPlan(shortPlan))
        move(&stage, production, standby, plan: "written")
        stage.live([production, standby], for: 4)
        #expect(cutAt(stage) == [nil])
        stage.live([production, standby], for: 2)
        let cancels = stage.sent.filter { $0.connection == production }.compactMap {
            if case .work(.cancel(attempt, _, let reason)) = $0.message { reason } else { nil }
        }
        #expect(cancels.last == .drained)
        #expect(cutAt(stage).allSatisfy { $0 != nil } && cutAt(stage).count == 1)
        #expect(stage.audits.count { $0.verb == "run.cut" } == 1)
        #expect(stage.run.text.contains("1 task has not ended on n1, and had to"))
        // Not given again before it has ended.
        #expect(stage.runs(standby).isEmpty)
        stage.end(attempt, .cancelled, on: production)
        #expect(stage.run.state == .done)
        #expect(stage.runs(standby) == [TaskAttempt(task: attempt.task, attempt: 2)])
    }

    @Test func `a failover lets nothing drain, and waits for what it ends`() {
        var (stage, production, standby, attempt) = Self.world()
        stage.begin(.failover)
        #expect(drains(stage, production) == [nil])
        stage.report("db", .stopped, isWanted: false, isSelfFenced: true, on: production)
        stage.beat(production, floor: Self.beforeAll, exclusiveFloor: Stage.floorOfSession1)
        stage.beat(production, floor: Self.beforeAll, exclusiveFloor: Stage.floorOfSession1)
        #expect(stage.machine.cluster.activeSite == "a")
        stage.end(attempt, .interrupted, on: production)
        stage.beat(production, floor: Stage.floorOfSession1)
        #expect(stage.machine.cluster.activeSite == "b")
        stage.report("db", .running, isWanted: true, isSelfFenced: true, on: standby)
        #expect(stage.runs(standby) == [TaskAttempt(task: attempt.task, attempt: 2)])
    }

    @Test func `the drain before the fence waits for exclusive tasks alone`() {
        var (stage, production, _, _) = Self.world()
        let id = stage.submit(.pull)[0]
        stage.say(.work(.started(TaskAttempt(task: id, attempt: 1))), on: production)
        stage.begin()
        #expect(stage.stepName == "drain-tasks")
        #expect(stage.run.text == "1 task has not ended on n1")
        stage.end(TaskAttempt(task: id, attempt: 1), on: production)
        #expect(stage.stepName == "stop-services")
    }

    @Test(arguments: [ServiceScope.exclusive, .drainable, .all])
    func `a plan that ends no drain later lets none begin`(scope: ServiceScope) {
        var (stage, production, _, _) = Self.world()
        let stop = PlanStep(name: "stop", act: .stop(.from, groups: [], scope))
        let later = PlanStep(name: "later", act: .stop(.from, groups: [], .drainable))
        let plan = PlanDraft.around(
            before: [stop],
            after: scope == .exclusive ? [PlanStep(name: "verify", act: .verify)] : [later]
        )
        stage.ask(.setPlan(plan))
        stage.begin(plan: "written")
        stage.report("db", .stopped, isWanted: false, isSelfFenced: true, on: production)
        #expect(drains(stage, production).last == .some(nil))
        #expect(!stage.run.tasksLinger)
    }

    @Test func `a run that is rolled back leaves what drains as it is`() {
        var (stage, production, _, attempt) = Self.world()
        stage.begin()
        stage.report("db", .stopped, isWanted: false, isSelfFenced: true, on: production)
        #expect(stage.stepName == "fence")
        stage.ask(.abortRun(stage.run.id))
        #expect(drains(stage, production) == [oldToken, oldToken])
        stage.end(attempt, on: production)
        #expect(stage.state(attempt.task) == .done)
    }

    @Test func `a run whose last step is left out cuts what drains as it ends`() {
        var (stage, production, standby, attempt) = Self.world()
        move(&stage, production, standby)
        stage.ask(.skipStep(stage.run.id))
        #expect(stage.run.state == .done)
        #expect(cutAt(stage).count == 1 && cutAt(stage).allSatisfy { $0 != nil })
        #expect(stage.runs(standby).isEmpty)
        // The next run may begin, and the task has its one attempt still.
        stage.end(attempt, .cancelled, on: production)
        #expect(stage.runs(standby) == [TaskAttempt(task: attempt.task, attempt: 2)])
    }

    @Test func `a drill does not begin beside what drains at its site`() {
        var (stage, production, standby, attempt) = Self.world()
        move(&stage, production, standby)
        stage.ask(.skipStep(stage.run.id))
        #expect(stage.run.state == .done)
        let refused = stage.ask(.startRun(RunRequest(kind: .drill, to: "a"))).refusal
        #expect(refused?.text == "1 task of production has not ended on n1")
        stage.end(attempt, .cancelled, on: production)
        #expect(stage.ask(.startRun(RunRequest(kind: .drill, to: "a"))).refusal == nil)
    }

    @Test func `records of older stores let nothing drain`() throws {
        let (stage, _, _, _) = Self.world()
        for record in stage.store.values {
            #expect(!record.line.description.contains("drains="))
        }
    }
}
