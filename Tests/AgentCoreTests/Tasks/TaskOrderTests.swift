import AgentCore
import Model
import Protocol
import Testing

/// Payloads and cancelling.
struct TaskOrderTests {
    // MARK: Payloads

    static let long = (0..<4_000).map { UInt8(truncatingIfNeeded: $0) }

    static func part(_ attempt: TaskAttempt, _ at: UInt32, _ data: [UInt8]) -> ControllerMessage {
        .work(.part(attempt, at: at, data: data))
    }

    @Test func `a long payload comes in parts, and starts when it is whole`() {
        var scene = Scene.working()
        #expect(scene.order(.first(1), payloadBytes: 4_000).tasks.isEmpty)
        let first = scene.receive(Self.part(.first(1), 0, Array(Self.long.prefix(3_072))))
        #expect(first.tasks.isEmpty)
        let last = scene.receive(Self.part(.first(1), 3_072, Array(Self.long.suffix(928))))
        #expect(last.launch?.payload == Self.long)
    }

    @Test(arguments: [
        (at: UInt32(5), count: 100), (at: 3_073, count: 927), (at: 3_071, count: 929),
        (at: 3_072, count: 929), (at: 3_072, count: 0), (at: 0, count: 3_072),
        (at: .max, count: 1),
    ])
    func `a part that is out of place ends it`(part: (at: UInt32, count: Int)) {
        var scene = Scene.working()
        scene.order(.first(1), payloadBytes: 4_000)
        scene.receive(Self.part(.first(1), 0, Array(Self.long.prefix(3_072))))
        let data = [UInt8](repeating: 1, count: part.count)
        let effects = scene.receive(Self.part(.first(1), part.at, data))
        #expect(effects.returns == [.invalid])
        #expect(scene.phase(.first(1)) == nil)
        // What is still under way of it is passed over.
        let rest = scene.receive(Self.part(.first(1), 3_072, Array(Self.long.suffix(928))))
        #expect(rest == AgentEffects())
        #expect(scene.journal.isEmpty)
    }

    @Test func `parts of what the node does not have, or has whole, are passed over`() {
        var scene = Scene.working()
        #expect(scene.receive(Self.part(.first(9), 0, [1])) == AgentEffects())
        scene.order(.first(1), payloadBytes: 2, payload: [1, 2])
        #expect(scene.receive(Self.part(.first(1), 2, [3])) == AgentEffects())
    }

    @Test func `a repeated order begins its parts again`() {
        var scene = Scene.working()
        scene.order(.first(1), payloadBytes: 4_000)
        scene.receive(Self.part(.first(1), 0, Array(Self.long.prefix(3_072))))
        scene.order(.first(1), payloadBytes: 4_000)
        scene.receive(Self.part(.first(1), 0, Array(Self.long.prefix(3_000))))
        let last = scene.receive(Self.part(.first(1), 3_000, Array(Self.long.suffix(1_000))))
        #expect(last.launch?.payload == Self.long)
    }

    @Test func `a payload of another size than was announced is given back`() {
        var scene = Scene.working()
        #expect(scene.order(.first(1), payloadBytes: 3, payload: [1]).returns == [.invalid])
        let huge = UInt32(WorkLimits.payloadBytesMax + 1)
        #expect(scene.order(.first(2), payloadBytes: huge).returns == [.invalid])
    }

    @Test func `payloads that wait are bounded by what was announced of them`() {
        var scene = Scene.working([.plain(prefetch: 200)])
        let million = UInt32(WorkLimits.payloadBytesMax)
        for task in 1...UInt64(64) {
            #expect(scene.order(.first(task), payloadBytes: million).returns.isEmpty)
        }
        #expect(scene.order(.first(65), payloadBytes: 1).returns == [.busy])
        #expect(scene.order(.first(66)).launchedTasks == [.first(66)])
        scene.cancel(.first(1))
        #expect(scene.order(.first(67), payloadBytes: million).returns.isEmpty)
        #expect(scene.order(.first(68), payloadBytes: 1).returns == [.busy])
    }

    // MARK: Cancelling

    @Test(arguments: CancelReason.allCases)
    func `what was not started is given back, whatever the reason`(reason: CancelReason) {
        var scene = Scene.working([.plain(prefetch: 3)])
        scene.begin(.first(1))
        scene.order(.first(2))
        scene.order(.first(3), payloadBytes: 9)
        #expect(scene.cancel(.first(2), reason).returns == [.notNow])
        #expect(scene.cancel(.first(3), reason).returns == [.notNow])
        #expect(scene.journalVerbs == ["START"])
        #expect(scene.finish(.first(1)).launchedTasks.isEmpty)
    }

    @Test(arguments: [CancelReason.cancelled, .drained])
    func `what runs is stopped in order, and its result says so`(reason: CancelReason) {
        var scene = Scene.working()
        scene.begin(.first(1))
        let effects = scene.cancel(.first(1), reason)
        #expect(effects.tasks == [.stop(.first(1), grace: .seconds(10))])
        #expect(scene.cancel(.first(1), reason).tasks.isEmpty)
        // It took the hint and ended well: that is a cancelled task all the same.
        let end = scene.finish(.first(1), .exited(0))
        #expect(end.outcome == .cancelled)
        #expect(end.results.first?.status == 0)
    }

    @Test func `what runs is not recalled`() {
        var scene = Scene.working()
        scene.begin(.first(1))
        let effects = scene.cancel(.first(1), .recalled)
        #expect(effects.tasks.isEmpty)
        #expect(effects.work.isEmpty)
        #expect(scene.finish(.first(1)).outcome == .done)
    }

    @Test func `what is about to start is ended in the journal, or not recalled`() {
        var scene = Scene.working()
        let order = scene.runOrder(.first(1))
        scene.keep(scene.step(.received(link: scene.link, .work(.run(order)))))
        let recalled = scene.step(
            .received(
                link: scene.link,
                .work(.cancel(.first(1), token: scene.token, .recalled))
            )
        )
        #expect(recalled == AgentEffects())
        let effects = scene.cancel(.first(1))
        #expect(effects.tasks.isEmpty)
        #expect(effects.outcome == .cancelled)
        #expect(scene.journalVerbs == ["START", "END"])
    }

    @Test func `what has ended is told again`() {
        var scene = Scene.working()
        scene.begin(.first(1))
        scene.report(.first(1), .exited(.exited(0)))
        // Its program has ended, and what it left is being emptied: that is its own end.
        scene.cancel(.first(1))
        let end = scene.finish(.first(1))
        #expect(end.outcome == .done)
        #expect(scene.cancel(.first(1)).results == end.results)
    }

    @Test func `what is not here is given back, so that the controller learns it`() {
        var scene = Scene.working()
        let effects = scene.cancel(.first(1))
        #expect(effects.returnedAttempts == [.first(1)])
        // An order that was sent before is of no use any more.
        #expect(scene.order(.first(1)).returns == [.notNow])
    }

    @Test func `a cancel under an older token is refused and noted`() {
        var scene = Scene.working([.plain(delivery: .idempotent)])
        let older = scene.token
        scene.raiseToken()
        scene.begin(.first(1))
        let effects = scene.cancel(.first(1), token: older)
        #expect(effects.noted == [.staleOrder])
        #expect(effects.tasks.isEmpty)
        #expect(effects.returns.isEmpty)
    }

    @Test func `the stricter of two ends holds, and the first reason`() {
        var scene = Scene.working()
        scene.begin(.first(1))
        scene.cancel(.first(1))
        scene.lose()
        let end = scene.machine.leaseEnd ?? .origin
        let effects = scene.pass(end - scene.now)
        // The grace of ten seconds was over first: no stop, its leash is killed with the lease.
        #expect(effects.tasks.isEmpty)
        scene.rejoin()
        scene = Scene.working([.plain(delivery: .idempotent)])
        scene.begin(.first(1))
        scene.cancel(.first(1))
        #expect(scene.raiseToken().tasks == [.stop(.first(1), grace: .seconds(1))])
        #expect(scene.finish(.first(1), .signalled(15)).outcome == .cancelled)
    }
}
