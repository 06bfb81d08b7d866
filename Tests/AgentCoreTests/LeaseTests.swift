import AgentCore
import Model
import Protocol
import Testing

struct LeaseTests {
    static let fenced = ServiceDefinition.plain("db", isSelfFenced: true)

    @Test func `a lease ends a length after its heartbeat was sent, not after it was answered`() {
        var scene = Scene([Self.fenced])
        scene.join()
        scene.pass(.zero)
        let sent = scene.now
        scene.pass(.milliseconds(900))
        scene.grantLease(.seconds(12))
        #expect(scene.machine.leaseEnd == sent + .seconds(12))
    }

    @Test func `a lease that answers no heartbeat of this session and incarnation is ignored`() {
        var scene = Scene([Self.fenced])
        scene.join()
        scene.pass(.zero)
        func lease(_ sequence: UInt64, _ sent: Int64, _ incarnation: UInt64) -> ControllerMessage {
            .lease(
                Lease(
                    sequence: sequence,
                    sent: sent,
                    incarnation: incarnation,
                    length: .seconds(12),
                    token: scene.token
                )
            )
        }
        let beat = scene.lastBeat
        scene.receive(lease(beat.sequence, beat.sent + 1, 1))
        scene.receive(lease(beat.sequence + 1, beat.sent, 1))
        scene.receive(lease(beat.sequence, beat.sent, 7))
        #expect(scene.machine.leaseEnd == nil)
        scene.receive(lease(beat.sequence, beat.sent, 1))
        #expect(scene.machine.leaseEnd != nil)
    }

    @Test func `a lease under a new token counts when the token is durable`() {
        var scene = Scene([Self.fenced])
        scene.join()
        scene.pass(.zero)
        scene.token.session = 2
        let message = ControllerMessage.lease(
            Lease(
                sequence: scene.lastBeat.sequence,
                sent: scene.lastBeat.sent,
                incarnation: 1,
                length: .seconds(12),
                token: scene.token
            )
        )
        let effects = scene.step(.received(link: scene.link, message))
        #expect(scene.machine.leaseEnd == nil)
        #expect(scene.machine.durableToken == Scene.base)
        _ = scene.step(.persisted(upTo: effects.persist?.revision ?? 0))
        #expect(scene.machine.leaseEnd != nil)
        #expect(scene.machine.durableToken == scene.token)
    }

    /// `architecture.md`, "What survives what": node's disk full, services run on. An operator who cordons
    /// the node because of it changes what it would remember; no lease depends on that.
    @Test func `a lease under a token that is durable does not wait for a full disk`() {
        var scene = Scene([.plain("db", isSelfFenced: true)])
        scene.join()
        scene.live(.seconds(2))
        scene.start("db", order: 1)
        scene.live(.seconds(2))
        #expect(scene.state("db") == .running)
        var stopped: [ServiceName] = []
        func step(_ event: AgentEvent) {
            let effects = scene.step(event)
            stopped += effects.stopped
            guard effects.persist != nil else { return }
            stopped += scene.step(.persistFailed(reason: "no space left on device")).stopped
        }
        for _ in 0..<300 {
            scene.now = scene.now + .milliseconds(100)
            let before = scene.lastBeat.sequence
            step(.deadlineReached(wall: WallTime(milliseconds: 0)))
            guard scene.lastBeat.sequence != before else { continue }
            let lease = Lease(
                sequence: scene.lastBeat.sequence,
                sent: scene.lastBeat.sent,
                incarnation: scene.machine.incarnation,
                length: .seconds(12),
                token: scene.token,
                standing: .cordoned
            )
            step(.received(link: scene.link, .lease(lease)))
        }
        #expect(stopped.isEmpty)
        #expect(scene.state("db") == .running)
    }

    @Test func `a self-fenced service waits for a lease, and its leash learns of each new one`() {
        var scene = Scene([Self.fenced])
        scene.join()
        scene.pass(.zero)
        let ordered = scene.receive(.start(scene.order(1, "db")))
        #expect(ordered.launched.isEmpty)
        let granted = scene.grantLease()
        guard case .launch(let id, let launch) = granted.leashes.first else {
            Issue.record("nothing was launched")
            return
        }
        #expect(launch.deadline == scene.machine.leaseEnd)
        scene.report("db", .started(processID: 7))
        let lived = scene.live(.seconds(1))
        #expect(
            lived.leashes.last == .extend(id, deadline: scene.machine.leaseEnd ?? .origin)
        )
    }

    @Test func `what becomes self-fenced starts under a lease that was asked for since`() {
        let plain = ServiceDefinition.plain("db")
        var scene = Scene([plain])
        scene.join()
        scene.live(.seconds(2))
        scene.start("db", order: 1)
        scene.live(.milliseconds(1_500))
        // The lease that it has was granted for a node on which nothing fences itself: a copy of it
        // would be let in although it runs (docs/PROTOCOL.md, "Another boot or machine").
        scene.run(.reconfigured([Self.fenced], sharedPaths: [], handlers: []))
        // What runs was launched without a lease, and is not called self-fenced.
        #expect(scene.service("db")?.isSelfFenced == false)
        var died = scene.report("db", .exited(.exited(1)))
        died.add(scene.report("db", .emptied))
        #expect(
            died.sends.contains {
                if case .service(let report) = $0 { report.isSelfFenced } else { false }
            }
        )
        died.add(scene.receive(.start(scene.order(2, "db"))))
        #expect(died.launched.isEmpty)
        #expect(scene.detail("db") == "waits for a lease")
        // The answer to a heartbeat that went out before says nothing of it either.
        #expect(scene.grantLease().launched.isEmpty)
        #expect(scene.live(.seconds(1)).launched == ["db"])
    }

    @Test func `when the lease ends self-fenced services stop and the others run on`() {
        var scene = Scene([Self.fenced, .plain("web")])
        scene.join()
        scene.live(.seconds(2))
        scene.start("db", order: 1)
        scene.start("web", order: 2)
        scene.live(.seconds(2))
        scene.run(.disconnected(link: scene.link, reason: "cable"))
        let effects = scene.pass(.seconds(13))
        #expect(effects.stopped == ["db"])
        #expect(scene.state("db") == .stopping)
        #expect(scene.state("web") == .running)
        scene.report("db", .emptied)
        #expect(scene.state("db") == .stopped)

        let back = scene.rejoin()
        #expect(back.noted == [.selfFenced])
        #expect(back.launched.isEmpty)
        scene.pass(.zero)
        #expect(scene.grantLease().launched == ["db"])
    }

    @Test func `a leash that does not end what it holds is killed within a second of the lease`() {
        var scene = Scene([Self.fenced])
        scene.join()
        scene.live(.seconds(2))
        scene.start("db", order: 1)
        scene.live(.seconds(2))
        scene.run(.disconnected(link: scene.link, reason: "cable"))
        guard let end = scene.machine.leaseEnd else {
            Issue.record("there is no lease")
            return
        }
        // A leash that is stopped itself (SIGSTOP) answers nothing.
        let atEnd = scene.pass(end - scene.now)
        #expect(atEnd.stopped == ["db"])
        let after = scene.pass(.seconds(1))
        let killed = after.leashes.contains { command in
            if case .destroy(let id) = command { id.service == "db" } else { false }
        }
        #expect(killed)
    }

    @Test func `a lease that outlives its connection stops nothing`() {
        var scene = Scene([Self.fenced])
        scene.join()
        scene.live(.seconds(2))
        scene.start("db", order: 1)
        scene.live(.seconds(1))
        scene.run(.disconnected(link: scene.link, reason: "controller restarts"))
        scene.pass(.seconds(5))
        scene.rejoin()
        scene.live(.seconds(30))
        #expect(scene.state("db") == .running)
    }

    @Test func `after a freeze longer than the lease the lease is dead before any other effect`() {
        var scene = Scene([Self.fenced])
        scene.join()
        scene.live(.seconds(2))
        scene.start("db", order: 1)
        scene.live(.seconds(2))
        scene.now += .seconds(20)
        // The first thing to be handled is something quite different.
        let effects = scene.run(.sampled(Load(), disks: []))
        #expect(effects.stopped == ["db"])
        #expect(effects.noted.contains(.tilt))
        #expect(effects.noted.contains(.selfFenced))
    }

    @Test func `a freeze shorter than the lease is a tilt and keeps the session and the service`() {
        var scene = Scene([Self.fenced])
        scene.join()
        scene.live(.seconds(2))
        scene.start("db", order: 1)
        scene.live(.seconds(2))
        scene.now += .seconds(6)
        let effects = scene.run(.deadlineReached(wall: WallTime(milliseconds: 0)))
        #expect(effects.noted == [.tilt])
        #expect(effects.connection.isEmpty)
        #expect(scene.state("db") == .running)
    }

    @Test func `a lease does not start what was launched under an older token`() {
        var scene = Scene([Self.fenced])
        scene.join()
        scene.live(.seconds(2))
        let newer = FencingToken(epoch: scene.token.epoch, session: 2)
        scene.receive(.role(.active, token: newer))
        let ordered = scene.receive(.start(scene.order(1, "db", token: newer)))
        #expect(ordered.launched.isEmpty)
        scene.token = newer
        #expect(scene.live(.seconds(2)).launched == ["db"])
    }

    @Test func `after its own start an agent has no lease, and what runs lives by its leash`() {
        var scene = Scene([Self.fenced])
        scene.join()
        scene.live(.seconds(2))
        scene.start("db", order: 1)
        let launch = scene.launch(of: "db")
        scene.restart([Self.fenced])
        let adopted = AdoptedLeash(launch: launch, token: scene.token, processID: 4_001)
        let effects = scene.join(adopting: [adopted])
        #expect(scene.machine.leaseEnd == nil)
        #expect(effects.leashes.isEmpty)
        #expect(scene.state("db") == .running)
        let extended = scene.live(.seconds(2))
        #expect(extended.leashes.first?.launchID == launch)
    }

    @Test func `the stop statement names nothing at or above what may run`() {
        var scene = Scene([.plain("db")])
        scene.join()
        #expect(scene.machine.stopStatement! < scene.token)
        scene.start("db", order: 1)
        let first = scene.token
        scene.token = FencingToken(epoch: first.epoch, session: 5)
        scene.receive(.role(.active, token: scene.token))
        // It was launched under the first token: seeing a newer one does not change that.
        #expect(scene.machine.stopStatement! < first)
        scene.receive(.stop(scene.order(2, "db")))
        #expect(scene.machine.stopStatement! < first)
        scene.report("db", .exited(.signalled(15)))
        #expect(scene.machine.stopStatement! < first)
        scene.report("db", .emptied)
        #expect(scene.machine.stopStatement! >= first)
        #expect(scene.machine.stopStatement! < scene.token)
    }

    @Test func `an order confirms what runs under its own newer token`() {
        var scene = Scene([.plain("db")])
        scene.join()
        scene.start("db", order: 1)
        let launch = scene.launch(of: "db")
        scene.token = FencingToken(epoch: scene.token.epoch, session: 5)
        scene.receive(.role(.active, token: scene.token))
        let effects = scene.receive(.start(scene.order(2, "db")))
        #expect(effects.leashes == [.authorise(launch, token: scene.token)])
        #expect(effects.answers == [.done(order: 2)])
    }
}
