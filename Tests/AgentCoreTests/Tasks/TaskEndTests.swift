import AgentCore
import Model
import Protocol
import Testing

struct TaskEndTests {
    @Test
    func `a result is told when its end is durable, and its end is written when it is a fact`() {
        var scene = Scene.working()
        scene.begin(.first(1))
        #expect(scene.report(.first(1), .exited(.exited(0))).taskJournal == nil)
        let report = TaskReport(exit: .exited(0), outputBytes: 2, outputTail: [65, 66])
        #expect(scene.step(.taskReport(.first(1), report)).taskJournal == nil)
        #expect(scene.phase(.first(1)) == .running)

        let emptied = scene.step(.task(.first(1), .emptied))
        let result = AttemptResult(outcome: .done, status: 0, outputBytes: 2)
        #expect(emptied.taskJournal?.entries == [.end(.first(1), result)])
        #expect(emptied.sends.isEmpty)
        // Not durable: not ended for anybody.
        #expect(scene.phase(.first(1)) == .running)

        let durable = scene.step(.taskJournaled(upTo: emptied.taskJournal?.sequence ?? 0))
        #expect(
            durable.work
                == [.output(.first(1), at: 0, data: [65, 66]), .result(.first(1), result)]
        )
        #expect(scene.phase(.first(1)) == .ended)
    }

    @Test func `status and signal decide, and the definition says what no retry mends`() {
        var scene = Scene.working([.plain(permanentStatuses: [64])])
        func end(_ task: UInt64, _ exit: ProgramExit) -> AttemptResult? {
            scene.begin(.first(task))
            scene.now += .milliseconds(50)
            return scene.finish(.first(task), exit).results.first
        }
        var expected = AttemptResult(
            outcome: .done,
            status: 0,
            ranMilliseconds: 50,
            processorMilliseconds: 3,
            memoryBytesMax: 4_096
        )
        #expect(end(1, .exited(0)) == expected)
        expected.outcome = .failed
        expected.status = 1
        #expect(end(2, .exited(1)) == expected)
        expected.status = 64
        expected.isPermanent = true
        #expect(end(3, .exited(64)) == expected)
        expected.status = nil
        expected.signal = 9
        expected.isPermanent = false
        #expect(end(4, .signalled(9)) == expected)
    }

    @Test func `longer than its limit it is stopped in order, then killed, and has timed out`() {
        var scene = Scene.working([.plain(delivery: .idempotent, timeLimit: .seconds(3))])
        scene.begin(.first(1))
        #expect(scene.live(.milliseconds(2_900)).tasks.isEmpty)
        let late = scene.live(.milliseconds(200))
        #expect(late.tasks == [.stop(.first(1), grace: .seconds(10))])
        #expect(scene.live(.seconds(19)).tasks.isEmpty)
        // Its leash does not answer: it may be stopped itself.
        #expect(scene.live(.seconds(2)).tasks == [.destroy(.first(1))])
        #expect(scene.live(.seconds(10)).tasks == [.destroy(.first(1))])
        let end = scene.finish(.first(1), .signalled(9))
        #expect(end.outcome == .timedOut)
        #expect(end.results.first?.signal == 9)
    }

    @Test func `an end of its own comes before a limit that passes while it is emptied`() {
        var scene = Scene.working([.plain(timeLimit: .seconds(3))])
        scene.begin(.first(1))
        scene.live(.milliseconds(2_900))
        scene.report(.first(1), .exited(.exited(0)))
        #expect(scene.live(.seconds(1)).tasks.isEmpty)
        #expect(scene.finish(.first(1)).outcome == .done)
    }

    @Test func `what could not be executed has run nothing`() {
        var scene = Scene.working()
        scene.order(.first(1))
        let effects = scene.report(.first(1), .notStarted(reason: "/usr/bin/push: not found"))
        #expect(effects.outcome == .notExecuted)
        #expect(effects.results.first?.detail == "/usr/bin/push: not found")
        // Nothing was executed, so nothing is measured and its slot is free at once.
        #expect(scene.order(.first(2)).launchedTasks == [.first(2)])
    }

    @Test func `a leash that comes too late for the lease has executed nothing`() {
        var scene = Scene.working()
        scene.order(.first(1))
        scene.now += .seconds(12)
        let effects = scene.report(.first(1), .notStarted(reason: "the deadline has passed"))
        #expect(effects.outcome == .interrupted)
        #expect(effects.results.first?.detail == "the lease ended")
    }

    @Test func `a leash that dies interrupts its task, and its end is told when it is empty`() {
        var scene = Scene.working()
        scene.begin(.first(1))
        let lost = scene.report(.first(1), .lost)
        #expect(lost.noted == [.leashLost])
        #expect(lost.results.isEmpty)
        #expect(scene.report(.first(1), .emptied).results.isEmpty)
        // Nothing could be measured any more.
        #expect(scene.live(.seconds(6)).outcome == .interrupted)
    }

    @Test func `a report that does not come is waited for, but not long`() {
        var scene = Scene.working()
        scene.begin(.first(1))
        scene.report(.first(1), .exited(.exited(0)))
        #expect(scene.report(.first(1), .emptied).results.isEmpty)
        #expect(scene.live(.milliseconds(4_900)).results.isEmpty)
        let late = scene.live(.milliseconds(200))
        #expect(late.outcome == .done)
        #expect(late.results.first?.outputBytes == 0)
    }

    @Test func `the report says how it ended when its leash had not`() {
        var scene = Scene.working()
        scene.begin(.first(1))
        scene.run(.taskReport(.first(1), TaskReport(exit: .exited(2))))
        let effects = scene.report(.first(1), .emptied)
        #expect(effects.outcome == .failed)
        #expect(effects.results.first?.status == 2)
    }

    @Test func `without any word on how it ended it was interrupted`() {
        var scene = Scene.working()
        scene.begin(.first(1))
        scene.run(.taskReport(.first(1), TaskReport(exit: nil)))
        #expect(scene.report(.first(1), .emptied).outcome == .interrupted)
    }

    // MARK: Output

    @Test func `the last bytes of the output are kept and sent with their places`() {
        var scene = Scene.working([.plain(outputBytesMax: 5_000)])
        scene.begin(.first(1))
        scene.report(.first(1), .exited(.exited(0)))
        let tail = (0..<7_000).map { UInt8(truncatingIfNeeded: $0) }
        let report = TaskReport(exit: .exited(0), outputBytes: 10_000, outputTail: tail)
        scene.run(.taskReport(.first(1), report))
        let effects = scene.report(.first(1), .emptied)
        #expect(effects.pieces.map(\.at) == [5_000, 8_072])
        #expect(effects.pieces.map(\.data.count) == [3_072, 1_928])
        #expect(effects.pieces.flatMap(\.data) == Array(tail.suffix(5_000)))
        #expect(effects.results.first?.outputBytes == 10_000)
        #expect(effects.work.last == .result(.first(1), effects.results[0]))
    }

    @Test func `a large output goes out in bursts that the connection can hold`() {
        var scene = Scene.working([.plain(outputBytesMax: 1 << 20)])
        scene.begin(.first(1))
        var effects = scene.finish(.first(1), output: Array(repeating: 7, count: 1 << 20))
        #expect(effects.results.isEmpty)
        func bytes(_ effects: AgentEffects) -> Int {
            effects.sends.reduce(0) { $0 + $1.line.bytes.count }
        }
        #expect(bytes(effects) < 64 * 1_024)
        var most = 0
        while effects.results.isEmpty, let next = scene.machine.nextDeadline {
            scene.now = max(scene.now, next)
            let step = scene.run(.deadlineReached(wall: WallTime(milliseconds: 0)))
            most = max(most, bytes(step))
            effects.add(step)
        }
        #expect(most < 64 * 1_024)
        #expect(effects.pieces.flatMap(\.data).count == 1 << 20)
        #expect(effects.results.count == 1)
    }

    @Test func `results that nobody takes do not fill the connection`() {
        var scene = Scene.working([.plain(slots: 100, outputBytesMax: 60_000)])
        var effects = AgentEffects()
        for task in 1...UInt64(5) {
            scene.begin(.first(task))
            effects.add(
                scene.finish(.first(task), output: Array(repeating: 1, count: 60_000))
            )
        }
        effects.add(scene.live(.seconds(1)))
        // The first is 80 KiB in base64: a second one beside it would be too much.
        #expect(effects.results.count == 1)
        scene.take(.first(1))
        #expect(scene.live(.seconds(1)).results.count == 1)
    }

    @Test func `outputs that are not taken are bounded, and the oldest go first`() {
        var scene = Scene.working([.plain(slots: 100, outputBytesMax: 1 << 20)])
        for task in 1...UInt64(66) { scene.begin(.first(task)) }
        scene.lose()
        for task in 1...UInt64(66) {
            scene.finish(.first(task), output: Array(repeating: 9, count: 1 << 20))
        }
        // Of 66 MiB two are too many: the oldest two have a result without output.
        let back = scene.rejoin()
        #expect(back.results.map(\.outputBytes) == [1 << 20, 1 << 20])
        #expect(back.pieces.isEmpty)
        scene.take(.first(1))
        let third = scene.take(.first(2))
        #expect(!third.pieces.isEmpty)
    }
}
