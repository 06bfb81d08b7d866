import AgentCore
import Model
import Protocol
import Testing

struct OrderTests {
    @Test func `a start is wanted durably before the service is launched`() {
        var scene = Scene([.plain("db")])
        scene.join()
        let ordered = scene.step(.received(link: scene.link, .start(scene.order(1, "db"))))
        #expect(ordered.launched.isEmpty)
        #expect(ordered.persist?.memory.wishes["db"]?.isWanted == true)
        let durable = scene.step(.persisted(upTo: ordered.persist?.revision ?? 0))
        #expect(durable.launched == ["db"])
        #expect(durable.answers.isEmpty)
    }

    @Test func `a start is done when the service is running`() {
        var scene = Scene([.plain("db")])
        scene.join()
        let ordered = scene.receive(.start(scene.order(1, "db")))
        #expect(ordered.told("db") == .starting)
        #expect(ordered.answers.isEmpty)
        let started = scene.report("db", .started(processID: 99))
        #expect(started.answers == [.done(order: 1)])
        #expect(started.told("db") == .running)
    }

    @Test func `a stop does not wait for the disk, but its answer does`() {
        var scene = Scene([.plain("db")])
        scene.join()
        scene.start("db", order: 1)
        let ordered = scene.step(.received(link: scene.link, .stop(scene.order(2, "db"))))
        #expect(ordered.stopped == ["db"])
        let gone = scene.step(.leash(scene.launch(of: "db"), .emptied))
        #expect(gone.told("db") == .stopped)
        #expect(gone.answers.isEmpty)
        let durable = scene.step(.persisted(upTo: ordered.persist?.revision ?? 0))
        #expect(durable.answers == [.done(order: 2)])
    }

    @Test func `a stop is done when the group is proven empty and not before`() {
        var scene = Scene([.plain("db")])
        scene.join()
        scene.start("db", order: 1)
        let ordered = scene.receive(.stop(scene.order(2, "db")))
        #expect(ordered.answers.isEmpty)
        #expect(scene.report("db", .exited(.signalled(15))).answers.isEmpty)
        #expect(scene.report("db", .emptied).answers == [.done(order: 2)])
        #expect(scene.disk.wishes["db"]?.isWanted == false)
    }

    @Test func `a repeated order gets the same answer and is not done again`() {
        var scene = Scene([.plain("db")])
        scene.join()
        scene.start("db", order: 1)
        let again = scene.receive(.start(scene.order(1, "db")))
        #expect(again.answers == [.done(order: 1)])
        #expect(again.leashes.isEmpty)
        let unknown = scene.receive(.restart(scene.order(2, "db")))
        #expect(unknown.stopped == ["db"])
        let repeated = scene.receive(.restart(scene.order(2, "db")))
        #expect(repeated.answers.isEmpty)
        #expect(repeated.leashes.isEmpty)
    }

    @Test func `an order under an older token is refused and noted`() {
        var scene = Scene([.plain("db")])
        scene.join()
        let older = scene.token
        scene.token = FencingToken(epoch: Epoch(generation: 1, counter: 2), session: 1)
        scene.receive(.role(.active, token: scene.token))
        let effects = scene.receive(.start(scene.order(1, "db", token: older)))
        #expect(effects.refusals == [.staleToken])
        #expect(effects.noted == [.staleOrder])
        #expect(effects.launched.isEmpty)
    }

    @Test func `an order of another session is refused`() {
        var scene = Scene([.plain("db")])
        scene.join()
        let other = FencingToken(epoch: scene.token.epoch, session: 9)
        #expect(
            scene.receive(.start(scene.order(1, "db", token: other))).refusals == [.staleToken]
        )
    }

    @Test func `an order for an unknown service is refused`() {
        var scene = Scene()
        scene.join()
        #expect(scene.receive(.start(scene.order(1, "db"))).refusals == [.unknownName])
    }

    @Test func `an exclusive service is not started on a standby site, a drainable one is`() {
        var scene = Scene([.plain("db"), .plain("sftp", kind: .drainable)])
        scene.join(.standby)
        #expect(scene.receive(.start(scene.order(1, "db"))).refusals == [.notNow])
        #expect(scene.receive(.start(scene.order(2, "sftp"))).launched == ["sftp"])
    }

    @Test func `a failed start says why`() {
        let definition = ServiceDefinition.plain("db", restart: RestartPolicy(condition: .never))
        var scene = Scene([definition])
        scene.join()
        scene.receive(.start(scene.order(1, "db")))
        let effects = scene.report("db", .notStarted(reason: "/bin/db: no such file"))
        #expect(effects.answers == [.failed(order: 1, text: "/bin/db: no such file")])
    }

    @Test func `a restart is done when another launch is running`() {
        var scene = Scene([.plain("db")])
        scene.join()
        scene.start("db", order: 1)
        let before = scene.launch(of: "db")
        let ordered = scene.receive(.restart(scene.order(2, "db")))
        #expect(ordered.stopped == ["db"])
        #expect(ordered.answers.isEmpty)
        let emptied = scene.report("db", .emptied)
        #expect(emptied.launched == ["db"])
        #expect(scene.launch(of: "db") != before)
        #expect(scene.report("db", .started(processID: 5)).answers == [.done(order: 2)])
    }

    @Test func `a newer order overtakes one that is not finished`() {
        var scene = Scene([.plain("db")])
        scene.join()
        scene.receive(.start(scene.order(1, "db")))
        let stop = scene.receive(.stop(scene.order(2, "db")))
        #expect(stop.answers == [.failed(order: 1, text: "overtaken by order 2")])
        #expect(scene.report("db", .emptied).answers == [.done(order: 2)])
        #expect(scene.receive(.start(scene.order(1, "db"))).leashes.isEmpty)
    }

    @Test func `what cannot be killed fails its order and stays told as stopping`() {
        var scene = Scene([.plain("db")])
        scene.join()
        scene.start("db", order: 1)
        scene.receive(.stop(scene.order(2, "db")))
        scene.report("db", .unkillable(processes: 1))
        let effects = scene.live(.seconds(45))
        #expect(
            effects.answers == [
                .failed(order: 2, text: "1 processes do not die from SIGKILL; not gone after 40s")
            ]
        )
        #expect(scene.state("db") == .stopping)
        #expect(scene.machine.stopStatement! < scene.token)
    }

    @Test func `answers of a lost session are given when the order is repeated`() {
        var scene = Scene([.plain("db")])
        scene.join()
        scene.live(.seconds(2))
        scene.receive(.start(scene.order(1, "db")))
        scene.run(.disconnected(link: scene.link, reason: "reset"))
        scene.report("db", .started(processID: 5))
        scene.rejoin()
        #expect(scene.receive(.start(scene.order(1, "db"))).answers == [.done(order: 1)])
    }

    @Test func `only a path that the node lists is probed`() {
        var scene = Scene(sharedPaths: ["/srv/shared"])
        scene.join()
        func probe(_ order: UInt64, _ path: String, _ marker: String) -> ControllerMessage {
            .probe(
                Probe(order: order, token: scene.token, action: .write, path: path, marker: marker)
            )
        }
        let foreign = scene.receive(probe(1, "/etc", "m1"))
        #expect(foreign.refusals == [.forbidden])
        #expect(scene.receive(probe(2, "/srv/shared", "../x")).refusals == [.invalid])
        let good = scene.receive(probe(3, "/srv/shared", "m1"))
        #expect(good.preflight.count == 1)
        let found = PreflightFinding(check: "shared-path", outcome: .passed, text: "written")
        let answered = scene.run(.found(order: 3, [found]))
        #expect(answered.verbs == ["FINDING", "DONE"])
    }

    @Test func `preflight tells each finding and then that it is done`() {
        var scene = Scene()
        scene.join()
        let ordered = scene.receive(.preflight(order: 4, token: scene.token))
        #expect(ordered.preflight == [.everything(order: 4)])
        let findings = [
            PreflightFinding(check: "clock", outcome: .passed, text: "ok"),
            PreflightFinding(check: "free-space", outcome: .failed, text: "full", mend: "tidy"),
        ]
        #expect(scene.run(.found(order: 4, findings)).verbs == ["FINDING", "FINDING", "DONE"])
        #expect(scene.run(.found(order: 4, findings)).sends.isEmpty)
    }

    @Test func `settings hold as a whole, durably, and then it is said`() {
        var scene = Scene([.plain("db")])
        scene.join()
        func set(_ key: String, _ value: String) -> ControllerMessage {
            .set(Setting(key: key, value: value, scope: .cluster))
        }
        scene.receive(.config(version: 7, count: 2))
        scene.receive(set("env.REGION", "eu"))
        #expect(scene.disk.settings.isEmpty)
        let last = scene.step(.received(link: scene.link, set("future.key", "kept")))
        #expect(last.sends.isEmpty)
        #expect(last.persist?.memory.settings.count == 2)
        let durable = scene.step(.persisted(upTo: last.persist?.revision ?? 0))
        #expect(durable.sends == [.configured(version: 7)])

        let ordered = scene.receive(.start(scene.order(1, "db")))
        guard case .launch(_, let launch) = ordered.leashes.first else {
            Issue.record("nothing was launched")
            return
        }
        #expect(
            launch.environment.contains(EnvironmentVariable(name: "MUSTER_SET_REGION", value: "eu"))
        )
        #expect(launch.environment.contains { $0.name == "MUSTER_TOKEN" })
    }

    @Test(arguments: ["env.LD_PRELOAD", "env.PATH", "env.1A", "env.A-B", "env.", "other"])
    func `a setting cannot change what a program is`(key: String) {
        var scene = Scene([.plain("db")])
        scene.join()
        scene.receive(.config(version: 1, count: 1))
        scene.receive(.set(Setting(key: key, value: "x", scope: .node)))
        let ordered = scene.receive(.start(scene.order(1, "db")))
        guard case .launch(_, let launch) = ordered.leashes.first else {
            Issue.record("nothing was launched")
            return
        }
        #expect(launch.environment.allSatisfy { $0.name.hasPrefix("MUSTER_") })
    }

    @Test func `as many settings are taken as a controller keeps`() {
        // What a controller keeps is told by ControllerCoreTests.
        var scene = Scene()
        scene.join()
        scene.receive(.config(version: 3, count: 256))
        for number in 100..<356 {
            let value = String(repeating: "v", count: 230)
            scene.receive(.set(Setting(key: "k\(number)", value: value, scope: .cluster)))
        }
        #expect(scene.disk.settingsVersion == 3)
        #expect(scene.disk.settings.count == 256)

        scene.receive(.config(version: 4, count: 30))
        for number in 10..<40 {
            let value = String(repeating: "v", count: 1_995)
            scene.receive(.set(Setting(key: "key\(number)", value: value, scope: .cluster)))
        }
        #expect(scene.disk.settingsVersion == 4)
        #expect(scene.disk.settings.count == 30)
    }

    @Test func `too many settings are refused and the old ones stay`() {
        var scene = Scene()
        scene.join()
        let effects = scene.receive(.config(version: 1, count: 100_000))
        #expect(effects.noted == [.badConfiguration])
        #expect(scene.disk.settingsVersion == 0)
    }
}
