import AgentCore
import Model
import Protocol
import Testing

/// Data sets on a node: looked at while somebody listens, and written as an effect of the active site.
struct DataWatchTests {
    static let orders = DataSetDefinition(
        name: "orders",
        write: ["/bin/write"],
        read: ["/bin/read"],
        lag: ["/bin/lag"]
    )
    static let canary = Canary(epoch: Scene.base.epoch, sequence: 7)

    private func scene(
        _ role: SiteRole = .active,
        _ definitions: [DataSetDefinition] = [orders],
        version: UInt16 = 3
    ) -> (Scene, AgentEffects) {
        var scene = Scene()
        scene.version = version
        scene.run(.started([], tasks: []))
        scene.run(.sampled(Load(), disks: []))
        scene.run(.reconfigured([], sharedPaths: [], dataSets: definitions))
        var effects = scene.rejoin(role)
        effects.add(scene.live(.milliseconds(100)))
        return (scene, effects)
    }

    private func told(_ effects: AgentEffects) -> [AgentDataMessage] {
        effects.sends.compactMap { if case .data(let message) = $0 { message } else { nil } }
    }

    private func order(
        _ canary: Canary = canary,
        token: FencingToken = Scene.base
    ) -> ControllerMessage {
        .data(.canary("orders", canary, token: token))
    }

    @Test func `a session is told of every data set, after everything else, and looks begin`() {
        let (_, effects) = scene()
        let verbs = effects.verbs
        #expect(verbs.firstIndex(of: "DATASET")! > verbs.firstIndex(of: "SYNCED")!)
        #expect(
            told(effects) == [
                .dataSet(DataSetReport(name: "orders", isWritable: true, isReadable: true))
            ]
        )
        #expect(effects.dataRuns.map(\.id.program) == [.read, .lag])
    }

    @Test func `a session of version 2 hears nothing of data sets, and nothing is run`() {
        var (scene, effects) = scene(version: 2)
        effects.add(scene.live(.seconds(5)))
        #expect(told(effects).isEmpty)
        #expect(effects.dataRuns.isEmpty)
    }

    @Test func `what is read is told as it is read, and read again after the interval`() {
        var (scene, effects) = scene()
        let id = effects.dataRuns[0].id
        let seen = scene.run(.dataFinished(id, .ended(output: "NOTICE: x\n 1.1.42 \n\n")))
        #expect(told(seen) == [.seen("orders", .canary(Canary("1.1.42")!))])
        let again = scene.live(.milliseconds(1_100)).dataRuns.filter { $0.id.program == .read }
        #expect(again.count == 1)
        // The first attempt's late answer is nobody's.
        #expect(told(scene.run(.dataFinished(id, .ended(output: "1.1.43")))).isEmpty)
        let failed = scene.run(.dataFinished(again[0].id, .failed("exited with status 2")))
        #expect(told(failed) == [.seen("orders", .failed("exited with status 2"))])
        // One at a time, however long it takes.
        let third = scene.live(.milliseconds(1_100)).dataRuns.filter { $0.id.program == .read }
        #expect(third.count == 1)
        #expect(scene.live(.seconds(30)).dataRuns.allSatisfy { $0.id.program != .read })
    }

    @Test func `an output that is no canary is a failure, and nothing at all is an answer`() {
        for (output, expected) in [
            ("", CanaryReading.none), ("\n \n", .none),
            ("1.1.5", .canary(Canary("1.1.5")!)), ("1.1.4\n1.1.5\r\n", .canary(Canary("1.1.5")!)),
            ("1.1.05", .failed("it printed no canary, but: 1.1.05")),
            ("f", .failed("it printed no canary, but: f")),
        ] {
            var (scene, effects) = scene()
            let seen = scene.run(.dataFinished(effects.dataRuns[0].id, .ended(output: output)))
            #expect(told(seen) == [.seen("orders", expected)], "\(output)")
            effects = seen
        }
    }

    @Test func `what the replicator says is told in milliseconds and bytes`() {
        for (output, expected) in [
            ("lag-seconds=1.5\nlag-bytes=123\n", ReplicatorLag(milliseconds: 1_500, bytes: 123)),
            ("lag-seconds=0", ReplicatorLag(milliseconds: 0)),
            ("lag-seconds=2.0459", ReplicatorLag(milliseconds: 2_045)),
            ("lag-bytes=7", ReplicatorLag(bytes: 7)),
            (
                "lag-seconds=-1",
                ReplicatorLag(problem: "it printed neither lag-seconds= nor lag-bytes=")
            ),
        ] {
            let (scene, effects) = scene()
            var copy = scene
            let lag = effects.dataRuns.first { $0.id.program == .lag }!
            let heard = copy.run(.dataFinished(lag.id, .ended(output: output)))
            #expect(told(heard) == [.lag("orders", expected)], "\(output)")
        }
    }

    @Test func `a canary is written under a lease and no longer than it, and the end is told`() {
        var (scene, _) = scene()
        scene.live(.seconds(1))
        let effects = scene.receive(order())
        let run = effects.dataRuns.first { $0.id.program == .write }
        #expect(run?.canary == Self.canary)
        #expect(run?.token == Scene.base)
        #expect(run.map { $0.timeout <= .seconds(3) } ?? false)
        #expect(told(scene.receive(order())).map(code) == [.busy])
        let done = scene.run(.dataFinished(run!.id, .ended(output: "")))
        #expect(told(done) == [.written("orders", Self.canary)])
        let second = scene.receive(order(Canary(epoch: Scene.base.epoch, sequence: 8)))
        let failed = scene.run(.dataFinished(second.dataRuns[0].id, .failed("disk full")))
        #expect(told(failed).map(code) == [.storage])
    }

    @Test func `what may be written ends with the lease`() {
        var (scene, _) = scene()
        scene.live(.seconds(1))
        scene.live(.seconds(11), leased: false)
        let left = scene.machine.leaseEnd.map { $0 - scene.now } ?? .zero
        #expect(left > .zero && left < .seconds(3))
        let run = scene.receive(order()).dataRuns.first { $0.id.program == .write }
        #expect(run?.timeout == left)
    }

    @Test func `without a lease, on a standby, or under another token nothing is written`() {
        var (scene, _) = scene()
        #expect(scene.machine.leaseEnd != nil)
        let older = FencingToken(epoch: Epoch(generation: 1, counter: 0), session: 1)
        #expect(told(scene.receive(order(token: older))).map(code) == [.staleToken])
        var session = Scene.base
        session.session = 0
        #expect(told(scene.receive(order(token: session))).map(code) == [.staleToken])
        session.session = 9
        #expect(told(scene.receive(order(token: session))).map(code) == [.staleToken])
        let foreign = Canary(epoch: Epoch(generation: 1, counter: 9), sequence: 1)
        #expect(told(scene.receive(order(foreign))).map(code) == [.staleToken])
        scene.receive(.role(.standby, token: Scene.base))
        #expect(told(scene.receive(order())).map(code) == [.notNow])
        var (standby, _) = self.scene(.standby)
        standby.live(.seconds(1))
        #expect(told(standby.receive(order())).map(code) == [.notNow])
        var (silent, _) = self.scene()
        silent.live(.seconds(20), leased: false)
        #expect(told(silent.receive(order())).map(code) == [.notNow])
        let (_, unwritable) = self.scene(.active, [DataSetDefinition(name: "orders", read: ["/r"])])
        #expect(unwritable.dataRuns.map(\.id.program) == [.read])
    }

    /// The statement that nothing runs here waits for the write.
    @Test func `the floor stays below a canary that is being written`() {
        var (scene, _) = scene()
        scene.live(.seconds(1))
        let run = scene.receive(order()).dataRuns.first { $0.id.program == .write }!
        var next = Scene.base
        next.session = 2
        scene.token = next
        scene.receive(.role(.standby, token: next))
        #expect(scene.machine.stopStatement.map { $0 < Scene.base } ?? true)
        // Its definition may go meanwhile: it counts until it has ended.
        scene.run(.reconfigured([], sharedPaths: [], dataSets: []))
        #expect(scene.machine.stopStatement.map { $0 < Scene.base } ?? true)
        scene.run(.dataFinished(run.id, .failed("killed")))
        #expect(scene.machine.stopStatement == Scene.base)
    }

    @Test func `a definition that goes, or changes, is told`() {
        var (scene, _) = scene()
        let gone = scene.run(.reconfigured([], sharedPaths: [], dataSets: []))
        #expect(
            told(gone) == [
                .dataSet(DataSetReport(name: "orders", isWritable: false, isReadable: false))
            ]
        )
        let bad = DataSetDefinition(name: "orders", read: ["relative"])
        #expect(told(scene.run(.reconfigured([], sharedPaths: [], dataSets: [bad]))).isEmpty)
        let back = scene.run(.reconfigured([], sharedPaths: [], dataSets: [Self.orders]))
        #expect(told(back).count == 1)
    }

    private func code(_ message: AgentDataMessage) -> RefusalCode? {
        if case .unwritten(_, _, let code, _) = message { code } else { nil }
    }
}
