import AgentCore
import Model
import Protocol
import Testing

/// What is told of an attempt while it runs: only what was asked for, and only as often.
struct TaskFollowTests {
    private func watched(_ task: UInt64, from: UInt64 = 0) -> WatchedAttempt {
        WatchedAttempt(.first(task), from: from)
    }

    @Test func `what the answer to a beat asks for is read once, and told`() {
        var scene = Scene.working()
        scene.begin(.first(1))
        #expect(scene.live(.seconds(3)).readings.isEmpty)
        scene.pass(.seconds(1))
        let asked = scene.grantLease(watched: [watched(1, from: 5)])
        #expect(asked.tasks == [.readOutput(.first(1), from: 5)])
        let told = scene.run(.taskOutput(.first(1), at: 5, [65, 66]))
        #expect(told.work == [.output(.first(1), at: 5, data: [65, 66], isLive: true)])
        // Nobody asks any more.
        #expect(scene.run(.taskOutput(.first(1), at: 7, [67])).work.isEmpty)
        #expect(scene.live(.seconds(3)).readings.isEmpty)
    }

    @Test func `a long output goes out in pieces, its last bytes, and nothing new is not told`() {
        var scene = Scene.working([.plain(slots: 2, outputBytesMax: 1 << 20)])
        scene.begin(.first(1))
        scene.pass(.seconds(1))
        scene.grantLease(watched: [watched(1)])
        let all = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
        let told = scene.run(.taskOutput(.first(1), at: 0, all)).livePieces
        #expect(told.first?.at == UInt64(100_000 - WorkLimits.liveBytesMax))
        #expect(told.allSatisfy { $0.data.count <= WorkLimits.partBytesMax })
        #expect(told.flatMap(\.data) == Array(all.suffix(WorkLimits.liveBytesMax)))
        for (before, after) in zip(told, told.dropFirst()) {
            #expect(before.at + UInt64(before.data.count) == after.at)
        }
        scene.pass(.seconds(1))
        #expect(scene.grantLease(watched: [watched(1, from: 100_000)]).readings.count == 1)
        #expect(scene.run(.taskOutput(.first(1), at: 100_000, [])).work.isEmpty)
    }

    @Test func `a reading that hangs is not begun again, and another attempt is read meanwhile`() {
        var scene = Scene.working([.plain(slots: 2)])
        scene.begin(.first(1))
        scene.begin(.first(2))
        scene.pass(.seconds(1))
        #expect(scene.grantLease(watched: [watched(1)]).readings.count == 1)
        scene.pass(.seconds(1))
        let second = scene.grantLease(watched: [watched(1), watched(2)])
        #expect(second.tasks == [.readOutput(.first(2), from: 0)])
        #expect(!scene.run(.taskOutput(.first(1), at: 0, [1])).livePieces.isEmpty)
        scene.pass(.seconds(1))
        #expect(scene.grantLease(watched: [watched(1, from: 1)]).readings.count == 1)
    }

    @Test func `what waits, is not here or tells no output is not read`() {
        var scene = Scene.working([
            .plain(slots: 1, prefetch: 2), .plain("quiet", types: [.pgp], outputBytesMax: 0),
        ])
        scene.begin(.first(1))
        scene.order(.first(2))
        scene.order(.first(3), handler: "quiet", type: .pgp)
        scene.report(.first(3), .started(processID: 8))
        scene.pass(.seconds(1))
        let asked = scene.grantLease(watched: [watched(2), watched(3), watched(4)])
        #expect(asked.readings.isEmpty)
    }

    @Test func `a handler's own limit holds while it runs, too`() {
        var scene = Scene.working([.plain(outputBytesMax: 3)])
        scene.begin(.first(1))
        scene.pass(.seconds(1))
        scene.grantLease(watched: [watched(1)])
        let told = scene.run(.taskOutput(.first(1), at: 0, [1, 2, 3, 4, 5]))
        #expect(told.work == [.output(.first(1), at: 2, data: [3, 4, 5], isLive: true)])
    }

    @Test func `what was read when the attempt has ended is not told: all of it is`() {
        var scene = Scene.working()
        scene.begin(.first(1))
        scene.pass(.seconds(1))
        scene.grantLease(watched: [watched(1)])
        let end = scene.finish(.first(1), output: [65, 66, 67])
        #expect(end.pieces.flatMap(\.data) == [65, 66, 67])
        #expect(scene.run(.taskOutput(.first(1), at: 0, [65])).work.isEmpty)
    }

    @Test func `nothing that was read for one session is told in the next`() {
        var scene = Scene.working()
        scene.begin(.first(1))
        scene.pass(.seconds(1))
        scene.grantLease(watched: [watched(1)])
        scene.lose()
        scene.rejoin()
        scene.live(.milliseconds(500))
        #expect(scene.run(.taskOutput(.first(1), at: 0, [65])).work.isEmpty)
        scene.pass(.seconds(1))
        #expect(scene.grantLease(watched: [watched(1)]).readings.count == 1)
    }

    /// A node of version 1 has no tasks; a controller that asks all the same is passed over.
    @Test func `a session without tasks is asked for nothing`() {
        var scene = Scene(handlers: [.plain()])
        scene.version = 1
        scene.join()
        scene.live(.seconds(1))
        scene.pass(.seconds(1))
        let asked = scene.grantLease(watched: [watched(1)])
        #expect(asked.tasks.isEmpty && asked.work.isEmpty)
        #expect(scene.machine.leaseEnd != nil)
    }
}
