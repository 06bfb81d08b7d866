import AgentCore
import Model
import Protocol
import Testing

/// What a node tells load balancers, and that it never says too much.
struct TrafficTests {
    static let web = ServiceDefinition.plain("web")
    static let fenced = ServiceDefinition.plain("db", isSelfFenced: true)

    private func scene(_ services: [ServiceDefinition] = [web]) -> Scene {
        var scene = Scene(services)
        scene.join()
        scene.pass(.zero)
        scene.grantLease()
        for (number, service) in services.enumerated() {
            scene.start(service.name, order: UInt64(number) + 1)
        }
        return scene
    }

    private func answerBeat(_ scene: inout Scene, _ standing: NodeStanding?, leased: Bool = true) {
        let before = scene.lastBeat.sequence
        while scene.lastBeat.sequence == before { scene.pass(.milliseconds(100)) }
        if !leased {
            scene.receive(
                .alive(
                    sequence: scene.lastBeat.sequence,
                    sent: scene.lastBeat.sent,
                    standing: standing
                )
            )
            return
        }
        scene.receive(
            .lease(
                Lease(
                    sequence: scene.lastBeat.sequence,
                    sent: scene.lastBeat.sent,
                    incarnation: scene.machine.incarnation,
                    length: .seconds(12),
                    token: scene.token,
                    standing: standing
                )
            )
        )
    }

    @Test func `a node of the active site whose services run is up`() {
        let scene = scene()
        #expect(scene.line == "up ready 100%")
    }

    @Test func `a node before its first session, or of no cluster, is down`() {
        #expect(Scene([Self.web]).line == "down #the agent is starting")
        var alone = Scene([Self.web], identity: nil)
        alone.run(.started([], tasks: []))
        #expect(alone.line == "down #this node is not a member of a cluster")
        var fresh = Scene([Self.web])
        fresh.run(.started([], tasks: []))
        #expect(fresh.line == "down #no controller has said yet which part the site has")
    }

    @Test
    func `the standby is down from the moment it is told so, before any disk has heard of it`() {
        var scene = scene()
        scene.token.session += 1
        _ = scene.step(
            .received(link: scene.link, .role(.standby, token: scene.token, drill: nil))
        )
        #expect(scene.line == "down #site berlin is a standby")
    }

    @Test func `a standby in a drill is down although its services run`() {
        var scene = Scene([Self.web])
        scene.version = 3
        scene.join(.standby)
        scene.pass(.zero)
        scene.receive(.role(.standby, token: scene.token, drill: 7))
        scene.start("web", order: 1)
        #expect(scene.state("web") == .running)
        #expect(scene.line == "down #site berlin is a standby, in drill 7")
    }

    @Test
    func `a required service that does not run takes the node down, an optional one does not`() {
        var scene = scene([Self.web, .plain("extra", isRequired: false)])
        scene.report("extra", .exited(.exited(1)))
        #expect(scene.line == "up ready 100%")
        scene.receive(.stop(scene.order(9, "web")))
        #expect(scene.line.hasPrefix("down #service web is stopping"))
        scene.report("web", .emptied)
        #expect(scene.line.hasPrefix("down #service web is stopped"))
    }

    @Test func `what needs a lease is down at its end, also when the agent itself does not see it`()
    {
        var scene = scene([Self.fenced])
        guard let end = scene.machine.leaseEnd else { return #expect(Bool(false), "no lease") }
        scene.run(.disconnected(link: scene.link, reason: "gone"))
        scene.pass(end - scene.now - .milliseconds(10))
        let traffic = scene.machine.traffic
        #expect(traffic.checkLine(at: end - .nanoseconds(1)) == "up ready 100%")
        #expect(traffic.checkLine(at: end) == "down #the lease has ended")
    }

    @Test func `what needs no lease stays up when the controller is gone`() {
        var scene = scene()
        scene.run(.disconnected(link: scene.link, reason: "gone"))
        scene.pass(.seconds(3_600))
        #expect(scene.line == "up ready 100%")
    }

    @Test func `an agent that does not look at its deadlines any more is not believed`() {
        let scene = scene()
        guard let due = scene.machine.nextDeadline else { return #expect(Bool(false), "none") }
        let traffic = scene.machine.traffic
        #expect(traffic.checkLine(at: due + .milliseconds(4_999)) == "up ready 100%")
        #expect(traffic.checkLine(at: due + .seconds(5)).hasPrefix("down #the agent is stuck"))
    }

    @Test(arguments: [
        (NodeStanding.cordoned, "drain"), (.draining, "drain"), (.held, "drain"),
        (.maintenance, "maint"),
    ])
    func `what operators say of a node reaches its balancers`(standing: NodeStanding, line: String)
    {
        for leased in [true, false] {
            var scene = scene()
            answerBeat(&scene, standing, leased: leased)
            #expect(scene.line == line)
            answerBeat(&scene, nil, leased: leased)
            #expect(scene.line == "up ready 100%")
        }
    }

    @Test func `a restart of the agent does not end a maintenance`() {
        var scene = scene()
        answerBeat(&scene, .maintenance)
        scene.restart([Self.web])
        scene.run(.started([], tasks: []))
        #expect(scene.line == "maint")
    }

    @Test func `maintenance does not make a standby anything but down`() {
        var scene = scene()
        answerBeat(&scene, .maintenance)
        scene.receive(.role(.standby, token: scene.token, drill: nil))
        #expect(scene.line == "down #site berlin is a standby")
    }

    @Test func `a drained node whose services are stopped is down`() {
        var scene = scene()
        answerBeat(&scene, .draining)
        scene.receive(.stop(scene.order(9, "web")))
        #expect(scene.line.hasPrefix("down #service web is stopping"))
    }

    @Test func `a node that cannot write its state is down`() {
        var scene = scene()
        _ = scene.step(.persistFailed(reason: "disk full"))
        #expect(scene.line == "down #the agent cannot write its state")
    }

    @Test func `a reason of many lines is one line`() {
        var scene = scene([.plain("web", restart: RestartPolicy(condition: .never))])
        let text = String(repeating: "é\n", count: 200)
        scene.run(
            .checkFinished(
                CheckID(service: "web", check: "x", attempt: 1),
                .failed(output: text),
                took: .zero
            )
        )
        scene.report("web", .notStarted(reason: text))
        #expect(!scene.line.contains("\n") && scene.line.utf8.count < 140)
    }

    // MARK: The weight

    private func sample(_ busy: UInt32, pressure: UInt32? = nil, available: UInt64 = 800)
        -> AgentEvent
    {
        var load = Load()
        load.processorBusyPerMille = busy
        load.processorPressurePerMille = pressure
        load.memoryTotal = 1_000
        load.memoryAvailable = available
        return .sampled(load, disks: [])
    }

    @Test func `the weight falls with load, and never to nothing`() {
        var scene = scene()
        for _ in 0..<30 { scene.run(sample(500)) }
        #expect(scene.line == "up ready 100%")
        for _ in 0..<30 { scene.run(sample(750)) }
        #expect(scene.line == "up ready 55%")
        for _ in 0..<30 { scene.run(sample(1_000)) }
        #expect(scene.line == "up ready 10%")
        for _ in 0..<30 { scene.run(sample(0)) }
        #expect(scene.line == "up ready 100%")
        for _ in 0..<30 { scene.run(sample(0, pressure: 1_000)) }
        #expect(scene.line == "up ready 10%")
        for _ in 0..<30 { scene.run(sample(0)) }
        for _ in 0..<30 { scene.run(sample(0, available: 49)) }
        #expect(scene.line == "up ready 10%")
    }

    @Test func `load that swings a little does not make the weight twitch`() {
        var scene = scene()
        for _ in 0..<30 { scene.run(sample(700)) }
        let settled = scene.line
        var changes = 0
        for round in 0..<200 {
            scene.run(sample(round % 2 == 0 ? 640 : 760))
            if scene.line != settled { changes += 1 }
        }
        #expect(changes == 0, "\(settled)")
    }
}

extension Scene {
    fileprivate var line: String { machine.traffic.checkLine(at: now) }
}
