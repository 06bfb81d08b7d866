import AgentCore
import Model
import Protocol
import Testing

struct TaskLeaseTests {
    @Test func `a longer lease is given on once it is worth a quarter of what is left`() {
        var scene = Scene.working()
        let launch = scene.begin(.first(1)).launch
        var told = launch?.deadline
        var extensions = 0
        for _ in 0..<120 {
            let effects = scene.live(.milliseconds(100))
            for case .extend(_, let deadline) in effects.tasks {
                extensions += 1
                #expect(deadline == scene.machine.leaseEnd)
                told = deadline
            }
            #expect(told.map { $0 > scene.now + .seconds(7) } ?? false)
        }
        // Twelve heartbeats, and a quarter of the lease is three of them.
        #expect(extensions == 4)
    }

    @Test func `the leash is told all of the lease before what it knows of it is over`() {
        var scene = Scene.working()
        let known = scene.begin(.first(1)).launch?.deadline ?? .origin
        // One more heartbeat is answered, and then none: a gain that was too small to be told.
        scene.live(.seconds(1))
        let end = scene.machine.leaseEnd ?? .origin
        #expect(end > known)
        scene.lose()
        var told: [Instant] = []
        while scene.now < known {
            for case .extend(_, let deadline) in scene.pass(.milliseconds(100)).tasks {
                told.append(deadline)
            }
        }
        #expect(told == [end])
    }

    @Test func `what needs no lease is told of none`() {
        var scene = Scene.working([.plain(delivery: .idempotent)])
        scene.begin(.first(1))
        #expect(scene.live(.seconds(20)).tasks.isEmpty)
        scene.lose()
        #expect(scene.pass(.seconds(30)).tasks.isEmpty)
        #expect(scene.finish(.first(1)).taskJournal == nil)
        #expect(scene.phase(.first(1)) == .ended)
    }

    @Test func `a task with an exclusive key needs a lease, whatever its handler says`() {
        var scene = Scene.working([.plain(delivery: .idempotent)])
        var order = scene.runOrder(.first(1))
        order.exclusiveKey = "partner"
        let effects = scene.receive(.work(.run(order)))
        #expect(effects.launch?.deadline == scene.machine.leaseEnd)
        scene.report(.first(1), .started(processID: 7))
        scene.lose()
        let end = scene.machine.leaseEnd ?? .origin
        #expect(scene.pass(end - scene.now).tasks.last == .stop(.first(1), grace: .zero))
    }

    @Test(arguments: [DeliveryPolicy.exclusive, .atMostOnce])
    func `when the lease ends, what needs it is killed`(delivery: DeliveryPolicy) {
        var scene = Scene.working([.plain(delivery: delivery)])
        scene.begin(.first(1))
        scene.lose()
        let end = scene.machine.leaseEnd ?? .origin
        let atEnd = scene.pass(end - scene.now)
        #expect(atEnd.tasks.last == .stop(.first(1), grace: .zero))
        // A leash that is stopped itself is killed within a second.
        #expect(scene.pass(.seconds(1)).tasks == [.destroy(.first(1))])
        scene.report(.first(1), .emptied)
        scene.pass(.seconds(5))
        let back = scene.rejoin()
        #expect(back.holdings == [.holding(.first(1), phase: .ended)])
        #expect(back.results.first?.detail == "the lease ended")
        #expect(back.outcome == .interrupted)
    }

    @Test func `after a freeze over the lease nothing is done before its tasks are ended`() {
        var scene = Scene.working([.plain(slots: 2)])
        scene.begin(.first(1))
        scene.now += .seconds(20)
        // The first that is handled is another task's order.
        let effects = scene.order(.first(2))
        #expect(effects.tasks == [.stop(.first(1), grace: .zero)])
        #expect(scene.phase(.first(2)) == .waiting)
        let news = scene.report(.first(1), .exited(.exited(0)))
        #expect(news.results.isEmpty)
        // That it exited with 0 after its right was over makes nothing done.
        #expect(scene.finish(.first(1)).outcome == .interrupted)
    }

    @Test func `a lease that comes back saves nothing whose leash knew of an earlier end`() {
        var scene = Scene.working()
        scene.begin(.first(1))
        // The answer of a heartbeat that was sent in time comes after the freeze.
        scene.pass(.seconds(1))
        scene.now += .milliseconds(11_500)
        let effects = scene.grantLease()
        #expect((scene.machine.leaseEnd ?? .origin) > scene.now)
        #expect(effects.tasks.contains(.stop(.first(1), grace: .zero)))
    }

    @Test func `the leash's own word that the lease ended counts`() {
        var scene = Scene.working()
        scene.begin(.first(1))
        let effects = scene.report(.first(1), .leaseEnded)
        #expect(effects.tasks == [.stop(.first(1), grace: .zero)])
        #expect(scene.finish(.first(1), .signalled(9)).outcome == .interrupted)
    }

    // MARK: Newer tokens

    @Test(arguments: [DeliveryPolicy.exclusive, .idempotent])
    func `a newer token ends what was ordered under an older one`(delivery: DeliveryPolicy) {
        var scene = Scene.working([.plain(delivery: delivery)])
        scene.begin(.first(1))
        scene.order(.first(2))
        scene.token.session = 2
        // It does not wait for the disk.
        let raised = scene.step(.received(link: scene.link, .role(.active, token: scene.token)))
        let grace: Duration = delivery == .idempotent ? .seconds(1) : .zero
        #expect(raised.tasks.count == 1)
        #expect(raised.returnedAttempts == [.first(2)])
        #expect(raised.returns == [.staleToken])
        if delivery == .idempotent {
            #expect(raised.tasks == [.stop(.first(1), grace: grace)])
        }
        let end = scene.finish(.first(1), .signalled(15))
        #expect(end.outcome == .interrupted)
        #expect(end.results.first?.detail.hasPrefix("a newer token was seen") == true)
    }

    @Test func `every way on which a newer token comes ends what is older`() {
        for way in 0..<5 {
            var scene = Scene.working([.plain(slots: 2, delivery: .idempotent)])
            scene.begin(.first(1))
            scene.token.session = 2
            let effects: AgentEffects
            switch way {
            case 0: effects = scene.receive(.role(.active, token: scene.token))
            case 1:
                scene.pass(.seconds(1))
                effects = scene.grantLease()
            case 2: effects = scene.order(.first(2))
            case 3: effects = scene.cancel(.first(3))
            default:
                scene.lose()
                effects = scene.rejoin()
            }
            #expect(effects.tasks.first == .stop(.first(1), grace: .seconds(1)), "way \(way)")
        }
    }

    @Test func `the stop statement names nothing that runs, or is about to`() {
        var scene = Scene.working([.plain(delivery: .idempotent)])
        let first = scene.token
        let order = scene.runOrder(.first(1))
        let ordered = scene.step(.received(link: scene.link, .work(.run(order))))
        scene.keep(ordered)
        scene.token.session = 5
        // The start is on its way to the disk, and its launch was not commanded.
        let raised = scene.step(.received(link: scene.link, .role(.active, token: scene.token)))
        scene.disk = raised.persist?.memory ?? scene.disk
        _ = scene.step(.persisted(upTo: raised.persist?.revision ?? 0))
        // It was overtaken, never launched: nothing of it runs.
        #expect(scene.machine.stopStatement! >= first)

        scene = Scene.working([.plain(delivery: .idempotent)])
        scene.begin(.first(1))
        scene.token.session = 5
        scene.receive(.role(.active, token: scene.token))
        #expect(scene.machine.stopStatement! < first)
        scene.report(.first(1), .exited(.signalled(15)))
        #expect(scene.machine.stopStatement! < first)
        _ = scene.step(.task(.first(1), .emptied))
        #expect(scene.machine.stopStatement! >= first)
        #expect(scene.machine.stopStatement! < scene.token)
    }

    @Test func `a start that is being written counts as running`() {
        var scene = Scene.working([.plain(delivery: .idempotent)])
        let order = scene.runOrder(.first(1))
        _ = scene.step(.received(link: scene.link, .work(.run(order))))
        #expect(scene.phase(.first(1)) == .running)
        #expect(scene.machine.stopStatement! < scene.token)
    }

    @Test func `a node that was removed ends its tasks`() {
        var scene = Scene.working([.plain(delivery: .idempotent)])
        scene.begin(.first(1))
        let effects = scene.receive(.error(code: .removed, text: ""))
        #expect(effects.tasks == [.stop(.first(1), grace: .seconds(10))])
        #expect(scene.finish(.first(1)).taskJournal == nil)
    }
}
