import AgentCore
import Model
import Protocol
import Testing

struct ServiceTests {
    static let check = CheckDefinition(
        name: "web",
        action: .tcp(NetworkAddress(host: "::1", port: 80)),
        interval: .seconds(5),
        timeout: .seconds(1),
        rise: 2,
        fall: 3
    )

    @Test func `a service that ends by itself comes back after a growing delay`() {
        var scene = Scene([.plain("db")])
        scene.join()
        scene.start("db", order: 1)
        var delays: [Duration] = []
        for _ in 0..<3 {
            scene.report("db", .exited(.exited(3)))
            #expect(scene.state("db") == .stopping)
            scene.report("db", .emptied)
            #expect(scene.state("db") == .backoff)
            #expect(scene.detail("db").contains("exited with status 3"))
            let ended = scene.now
            while scene.live(.milliseconds(100)).launched.isEmpty {}
            delays.append(scene.now - ended)
            scene.report("db", .started(processID: 9))
        }
        #expect(delays == [.seconds(1), .seconds(2), .seconds(4)])
    }

    @Test func `too many starts within the window are a failure that an order forgives`() {
        var scene = Scene([.plain("db")])
        scene.join()
        scene.receive(.start(scene.order(1, "db")))
        var answers: [AgentMessage] = []
        for _ in 0..<5 {
            scene.report("db", .exited(.signalled(11)))
            answers += scene.report("db", .emptied).answers
            answers += scene.live(.seconds(20)).answers
        }
        #expect(scene.state("db") == .failed)
        #expect(
            answers == [
                .failed(order: 1, text: "ended by signal 11; gave up after 5 starts within 10m00s")
            ]
        )
        #expect(scene.live(.seconds(900)).launched.isEmpty)
        #expect(scene.receive(.start(scene.order(2, "db"))).launched == ["db"])
    }

    @Test(
        arguments: [
            (RestartPolicy.Condition.never, ProgramExit.exited(1), ServiceState.failed),
            (.onFailure, .exited(0), .failed), (.onFailure, .exited(1), .backoff),
            (.always, .exited(0), .backoff),
        ]
    )
    func `the restart policy decides what follows an end`(
        condition: RestartPolicy.Condition,
        status: ProgramExit,
        state: ServiceState
    ) {
        var scene = Scene([.plain("db", restart: RestartPolicy(condition: condition))])
        scene.join()
        scene.start("db", order: 1)
        scene.report("db", .exited(status))
        scene.report("db", .emptied)
        #expect(scene.state("db") == state)
    }

    @Test func `a service with checks is running when all of them pass`() {
        var scene = Scene([.plain("web", checks: [Self.check])])
        scene.join()
        scene.receive(.start(scene.order(1, "web")))
        let started = scene.report("web", .started(processID: 9))
        #expect(started.told("web") != .running)
        #expect(started.checks.count == 1)
        scene.run(.checkFinished(started.checks[0].id, .passed(output: "ok"), took: .zero))
        #expect(scene.state("web") == .starting)
        let second = scene.live(.seconds(1)).checks
        #expect(second.count == 1)
        let passed = scene.run(.checkFinished(second[0].id, .passed(output: "ok"), took: .zero))
        #expect(passed.told("web") == .running)
        #expect(passed.answers == [.done(order: 1)])
    }

    @Test func `a failing check stops the service and starts it again, where the policy says so`() {
        var scene = Scene([.plain("web", checks: [Self.check])])
        scene.join()
        scene.startWithChecks("web", order: 1)
        let effects = scene.live(.seconds(30), answering: .failed(output: "503"))
        #expect(effects.stopped == ["web"])
        #expect(scene.detail("web") == "check web: 503")
        scene.report("web", .emptied)
        #expect(scene.state("web") == .backoff)
    }

    @Test func `without a restart a failing check is a failed service until it passes again`() {
        let never = RestartPolicy(condition: .never)
        var scene = Scene([.plain("web", restart: never, checks: [Self.check])])
        scene.join()
        scene.startWithChecks("web", order: 1)
        let effects = scene.live(.seconds(30), answering: .failed(output: "503"))
        #expect(effects.stopped.isEmpty)
        #expect(scene.state("web") == .failed)
        #expect(scene.machine.nodeHealth == .failing)
        scene.live(.seconds(30), answering: .passed(output: "200"))
        #expect(scene.state("web") == .running)
    }

    @Test func `a check that is not answered has failed`() {
        var scene = Scene([.plain("web", checks: [Self.check])])
        scene.join()
        scene.startWithChecks("web", order: 1)
        let effects = scene.live(.seconds(30))
        #expect(effects.stopped == ["web"])
        #expect(scene.detail("web") == "check web: no answer within 1s")
    }

    @Test func `an answer to an older attempt of a check is passed over`() {
        var scene = Scene([.plain("web", checks: [Self.check])])
        scene.join()
        scene.receive(.start(scene.order(1, "web")))
        let first = scene.report("web", .started(processID: 9)).checks[0].id
        for _ in 0..<5 {
            scene.run(.checkFinished(first, .passed(output: "ok"), took: .zero))
        }
        #expect(scene.state("web") == .starting)
    }

    @Test func `a start that takes too long is stopped and tried again`() {
        var scene = Scene([.plain("web", checks: [Self.check])])
        scene.join()
        scene.receive(.start(scene.order(1, "web")))
        scene.report("web", .started(processID: 9))
        let effects = scene.live(.seconds(61), answering: .failed(output: "refused"))
        #expect(effects.stopped == ["web"])
        #expect(scene.detail("web") == "not ready within 1m00s: check web: refused")
    }

    @Test func `a lost leash is told, and its service starts again when it is proven gone`() {
        var scene = Scene([.plain("db")])
        scene.join()
        scene.start("db", order: 1)
        let lost = scene.report("db", .lost)
        #expect(lost.noted == [.leashLost])
        #expect(scene.live(.seconds(60)).launched.isEmpty)
        scene.report("db", .emptied)
        #expect(scene.live(.seconds(2)).launched == ["db"])
    }

    @Test func `losing the controller stops nothing and restarts go on`() {
        var scene = Scene([.plain("db")])
        scene.join()
        scene.live(.seconds(2))
        scene.start("db", order: 1)
        scene.run(.disconnected(link: scene.link, reason: "cable"))
        #expect(scene.pass(.seconds(3_600)).stopped.isEmpty)
        scene.report("db", .exited(.signalled(9)))
        scene.report("db", .emptied)
        #expect(scene.pass(.seconds(5)).launched == ["db"])
    }

    @Test func `after a reboot wanted services start in their order, when a controller says so`() {
        let services: [ServiceDefinition] = [
            .plain("c-web", order: 3), .plain("a-db", order: 1), .plain("b-app", order: 2),
        ]
        var scene = Scene(services)
        scene.join()
        for (index, service) in services.enumerated() {
            scene.start(service.name, order: UInt64(index + 1))
        }
        scene.restart(services)
        scene.run(.started([]))
        #expect(scene.pass(.seconds(30)).launched.isEmpty)

        scene.run(.sampled(Load(), disks: []))
        #expect(scene.rejoin().launched == ["a-db"])
        #expect(scene.detail("b-app") == "waits for a-db")
        #expect(scene.report("a-db", .started(processID: 1)).launched == ["b-app"])
        #expect(scene.report("b-app", .started(processID: 2)).launched == ["c-web"])
    }

    @Test func `what runs under a leash is adopted as running and not started twice`() {
        var scene = Scene([.plain("db")])
        scene.join()
        scene.start("db", order: 1)
        let adopted = AdoptedLeash(
            launch: scene.launch(of: "db"),
            token: scene.token,
            processID: 4_001
        )
        scene.restart([.plain("db")])
        let effects = scene.join(adopting: [adopted])
        #expect(effects.told("db") == .running)
        #expect(effects.launched.isEmpty)
        #expect(scene.receive(.start(scene.order(9, "db"))).answers == [.done(order: 9)])
    }

    @Test func `what nobody wants any more is not adopted but stopped`() {
        let launch = LaunchID(service: "db", number: 77)
        let adopted = AdoptedLeash(launch: launch, token: Scene.base, processID: 12)
        var scene = Scene([.plain("db")])
        let effects = scene.join(adopting: [adopted])
        #expect(effects.stopped.isEmpty || effects.stopped == ["db"])
        #expect(scene.state("db") == .stopping)
    }

    @Test func `a second leash of one service is stopped before the service starts again`() {
        var memory = AgentMemory()
        memory.node = Scene.identity.node
        memory.cluster = Scene.identity.cluster
        memory.wishes["db"] = AgentMemory.Wish(isWanted: true, token: Scene.base)
        var scene = Scene([.plain("db")], memory: memory)
        let old = LaunchID(service: "db", number: 1)
        let new = LaunchID(service: "db", number: 2)
        let effects = scene.run(
            .started([
                AdoptedLeash(launch: old, token: Scene.base, processID: 1),
                AdoptedLeash(launch: new, token: Scene.base, processID: 2),
            ])
        )
        #expect(effects.leashes == [.stop(new, timeout: .seconds(30))])
        scene.run(.sampled(Load(), disks: []))
        scene.rejoin()
        scene.run(.leash(old, .exited(.exited(1))))
        scene.run(.leash(old, .emptied))
        #expect(scene.live(.seconds(10)).launched.isEmpty)
        #expect(scene.run(.leash(new, .emptied)).launched == ["db"])
    }

    @Test func `a site that becomes standby stops its exclusive services in reverse order`() {
        var scene = Scene([
            .plain("db", order: 1), .plain("app", order: 2), .plain("sftp", kind: .drainable),
        ])
        scene.join()
        scene.start("db", order: 1)
        scene.start("app", order: 2)
        scene.start("sftp", order: 3)
        scene.token = FencingToken(epoch: Epoch(generation: 1, counter: 2), session: 1)
        #expect(scene.receive(.role(.standby, token: scene.token)).stopped == ["app"])
        #expect(scene.report("app", .emptied).stopped == ["db"])
        scene.report("db", .emptied)
        #expect(scene.state("sftp") == .running)
        #expect(scene.machine.nodeHealth == .healthy)
        #expect(scene.disk.wishes["db"]?.isWanted == false)

        scene.token.epoch.counter = 3
        #expect(scene.receive(.role(.active, token: scene.token)).launched.isEmpty)
    }

    /// Its definition was away while the site became a standby, and is there again when the site is the
    /// active one: what is started then is a run's business, which promotes the data first.
    @Test func `a wish of before the site was a standby starts nothing when it is active again`() {
        var memory = AgentMemory()
        memory.node = Scene.identity.node
        memory.cluster = Scene.identity.cluster
        memory.highest = Scene.base
        memory.role = .active
        memory.wishes["db"] = AgentMemory.Wish(isWanted: true, token: Scene.base)
        var scene = Scene(memory: memory)
        scene.join()
        scene.token.epoch.counter = 2
        scene.receive(.role(.standby, token: scene.token))
        let definitions: [ServiceDefinition] = [.plain("db")]
        var effects = scene.run(
            .reconfigured(definitions, sharedPaths: [], handlers: [], sets: [], dataSets: [])
        )
        scene.token.epoch.counter = 3
        effects.add(scene.receive(.role(.active, token: scene.token)))
        effects.add(scene.live(.seconds(5)))
        #expect(effects.launched.isEmpty)
    }

    @Test func `a service that is no longer defined is stopped and then gone`() {
        var scene = Scene([.plain("db"), .plain("web")])
        scene.join()
        scene.start("db", order: 1)
        let effects = scene.run(.reconfigured([.plain("web"), .plain("new")], sharedPaths: []))
        #expect(effects.stopped == ["db"])
        #expect(effects.told("new") == .stopped)
        #expect(scene.report("db", .emptied).sends.contains(.gone("db")))
        #expect(scene.receive(.start(scene.order(2, "db"))).refusals == [.unknownName])
    }

    @Test func `a bad configuration is told and changes nothing`() {
        var scene = Scene([.plain("db")])
        scene.join()
        scene.start("db", order: 1)
        let effects = scene.run(.misconfigured(reason: "db.conf:3:1: unknown key"))
        #expect(effects.noted == [.badConfiguration])
        #expect(scene.state("db") == .running)
    }

    @Test func `health is failing without a required service and degraded without another`() {
        var scene = Scene([.plain("db"), .plain("extra", isRequired: false)])
        scene.join()
        scene.start("db", order: 1)
        scene.start("extra", order: 2)
        #expect(scene.machine.nodeHealth == .healthy)
        scene.report("extra", .exited(.exited(1)))
        #expect(scene.machine.nodeHealth == .degraded)
        scene.report("db", .exited(.exited(1)))
        #expect(scene.machine.nodeHealth == .failing)
    }

    @Test func `a full disk makes a node degraded`() {
        var scene = Scene()
        scene.join()
        let disk = Disk(
            mount: "/",
            total: 1_000_000,
            available: 10_000,
            inodesTotal: 10,
            inodesAvailable: 5
        )
        let effects = scene.run(.sampled(Load(), disks: [disk]))
        #expect(effects.verbs == ["LOAD", "DISK"])
        #expect(scene.machine.nodeHealth == .degraded)
    }
}

extension Scene {
    /// Lets time pass, answering every check that is asked for.
    @discardableResult
    mutating func live(_ duration: Duration, answering outcome: CheckOutcome) -> AgentEffects {
        var effects = AgentEffects()
        let end = now + duration
        while now < end {
            let done = live(.milliseconds(100))
            effects.add(done)
            for request in done.checks {
                effects.add(run(.checkFinished(request.id, outcome, took: .milliseconds(3))))
            }
        }
        return effects
    }

    mutating func startWithChecks(_ service: ServiceName, order number: UInt64) {
        var checks = start(service, order: number).checks
        while state(service) != .running {
            for request in checks {
                run(.checkFinished(request.id, .passed(output: "ok"), took: .zero))
            }
            checks = live(.milliseconds(100)).checks
        }
    }
}
