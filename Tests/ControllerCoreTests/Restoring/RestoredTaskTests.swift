import Calendar
import ControllerCore
import Model
import Protocol
import Testing

/// Tasks and schedules of a store that was restored: what became of them since is not known.
struct RestoredTaskTests {
    /// One task is assigned to n1, another waits; n2 is of the same site.
    private func restored(
        _ delivery: DeliveryPolicy
    ) -> (Stage, assigned: TaskID, waiting: TaskID) {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain(.push, delivery)])
        let ids = stage.submit(count: 2)
        #expect(stage.runs(node) == [TaskAttempt(task: ids[0], attempt: 1)])
        stage.restart(generation: 2, active: nil)
        return (stage, ids[0], ids[1])
    }

    @Test func `no task is given out before X, and then under attempts that were never used`() {
        var (stage, assigned, waiting) = restored(.exclusive)
        let node = stage.attach("n1", handlers: [.plain()], incarnation: 2)
        stage.live([node], for: 14)
        #expect(stage.runs(node).isEmpty)
        #expect(stage.machine.work.explain(waiting)?.text.contains("takes work now") == true)
        stage.live([node], for: 3)
        #expect(stage.runs(node) == [TaskAttempt(task: assigned, attempt: 1_001)])
        #expect(stage.work(node) == [assigned, waiting])
        // New ones count from 1 as ever.
        let id = stage.submit()[0]
        #expect(stage.runs(node) == [TaskAttempt(task: id, attempt: 1)])
    }

    @Test func `an attempt that the backup does not know keeps all others waiting until it ends`() {
        var (stage, assigned, _) = restored(.exclusive)
        let unknown = TaskAttempt(task: TaskID(77), attempt: 1)
        let holding: [(TaskAttempt, HoldingPhase)] = [(unknown, .running)]
        let node = stage.attach("n1", handlers: [.plain()], holding: holding, incarnation: 2)
        stage.live([node], for: 60)
        #expect(stage.runs(node).isEmpty)
        #expect(stage.machine.settlingWaits.first?.text == "n1 still ends tasks of before")
        stage.end(unknown, .interrupted, on: node)
        #expect(stage.runs(node).map(\.task) == [assigned])
    }

    @Test func `what the backup says a node has, and the node has ended, is done`() {
        var (stage, assigned, _) = restored(.exclusive)
        let holding: [(TaskAttempt, HoldingPhase)] = [
            (TaskAttempt(task: assigned, attempt: 1), .ended)
        ]
        let node = stage.attach("n1", handlers: [.plain()], holding: holding, incarnation: 2)
        stage.end(TaskAttempt(task: assigned, attempt: 1), on: node)
        #expect(stage.state(assigned) == .done)
    }

    @Test
    func `what may run once only is not known, told by one event, and given by an operator alone`()
    {
        var (stage, assigned, waiting) = restored(.atMostOnce)
        let more = stage.submit(count: 1)[0]
        let node = stage.attach("n1", handlers: [.plain(.push, .atMostOnce)], incarnation: 2)
        // It was assigned, and may have ended and been taken.
        #expect(stage.state(assigned) == .unknown)
        stage.live([node], for: 17)
        #expect(stage.state(waiting) == .unknown)
        let told = stage.events.filter { $0.kind == .taskUnknown && $0.subject == "controller" }
        #expect(told.count == 1)
        #expect(told.first?.text.contains("1 task") == true)
        // One that was accepted after the restore has not run.
        #expect(stage.work(node) == [more])
        stage.ask(.retryTasks([waiting]))
        #expect(stage.runs(node) == [TaskAttempt(task: waiting, attempt: 1_001)])
    }

    @Test func `that a handler runs once only may be known later`() {
        var (stage, _, waiting) = restored(.atMostOnce)
        stage.pass(.seconds(20))
        #expect(!stage.isSettling)
        let node = stage.attach("n1", handlers: [.plain(.push, .atMostOnce)], incarnation: 2)
        stage.live([node], for: 1)
        #expect(stage.runs(node).isEmpty)
        #expect(stage.state(waiting) == .unknown)
    }

    @Test func `what is idempotent runs again`() {
        var (stage, assigned, waiting) = restored(.idempotent)
        let node = stage.attach("n1", handlers: [.plain(.push, .idempotent)], incarnation: 2)
        stage.live([node], for: 17)
        #expect(stage.work(node) == [assigned, waiting])
    }

    @Test func `a second restore of the same backup uses other attempts than the first`() {
        var (stage, assigned, _) = restored(.exclusive)
        let backup = stage.store
        func first(_ stage: inout Stage) -> UInt16? {
            let node = stage.attach("n1", handlers: [.plain()], incarnation: 2)
            stage.live([node], for: 17)
            return stage.runs(node).first { $0.task == assigned }?.attempt
        }
        #expect(first(&stage) == 1_001)
        stage.store = backup
        stage.restart(generation: 3, active: nil)
        #expect(first(&stage) == 2_001)
    }

    @Test func `firings between the backup and the restore are left out, and counted`() throws {
        var stage = Stage()
        stage.ask(
            .addSchedule(
                ScheduleDraft(
                    name: "nightly",
                    recurrence: try Recurrence(parsing: "every 1m"),
                    submission: TaskSubmission(type: .maintenance),
                    overlap: .allow,
                    missed: .all,
                    missedMax: 1_000
                )
            )
        )
        stage.pass(.seconds(90))
        #expect(stage.taskKeys.count == 1)
        let backup = stage.store
        stage.pass(.seconds(600))
        #expect(stage.taskKeys.count == 11)
        stage.store = backup
        stage.restart(generation: 2, active: nil)
        // The next is due meanwhile, and follows its policy.
        stage.pass(.seconds(15))
        #expect(stage.taskKeys.count == 11)
        stage.pass(.seconds(5))
        #expect(stage.taskKeys.count == 12)
        let told = stage.events.last { $0.kind == .scheduleLeftOut }
        #expect(
            told?.text.contains("10 firings of schedule nightly") == true,
            "\(told?.text ?? "")"
        )
        #expect(stage.machine.schedules.entries["nightly"]?.record.skipped == 10)
        stage.pass(.seconds(60))
        #expect(stage.taskKeys.count == 13)
    }
}
