import Model
import Protocol
import Testing

@testable import ControllerCore

/// What is looked at from outside: ages by state, tasks from the newest on, copies without tasks.
@Suite struct WorkLookingTests {
    private func submit(_ stage: inout Stage, _ count: Int, notBefore: WallTime? = nil) {
        let request = RequestID(UInt64(1_000_000 + stage.replies.count))
        let submission = TaskSubmission(type: .push, notBefore: notBefore)
        stage.step(
            .submitted(
                request,
                Stage.admin,
                (0..<count).map { _ in TaskOffer(submission: submission) }
            )
        )
    }

    @Test func `the oldest of each state is known, and follows what happens to tasks`() {
        var stage = Stage()
        #expect(stage.machine.work.oldest(.waiting) == nil)
        let first = stage.now.wall
        submit(&stage, 1)
        stage.advance(.seconds(10))
        let second = stage.now.wall
        submit(&stage, 2)
        submit(&stage, 1, notBefore: stage.now.wall + .seconds(60))
        #expect(stage.machine.work.oldest(.waiting) == first)
        #expect(stage.machine.work.oldest(.delayed) == second)
        let ids = ids(stage)
        stage.ask(.cancelTasks([ids[0]]))
        #expect(stage.machine.work.oldest(.waiting) == second)
        stage.ask(.cancelTasks(ids.dropFirst().dropLast()))
        #expect(stage.machine.work.oldest(.waiting) == nil)
        stage.pass(.seconds(61))
        #expect(stage.machine.work.oldest(.delayed) == nil)
        #expect(stage.machine.work.oldest(.waiting).map { $0 >= second + .seconds(60) } == true)
        let before = stage.machine.work.oldest(.waiting)
        #expect(stage.machine.withoutTasks.work.oldest(.waiting) == before)
        #expect(stage.machine.withoutTasks.work.counts == stage.machine.work.counts)
        #expect(ids.count == 4 && self.ids(stage).count == 1)
    }

    @Test func `ages hold little more than there are tasks`() {
        var ages = WorkAges()
        var isThere: Set<UInt64> = []
        for number in 1...50_000 as ClosedRange<UInt64> {
            ages.insert(
                WorkAges.Entry(since: WallTime(milliseconds: Int64(number)), task: TaskID(number)),
                .waiting
            )
            // The first stays for ever, the others come and go.
            isThere = [1, number]
            ages.settle(
                count: { $0 == .waiting ? UInt64(isThere.count) : 0 },
                isTrue: { entry, _ in isThere.contains(entry.task.number) }
            )
            #expect(ages.first(.waiting)?.task == TaskID(1))
        }
        #expect(ages.count(.waiting) <= 1_100)
        #expect(ages.firsts.count(.waiting) == 1)
    }

    @Test func `tasks are read from the newest on, below a number, until it is enough`() {
        var stage = Stage()
        submit(&stage, 600)
        let all = ids(stage)
        func read(_ before: TaskID?, _ count: Int) -> [TaskID] {
            var found: [TaskID] = []
            stage.machine.work.forEachTaskBackwards(before: before) { view in
                found.append(view.id)
                return found.count < count
            }
            return found
        }
        #expect(read(nil, 10_000) == all.reversed())
        #expect(read(all[300], 3) == [all[299], all[298], all[297]])
        #expect(read(all[0], 3) == [])
        #expect(read(TaskID(0), 3) == [])
        for border in [255, 256, 257, 512] as [UInt64] where border > all[0].number {
            #expect(read(TaskID(border), 1) == [TaskID(border - 1)])
        }
    }

    private func ids(_ stage: Stage) -> [TaskID] {
        var ids: [TaskID] = []
        stage.machine.work.forEachTask(after: nil) { view in
            ids.append(view.id)
            return true
        }
        return ids
    }
}
