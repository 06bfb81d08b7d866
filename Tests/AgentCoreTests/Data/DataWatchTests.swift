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

    private func launch(_ effects: AgentEffects) -> (attempt: TaskAttempt, launch: TaskLaunch)? {
        for case .launch(let attempt, let launch) in effects.tasks where attempt.isOfCanary {
            return (attempt, launch)
        }
        return nil
    }

    private func written(
        _ scene: inout Scene,
        _ attempt: TaskAttempt,
        _ exit: ProgramExit = .exited(0)
    ) -> AgentEffects {
        var effects = scene.run(.task(attempt, .exited(exit)))
        effects.add(scene.run(.task(attempt, .emptied)))
        return effects
    }

    @Test func `a canary is written under a leash, and the end is told when nothing is left`() {
        var (scene, _) = scene()
        scene.live(.seconds(1))
        let (attempt, launch) = self.launch(scene.receive(order()))!
        #expect(launch.payload == Array("\(Self.canary)\n".utf8))
        #expect(launch.token == Scene.base)
        #expect(launch.definition.program == ["/bin/write"])
        let variables = launch.environment.map(\.description).sorted()
        #expect(
            variables == [
                "MUSTER_CANARY=\(Self.canary)", "MUSTER_DATA_SET=orders",
                "MUSTER_TOKEN=\(Scene.base)",
            ]
        )
        #expect(launch.deadline == scene.now + .seconds(3))
        #expect(told(scene.receive(order())).map(code) == [.busy])
        #expect(told(scene.run(.task(attempt, .started(processID: 7)))).isEmpty)
        // A grandchild may still write.
        #expect(told(scene.run(.task(attempt, .exited(.exited(0))))).isEmpty)
        #expect(told(scene.receive(order())).map(code) == [.busy])
        #expect(told(scene.run(.task(attempt, .emptied))) == [.written("orders", Self.canary)])
        let next = Canary(epoch: Scene.base.epoch, sequence: 8)
        let second = self.launch(scene.receive(order(next)))!
        #expect(second.attempt != attempt)
        let report = TaskReport(exit: .exited(3), outputTail: Array("disk full\n".utf8))
        scene.run(.taskReport(second.attempt, report))
        guard
            case .unwritten("orders", next, .storage, let text)? =
                told(written(&scene, second.attempt, .exited(3))).first
        else {
            Issue.record("it is not told that it has failed")
            return
        }
        #expect(text == "exited with status 3: disk full\n")
    }

    @Test func `what its leash or the lease has ended is not written`() {
        for news in [
            [.leaseEnded, .exited(.signalled(9)), .emptied], [.lost, .emptied],
            [.notStarted(reason: "no such account")], [.emptied],
            // It was being killed when it said that all is well.
            [.leaseEnded, .exited(.exited(0)), .emptied],
        ] as [[LeashNews]] {
            var (scene, _) = scene()
            scene.live(.seconds(1))
            let (attempt, _) = launch(scene.receive(order()))!
            let said = news.flatMap { told(scene.run(.task(attempt, $0))) }
            #expect(said.map(code) == [.storage], "\(news)")
            #expect(launch(scene.receive(order())) != nil)
        }
    }

    @Test func `what may be written ends with the lease`() {
        var (scene, _) = scene()
        scene.live(.seconds(1))
        scene.live(.seconds(11), leased: false)
        let end = scene.machine.leaseEnd!
        #expect(end > scene.now && end < scene.now + .seconds(3))
        let (_, launch) = launch(scene.receive(order()))!
        #expect(launch.deadline == end)
    }

    /// The second way to the same end, where it is the leash that hangs.
    @Test func `a leash that has not ended its program a second after the lease is killed`() {
        var (scene, _) = scene()
        scene.live(.seconds(1))
        let (attempt, launch) = launch(scene.receive(order()))!
        let patience = launch.deadline! - scene.now + .seconds(1)
        #expect(scene.live(patience - .milliseconds(1)).tasks.isEmpty)
        #expect(scene.live(.milliseconds(1)).tasks == [.destroy(attempt)])
        #expect(scene.live(.seconds(9)).tasks.isEmpty)
        #expect(scene.live(.seconds(1)).tasks == [.destroy(attempt)])
        scene.run(.task(attempt, .emptied))
        #expect(scene.live(.seconds(60)).tasks.isEmpty)
    }

    @Test
    func `what an earlier agent was writing is waited for before anything is said or written`() {
        var scene = Scene()
        scene.version = 3
        let left = TaskAttempt.ofCanary(9, incarnation: 1)
        scene.run(.started([], tasks: [left]))
        scene.run(.sampled(Load(), disks: []))
        scene.run(.reconfigured([], sharedPaths: [], dataSets: [Self.orders]))
        scene.rejoin(.active)
        scene.live(.seconds(1))
        #expect(scene.machine.stopStatement == nil)
        #expect(told(scene.receive(order())).map(code) == [.busy])
        #expect(scene.live(.seconds(20)).tasks.contains(.destroy(left)))
        scene.run(.task(left, .lost))
        #expect(scene.machine.stopStatement == nil)
        scene.run(.task(left, .emptied))
        #expect(scene.machine.stopStatement != nil)
        #expect(launch(scene.receive(order())) != nil)
    }

    @Test func `no two canaries of a node have the same leash, and no task has one's number`() {
        let attempts = [
            TaskAttempt.ofCanary(1, incarnation: 1), .ofCanary(2, incarnation: 1),
            .ofCanary(1, incarnation: 2),
        ]
        #expect(Set(attempts).count == 3)
        #expect(attempts.allSatisfy { $0.isOfCanary })
        #expect(!TaskAttempt(task: TaskID(UInt64(Int64.max)), attempt: 1).isOfCanary)
        var scene = Scene.working()
        let refused = scene.order(.ofCanary(1, incarnation: 1))
        #expect(refused.tasks.isEmpty)
        #expect(refused.verbs.contains("RETURNED"))
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
        let (attempt, _) = launch(scene.receive(order()))!
        var next = Scene.base
        next.session = 2
        scene.token = next
        scene.receive(.role(.standby, token: next))
        #expect(scene.machine.stopStatement.map { $0 < Scene.base } ?? true)
        // Its definition may go meanwhile: it counts until it has ended.
        scene.run(.reconfigured([], sharedPaths: [], dataSets: []))
        #expect(scene.machine.stopStatement.map { $0 < Scene.base } ?? true)
        scene.run(.task(attempt, .exited(.exited(0))))
        #expect(scene.machine.stopStatement.map { $0 < Scene.base } ?? true)
        scene.run(.task(attempt, .emptied))
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
