import AgentCore
import Model
import Protocol
import Testing

struct SessionTests {
    @Test func `nothing is dialled before the raised incarnation is durable`() {
        var scene = Scene()
        let effects = scene.step(.started([]))
        let request = effects.persist
        #expect(request?.memory.incarnation == 1)
        let waiting = scene.machine
        scene.now += .seconds(5)
        let early = scene.step(.deadlineReached(wall: WallTime(milliseconds: 0)))
        #expect(early.dialled.isEmpty)

        scene.machine = waiting
        _ = scene.step(.persisted(upTo: request?.revision ?? 0))
        let dialled = scene.pass(.seconds(1)).dialled
        #expect(dialled == [0])
    }

    @Test func `READY is sent when the nonce and the token are durable and not before`() {
        var scene = Scene()
        scene.run(.started([]))
        scene.pass(.seconds(1))
        let hello = scene.run(.connected(link: scene.link))
        #expect(hello.verbs == ["HELLO"])

        let welcomed = scene.step(.received(link: scene.link, .welcome(scene.welcome())))
        #expect(welcomed.sends.isEmpty)
        #expect(welcomed.persist?.memory.nonce == "nonce-1")
        #expect(welcomed.persist?.memory.highest == scene.token)

        let ready = scene.step(.persisted(upTo: welcomed.persist?.revision ?? 0))
        #expect(ready.verbs.prefix(2) == ["READY", "FACTS"])
    }

    @Test func `the first report has every service and check and the load and then SYNCED`() {
        let check = CheckDefinition(
            name: "web",
            action: .tcp(NetworkAddress(host: "::1", port: 80))
        )
        var scene = Scene([.plain("db"), .plain("web", order: 1, checks: [check])])
        let effects = scene.join()
        #expect(
            effects.verbs
                == ["READY", "FACTS", "SERVICE", "SERVICE", "CHECK", "LOAD", "SYNCED"]
        )
        #expect(effects.sends.last == .synced(services: 2))
        #expect(scene.pass(.zero).verbs == ["BEAT"])
    }

    @Test func `the first report waits for the first sample, but not long`() {
        var scene = Scene()
        scene.run(.started([]))
        let early = scene.rejoin()
        #expect(early.verbs == ["READY", "FACTS"])
        #expect(scene.pass(.seconds(3)).verbs.prefix(2) == ["SYNCED", "BEAT"])
    }

    @Test func `a node that is no member never dials and starts nothing`() {
        var memory = AgentMemory()
        memory.wishes["db"] = AgentMemory.Wish(isWanted: true, token: Scene.base)
        var scene = Scene([.plain("db")], memory: memory, identity: nil)
        var effects = scene.run(.started([]))
        effects.add(scene.pass(.seconds(600)))
        #expect(effects.dialled.isEmpty)
        #expect(effects.launched.isEmpty)
        #expect(effects.notices.contains { $0.text.contains("not a member") })
    }

    @Test func `addresses are tried in turn with a growing and jittered delay`() {
        var scene = Scene(controllers: 3)
        scene.run(.started([]))
        var indices: [Int] = []
        var delays: [Duration] = []
        var last = scene.now
        for _ in 0..<12 {
            var effects = AgentEffects()
            while effects.dialled.isEmpty { effects = scene.pass(.milliseconds(10)) }
            indices += effects.dialled
            delays.append(scene.now - last)
            last = scene.now
            scene.run(.disconnected(link: scene.link, reason: "refused"))
        }
        for (index, next) in zip(indices, indices.dropFirst()) {
            #expect(next == (index + 1) % 3)
        }
        #expect(delays.max()! > .seconds(5))
        #expect(delays.allSatisfy { $0 <= .seconds(61) })
    }

    @Test func `after a session that worked the first retry comes within the spread`() {
        for seed in 0..<50 as Range<UInt64> {
            var scene = Scene(seed: seed)
            scene.join()
            scene.live(.seconds(3))
            let lost = scene.now
            scene.run(.disconnected(link: scene.link, reason: "reset"))
            let old = scene.link
            while scene.link == old { scene.pass(.milliseconds(50)) }
            #expect(scene.now - lost <= .milliseconds(2_050))
        }
    }

    @Test(arguments: [true, false])
    func `a controller that is away for seconds is tried about once a second`(_ saysGoodbye: Bool) {
        var scene = Scene()
        scene.join()
        scene.live(.seconds(3))
        if saysGoodbye {
            scene.receive(.bye(reason: .restarting, retry: .milliseconds(50)))
        } else {
            scene.run(.disconnected(link: scene.link, reason: "reset"))
        }
        var delays: [Duration] = []
        var last = scene.now
        for _ in 0..<50 {
            var effects = AgentEffects()
            while effects.dialled.isEmpty { effects = scene.pass(.milliseconds(10)) }
            delays.append(scene.now - last)
            last = scene.now
            scene.run(.disconnected(link: scene.link, reason: "refused"))
        }
        #expect(delays.prefix(31).allSatisfy { $0 <= .milliseconds(2_060) })
        #expect(delays.dropFirst(31).max()! > .seconds(5))
    }

    @Test func `a session whose heartbeats are not answered is closed`() {
        var scene = Scene()
        scene.join()
        scene.live(.seconds(3))
        #expect(scene.pass(.milliseconds(3_000)).connection.isEmpty)
        let effects = scene.pass(.milliseconds(1_200))
        #expect(effects.connection.contains { if case .close = $0 { true } else { false } })
        #expect(!scene.machine.isInSession)
    }

    @Test(
        arguments: [
            RefusalCode.removed, .conflicted, .badCertificate, .version, .nodeLimit, .clock,
        ]
    )
    func `a refusal that a person must mend is retried slowly and names the mend`(
        code: RefusalCode
    ) {
        var scene = Scene()
        scene.run(.started([]))
        scene.pass(.seconds(1))
        scene.run(.connected(link: scene.link))
        let effects = scene.receive(.error(code: code, text: "no"))
        #expect(effects.notices.contains { $0.level == .error })
        #expect(scene.pass(.seconds(59)).dialled.isEmpty)
        #expect(scene.pass(.seconds(8)).dialled == [0])
    }

    @Test func `a session that worked and was cut for slowness is made again at once`() {
        var scene = Scene()
        scene.run(.started([]))
        for _ in 0..<8 {
            while !scene.isDialling { scene.pass(.milliseconds(100)) }
            scene.isDialling = false
            scene.run(.disconnected(link: scene.link, reason: "refused"))
        }
        scene.run(.sampled(Load(), disks: []))
        scene.rejoin()
        scene.live(.seconds(3))
        scene.receive(.error(code: .tooSlow, text: "no heartbeat in time"))
        #expect(scene.pass(.seconds(3)).dialled.count == 1)
    }

    @Test func `a removed node says how it comes back, stops its services and starts none`() {
        var scene = Scene([.plain("db", order: 1), .plain("app", order: 2)])
        scene.join()
        scene.start("db", order: 1)
        scene.start("app", order: 2)
        let effects = scene.receive(.error(code: .removed, text: ""))
        #expect(effects.notices.contains { $0.text.contains("muster token create") })
        #expect(effects.stopped == ["app"])
        #expect(scene.report("app", .emptied).stopped == ["db"])
        scene.report("db", .emptied)
        #expect(scene.pass(.seconds(300)).launched.isEmpty)
    }

    @Test func `a node whose identity is held stops nothing and starts nothing`() {
        var scene = Scene([.plain("db"), .plain("web", order: 1)])
        scene.join()
        scene.start("db", order: 1)
        scene.receive(.start(scene.order(2, "web")))
        scene.report("web", .notStarted(reason: "no such file"))
        let refused = scene.receive(.error(code: .conflicted, text: "held"))
        #expect(refused.stopped.isEmpty)
        let effects = scene.pass(.seconds(3_600))
        #expect(effects.stopped.isEmpty)
        #expect(effects.launched.isEmpty)
        #expect(scene.state("db") == .running)
    }

    @Test func `a passive controller sends the agent to the next address at once`() {
        var scene = Scene(controllers: 2)
        scene.run(.started([]))
        let first = scene.pass(.seconds(1)).dialled
        scene.run(.connected(link: scene.link))
        scene.receive(.error(code: .notActive, text: ""))
        let second = scene.pass(.milliseconds(300)).dialled
        #expect(second == [1 - (first.first ?? 0)])
    }

    @Test func `a controller that shows an older token is not followed`() {
        var scene = Scene()
        scene.join()
        scene.run(.disconnected(link: scene.link, reason: "reset"))
        let older = FencingToken(epoch: Epoch(generation: 0, counter: 9), session: 9)
        let effects = scene.rejoin(token: older)
        #expect(!effects.verbs.contains("READY"))
        #expect(effects.notices.contains { $0.text.contains("backup") })
    }

    @Test func `what an old link still says is passed over`() {
        var scene = Scene([.plain("db")])
        scene.join()
        let old = scene.link
        scene.run(.disconnected(link: old, reason: "reset"))
        scene.rejoin()
        let machine = scene.machine
        let effects = scene.run(.received(link: old, .start(scene.order(1, "db"))))
        #expect(effects.launched.isEmpty)
        scene.run(.disconnected(link: old, reason: "again"))
        #expect(scene.machine.isInSession == machine.isInSession)
    }

    @Test func `goodbye is said and the process may exit while services stay`() {
        var scene = Scene([.plain("db")])
        scene.join()
        scene.start("db", order: 1)
        let effects = scene.run(.stopping(.stopping))
        #expect(effects.sends == [.bye(reason: .stopping)])
        #expect(effects.mayExit)
        #expect(effects.leashes.isEmpty)
    }

    @Test func `HELLO shows the highest revision of the store that this process was told`() {
        var scene = Scene()
        scene.join()
        #expect(scene.lastHello != nil && scene.lastHello?.revision == nil)
        scene.revision = 90
        scene.live(.seconds(2))
        func shown(_ told: UInt64?) -> UInt64? {
            scene.run(.disconnected(link: scene.link, reason: "cut"))
            scene.revision = told
            scene.rejoin()
            return scene.lastHello?.revision
        }
        #expect(shown(80) == 90)
        #expect(shown(nil) == 90)
        // A store that was restored counts from less.
        scene.token.epoch.generation = 2
        #expect(shown(7) == 90)
        #expect(shown(nil) == 7)
        scene.restart()
        scene.join()
        #expect(scene.lastHello?.revision == nil)
    }

    @Test func `HELLO shows what was durable in an earlier life`() {
        var scene = Scene()
        scene.join()
        scene.restart([])
        scene.run(.started([]))
        scene.pass(.seconds(1))
        let effects = scene.run(.connected(link: scene.link))
        guard case .hello(let hello) = effects.sends.first else {
            Issue.record("no HELLO")
            return
        }
        #expect(hello.incarnation == 2)
        #expect(hello.nonce == "nonce-1")
        #expect(hello.highest == Scene.base)
    }

    @Test func `a state that cannot be written is told, tried again, and refuses starts`() {
        var scene = Scene([.plain("db")])
        scene.join()
        let order = scene.step(.received(link: scene.link, .start(scene.order(1, "db"))))
        #expect(order.persist != nil)
        let failed = scene.step(.persistFailed(reason: "no space left"))
        #expect(failed.noted == [.stateNotWritable])
        #expect(scene.machine.nodeHealth == .failing)
        let refused = scene.step(.received(link: scene.link, .restart(scene.order(2, "db"))))
        #expect(refused.refusals == [.storage])

        scene.now += .seconds(5)
        let again = scene.step(.deadlineReached(wall: WallTime(milliseconds: 0)))
        #expect(again.persist?.memory.wishes["db"]?.isWanted == true)
        let started = scene.step(.persisted(upTo: again.persist?.revision ?? 0))
        #expect(started.launched == ["db"])
    }

    @Test func `the certificate is renewed around two thirds of its life, in the session`() {
        var scene = Scene()
        scene.join()
        scene.run(.certificateMeasured(remaining: .seconds(900), life: .seconds(900)))
        #expect(scene.live(.seconds(500)).renewal == nil)
        let due = scene.live(.seconds(200))
        #expect(due.renewal == .makeRequest)
        let sent = scene.run(.renewal(.requested(signingRequest: "CSR")))
        #expect(sent.sends == [.renew(request: "CSR")])
        let install = scene.receive(.renewed(certificate: "C", issuer: "I"))
        #expect(install.renewal == .install(certificate: "C", issuer: "I"))
        scene.run(.renewal(.installed))
        #expect(scene.machine.isInSession)
        #expect(scene.live(.seconds(900)).renewal == nil)
    }

    @Test func `a renewal that fails is tried again`() {
        var scene = Scene()
        scene.join()
        scene.run(.certificateMeasured(remaining: .seconds(300), life: .seconds(900)))
        #expect(scene.live(.seconds(91)).renewal == .makeRequest)
        scene.run(.renewal(.failed(reason: "disk full")))
        #expect(scene.live(.seconds(60)).renewal == .makeRequest)
    }
}
